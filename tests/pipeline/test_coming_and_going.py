"""Coming and going: consumers, readers and whole pipelines, hundreds of times, leave nothing behind.

Counted, not timed: tasks, threads, open files, and who gets a frame. `make bench ARGS=consumers` has the times.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs
import pytest

import mtf
from tests.alive import run_of
from tests.builders import SECOND_NS, at
from tests.fake_clock import FakeClock

VISITS: Final = 1000
LIVES: Final = 100
START_NS: Final = at("10:00")


class Plain(mtf.Consumer):
    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        pass


class Awaits(mtf.Consumer):
    async def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        await asyncio.sleep(0)


class Fails(mtf.Consumer):
    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        raise ZeroDivisionError


class Never(mtf.Consumer):
    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await asyncio.get_running_loop().create_future()


def pipeline(wall: FakeClock, **settings: Any) -> mtf.Pipeline:
    given: dict[str, Any] = {"calendar": "crypto", "timeframes": ["1m", "1h"], "block_events": 4, "durability": "os"}
    return mtf.Pipeline(**{**given, "wall": wall, "random": Random(1), **settings})


@attrs.frozen
class Left:
    """What a process holds besides memory."""

    tasks: int
    threads: int
    files: int


def left() -> Left:
    """Return what is held, but for the loop's own pool, whose threads wait for their next work."""
    pool = sum(thread.name.startswith("asyncio_") for thread in threading.enumerate())
    return Left(
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count() - pool,
        files=len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0,
    )


async def settled(expected: Left) -> Left:
    """Return what is left once threads that have nothing to do any more have ended, which takes them a moment."""
    gc.collect()
    for _ in range(500):
        if left() == expected:
            break
        await asyncio.sleep(0.01)
    return left()


async def visit(p: mtf.Pipeline, number: int, tick: mtf.Tick) -> None:
    """Let one come by a way of its own, see a tick, and go."""
    policy = ("wait", "latest", "drop", "fail")[number // 8 % 4]
    way = number % 8
    name = f"visitor {number}"
    if way == 0:
        async with p.bars("1m", limit=2, policy="drop"):
            await p.push(tick)
        return
    if way == 1:
        async with p.watch("A", every=0.1) as watch:
            await p.push(tick)
            assert (await anext(watch)).symbol == "A"
        return
    consumer = {5: Fails, 6: Never, 7: Awaits}.get(way, Plain)()
    p.add(
        consumer,
        name=name,
        policy=policy if way != 6 else "latest",
        on_error="stop" if way in (2, 3) else ("detach", "restart")[number // 8 % 2],
        symbols="A" if way == 3 else None,
        timeframes="1h" if way == 7 else None,
        thread=way == 4,
    )
    await p.push(tick)
    await asyncio.sleep(0)
    removed = p.remove(consumer)
    if way != 6:  # that one never ends
        await removed


async def test_a_thousand_visitors_leave_nothing_and_nobody_behind(caplog: pytest.LogCaptureFixture) -> None:
    """Nor a record of them, nor anyone who is looked at for a tick."""
    wall = FakeClock(START_NS)
    async with pipeline(wall) as p:
        p.add(Plain(), name="stays")
        never: list[asyncio.Task[Any]] = []
        await p.push(mtf.Tick("A", wall.now_ns(), price=1.0))
        gc.collect()
        before = left()
        for number in range(VISITS):
            wall.pass_ns(SECOND_NS)
            await visit(p, number, mtf.Tick("A", wall.now_ns(), price=1.0 + number % 5))
            if number % 8 == 6:
                hanging = [task for task in asyncio.all_tasks() if task.get_name() == f"mtf consumer visitor {number}"]
                never += hanging
                for task in hanging:
                    task.cancel()  # a removed consumer ends by itself, or with its owner's help
                await asyncio.wait(hanging)
        assert await settled(before) == before
        assert [each.name for each in p.consumers] == ["stays"]
        delivery = run_of(p).wiring.delivery
        assert len(delivery.seats) == 1
        assert delivery._passed is None, "nothing is kept for those who get every frame"
        assert len(never) == VISITS // 8
        assert len(p.notes) == VISITS // 8, "one sentence for each that failed"


@pytest.mark.parametrize("kind", ["stops", "is cancelled", "fails"])
async def test_a_hundred_lives_leave_no_task_thread_or_file(kind: str, tmp_path: Path) -> None:
    """Each with a consumer of every kind, and one in a thread."""
    wall = FakeClock(START_NS)
    gc.collect()
    before = left()
    await asyncio.to_thread(lambda: None)  # the loop keeps what its pool of threads needs
    for number in range(LIVES // 4 if kind != "stops" else LIVES // 2):
        life = asyncio.create_task(live(wall, tmp_path / f"run {number}" if number % 2 else None, kind))
        with contextlib.suppress(asyncio.CancelledError, KeyError):
            await life
    assert await settled(before) == before


async def live(wall: FakeClock, data: Path | None, kind: str) -> None:
    async with pipeline(wall, data=data) as p:
        p.add(Plain())
        p.add(Awaits(), policy="latest")
        if kind != "stops":  # else its end takes ten seconds
            p.add(Never(), policy="drop", on_error="detach")
        p.add(Fails(), on_error="restart")
        p.add(Plain(), name="in thread", thread=True, policy="latest")
        _ = p.bars("1m", policy="drop")
        for _ in range(5):
            await p.push(mtf.Tick("A", wall.now_ns(), price=1.0))
            wall.pass_ns(20 * SECOND_NS)
            await asyncio.sleep(0)
        if kind == "fails":
            raise KeyError
        if kind == "is cancelled":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
