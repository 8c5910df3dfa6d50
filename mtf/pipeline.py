"""The pipeline: actors wired to one another, and what its user holds in hand.

Owns the life cycle (open, recover, run, drain, stop) and nothing of what the cores compute. Whatever fails in an actor
stops it with the reason; the log stays valid.
"""

from __future__ import annotations

import asyncio
import datetime
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from mtf.actors.actor import Marker
from mtf.actors.bars import BarReader, BarStream
from mtf.actors.consumer import Consumer, ConsumerActor, shown
from mtf.actors.lateness import Lateness
from mtf.actors.markings import Markings
from mtf.actors.reorder import ReorderWindow
from mtf.actors.supervisor import Supervisor
from mtf.actors.timer import GRACE_NS, BarTimer
from mtf.actors.waiters import Waiters
from mtf.bars.bar import Bar
from mtf.bars.gate import PRICE_MAX
from mtf.bars.intake import take
from mtf.bars.placement import MarketBarClock
from mtf.calendars.auctions import edge_notes
from mtf.catchup import CatchUp
from mtf.checkpoints import Checkpointer
from mtf.clock import SystemClock, WallClock
from mtf.config import Config, IndicatorSpecs
from mtf.datadir import LOG, DataDir, logged_config
from mtf.engine import Engine
from mtf.errors import (
    ConfigError,
    ConfigMismatch,
    LogWriteFailed,
    MalformedEvent,
    PipelineStopped,
    PushInCallback,
    UnknownSymbol,
)
from mtf.events.bar_rows import EVENTS_PER_BAR
from mtf.events.block import BLOCK_EVENTS_MAX, BY_TIMER, SymbolTable
from mtf.events.door import BAD_TIME, NOT_LIVE, REASONS, Door
from mtf.events.tick import Tick
from mtf.frames.cursor import Cursor
from mtf.frames.frame import Frame
from mtf.frames.snapshot import Snapshot
from mtf.frames.view import check_not_ahead
from mtf.log import DURABILITIES, Skipped, TornTail, Writer
from mtf.notes import Notes
from mtf.order import BY_TIME, ORDER, LogOrder, order_of
from mtf.pace import Pace
from mtf.reading import Reading, open_given
from mtf.recovery import engine_at, logged_blocks, state_at
from mtf.rows import Rows, rejected_by
from mtf.summary import Summary
from mtf.timeframe import DEFAULT_TIMEFRAMES, Timeframe
from mtf.units import NEVER_NS, TS_MAX_NS, TS_MIN_NS
from mtf.wiring import Wiring

__all__ = ["Pipeline"]

BLOCK_EVENTS: Final = 1024
MAX_AHEAD_NS: Final = 60_000_000_000
OLDEST_NS: Final = 315_532_800_000_000_000  # 1980-01-01: a live stamp before it is in another unit
BLOCK_EVENTS_LIMIT: Final = BLOCK_EVENTS_MAX - EVENTS_PER_BAR + 1  # a bar's events stay together
CLOCKS: Final = ("both", "ticks")
WORKERS_MAX: Final = 256
MALFORMED_KEPT: Final = 20  # in memory too, of the malformed rows that a data directory keeps


