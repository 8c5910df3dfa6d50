"""The pipeline: actors wired to one another, and what its user holds in hand.

Owns the life cycle (open, recover, run, drain, stop) and nothing of what the cores compute. Whatever fails in an actor
stops it with the reason; the log stays valid.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from mtf.actors.actor import Actor, Marker
from mtf.actors.bars import BarStream
from mtf.actors.consumer import Consumer, ConsumerActor, shown
from mtf.actors.cores import AggregatorActor, IndicatorActor, Synchronizer
from mtf.actors.source import SourceActor
from mtf.actors.timer import GRACE_NS, BarTimer
from mtf.clock import SystemClock, WallClock
from mtf.config import Config, IndicatorSpecs
from mtf.datadir import DataDir
from mtf.engine import Engine
from mtf.errors import (
    ActorFailed,
    ConfigError,
    MalformedEvent,
    PipelineStopped,
    PushInCallback,
    UnknownSymbol,
)
from mtf.events.block import BLOCK_EVENTS_MAX, SymbolTable
from mtf.events.door import REASONS, TS_MAX_NS, Door
from mtf.events.tick import Tick
from mtf.frames.cursor import Cursor
from mtf.frames.frame import Frame
from mtf.frames.snapshot import Snapshot
from mtf.sources.source import Source
from mtf.summary import Summary
from mtf.timeframe import DEFAULT_TIMEFRAMES, Timeframe

__all__ = ["Pipeline"]

BLOCK_EVENTS: Final = 1024
MAX_AHEAD_NS: Final = 60_000_000_000
YIELD_EVERY_S: Final = 0.002  # how long a source may be read before other tasks get their turn
CLOCKS: Final = ("both", "ticks")


class Pipeline:
    """Keeps every timeframe of every symbol in one consistent state, at every tick.

    `async with` starts and stops it. With *data*, a directory, all that comes in is logged there and a next start goes
    on from it; None keeps nothing on disk. Settings that decide results are those of `mtf.Config`; *config* gives
    them as one. *durability* names what can be lost (`each`, `group`, `os`), *block_events* bounds how many events
    go through the actors at once, *clock* is `both` where the wall clock closes bars too in live use, else `ticks`.
    """

    def __init__(
        self,
        *,
        data: str | os.PathLike[str] | None = None,
        timeframes: Iterable[str | Timeframe] = DEFAULT_TIMEFRAMES,
        calendar: Any = "fx",
        price: str = "auto",
        closed: str = "reject",
        late: str = "reject",
        history: int = 1000,
        indicators: IndicatorSpecs = None,
        live: str = "each",
        config: Config | None = None,
        durability: str = "group",
        block_events: int = BLOCK_EVENTS,
        max_ahead_ns: int = MAX_AHEAD_NS,
        clock: str = "both",
        grace_ns: int = GRACE_NS,
        wall: WallClock | None = None,
        strict: bool = False,
    ) -> None:
        if not 1 <= block_events <= BLOCK_EVENTS_MAX:
            raise ConfigError(f"block_events is {block_events}: use 1 to {BLOCK_EVENTS_MAX}")
        if clock not in CLOCKS:
            raise ConfigError(f"clock is {clock!r}: it is one of {', '.join(CLOCKS)}")
        self.config: Final = config or Config.make(
            timeframes=timeframes,
            calendar=calendar,
            price=price,
            closed=closed,
            late=late,
            history=history,
            live=live,
            indicators=indicators,
        )
        self._data: Final = None if data is None else Path(data)
        self._durability: Final = durability
        self._block_events: Final = block_events
        self._max_ahead_ns: Final = max_ahead_ns
        self._clock_mode: Final = clock
        self._grace_ns: Final = grace_ns
        self._wall: Final[WallClock] = wall or SystemClock()
        self._strict: Final = strict
        self._consumers: list[Consumer] = []  # added before the start
        self._actors: list[ConsumerActor] = []  # of the consumers, in the order in which they were added
        self._tasks: dict[Actor, asyncio.Task[None]] = {}
        self._cores: list[Actor] = []
        self._group: asyncio.TaskGroup | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None  # why it stopped, if not by its user
        self._state = "new"  # new, running, stopped
        self._applied: list[tuple[int, asyncio.Future[None]]] = []  # who waits for a seq to be published
        self._marking: dict[Marker, tuple[int, asyncio.Future[None]]] = {}  # consumers that have not answered yet
        self._recovering: asyncio.Task[None] | None = None  # brings the state up to the end of the log
        self._ahead: Engine | None = None  # the state at the end of the log, while consumers are not there yet
        self._ended = False  # the last source has come to its end, and nothing was pushed since

    # Life cycle.

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise PipelineStopped("a pipeline is started once: make a new one")
        engine = self._engine = Engine(self.config)
        datadir = self._datadir = None if self._data is None else DataDir.open(self._data, self.config)
        last_seq = 0
        symbols = SymbolTable()
        if datadir is not None:
            last_seq = datadir.log.last_seq
            symbols = SymbolTable(datadir.log.symbols)
        self._recovered_seq = last_seq
        self._recovered = last_seq == 0
        self._door = Door(symbols, aside=self._keep_aside, strict=self._strict)
        self._writer = None if datadir is None else datadir.writer(self._durability, self._writer_failed)
        self._wire(engine, last_seq)
        self._timer = BarTimer(self._wall, engine.joiner.states, self._tell_time, self._grace_ns)
        self._stop = asyncio.Event()
        started = asyncio.Event()
        self._supervisor = asyncio.create_task(self._supervise(started), name="mtf supervisor")
        await started.wait()
        self._state = "running"
        if datadir is not None:
            self.add(datadir.history())
        for consumer in self._consumers:
            self._attach(consumer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and self._failure is None:
                await self._ready()
                await self._mark("stop")
        finally:
            await self._shut()
        if error is None and self._failure is not None:
            raise self._stopped()

    async def _shut(self) -> None:
        """End all tasks and close the log; whatever happened."""
        self._state = "stopped"
        for consumer in self._consumers:
            if isinstance(consumer, BarStream):
                consumer.end()
        self._timer.disarm()
        self._stop.set()
        if self._supervisor is not None:
            await asyncio.wait([self._supervisor])
        try:
            if self._writer is not None:
                await self._writer.close()
        finally:
            if self._datadir is not None:
                await self._datadir.close()
            self._release(PipelineStopped("the pipeline has stopped"))

    def _wire(self, engine: Engine, last_seq: int) -> None:
        """Make the actors and connect them: source, aggregators, indicators, synchronizer."""
        self._source = SourceActor(self._door, engine.gate, self._writer, last_seq, self._on_logged)
        self._synchronizer = Synchronizer(engine.joiner, engine.digest, len(engine.aggregators), self._on_published)
        cores: list[Actor] = [self._source, self._synchronizer]
        for aggregator, bank in zip(engine.aggregators, engine.banks, strict=True):
            bars = AggregatorActor(aggregator)
            values = IndicatorActor(aggregator.timeframe.name, bank)
            self._source.outlets.append(bars)
            bars.outlets.append(values)
            values.outlets.append(self._synchronizer)
            cores += [bars, values]
        for actor in cores:
            actor.on_failure = self._fail
        self._cores = cores

    async def _supervise(self, started: asyncio.Event) -> None:
        """Own the actors' tasks, until the stop or the first failure."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for actor in self._cores:
                    self._launch(actor)
                started.set()
                await self._stop.wait()
                for task in self._tasks.values():
                    task.cancel()
        except BaseExceptionGroup as errors:
            if self._failure is None:
                self._failure = errors.exceptions[0]
            self._release(self._stopped())
        finally:
            self._group = None

    def _launch(self, actor: Actor) -> None:
        assert self._group is not None, "actors run in the supervisor's group"
        self._tasks[actor] = self._group.create_task(self._run(actor), name=f"mtf {actor.name}")

    async def _run(self, actor: Actor) -> None:
        try:
            await actor.run()
        except Exception as error:
            self._fail(actor, error)

    def _fail(self, actor: Actor | None, error: BaseException) -> None:
        """Stop because of *error*: nothing more is handled, and whoever waits is told."""
        if self._failure is None:
            if actor is None or isinstance(error, PipelineStopped):
                self._failure = error
            else:
                failed = ActorFailed(f"{actor.name} failed: {error!r}", actor=actor.name)
                failed.__cause__ = error
                self._failure = failed
        self._stop.set()
        self._release(self._stopped())

    def _writer_failed(self, error: BaseException) -> None:
        self._fail(None, error)

    def _stopped(self) -> BaseException:
        """Return what to raise now that the pipeline does not run."""
        failure = self._failure
        if failure is None:
            return PipelineStopped("the pipeline does not run: use it inside `async with`")
        if isinstance(failure, PipelineStopped):
            return failure
        stopped = PipelineStopped(f"the pipeline has stopped: {failure}")
        stopped.__cause__ = failure
        return stopped

    def _release(self, error: BaseException) -> None:
        """Let everyone go who waits for something that will not come."""
        self._source.fail_waiters(error)
        waiting = [waiter for _, waiter in self._applied] + [waiter for _, waiter in self._marking.values()]
        self._applied.clear()
        self._marking.clear()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # nobody may be waiting any more: that is no error of its own

    def _check(self) -> None:
        if self._state != "running" or self._failure is not None:
            raise self._stopped()

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

    def _attach(self, consumer: Consumer) -> ConsumerActor:
        joiner = self._engine.joiner
        cursor = Cursor(self._engine.kept, joiner.states, joiner.clock_ns, joiner.seq, self._recovered_seq)
        actor = ConsumerActor(consumer, self._engine.kept, cursor, self._answered)
        if any(actor.consumer_name == other.consumer_name for other in self._actors):
            raise ConfigError(f"there is a consumer {actor.consumer_name!r} already: give each its own name")
        actor.on_failure = self._fail
        self._actors.append(actor)
        self._synchronizer.outlets.append(actor)
        self._launch(actor)
        return actor

    def bars(self, timeframe: str | Timeframe, *, symbol: str | None = None, limit: int = 1024) -> AsyncIterator[Any]:
        """Return the completed bars of a timeframe from now on, of one symbol or all, as an async iterator.

        At most *limit* bars wait to be read; then the pipeline waits for the reader. Ends when the pipeline stops.
        """
        kept = self.config.timeframes[self.config.timeframes.index(timeframe)]
        stream = BarStream(kept, symbol, limit)
        self.add(stream)
        return stream

    # Events in.

    async def push(self, tick: Tick) -> int:
        """Log *tick*, as the durability mode promises, and return its seq.

        MalformedEvent where it is no tick (it is counted and has no seq); PushInCallback inside a callback of this
        pipeline; PipelineStopped once the pipeline has stopped.
        """
        if self._state != "running" or self._failure is not None:
            raise self._stopped()
        if shown(self._engine.kept) is not None:
            raise PushInCallback("a callback cannot push: the event would come before what is shown; use a task")
        if not self._recovered:
            await self._ready()
        source = self._source
        door = self._door
        while door.count >= self._block_events:
            await source.flush(source.next_seq - 1)
        if self._clock_mode == "both":
            door.limit_ns = self._wall.now_ns() + self._max_ahead_ns
        code = door.tick(tick)
        door.limit_ns = TS_MAX_NS
        if code:
            self._malformed("push", door.malformed + 1, REASONS[code], repr(tick))
            raise MalformedEvent(f"{tick!r}: {REASONS[code]}")
        self._ended = False
        seq = source.next_seq - 1
        await source.flush(seq)
        if self._clock_mode == "both":
            self._timer.arm()
        return seq

    async def clock(self, ts_ns: int) -> int:
        """Log a clock event, "it is *ts_ns* now", and return its seq: every bar that ends by then closes."""
        self._check()
        if shown(self._engine.kept) is not None:
            raise PushInCallback("a callback cannot push: the event would come before what is shown; use a task")
        await self._ready()
        code = self._door.clock(ts_ns)
        if code:
            raise MalformedEvent(f"clock event at {ts_ns}: {REASONS[code]}")
        seq = self._source.next_seq - 1
        await self._source.flush(seq)
        return seq

    async def run(self, source: Any, **options: Any) -> Summary:
        """Read *source* to its end, wait until every consumer has seen all of it, and return the summary.

        *source* is a path (with the options of `mtf.sources.open_source`), a `Source`, or an iterable or async iterable
        of ticks. With a data directory a source that was read before goes on where it was.
        """
        self._check()
        await self._ready()
        if hasattr(source, "__aiter__"):
            await self._run_feed(source)
        else:
            opened = source if isinstance(source, Source) else _open(source, options)
            try:
                await self._run_source(opened)
            finally:
                opened.close()
        self._ended = True
        await self.drain()
        return self.summary()

    async def _run_source(self, source: Source) -> None:
        loop = asyncio.get_running_loop()
        actor, door = self._source, self._door
        resumed = self._resume(source)
        turn_s = loop.time()
        more = True
        while more:
            if door.count:
                await actor.flush(actor.next_seq - 1)
            more = source.fill(door, self._block_events)
            if not door.count:
                continue
            if resumed is not None:
                actor.positions[source.name] = {"identity": resumed, "position": source.position()}
            self._ended = False
            if not actor.flush_now():
                await actor.flush(actor.next_seq - 1)
            if self._failure is not None:
                raise self._stopped()
            if loop.time() - turn_s > YIELD_EVERY_S:
                await asyncio.sleep(0)
                turn_s = loop.time()

    def _resume(self, source: Source) -> dict[str, Any] | None:
        """Put *source* where the log says it was; return its identity, None where positions are not kept."""
        if self._datadir is None:
            return None
        identity = source.identity()
        self._datadir.resume(source, identity)
        return identity

    async def _run_feed(self, feed: Any) -> None:
        async for tick in feed:
            try:
                await self.push(tick)
            except MalformedEvent:
                continue  # counted and kept aside by push

    def _tell_time(self, end_ns: int) -> None:
        if self._state == "running" and self._failure is None and not self._door.clock(end_ns):
            self._source.flush_now()
            self._source.wake()

    def _malformed(self, place: str, line: int, reason: str, raw: str) -> None:
        self._door.refuse(place, line, reason, raw)

    def _keep_aside(self, place: str, line: int, reason: str, raw: str) -> None:
        if self._datadir is not None:
            self._datadir.keep_aside(place, line, reason, raw)

    # State out.

    def snapshot(self, symbol: str) -> Snapshot:
        """Return every timeframe of *symbol* at one and the same seq; UnknownSymbol where none of its events was seen.

        Inside a callback that is the step being shown, elsewhere the newest published event. Any task may ask at any
        moment; nothing is awaited.
        """
        cursor = shown(self._engine.kept)
        if cursor is not None:
            return cursor.snapshot(cursor.number_of(symbol))
        if not self._recovered:
            return self._logged_snapshot(symbol)
        joiner = self._engine.joiner
        number = self._engine.number_of(symbol)
        if number < 0:
            raise UnknownSymbol(f"no event of {symbol!r} has been seen; there are {', '.join(self.symbols) or 'none'}")
        return Snapshot(self._engine.kept, joiner.states[number], joiner.seq, joiner.clock_ns, self._ended)

    @property
    def symbols(self) -> list[str]:
        """The symbols seen so far, in order of appearance."""
        return [state.instrument.name for state in self._engine.joiner.states]

    @property
    def seq(self) -> int:
        """The newest published event."""
        return self._engine.joiner.seq

    @property
    def digest(self) -> str:
        """The digest of everything published so far."""
        return self._engine.digest.value()

    @property
    def durable_seq(self) -> int:
        """The newest event known to be synced; 0 without a data directory."""
        return 0 if self._writer is None else self._writer.durable_seq

    async def applied(self, seq: int) -> None:
        """Return once the event *seq* is visible in `snapshot()`."""
        self._check()
        await self._ready()
        if self.seq >= seq:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._applied.append((seq, waiter))
        await waiter

    async def durable(self, seq: int) -> None:
        """Return once the event *seq* is synced to disk; at once without a data directory."""
        self._check()
        if self._writer is not None:
            await self._writer.durable(seq)

    async def drain(self) -> None:
        """Return once every consumer has been shown all events so far."""
        self._check()
        await self._ready()
        await self._mark("drain")

    def summary(self) -> Summary:
        """Return the counts so far."""
        return Summary.of(self._engine, self._door.malformed)

    # Inside.

    def _on_logged(self) -> None:
        """A block is in the log and sent."""

    def _on_published(self, frame: Frame) -> None:
        self._timer.published(frame)
        if self._applied:
            seq = frame.last_seq
            waiting = self._applied
            self._applied = [entry for entry in waiting if entry[0] > seq]
            for wanted, waiter in waiting:
                if wanted <= seq and not waiter.done():
                    waiter.set_result(None)

    async def _mark(self, kind: str) -> Marker:
        """Send a marker through all actors and return it once every consumer has answered."""
        marker = Marker(kind, self._source.next_seq - 1)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._actors:
            # nobody hears the synchronizer: what counts is that everything is published
            await self._source.flush(marker.seq)
            await self.applied(marker.seq)
            return marker
        self._marking[marker] = (len(self._actors), waiter)
        self._source.mark(marker)
        await waiter
        return marker

    def _answered(self, actor: ConsumerActor, marker: Marker) -> None:
        missing, waiter = self._marking[marker]
        if missing > 1:
            self._marking[marker] = (missing - 1, waiter)
            return
        del self._marking[marker]
        if not waiter.done():
            waiter.set_result(None)

    async def _ready(self) -> None:
        """Bring the state up to the end of the log, showing consumers what was logged before this start."""
        if self._recovered:
            return
        if self._recovering is None:
            self._recovering = asyncio.create_task(self._recover(), name="mtf recovery")
        await asyncio.shield(self._recovering)

    async def _recover(self) -> None:
        assert self._datadir is not None, "only what is on disk is recovered"
        gate = self._engine.gate
        for logged in self._datadir.log.read(self._engine.joiner.seq + 1):
            judged = gate.judge(logged.block)
            for outlet in self._source.outlets:
                await outlet.send(judged)
            await asyncio.sleep(0)
        self._recovered = True
        await self._mark("drain")

    def _logged_snapshot(self, symbol: str) -> Snapshot:
        """Return the state at the end of the log, before consumers have been brought there."""
        if self._ahead is None:
            assert self._datadir is not None, "only what is on disk is recovered"
            engine = Engine(self.config)
            for logged in self._datadir.log.read():
                engine.step(logged.block)
            self._ahead = engine
        number = self._ahead.number_of(symbol)
        if number < 0:
            raise UnknownSymbol(f"no event of {symbol!r} has been seen")
        return self._ahead.snapshot(number)


def _open(source: Any, options: dict[str, Any]) -> Source:
    from mtf.sources import open_source

    return open_source(source, **options)
