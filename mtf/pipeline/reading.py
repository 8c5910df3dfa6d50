"""Reading: feeds finite sources into the pipeline, with backpressure and in order of time."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from mtf.actors.sequencer import Sequencer
from mtf.errors import ConfigError, OutOfOrder
from mtf.events.block_size import BlockSize
from mtf.loggers import report
from mtf.order import ADVICE, BY_LOG, BY_TIME, ORDERS, TAIL_EVENTS, LogOrder, OutOfOrderWarning
from mtf.pipeline.pace import give_way
from mtf.pipeline.threads import in_thread
from mtf.sources.given import parts_given
from mtf.sources.merge import MergedSource
from mtf.storage.opened import OpenStorage

__all__ = ["OUT_OF_ORDER", "Reading", "open_given"]

YIELD_EVERY_S: Final = 0.002  # how long a source may be read before other tasks get their turn


def open_given(
    given: Any, options: dict[str, Any], *, resumable: bool = False, reorder_ns: int = 0, sort: bool = False
) -> MergedSource:
    """Return the *given* argument of `Pipeline.run`, one source or several, as one source.

    Ticks and tables without a name have no key: those of the next call cannot be recognized. *resumable* says that
    there is a log, which may know how files are read.
    """
    if isinstance(given, MergedSource) and not reorder_ns and not sort:
        return given
    files = {**options, "resumable": True} if resumable else dict(options)
    if sort:
        files.setdefault("reverse", False)  # whatever the order of the rows, they are sorted
    name = given.name if isinstance(given, MergedSource) else ""
    return MergedSource(parts_given(given, options, files), name=name, reorder_ns=reorder_ns, sort=sort)


class Reading:
    """Reads sources to their end through *actor*'s block builder; with *storage*, resumes those read before."""

    def __init__(
        self,
        actor: Sequencer,
        storage: OpenStorage | None,
        block_size: BlockSize,
    ) -> None:
        self.order = LogOrder()  # the order of the events of finite sources in the log
        self._actor: Final = actor
        self._storage: Final = storage
        self._block_size: Final = block_size
        self._running: list[str] = []  # the orders of the sources that are being read
        self._seeding: Final = asyncio.Lock()  # held while the order reads what was logged before

    async def read(self, source: MergedSource, clocks: Sequence[int], order: str = BY_TIME) -> None:
        """Read *source* to its end. *clocks* are those of the symbols in the log, by number.

        With *order* `time`, OutOfOrder if a source that was never read begins before another symbol's events, or while
        another source is being read; with `log`, events are taken as they come.
        """
        if order not in ORDERS:
            raise ConfigError(f"order must be one of {', '.join(ORDERS)}, got {order!r}")
        if self._running and BY_TIME in (order, *self._running):
            raise OutOfOrder(
                "another source is being read, and the events of two at once would not be in order of time", ADVICE
            )
        with self.beside(order):
            actor = self._actor
            if actor.sent_seq < actor.next_seq - 1:  # rows left by a cancelled run go into the log first
                await actor.flush(actor.next_seq - 1)
            known = set() if self._storage is None else self._storage.resume(source)
            await self._seed(clocks)
            if order == BY_TIME:
                self._check_begin(source, known)
            await self._fill(source, order)

    async def _seed(self, clocks: Sequence[int]) -> None:
        """Read what was logged before into the order, once."""
        async with self._seeding:
            if self.order.seeded:
                return
            self.order.recorded = self._storage is not None
            if self._storage is None or self.order.kind is None:
                self.order.begin(clocks, None)
            else:
                tail = await in_thread(partial(self._storage.tail, TAIL_EVENTS))
                await in_thread(partial(self.order.begin, clocks, tail))
            self._actor.watch = self.order.look
            self._actor.builder.alone_ordered = self.order.kind == BY_TIME

    @contextlib.contextmanager
    def beside(self, order: str) -> Iterator[None]:
        """A context in which a source is read in *order*, and no other source by time."""
        self._running.append(order)
        try:
            yield
        finally:
            self._running.remove(order)

    def _check_begin(self, source: MergedSource, known: set[str]) -> None:
        """Raise OutOfOrder if a part begins before the time that other symbols have reached through other sources.

        Not for a part that was read before, nor for one of a folder whose other parts were: they may have grown
        unevenly.
        """
        if not self.order.has_finite:
            return
        builder = self._actor.builder
        grown = {part.folder for part in source.parts if part.folder and part.key in known}
        for number, part in enumerate(source.parts):
            if part.key in known or part.folder in grown:
                continue
            first = source.first(number, builder)
            if first is not None:
                self.order.check(part.source.name, builder.symbols.find(first[0]), first[1], builder.symbols.names)

    async def _fill(self, source: MergedSource, order: str) -> None:
        """Read the rows of *source*, block by block.

        The rows of a `fill` become a block, with the positions beside it, so that both are in the log or neither.
        """
        loop = asyncio.get_running_loop()
        actor, builder = self._actor, self._actor.builder
        known = self.order.out_of_order
        reordered = self.order.reordered - source.reordered
        turn_s = loop.time()
        more = True
        while more:
            if builder.count:
                await actor.flush(actor.next_seq - 1)
            first_seq = actor.next_seq
            builder.ordered = order == BY_TIME and self.order.kind != BY_LOG
            try:
                more = source.fill(builder, self._block_size.events(len(builder.symbols.names)))
            finally:
                builder.ordered = False
            self.order.given(source.name, order, first_seq, actor.next_seq - 1, actor.taken_seq)
            self.order.reordered = reordered + source.reordered
            if self._storage is not None:
                actor.positions.update(source.moved())
            if builder.count:
                if not actor.flush_now():
                    await actor.flush(actor.next_seq - 1)
            else:
                await asyncio.sleep(0)  # nothing has come through a pipe, or all of it was malformed
            if self.order.out_of_order != known >= 0:
                known = -1
                seq = self.order.from_seq
                report("source_out_of_order", f"{source.name}: {OUT_OF_ORDER}", path=source.name, seq=seq, order=order)
                if order == BY_TIME:
                    warnings.warn(f"{source.name}: {OUT_OF_ORDER}", OutOfOrderWarning, stacklevel=4)
            if loop.time() - turn_s > YIELD_EVERY_S:
                await give_way()
                turn_s = loop.time()


OUT_OF_ORDER: Final = (
    "some events are stamped before what another symbol has had already, so that a callback could see that symbol's "
    "future; from the first of them on, view.of() of a symbol that is ahead raises LookAheadError. Sort the source "
    "(sort=True), or give it a window (reorder_ns=)"
)
