"""Readers of bars and states, by their policies."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import mtf
from mtf.errors import ConfigError, ConsumerBehind, LookAheadError
from tests.builders import SECOND_NS, at, ticks
from tests.fake_clock import FakeClock
from tests.pipeline.misbehaving import MINUTES, pipeline, turns


@pytest.mark.parametrize("policy", ["drop", "fail"])
async def test_bars_that_nobody_reads_hold_up_nobody(policy: str) -> None:
    async with pipeline() as p:
        reader = p.bars("1m", limit=3, policy=policy)
        for tick in MINUTES:
            await p.push(tick)
        await p.drain()
        found = p.consumers[0] if policy == "drop" else None
        if found is not None:
            assert (found.dropped, found.queue, found.queue_limit, found.policy) == (16, 3, 3, "drop")
        else:
            assert p.consumers == ()
    read: list[int] = []
    if policy == "drop":
        read = [bar.start_ns async for bar in reader]
        assert read == [at(f"10:{minute}") for minute in (16, 17, 18)]
    else:
        read = [(await anext(reader)).start_ns for _ in range(3)]
        with pytest.raises(ConsumerBehind, match="3 bars were waiting when another one closed"):
            await anext(reader)
        assert read == [at(f"10:0{minute}") for minute in (0, 1, 2)]


async def test_watch_yields_the_newest_state_once_it_has_changed() -> None:
    """At most once in so many seconds, whatever came meanwhile; and the last one at the end."""
    wall = FakeClock(at("10:00"))
    found: list[tuple[str, int]] = []

    async def read(p: mtf.Pipeline) -> None:
        async for snapshot in p.watch(["A", "B"], every=0.5):
            found.append((snapshot.symbol, snapshot.seq))

    async with pipeline(wall) as p:
        for tick in ticks("A:10:00@1 C:10:00@1 A:10:00:01@1"):
            await p.push(tick)
        reading = asyncio.create_task(read(p))
        await turns()
        assert found == [("A", 3)]
        for tick in ticks("A:10:00:02@1 B:10:00:02@1 A:10:00:03@1"):
            await p.push(tick)
            await turns()
        assert found == [("A", 3)]
        wall.pass_ns(SECOND_NS // 2)
        await turns()
        assert found[1:] == [("A", 6), ("B", 6)]
        wall.pass_ns(5 * SECOND_NS)
        await turns()
        assert len(found) == 3, "nothing has changed"
        await p.push(ticks("B:10:00:05@1")[0])
    await asyncio.wait_for(reading, 60)
    assert found[3:] == [("B", 7)]


@pytest.mark.parametrize("every", [0, -1, float("nan"), float("inf"), True, "1"])
async def test_watch_wants_a_time_above_zero(every: Any) -> None:
    async with pipeline() as p:
        with pytest.raises(ConfigError, match="every must be a number of seconds above 0"):
            p.watch("A", every=every)


async def test_callback_cannot_read_snapshots_that_come_after_it() -> None:
    class Reads(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            with pytest.raises(LookAheadError):
                await anext(watch)

    async with pipeline() as p:
        watch = p.watch("A")
        p.add(Reads())
        await p.push(MINUTES[0])
