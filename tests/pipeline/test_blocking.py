"""Consumers that hang, stall or block, in the loop or in a thread of their own: they hold up nobody else."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ConsumerStuck, LookAheadError
from tests.builders import SECOND_NS, at
from tests.fake_clock import FakeClock
from tests.pipeline.misbehaving import MINUTES, POLICIES, of, pipeline, turns
from tests.pipeline.recording import Recorder, bars_of


class HangsFor(mtf.Consumer):
    def __init__(self, name: str = "hangs", callback: str = "on_tick") -> None:
        self.name = name
        self.callback = callback

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await self.hang("on_tick")

    async def save(self) -> None:
        await self.hang("save")

    async def on_stop(self) -> None:
        await self.hang("on_stop")

    async def hang(self, callback: str) -> None:
        if callback == self.callback:
            await asyncio.get_running_loop().create_future()


async def test_all_that_hang_at_the_end_get_ten_seconds_together_wherever_they_hang(disk: Path) -> None:
    """One in an event, one in its state, one in its end: beside each other, and not one after the other."""
    wall = FakeClock(at("10:00"))

    async def live() -> None:
        async with pipeline(wall, data=disk / "run", durability="os") as p:
            for callback in ("on_tick", "save", "on_stop"):
                p.add(HangsFor(callback, callback))
            await p.push(MINUTES[0])

    leaving = asyncio.create_task(live())
    begun_ns = wall.now_ns()
    while not leaving.done():
        await asyncio.wait([leaving], timeout=0.05)  # threads of the log and of the history
        wall.pass_ns(SECOND_NS // 2)
    with pytest.raises(ConsumerStuck) as caught:
        await leaving
    assert sorted(caught.value.names) == ["on_stop", "on_tick", "save"]
    assert wall.now_ns() - begun_ns < 25 * SECOND_NS, "and the time that disks took"


@pytest.mark.parametrize("on_error", ["detach", "restart"])
async def test_leaving_warns_if_nobody_who_hangs_was_to_stop_the_pipeline(on_error: str) -> None:
    wall = FakeClock(at("10:00"))

    async def live() -> list[str]:
        async with pipeline(wall) as p:
            p.add(HangsFor(), on_error=on_error)
            await p.push(MINUTES[0])
        return p.notes

    leaving = asyncio.create_task(live())
    while not leaving.done():
        await turns()
        wall.pass_ns(SECOND_NS)
    assert any("hangs: cancelled, since no callback returned for 10 s" in note for note in await leaving)


@pytest.mark.parametrize("policy", ["latest", "drop"])
async def test_consumer_that_hangs_holds_up_no_strategy_and_is_named_once_with_its_lag(policy: str) -> None:
    wall, every = FakeClock(at("10:00")), Recorder()

    async def live() -> None:
        async with pipeline(wall) as p:
            p.add(every)
            p.add(HangsFor(), policy=policy, on_error="detach")
            for tick in MINUTES:
                await p.push(tick)
                wall.pass_ns(SECOND_NS)
                await turns(3)
            assert len([step for step in every.steps if step[0] == "tick"]) == 60
            assert len(p.notes) == 1, p.notes
            assert p.notes[0].startswith("the consumer hangs has made no progress for 1")
            assert "it is busy with seq 1, " in p.notes[0]
            assert of(p, "hangs").lag == 60

    leaving = asyncio.create_task(live())
    while not leaving.done():
        await turns()
        wall.pass_ns(SECOND_NS)
    await leaving


async def test_consumer_that_holds_up_pushes_for_ten_seconds_is_detached_if_it_may_be() -> None:
    wall, every = FakeClock(at("10:00")), Recorder()
    async with pipeline(wall) as p:
        p.add(every)
        p.add(HangsFor(), on_error="detach")
        pushing = asyncio.gather(*map(p.push, MINUTES))
        for _ in range(12):
            await turns()
            wall.pass_ns(SECOND_NS)
        await pushing
        assert of(p, "hangs").state == "detached"
        assert "no callback has returned for 10 s while pushes wait" in of(p, "hangs").error
    assert len([step for step in every.steps if step[0] == "tick"]) == 60


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_consumer_that_blocks_the_loop_is_named(kind: str) -> None:
    """A second in which nothing else goes on; the clock is the test's."""
    wall = FakeClock(at("10:00"))

    class Blocks(mtf.Consumer):
        name = "blocks"

        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            wall.pass_ns(SECOND_NS)

    class BlocksLater(mtf.Consumer):
        name = "blocks"

        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            await asyncio.sleep(0)
            wall.pass_ns(SECOND_NS)
            await asyncio.sleep(0)

    async with pipeline(wall) as p:
        p.add(Blocks() if kind == "plain" else BlocksLater())
        for tick in MINUTES[:3]:
            await p.push(tick)
        await p.drain()
        assert [note for note in p.notes if "blocked the event loop for 1.0 s at seq 1" in note] == p.notes
        assert of(p, "blocks").blocked_ns == SECOND_NS


