"""Laws of several symbols in live use: each feed has a delay and a disorder of its own, the wall clock closes bars, and
the pipeline is closed or killed in between.

What is known when is then the order of arrival, which is that of the log.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mtf
from tests.builders import at, copy_if_there
from tests.fake_clock import FakeClock

START_NS: Final = at("10:00")
MS_NS: Final = 1_000_000
GRACE_MS: Final = 500
WINDOW_MS: Final = 2_000  # longer than the lags of a feed in time differ
END_MS: Final = 4 * 3_600_000
TIMEFRAMES: Final = ("1m", "5m")
MANY = settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])


@dataclass(frozen=True)
class Feed:
    """A symbol's ticks: the ms after the start that each is stamped, and how much it lags behind that and the delay."""

    symbol: str
    delay_ms: int
    said: bool  # in the settings of the pipeline
    ticks: tuple[tuple[int, int], ...]

    @property
    def said_ms(self) -> int:
        return self.delay_ms if self.said else 0


@dataclass(frozen=True)
class Stop:
    """The pipeline is closed, or killed, before the arrival number *before*, and starts again so much later."""

    before: int
    kill: bool
    pause_ms: int


@dataclass(frozen=True)
class Arrival:
    ms: int
    feed: Feed
    stamp_ms: int
    number: int  # which the price tells

    @property
    def tick(self) -> mtf.Tick:
        return mtf.Tick(self.feed.symbol, START_NS + self.stamp_ms * MS_NS, price=1.0 + self.number, size=1.0)


@st.composite
def feeds(draw: st.DrawFn) -> list[Feed]:
    """Draw four feeds: two in time, one late without a word, and one that is late now and then."""
    found = []
    for number, kind in enumerate(("in time", "in time", "late", "mixed")):
        delay_ms = draw(st.sampled_from((0, 1_000, 900_000) if kind == "in time" else (2_000, 900_000)))
        lags = st.sampled_from((0, 0, 50, GRACE_MS) if kind == "in time" else (0, 0, 1_000, 70_000))
        stamp_ms = 0
        ticks = []
        for _ in range(draw(st.integers(1, 8))):
            stamp_ms += draw(st.sampled_from((0, 100, 300, 5_000, 20_000, 60_000, 61_000, 200_000)))
            ticks.append((stamp_ms, draw(lags)))
        found.append(Feed(f"S{number}", delay_ms, kind != "late" and delay_ms > 0, tuple(ticks)))
    return found


stops = st.lists(
    st.builds(Stop, st.integers(0, 25), st.booleans(), st.sampled_from((0, 300, 3_000, 90_000))),
    max_size=2,
    unique_by=lambda stop: stop.before,
)


def arrivals_of(market: Sequence[Feed]) -> list[Arrival]:
    """Return the ticks of all feeds in the order in which they come."""
    comes = sorted(
        (stamp_ms + feed.delay_ms + lag_ms, number, place, stamp_ms)
        for number, feed in enumerate(market)
        for place, (stamp_ms, lag_ms) in enumerate(feed.ticks)
    )
    return [Arrival(ms, market[number], stamp_ms, place) for place, (ms, number, _, stamp_ms) in enumerate(comes)]


class Reaches(mtf.Consumer):
    """Asks for all that it can reach, at each step, and keeps which prices it found there."""

    def __init__(self, pipeline: mtf.Pipeline, course: Course) -> None:
        self.pipeline = pipeline
        self.course = course
        self.over = False  # its pipeline was killed

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self._look(view)

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        if not self.over:
            self.course.accepted[view.seq] = tick
        self._look(view)

    def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        assert reason == "late"
        if not self.over and tick is not None:
            self.course.late[view.seq] = tick
        self._look(view)

    def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        self._look(view)

    def _look(self, view: mtf.View) -> None:
        if self.over:
            return
        for symbol in view.symbols:
            for snapshot in (self.pipeline.snapshot(symbol), view.of(symbol).snapshot()):
                assert snapshot.seq <= view.seq
                for timeframe in TIMEFRAMES:
                    state = snapshot[timeframe]
                    seen = [*state.bars[-2:], *([state.partial] if state.partial else [])]
                    prices = {price for bar in seen for price in (bar.open, bar.high, bar.low, bar.close)}
                    self.course.reached.append((view.seq, view.closing, prices))