class Pipeline:
    """Keeps every timeframe of every symbol in one consistent state, at every tick.

    `async with` starts and stops it. With *data*, a directory, all that comes in is logged there and a next start goes
    on from it; None keeps nothing on disk. The settings from *timeframes* to *live* decide results, and are those of
    `mtf.Config`; *config* gives them as one. The others do not:

    - *durability* names what can be lost: `each`, `group` or `os` (docs/reliability.md);
    - *checkpoint_seconds* of wall time and *checkpoint_events* are how often the state is written; 0 or None: not so;
    - *keep_events* is how many events stay in the log at least; None (the default): all. Older ones go after a
      checkpoint, a segment at a time, and never one that a kept checkpoint or a consumer still needs;
    - *block_events* bounds how many events go through the actors at once;
    - *workers* is how many processes compute indicators beside this one (docs/performance.md says when that pays);
    - *clock* is `both` where in live use the wall clock closes bars too, *grace_ns* after their end, else `ticks`; use
      is live from the first pushed tick on that is stamped within a minute of its arrival;
    - a tick that is stamped more than *max_ahead_ns* after its arrival is malformed, in live use;
    - *wall* is the clock, to be replaced in tests; with *strict* the first malformed row of a source stops the run.
    """

    def __init__(
        self,
        *,
        data: str | os.PathLike[str] | None = None,
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
        block_events: int = BLOCK_EVENTS,
        workers: int = 0,
        max_ahead_ns: int = MAX_AHEAD_NS,
        clock: str = "both",
        grace_ns: int = GRACE_NS,
        live_within_ns: int | None = None,
        reorder_ns: int = 0,
        oldest_ns: int = OLDEST_NS,
        wall: WallClock | None = None,
        strict: bool = False,
    ) -> None:
        if not 1 <= block_events <= BLOCK_EVENTS_LIMIT:
            raise ConfigError(f"block_events must be between 1 and {BLOCK_EVENTS_LIMIT}, got {block_events}")
        if live_within_ns is None:
            live_within_ns = grace_ns
        if not 0 <= live_within_ns <= grace_ns:
            raise ConfigError(f"live_within_ns must be between 0 and grace_ns ({grace_ns}), got {live_within_ns}")
        if durability not in DURABILITIES:
            raise ConfigError(f"durability is {durability!r}: it is one of {', '.join(DURABILITIES)}")
        for name, value in (
            ("checkpoint_seconds", checkpoint_seconds),
            ("checkpoint_events", checkpoint_events),
            ("grace_ns", grace_ns),
            ("max_ahead_ns", max_ahead_ns),
            ("reorder_ns", reorder_ns),
        ):
            if value is not None and not 0 <= value < float("inf"):
                raise ConfigError(f"{name} is {value}: give 0 or more")
        if data is not None and not os.fspath(data):
            raise ConfigError("data is '': give a directory, or None to keep nothing on disk")
        if keep_events is not None and keep_events < 0:
            raise ConfigError(f"keep_events is {keep_events}: give how many events stay, or None for all")
        if not 0 <= workers <= WORKERS_MAX:
            raise ConfigError(f"workers is {workers}: give 1 to {WORKERS_MAX}, or 0 for none")
        if clock not in CLOCKS:
            raise ConfigError(f"clock is {clock!r}: it is one of {', '.join(CLOCKS)}")
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
        if config is not None:
            defaults = Pipeline.__init__.__kwdefaults__ or {}
            twice = [name for name, value in settings.items() if value != defaults[name]]
            if twice:
                raise ConfigError(f"{', '.join(twice)}: said beside config, which has it already; say it in one place")
        self.config: Config = config or Config.make(**settings)  # from the start on, with the calendars of the log
        self._data: Final = None if data is None else Path(data)
        self._durability: Final = durability
        self._block_events: Final = block_events
        self._workers: Final = workers
        self._max_ahead_ns: Final = max_ahead_ns
        self._clock_mode: Final = clock
        self._reorder_ns: Final = reorder_ns
        self._grace_ns: Final = grace_ns + reorder_ns  # what a bar's end waits for: ticks in flight, and those held
        self._live_within_ns: Final = live_within_ns
        self._oldest_ns: Final = oldest_ns
        self._notes: Final = Notes()  # of what has come in
        self._wall: Final[WallClock] = wall or SystemClock()
        self._window: ReorderWindow | None = None  # of pushes
        if reorder_ns:
            self._window = ReorderWindow(
                reorder_ns, self._wall, self._accept_held, self._send_held, live=clock == "both"
            )
        self._lateness: Final = Lateness()
        self._strict: Final = strict
        self._checkpoints: Final = bool(checkpoint_seconds or checkpoint_events)
        self._checkpoint_ns: Final = max(round(checkpoint_seconds * 1e9), 1_000_000) if checkpoint_seconds else None
        self._checkpoint_events: Final = checkpoint_events or None
        self._keep_events: Final = keep_events
        self.malformed_rows: list[tuple[str, int, str, str]] = []  # the first of them
        self._rows = Rows()  # of the sources that were read
        self._supervisor: Final = Supervisor(self._release)
        self._engine = Engine(self.config)
        self._wiring: Wiring
        self._catchup: CatchUp
        self._wired = False  # these and `_source` are there
        self._writer: Writer | None = None
        self._datadir: DataDir | None = None
        self._checkpointer: Checkpointer | None = None
        self._consumers: list[Consumer] = []  # in the order in which they were added
        self._actors: list[ConsumerActor] = []  # of the consumers, once it runs
        self._state = "new"  # new, running, stopped
        self._applied: Final = Waiters()  # who waits for a seq to be published
        self._order = LogOrder()  # of finite sources
        self._markings: Final = Markings(self._wall)  # markers on their way
        self._ended = False  # the last source has come to its end, and nothing was pushed since

    # Life cycle.

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise PipelineStopped("a pipeline is started once: make a new one")
        datadir = self._datadir = None if self._data is None else DataDir.open(self._data, self.config)
        if datadir is not None and datadir.config is not self.config:
            self.config = datadir.config
            self._engine = Engine(self.config)
        engine = self._engine
        try:
            self._keep_order(LogOrder(None if datadir is None else datadir.log.positions.get(ORDER)))
            symbols = SymbolTable(None if datadir is None else datadir.log.symbols)
            self._bar_clock = MarketBarClock(
                self.config.calendars.calendar_of,
                list(self.config.timeframes),
                anchor_ns=self.config.anchor_ns,
                keep_closed=self.config.closed == "keep",
                noted=self._notes.append,
            )
            self._door = Door(symbols, aside=self._keep_aside, strict=self._strict, bar_clock=self._bar_clock)
            self._door.one_kind = self.config.price == "auto"
            self._timer = BarTimer(self._wall, self._tell_time, self._grace_ns)
            if datadir is not None:
                self._writer = datadir.writer(self._durability, self._writer_failed)
                self._checkpointer = Checkpointer(
                    datadir.checkpoints,
                    self._writer,
                    self._wall,
                    self._mark,
                    every_ns=self._checkpoint_ns,
                    every_events=self._checkpoint_events,
                    clean=None if self._keep_events is None else self._forget,
                )
                self._checkpointer.on_failure = self._writer_failed
                self._checkpointer.noted = self._notes.append
            await self._supervisor.start()
            wiring = self._wiring = Wiring(
                engine,
                self._door,
                self._writer,
                block_events=self._block_events,
                workers=self._workers,
                published=self._on_published,
                passed=self._on_passed,
                rows_asked=self._rows_asked,
            )
            self._source = wiring.source
            self._reading = Reading(wiring.source, datadir, self._order, self._block_events, self._check)
            self._catchup = CatchUp(
                self.config,
                datadir,
                wiring.source,
                self._actors,
                block_events=self._block_events,
                adopt=self._adopt,
                drain=lambda: self._mark("drain"),
                finished=self._caught_up_from,
            )
            self._wired = True
            await wiring.start()
            for actor in wiring.actors:
                self._supervisor.launch(actor)
            self._state = "running"
            if datadir is not None:
                self._consumers.insert(0, datadir.history())
            for consumer in self._consumers:
                self._attach(consumer)
            self._bar_clock.strict = self.config.asked and not self._catchup.seq
            if not self._catchup.seq:
                await self._ready()
        except BaseException:
            await self._shut()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and self._supervisor.failure is None:
                await self._ready()
                await self.drain()
                if self._checkpointer is not None and self._checkpoints:
                    await self._checkpointer.try_take()
                    await self._checkpointer.stop()
                await self._mark("stop")
                self._note_edges()
        finally:
            await self._shut()
        if error is None and self._supervisor.failure is not None:
            raise self._supervisor.reason()

    async def _shut(self) -> None:
        """End all tasks and close the log; whatever happened."""
        self._state = "stopped"
        for consumer in self._consumers:
            if isinstance(consumer, BarStream):
                consumer.end()
        self._timer.stop()
        if self._wired:
            self._catchup.cancel()
        await self._supervisor.stop()
        if self._wired:
            await self._wiring.close()
        self._release(self._supervisor.reason())
        if self._checkpointer is not None:
            await self._checkpointer.stop()
        try:
            if self._writer is not None:
                await self._writer.close()
        except LogWriteFailed:
            if self._supervisor.failure is None:
                raise
        finally:
            if self._datadir is not None:
                await self._datadir.close(self._door.malformed if self._wired else 0)

    def _adopt(self, engine: Engine) -> None:
        """Go on from the state of *engine*, before the first event."""
        self._engine = engine
        self._keep_disordered(self._order.spans)
        self._wiring.adopt(engine)
        for actor in self._actors:
            actor.rewind(self._cursor())

    def _keep_order(self, order: LogOrder) -> None:
        """Have the order of time kept by *order*: callbacks are refused what they could not have known once it ends."""
        self._order = order
        order.disordered = self._keep_disordered
        self._keep_disordered(order.spans)

    def _keep_disordered(self, spans: Sequence[tuple[int, int]]) -> None:
        self._engine.kept.disordered = list(spans)

    def _cursor(self) -> Cursor:
        """Return a cursor at the newest published event."""
        joiner = self._engine.joiner
        return Cursor(self._engine.kept, joiner, self._catchup.seq)

    async def _ready(self) -> None:
        """Bring the state up to the end of the log, showing consumers what was logged before this start."""
        if not self._catchup.done:
            await self._catchup.wait()

    def _caught_up(self) -> bool:
        """Return whether the engine in place stands at the end of the log."""
        return not self._wired or self._catchup.done or not self._catchup.seq

    def _logged_engine(self) -> Engine:
        """Return the state at the end of the log, also before consumers were brought there."""
        return self._engine if self._caught_up() else self._catchup.engine()

    def _caught_up_from(self, seq: int) -> None:
        """Take up what waits for the end of the log; *seq* is that of the checkpoint that was started from."""
        self._door.bar_kinds.update(self._engine.gate.bar_kinds())
        if self._checkpointer is not None:
            self._checkpointer.oldest_ns = min(self._checkpointer.oldest_ns, self._catchup.oldest_ns)
            if self._checkpoints:
                self._checkpointer.start(self._engine, seq)

    def _forget(self, checkpoint_seq: int) -> None:
        """Let go of old events, the oldest checkpoint kept being that of *checkpoint_seq*; runs in a thread."""
        assert self._datadir is not None, "only what is on disk is removed"
        assert self._keep_events is not None, "by default everything is kept"
        self._datadir.forget(min(checkpoint_seq, self._datadir.log.last_seq - self._keep_events) + 1)

    def _writer_failed(self, error: BaseException) -> None:
        self._supervisor.fail(None, error)

    def _release(self, error: BaseException) -> None:
        """Let everyone go who waits for something that will not come."""
        if self._wired:
            self._source.stop(error)
        if self._window is not None:
            self._window.close(error)
        self._applied.fail(error)
        self._markings.fail(error)

    def _check_outside(self, what: str) -> None:
        """Raise where nothing runs, and inside a callback, which all that comes after it waits for."""
        self._check()
        if shown(self._engine.kept) is not None:
            raise PushInCallback(f"a callback cannot {what}: that would have to come before what is shown; use a task")

    def _check(self) -> None:
        if self._state != "running" or self._supervisor.failure is not None:
            raise self._supervisor.reason()

    # Consumers.

    def add(self, consumer: Consumer) -> None:
        """Show *consumer* everything from now on; before the first event of a run, everything."""
        if self._state == "new":
            self._consumers.append(consumer)
            return
        self._check()
        if consumer not in self._consumers:
            self._consumers.append(consumer)
        self._attach(consumer)

    def _attach(self, consumer: Consumer) -> None:
        actor = ConsumerActor(consumer, self._engine.kept, self._cursor(), self._markings.answered)
        if any(actor.consumer_name == other.consumer_name for other in self._actors):
            raise ConfigError(f"there is a consumer {actor.consumer_name!r} already: give each its own name")
        self._actors.append(actor)
        self._wiring.synchronizer.outlets.append(actor)
        self._supervisor.launch(actor)

    def bars(
        self, timeframe: str | Timeframe, *, symbol: str | None = None, limit: int = 1024, fill: bool = False
    ) -> BarReader:
        """Return the completed bars of a timeframe from now on, of one symbol or all, as an async iterator.

        At most *limit* bars wait to be read; then the pipeline waits for the reader, so read in another task than the
        one that pushes. A reader that is let go of is waited for no longer. Ends when the pipeline stops. With *fill*,
        silences in an open market come as flat bars, marked `filled`, when the bar that ends them comes.
        """
        config = self.config
        kept = config.timeframes[config.timeframes.index(timeframe)]
        stream = BarStream(kept, symbol, limit, config.calendars.calendar_of if fill else None, config.anchor_ns)
        self.add(stream)
        return BarReader(stream)

    # Events in.

    async def push(self, event: Tick | Bar) -> int:
        """Log *event*, a tick or a bar, as the durability mode promises; return its seq, of a bar that of its close.

        A bar whose end lies after its arrival is logged as `unfinished`. MalformedEvent if it cannot be an event (it is
        counted and has no seq); StraddlingBar for a bar that lies in two of a timeframe; PushInCallback inside a
        callback of this pipeline; PipelineStopped once the pipeline has stopped.
        """
        self._check_outside("push")
        if not self._catchup.done:
            await self._ready()
        source = self._source
        if self._window is not None:
            seq = await self._window.add(event.symbol, _stamp_of(event), event)
            await source.flush(seq)
            return seq
        door = self._door
        while door.count >= self._block_events:
            await source.flush(source.next_seq - 1)
        seq = self._accept(event, self._wall.now_ns())
        await source.flush(seq)
        return seq

    def _accept(self, event: Tick | Bar, arrival_ns: int) -> int:
        """Hand *event* to the door and return its seq; MalformedEvent if it cannot be one."""
        door = self._door
        reason = self._take(door, event, arrival_ns)
        if reason:
            door.refuse("push", door.malformed + 1, reason, repr(event))
            raise MalformedEvent(f"{event!r}: {reason}")
        self._ended = False
        if self._clock_mode == "both" and isinstance(event, Tick):
            lag_ns = arrival_ns - event.ts_ns - self.config.delay_of(event.symbol)
            late = self._lateness.note(event.symbol, lag_ns, arrival_ns) if lag_ns > self._live_within_ns else None
            if late is not None:
                self._notes.append(late)
        return self._source.next_seq - 1

    def _accept_held(self, event: Any, arrival_ns: int) -> int:
        """Hand an event from the reorder window to the door: a tick, a bar, or the time of a clock event."""
        if isinstance(event, Tick | Bar):
            return self._accept(event, arrival_ns)
        self._door.clock(event)
        return self._source.next_seq - 1

    def _send_held(self) -> None:
        """Send what has come out of the reorder window."""
        if self._door.count and not self._source.flush_now():
            self._source.wake()

    def _take(self, door: Door, event: Tick | Bar, arrival_ns: int) -> str:
        """Hand *event* to *door*; return what is wrong with it, or nothing."""
        try:
            if isinstance(event, Tick) and event.ts_ns < self._oldest_ns:
                return _too_old(event.ts_ns)
            if self._clock_mode == "both":
                door.arrival_ns = arrival_ns
                door.limit_ns = arrival_ns + self._max_ahead_ns
                door.live_from_ns = arrival_ns - self._live_within_ns - self.config.delay_of(event.symbol)
            return REASONS[take(door, event)]
        except (MalformedEvent, TypeError, AttributeError, OverflowError) as error:
            return str(error)
        finally:
            door.arrival_ns, door.limit_ns, door.live_from_ns = NEVER_NS, TS_MAX_NS, NOT_LIVE

    async def clock(self, ts_ns: int) -> int:
        """Log a clock event, "it is *ts_ns* now", and return its seq: every bar that ends by then closes."""
        self._check_outside("push")
        await self._ready()
        if isinstance(ts_ns, bool) or not TS_MIN_NS <= ts_ns <= TS_MAX_NS:
            raise MalformedEvent(f"clock event at {ts_ns}: {REASONS[BAD_TIME]}")
        if self._clock_mode == "both" and ts_ns > self._wall.now_ns() + self._max_ahead_ns:
            raise MalformedEvent(
                f"clock event at {ts_ns}: more than max_ahead_ns ({self._max_ahead_ns}) ahead of the wall clock, and "
                "would make every tick until then late"
            )
        if self._window is not None:
            seq = await self._window.add("", ts_ns, ts_ns)
        else:
            self._door.clock(ts_ns)
            seq = self._source.next_seq - 1
        await self._source.flush(seq)
        return seq

    async def run(
        self, source: Any, *, order: str = BY_TIME, reorder_ns: int | None = None, sort: bool = False, **options: Any
    ) -> Summary:
        """Read *source* to its end, wait until every consumer has seen all of it, and return the summary.

        *source* is a path (with the options of `mtf.sources.open_source`), a `Source`, an iterable or async iterable of
        ticks, or a list of such, which are merged by time. With a data directory a source that was read before goes on
        where it was; an iterable only where it is given a `name=` to be known by.

        Finite sources are read in order of time: OutOfOrder where this one begins before what others have brought other
        symbols to, or while another is being read. With *order* `log` that is taken as it comes, and callbacks are
        refused what they could not have known. Each source's events are put in order within *reorder_ns* of event time
        (None: that of the pipeline), or with *sort* all of them, on disk, before the first one is logged.
        """
        self._check_outside("run")
        await self._ready()
        begun, seq = time.perf_counter(), self._source.next_seq
        if hasattr(source, "__aiter__"):
            if reorder_ns or sort or order != BY_TIME:
                raise ConfigError(
                    "reorder_ns, sort, order: an async iterable is pushed as it comes, in the order in which it comes; "
                    "give Pipeline(reorder_ns=) for a reorder window of pushes"
                )
            await self._run_feed(source)
        else:
            if reorder_ns is None:
                reorder_ns = 0 if sort else self._reorder_ns
            opened = open_given(source, options, resumable=self._datadir is not None, reorder_ns=reorder_ns, sort=sort)
            malformed, rejected = self._door.malformed, rejected_by(self._engine)
            try:
                await self._reading.read(opened, self._engine.joiner.states, order)
            finally:
                opened.close()
            await self.drain()
            malformed = self._door.malformed - malformed
            rows = Rows.of(opened.rows[0], rejected_by(self._engine) - rejected, malformed)
            self._rows = self._rows.and_those_of(rows)
            for sentence in opened.notes():
                self._notes.append(sentence)
        self._ended = True
        await self.drain()
        self._note_edges()
        return self.summary(seconds=time.perf_counter() - begun, new_events=self._source.next_seq - seq)

    async def replay(
        self,
        directory: str | os.PathLike[str],
        *,
        start: int = 1,
        until: int | None = None,
        until_ns: int | None = None,
        speed: float | None = None,
    ) -> Summary:
        """Play the log of a data directory through this pipeline: a new one of its configuration, on no disk.

        Consumers are shown the events from the seq *start* to *until*, with *until_ns* of each symbol none from its
        first accepted event on that is stamped later; with *speed*, that many seconds of event time in a second, else
        as fast as it goes. The digest is that of the original run.
        """
        self._check_outside("replay")
        if self._data is not None or self.seq or self._source.next_seq != 1:
            raise ConfigError("a replay needs a new pipeline without a data directory")
        begun = time.perf_counter()
        path = Path(directory)
        differences = self.config.differences(logged_config(path))
        if differences:
            raise ConfigMismatch(f"{path} was made with another configuration: {'; '.join(differences)}")
        self._keep_order(await asyncio.to_thread(order_of, path / LOG))
        if start > 1:
            self._adopt(await asyncio.to_thread(engine_at, path, seq=start - 1))
        if until_ns is not None:
            self._source.gate.horizon_ns = until_ns
        pace = None if speed is None else Pace(self._wall, speed)
        for block in logged_blocks(path, start, until):
            for piece in (block,) if pace is None else pace.pieces(block):
                if pace is not None:
                    await pace.wait(piece)
                await self._source.replay(piece)
                self._check()
            await asyncio.sleep(0)
        self._ended = True
        await self.drain()
        return self.summary(seconds=time.perf_counter() - begun, new_events=self.seq - start + 1)

    async def _run_feed(self, feed: Any) -> None:
        async for tick in feed:
            try:
                if self._window is None:
                    await self.push(tick)
                else:
                    self._check()
                    _ = self._window.add(tick.symbol, _stamp_of(tick), tick)
                    await self._source.flush(self._source.next_seq - 1)
            except MalformedEvent:
                continue  # counted and kept aside by push

    def _tell_time(self, end_ns: int) -> None:
        if self._state == "running" and self._supervisor.failure is None and not self._door.clock(end_ns, BY_TIMER):
            self._source.flush_now()
            self._source.wake()

    def _keep_aside(self, place: str, line: int, reason: str, raw: str) -> None:
        if self._datadir is not None:
            self._datadir.aside.keep(place, line, reason, raw)
        if self._datadir is None or len(self.malformed_rows) < MALFORMED_KEPT:
            self.malformed_rows.append((place, line, reason, raw))

    # State out.

    def snapshot(self, symbol: str) -> Snapshot:
        """Return every timeframe of *symbol* at one and the same seq; UnknownSymbol where none of its events was seen.

        LookAheadError inside a callback that is shown what was before the state of *symbol* (see `View.of`).
        Inside a callback that is the step being shown, elsewhere the newest published event. Any task may ask at any
        moment; nothing is awaited.
        """
        cursor = shown(self._engine.kept)
        if cursor is not None:
            number = cursor.number_of(symbol)
            check_not_ahead(cursor, self._engine.kept, number)
            return cursor.snapshot(number)
        if self._state == "new":
            raise self._supervisor.reason()
        engine = self._logged_engine()
        number = engine.number_of(symbol)
        if number < 0:
            raise UnknownSymbol(f"no event of {symbol!r} has been seen; there are {', '.join(self.symbols) or 'none'}")
        joiner = engine.joiner
        return Snapshot(engine.kept, joiner.states[number], joiner.seq, joiner.clock_of(number), self._ended)

    def state_at(self, symbol: str, *, seq: int | None = None, time_ns: int | None = None) -> Snapshot:
        """Return the snapshot of *symbol* as it was after the event *seq*, or at *time_ns*, from checkpoints and log.

        At a time: after the last event before the first accepted one that is stamped later. Blocks the loop for the
        length of a replay; ask `mtf.recovery.state_at` from a thread where that matters.
        """
        if self._data is None:
            raise ConfigError("without a data directory nothing of the past is kept: give the pipeline data=")
        found = state_at(self._data, symbol, seq=seq, time_ns=time_ns)
        if found is None:
            raise UnknownSymbol(f"no event of {symbol!r} had been seen then")
        return found

    async def checkpoint(self) -> int:
        """Write a checkpoint now and return its seq; ConfigError without a data directory."""
        self._check_outside("checkpoint")
        await self._ready()
        if self._checkpointer is None:
            raise ConfigError("without a data directory there is nothing to write a checkpoint to: give data=")
        self._checkpointer.engine = self._engine
        return await self._checkpointer.take()

    @property
    def skipped_checkpoints(self) -> list[Skipped]:
        """The checkpoints that this start could not use, and why."""
        if not self._wired or self._datadir is None:
            return []
        return [*self._datadir.discarded, *self._catchup.skipped]

    @property
    def torn_tail(self) -> TornTail | None:
        """What this start cut off the log's end, after a crash or a damage there; None: nothing."""
        return None if self._datadir is None else self._datadir.log.torn

    @property
    def notes(self) -> list[str]:
        """What a user should know of this start and run, each in a sentence."""
        found = list(self._notes)
        if self._wired:
            found = [*self._catchup.notes, *found]
        if self._datadir is not None:
            found = [*self._datadir.notes, *found]
        return found

    @property
    def symbols(self) -> list[str]:
        """The symbols seen so far, in order of appearance."""
        cursor = shown(self._engine.kept)
        if cursor is not None:
            return cursor.symbols()
        return [state.instrument.name for state in self._logged_engine().joiner.states]

    @property
    def worker_pids(self) -> list[int]:
        """The process ids of the workers."""
        team = self._wiring.team if self._wired else None
        return [] if team is None else [worker.pid for worker in team.workers]

    @property
    def seq(self) -> int:
        """The newest published event; the last one of the log, until the start has come there."""
        return self._engine.joiner.seq if self._caught_up() else self._catchup.seq

    @property
    def digest(self) -> str:
        """The digest of everything published so far."""
        return self._logged_engine().digest.value()

    @property
    def logged_seq(self) -> int:
        """The newest event that has its seq: in the log, where there is one, and perhaps not published yet."""
        if not self._wired:
            return 0
        return self._source.taken_seq if self._caught_up() else self._catchup.seq

    @property
    def durable_seq(self) -> int:
        """The newest event known to be synced; 0 without a data directory."""
        return 0 if self._writer is None else self._writer.durable_seq

    async def applied(self, seq: int) -> None:
        """Return once the event *seq* is visible in `snapshot()`."""
        self._check_outside("wait for what is applied")
        await self._ready()
        if self.seq >= seq:
            return
        await self._applied.wait(seq)

    async def durable(self, seq: int) -> None:
        """Return once the event *seq* is synced to disk; at once without a data directory."""
        self._check()
        if self._writer is not None:
            await self._writer.durable(seq)

    async def drain(self) -> None:
        """Return once every consumer has been shown all events so far, those held in the reorder window too."""
        self._check_outside("drain")
        await self._ready()
        if self._window is not None:
            self._window.flush()
        await self._mark("drain")

    def summary(self, *, seconds: float = 0.0, new_events: int = 0) -> Summary:
        """Return the counts so far, as of the newest published event."""
        malformed = self._door.malformed if self._wired else 0
        if self._datadir is not None:
            malformed += self._datadir.aside.before
        return Summary.of(
            self._logged_engine(),
            malformed,
            self._rows,
            order=self._order,
            seconds=seconds,
            new_events=new_events,
        )

    # Inside.

    def _note_edges(self) -> None:
        """Note what was rejected just beside a session: an auction, or a stamp on the very end."""
        for sentence in edge_notes(self._source.gate.edges()):
            if sentence not in self._notes:
                self._notes.append(sentence)

    def _rows_asked(self) -> bool:
        """Return whether live values of single rows are computed: always, or while a consumer is shown them."""
        return self.config.live == "each" or any(actor.shows_rows for actor in self._actors)

    def _on_published(self, frame: Frame) -> None:
        self._timer.published(frame, self._engine.joiner.states)
        if self._checkpointer is not None:
            self._checkpointer.published(frame)
        self._applied.reached(frame.last_seq)

    async def _mark(self, kind: str, timeout_ns: int | None = None) -> tuple[Marker, list[str]]:
        """Send a marker through all actors; return it and the consumers that took longer than *timeout_ns* over it."""
        self._check()
        marker = Marker(kind, self._source.next_seq - 1)
        self._source.mark(marker)
        return marker, await self._markings.closed(marker, timeout_ns)

    def _on_passed(self, marker: Marker) -> None:
        self._markings.passed(marker, self._actors)


