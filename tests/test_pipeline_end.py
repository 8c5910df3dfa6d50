"""A pipeline's life ends in order, or with the reason."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ActorFailed, PipelineStopped
from mtf.indicators.catalogue import register
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.plugin import BarNow, PythonIndicator
from mtf.log import read_log
from mtf.storage.checkpointer import Checkpointer
from tests.actors.loops import LOOPS, on_loop
from tests.alive import run_of
from tests.builders import at, ticks
from tests.calendars.breaking import break_calendars
from tests.pipelines import TICKS, Notes, pipeline


async def test_use_before_the_start_and_after_the_stop_raises() -> None:
    p = pipeline()

    async def all_refused(*, started: bool) -> None:
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: p.push(TICKS[0]),
            lambda: p.clock(at("10:00")),
            lambda: p.run(TICKS),
            lambda: p.applied(1),
            lambda: p.durable(1),
            p.drain,
            p.checkpoint,
            lambda: p.replay("nowhere"),
        ]
        for call in calls:
            with pytest.raises(PipelineStopped):
                await call()
        if started:
            with pytest.raises(PipelineStopped):
                p.add(Notes())
            with pytest.raises(PipelineStopped):
                p.bars("1m")

    await all_refused(started=False)
    async with p:
        await p.push(TICKS[0])
    await all_refused(started=True)
    assert p.snapshot("EURUSD").seq == 1, "what was published can still be looked at"
    with pytest.raises(PipelineStopped, match="started once"):
        await p.__aenter__()


@pytest.mark.parametrize("loop", LOOPS)
def test_body_that_raises_stops_the_pipeline_and_the_error_goes_on(loop: str) -> None:
    notes = Notes()

    async def main() -> None:
        async with pipeline() as p:
            p.add(notes)
            await p.push(TICKS[0])
            raise KeyError("body")

    with pytest.raises(KeyError, match="body"):
        on_loop(loop, main)
    assert notes.told == ["start", "1 tick 1.5", "frame 1..1"], "no orderly stop, so no on_stop"


@pytest.mark.parametrize("loop", LOOPS)
def test_cancellation_in_the_body_goes_on_and_leaves_a_valid_log(loop: str, tmp_path: Path) -> None:
    """Whoever cancels gets the cancellation back, no task stays behind, and what was pushed is in the log."""

    async def body() -> None:
        async with pipeline(data=tmp_path / "run") as p:
            p.add(Notes())
            for tick in TICKS:
                await p.push(tick)
            await p.drain()
            reached.set()
            await asyncio.get_running_loop().create_future()

    reached = asyncio.Event()

    async def main() -> set[str]:
        task = asyncio.create_task(body())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return {each.get_name() for each in asyncio.all_tasks() if each.get_name().startswith("mtf")}

    assert on_loop(loop, main) == set()
    assert logged_seqs(tmp_path / "run")[-1:] == [3]


@pytest.mark.parametrize("loop", LOOPS)
def test_cancelled_push_leaves_the_pipeline_whole(loop: str) -> None:
    """The event may be in or not; the seqs go on without a hole either way."""

    class Slow(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            await asyncio.sleep(0)

    async def main() -> int:
        async with pipeline(block_events=1) as p:
            p.add(Slow())
            tasks = [asyncio.create_task(p.push(mtf.Tick("X", at("10:00") + k, 1.0, 1.0))) for k in range(200)]
            for _ in range(3):
                await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            seqs = [seq for seq in done if isinstance(seq, int)]
            assert len(set(seqs)) == len(seqs) >= 100
            assert await p.push(mtf.Tick("X", at("10:01"), 1.0, 1.0)) == run_of(p).source.taken_seq
            await p.drain()
            return p.seq - max(seqs)

    assert on_loop(loop, main) == 1


def logged_seqs(data: Path) -> list[int]:
    return [
        seq for logged in read_log(data / "log") for seq in range(logged.block.first_seq, logged.block.last_seq + 1)
    ]


def failing(callback: str, kind: str) -> mtf.Consumer:
    """Return a consumer of which one callback raises."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError(callback)

    async def fail_later(*_: object) -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError(callback)

    members = {"name": f"boom {callback}", callback: fail if kind == "plain" else fail_later}
    made: mtf.Consumer = type("Boom", (mtf.Consumer,), members)()
    return made


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("callback", ["on_start", "on_bar", "on_tick", "on_clock", "on_reject", "on_frame", "on_stop"])
def test_failing_consumer_stops_the_pipeline_with_its_name(loop: str, kind: str, callback: str, tmp_path: Path) -> None:
    """Whatever fails is reported as it is, with its cause; what was pushed is in the log, and the log is whole."""
    stream = [*TICKS, ticks("10:00@1")[0]]
    healthy = Notes()

    p = pipeline(data=tmp_path / "run", timeframes=["1m"])
    pushed: list[int] = []

    async def body() -> None:
        async with p:
            p.add(healthy)
            pushed.append(await p.push(stream[0]))
            await p.drain()
            p.add(failing(callback, kind))
            for tick in stream[1:]:
                pushed.append(await p.push(tick))
            await p.clock(at("10:05"))
            await p.drain()

    async def main() -> ActorFailed:
        with pytest.raises(ActorFailed) as caught:
            await body()
        for call in (p.push(TICKS[0]), p.applied(99)):
            with pytest.raises(ActorFailed):
                await call
        return caught.value

    error = on_loop(loop, main)
    assert error.actor == f"consumer boom {callback}"
    assert f"consumer boom {callback} failed" in str(error)
    assert isinstance(error.__cause__, ZeroDivisionError)
    seqs = logged_seqs(tmp_path / "run")
    assert seqs == list(range(1, len(seqs) + 1))
    assert pushed == seqs[: len(pushed)]