@dataclass
class Course:
    """What became of a market in one course of events."""

    accepted: dict[int, mtf.Tick] = field(default_factory=dict)  # by seq
    late: dict[int, mtf.Tick] = field(default_factory=dict)
    reached: list[tuple[int, bool, set[float]]] = field(default_factory=list)  # seq of a step, closing, prices seen
    lagged: dict[str, set[bool]] = field(default_factory=dict)  # by symbol: whether ticks came too late to be live
    overdue: list[str] = field(default_factory=list)  # bars that no clock event closed in time
    bars: dict[tuple[str, str], list[mtf.Bar]] = field(default_factory=dict)  # completed ones, at the end
    digest: str = ""
    data: Path | None = None  # the directory of the last pipeline

    def in_time(self, symbol: str) -> bool:
        return self.lagged[symbol] == {False}

    def in_time_or_never(self, symbol: str) -> bool:
        """Whether the wall clock must not make a tick of *symbol* late: all came in time, or none was live."""
        return len(self.lagged[symbol]) < 2

    @property
    def seqs(self) -> dict[float, int]:
        """The seq of each tick by its price."""
        return {tick.price: seq for seq, tick in (*self.accepted.items(), *self.late.items()) if tick.price is not None}


class Driver:
    """Pushes a market at the wall times at which it comes, through one pipeline after the other on one directory."""

    def __init__(self, folder: Path | None, market: Sequence[Feed], window: bool, block_events: int) -> None:
        self._folder = folder  # None: on no disk, and never stopped
        self._delays = {feed.symbol: feed.said_ms for feed in market}
        self._wait_ms = GRACE_MS + (WINDOW_MS if window else 0)
        self._settings: dict[str, Any] = {
            "reorder_ns": WINDOW_MS * MS_NS if window else 0,
            "delay_ns": {symbol: ms * MS_NS for symbol, ms in self._delays.items()},
            "block_events": block_events,
        }
        self._wall = FakeClock(START_NS)
        self._lives = 0
        self._begun_seq = 0  # the last event of the lives before
        self._waiting: dict[asyncio.Task[int], Arrival] = {}  # pushes that have not returned
        self.course = Course(data=folder and folder / "0", lagged={symbol: set() for symbol in self._delays})

    async def run(self, arrivals: Sequence[Arrival], stops: Sequence[Stop]) -> Course:
        await self._start()
        try:
            await self._drive(arrivals, stops)
        except BaseException as error:
            await self._pipeline.__aexit__(type(error), error, None)
            raise
        await self._pipeline.__aexit__(None, None, None)
        return self.course

    async def _drive(self, arrivals: Sequence[Arrival], stops: Sequence[Stop]) -> None:
        by_place = {stop.before: stop for stop in stops}
        for place, arrival in enumerate(arrivals):
            if place in by_place:
                await self._restart(by_place[place])
            await self._go_to(START_NS + arrival.ms * MS_NS)
            self._push(arrival)
            if place + 1 == len(arrivals) or arrivals[place + 1].ms > arrival.ms:  # others come at the same instant
                await self._settle()
        await self._go_to(START_NS + END_MS * MS_NS)
        await asyncio.gather(*self._waiting)
        closed = asyncio.create_task(self._pipeline.clock(START_NS + END_MS * MS_NS))
        await self._let_go()  # a clock event waits in the window too
        await closed
        await self._pipeline.drain()
        for symbol in self._pipeline.symbols:
            for timeframe in TIMEFRAMES:
                self.course.bars[symbol, timeframe] = list(self._pipeline.snapshot(symbol)[timeframe].bars)
        self.course.digest = self._pipeline.digest

    async def _start(self) -> None:
        self._pipeline = pipeline(self.course.data, wall=self._wall, **self._settings)
        self._reaches = Reaches(self._pipeline, self.course)
        self._pipeline.add(self._reaches)
        await self._pipeline.__aenter__()
        await self._pipeline.drain()
        self._begun_seq = self._pipeline.logged_seq

    async def _restart(self, stop: Stop) -> None:
        again: list[Arrival] = []
        assert self._folder is not None
        assert self.course.data is not None
        if stop.kill:
            again = [arrival for task, arrival in self._waiting.items() if not task.done()]
            self._lives += 1
            shutil.copytree(self.course.data, self._folder / str(self._lives), copy_function=copy_if_there)
            self.course.data = self._folder / str(self._lives)
            self._reaches.over = True
        await self._let_go()
        await self._pipeline.__aexit__(None, None, None)
        await asyncio.gather(*self._waiting)
        self._waiting.clear()
        self._wall.pass_ns(stop.pause_ms * MS_NS)  # nothing is there to have a turn
        await self._start()
        for arrival in again:
            self._push(arrival)
        await self._settle()

    async def _let_go(self) -> None:
        """Release what is held in the window."""
        await self._settle()
        await self._go_to(self._wall.now_ns() + self._settings["reorder_ns"])

    def _push(self, arrival: Arrival) -> None:
        lag_ms = (self._wall.now_ns() - START_NS) // MS_NS - arrival.stamp_ms - arrival.feed.said_ms
        self.course.lagged[arrival.feed.symbol].add(lag_ms > GRACE_MS)
        self._waiting[asyncio.create_task(self._pipeline.push(arrival.tick))] = arrival

    async def _go_to(self, ts_ns: int) -> None:
        """Let the time pass until *ts_ns*, with a turn for everybody whenever a timer is due."""
        while (due_ns := self._wall.due_ns()) is not None and due_ns <= ts_ns:
            self._wall.go_to(max(due_ns, self._wall.now_ns()))
            await self._settle()
        self._wall.go_to(max(ts_ns, self._wall.now_ns()))
        await self._settle()

    async def _settle(self) -> None:
        """Let pushes and the timer do what they can at this instant."""
        for _ in range(4):
            for _ in range(6):
                await asyncio.sleep(0)
            await self._pipeline.applied(self._pipeline.logged_seq)
            self._wall.pass_ns(0)
        self._look_for_overdue()

    def _look_for_overdue(self) -> None:
        if self._pipeline.logged_seq == self._begun_seq:
            return  # use is live from the first event that comes
        for symbol in self._pipeline.symbols:
            if not self.course.in_time(symbol):
                continue
            for timeframe in TIMEFRAMES:
                partial = self._pipeline.snapshot(symbol)[timeframe].partial
                due_ns = partial.end_ns + (self._delays[symbol] + self._wait_ms) * MS_NS if partial else 0
                if partial and due_ns <= self._wall.now_ns():
                    self.course.overdue.append(f"{symbol} {timeframe} {partial.end_ns} at {self._wall.now_ns()}")