def _too_old(ts_ns: int) -> str:
    """Return what is wrong with a live stamp before `oldest_ns`, with the unit that it seems to be in."""
    units = (("seconds", 1_000_000_000), ("milliseconds", 1_000_000), ("microseconds", 1_000))
    likely = next((name for name, ns in units if OLDEST_NS <= ts_ns * ns <= TS_MAX_NS), "")
    read = datetime.datetime.fromtimestamp(ts_ns / 1e9, datetime.UTC).date() if ts_ns >= 0 else "before 1970"
    likely = likely or _date_in(str(ts_ns))
    hint = f"the number looks like {likely}: " if likely else ""
    return (
        f"stamped {ts_ns}, which is {read}; {hint}ts_ns is in nanoseconds since 1970; "
        "give the pipeline oldest_ns= if it is right"
    )


def _date_in(digits: str) -> str:
    """Return the date of our times that *digits* begin with, as `20231116093000000` does; empty for none."""
    try:
        date = datetime.date.fromisoformat(digits[:8])
    except ValueError:
        return ""
    return f"the date {date}" if 1980 <= date.year <= 2261 else ""


def _stamp_of(event: Tick | Bar) -> int:
    """Return the time that *event* is put in order by: of a bar its end, at which it is known."""
    return event.ts_ns if isinstance(event, Tick) else event.end_ns - 1
