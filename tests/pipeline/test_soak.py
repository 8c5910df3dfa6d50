"""A soak: live pushes one by one for long, with consumers that come and go, pushes given up, and restarts.

Afterwards everything is as it was at the start: tasks, threads, open files, memory, and how much of the pipeline a push
goes through.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Final

import attrs
import pytest

from mtf import Bar, Config, Consumer, Tick, View
from mtf.build import COMPILED
from mtf.pipeline import Pipeline
from tests.alive import run_of
from tests.builders import SECOND_NS, at
from tests.fake_clock import FakeClock
from tests.storage.builders import at_rest

LOGGER: Final = logging.getLogger(__name__)

CONFIG: Final = Config.make(timeframes="1m,5m,1h", calendar="crypto", indicators=["ema:5"], history=50)
START_NS: Final = at("2024-03-04 00:00")
ROUNDS: Final = 10  # restarts
PUSHES: Final = 10_000
PUSHES_SLOW: Final = 2_000_000
GROWTH_KB: Final = 16_384  # of memory, once warm: caches of the allocator, and no more


class Plain(Consumer):
    def __init__(self, name: str) -> None:
        self.name = name
        self.bars = 0

    def on_bar(self, bar: Bar, view: View) -> None:
        self.bars += 1


class Awaiting(Plain):
    async def on_tick(self, tick: Tick, view: View) -> None:
        await asyncio.sleep(0)


@attrs.frozen
class Footprint:
    """What a pipeline takes of its process, apart from memory, and the files that are open once it has ended."""

    tasks: int
    threads: int
    outlets: int
    files: int = 0


def footprint(pipeline: Pipeline) -> Footprint:
    return Footprint(
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
        outlets=len(run_of(pipeline).wiring.delivery.seats),
    )


def open_files() -> int:
    """Return how many files this process has open; 0 on a system that does not say.

    While a pipeline runs, it depends on what the thread that compresses the log, and readers of the history, do now.
    """
    for _ in range(3):  # an ended run is a cycle, and what has to be finalized goes with a later look than the rest
        gc.collect()
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def resident_kb() -> int:
    """Return the memory of this process; 0 on a system that does not say."""
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return 0


async def visit(pipeline: Pipeline, number: int, random: Random) -> None:
    """Let a consumer or a reader come, see a little, and go, in one of the ways in which that can be done."""
    way = random.randrange(4)
    if way == 0:
        async with pipeline.bars("1m"):
            await asyncio.sleep(0)
    elif way == 1:
        _ = pipeline.bars("5m", limit=1)  # dropped
    else:
        consumer = Plain(f"visitor {number}") if way == 2 else Awaiting(f"visitor {number}")
        pipeline.add(consumer)
        await asyncio.sleep(0)
        await pipeline.remove(consumer)


async def give_up(pipeline: Pipeline, tick: Tick) -> None:
    """Push *tick*, and go away at once."""
    task = asyncio.create_task(pipeline.push(tick))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def soak(folder: Path, pushes: int) -> tuple[list[Footprint], list[int], list[float]]:
    """Return the footprint, the memory in KB, and the median cost of a push in each of the rounds."""
    random, wall = Random(3), FakeClock(START_NS)
    # The default pool grows to its bound by and by: whenever one thread is asked for before another says it is idle.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    footprints: list[Footprint] = []
    memory: list[int] = []
    costs: list[float] = []
    for _ in range(ROUNDS):
        found, cost = await life(folder, pushes // ROUNDS, pushes // 20, random, wall)
        footprints.append(attrs.evolve(found, files=open_files()))
        memory.append(resident_kb())
        costs.append(cost)
    return footprints, memory, costs


async def life(
    folder: Path, pushes: int, checkpoint_events: int, random: Random, wall: FakeClock
) -> tuple[Footprint, float]:
    """Start a pipeline, push, and stop it; return its footprint at the end, and the median cost of a push."""
    async with Pipeline(data=folder, config=CONFIG, wall=wall, checkpoint_events=checkpoint_events) as pipeline:
        stays = Plain("stays")
        pipeline.add(stays)
        timed: list[float] = []
        for k in range(pushes):
            wall.pass_ns(SECOND_NS // 2)
            price = 1.0 + random.random() / 1e3
            tick = Tick(random.choice("ABC"), wall.now_ns(), price, price + 1e-4)
            if k % 100 == 50:
                await visit(pipeline, k, random)
            if k % 100 == 75:
                await give_up(pipeline, tick)
            else:
                began = time.perf_counter()
                await pipeline.push(tick)
                timed.append(time.perf_counter() - began)
        wall.asked_ns.clear()
        gc.collect()
        await pipeline.drain()
        await pipeline.checkpoint()
        await at_rest(pipeline)
        await asyncio.sleep(0)
        assert stays.bars
        return footprint(pipeline), sorted(timed)[len(timed) // 2]


def check(footprints: list[Footprint]) -> None:
    """Compare rounds but the first."""
    assert len(set(footprints[1:])) == 1, footprints


async def test_nothing_grows_while_consumers_come_and_go(tmp_path: Path) -> None:
    """A short soak always: what it takes of the process is the same in each round."""
    footprints, _, _ = await soak(tmp_path, PUSHES)
    check(footprints)


@pytest.mark.slow
async def test_two_million_pushes_leave_everything_as_it_was(tmp_path: Path) -> None:
    """What a push costs is logged (`-o log_cli=true`), not asserted: a machine may have other things to do."""
    footprints, memory, costs = await soak(tmp_path, PUSHES_SLOW if COMPILED else PUSHES_SLOW // 10)
    LOGGER.warning("median of a push, us: %s", " ".join(f"{cost * 1e6:.1f}" for cost in costs))
    LOGGER.warning("memory, MB: %s", " ".join(str(kb // 1024) for kb in memory))
    check(footprints)
    assert memory[-1] - memory[ROUNDS // 2] < GROWTH_KB, memory
