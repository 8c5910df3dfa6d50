"""Consumers by their own policies, in a pipeline: what each is shown, and that one which fails hurts itself alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ConfigError, PipelineStopped
from mtf.pipeline.consumer_statistics import ConsumerStatistics
from tests.alive import run_of
from tests.builders import SECOND_NS, at, ticks
from tests.pipeline.misbehaving import MINUTES, POLICIES, Fails, of, pipeline, turns
from tests.pipeline.recording import Recorder, SlowRecorder, bars_of


class Gate:
    """Callbacks wait here until it is open."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    async def __call__(self) -> None:
        await self.event.wait()


# What is shown.


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("block_events", [1, 7])
async def test_policy_changes_no_result(policy: str, block_events: int) -> None:
    """Consumers watch: the digest, and what others are shown, is what it is without them."""
    every, slow = Recorder(), SlowRecorder()
    async with pipeline(block_events=block_events, indicators=["sma:3"]) as p:
        await p.run(MINUTES)
        digest = p.digest
    async with pipeline(block_events=block_events, indicators=["sma:3"]) as p:
        p.add(every)
        p.add(slow, policy=policy, queue_limit=4)
        await p.run(MINUTES)
        assert p.digest == digest
    assert [step for step in every.steps if step in slow.steps] == slow.steps
    assert policy != "wait" or slow.steps == every.steps


async def test_latest_jumps_to_the_newest_row_and_gets_every_bar() -> None:
    every, slow, gate = Recorder(), SlowRecorder(), Gate()
    slow.wait = gate  # type: ignore[misc]
    async with pipeline() as p:
        p.add(every)
        p.add(slow, policy="latest")
        for tick in MINUTES:
            await p.push(tick)
            await turns(3)
        waiting = of(p, "slow")
        assert (waiting.lag, waiting.state, waiting.policy) == (60, "running", "latest")
        gate.event.set()
        await p.drain()
        conflated = of(p, "slow").conflated
    assert bars_of(slow.steps) == bars_of(every.steps)
    assert [step[1] for step in slow.steps if step[0] == "tick"] == [1, 60]
    assert len(slow.steps) + conflated == len(every.steps)


async def test_state_of_latest_is_saved_after_the_row_that_it_was_shown_last(tmp_path: Path) -> None:
    """The checkpoint is of what had come, and so is the state: nothing newer is in it."""
    saved: list[int] = []

    class Keeps(mtf.Consumer):
        seen = 0

        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            await asyncio.sleep(0)
            self.seen = view.seq

        def save(self) -> bytes:
            saved.append(self.seen)
            return b"%d" % self.seen

        def load(self, state: bytes) -> None:
            self.seen = int(state)

    async with pipeline(data=tmp_path / "run", checkpoint_seconds=0) as p:
        p.add(Keeps(), policy="latest")
        for tick in MINUTES[:20]:
            await p.push(tick)
        checkpointing = asyncio.create_task(p.checkpoint())
        await asyncio.sleep(0)
        for tick in MINUTES[20:]:
            await p.push(tick)
        assert await checkpointing == saved[0] >= 20


async def test_drop_counts_what_it_lost() -> None:
    every, slow, gate = Recorder(), SlowRecorder(), Gate()
    slow.wait = gate  # type: ignore[misc]
    async with pipeline() as p:
        p.add(every)
        p.add(slow, policy="drop", queue_limit=3)
        for tick in MINUTES[:40]:
            await p.push(tick)
            await turns(3)
        assert of(p, "slow").dropped > 0
        gate.event.set()
        await p.drain()
        for tick in MINUTES[40:]:
            await p.push(tick)
            await turns(10)
        await p.drain()
        assert len(slow.steps) + of(p, "slow").dropped == len(every.steps)
    assert [step[1] for step in slow.steps if step[0] == "tick"][:4] == [1, 2, 3, 4]
    assert slow.steps[-1] == every.steps[-1]
    assert [step for step in every.steps if step in slow.steps] == slow.steps


