"""In live use the wall clock closes bars: at their own end, a grace later, in a silent market; and nowhere else."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import MalformedEvent
from mtf.storage.history.store import HistoryStore
from tests.actors.loops import LOOPS, on_loop
from tests.builders import at, copy_if_there, ticks
from tests.fake_clock import FakeClock

SECOND_NS = 1_000_000_000
GRACE_NS = 500_000_000


def live(wall: FakeClock, **settings: Any) -> mtf.Pipeline:
    return mtf.Pipeline(**{"calendar": "crypto", "timeframes": ["1m", "5m"], "wall": wall, **settings})


class Closed(mtf.Consumer):
    """Writes down bars and clock events, with what they say of time."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        assert view.time_ns == bar.end_ns
        self.told.append(f"{bar.symbol} {bar.timeframe} {clock(bar.end_ns)}")

    def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        self.told.append(f"clock {clock(ts_ns)}")

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.told.append(f"tick {clock(tick.ts_ns)}")

    def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        self.told.append(f"{reason} {'clock' if tick is None else clock(tick.ts_ns)}")


def clock(ts_ns: int) -> str:
    minutes, rest_ns = divmod(ts_ns - at("00:00"), 60 * SECOND_NS)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest_ns / SECOND_NS:06.3f}".removesuffix(":00.000")


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(30):
        await asyncio.sleep(0)


async def push(p: mtf.Pipeline, wall: FakeClock, text: str) -> None:
    """Push each tick of *text* at the wall time of its stamp."""
    for tick in ticks(text):
        wall.go_to(max(tick.ts_ns, wall.now_ns()))
        await p.push(tick)


@pytest.mark.parametrize("loop", LOOPS)
def test_bars_close_in_a_silent_market_at_their_end_a_grace_later(loop: str) -> None:
    """One clock event an end, stamped with the end itself; once nothing forms there is nothing to wait for."""
    wall = FakeClock(at("10:00"))
    closed = Closed()

    async def main() -> None:
        async with live(wall) as p:
            p.add(closed)
            await push(p, wall, "10:00:10@1")
            wall.go_to(at("10:01") + GRACE_NS - 1)
            await settle()
            assert closed.told == ["tick 10:00:10.000"]
            wall.pass_ns(1)
            await settle()
            assert closed.told[1:] == ["EURUSD 1m 10:01", "clock 10:01"]
            assert p.snapshot("EURUSD")["1m"].partial is None
            assert p.snapshot("EURUSD").time_ns == at("10:01")
            for minute in range(2, 30):
                wall.go_to(at(f"10:{minute:02}"))
                await settle()
            assert closed.told[3:] == ["EURUSD 5m 10:05", "clock 10:05"]
            assert p.seq == 3

    on_loop(loop, main)


@pytest.mark.parametrize("loop", LOOPS)
def test_tick_in_flight_within_the_grace_is_not_late(loop: str) -> None:
    """Stamped before the end, arriving after it: it still belongs to the bar; after the grace it is late."""
    wall = FakeClock(at("10:00"))
    closed = Closed()

    async def main() -> None:
        async with live(wall) as p:
            p.add(closed)
            await push(p, wall, "10:00:10@1")
            wall.go_to(at("10:01") + GRACE_NS - 100_000_000)
            await push(p, wall, "10:00:59.9@2")
            wall.pass_ns(100_000_000)
            await settle()
            await push(p, wall, "10:00:59.95@3 10:01@4")
            bar = p.snapshot("EURUSD")["1m"].bars[-1]
            assert (bar.close, bar.ticks) == (2.0, 2)

    on_loop(loop, main)
    assert closed.told == [
        "tick 10:00:10.000",
        "tick 10:00:59.900",
        "EURUSD 1m 10:01",
        "clock 10:01",
        "late 10:00:59.950",
        "tick 10:01",
    ]


