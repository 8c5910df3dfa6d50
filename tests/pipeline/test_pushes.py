"""Pushes are taken in the order of their calls, whatever they wait for, and the block builder bounds them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.actors.timer import GRACE_NS
from mtf.errors import MalformedEvent, WrongLoop
from mtf.storage.restore import logged_blocks
from tests.actors.loops import LOOPS, on_loop
from tests.alive import run_of
from tests.builders import SECOND_NS, at, ticks
from tests.fake_clock import FakeClock


def pipeline(**settings: Any) -> mtf.Pipeline:
    return mtf.Pipeline(**{"calendar": "crypto", "clock": "ticks", "timeframes": ["1m"], **settings})


def stream(count: int, symbols: str = "A") -> list[mtf.Tick]:
    """Return ticks a second apart, of the symbols in turn."""
    return [
        mtf.Tick(symbols[k % len(symbols)], at("10:00") + k * SECOND_NS, price=1.0 + k % 7, size=1.0)
        for k in range(count)
    ]


async def settle(turns: int = 20) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


class Slow(mtf.Consumer):
    """Gives up its turn at each tick, or stays until it is released."""

    name = "slow"

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.go = asyncio.Event()
        self.go.set()

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await asyncio.sleep(0)
        await self.go.wait()
        self.seqs.append(view.seq)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("block_events", [1, 16, 1024])
def test_one_task_a_tick_in_order_of_time_leaves_none_late(loop: str, block_events: int) -> None:
    """Beside a consumer that takes its turns the block builder is full most of the time."""
    count = 5_000

    async def main() -> tuple[mtf.Summary, list[int]]:
        async with pipeline(block_events=block_events) as p:
            p.add(Slow())
            tasks = []
            for number, tick in enumerate(stream(count)):
                tasks.append(asyncio.create_task(p.push(tick)))
                if number % 97 == 0:
                    await asyncio.sleep(0)
            seqs = await asyncio.gather(*tasks)
            await p.drain()
            return p.summary(), list(seqs)

    summary, seqs = on_loop(loop, main)
    assert (summary.rejected, summary.ticks, summary.bars) == ({}, count, {"1m": (count - 1) // 60})
    assert seqs == list(range(1, count + 1))


async def test_pushes_and_clock_events_keep_the_order_of_their_calls() -> None:
    """A clock event after a tick must not make that tick late, nor come after the next one."""
    shown: list[int] = []

    class Watching(Slow):
        async def on_clock(self, ts_ns: int, view: mtf.View) -> None:
            shown.append(ts_ns)

        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            await super().on_tick(tick, view)
            shown.append(tick.ts_ns)

    calls: list[int] = []
    async with pipeline(block_events=4) as p:
        p.add(Watching())
        tasks: list[asyncio.Task[int]] = []
        for number, tick in enumerate(stream(600, "AB")):
            calls.append(tick.ts_ns)
            tasks.append(asyncio.create_task(p.push(tick)))
            if number % 5 == 0:
                calls.append(tick.ts_ns + 1)
                tasks.append(asyncio.create_task(p.clock(tick.ts_ns + 1)))
            if number % 50 == 0:
                await asyncio.sleep(0)
        assert await asyncio.gather(*tasks) == list(range(1, len(calls) + 1))
        await p.drain()
        assert p.summary().rejected == {}
    assert shown == calls


async def test_pushes_beside_a_recovery_follow_the_log_in_the_order_of_their_calls(tmp_path: Path) -> None:
    """Those that were called while it is played, and those after it, alike."""
    ticks = stream(3_000)
    async with pipeline(data=tmp_path, checkpoint_seconds=None) as p:
        await p.run(ticks[:1_000])
    async with pipeline(data=tmp_path, checkpoint_seconds=None, block_events=8) as p:
        p.add(Slow())
        tasks = []
        for number, tick in enumerate(ticks[1_000:]):
            tasks.append(asyncio.create_task(p.push(tick)))
            if number % 20 == 0:
                await asyncio.sleep(0)
        assert await asyncio.gather(*tasks) == list(range(1_001, 3_001))
        await p.drain()
        assert (p.summary().rejected, p.seq) == ({}, 3_000)


async def test_push_that_is_cancelled_while_it_queues_lets_the_others_keep_their_order() -> None:
    slow = Slow()
    slow.go.clear()
    async with pipeline(block_events=1) as p:
        p.add(slow)
        tasks = [asyncio.create_task(p.push(tick)) for tick in stream(300)]
        await settle()
        for task in tasks[100::3]:
            task.cancel()
        slow.go.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        seqs = [seq for seq in done if isinstance(seq, int)]
        assert seqs == sorted(seqs)
        await p.drain()
        assert p.summary().rejected == {}


async def test_timer_does_not_go_ahead_of_pushes_that_queue() -> None:
    """A grace after the end of a bar, ticks of that bar still wait for room: none is late, and the bar closes."""
    wall = FakeClock(at("10:00:59"))
    slow = Slow()
    async with pipeline(clock="both", wall=wall, block_events=1) as p:
        p.add(slow)
        reader = p.bars("1m")
        await p.push(mtf.Tick("A", at("10:00:59"), price=1.0))
        await p.drain()
        slow.go.clear()
        tasks = [asyncio.create_task(p.push(mtf.Tick("A", at("10:00:59") + k, price=2.0))) for k in range(1, 200)]
        await settle()
        wall.go_to(at("10:01") + GRACE_NS)
        await settle()
        slow.go.set()
        await asyncio.gather(*tasks)
        await settle()
        await p.drain()
        bar = await asyncio.wait_for(anext(reader), 60)
        assert (bar.ticks, bar.close, p.summary().rejected, p.summary().clocks) == (200, 2.0, {}, 1)


@pytest.mark.parametrize("reorder_ns", [0, SECOND_NS])
async def test_push_returns_once_its_event_is_sent_though_there_is_no_room_for_more(reorder_ns: int) -> None:
    """What goes out by another's hand, the timer's or the reorder window's, wakes nobody later."""
    wall = FakeClock(at("10:00:59"))
    slow = Slow()
    async with pipeline(clock="both", wall=wall, block_events=1, reorder_ns=reorder_ns) as p:
        p.add(slow)
        tasks = []
        for k in range(200):
            slow.go.clear()
            tasks.append(asyncio.create_task(p.push(mtf.Tick("A", at("10:00:59") + k, price=2.0))))
            await asyncio.sleep(0)
            wall.pass_ns(GRACE_NS // 50)
            slow.go.set()
        await settle(200)
        wall.pass_ns(10 * SECOND_NS)  # the last ones leave the reorder window
        assert len(await asyncio.wait_for(asyncio.gather(*tasks), 60)) == 200


async def test_tick_has_arrived_when_it_was_pushed_however_long_it_queues() -> None:
    """A consumer that holds up pushes for a minute makes no feed late, and no tick of the future well-formed."""
    wall = FakeClock(at("10:00"))
    slow = Slow()
    async with pipeline(clock="both", wall=wall, block_events=1) as p:
        p.add(slow)
        slow.go.clear()
        tasks = [asyncio.create_task(p.push(mtf.Tick("A", at("10:00") + k, price=1.0))) for k in range(200)]
        ahead = asyncio.create_task(p.push(mtf.Tick("A", at("10:01:30"), price=1.0)))
        await settle()
        wall.go_to(at("10:01:30"))
        slow.go.set()
        await asyncio.gather(*tasks)
        with pytest.raises(MalformedEvent, match="too far ahead"):
            await ahead
        await p.drain()
        assert [note for note in p.notes if "late" in note or "delay_ns" in note] == []


async def test_clock_events_at_once_are_bounded_by_the_builder() -> None:
    """Whoever calls waits; what waits inside stays a block."""
    count = 10_000
    slow = Slow()
    async with pipeline(block_events=64) as p:
        p.add(slow)
        await p.push(stream(1)[0])
        slow.go.clear()
        most = 0
        source = run_of(p).source
        tasks = []
        for number in range(count):
            tasks.append(asyncio.create_task(p.clock(at("10:00") + number)))
            if number % 1000 == 0:
                await asyncio.sleep(0)
                most = max(most, source.builder.count)
        await settle()
        assert max(most, source.builder.count) <= 64
        slow.go.set()
        seqs = await asyncio.gather(*tasks)
        assert seqs == list(range(2, count + 2))


@pytest.mark.parametrize("ts_ns", [True, 1.5, "10:00", None, -(1 << 63), 1 << 70, float("nan")])
async def test_time_that_is_no_whole_number_of_nanoseconds_is_no_clock_event(ts_ns: Any, tmp_path: Path) -> None:
    """Both builds say so alike, and nothing is logged."""
    async with pipeline(data=tmp_path) as p:
        with pytest.raises(MalformedEvent, match=r"clock event at .*: "):
            await p.clock(ts_ns)
        assert (p.logged_seq, p.seq) == (0, 0)
        assert await p.push(stream(1)[0]) == 1
    assert [block.last_seq for block in logged_blocks(tmp_path, 1)] == [1]


CALLS: dict[str, Callable[[mtf.Pipeline], Any]] = {
    "push": lambda p: p.push(ticks("A:10:00@1")[0]),
    "clock": lambda p: p.clock(at("10:00")),
    "run": lambda p: p.run([]),
    "replay": lambda p: p.replay("nowhere"),
    "drain": lambda p: p.drain(),
    "applied": lambda p: p.applied(1),
    "durable": lambda p: p.durable(1),
    "checkpoint": lambda p: p.checkpoint(),
}


@pytest.mark.parametrize("call", CALLS)
async def test_call_from_another_event_loop_is_refused(call: str, tmp_path: Path) -> None:
    """It would seem to work, and the pipeline would then wait for ever for what was done there."""
    async with pipeline(data=tmp_path) as p:

        def elsewhere() -> None:
            with pytest.raises(WrongLoop, match="run_coroutine_threadsafe"):
                asyncio.run(CALLS[call](p))

        await asyncio.to_thread(elsewhere)
        future = asyncio.run_coroutine_threadsafe(p.push(stream(1)[0]), asyncio.get_running_loop())
        assert await asyncio.wrap_future(future) == 1
        await asyncio.wait_for(p.drain(), 60)


@pytest.mark.parametrize("limit", [{"max_ahead_ns": sys.maxsize}, {"grace_ns": 10**25}, {"max_ahead_ns": 10**30}])
async def test_a_limit_may_be_larger_than_any_stamp(limit: dict[str, int]) -> None:
    """It is then no limit, in a push as in a feed, in either build."""
    wall = FakeClock(at("10:00"))
    later = mtf.Tick("A", at("10:00") + 10**9, 1.0, 1.0)

    async def feed() -> AsyncIterator[mtf.Tick]:
        yield later

    async with pipeline(clock="both", wall=wall, **limit) as p:
        assert await p.push(mtf.Tick("A", at("10:00"), 1.0, 1.0)) == 1
        await p.run(feed())
        assert p.seq == 2
        assert not p.summary().rejected


@pytest.mark.parametrize("clock", ["both", "ticks"])
@pytest.mark.parametrize("event", [None, 5, "a tick", at("10:00"), object()])
async def test_what_is_no_event_is_said_so(event: Any, clock: str) -> None:
    async with pipeline(clock=clock, wall=FakeClock(at("10:00"))) as p:
        with pytest.raises(MalformedEvent, match=r"is not an event: pass an mtf\.Tick or a completed mtf\.Bar"):
            await p.push(event)
        assert p.logged_seq == 0
