"""The pipeline: what its user holds in hand. It says what may be asked when; the run behind it does the work."""

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
from mtf.pipeline.options import BLOCK_EVENTS, MAX_AHEAD_NS, Options
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

    `async with` starts and stops it. With *data*, a directory or another `mtf.storage.storage.Storage`, all that comes
    in is logged there and a next start goes on from it; None keeps nothing. The settings from *timeframes* to *live*
    decide results, and are those of `mtf.Config`; *config* gives them as one. The others do not:

    - *durability* names what can be lost: `each`, `group` or `os` (docs/reliability.md);
    - *checkpoint_seconds* of wall time and *checkpoint_events* are how often the state is written; 0 or None: not so;
    - *keep_events* is how many events stay in the log at least; None (the default): all. Older ones go after a
      checkpoint, a segment at a time, and never one that a kept checkpoint or a consumer still needs;
    - *keep_log_ns* is how long events stay in the log, counted back from the newest accepted one, and *keep_log_bytes*
      how much room it takes; None (the default): for good. They go as those beyond *keep_events* do;
    - with *compress*, a thread makes the log's sealed segments small, in a quarter of one processor at most;
    - *check* is what of the log a start checks before it is ready: `all`, or what follows the newest checkpoint. With
      `background` (the default) the rest is checked while the pipeline runs, which damage stops with `CorruptLog`; with
      `tail` only `mtf verify` does;
    - *history_values* is whether completed indicator values are stored with the bars; *keep_history_ns* is how long
      bars and rejects are stored, counted back from the newest bar, and *keep_history_bytes* how much room they take;
      None (the default): for good. Older ones are removed now and then;
    - *block_events* bounds how many events go through the actors at once;
    - *workers* is how many processes compute indicators beside this one (docs/performance.md says when that pays);
    - *clock* is `both` where in live use the wall clock closes bars too, *grace_ns* after their end, else `ticks`; use
      is live from the first pushed tick on that is stamped within a minute of its arrival;
    - a tick that is stamped more than *max_ahead_ns* after its arrival is malformed, in live use;
    - *wall* is the clock and *random* what spreads restarts, to be replaced in tests; with *strict* the first malformed
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
        config: Config | None = None,
        durability: str = "group",
        checkpoint_seconds: float | None = 60.0,
        checkpoint_events: int | None = None,
        keep_events: int | None = None,
        keep_log_ns: int | None = None,
        keep_log_bytes: int | None = None,
        compress: bool = True,
        check: str = "background",
        history_values: bool = True,
        keep_history_ns: int | None = None,
        keep_history_bytes: int | None = None,
        block_events: int = BLOCK_EVENTS,
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
        }
        super().__init__(given_config(config, settings), options)
        self._entered = False

    # Life cycle.

    async def __aenter__(self) -> Self:
        if self._entered:
            raise PipelineStopped("a pipeline is started once: make a new one")
        self._entered = True
        warm = self._history is not None
        note = await self._import_history() if warm and self._options.data is not None else None
        run = await Run.open(self.config, self._options)
        self.config = run.config
        self._alive = run
        begins_warm = warm and note is None  # then consumers come after what is read
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
        assert run is not None, "what is left was entered"
        await run.close(orderly=error is None)
        if error is None and run.supervisor.failure is not None:
            raise run.supervisor.reason()

    # Events in.

    async def push(self, event: Tick | Bar) -> int:
        """Log *event*, a tick or a bar, as the durability mode promises; return its seq, of a bar that of its close.

        Events get their seqs in the order in which `push` was called. A bar whose end lies after its arrival is logged
        as `unfinished`. MalformedEvent if it cannot be an event (it is counted and has no seq); StraddlingBar for a bar
        that lies in two of a timeframe; PushInCallback inside a callback of this pipeline; WrongLoop on another event
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
        """Log a clock event, "it is *ts_ns* now", and return its seq: every bar that ends by then closes."""
        run = self._running("push")
        return await run.pushes.clock(ts_ns, None if run.catchup.done else run.ready)

    async def run(
        self, source: Any, *, order: str = BY_TIME, reorder_ns: int | None = None, sort: bool = False, **options: Any
    ) -> Summary:
        """Read *source* to its end, wait until every consumer has seen all of it, and return the summary.

        *source* is a path (with the options of `mtf.sources.open_source`), a `Source`, an iterable or async iterable of
        ticks, a live feed of `mtf.feeds`, or a list of finite ones, which are merged by time. With a data directory a
        source that was read before goes on where it was; an iterable only if it is given a `name=` to be known by.

        Finite sources are read in order of time: OutOfOrder where this one begins before what others have brought other
        symbols to, or while another is being read. With *order* `log` that is taken as it comes, and callbacks are
        refused what they could not have known. Each source's events are put in order within *reorder_ns* of event time
        (None: that of the pipeline), or with *sort* all of them, on disk, before the first one is logged.
        """
        run = self._running("run")
        await run.ready()
        begun, seq = time.perf_counter(), run.source.next_seq
        if isinstance(source, Feed | FileFeed) or hasattr(source, "__aiter__"):
            if reorder_ns or sort or order != BY_TIME:
                raise ConfigError(
                    "reorder_ns, sort, order: an async iterable is pushed as it comes, in the order in which it comes; "
                    "give Pipeline(reorder_ns=) for a reorder window of pushes"
                )
            await run.unless_it_stops(_feeding(run, source))
            run.pushes.ended = True
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
            run.pushes.ended = True
        run.note_edges()
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
        """Play the log of *directory*, or of another storage, through this pipeline: a new one of its configuration.

        Consumers are shown the events from the seq *start* to *until*, with *until_ns* of each symbol none from its
        first accepted event on that is stamped later; with *speed*, that many seconds of event time in a second, else
        as fast as it goes. The digest is that of the original run; ConfigMismatch if the configuration is another one.
        With *changed* that is meant (other indicators, timeframes, calendars ...): the log's events are played under
        this one, and a note says in what they differ, for the digest differs by right. `mtf.open(path).config.changed`
        makes such a configuration of the log's own.

        Seq 1 stands for the first event that the log still has. Without its beginning, states and digest are those of
        what is there, as if nothing had come before, unless *start* follows a checkpoint.
        """
        run = self._running("replay")
        begun = time.perf_counter()
        storage = storage_of(directory)
        start = await play(run, storage, start=start, until=until, until_ns=until_ns, speed=speed, changed=changed)
        self.config = run.config
        return self.summary(seconds=time.perf_counter() - begun, new_events=max(0, self.seq - start + 1))

    # State out.

    def snapshot(self, symbol: str) -> Snapshot:
        """Return every timeframe of *symbol* at one and the same seq; UnknownSymbol if none of its events was seen.

        Inside a callback that is the step being shown, and LookAheadError if it is before the state of *symbol* (see
        `View.of`); elsewhere the newest published event. Any task may ask at any moment; nothing is awaited.
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
        return engine.snapshot(number, run.pushes.ended)

    def state_at(self, symbol: str, *, seq: int | None = None, time_ns: int | None = None) -> Snapshot:
        """Return the snapshot of *symbol* as it was after the event *seq*, or at *time_ns*, from checkpoints and log.

        At a time: after the last event before the first accepted one that is stamped later; with *seq* too, or inside a
        callback, of what had come by then. LookAheadError for a *seq* that a callback has not been shown. Blocks the
        loop for the length of a replay; ask `mtf.storage.restore.state_at` from a thread if that matters.
        """
        cursor = self._shown()
        if cursor is not None:
            shown_seq = cursor.seq - (1 if cursor.closing else 0)
            if seq is not None and seq > shown_seq:
                raise LookAheadError(f"seq {seq} is after what this callback is shown, seq {shown_seq}")
            seq = shown_seq if seq is None else seq
        data = self._options.data
        if data is None:
            raise ConfigError("without a data directory nothing of the past is kept: give the pipeline data=")
        found = state_at(data, symbol, seq=seq, time_ns=time_ns)
        if found is None:
            raise UnknownSymbol(f"no event of {symbol!r} had been seen then")
        return found

    async def checkpoint(self) -> int:
        """Write a checkpoint now and return its seq; ConfigError without a data directory.

        A caller that is cancelled ends its waiting, and not the writing.
        """
        run = self._running("checkpoint")
        await run.ready()
        if run.checkpointer is None:
            raise ConfigError("without a data directory there is nothing to write a checkpoint to: give data=")
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
        """The newest published event; the last one of the log, until the start has come there.

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
        """The newest event that has its seq: in the log, if there is one, and perhaps not published yet.

        Inside a callback the event being shown, which is logged.
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
        """The newest event known to be synced, inside a callback of those shown; 0 without a data directory."""
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
        """Return once every consumer has been shown all events so far, those held in the reorder window too."""
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
    """Return what feeds *source*, which has no end of its own, into *run*."""
    if isinstance(source, FileFeed):
        return follow_live(run, source)
    return feed_live(run, source) if isinstance(source, Feed) else run.pushes.feed(source)