async def test_grace_is_a_setting() -> None:
    wall = FakeClock(at("10:00"))
    async with live(wall, grace_ns=0) as p:
        await push(p, wall, "10:00:10@1")
        wall.go_to(at("10:01"))
        await settle()
        assert (p.seq, len(p.snapshot("EURUSD")["1m"].bars)) == (2, 1)


async def test_bar_that_a_tick_closed_gets_no_clock_event_of_its_own() -> None:
    """In a busy market the ticks tell the time: the log is not filled with what they said already."""
    wall = FakeClock(at("10:00"))
    closed = Closed()
    async with live(wall, timeframes=["1m"]) as p:
        p.add(closed)
        for second in range(0, 300, 10):
            await push(p, wall, f"10:{second // 60:02}:{second % 60:02}.2@1")
            await settle()
        assert p.summary().clocks == 0
    assert [line for line in closed.told if "1m" in line] == [f"EURUSD 1m 10:0{minute}" for minute in range(1, 5)]


async def test_clock_event_closes_the_bars_of_every_symbol_once() -> None:
    """Symbols that end together share the event; one that ends earlier has its own before."""
    wall = FakeClock(at("10:00"))
    closed = Closed()
    async with live(wall, timeframes=["1m", "5m"]) as p:
        p.add(closed)
        await push(p, wall, "A:10:00:01@1 B:10:00:02@2 C:10:00:03@3")
        closed.told.clear()
        for second in range(4, 400):
            wall.go_to(at("10:00") + second * SECOND_NS)
            await settle()
    assert closed.told == [
        *("A 1m 10:01", "B 1m 10:01", "C 1m 10:01", "clock 10:01"),
        *("A 5m 10:05", "B 5m 10:05", "C 5m 10:05", "clock 10:05"),
    ]


async def test_bar_that_begins_later_and_ends_sooner_is_closed_first() -> None:
    """The timer waits for the earliest end of all that forms, also when that bar began after it was set."""
    wall = FakeClock(at("10:00"))
    closed = Closed()
    async with live(wall, timeframes=["1m", "1h"]) as p:
        p.add(closed)
        await push(p, wall, "A:10:00:01@1")
        wall.go_to(at("10:30"))
        await settle()
        await push(p, wall, "B:10:30:05@1")
        wall.go_to(at("11:01"))
        await settle()
    assert closed.told == [
        *("tick 10:00:01.000", "A 1m 10:01", "clock 10:01"),
        *("tick 10:30:05.000", "B 1m 10:31", "clock 10:31", "A 1h 11:00", "B 1h 11:00", "clock 11:00"),
    ]


async def test_many_ends_that_pass_at_once_get_their_events_in_order() -> None:
    """A machine that slept wakes to several due ends: each is delivered, stamped with itself."""
    wall = FakeClock(at("10:00"))
    closed = Closed()
    async with live(wall, timeframes=["1m", "5m", "1h"]) as p:
        p.add(closed)
        await push(p, wall, "10:00:10@1")
        wall.go_to(at("12:00"))
        await settle()
        for _ in range(5):
            wall.pass_ns(1)
            await settle()
    assert closed.told[1:] == [
        *("EURUSD 1m 10:01", "clock 10:01", "EURUSD 5m 10:05", "clock 10:05", "EURUSD 1h 11:00", "clock 11:00"),
    ]


@pytest.mark.parametrize("kind", ["ticks", "source"])
async def test_no_clock_event_without_live_ticks(kind: str) -> None:
    """Sources with an end tell the time themselves; `clock="ticks"` leaves it to the ticks in live use too."""
    wall = FakeClock(at("10:00"))
    async with live(wall, clock="ticks" if kind == "ticks" else "both", checkpoint_seconds=None) as p:
        if kind == "ticks":
            await p.push(ticks("10:00:10@1")[0])
        else:
            await p.run(ticks("10:00:10@1 10:00:20@2"))
        assert wall.asked_ns == []
        wall.go_to(at("13:00"))
        await settle()
        summary = p.summary()
        assert (summary.clocks, summary.bars) == (0, {"1m": 0, "5m": 0})