async def test_consumer_that_is_cancelled_from_inside_stops_the_pipeline() -> None:
    """A callback that awaits something cancelled ends its task; were that silent, the pipeline would wait for ever."""

    class Cancelled(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    async def body() -> None:
        async with pipeline() as p:
            p.add(Cancelled())
            await p.push(TICKS[0])
            await p.drain()

    with pytest.raises(ActorFailed, match="consumer Cancelled failed: CancelledError"):
        await body()


class Fault(Exception):
    """What a core raises in these tests."""


def raise_fault(*_: object) -> Any:
    raise Fault("core")


class Faulty(PythonIndicator):
    """An indicator that cannot stand a price of 13."""

    declares = Declaration(
        name="faulty", title="Faulty", group="custom", formula="none", source="a test", params=(Whole("period", 1),)
    )

    def step(self, state: list[float], bar: BarNow) -> float:
        if bar.close == 13.0:
            raise Fault("core")
        return bar.close


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[register.__module__]
    monkeypatch.setattr(module, "_REGISTERED", {})
    register(Faulty)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("actor", ["sequencer", "aggregator 1m", "indicators 1m", "synchronizer"])
@pytest.mark.usefixtures("faulty")
def test_failing_core_actor_stops_the_pipeline_with_its_name(
    loop: str, actor: str, busy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in a core ends everything, in the sender's turn or in the actor's own; the log stays the truth."""

    class Slow(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            await asyncio.sleep(0)

    pushed: list[int] = []
    faults = break_calendars(monkeypatch)

    async def body() -> None:
        async with pipeline(data=tmp_path / "run", timeframes=["1m"], indicators=["faulty:1"]) as p:
            if busy:
                p.add(Slow())
            for tick in TICKS:
                pushed.append(await p.push(tick))
            await p.drain()
            if actor == "sequencer":
                faults.span_at = raise_fault  # asked for each new span
            elif actor == "aggregator 1m":
                faults.gap = raise_fault  # asked for each gap
            elif actor == "synchronizer":
                monkeypatch.setattr(Checkpointer, "published", raise_fault)
            price = 13.0 if actor == "indicators 1m" else 1.0
            for k in range(100):
                pushed.append(await p.push(mtf.Tick("EURUSD", at("2024-03-07 10:02") + k, price, price)))
            await p.drain()

    with pytest.raises(ActorFailed) as caught:
        on_loop(loop, body)
    assert caught.value.actor == actor
    assert isinstance(caught.value.__cause__, Fault)
    seqs = logged_seqs(tmp_path / "run")
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(pushed) >= 3
    assert pushed == seqs[: len(pushed)]


async def test_bar_stream_ends_when_the_pipeline_fails() -> None:
    """Who iterates must not wait for bars that will not come."""
    streams = []

    async def body() -> None:
        async with pipeline(timeframes=["1m"]) as p:
            streams.append(p.bars("1m"))
            p.add(failing("on_tick", "plain"))
            await p.push(TICKS[0])
            await p.drain()

    with pytest.raises(ActorFailed):
        await body()
    assert [bar async for bar in streams[0]] == []
