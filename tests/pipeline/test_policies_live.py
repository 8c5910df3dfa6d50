"""Consumers by their own policies, in a pipeline: who is slow, fails, hangs or blocks hurts itself alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

import mtf
from mtf.errors import ConfigError, ConsumerBehind, ConsumerStuck, LookAheadError, PipelineStopped
from mtf.pipeline.consumer_statistics import ConsumerStatistics
from tests.alive import run_of
from tests.builders import SECOND_NS, at, ticks
from tests.fake_clock import FakeClock
from tests.pipeline.recording import Recorder, SlowRecorder, bars_of

TURNS: Final = 60
MINUTES: Final = [mtf.Tick("A", at("10:00") + k * 20 * SECOND_NS, price=1.0 + k % 7) for k in range(60)]
POLICIES: Final = ("wait", "latest", "drop", "fail")


def pipeline(wall: FakeClock | None = None, **settings: Any) -> mtf.Pipeline:
    given: dict[str, Any] = {"calendar": "crypto", "clock": "ticks", "timeframes": ["1m", "5m"], "block_events": 1}
    return mtf.Pipeline(**{**given, "wall": wall or FakeClock(at("10:00")), "random": Random(1), **settings})


async def turns(count: int = TURNS) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def of(p: mtf.Pipeline, name: str) -> ConsumerStatistics:
    return next(each for each in p.consumers if each.name == name)


class Gate:
    """Callbacks wait here until it is open."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    async def __call__(self) -> None:
        await self.event.wait()


class Fails(mtf.Consumer):
    """Raises *error* in *callback*, as often as *times* says, and keeps what it has seen in its state."""

    def __init__(
        self,
        error: Callable[[], BaseException] = ZeroDivisionError,
        callback: str = "on_tick",
        times: int = 1 << 30,
        at_seq: int = 1,
        name: str = "fails",
    ) -> None:
        self.name = name
        self.error, self.callback, self.left, self.at_seq = error, callback, times, at_seq
        self.seen: list[int] = []
        self.starts = 0
        self.recovering: list[int] = []

    def fail(self, callback: str, seq: int = 1 << 30) -> None:
        if callback == self.callback and seq >= self.at_seq and self.left:
            self.left -= 1
            raise self.error()

    def on_start(self) -> None:
        self.starts += 1
        self.fail("on_start")

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.fail("on_tick", view.seq)
        self.seen.append(view.seq)
        if view.recovering:
            self.recovering.append(view.seq)

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.fail("on_bar", view.seq)

    def on_frame(self, frame: mtf.Frame) -> None:
        self.fail("on_frame", frame.last_seq)

    def save(self) -> bytes:
        self.fail("save")
        return b"%d" % (self.seen[-1] if self.seen else 0)

    def load(self, state: bytes) -> None:
        self.seen = [*range(1, int(state) + 1)]

    def on_stop(self) -> None:
        self.fail("on_stop")


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


async def test_what_nobody_asked_for_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
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
        for seat in delivery.seats:
            monkeypatch.setattr(seat.actor, "handle", lambda *_: looked.append(0))
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
    """The next start goes on from there, with everything that came since."""
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


# Restarts.


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
        assert "after 5 restarts it stays out" in p.notes[-1]
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


# Who hangs, stalls or blocks.


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
    assert wall.now_ns() - begun_ns <= 12 * SECOND_NS, "and the time that disks took"


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
    assert any("hangs: cancelled, after 10 s in which no callback returned" in note for note in await leaving)


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
            assert p.notes[0].startswith("the consumer hangs has not come on for 1")
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
        assert "no callback has returned for 10 s, and pushes wait" in of(p, "hangs").error
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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"policy": "newest"}, "policy must be one of wait, latest, drop, fail, got 'newest'"),
        ({"on_error": "ignore"}, "on_error must be one of stop, detach, restart, got 'ignore'"),
        ({"queue_limit": 0}, "queue_limit must be between 1 and"),
        ({"symbols": []}, r"symbols must be a symbol or several, got \[\]"),
        ({"symbols": [1]}, "symbols must be a symbol or several"),
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


# Readers.


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
    await asyncio.wait_for(reading, 5)
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
