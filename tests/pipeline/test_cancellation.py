"""Cancellation: at every await of everything public, once, twice, by a scope, with the whole loop.

Who waits in a call is cancelled, and not what the call has begun; who leaves is cancelled, and everything is released.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.log import FileLog, read_log
from mtf.storage.restore import engine_at
from tests.actors.loops import LOOPS
from tests.builders import at, ticks
from tests.pipeline.stepping import KINDS, Interrupt, cancel_everywhere

Use = Callable[[mtf.Pipeline], Coroutine[Any, Any, None]]
TICKS = ticks("10:00:01@1.5x2 10:00:20@1.75x1 10:01:05@1.25x4 10:02:05@1.25x4")


class Plain(mtf.Consumer):
    """Sees that events come in order, and none is left out."""

    def __init__(self) -> None:
        self.seq = 0

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        assert view.seq == self.seq + 1
        self.seq = view.seq

    def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        assert view.seq == self.seq + 1
        self.seq = view.seq

    def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        assert view.seq == self.seq + 1
        self.seq = view.seq

    def save(self) -> bytes:
        return b"%d" % self.seq

    def load(self, state: bytes) -> None:
        self.seq = int(state)


class Slow(mtf.Consumer):
    """Takes some turns of the loop over each tick."""

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    async def save(self) -> bytes:
        await asyncio.sleep(0)
        return b"slow"

    async def load(self, state: bytes) -> None:
        await asyncio.sleep(0)


def pipeline(**settings: Any) -> mtf.Pipeline:
    given: dict[str, Any] = {
        "calendar": "crypto",
        "clock": "ticks",
        "timeframes": ["1m", "5m"],
        "indicators": ["sma:2"],
        "durability": "os",
    }
    return mtf.Pipeline(**{**given, **settings})


@pytest.fixture
def logged(disk: Path) -> Path:
    """A data directory whose log goes on after its newest checkpoint."""

    async def run() -> None:
        async with pipeline(data=disk / "logged", checkpoint_seconds=0) as p:
            p.add(Plain())
            await p.run(TICKS[:2])
            await p.checkpoint()
            await p.run(TICKS[2:])

    asyncio.run(run())
    return disk / "logged"


def later(count: int) -> list[mtf.Tick]:
    """Return ticks that come after TICKS."""
    return [mtf.Tick("EURUSD", at("10:02:30") + k, 1.0, 1.0) for k in range(count)]


def check_free(data: Path) -> None:
    """Check that the log of *data* can be opened, and has no holes."""
    FileLog.open(data / "log", config=None).close()
    seqs = [s for each in read_log(data / "log") for s in range(each.block.first_seq, each.block.last_seq + 1)]
    assert seqs == list(range(1, len(seqs) + 1))


async def live_on(data: Path | None, **settings: Any) -> None:
    """Start, recover if there is something, call everything once, and leave."""
    async with pipeline(data=data, **settings) as p:
        bars = p.bars("1m")
        slow = Slow()
        p.add(Plain())
        p.add(slow)
        for tick in later(2):
            await p.push(tick)
        await p.clock(at("10:03"))
        await p.run(ticks("10:04@1 10:05@1"))
        await p.applied(3)
        await p.durable(3)
        await p.drain()
        await anext(bars)
        if data is not None:
            await p.checkpoint()
        await p.remove(slow)
        await p.push(ticks("10:06@1")[0])


# Who leaves


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_a_life_without_a_directory_ends_at_every_await(kind: str, loop: str) -> None:
    async def life(interrupt: Interrupt) -> None:
        await interrupt(live_on(None))

    assert cancel_everywhere(life, kind, loop) > 40


def end_lives(kind: str, loop: str, disk: Path, logged: Path, stride: int, workers: int = 0) -> int:
    """End lives that go on with *logged*, at each *stride*-th await; check that what was logged is whole and free."""
    data = disk / "run"

    async def life(interrupt: Interrupt) -> None:
        shutil.copytree(logged, data)
        await interrupt(live_on(data, workers=workers))
        check_free(data)
        shutil.rmtree(data)

    return cancel_everywhere(life, kind, loop, stride=stride)


# aiosqlite's thread answers a loop that is not there any more, if its connection was being made.
@pytest.mark.filterwarnings("ignore:Exception in thread .*_connection_worker_thread")
@pytest.mark.parametrize(("loop", "stride"), [("asyncio", 1), ("uvloop", 3)])
@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_a_life_with_a_directory_ends_at_every_await_and_the_log_is_free(
    kind: str, loop: str, stride: int, disk: Path, logged: Path
) -> None:
    assert end_lives(kind, loop, disk, logged, stride) * stride > 80


@pytest.mark.filterwarnings("ignore:Exception in thread .*_connection_worker_thread")
@pytest.mark.parametrize(
    ("loop", "stride"), [("asyncio", 37), *(pytest.param(loop, 1, marks=pytest.mark.slow) for loop in LOOPS)]
)
@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_a_life_with_workers_ends_and_their_processes_with_it(
    kind: str, loop: str, stride: int, disk: Path, logged: Path
) -> None:
    assert end_lives(kind, loop, disk, logged, stride, workers=1) * stride > 80


# Who waits


async def pushes(p: mtf.Pipeline) -> None:
    for tick in later(12):
        await p.push(tick)


async def pushes_together(p: mtf.Pipeline) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(p.push(tick)) for tick in later(12)]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)
            await p.drain()  # sends what a reorder window holds


async def clocks(p: mtf.Pipeline) -> None:
    for minute in range(10, 22):
        await p.clock(at(f"10:{minute}"))


async def runs(p: mtf.Pipeline) -> None:
    await p.run(later(12))


async def runs_of_feeds(p: mtf.Pipeline) -> None:
    async def feed() -> AsyncIterator[mtf.Tick]:
        for tick in later(12):
            await asyncio.sleep(0)
            yield tick

    await p.run(feed())


async def waits(p: mtf.Pipeline) -> None:
    await p.applied(7)
    await p.durable(10)
    await p.drain()


async def checkpoints(p: mtf.Pipeline) -> None:
    for tick in later(3):
        await p.push(tick)
        await p.checkpoint()


async def reads(p: mtf.Pipeline) -> None:
    async with p.bars("1m", limit=1) as bars:
        await p.push(mtf.Tick("EURUSD", at("10:10"), 1.0, 1.0))
        for minute in range(11, 14):
            await p.push(mtf.Tick("EURUSD", at(f"10:{minute}"), 1.0, 1.0))
            await anext(bars)


async def removes(p: mtf.Pipeline) -> None:
    slow = Slow()
    slow.name = "to be removed"
    p.add(slow)
    for tick in later(4):
        await p.push(tick)
    await p.remove(slow)


async def check_whole(p: mtf.Pipeline, plain: Plain) -> None:
    """Check that *p* goes on, and that *plain* is shown every event."""
    await pushes_together(p)
    assert plain.seq == p.seq == p.logged_seq > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("call", "reorder_ns", "meanwhile"),
    [
        (pushes, 0, None),
        (pushes_together, 0, None),
        (pushes_together, 1_000_000_000, None),
        (clocks, 0, None),
        (runs, 0, None),
        (runs, 1_000_000_000, None),
        (runs_of_feeds, 0, None),
        (runs_of_feeds, 1_000_000_000, None),
        (waits, 0, pushes),
        (reads, 0, None),
        (removes, 0, None),
    ],
)
def test_a_call_that_is_cancelled_leaves_the_pipeline_whole(
    call: Use, reorder_ns: int, meanwhile: Use | None, kind: str
) -> None:
    """It goes on with what comes, and consumers are shown all of it, in order and without a hole."""

    async def work(interrupt: Interrupt) -> None:
        async with pipeline(block_events=2, reorder_ns=reorder_ns) as p:
            plain = Plain()
            p.add(plain)
            p.add(Slow())
            other = asyncio.create_task(meanwhile(p)) if meanwhile is not None else None
            await interrupt(call(p))
            if other is not None:
                await other
            await check_whole(p, plain)

    assert cancel_everywhere(work, kind) > 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("call", "meanwhile"), [(pushes, None), (checkpoints, None), (checkpoints, pushes)])
def test_a_call_that_is_cancelled_during_a_recovery_and_after_it_leaves_the_log_whole(
    call: Use, meanwhile: Use | None, kind: str, disk: Path, logged: Path
) -> None:
    """What comes of the log is what the pipeline had."""
    data = disk / "run"

    async def work(interrupt: Interrupt) -> None:
        shutil.copytree(logged, data)
        async with pipeline(data=data, block_events=1) as p:
            plain = Plain()
            p.add(plain)
            p.add(Slow())
            other = asyncio.create_task(meanwhile(p)) if meanwhile is not None else None
            await interrupt(call(p))
            if other is not None:
                await other
            await check_whole(p, plain)
            digest = p.digest
        check_free(data)
        assert engine_at(data).digest.value() == digest
        shutil.rmtree(data)

    assert cancel_everywhere(work, kind, stride=2) > 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("speed", [None, 1e9])
def test_a_replay_that_is_cancelled_leaves_the_pipeline_whole(kind: str, speed: float | None, logged: Path) -> None:
    """It continues from the event that the replay had come to."""

    async def work(interrupt: Interrupt) -> None:
        async with pipeline(block_events=1) as p:
            plain = Plain()
            p.add(plain)
            p.add(Slow())
            await interrupt(p.replay(logged, speed=speed))
            await check_whole(p, plain)

    assert cancel_everywhere(work, kind) > 3
