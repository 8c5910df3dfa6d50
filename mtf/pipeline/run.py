"""The run: a running pipeline. It is created complete when the pipeline starts, and ended once when it stops.

Owns the life cycle (open, catch up, drain, stop), and computes nothing. Any failure of an actor stops it with the
reason; the log stays valid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, Final

from mtf.actors.actor import Marker, MarkerKind, Supervised
from mtf.actors.barriers import Answers
from mtf.actors.consumers import ConsumerActor
from mtf.actors.contract import callbacks_of
from mtf.actors.showing import Showing
from mtf.actors.supervisor import Supervisor, seen, was_interrupted
from mtf.actors.timer import BarTimer
from mtf.actors.waiters import Waiters
from mtf.calendars.auctions import edge_notes
from mtf.config import Config
from mtf.errors import ConfigMismatch, LogWriteFailed, PipelineStopped
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.frames.cursor import Cursor
from mtf.frames.frame import Frame
from mtf.kernel import Kernel, bar_clock_of
from mtf.notes import Notes
from mtf.order import ORDER, LogOrder
from mtf.pipeline.catchup import CatchUp
from mtf.pipeline.enrolment import Enrolment
from mtf.pipeline.hangs import Hangs
from mtf.pipeline.options import Options
from mtf.pipeline.pace import give_way
from mtf.pipeline.pushes import Pushes
from mtf.pipeline.reading import Reading
from mtf.pipeline.reports import RunReports
from mtf.pipeline.rows_aside import RowsAside
from mtf.pipeline.terms import Added
from mtf.pipeline.threads import Stretches, check_own, in_thread
from mtf.pipeline.unsized import unsized_notes
from mtf.pipeline.wiring import Wiring
from mtf.rows import RowCounts
from mtf.storage.checkpoint_progress import CheckpointProgress
from mtf.storage.checkpoint_store import Skipped
from mtf.storage.checkpointer import Checkpointer
from mtf.storage.opened import OpenStorage

__all__ = ["Run"]

CLOSINGS_MAX: Final = 3  # how often an interrupted closing is tried again


class Run:
    """Everything that lives between start and stop, for one configuration, on one event loop."""

    def __init__(self, config: Config, options: Options, storage: OpenStorage | None) -> None:
        wall = options.wall
        self.config = config  # replaced only by `settle`
        self.options: Final = options
        self.storage: Final = storage  # None: nothing is stored
        self.notes: Final = Notes()  # about the input
        self.reports: Final = RunReports(options)
        self.rows_aside: Final = RowsAside(None if storage is None else storage.malformed_rows, self.reports)
        self.rows = RowCounts()  # of all sources that were read
        self.engine = Kernel(config)
        self.showing: Final = Showing()
        self.supervisor: Final = Supervisor(self._on_failure)
        self.bar_clock: Final = bar_clock_of(config, partial(self.notes.note, "timeframes_empty"))
        symbols = SymbolTable(None if storage is None else storage.log.symbols)
        self.builder: Final = BlockBuilder(
            symbols, aside=self.rows_aside.keep, strict=options.strict, bar_clock=self.bar_clock
        )
        self.builder.one_kind = config.price == "auto"
        self.writer: Final = None if storage is None else storage.writer(options.durability, self._writer_failed)
        size = options.block_size(len(config.timeframes), indicators=bool(self.engine.calculators))
        self.checkpoints: Final = CheckpointProgress(lambda: self.reports.counted(self.source.gate))
        self.wiring: Final = Wiring(
            self.engine,
            self.builder,
            self.writer,
            block_events=size.most,
            workers=options.workers,
            published=self.on_published,
            passed=lambda marker: self._barriers.passed(marker, self.audience.actors),
        )
        self.source: Final = self.wiring.source
        self.enrolment: Final = Enrolment(
            options,
            storage,
            self.wiring.delivery,
            self.wiring.demand,
            self.supervisor,
            self.showing,
            self.notes,
            here=self._cursor,
            state_of_late=self._state_of_late,
            newest_state=self._newest_state,
        )
        self.audience: Final = self.enrolment.audience
        self._barriers: Final = self.enrolment.barriers
        self.reading: Final = Reading(self.source, storage, size)
        self.keep_order(LogOrder(None if storage is None else storage.log.positions.get(ORDER)))
        self.catchup: Final = CatchUp(config, storage, block_events=options.events_at_once)
        self.bar_clock.strict = config.asked and not self.catchup.seq
        self._loop: Final = asyncio.get_running_loop()
        self._applied: Final = Waiters()  # waiters for a seq to be published
        self._hangs: Final = Hangs(
            wall,
            self.audience.actors,
            noted=self.notes.note,
            sent=lambda: self.source.sent_seq,
            stuck=self.audience.give_up,
            hanging=self.audience.fail_hanging,
            behind=self.wiring.delivery.watch,
        )
        self.pushes: Final = Pushes(config, options, self.source, self._hangs, self.notes)
        self._timer: Final = BarTimer(wall, self.pushes.tell_time, options.closing_grace_ns)
        self.checkpointer: Final = None if storage is None else self._make_checkpointer(storage)
        self._checkpoint_sent: Final = asyncio.Event()  # set while a marker is in transit
        self._running = False
        self.stopped: Final[asyncio.Future[None]] = self._loop.create_future()  # done once nothing is running
        self._starting: asyncio.Task[None] | None = None
        self._catching_up: asyncio.Task[None] | None = None  # started by the first call that needs the log's end
        self._settling: asyncio.Task[None] | None = None  # the orderly part of the end

    # Life cycle.

    @classmethod
    async def open(cls, config: Config, options: Options) -> Run:
        """Return a run of *config*, on the storage in *options* if given, with the calendars of its log."""
        if options.storage is None:
            return cls(config, options, None)
        storage = await in_thread(
            partial(OpenStorage.open, options.storage, config, compress=options.compress),
            undo=lambda opened: opened.log.close(),
        )
        try:
            return cls(storage.config, options, storage)
        except BaseException:
            storage.log.close()
            raise

    async def start(self, consumers: Sequence[Added]) -> None:
        """Start all actors, and add *consumers*; an error or a cancellation ends what was already started."""
        self._starting = asyncio.create_task(self._start(consumers), name="mtf start")
        try:
            await asyncio.wait([self._starting])
            self._starting.result()
        except BaseException:
            await self.close(orderly=False)
            raise

    async def close(self, *, orderly: bool) -> None:
        """End everything; if *orderly*, consumers are shown all events first, and a checkpoint is taken.

        Runs in its own task: cancelling the caller, even repeatedly, only makes it hurry. ConsumerStuck if consumers
        hung; PipelineStopped or LogWriteFailed if the orderly part failed.
        """
        cancelled: asyncio.CancelledError | None = None
        again = CLOSINGS_MAX
        closing = asyncio.create_task(self._close(orderly), name="mtf closing")
        while not closing.done():
            try:
                await asyncio.wait([closing])
            except asyncio.CancelledError as error:
                self._hurry()
                cancelled = error
            if closing.done() and was_interrupted(closing) and again:
                again -= 1
                closing = asyncio.create_task(self._close(orderly), name="mtf closing")
        if cancelled is not None:
            raise cancelled
        closing.result()

    async def _start(self, consumers: Sequence[Added]) -> None:
        await self.wiring.start()
        for actor in self.wiring.actors:
            self.supervisor.launch(actor)
        self._running = True
        bars = None if self.storage is None else self.storage.keep_bars(self.options.bars)
        if bars is not None:
            self.enrolment.attach(Added(bars, bars.name, callbacks_of(bars)))
        for added in consumers:
            self.enrolment.attach(added)
        self.reports.started(self.catchup.seq)
        if self.catchup.seq:
            await self.catchup.prepare(self.audience.actors)
        else:
            await self.ready()

    async def _close(self, orderly: bool) -> None:
        try:
            if orderly and self._settling is None and self.supervisor.failure is None:
                self._settling = asyncio.create_task(self._finish_consumers(), name="mtf settling")
                await asyncio.wait([self._settling])
                if not self._settling.cancelled():
                    self._settling.result()
        finally:
            await self._shut()
        self.audience.raise_stuck()

    async def _finish_consumers(self) -> None:
        """Show consumers everything, take a checkpoint, and end all of them in order.

        All end at the same time, so that several that hang in callbacks do so concurrently.
        """
        with self._hangs.leaving():
            await self.ready()
            self._timer.stop()  # consumers would not be shown what it adds once they have ended
            self.pushes.end_timer()
            self.pushes.flush()
            self.enrolment.restarts.end()
            taking: asyncio.Task[None] | None = None
            try:
                if self.checkpointer is not None and self.options.takes_checkpoints:
                    self._checkpoint_sent.clear()
                    taking = asyncio.create_task(self.checkpointer.try_take(), name="mtf last checkpoint")
                    taking.add_done_callback(lambda _: self._checkpoint_sent.set())
                    await self._checkpoint_sent.wait()
                await self.mark(MarkerKind.STOP)
                if taking is not None:
                    await taking
            finally:
                if taking is not None:
                    taking.cancel()
            if self.checkpointer is not None and taking is not None:
                await self.checkpointer.stop()
            self.note_findings()

    async def _shut(self) -> None:
        """End all tasks and close the log, whatever happened; skip what is done already."""
        self._running = False
        self._timer.stop()
        self._hangs.close()
        self._release(self.supervisor.reason())
        try:
            await self.enrolment.restarts.close()
            begun = [task for task in (self._starting, self._settling, self._catching_up) if task is not None]
            for task in begun:
                task.cancel()
            if begun:
                await asyncio.wait(begun)
            await self.supervisor.stop()
            await self.wiring.close()
            if self.checkpointer is not None:
                await self.checkpointer.stop()
        finally:
            await self._close_storage()
            self.reports.stopped(self.engine.joiner.seq)

    async def _close_storage(self) -> None:
        """Close the log, and the rest of the storage."""
        try:
            if self.writer is not None:
                await self.writer.close()
        except LogWriteFailed:
            if self.supervisor.failure is None:
                raise
        finally:
            if self.storage is not None:
                await self.storage.close(self.builder.malformed)

    def _hurry(self) -> None:
        """Stop waiting for consumers: those that leave were cancelled."""
        if self._settling is not None:
            self._settling.cancel()
        self.audience.stop_waiting()

    # Failures.

    def check(self) -> None:
        """Raise the reason if the run has ended."""
        if not self._running or self.supervisor.failure is not None:
            raise self.supervisor.reason()

    def check_loop(self) -> None:
        """Raise if the run has ended, or runs on another event loop than the caller's."""
        self.check()
        check_own(self._loop)

    async def unless_it_stops(self, waiting: Coroutine[Any, Any, None]) -> None:
        """Wait for *waiting*, or cancel it and raise the reason as soon as the run has ended."""
        task = asyncio.create_task(waiting, name="mtf waiting")
        try:
            await asyncio.wait([task, self.stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            seen(task)
        if task.cancelled():
            self.check()
        task.result()

    def _on_failure(self, failed: Supervised | None, reason: PipelineStopped) -> asyncio.Future[None]:
        """Stop everything but consumers that have not been shown all before the failure; return a future for these."""
        self.reports.failed(failed, self.supervisor.failure or reason, self.engine.joiner.seq)
        self._release(reason)
        return self.audience.halt(failed)

    def _writer_failed(self, error: BaseException) -> None:
        self.supervisor.fail(None, error)

    def _release(self, error: BaseException) -> None:
        """Fail everyone who waits for something that will not come with *error*."""
        if not self.stopped.done():
            self.stopped.set_result(None)
        self.source.stop(error)
        self.pushes.close(error)
        self._applied.fail(error)
        self._barriers.fail(error)
        self.audience.end_streams()

    # Recovery.

    async def ready(self) -> None:
        """Bring the state up to the end of the log, showing consumers what was logged before this start."""
        if self.catchup.done:
            return
        if self._catching_up is None:
            self._catching_up = asyncio.create_task(self._catch_up(), name="mtf recovery")
            self._catching_up.add_done_callback(seen)
        task = self._catching_up
        await asyncio.wait([task])
        if task.cancelled():
            raise self.supervisor.reason()
        task.result()

    @property
    def has_caught_up(self) -> bool:
        """Whether the engine is at the end of the log."""
        return self.catchup.done or not self.catchup.seq

    def logged_engine(self) -> Kernel:
        """Return the state at the end of the log, even before consumers have reached it."""
        return self.engine if self.has_caught_up else self.catchup.engine()

    @property
    def skipped_checkpoints(self) -> list[Skipped]:
        """The checkpoints that this start could not use, and why."""
        if self.storage is None:
            return []
        return [*self.storage.discarded, *self.catchup.choose(self.audience.actors).skipped]

    async def _catch_up(self) -> None:
        try:
            start = await self.catchup.begin(self.audience.actors)
            self.reports.passed_over(start.skipped)
            if start.engine is not None:
                self.adopt(start.engine)
            if self.checkpointer is not None:
                self.checkpointer.restore(start.states)
            for actor in self.audience.actors:
                name = actor.consumer_name
                seq, state = start.states.get(name, (0, None))
                if state is not None:  # one with its own storage is shown everything again, from its own position
                    actor.restore(state, 0 if name in start.committed else seq)
            if start.next_seq <= self.catchup.seq:
                rest = Stretches(self.catchup.blocks(start, self.audience.actors), lambda block: block.count)
                while blocks := await rest.next():
                    for block in blocks:
                        await self.source.replay(block)
                        await give_way()
            if self.catchup.seq:
                await self.mark(MarkerKind.DRAIN)
        except Exception as error:
            self.supervisor.fail(None, error)
            raise
        self.catchup.finish()
        self.reports.caught_up(start.next_seq, start.checkpoint_seq, self.catchup.seq)
        self.begin_pushes()
        if self.checkpointer is not None:
            self.checkpointer.oldest_ns = min(self.checkpointer.oldest_ns, start.oldest_ns)
            self.checkpointer.start(self.engine, start.checkpoint_seq, on_schedule=self.options.takes_checkpoints)

    def adopt(self, engine: Kernel) -> None:
        """Continue from the state of *engine*, before the first event."""
        self.engine = engine
        self._keep_disordered(self.reading.order.spans)
        self.wiring.adopt(engine)
        for actor in self.audience.actors:
            actor.rewind(self._cursor)

    def settle(self, config: Config, notes: Iterable[str]) -> None:
        """Take *config*, that of the log, instead of an equivalent one, before the first event; *notes* say why."""
        if self.wiring.pool is not None:
            raise ConfigMismatch(f"{'; '.join(notes)}: with workers, request these by name; or use workers=0")
        self.config = config
        self.bar_clock.use(config.calendars.calendar_of)
        for sentence in notes:
            self.notes.note("configuration_kept", sentence)
        self.adopt(Kernel(config))

    def begin_pushes(self) -> None:
        """Make pushed events follow the events that were replayed."""
        symbols = self.builder.symbols
        for instrument in self.engine.gate.instruments[len(symbols.names) :]:
            symbols.add(instrument.name)
        self.builder.bar_kinds.update(self.engine.gate.bar_kinds())

    def keep_order(self, order: LogOrder) -> None:
        """Track the order of time by *order*: once it ends, callbacks cannot access what they could not have known."""
        self.reading.order = order
        order.disordered = self._keep_disordered
        self._keep_disordered(order.spans)

    def _keep_disordered(self, spans: Sequence[tuple[int, int]]) -> None:
        self.engine.schema.disordered = list(spans)

    def _cursor(self, keeps: bool) -> Cursor:  # at the newest published event
        return Cursor(self.engine.schema, self.engine.joiner, self.catchup.seq, keeps)

    # What consumers continue from.

    def _state_of_late(self, actor: ConsumerActor) -> bytes | None:
        if self.catchup.begun is None or self.checkpointer is None:
            return None
        return self.catchup.state_of_late(actor, self.checkpointer.states, self.engine.joiner.seq)

    def _newest_state(self, name: str) -> tuple[int, bytes] | None:
        return None if self.checkpointer is None else self.checkpointer.states.get(name)

    # What goes through the actors.

    async def mark(self, kind: MarkerKind, timeout_ns: int | None = None) -> tuple[Marker, Answers]:
        """Send a marker through all actors; return it, and which consumers have answered within *timeout_ns*."""
        self.check()
        marker = Marker(kind, self.source.next_seq - 1)
        self.source.mark(marker)
        if kind is MarkerKind.CHECKPOINT:
            self._checkpoint_sent.set()
        return marker, await self._barriers.closed(marker, timeout_ns)

    async def drain(self) -> None:
        """Return once every consumer has been shown all events so far, including those in the reorder window."""
        self.pushes.flush()
        await self.mark(MarkerKind.DRAIN)

    async def applied(self, seq: int) -> None:
        """Return once the event *seq* is published."""
        if self.engine.joiner.seq < seq:
            await self._applied.wait(seq)

    @property
    def malformed(self) -> int:
        """The number of malformed rows, including earlier runs."""
        return self.builder.malformed + self.rows_aside.before

    def all_notes(self) -> list[str]:
        """Return what a user should know about the start and the run, in sentences."""
        if self.storage is None:
            return list(self.notes)
        _ = self.skipped_checkpoints  # choosing a checkpoint may add notes
        return [*self.storage.notes, *self.catchup.notes, *self.notes]

    def note_findings(self) -> None:
        """Note ticks rejected just outside a session, and bars that no sizes fill; report all counts."""
        for sentence in edge_notes(self.source.gate.edges()):
            self.notes.note_once("session_edge", sentence)
        for sentence in unsized_notes(self.engine.joiner, self.config):
            self.notes.note_once("timeframes_empty", sentence)
        self.reports.counted(self.source.gate)

    def on_published(self, frame: Frame) -> None:
        if self.pushes.arrivals.are_live:  # not before the first one: the timer does not close what a log left open
            self._timer.published(frame, self.engine.joiner)
            self.reports.lag.published(frame)
        if self.checkpointer is not None:
            self.checkpointer.published(frame)
        self._applied.reached(frame.last_seq)

    # Checkpoints.

    def _make_checkpointer(self, storage: OpenStorage) -> Checkpointer:
        assert self.writer is not None, "a storage comes with a writer"
        return Checkpointer(
            storage.checkpoints,
            self.writer,
            self.options.wall,
            self.mark,
            noted=self.notes.note,
            failed=self._writer_failed,
            clean=None if self.options.keeps_whole_log else self._forget,
            progress=self.checkpoints,
            every_ns=self.options.checkpoint_ns,
            every_events=self.options.checkpoint_events or None,
            history_bytes=self.options.history_bytes,
        )

    def _forget(self, checkpoint_seq: int) -> None:
        """Remove old events, given that the oldest checkpoint is that of *checkpoint_seq*; runs in a thread."""
        storage, options = self.storage, self.options
        assert storage is not None, "only a storage has events to remove"
        before_ns = None if options.keep_log_ns is None else int(self.engine.gate.newest_ns) - options.keep_log_ns
        storage.forget(checkpoint_seq + 1, options.keep_events, before_ns, options.keep_log_bytes)
