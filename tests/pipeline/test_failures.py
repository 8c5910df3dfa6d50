"""A failure of any actor while a log is played, at its first event, in the middle and at its end, with a backlog.

Whoever waits gets the reason at once: what was on its way is dropped, and the rest of the log is not played.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import pytest

import mtf
from mtf.calendars.symbols import CalendarMap
from mtf.errors import ActorFailed, PipelineStopped, WorkerLost
from mtf.indicators.catalogue import register
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.plugin import BarNow, PythonIndicator
from mtf.pipeline.run import Run
from mtf.storage.history.writer import HistoryWriter
from tests.actors.loops import LOOPS, on_loop
from tests.alive import run_of
from tests.builders import SECOND_NS, at
from tests.calendars.breaking import break_calendars
from tests.fake_clock import FakeClock

EVENTS: Final = 300
BACKLOG: Final = 100  # events that can be on their way, one a block, when an actor fails
FIRST, MIDDLE, LAST = 1, 120, 290
STAGES: Final = (FIRST, MIDDLE, LAST)
NEW: Final = {FIRST: "A", MIDDLE: "B", LAST: "C"}  # the symbols that appear there


class Fault(Exception):
    """What an actor raises here."""


def tick(seq: int) -> mtf.Tick:
    """Return the event *seq*, which comes after a silence of minutes, with a price that grows with it."""
    price = 1.0 + seq / 1024
    return mtf.Tick(NEW.get(seq, "A"), at("2024-03-07 00:00") + 200 * seq * SECOND_NS, price, price)


class Faulty(PythonIndicator):
    """An indicator that fails once armed, from a price on."""

    declares = Declaration(
        name="faulty", title="Faulty", group="custom", formula="none", source="a test", params=(Whole("period", 1),)
    )
    fails_from = float("inf")

    def step(self, state: list[float], bar: BarNow) -> float:
        if bar.close >= self.fails_from:
            raise Fault
        return bar.close


class Idle(mtf.Consumer):
    """Takes some turns over each event, so that mailboxes fill."""

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await asyncio.sleep(0)


class Fails(mtf.Consumer):
    def __init__(self, seq: int) -> None:
        self.fails_at = seq

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        if view.seq >= self.fails_at:
            raise Fault


class FailsLater(Fails):
    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().on_tick(tick, view)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[register.__module__], "_REGISTERED", {})
    monkeypatch.setattr(Faulty, "fails_from", float("inf"))
    register(Faulty)


def pipeline(**settings: Any) -> mtf.Pipeline:
    given: dict[str, Any] = {"calendar": "crypto", "clock": "ticks", "timeframes": ["1m"], "durability": "os"}
    return mtf.Pipeline(**{"indicators": ["faulty:1"], "checkpoint_seconds": 0, "block_events": 1, **given, **settings})


def log_into(data: Path, **settings: Any) -> Path:
    """Log all events in *data*, without a checkpoint, so that a start plays them."""

    async def run() -> None:
        async with pipeline(data=data, **{**settings, "block_events": 512}) as p:
            await p.run(map(tick, range(1, EVENTS + 1)))

    asyncio.run(run())
    return data


@pytest.fixture
def logged(disk: Path, faulty: None) -> Path:
    return log_into(disk / "logged")


def break_sequencer(seq: int, monkeypatch: pytest.MonkeyPatch) -> None:
    known = CalendarMap.calendar_of
    monkeypatch.setattr(CalendarMap, "calendar_of", lambda self, name: _raise_if(name == NEW[seq]) or known(self, name))


def break_aggregator(seq: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from_ns = tick(seq).ts_ns
    break_calendars(monkeypatch).gap = lambda since_ns, to_ns: _raise_if(to_ns >= from_ns)


def break_indicators(seq: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Faulty, "fails_from", tick(seq).bid)


def break_synchronizer(seq: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Run.on_published
    monkeypatch.setattr(Run, "on_published", lambda self, frame: _raise_if(frame.last_seq >= seq) or seen(self, frame))


def break_history(seq: int, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = HistoryWriter.take

    def take(self: HistoryWriter, frame: mtf.Frame) -> bool:
        _raise_if(frame.last_seq >= seq)
        return taken(self, frame)

    monkeypatch.setattr(HistoryWriter, "take", take)


def _raise_if(wrong: bool) -> bool:
    if wrong:
        raise Fault
    return False


Break = Callable[[int, pytest.MonkeyPatch], None]
Call = Callable[[mtf.Pipeline], Coroutine[Any, Any, Any]]
CORES: Final[list[tuple[str, Break]]] = [
    ("sequencer", break_sequencer),
    ("aggregator 1m", break_aggregator),
    ("indicators 1m", break_indicators),
    ("synchronizer", break_synchronizer),
]
CALLS: Final[dict[str, Call]] = {
    "push": lambda p: p.push(tick(EVENTS + 1)),
    "clock": lambda p: p.clock(tick(EVENTS + 1).ts_ns),
    "run": lambda p: p.run([tick(EVENTS + 1)]),
    "applied": lambda p: p.applied(EVENTS),
    "drain": lambda p: p.drain(),
    "checkpoint": lambda p: p.checkpoint(),
    "leave": lambda p: asyncio.sleep(0),
}


async def fail(p: mtf.Pipeline, call: Call, *consumers: mtf.Consumer) -> PipelineStopped:
    """Return what *call* or leaving raises, and check that everything else raises it too, then and after the end."""
    error: PipelineStopped | None = None
    waiting: list[asyncio.Task[Any]] = []
    async with asyncio.timeout(20):
        try:
            async with p:
                for consumer in consumers:
                    p.add(consumer)
                waiting = [asyncio.create_task(other(p)) for name, other in CALLS.items() if name != "leave"]
                await call(p)
        except PipelineStopped as raised:
            error = raised
        assert error is not None, "nothing was raised"
        for task in waiting:
            with pytest.raises(type(error)):
                await task
        with pytest.raises(type(error)):
            await p.push(tick(EVENTS + 1))
    return error


def check(error: PipelineStopped, p: mtf.Pipeline, actor: str, seq: int) -> None:
    assert isinstance(error, ActorFailed)
    assert (error.actor, type(error.__cause__)) == (actor, Fault)
    assert run_of(p).source.taken_seq < seq + BACKLOG, "the rest of the log was played all the same"


@pytest.mark.parametrize("seq", STAGES)
@pytest.mark.parametrize("call", ["push", "leave"])
@pytest.mark.parametrize(("actor", "broken"), [*CORES, ("consumer history", break_history)])
def test_a_failure_in_a_recovery_is_the_reason_for_all_who_wait(
    actor: str, broken: Break, call: str, seq: int, logged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(seq, monkeypatch)
    p = pipeline(data=logged)
    check(on_loop("asyncio", lambda: fail(p, CALLS[call], Idle())), p, actor, seq)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("seq", STAGES)
@pytest.mark.parametrize("failing", [Fails, FailsLater])
@pytest.mark.parametrize("call", ["push", "leave"])
def test_a_consumer_that_fails_in_a_recovery_is_the_reason_for_all_who_wait(
    call: str, failing: type[Fails], seq: int, loop: str, logged: Path
) -> None:
    p = pipeline(data=logged)
    error = on_loop(loop, lambda: fail(p, CALLS[call], Idle(), failing(seq)))
    check(error, p, f"consumer {failing.__name__}", seq)


async def replay(p: mtf.Pipeline, path: Path, *consumers: mtf.Consumer) -> None:
    """Play a log, and push meanwhile: both get the reason."""
    async with asyncio.timeout(20), p:
        for consumer in consumers:
            p.add(consumer)
        playing = asyncio.create_task(p.replay(path))
        await asyncio.sleep(0)
        with pytest.raises(PipelineStopped):
            await p.push(tick(EVENTS + 1))
        await playing


def reason_of(life: Coroutine[Any, Any, None], loop: str = "asyncio") -> PipelineStopped:
    """Return what *life* raises."""
    with pytest.raises(PipelineStopped) as caught:
        on_loop(loop, lambda: life)
    return caught.value


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("seq", STAGES)
@pytest.mark.parametrize(("actor", "broken"), CORES)
def test_a_failure_in_a_replay_is_the_reason(
    actor: str, broken: Break, seq: int, loop: str, logged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(seq, monkeypatch)
    p = pipeline()
    check(reason_of(replay(p, logged, Idle()), loop), p, actor, seq)


@pytest.mark.parametrize("seq", STAGES)
@pytest.mark.parametrize("failing", [Fails, FailsLater])
def test_a_consumer_that_fails_in_a_replay_is_the_reason(failing: type[Fails], seq: int, logged: Path) -> None:
    p = pipeline()
    check(reason_of(replay(p, logged, Idle(), failing(seq))), p, f"consumer {failing.__name__}", seq)


class Kills(mtf.Consumer):
    """Kills a worker at an event."""

    def __init__(self, seq: int) -> None:
        self.kills_at = seq
        self.pids: list[int] = []

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        if view.seq == self.kills_at:
            os.kill(self.pids[0], signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="workers are for POSIX systems")
@pytest.mark.parametrize("seq", [FIRST, MIDDLE])
@pytest.mark.parametrize("played", ["recovery", "replay"])
def test_a_worker_that_is_killed_while_a_log_is_played_is_the_reason(played: str, seq: int, disk: Path) -> None:
    logged = log_into(disk / "logged", indicators=["sma:2"])
    kills = Kills(seq)
    p = pipeline(data=logged if played == "recovery" else None, workers=1, indicators=["sma:2"])

    async def life() -> None:
        async with asyncio.timeout(20), p:
            p.add(kills)
            kills.pids = p.worker_pids
            await (p.drain() if played == "recovery" else p.replay(logged))

    error = reason_of(life())
    assert isinstance(error, WorkerLost)
    assert "killed by signal 9" in str(error)
    assert run_of(p).source.taken_seq < seq + BACKLOG


# Who waits for something else


async def never() -> AsyncIterator[mtf.Tick]:
    """A feed that has one event, and then is silent."""
    yield tick(1)
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "call",
    [lambda p: p.run(never()), lambda p: p.durable(9), lambda p: p.applied(9)],
    ids=["a silent feed", "durable", "applied"],
)
def test_who_waits_for_what_does_not_come_gets_the_reason(call: Call, loop: str, tmp_path: Path, faulty: None) -> None:
    """A market that is silent afterwards must not hide that the pipeline has stopped."""
    p = pipeline(data=tmp_path / "run")

    async def life() -> None:
        async with asyncio.timeout(20), p:
            p.add(FailsLater(1))
            waiting = asyncio.create_task(call(p))
            await asyncio.sleep(0)
            if not p.logged_seq:
                await p.push(tick(1))
            await waiting

    check(reason_of(life(), loop), p, "consumer FailsLater", 1)


def test_replay_that_waits_for_its_next_event_gets_the_reason(logged: Path) -> None:
    """At the pace of the market the next one may be hours away; here time stands still."""
    p = pipeline(wall=FakeClock(at("10:00")))

    async def life() -> None:
        async with asyncio.timeout(20), p:
            p.add(FailsLater(1))
            await p.replay(logged, speed=1.0)

    check(reason_of(life()), p, "consumer FailsLater", 1)
    assert run_of(p).source.taken_seq == 1