# In a thread of its own.


class InThread(Recorder):
    def __init__(self) -> None:
        super().__init__("in thread")
        self.threads: set[int] = set()
        self.asked: list[Any] = []
        self.pipeline: mtf.Pipeline | None = None
        self.blocks = threading.Event()
        self.blocks.set()

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.blocks.wait()
        self.threads.add(threading.get_ident())
        super().on_tick(tick, view)
        if self.pipeline is not None:
            self.asked.append((self.pipeline.seq, self.pipeline.snapshot("A").seq, view.seq))
            with pytest.raises(LookAheadError):
                _ = self.pipeline.digest


@pytest.mark.parametrize("policy", POLICIES)
async def test_thread_of_its_own_shows_the_same_and_knows_nothing_later(policy: str) -> None:
    every, own = Recorder(), InThread()
    async with pipeline() as p:
        own.pipeline = p
        p.add(every)
        p.add(own, thread=True, policy=policy, queue_limit=1000)
        for tick in MINUTES:
            await p.push(tick)
        await p.drain()
        assert own.asked
        assert all(seq == snapshot == shown for seq, snapshot, shown in own.asked)
    assert len(own.threads) == 1
    assert own.threads != {threading.get_ident()}
    assert [step for step in every.steps if step in own.steps] == own.steps
    assert bars_of(own.steps) == bars_of(every.steps)
    assert policy == "latest" or own.steps == every.steps


async def test_thread_that_blocks_holds_up_nobody() -> None:
    every, own = Recorder(), InThread()
    own.blocks.clear()
    async with pipeline() as p:
        p.add(every)
        p.add(own, thread=True, policy="latest")
        for tick in MINUTES:
            await p.push(tick)
        assert len([step for step in every.steps if step[0] == "tick"]) == 60
        assert not own.steps
        own.blocks.set()
    assert own.steps[-1] == every.steps[-1]


async def test_thread_that_never_returns_is_left_behind_and_still_knows_nothing_later() -> None:
    """Its callback asks long after: it is answered as of the event that it was shown, and others are not."""
    wall, entered, asked = FakeClock(at("10:00")), threading.Event(), threading.Event()

    class Asks(InThread):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            entered.set()
            super().on_tick(tick, view)
            asked.set()

    own = Asks()
    own.blocks.clear()

    async def live() -> int:
        async with pipeline(wall) as p:
            own.pipeline = p
            p.add(own, thread=True, policy="drop", on_error="detach")
            for tick in MINUTES:
                await p.push(tick)
                await turns(3)
            assert await asyncio.to_thread(entered.wait, 20)
        seq = await asyncio.to_thread(lambda: p.seq)
        own.blocks.set()
        assert await asyncio.to_thread(asked.wait, 20)
        return seq

    leaving = asyncio.create_task(live())
    while not leaving.done():
        await asyncio.wait([leaving], timeout=0.01)
        if entered.is_set():
            wall.pass_ns(SECOND_NS)
    assert await leaving == 60, "a thread of somebody else is answered as of the newest event"
    assert own.asked == [(1, 1, 1)]
