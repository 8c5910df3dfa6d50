"""Consumers that are restarted after a failure: what they are shown, and when they stay out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import mtf
from tests.builders import SECOND_NS, at
from tests.fake_clock import FakeClock
from tests.pipeline.misbehaving import MINUTES, Fails, of, pipeline, turns
from tests.pipeline.recording import Recorder


async def until(wall: FakeClock, done: Callable[[], bool], seconds: int = 200) -> int:
    """Let the wall clock go on until *done*; return for how many tenths of a second."""
    passed = 0
    while not done():
        assert passed < 10 * seconds, "never"
        wall.pass_ns(SECOND_NS // 10)
        passed += 1
        await turns()
        await asyncio.to_thread(lambda: None)  # what threads read of the disk
    return passed


async def test_restarted_consumer_is_shown_what_came_since_its_last_state(tmp_path: Path) -> None:
    """Nothing twice, nothing left out; then it is one of the others again."""
    wall, failing, every = FakeClock(at("10:00")), Fails(at_seq=30, times=1), Recorder()
    async with pipeline(wall, data=tmp_path / "run", checkpoint_seconds=0) as p:
        p.add(every)
        p.add(failing, on_error="restart")
        for tick in MINUTES[:20]:
            await p.push(tick)
        await p.checkpoint()
        for tick in MINUTES[20:50]:
            await p.push(tick)
        await p.drain()
        assert (of(p, "fails").state, failing.seen[-1]) == ("waiting", 29)
        await until(wall, lambda: of(p, "fails").state == "running")
        assert failing.seen == list(range(1, 51))
        assert failing.recovering == list(range(21, 51)), "events of before its restart"
        for tick in MINUTES[50:]:
            await p.push(tick)
        assert await p.checkpoint() == 60
        found = of(p, "fails")
        assert (found.restarts, found.failures, found.lag) == (1, 1, 0)
    assert failing.seen == list(range(1, 61))
    assert failing.starts == 2


async def test_restart_while_ticks_come_leaves_none_out(tmp_path: Path) -> None:
    wall, failing = FakeClock(at("10:00")), Fails(at_seq=10, times=1)
    async with pipeline(wall, data=tmp_path / "run", checkpoint_seconds=0) as p:
        p.add(failing, on_error="restart")
        for number, tick in enumerate(MINUTES * 3):
            await p.push(mtf.Tick("A", at("10:00") + number * SECOND_NS, price=tick.price))
            if number == 4:
                await p.checkpoint()
            if number > 12:
                wall.pass_ns(SECOND_NS // 10)
                await asyncio.to_thread(lambda: None)
        await until(wall, lambda: of(p, "fails").state == "running")
    assert failing.seen == list(range(1, 181))


async def test_restart_without_a_state_goes_on_with_the_next_event_and_counts_the_rest() -> None:
    wall, failing = FakeClock(at("10:00")), Fails(at_seq=3, times=1)
    async with pipeline(wall) as p:
        p.add(failing, on_error="restart")
        for tick in MINUTES[:6]:
            await p.push(tick)
        await until(wall, lambda: of(p, "fails").state == "running")
        await p.push(MINUTES[6])
        assert failing.seen == [1, 2, 7]
        assert of(p, "fails").dropped == 3


async def test_consumer_that_fails_again_and_again_is_restarted_later_each_time_then_stays_out() -> None:
    """One second, two, four, eight, sixteen, each a little more or less; after the fifth time, quarantine."""
    wall, failing, every = FakeClock(at("10:00")), Fails(callback="on_start"), Recorder()
    async with pipeline(wall) as p:
        p.add(every)
        p.add(failing, on_error="restart")
        await p.push(MINUTES[0])
        waits: list[int] = []
        for number in range(1, 6):
            passed = await until(wall, lambda number=number: of(p, "fails").restarts == number)  # type: ignore[misc]
            waits.append(passed)
            await p.push(MINUTES[number])
            await turns()
        assert of(p, "fails").state == "quarantined"
        assert all(7.5 * 2**k <= 1 + wait and wait <= 1 + 12.5 * 2**k for k, wait in enumerate(waits)), waits
        assert "after 5 restarts it is not restarted again" in p.notes[-1]
        assert len([note for note in p.notes if "fails" in note]) == 6
        await p.remove(failing)
        assert [each.name for each in p.consumers] == ["recorder"]
    assert len([step for step in every.steps if step[0] == "tick"]) == 6


async def test_consumer_that_was_removed_is_not_restarted() -> None:
    wall, failing = FakeClock(at("10:00")), Fails(times=1)
    async with pipeline(wall) as p:
        p.add(failing, on_error="restart")
        await p.push(MINUTES[0])
        await p.remove(failing)
        wall.pass_ns(100 * SECOND_NS)
        await turns()
        await p.push(MINUTES[1])
        assert (p.consumers, failing.starts) == ((), 1)
