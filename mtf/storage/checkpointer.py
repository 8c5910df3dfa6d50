"""Checkpointing: when state is saved, and that it is the state at one event.

A marker passes through all actors between two blocks and collects an image of each, while everything keeps running. The
images are completed a little at a time, and the file is written in a thread, once the log is synced up to there: a
checkpoint is never ahead of it. Each is taken in its own task, so that cancelling a caller ends its wait, not the
writing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from mtf.actors.actor import Marker, MarkerKind
from mtf.actors.barriers import Answers
from mtf.actors.consumer import PART
from mtf.clock import Timer, WallClock
from mtf.errors import CorruptCheckpoint, LogWriteFailed, PipelineStopped
from mtf.events.block import ROW_BYTES
from mtf.frames.frame import Frame
from mtf.gil import make_way
from mtf.history_budget import HistoryBudget
from mtf.image import Image
from mtf.indicators.calculator import Merging
from mtf.kernel import Kernel
from mtf.log import Writer
from mtf.notes import Noted
from mtf.saved_parts import Part, parts_of, pieces_of, size_of
from mtf.storage.checkpoint_meta import CARRIED, checkpoint_meta
from mtf.storage.checkpoint_progress import CheckpointProgress
from mtf.storage.checkpoint_store import CheckpointStore
from mtf.units import TS_MAX_NS

__all__ = ["ANSWER_NS", "Checkpointer", "merged"]

ANSWER_NS: Final = 10_000_000_000  # how long a consumer may take to make its own work durable
T = TypeVar("T")
SLICE_NS: Final = 500_000  # how long the event loop is held at a time to save states, and to release them
SLICE_BYTES: Final = 32 << 10  # of states, between two looks at the clock
MERGED_SYMBOLS: Final = 100  # at a time


class Checkpointer:
    """Takes a checkpoint every *every_ns* of wall time and every *every_events*, if there are new events.

    *mark* sends a marker and returns it with the names of the consumers that have answered and that have not, and
    *failed* is called with an error that stops the pipeline. *noted* gets a note each time an attempt fails, and
    *clean* is called in a thread after each checkpoint, with the seq of the oldest one kept. With *history_bytes*,
    histories are kept in about so many bytes of memory.
    """

    def __init__(
        self,
        store: CheckpointStore,
        writer: Writer,
        clock: WallClock,
        mark: Callable[[MarkerKind, int], Awaitable[tuple[Marker, Answers]]],
        *,
        noted: Noted,
        failed: Callable[[BaseException], None],
        clean: Callable[[int], None] | None,
        progress: CheckpointProgress,
        every_ns: int | None,
        every_events: int | None,
        history_bytes: int | None = None,
    ) -> None:
        self._store: Final = store
        self._writer: Final = writer
        self._clock: Final = clock
        self._mark: Final = mark
        self._every_ns: Final = every_ns
        self._every_events: Final = every_events
        self._noted: Final = noted
        self._failed: Final = failed
        self._clean: Final = clean
        self._history_bytes: Final = history_bytes
        self._budget: HistoryBudget | None = None
        self.states: dict[str, tuple[int, bytes]] = {}  # the newest of each consumer, and its seq
        self._engine: Kernel | None = None  # whose state is saved; None until the pipeline has caught up
        self.seq = 0  # of the newest checkpoint
        self.oldest_ns = TS_MAX_NS  # the first stamp of any symbol: no result has an earlier time
        self._tried_seq = 0  # of the last attempt that failed
        self.progress: Final = progress
        self._timer: Timer | None = None
        self._due_task: asyncio.Task[None] | None = None  # the newest one started by the clock or the count
        self._tasks: Final[set[asyncio.Task[int]]] = set()  # that take one, or wait for their turn
        self._working: asyncio.Future[Any] | None = None  # the newest work of the thread
        self._one: Final = asyncio.Lock()  # held while one is taken
        self._on_schedule = False  # the clock and the count start them
        self._stopped = False  # no more are started

    def restore(self, states: Mapping[str, tuple[int, bytes]]) -> None:
        """Carry on the *states* of consumers, until they answer with newer ones."""
        self.states = dict(states)

    def start(self, engine: Kernel, seq: int, *, on_schedule: bool = True) -> None:
        """Start the schedule; *seq* is that of the checkpoint that the pipeline started from.

        If not *on_schedule*, one is only taken on request.
        """
        self._engine = engine
        self.seq = seq
        self._on_schedule = on_schedule
        if self._history_bytes is not None:
            self._budget = HistoryBudget(engine, self._history_bytes)
        if on_schedule:
            self._schedule()

    def published(self, frame: Frame) -> None:
        """Take a checkpoint if enough events have come."""
        seq, block = frame.last_seq, frame.judged.block
        if block.heap:  # there may be a new symbol
            self.oldest_ns = min(self.oldest_ns, *memoryview(block.rows).cast("q")[:: ROW_BYTES // 8])
        every = self._every_events
        if self._on_schedule and every is not None and seq - max(self.seq, self._tried_seq) >= every:
            self._begin()

    async def take(self) -> int:
        """Write a checkpoint of everything so far and return its seq; nothing is written if it exists already."""
        task = asyncio.create_task(self._write_checkpoint(), name="mtf checkpoint")
        self._tasks.add(task)
        task.add_done_callback(self._taken)
        return await asyncio.shield(task)

    async def try_take(self) -> None:
        """Write a checkpoint of everything so far; note a failure, and raise only errors that stop the pipeline.

        A checkpoint is a shortcut: without it the next start replays more of the log.
        """
        try:
            await self.take()
        except (PipelineStopped, LogWriteFailed):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the log continues
            self.progress.failed += 1
            self._tried_seq = 0 if self._engine is None else self._engine.joiner.seq
            self._noted(
                "checkpoint_failed",
                f"a checkpoint failed ({error}); the log continues, and the next start replays it from seq "
                f"{self.seq + 1} on",
                seq=self.seq,
                reason=str(error),
            )

    async def stop(self) -> None:
        """Take no more; wait for one in progress."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        begun: list[asyncio.Future[Any]] = [*self._tasks]
        begun += [each for each in (self._due_task, self._working) if each is not None]
        if begun:
            await asyncio.wait(begun)

    async def _write_checkpoint(self) -> int:
        engine = self._engine
        assert engine is not None, "a checkpoint is only taken once the pipeline has caught up"
        async with self._one:
            if engine.joiner.seq <= self.seq:
                return self.seq
            begun_ns = time.perf_counter_ns()
            self.progress.begin()
            marker, answers = await self._mark(MarkerKind.CHECKPOINT, ANSWER_NS)
            images, shares = dict(marker.images), dict(marker.shares)
            marker.images.clear()  # actors keep the marker until they get the next
            marker.shares.clear()
            left_out = answers.missing
            states = dict(marker.parts)  # a consumer that was left out may still answer, into the marker
            carried = self._carry(states, marker.seq, answers.given)
            await self._in_slices(partial(image.advance, SLICE_BYTES) for image in images.values())
            meta = checkpoint_meta(
                engine.config,
                marker.seq,
                marker.digest,
                marker.newest_ns,
                left_out,
                oldest_ns=self.oldest_ns,
                carried=carried,
            )
            await self._writer.durable(marker.seq)
            try:
                size = await self._in_thread(self._save, marker.seq, meta, images, shares, states)
            except Exception:
                await self._in_slices(image.release for image in images.values())
                raise
            self.seq = marker.seq
            took_ns = time.perf_counter_ns() - begun_ns
            await self._in_slices(image.release for image in images.values())
            self.progress.written(marker.seq, size, took_ns, self._clock.now_ns())
            if left_out:
                self._noted(
                    "checkpoint_incomplete",
                    f"the checkpoint of seq {marker.seq} does not include {', '.join(left_out)}: no answer within "
                    f"{ANSWER_NS // 1_000_000_000} s; a start with that consumer uses an earlier checkpoint",
                    seq=marker.seq,
                    consumers=left_out,
                )
            if self._clean is not None and not left_out:  # all consumers have made their work up to here durable
                await self._in_thread(self._forget_before_oldest, self._clean)
            await self._release()
            return self.seq

    async def _release(self) -> None:
        """Release what the checkpoint has stored of histories, if these take too much memory."""
        if self._budget is None or not self._budget.is_exceeded():
            return
        try:
            await self._budget.keep(await self._in_thread(self._store.histories))
        except (CorruptCheckpoint, OSError) as error:
            self._noted(
                "histories_not_released",
                f"histories take more than {self._history_bytes:,} bytes, and stay in memory: {error}",
                reason=str(error),
            )

    async def _in_slices(self, steps: Iterable[Callable[[], bool]]) -> None:
        """Repeat each of *steps* until it returns True, in slices, between which everything else goes on."""
        for step in steps:
            done = False
            while not done:
                begun_ns = time.perf_counter_ns()
                took_ns = 0
                while not done and took_ns < SLICE_NS:
                    done = step()
                    took_ns = time.perf_counter_ns() - begun_ns
                self.progress.held(took_ns)
                await asyncio.sleep(0)

    def _save(
        self,
        seq: int,
        meta: dict[str, Any],
        images: Mapping[str, Image],
        shares: Mapping[str, list[bytes]],
        states: Mapping[str, bytes],
    ) -> int:
        """Write a checkpoint, in a thread, and return its size before compression."""
        parts: dict[str, Part] = {}
        for name, image in images.items():
            parts.update(parts_of({name: image}, {}))
            make_way()
        for name, known in shares.items():
            own = [b"".join(pieces_of(parts[name]))] if name in parts else []
            parts[name] = merged([*own, *known])
        parts.update(states)
        self._store.save(seq, meta, parts)
        return sum(map(size_of, parts.values()))

    def _forget_before_oldest(self, clean: Callable[[int], None]) -> None:
        clean(self._store.list()[0])

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run *work* in a thread; `stop` waits for it even if the calling task was cancelled."""
        working = self._working = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
        return await asyncio.shield(working)

    def _taken(self, task: asyncio.Task[int]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may have been cancelled: then nobody else retrieves the error

    def _carry(self, parts: dict[str, bytes], seq: int, answered: list[str]) -> dict[str, int]:
        """Add to *parts* the newest states of consumers that are absent or have not *answered*; return their seqs."""
        for name in answered:
            state = parts.get(f"{PART}{name}")
            if state is None:
                self.states.pop(name, None)
            else:
                self.states[name] = (seq, state)
        carried = {name: state for name, state in self.states.items() if name not in answered}
        parts.update((f"{CARRIED}{name}", state) for name, (_, state) in carried.items())
        return {name: of_seq for name, (of_seq, _) in carried.items()}

    def _schedule(self) -> None:
        if self._every_ns is not None:
            self._timer = self._clock.call_at(self._clock.now_ns() + self._every_ns, self._due)

    def _due(self) -> None:
        self._schedule()
        self._begin()

    def _begin(self) -> None:
        idle = self._due_task is None or self._due_task.done()
        if idle and not self._stopped and self._engine is not None and self._engine.joiner.seq > self.seq:
            self._due_task = asyncio.create_task(self.try_take(), name="mtf scheduled checkpoint")
            self._due_task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed(error)


def merged(states: Sequence[bytes]) -> bytes:
    """Return the state of a timeframe's indicators, of which each of *states* has some symbols; in a thread."""
    if len(states) == 1:
        return states[0]
    merging = Merging(states)
    while not merging.advance(MERGED_SYMBOLS):
        make_way()
    return merging.finish()
