"""A feed into a pipeline: what is in the log after drops, duplicates, reordering, garbage, restarts and crashes."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from librt.strings import read_i64_le

import mtf
from mtf.feeds import Backoff, Feed
from mtf.log import read_log
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
        async with asyncio.timeout(10):
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
    found = []
    for logged_block in read_log(data / "log", 1):
        block = logged_block.block
        for i in range(block.count):
            if block.symbol_at(i) < 0:
                found.append(
                    (read_i64_le(block.rows, i * 48 + 16) - START_NS, read_i64_le(block.rows, i * 48) - START_NS)
                )
                assert b"test: gone" in block.heap
    assert found == [(0, 30 * SECOND_NS)]


async def test_acknowledged_is_what_is_in_the_log(tmp_path: Path) -> None:
    """Also what the server sends twice, as it has not heard of it; and nothing that the window still holds."""
    wall = FakeClock(START_NS)
    exchange = Exchange([message(n, f"10:00:0{n}") for n in (1, 2, 2, 3)] + [HANG])
    async with fed(exchange, wall, tmp_path / "d", acknowledge=lambda stream, number: number):
        assert exchange.acknowledged == [1, 2, 2, 3]
    exchange = Exchange([message(n, f"10:00:0{n}") for n in (1, 2, 3)] + [HANG])
    async with fed(exchange, wall, acknowledge=lambda stream, number: number, reorder_ns=SECOND_NS) as p:
        assert (exchange.acknowledged, p.seq) == ([1, 2], 2)
