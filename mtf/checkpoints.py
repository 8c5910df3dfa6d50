"""Checkpointing: when a state is written down, and that it is one state.

A marker goes through all actors between two blocks and collects what each says of itself; nothing stops meanwhile. The
file is written in a thread, once the log is synced as far: a checkpoint is never ahead of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from mtf.actors.actor import Marker
from mtf.clock import Timer, WallClock
from mtf.engine import Engine
from mtf.errors import LogWriteFailed, PipelineStopped
from mtf.events.block import ROW_BYTES
from mtf.frames.frame import Frame
from mtf.log import CheckpointStore, Writer
from mtf.recovery import checkpoint_meta
from mtf.units import TS_MAX_NS

__all__ = ["ANSWER_NS", "Checkpointer"]

ANSWER_NS: Final = 10_000_000_000  # how long a consumer may take to make its own work durable


class Checkpointer:
    """Takes a checkpoint every *every_ns* of wall time and every *every_events*, where there is something new.

    *mark* sends a marker and returns it with the names of the consumers that did not answer in time.
    """

    def __init__(
        self,
        store: CheckpointStore,
        writer: Writer,
        clock: WallClock,
        mark: Callable[[str, int], Awaitable[tuple[Marker, list[str]]]],
        *,
        every_ns: int | None,
        every_events: int | None,
        clean: Callable[[int], None] | None = None,
    ) -> None:
        self._store: Final = store
        self._writer: Final = writer
        self._clock: Final = clock
        self._mark: Final = mark
        self._every_ns: Final = every_ns
        self._every_events: Final = every_events
        self._clean: Final = clean  # called in a thread after each, with the oldest seq that one is kept of
        self.engine: Engine | None = None  # whose state it is; set when the pipeline is ready
        self.on_failure: Callable[[BaseException], None] | None = None  # called with what stops the pipeline
        self.noted: Callable[[str], None] | None = None  # called with a sentence each time that none could be made
        self.seq = 0  # of the newest checkpoint
        self.oldest_ns = TS_MAX_NS  # the first stamp of any symbol: no result is of an earlier time
        self._tried_seq = 0  # where none could be made
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None  # the newest one that the clock or the count began
        self._one: Final = asyncio.Lock()  # held while one is taken
        self._stopped = False  # the clock and the count begin no more

    def start(self, engine: Engine, seq: int) -> None:
        """Begin; *seq* is that of the checkpoint that was started from."""
        self.engine = engine
        self.seq = seq
        self._schedule()

    def published(self, frame: Frame) -> None:
        """Look whether enough events have come."""
        seq, block = frame.last_seq, frame.judged.block
        if block.heap:  # a symbol may be new
            self.oldest_ns = min(self.oldest_ns, *memoryview(block.rows).cast("q")[:: ROW_BYTES // 8])
        if self._every_events is not None and seq - max(self.seq, self._tried_seq) >= self._every_events:
            self._begin()

    async def take(self) -> int:
        """Write a checkpoint of everything so far and return its seq; none is written where that one is there."""
        engine = self.engine
        assert engine is not None, "a checkpoint is taken of a running pipeline"
        async with self._one:
            if engine.joiner.seq <= self.seq:
                return self.seq
            marker, left_out = await self._mark("checkpoint", ANSWER_NS)
            parts = dict(marker.parts)  # a consumer that was left out may still answer, into the marker
            meta = checkpoint_meta(
                engine.config, marker.seq, marker.digest, marker.newest_ns, left_out, oldest_ns=self.oldest_ns
            )
            await self._writer.durable(marker.seq)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, self._store.save, marker.seq, meta, parts)
            self.seq = marker.seq
            if left_out and self.noted is not None:
                self.noted(
                    f"the checkpoint of seq {marker.seq} is without {', '.join(left_out)}, which did not answer within "
                    f"{ANSWER_NS // 1_000_000_000} s: a start with that consumer does not use it"
                )
            if self._clean is not None and not left_out:  # all consumers have made durable what came before
                await loop.run_in_executor(None, self._clean, self._store.list()[0])
            return self.seq

    async def try_take(self) -> None:
        """Write a checkpoint of everything so far; say what keeps it from being made, and raise only what stops all.

        A checkpoint is a short cut: without one the next start plays more of the log.
        """
        try:
            await self.take()
        except (PipelineStopped, LogWriteFailed):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the log goes on
            self._tried_seq = 0 if self.engine is None else self.engine.joiner.seq
            if self.noted is not None:
                self.noted(
                    f"no checkpoint could be made ({error}); the log goes on, and the next start plays it from seq "
                    f"{self.seq + 1} on"
                )

    async def stop(self) -> None:
        """Take no more; wait for one that is under way."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    def _schedule(self) -> None:
        if self._every_ns is not None:
            self._timer = self._clock.call_at(self._clock.now_ns() + self._every_ns, self._due)

    def _due(self) -> None:
        self._schedule()
        self._begin()

    def _begin(self) -> None:
        idle = self._task is None or self._task.done()
        if idle and not self._stopped and self.engine is not None and self.engine.joiner.seq > self.seq:
            self._task = asyncio.create_task(self.try_take(), name="mtf checkpoint")
            self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self.on_failure is not None:
            self.on_failure(error)
