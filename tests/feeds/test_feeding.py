"""A feed into a pipeline: what is in the log after drops, duplicates, reordering, garbage, restarts and crashes."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.feeds import Backoff, Feed
from tests.builders import at
from tests.fake_clock import FakeClock
from tests.feeds.exchanges import HANG, Exchange, message, parse, sequence, settle

SECOND_NS = 1_000_000_000
START_NS = at("10:00")


@contextlib.asynccontextmanager
async def fed(
    exchange: Exchange, wall: FakeClock, data: Path | None = None, *, pipeline: Any = None, **settings: Any
) -> AsyncGenerator[mtf.Pipeline, None]:
    """Within, a pipeline that a feed of *exchange* has been fed into, as far as it can go."""
    settings = {"parse": parse, "sequence": sequence, "backoff": Backoff(jitter=0), **settings}
    live = Feed("test", exchange.connect, wall=wall, chance=random.Random(1), **settings)
    options = {"calendar": "crypto", "timeframes": ["1m"], "data": data, "wall": wall, **(pipeline or {})}
    async with mtf.Pipeline(**options) as p:
        exchange.connected.clear()
        task = asyncio.create_task(p.run(live))
        try:
            await exchange.connected.wait()  # a start reads the log in a thread
            await settle()
            yield p
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def logged(data: Path) -> list[str]:
    """Return the log, a word an event: the second of a tick, or a clock event with its maker, span and reason."""
    with mtf.open(data) as reader:
        return [f"{(each.tick.ts_ns - START_NS) / SECOND_NS:g}" for each in reader.ticks("X")]


async def test_what_comes_again_in_another_order_and_twice_is_logged_once(tmp_path: Path) -> None:
    wall = FakeClock(START_NS)
    script = [message(n, f"10:00:0{n}") for n in (1, 3, 2, 2, 3, 4)]
    async with fed(Exchange([*script, HANG]), wall, tmp_path / "d") as p:
        assert p.seq == 4
    assert logged(tmp_path / "d") == ["1", "3", "2", "4"]


async def test_with_a_window_of_its_own_events_are_logged_in_order(tmp_path: Path) -> None:
    wall = FakeClock(START_NS)
    script = [message(n, f"10:00:0{n}") for n in (1, 3, 2, 4)]
    async with fed(Exchange([*script, HANG]), wall, tmp_path / "d", reorder_ns=SECOND_NS) as p:
        wall.pass_ns(SECOND_NS)
        await settle(lambda: p.seq == 4)
    assert logged(tmp_path / "d") == ["1", "2", "3", "4"]


async def test_garbage_is_kept_with_the_malformed_rows() -> None:
    wall = FakeClock(START_NS)
    bad = {"n": 2, "symbol": "X", "ts_ns": "now", "price": 1.0}
    async with fed(Exchange([message(1, "10:00"), bad, {"n": 3}, message(4, "10:00:01"), HANG]), wall) as p:
        assert p.seq == 2
        first, second = p.malformed_rows
        assert first[:2] in [("push", 1), ("feed:test", 1)]  # compiled code checks types as the tick is made
        assert second[:3] == ("feed:test", 2, "KeyError: 'symbol'")


async def test_after_a_restart_the_server_is_asked_for_exactly_what_is_missing(tmp_path: Path) -> None:
    wall = FakeClock(START_NS)
    data = tmp_path / "d"
    exchange = Exchange([message(n, f"10:00:0{n}") for n in (1, 2, 5)] + [HANG], resends=True)
    async with fed(exchange, wall, data):
        pass
    exchange.sent += [message(n, f"10:00:0{n}") for n in (3, 4, 6)]
    async with fed(exchange, wall, data) as p:
        assert (dict(exchange.asked[-1].next), dict(exchange.asked[-1].missing)) == ({"": 6}, {"": [(3, 5)]})
        async with asyncio.timeout(60):
            await p.applied(6)
    assert sorted(logged(data)) == ["1", "2", "3", "4", "5", "6"]


async def test_what_the_window_held_when_the_pipeline_ended_is_in_the_log(tmp_path: Path) -> None:
    """An orderly end lets it out; nothing of it is asked for again."""
    wall = FakeClock(START_NS)
    data = tmp_path / "d"
    exchange = Exchange([message(n, f"10:00:0{n}") for n in (1, 3, 2)] + [HANG], resends=True)
    async with fed(exchange, wall, data, reorder_ns=60 * SECOND_NS):
        pass
    assert logged(data) == ["1", "2", "3"]
    async with fed(exchange, wall, data) as p:
        assert dict(exchange.asked[-1].next) == {"": 4}
        assert p.seq == 3


async def test_an_outage_is_a_clock_event_in_the_log(tmp_path: Path) -> None:
    """With its span and reason; it moves no clock, so no result depends on it."""
    wall = FakeClock(START_NS)
    data = tmp_path / "d"
    exchange = Exchange(
        [message(1, "10:00"), ConnectionResetError("gone")], [message(3, "10:00:30"), message(4, "10:00:31"), HANG]
    )
    async with fed(exchange, wall, data, sequence=None, backoff=Backoff(first_s=30, most_s=30, jitter=0)) as p:
        wall.pass_ns(30 * SECOND_NS)
        await settle()
        assert p.seq == 4
    with mtf.open(data) as reader:
        (found,) = reader.outages()
        assert (found.since_ns, found.until_ns) == (START_NS, START_NS + 30 * SECOND_NS)
        assert found.reason == "test: gone"
        assert [each.tick.ts_ns for each in reader.ticks()][found.seq - 2] < found.until_ns
        assert list(reader.outages(start=START_NS + 30 * SECOND_NS, end=START_NS + 31 * SECOND_NS)) == [found]
        assert list(reader.outages(start=START_NS + 31 * SECOND_NS)) == []
        assert list(reader.outages(end=START_NS)) == []


@pytest.mark.parametrize(
    ("pipeline", "late"),
    [({}, ["40"]), ({"delay_ns": 120 * SECOND_NS}, []), ({"clock": "ticks"}, [])],
    ids=["no delay", "a delay as long as the outage", "clock of ticks"],
)
async def test_what_is_sent_again_counts_unless_the_wall_clock_has_closed_its_bar(
    tmp_path: Path, pipeline: dict[str, Any], late: list[str]
) -> None:
    """Late is what lies in the bar that was closed meanwhile; the hole stays marked, and late ticks are in the log."""
    wall = FakeClock(START_NS)
    data = tmp_path / "d"
    stamps = ["10:00:30", "10:00:40", "10:01:10", "10:02:00"]
    exchange = Exchange(
        [message(1, stamps[0]), ConnectionResetError("gone")],
        [message(n, stamp) for n, stamp in enumerate(stamps[1:], 2)] + [HANG],
    )
    wall.go_to(START_NS + 30 * SECOND_NS)
    waits = Backoff(first_s=90, most_s=90, jitter=0)
    async with fed(exchange, wall, data, backoff=waits, pipeline=pipeline) as p:
        wall.pass_ns(90 * SECOND_NS)
        async with asyncio.timeout(60):
            await p.applied(5 if late else 4)  # with the clock event that closed the bar
        closed = [bar.ticks for bar in p.snapshot("X")["1m"].bars]
        assert closed == ([1, 1] if late else [2, 1])
    with mtf.open(data) as reader:
        found = [(f"{each.tick.ts_ns // SECOND_NS % 60}", each.verdict) for each in reader.ticks("X")]
    assert [second for second, verdict in found if verdict == "late"] == late
    assert len(found) == 4


async def test_acknowledged_is_what_is_in_the_log(tmp_path: Path) -> None:
    """Also what the server sends twice, as it has not heard of it; and nothing that the window still holds."""
    wall = FakeClock(START_NS)
    exchange = Exchange([message(n, f"10:00:0{n}") for n in (1, 2, 2, 3)] + [HANG])
    async with fed(exchange, wall, tmp_path / "d", acknowledge=lambda stream, number: number):
        assert exchange.acknowledged == [1, 2, 2, 3]
    exchange = Exchange([message(n, f"10:00:0{n}") for n in (1, 2, 3)] + [HANG])
    async with fed(exchange, wall, acknowledge=lambda stream, number: number, reorder_ns=SECOND_NS) as p:
        assert (exchange.acknowledged, p.seq) == ([1, 2], 2)


async def test_outages_of_a_time_are_found_without_reading_what_lies_before(tmp_path: Path) -> None:
    """Also one that lasted for days, which is logged just before the ticks that ended it."""
    wall = FakeClock(START_NS)
    data = tmp_path / "d"
    days = 86_400 * SECOND_NS
    exchange = Exchange(
        [message(1, "10:00"), ConnectionResetError("gone")],
        [{**message(2, "10:00"), "ts_ns": START_NS + 5 * days}, HANG],
    )
    waits = Backoff(first_s=5 * 86_400, most_s=5 * 86_400, jitter=0)
    async with fed(exchange, wall, data, sequence=None, backoff=waits) as p:
        wall.pass_ns(5 * days)
        async with asyncio.timeout(60):
            await p.applied(3)
    with mtf.open(data) as reader:
        for start_ns in (None, START_NS, START_NS + 2 * days, START_NS + 5 * days):
            assert [each.reason for each in reader.outages(start=start_ns)] == ["test: gone"], start_ns
        assert list(reader.outages(start=START_NS + 6 * days)) == []