async def test_fail_ends_the_slow_consumer_and_nothing_else() -> None:
    every, slow, gate = Recorder(), SlowRecorder(), Gate()
    slow.wait = gate  # type: ignore[misc]
    async with pipeline() as p:
        p.add(every)
        p.add(slow, policy="fail", queue_limit=3)
        for tick in MINUTES:
            await p.push(tick)
            await turns(3)
        gate.event.set()
        found = of(p, "slow")
        assert (found.state, found.failures) == ("detached", 1)
        assert "ConsumerBehind" in found.error
        assert any("the consumer slow failed at seq 1: ConsumerBehind" in note for note in p.notes)
    assert [step[1] for step in every.steps if step[0] == "tick"] == list(range(1, 61))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("loop_turns", [0, 5])
async def test_consumer_of_some_symbols_and_timeframes_is_shown_those_as_everybody_is(
    policy: str, loop_turns: int
) -> None:
    """Also where a clock event closes its bars, and where a symbol appears late."""
    every = Recorder()
    some = {
        "bars": Recorder("bars"),
        "symbol": Recorder("symbol"),
        "both": SlowRecorder(name="both"),
        "late": Recorder("late"),
    }
    given = ticks(
        "A:10:00@1 B:10:00:01@5 A:10:00:30@2 B:10:01@6 A:10:01@3 C:10:01:10@9 C:10:02@8 A:10:05@3 B:10:06@7 A:10:04@1"
    )
    async with pipeline(timeframes=["1m", "5m"]) as p:
        p.add(every)
        p.add(some["bars"], policy=policy, timeframes="5m", symbols=["A", "B"], queue_limit=100)
        p.add(some["symbol"], policy=policy, symbols="B", queue_limit=100)
        p.add(some["both"], policy=policy, symbols=["C"], timeframes=["1m"], queue_limit=100)
        p.add(some["late"], policy=policy, symbols="C", queue_limit=100)
        for number, tick in enumerate(given):
            await p.push(tick)
            if number % 3 == 0:
                await p.clock(tick.ts_ns)
            await turns(loop_turns)
        await p.clock(at("10:30"))
    chosen: dict[str, Callable[[Any], bool]] = {
        "bars": lambda step: step[0] != "bar" or step[8][1] == "5m",
        "symbol": lambda step: step[0] == "clock" or step[3] == "B",
        "both": lambda step: step[0] == "clock" or (step[3] == "C" and (step[0] != "bar" or step[8][1] == "1m")),
        "late": lambda step: step[0] == "clock" or step[3] == "C",
    }
    for name, takes in chosen.items():
        symbols = {"bars": "AB", "symbol": "B", "both": "C", "late": "C"}[name]
        expected = [step for step in every.steps if takes(step) and (step[0] == "clock" or step[3] in symbols)]
        found = some[name].steps  # type: ignore[attr-defined]
        if policy == "latest":
            assert bars_of(found) == bars_of(expected), name
            assert [step for step in expected if step in found] == found, name
            assert expected[-1] in found, name
        else:
            assert found == expected, name