async def test_source_with_an_end_is_read_without_the_timer_that_live_ticks_began() -> None:
    """A file of last week, read after a live tick, must not find its bars closed by today's clock in mid-file."""
    wall = FakeClock(at("10:00"))

    def file() -> Iterator[mtf.Tick]:
        for tick in ticks("FILE:2024-03-01T10:00:10@1 FILE:2024-03-01T10:00:20@2 FILE:2024-03-01T10:01:20@3"):
            yield tick
            wall.pass_ns(SECOND_NS)

    async with live(wall, timeframes=["1m"], block_events=1) as p:
        await p.push(ticks("LIVE:10:00:10@1")[0])
        summary = await p.run(file(), order="log")
        assert (summary.clocks, summary.rejected, summary.bars) == (0, {}, {"1m": 1})
        await p.push(ticks("LIVE:10:00:20@1")[0])
        wall.go_to(at("10:01") + GRACE_NS)
        await settle()
        assert p.summary().clocks > 0, "and goes on with the next live tick"


async def test_feed_is_live() -> None:
    """An async iterable has to be waited for: its market may fall silent like any other."""
    wall = FakeClock(at("10:00:10"))
    closed = Closed()

    async def feed() -> Any:
        yield ticks("10:00:10@1")[0]
        wall.go_to(at("10:01") + GRACE_NS)
        await settle()
        yield ticks("10:00:30@1")[0]

    async with live(wall, timeframes=["1m"]) as p:
        p.add(closed)
        await p.run(feed())
    assert closed.told == ["tick 10:00:10.000", "EURUSD 1m 10:01", "clock 10:01", "late 10:00:30.000"]


async def test_timer_ends_with_the_pipeline() -> None:
    wall = FakeClock(at("10:00"))
    async with live(wall) as p:
        await push(p, wall, "10:00:10@1")
    wall.go_to(at("12:00"))
    await settle()
    assert p.seq == 1


