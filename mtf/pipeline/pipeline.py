"""The pipeline: the object that users hold. It checks what may be called when; the run behind it does the work."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterable, Mapping
from random import Random
from types import TracebackType
from typing import Any, Self

from mtf.actors.timer import GRACE_NS
from mtf.bars.bar import Bar
from mtf.bars.verdicts import PRICE_MAX
from mtf.clock import SystemClock, WallClock
from mtf.config import Config, IndicatorSpecs, given_config
from mtf.errors import ConfigError, LookAheadError, PipelineStopped, PushInCallback, UnknownSymbol
from mtf.events.old_stamps import OLDEST_NS
from mtf.events.tick import Tick
from mtf.feeds.file_feed import FileFeed
from mtf.feeds.live_feed import Feed
from mtf.frames.snapshot import Snapshot
from mtf.frames.view import check_not_ahead
from mtf.kernel import Kernel
from mtf.order import BY_TIME
from mtf.pipeline.feeding import feed_live
from mtf.pipeline.following import follow_live
from mtf.pipeline.options import MAX_AHEAD_NS, Options
from mtf.pipeline.reading import open_given
from mtf.pipeline.replay import play
from mtf.pipeline.reports import report_read
from mtf.pipeline.run import Run
from mtf.pipeline.run_facts import RunFacts
from mtf.pipeline.warming import Warming
from mtf.rows import RowCounts, rejected_by
from mtf.storage.datadir import Place, storage_of
from mtf.storage.restore import state_at
from mtf.summary import Summary
from mtf.timeframe import DEFAULT_TIMEFRAMES, Timeframe

__all__ = ["Pipeline"]


class Pipeline(Warming, RunFacts):
    """Keeps every timeframe of every symbol in one consistent state, at every tick.

    `async with` starts and stops it. With *data*, a directory or another `mtf.storage.storage.Storage`, all input is
    logged there and the next start continues from it; with None, nothing is stored. The settings from *timeframes* to
    *live* affect results, and are those of `mtf.Config`; *config* gives them as one. The others do not:

    - *durability* says what a crash can lose: `each`, `group` or `os` (docs/reliability.md);
    - *checkpoint_seconds* of wall time and *checkpoint_events* say how often the state is saved; 0 or None: never;
    - *history_bytes* is how much memory completed bars and values may take; None (the default): no limit. Above it,
      after a checkpoint, those that nobody has looked at are left in its files, and read when somebody looks;
    - *keep_events* is the minimum number of events kept in the log; None (the default): all. Older ones are removed
      after a checkpoint, a segment at a time, unless a kept checkpoint or a consumer still needs them;
    - *keep_log_ns* is how long events are kept in the log, counted back from the newest accepted one, and
      *keep_log_bytes* its maximum size; None (the default): no limit. Events are removed as with *keep_events*;
    - with *compress*, a thread compresses the log's sealed segments, using at most a quarter of one processor;
    - *check* says what of the log a start checks before it is ready: `all`, or what follows the newest checkpoint. With
      `background` (the default) the rest is checked while the pipeline runs, and damage stops it with `CorruptLog`;
      with `tail` only `mtf verify` checks it;
    - *history_values* says whether completed indicator values are stored with the bars; *keep_history_ns* is how long
      bars and rejects are kept, counted back from the newest bar, and *keep_history_bytes* their maximum size; None
      (the default): no limit. Older ones are removed now and then;
    - *block_events* is the maximum number of events that go through the actors at once; None (the default): 1024, or up
      to 4096 of a source with many symbols and without indicators;
    - *workers* is how many processes compute indicators beside this one, which computes a share itself
      (docs/performance.md says when that pays);
    - *clock* is `both` if in live use the wall clock closes bars too, *grace_ns* after their end, else `ticks`; use is
      live from the first pushed tick that is stamped within a minute of its arrival;
    - in live use, a tick stamped more than *max_ahead_ns* after its arrival is malformed;
    - *wall* is the clock and *random* spreads restarts, both replaceable in tests; with *strict*, the first malformed
      row of a source stops the run.
    """

    def __init__(
        self,
        *,
        data: Place | None = None,
        timeframes: str | Iterable[str | Timeframe] = DEFAULT_TIMEFRAMES,
        calendar: Any = "fx",
        price: str = "auto",
        closed: str = "reject",
        late: str = "reject",
        anchor: str = "day",
        history: int = 1000,
        indicators: IndicatorSpecs = None,
        live: str = "each",
        prices: str = "positive",
        price_max: float = PRICE_MAX,
        delay_ns: int | Mapping[str, int] = 0,
        overfill: str = "split",
        overnight: str = "close",
        config: Config | None = None,
        durability: str = "group",
        checkpoint_seconds: float | None = 60.0,
        checkpoint_events: int | None = None,
        history_bytes: int | None = None,
        keep_events: int | None = None,
        keep_log_ns: int | None = None,
        keep_log_bytes: int | None = None,
        compress: bool = True,
        check: str = "background",
        history_values: bool = True,
        keep_history_ns: int | None = None,
        keep_history_bytes: int | None = None,
        block_events: int | None = None,
        workers: int = 0,
        max_ahead_ns: int = MAX_AHEAD_NS,
        clock: str = "both",
        grace_ns: int = GRACE_NS,
        live_within_ns: int | None = None,
        reorder_ns: int = 0,
        oldest_ns: int = OLDEST_NS,
        wall: WallClock | None = None,
        random: Random | None = None,
        strict: bool = False,
    ) -> None:
        options = Options(
            data=data,
            durability=durability,  # type: ignore[arg-type]
            checkpoint_seconds=checkpoint_seconds,
            checkpoint_events=checkpoint_events,
            history_bytes=history_bytes,
            keep_events=keep_events,
            keep_log_ns=keep_log_ns,
            keep_log_bytes=keep_log_bytes,
            compress=compress,
            check=check,  # type: ignore[arg-type]
            history_values=history_values,
            keep_history_ns=keep_history_ns,
            keep_history_bytes=keep_history_bytes,
            block_events=block_events,
            workers=workers,
            max_ahead_ns=max_ahead_ns,
            clock=clock,
            grace_ns=grace_ns,
            live_within_ns=live_within_ns,
            reorder_ns=reorder_ns,
            oldest_ns=oldest_ns,
            wall=wall or SystemClock(),
            random=random or Random(),
            strict=strict,
        )
        settings: dict[str, Any] = {
            "timeframes": timeframes,
            "calendar": calendar,
            "price": price,
            "closed": closed,
            "late": late,
            "anchor": anchor,
            "history": history,
            "indicators": indicators,
            "live": live,
            "prices": prices,
            "price_max": price_max,
            "delay_ns": delay_ns,
            "overfill": overfill,
            "overnight": overnight,
        }
        super().__init__(given_config(config, settings), options)
        self._entered = False

    # Life cycle.

    async def __aenter__(self) -> Self:
        if self._entered:
            raise PipelineStopped("a pipeline can only be started once: create a new one")
        self._entered = True
        warm = self._history is not None
        note = await self._import_history() if warm and self._options.data is not None else None
        run = await Run.open(self.config, self._options)
        self.config = run.config
        self._alive = run
        begins_warm = warm and note is None  # consumers then start after the history
        await run.start([] if begins_warm else self._added)
        if begins_warm:
            try:
                note = await self._read_history(run)
                for added in self._added:
                    run.enrolment.attach(added)
            except BaseException:
                await run.close(orderly=False)
                raise
        if note is not None:
            run.notes.note(*note)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run = self._alive
        assert run is not None, "__aexit__ comes after __aenter__"
        await run.close(orderly=error is None)
        if error is None and run.supervisor.failure is not None:
            raise run.supervisor.reason()

    # Events in.

    async def push(self, event: Tick | Bar) -> int:
        """Log *event*, a tick or a bar, as the durability mode promises; return its seq, for a bar that of its close.

        Events get their seqs in the order in which `push` was called. A bar whose end lies after its arrival is logged
        as `unfinished`. MalformedEvent if it is invalid (it is counted, but gets no seq); StraddlingBar for a bar that
        lies in two bars of a timeframe; PushInCallback inside a callback of this pipeline; WrongLoop on another event
        loop; PipelineStopped once the pipeline has stopped.
        """
        run = self._running("push")
        return await run.pushes.push(event, None if run.catchup.done else run.ready)

    async def push_many(self, events: Iterable[Tick | Bar]) -> int:
        """Log all *events* in their order, as if each was pushed, and return the seq of the last.

        One wait for all of them, and larger blocks: several times as fast as one `push` each. Whatever is pushed
        meanwhile follows the last. An event that `push` would raise for ends it there: those before it are logged, and
        of an iterator those after it are left.
        """
        run = self._running("push")
        return await run.pushes.push_many(events, None if run.catchup.done else run.ready)

    def push_nowait(self, event: Tick | Bar) -> int | None:
        """Take *event* without waiting and return its seq; it is logged at once, or as soon as that is possible.

        `applied` and `durable` wait for that seq. None if a reorder window holds the event. PushWouldWait if there is
        no room, others wait in `push`, or a start has not come to the end of the log (await `drain` first); else it
        raises what `push` does.
        """
        run = self._running("push")
        return run.pushes.push_nowait(event, caught_up=run.catchup.done)

    async def clock(self, ts_ns: int) -> int:
        """Log a clock event, "it is now *ts_ns*", and return its seq: every bar that ends by then closes."""
        run = self._running("push")
        return await run.pushes.clock(ts_ns, None if run.catchup.done else run.ready)

    async def run(
        self, source: Any, *, order: str = BY_TIME, reorder_ns: int | None = None, sort: bool = False, **options: Any
    ) -> Summary:
        """Read *source* to its end, wait until every consumer has seen all of it, and return the summary.

        *source* is a path (with the options of `mtf.sources.open_source`), a `Source`, an iterable or async iterable of
        ticks, a live feed of `mtf.feeds`, or a list of finite ones, which are merged by time. With a data directory, a
        source that was read before resumes where it stopped; an iterable only does if it has a `name=`.

        Finite sources are read in order of time: OutOfOrder if this one begins before the time that other symbols have
        reached through other sources, or while another is being read. With *order* `log`, events are taken as they
        come, and callbacks cannot access what they could not have known. Each source's events are put in order within
        *reorder_ns* of event time (None: the pipeline's), or, with *sort*, all of them are sorted on disk before the
        first one is logged.
        """
        run = self._running("run")
        await run.ready()
        begun, seq = time.perf_counter(), run.source.next_seq
        if isinstance(source, Feed | FileFeed) or hasattr(source, "__aiter__"):
            if reorder_ns or sort or order != BY_TIME:
                raise ConfigError(
                    "reorder_ns, sort and order are not supported for an async iterable, which is pushed as it comes; "
                    "use Pipeline(reorder_ns=) for a reorder window of pushes"
                )
            await run.unless_it_stops(_feeding(run, source))
            run.pushes.arrivals.ended = True
            await run.drain()
        else:
            if reorder_ns is None:
                reorder_ns = 0 if sort else self._options.reorder_ns
            opened = open_given(source, options, resumable=run.storage is not None, reorder_ns=reorder_ns, sort=sort)
            malformed, rejected = run.builder.malformed, rejected_by(run.engine)
            try:
                await run.reading.read(opened, run.engine.joiner.own_clocks(), order)
            finally:
                opened.close()
            await run.drain()
            malformed = run.builder.malformed - malformed
            rows = RowCounts.of(opened.rows[0], rejected_by(run.engine) - rejected, malformed)
            run.rows = run.rows.and_those_of(rows)
            for sentence in opened.notes():
                run.notes.note("source_noted", sentence, path=opened.name)
            report_read(opened.name, rows)
            run.pushes.arrivals.ended = True
        run.note_findings()
        return self.summary(seconds=time.perf_counter() - begun, new_events=run.source.next_seq - seq)

    async def replay(
        self,
        directory: Place,
        *,
        start: int = 1,
        until: int | None = None,
        until_ns: int | None = None,
        speed: float | None = None,
        changed: bool = False,
    ) -> Summary:
        """Replay the log of *directory*, or of another storage, through this new pipeline with its configuration.

        Consumers are shown the events from the seq *start* to *until*; with *until_ns*, each symbol ends before its
        first accepted event that is stamped later. *speed* is event time per wall time; without it, the replay is as
        fast as possible. The digest is that of the original run; ConfigMismatch if the configuration differs. With
        *changed*, a difference is intended (other indicators, timeframes, calendars ...): the log's events are replayed
        with this configuration, and a note lists the differences, since the digest is then expected to differ.
        `mtf.open(path).config.changed` makes such a configuration from the log's own.

        Seq 1 stands for the first event that the log still has. If its beginning was removed, states and digest are
        computed as if there had been no earlier events, unless *start* follows a checkpoint.
        """
        run = self._running("replay")
        begun = time.perf_counter()
        storage = storage_of(directory)
        start = await play(run, storage, start=start, until=until, until_ns=until_ns, speed=speed, changed=changed)
        self.config = run.config
        return self.summary(seconds=time.perf_counter() - begun, new_events=max(0, self.seq - start + 1))

    # State out.

    def snapshot(self, symbol: str) -> Snapshot:
        """Return every timeframe of *symbol* at one and the same seq; UnknownSymbol if the symbol had no event yet.

        Inside a callback this is the step being shown, or LookAheadError if the state of *symbol* is later (see
        `View.of`); elsewhere the newest published event. Any task may call this at any time; it does not wait.
        """
        while (cursor := self._shown()) is not None:
            generation = cursor.generation
            number = cursor.number_of(symbol)
            check_not_ahead(cursor, cursor.schema, number)
            found = cursor.snapshot(number)
            if cursor.alive and cursor.generation == generation:  # else it moved on while another thread looked
                return found
        _ = self._outside("snapshot")
        run = self._started()
        engine = run.logged_engine()
        number = engine.number_of(symbol)
        if number < 0:
            known = ", ".join(self.symbols) or "none"
            raise UnknownSymbol(f"no event of {symbol!r} has been seen; known symbols: {known}")
        return engine.snapshot(number, run.pushes.arrivals.ended)

    def state_at(self, symbol: str, *, seq: int | None = None, time_ns: int | None = None) -> Snapshot:
        """Return the snapshot of *symbol* as it was after the event *seq*, or at *time_ns*, from checkpoints and log.

        At a time: after the last event before the first accepted one that is stamped later; with *seq* as well, or
        inside a callback, only among events up to then. LookAheadError for a *seq* that a callback has not been shown.
        Blocks the loop for the length of a replay; call `mtf.storage.restore.state_at` in a thread if that matters.
        """
        cursor = self._shown()
        if cursor is not None:
            shown_seq = cursor.seq - (1 if cursor.closing else 0)
            if seq is not None and seq > shown_seq:
                raise LookAheadError(f"seq {seq} is after seq {shown_seq}, which this callback is shown")
            seq = shown_seq if seq is None else seq
        data = self._options.data
        if data is None:
            raise ConfigError("past states are only available with a data directory: give the pipeline data=")
        found = state_at(data, symbol, seq=seq, time_ns=time_ns)
        if found is None:
            raise UnknownSymbol(f"no event of {symbol!r} had been seen by then")
        return found

    async def checkpoint(self) -> int:
        """Write a checkpoint now and return its seq; ConfigError without a data directory.

        Cancelling the caller ends its wait, not the writing.
        """
        run = self._running("checkpoint")
        await run.ready()
        if run.checkpointer is None:
            raise ConfigError("a checkpoint needs a data directory: give the pipeline data=")
        return await run.checkpointer.take()

    @property
    def symbols(self) -> list[str]:
        """The symbols seen so far, in order of appearance."""
        cursor = self._shown()
        if cursor is not None:
            return cursor.symbols()
        run = self._outside("symbols")
        return [] if run is None else run.logged_engine().joiner.names()

    @property
    def seq(self) -> int:
        """The newest published event; the last one of the log until the start has reached it.

        Inside a callback the event being shown.
        """
        cursor = self._shown()
        if cursor is not None:
            return int(cursor.seq)
        run = self._outside("seq")
        if run is None:
            return 0
        return run.engine.joiner.seq if run.has_caught_up else run.catchup.seq

    @property
    def digest(self) -> str:
        """The digest of everything published so far; not available inside a callback."""
        run = self._outside("digest")
        return (Kernel(self.config) if run is None else run.logged_engine()).digest.value()

    @property
    def logged_seq(self) -> int:
        """The newest event that has a seq: it is in the log, if there is one, but perhaps not published yet.

        Inside a callback, the event being shown, which is logged.
        """
        cursor = self._shown()
        if cursor is not None:
            return int(cursor.seq)
        run = self._outside("logged_seq")
        if run is None:
            return 0
        return run.source.taken_seq if run.has_caught_up else run.catchup.seq

    @property
    def durable_seq(self) -> int:
        """The newest event known to be synced, inside a callback among those shown; 0 without a data directory."""
        cursor = self._shown()
        if cursor is not None:
            durable_seq = self._durable_seq(self._alive)
            return min(durable_seq, int(cursor.seq))
        return self._durable_seq(self._outside("durable_seq"))

    @staticmethod
    def _durable_seq(run: Run | None) -> int:
        return 0 if run is None or run.writer is None else run.writer.durable_seq

    async def applied(self, seq: int) -> None:
        """Return once the event *seq* is visible in `snapshot()`."""
        run = self._running("wait for what is applied")
        await run.ready()
        await run.applied(seq)

    async def durable(self, seq: int) -> None:
        """Return once the event *seq* is synced to disk; at once without a data directory."""
        cursor = self._shown()
        if cursor is not None and seq > cursor.seq:
            raise PushInCallback(f"cannot wait for seq {seq} inside the callback of seq {cursor.seq}; use a task")
        run = self._started()
        run.check_loop()
        if run.writer is not None and run.writer.durable_seq < seq:
            await run.unless_it_stops(run.writer.durable(seq))

    async def drain(self) -> None:
        """Return once every consumer has been shown all events so far, including those in the reorder window."""
        run = self._running("drain")
        await run.ready()
        await run.drain()

    def summary(self, *, seconds: float = 0.0, new_events: int = 0) -> Summary:
        """Return the counts so far, as of the newest published event; not available inside a callback."""
        run = self._outside("summary")
        if run is None:
            return Summary.of(Kernel(self.config), 0, seconds=seconds, new_events=new_events)
        return Summary.of(
            run.logged_engine(),
            run.malformed,
            run.rows,
            order=run.reading.order,
            seconds=seconds,
            new_events=new_events,
        )


def _feeding(run: Run, source: Any) -> Coroutine[Any, Any, None]:
    """Return the coroutine that feeds *source*, which has no end of its own, into *run*."""
    if isinstance(source, FileFeed):
        return follow_live(run, source)
    return feed_live(run, source) if isinstance(source, Feed) else run.pushes.feed(source)