def pipeline(data: Path | None, **settings: Any) -> mtf.Pipeline:
    return mtf.Pipeline(
        data=data,
        calendar="crypto",
        timeframes=TIMEFRAMES,
        durability="os",
        checkpoint_events=7,
        checkpoint_seconds=None,
        **settings,
    )


async def alone(course: Course, symbol: str) -> dict[tuple[str, str], list[mtf.Bar]]:
    """Return the completed bars of the accepted ticks of *symbol*, and of nothing else."""
    ticks = [tick for _, tick in sorted(course.accepted.items()) if tick.symbol == symbol]
    async with mtf.Pipeline(calendar="crypto", timeframes=TIMEFRAMES, clock="ticks") as p:
        await p.run(ticks)
        await p.clock(START_NS + END_MS * MS_NS)
        await p.drain()
        return {(symbol, timeframe): list(p.snapshot(symbol)[timeframe].bars) for timeframe in TIMEFRAMES}


def newest_before(course: Course, seq: int, symbol: str) -> int:
    """Return the latest stamp among the ticks of *symbol* that were accepted before the event *seq*."""
    return max((tick.ts_ns for at, tick in course.accepted.items() if at < seq and tick.symbol == symbol), default=0)


@MANY
@given(market=feeds(), stops=stops, window=st.booleans(), block_events=st.sampled_from((1, 3)))
def test_live_symbols_are_as_of_their_arrival(
    market: list[Feed], stops: list[Stop], window: bool, block_events: int
) -> None:
    """Nothing that came later is reached, nothing is lost that came in time, and all of it is a function of the log."""
    arrivals = arrivals_of(market)

    async def check(folder: Path) -> None:
        course = await Driver(folder / "a", market, window, 1024).run(arrivals, stops)
        seqs = course.seqs
        assert sorted(seqs) == [1.0 + number for number in range(len(arrivals))], "each tick is in the log once"

        ahead = [
            (seq, price)
            for seq, closing, prices in course.reached
            for price in prices
            if seqs[price] > seq or (closing and seqs[price] == seq)
        ]
        assert ahead == []

        for feed in market:
            late = {seq: tick for seq, tick in course.late.items() if tick.symbol == feed.symbol}
            if course.in_time_or_never(feed.symbol):
                assert all(tick.ts_ns < newest_before(course, seq, feed.symbol) for seq, tick in late.items())
            if course.in_time(feed.symbol) and window and not stops:
                assert late == {}
            assert await alone(course, feed.symbol) == {
                key: bars for key, bars in course.bars.items() if key[0] == feed.symbol
            }
        assert course.overdue == []

        other = await Driver(folder / "b" if stops else None, market, window, block_events).run(arrivals, stops)
        assert (other.digest, other.accepted, other.late) == (course.digest, course.accepted, course.late)
        async with pipeline(None, delay_ns={feed.symbol: feed.said_ms * MS_NS for feed in market}) as p:
            assert course.data is not None
            assert (await p.replay(course.data)).digest == course.digest

    with tempfile.TemporaryDirectory() as name:
        asyncio.run(check(Path(name)))


async def test_a_push_that_is_held_returns_once_it_was_let_go() -> None:
    """Draining releases it before its time, and so does closing."""
    wall = FakeClock(START_NS)
    async with pipeline(None, wall=wall, reorder_ns=WINDOW_MS * MS_NS) as p:
        pushed = asyncio.create_task(p.push(mtf.Tick("A", START_NS, price=1.0)))
        await asyncio.sleep(0)
        await p.drain()
        for _ in range(100):
            await asyncio.sleep(0)
        done = pushed.done()
        pushed.cancel()
        assert (p.seq, done) == (1, True)