async def test_what_nobody_asked_for_costs_nothing() -> None:
    """Fifty readers of an hour, and fifty of other symbols, are not looked at by 600 ticks."""
    looked: list[int] = []

    class Hours(mtf.Consumer):
        def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            looked.append(view.seq)

    class Others(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            looked.append(view.seq)

    async with pipeline(timeframes=["1m", "1h"]) as p:
        for number in range(50):
            p.add(Hours(), name=f"hours {number}", timeframes="1h")
            p.add(Others(), name=f"others {number}", symbols=f"S{number}")
        delivery = run_of(p).wiring.delivery
        sent = 0
        for second in range(600):
            await p.push(mtf.Tick("A", at("10:00") + second * SECOND_NS, price=1.0))
            sent += sum(seat.sent_seq > 0 for seat in delivery.seats)
        assert (looked, sent) == ([], 0)


# What a failure does.


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("thread", [False, True])
@pytest.mark.parametrize("on_error", ["stop", "detach", "restart"])
@pytest.mark.parametrize("callback", ["on_start", "on_tick", "on_bar", "save", "on_stop"])
async def test_what_fails_stops_all_or_itself_alone(
    callback: str, on_error: str, thread: bool, policy: str, tmp_path: Path
) -> None:
    """The strategy beside it sees everything, unless the pipeline stops."""

    class Failing(Fails):
        on_frame = mtf.Consumer.on_frame

    failing, every = Failing(callback=callback), Recorder()

    async def live() -> tuple[ConsumerStatistics, list[str]]:
        async with pipeline(data=tmp_path / "run", checkpoint_seconds=0) as p:
            p.add(every)
            p.add(failing, policy=policy, on_error=on_error, thread=thread, queue_limit=100)
            for tick in MINUTES[:9]:
                await p.push(tick)
            await p.drain()
            if callback == "save":
                await p.checkpoint()
        return of(p, "fails"), p.notes

    if on_error == "stop":
        with pytest.raises(PipelineStopped, match="consumer fails failed: ZeroDivisionError"):
            await live()
        return
    found, notes = await live()
    assert [step[1] for step in every.steps if step[0] == "tick"] == list(range(1, 10))
    stays_out = on_error == "detach" or callback == "on_stop"
    assert (found.state, found.failures) == ("detached" if stays_out else "waiting", 1)
    assert found.error == "ZeroDivisionError()"
    assert sum("the consumer fails failed at seq" in note for note in notes) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("on_error", ["detach", "restart"])
async def test_what_ends_a_program_is_never_taken_for_an_error_of_a_consumer(
    error: type[BaseException], on_error: str
) -> None:
    async def live() -> None:
        async with pipeline() as p:
            p.add(Fails(error), on_error=on_error)
            await p.push(MINUTES[0])

    with pytest.raises(PipelineStopped):
        await live()


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError, TimeoutError, MemoryError, StopAsyncIteration, lambda: PipelineStopped("another")]
)
async def test_every_other_error_detaches(error: Callable[[], BaseException]) -> None:
    every = Recorder()
    async with pipeline() as p:
        p.add(every)
        p.add(Fails(error), on_error="detach")
        await p.push(MINUTES[0])
        await p.push(MINUTES[1])
        assert of(p, "fails").state == "detached"
    assert len(every.steps) == 2


async def test_checkpoint_waits_for_nobody_who_was_detached_and_carries_the_last_state(tmp_path: Path) -> None:
    """The next start continues from there, with everything that came since."""
    failing = Fails(at_seq=6)
    async with pipeline(data=tmp_path / "run", checkpoint_seconds=0) as p:
        p.add(failing, on_error="detach")
        for tick in MINUTES[:4]:
            await p.push(tick)
        assert await p.checkpoint() == 4
        for tick in MINUTES[4:8]:
            await p.push(tick)
        assert failing.seen == [1, 2, 3, 4, 5]
        assert await p.checkpoint() == 8
    again = Fails(times=0)
    async with pipeline(data=tmp_path / "run", checkpoint_seconds=0) as p:
        p.add(again)
        await p.drain()
    assert again.seen == list(range(1, 9))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"policy": "newest"}, "policy must be one of wait, latest, drop, fail, got 'newest'"),
        ({"on_error": "ignore"}, "on_error must be one of stop, detach, restart, got 'ignore'"),
        ({"queue_limit": 0}, "queue_limit must be between 1 and"),
        ({"symbols": []}, r"symbols must be one or more symbols, got \[\]"),
        ({"symbols": [1]}, "symbols must be one or more symbols"),
        ({"policy": "latest"}, "overrides on_frame"),
    ],
)
async def test_terms_that_are_not_possible_are_refused(settings: dict[str, Any], message: str) -> None:
    async with pipeline() as p:
        with pytest.raises(ConfigError, match=message):
            p.add(Fails(), **settings)
        assert p.consumers == ()


async def test_async_callbacks_are_refused_a_thread() -> None:
    async with pipeline() as p:
        with pytest.raises(ConfigError, match="SlowRecorder has async callbacks"):
            p.add(SlowRecorder(), thread=True)
