"""Pushing into a pipeline: when an event is visible, which are refused, and where pushing is not possible."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import mtf
from mtf.errors import MalformedEvent, PushInCallback
from tests.actors.loops import LOOPS, on_loop
from tests.builders import at, ticks
from tests.fake_clock import FakeClock
from tests.pipelines import TICKS, Notes, pipeline


@pytest.mark.parametrize("loop", LOOPS)
def test_pushed_event_is_visible_to_plain_consumers_when_push_returns(loop: str) -> None:
    """An idle pipeline handles a push in the caller's turn: nobody has to wait for a task switch."""
    notes = Notes()

    async def main() -> None:
        async with pipeline(timeframes=["1m"]) as p:
            p.add(notes)
            assert await p.push(TICKS[0]) == 1
            assert p.snapshot("EURUSD").seq == 1

    on_loop(loop, main)
    assert notes.told[:2] == ["start", "1 tick 1.5"]


@pytest.mark.parametrize("loop", LOOPS)
def test_pushes_of_several_tasks_get_seqs_without_holes_and_keep_each_tasks_order(loop: str) -> None:
    seqs: dict[str, list[int]] = {"A": [], "B": [], "C": []}
    seen: dict[str, list[int]] = {"A": [], "B": [], "C": []}

    class Slow(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            await asyncio.sleep(0)
            seen[tick.symbol].append(view.seq)

    async def pusher(p: mtf.Pipeline, symbol: str) -> None:
        for k in range(50):
            seqs[symbol].append(await p.push(mtf.Tick(symbol, at("10:00") + k, 1.0, 1.0)))

    async def main() -> None:
        async with pipeline() as p:
            p.add(Slow())
            async with asyncio.TaskGroup() as group:
                for symbol in seqs:
                    group.create_task(pusher(p, symbol))

    on_loop(loop, main)
    assert sorted(seqs["A"] + seqs["B"] + seqs["C"]) == list(range(1, 151))
    assert seqs == {symbol: sorted(found) for symbol, found in seqs.items()}
    assert seen == seqs


MALFORMED = [
    (mtf.Tick("X", at("10:00"), float("nan"), float("nan")), "NaN or infinite"),
    (mtf.Tick("X", at("10:00"), 1.0, float("nan"), float("inf"), 0.0), "NaN or infinite"),
    (mtf.Tick("X", at("10:00"), 1.0, 1.0, float("nan"), 0.0), "NaN or infinite"),
    (mtf.Tick("X", at("10:00"), price=float("nan")), "NaN or infinite"),
    (mtf.Tick("X", 1_700_000_000, price=1.0), "looks like seconds"),
    (mtf.Tick("X", 20231116093000000, price=1.0), "looks like the date 2023-11-16"),
    (mtf.Tick("X", 20231316093000000, price=1.0), "which is 1970-08-23; ts_ns is in nanoseconds"),
    (mtf.Tick("X", at("10:00")), "price is missing"),
    (mtf.Tick("X", at("10:00"), 1.0, 1.0, -1.0, 0.0), "size is negative"),
    (mtf.Tick("X", at("10:00"), price=1.0, size=-0.5), "size is negative"),
    (mtf.Tick("X", -1, 1.0, 1.0), "oldest_ns"),
    (mtf.Tick("X", 1 << 70, 1.0, 1.0), "after 2200"),
    (mtf.Tick("X", -(1 << 70), 1.0, 1.0), "oldest_ns"),
    (mtf.Tick("", at("10:00"), 1.0, 1.0), "symbol is blank"),
    (mtf.Tick("X" * 256, at("10:00"), 1.0, 1.0), "longer than 255"),
    (mtf.Tick("X", at("10:00"), 1.0, 1.0, id="i" * 256), "longer than 255"),
    (mtf.Tick("X", at("10:00"), 1.0, 1.0, price=1.0), "quote and a trade at once"),
    (mtf.Tick("\ud800", at("10:00"), 1.0, 1.0), "symbol"),
    (mtf.Tick("X", at("10:00"), 1.0, 1.0, id="\ud800"), "id"),
]


@pytest.mark.parametrize(("tick", "reason"), MALFORMED)
async def test_malformed_push_is_refused_counted_and_leaves_no_trace(tick: mtf.Tick, reason: str) -> None:
    """It has no seq, is in no log, makes no symbol known, and the next push is as if it had not been."""
    async with pipeline() as p:
        with pytest.raises(MalformedEvent, match=reason):
            await p.push(tick)
        assert p.summary().rejected == {"malformed": 1}
        assert (p.seq, p.symbols) == (0, [])
        assert await p.push(TICKS[0]) == 1
        assert (await p.run(TICKS[1:])).rejected == {"malformed": 1}
        assert p.snapshot("EURUSD")["1m"].bars[-1].close == 1.75


@pytest.mark.parametrize(
    "fields",
    [
        {"symbol": 5},
        {"symbol": None},
        {"symbol": b"X"},
        {"ts_ns": "10:00"},
        {"ts_ns": 1.5},
        {"ts_ns": None},
        {"bid": "1.1"},
        {"ask_size": "1"},
        {"id": 17},
    ],
)
async def test_push_of_a_field_of_the_wrong_type_leaves_no_trace(fields: dict[str, Any]) -> None:
    """Compiled ticks refuse it when they are made, others at intake; either way nothing of it is kept."""
    async with pipeline() as p:
        with pytest.raises((MalformedEvent, TypeError)):
            await p.push(mtf.Tick(**{"symbol": "X", "ts_ns": at("10:00"), "bid": 1.0, "ask": 1.0, **fields}))
        assert (p.seq, p.symbols) == (0, [])
        assert await p.push(TICKS[0]) == 1
        assert p.symbols == ["EURUSD"]
        await p.run(TICKS[1:])
        assert (p.seq, p.symbols) == (3, ["EURUSD"])


async def test_refused_push_does_not_limit_later_sources() -> None:
    """`max_ahead` is for what is pushed live; a file may hold any time, also after a push that went wrong."""
    wall = FakeClock(at("10:00"))
    async with pipeline(clock="both", wall=wall) as p:
        with pytest.raises(MalformedEvent):
            await p.push(mtf.Tick("X", at("10:00"), 1.0, 1.0, price=1.0))
        summary = await p.run(ticks("2024-03-09 10:00@1"))
    assert (summary.events, summary.rejected) == (1, {"malformed": 1})


async def test_clock_event_out_of_range_is_malformed() -> None:
    async with pipeline() as p:
        for ts_ns in (-(1 << 63), 1 << 70, True):
            with pytest.raises(MalformedEvent):
                await p.clock(ts_ns)
        assert p.seq == 0


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_push_inside_a_callback_raises(kind: str) -> None:
    """Its event would be logged before what is shown: the order would be a lie."""
    raised: list[type[BaseException]] = []

    async def try_push(p: mtf.Pipeline) -> None:
        for call in (p.push(TICKS[1]), p.clock(at("11:00")), p.run(TICKS), p.drain(), p.checkpoint(), p.applied(9)):
            try:
                await call
            except PushInCallback as error:
                raised.append(type(error))

    class Plain(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            coroutine = try_push(p)
            with pytest.raises(StopIteration):
                coroutine.send(None)

    class Async(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            await try_push(p)

    async with pipeline() as p:
        p.add(Plain() if kind == "plain" else Async())
        await p.push(TICKS[0])
    assert raised == [PushInCallback] * 6
    assert p.seq == 1


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_task_of_a_callback_may_push_once_the_callback_is_over(kind: str) -> None:
    """The way that PushInCallback names: hand it to a task. Later callbacks that run meanwhile are not its own."""
    tasks: list[asyncio.Task[Any]] = []
    over = asyncio.Event()
    found: list[int] = []

    async def later() -> int:
        await over.wait()
        found.append(p.snapshot("EURUSD").seq)  # the newest published, not what a callback is shown
        return await p.push(mtf.Tick("OTHER", at("10:00"), 1.0, 1.0))

    class Plain(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            if view.seq == 1:
                tasks.append(asyncio.create_task(later()))

    class Async(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            if view.seq == 1:
                tasks.append(asyncio.create_task(later()))
            if view.seq == 2:
                over.set()
                await asyncio.wait(tasks)

    async with pipeline() as p:
        p.add(Plain() if kind == "plain" else Async())
        await p.run(TICKS)
        over.set()
        assert await asyncio.gather(*tasks) == [4]
    assert found == [3]


async def test_awaited_task_inside_a_callback_is_part_of_it() -> None:
    """`wait_for` and groups make tasks of their own: pushing through them would wait for itself just the same."""

    class Waiting(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            with pytest.raises(PushInCallback):
                await asyncio.gather(p.push(TICKS[1]))
            assert (await asyncio.gather(self.look()))[0] == view.seq

        async def look(self) -> int:
            return p.snapshot("EURUSD").seq

    async with pipeline(block_events=1) as p:
        p.add(Waiting())
        await p.run(TICKS)


async def test_callback_of_one_pipeline_may_push_into_another() -> None:
    """A resampler feeds a second pipeline: only a pipeline's own order is at stake."""

    class Forward(mtf.Consumer):
        async def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            await other.push(mtf.Tick("BARS", bar.end_ns, price=bar.close))
            assert other.snapshot("BARS").time_ns == bar.end_ns
            assert p.snapshot("EURUSD").time_ns == bar.end_ns

    async with pipeline(timeframes=["1m"]) as other, pipeline(timeframes=["1m"]) as p:
        p.add(Forward())
        await p.run(TICKS)
        await p.drain()
        assert (p.seq, other.seq) == (3, 1)