@pytest.mark.parametrize("loop", LOOPS)
def test_clock_events_wait_their_turn_under_load(loop: str) -> None:
    """While mailboxes are full the event waits at intake like any other, and comes in its place."""
    wall = FakeClock(at("10:00"))

    class Slow(Closed):
        async def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:  # type: ignore[override]
            for _ in range(10):
                await asyncio.sleep(0)
            super().on_bar(bar, view)

        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:  # type: ignore[override]
            for _ in range(10):
                await asyncio.sleep(0)

    slow = Slow()

    async def main() -> None:
        async with live(wall, timeframes=["1m"], block_events=1) as p:
            p.add(slow)
            pushes = [asyncio.create_task(p.push(mtf.Tick("A", at("10:00") + k, 1.0, 1.0))) for k in range(60)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await pushes[0]
            wall.go_to(at("10:02"))
            await asyncio.gather(*pushes)
            await p.drain()
            wall.pass_ns(SECOND_NS)
            await settle()
            await p.drain()

    on_loop(loop, main)
    assert [line for line in slow.told if not line.startswith("late")] == ["A 1m 10:01", "clock 10:01"]


@pytest.mark.parametrize("killed", [False, True])
async def test_a_start_makes_no_clock_event_of_its_own(killed: bool, tmp_path: Path) -> None:
    """Use is live from the first pushed tick on: what was missed meanwhile, pushed first of all, is not late."""
    wall = FakeClock(at("10:00:10"))
    async with live(wall, timeframes=["1m"], data=tmp_path / "a", checkpoint_events=1000) as p:
        await push(p, wall, "A:10:00:10@1")
        await p.drain()
        shutil.copytree(tmp_path / "a", tmp_path / "b", copy_function=copy_if_there)
    wall.go_to(at("10:05"))
    data = tmp_path / ("b" if killed else "a")
    async with live(wall, timeframes=["1m"], data=data, checkpoint_events=1000) as p:
        await p.drain()
        await settle()
        wall.pass_ns(SECOND_NS)
        await settle()
        await push(p, wall, "A:10:00:40@2")
        await p.drain()
        assert (p.summary().clocks, p.summary().rejected) == (0, {})


@pytest.mark.parametrize("mode", ["both", "ticks"])
async def test_a_replay_makes_no_clock_event(mode: str, tmp_path: Path) -> None:
    """A bar still forms at the end of a live log, and has been over for long by the clock on the wall."""
    wall = FakeClock(at("10:00"))
    async with live(wall, timeframes=["1m"], data=tmp_path) as p:
        await push(p, wall, "A:10:00:10@1")
        await p.drain()
        digest = p.digest
    wall.go_to(at("10:05"))
    async with live(wall, timeframes=["1m"], clock=mode) as p:
        await p.replay(tmp_path)
        wall.pass_ns(SECOND_NS)
        await settle()
        await p.drain()
        assert (p.summary().clocks, p.digest) == (0, digest)


async def test_tick_far_ahead_of_the_wall_clock_is_malformed_when_live() -> None:
    """A broken stamp must not close every bar for years; a file may hold any time."""
    wall = FakeClock(at("10:00"))
    ahead = 5 * SECOND_NS
    async with live(wall, max_ahead_ns=ahead) as p:
        assert await p.push(mtf.Tick("A", at("10:00:05"), 1.0, 1.0)) == 1
        with pytest.raises(MalformedEvent, match="too far ahead"):
            await p.push(mtf.Tick("A", at("10:00:05") + 1, 1.0, 1.0))
        wall.pass_ns(1)
        assert await p.push(mtf.Tick("A", at("10:00:05") + 1, 1.0, 1.0)) == 2
        summary = await p.run(ticks("2024-03-09 10:00@1"))
        assert (summary.events, summary.rejected) == (3, {"malformed": 1})


async def test_any_stamp_is_believed_where_ticks_alone_tell_the_time() -> None:
    wall = FakeClock(at("10:00"))
    async with live(wall, clock="ticks") as p:
        assert await p.push(ticks("2024-06-01 10:00@1")[0]) == 1


@pytest.mark.parametrize(("overnight", "clocks"), [("close", 1), ("carry", 0)])
async def test_bars_of_activity_need_no_clock_events_but_for_the_end_of_their_day(overnight: str, clocks: int) -> None:
    """A silent market fills nothing: what is left of a day's bar closes with the day, or is carried over."""
    wall = FakeClock(at("10:00"))
    closed: list[mtf.Bar] = []

    class Bars(mtf.Consumer):
        def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            closed.append(bar)

    async with live(wall, timeframes=["3t"], overnight=overnight) as p:
        p.add(Bars())
        await push(p, wall, "10:00:10@1 10:00:20@2 10:00:30@3 10:00:40@4")
        for minute in range(1, 30):
            wall.go_to(at(f"10:{minute:02}"))
            await settle()
        assert (p.seq, [bar.ticks for bar in closed]) == (4, [3])
        day_end_ns = at("2024-03-07 00:00")
        wall.go_to(day_end_ns + GRACE_NS)
        await settle()
        assert p.summary().clocks == clocks
        assert [bar.ticks for bar in closed] == [3, 1][: 1 + clocks]
        assert all(bar.end_ns == day_end_ns for bar in closed[1:])


async def test_no_bar_is_closed_while_consumers_end(tmp_path: Path) -> None:
    """They would not be shown it, and the history would be behind the log after an orderly end."""
    wall = FakeClock(at("10:00"))

    class TakesFiveSeconds(mtf.Consumer):
        async def on_stop(self) -> None:
            wall.pass_ns(5 * SECOND_NS)
            await settle()

    async with live(wall, data=tmp_path / "run") as p:
        p.add(TakesFiveSeconds())
        await push(p, wall, "EURUSD:10:00:58@1.5")
    with mtf.open(tmp_path / "run") as reader:
        assert reader.seq == 1
    assert HistoryStore(tmp_path / "run" / "history.sqlite").position() == 1
