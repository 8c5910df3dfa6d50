"""The pipeline's promises to its user: pushing, asking, waiting, and a life that ends in order or with the reason."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.calendars.weekly import WeeklyCalendar
from mtf.errors import (
    ActorFailed,
    ConfigError,
    DeadView,
    MalformedEvent,
    PipelineStopped,
    PushInCallback,
    UnknownSymbol,
    UnknownTimeframe,
)
from mtf.indicators.catalogue import register
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.plugin import BarNow, PythonIndicator
from mtf.log import read_log
from mtf.storage.checkpointer import Checkpointer
from tests.actors.loops import LOOPS, on_loop
from tests.alive import run_of
from tests.builders import at, ticks
from tests.fake_clock import FakeClock

TICKS = ticks("10:00:01@1.5x2 10:00:20@1.75x1 10:01:05@1.25x4")


def pipeline(**settings: Any) -> mtf.Pipeline:
    return mtf.Pipeline(**{"calendar": "crypto", "clock": "ticks", **settings})


class Notes(mtf.Consumer):
    """Writes down what it gets."""

    def __init__(self, name: str = "notes") -> None:
        self.name = name
        self.told: list[str] = []

    def on_start(self) -> None:
        self.told.append("start")

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.told.append(f"{view.seq} bar {bar.timeframe} {bar.close}")

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.told.append(f"{view.seq} tick {tick.bid}")

    def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        self.told.append(f"{view.seq} clock {ts_ns}")

    def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        self.told.append(f"{view.seq} reject {reason}")

    def on_frame(self, frame: mtf.Frame) -> None:
        self.told.append(f"frame {frame.first_seq}..{frame.last_seq}")

    def on_stop(self) -> None:
        self.told.append("stop")


# In order


@pytest.mark.parametrize("loop", LOOPS)
def test_consumer_is_told_in_order_from_start_to_stop(loop: str) -> None:
    """Bars close before the tick that revealed them, the frame comes after its rows, and each is delivered once."""
    notes = Notes()

    async def main() -> None:
        async with pipeline(timeframes=["1m", "1h"]) as p:
            p.add(notes)
            for tick in TICKS:
                await p.push(tick)
            await p.push(ticks("10:00@1")[0])
            await p.clock(at("11:00"))
            await p.clock(at("10:30"))

    on_loop(loop, main)
    assert notes.told == [
        "start",
        "1 tick 1.5",
        "frame 1..1",
        "2 tick 1.75",
        "frame 2..2",
        "3 bar 1m 1.75",
        "3 tick 1.25",
        "frame 3..3",
        "4 reject late",
        "frame 4..4",
        "5 bar 1m 1.25",
        "5 bar 1h 1.25",
        f"5 clock {at('11:00')}",
        "frame 5..5",
        "6 reject late",
        "frame 6..6",
        "stop",
    ]


async def test_consumer_that_wants_nothing_of_a_block_is_told_nothing_of_it() -> None:
    """Callbacks that are not overridden cost nothing and change nothing for the others."""

    class BarsOnly(mtf.Consumer):
        def __init__(self) -> None:
            self.bars: list[tuple[int, float, int]] = []

        def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            self.bars.append((view.seq, bar.close, len(view["1m"].bars)))

    consumer = BarsOnly()
    async with pipeline(timeframes=["1m"]) as p:
        p.add(consumer)
        await p.run(ticks("10:00@1 10:00:30@2 10:01@3 10:02@4"))
    assert consumer.bars == [(3, 2.0, 1), (4, 3.0, 2)]


async def test_several_consumers_are_all_shown_everything() -> None:
    notes = [Notes(f"notes {k}") for k in range(5)]
    async with pipeline(timeframes=["1m"]) as p:
        for each in notes:
            p.add(each)
        await p.run(TICKS)
    expected = ["start", "1 tick 1.5", "2 tick 1.75", "3 bar 1m 1.75", "3 tick 1.25", "frame 1..3", "stop"]
    assert [each.told for each in notes] == [expected] * 5


async def test_consumer_may_be_added_before_the_start() -> None:
    notes = Notes()
    p = pipeline(timeframes=["1m"])
    p.add(notes)
    async with p:
        await p.push(TICKS[0])
    assert notes.told == ["start", "1 tick 1.5", "frame 1..1", "stop"]


async def test_two_consumers_of_one_name_are_refused() -> None:
    """Checkpoints know consumers by name."""
    async with pipeline() as p:
        p.add(Notes("same"))
        with pytest.raises(ConfigError, match="'same'"):
            p.add(Notes("same"))


async def test_consumer_added_by_a_callback_is_shown_what_comes_after_that_event() -> None:
    """The frame that is being handed out was published before: the newcomer knows it, and does not get it again."""
    late_comer = Notes("late comer")

    class Adding(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            if view.seq == 2:
                p.add(late_comer)

    async with pipeline(timeframes=["1m"]) as p:
        p.add(Adding())
        for tick in TICKS:
            await p.push(tick)
    assert late_comer.told == ["start", "3 bar 1m 1.75", "3 tick 1.25", "frame 3..3", "stop"]


# Push


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


# Views and snapshots


async def test_dead_view_raises_whatever_it_is_asked() -> None:
    """A view looks at memory that goes on: after its callback it must not answer, in a later callback either."""
    kept: list[mtf.View] = []
    others: list[Any] = []
    refused: list[int] = []

    def ask(view: mtf.View) -> None:
        for question in (
            lambda: view["1m"],
            lambda: view.of("EURUSD"),
            lambda: view.seq,
            lambda: view.time_ns,
            lambda: view.symbol,
            lambda: view.symbols,
            lambda: view.closing,
            lambda: view.recovering,
            view.snapshot,
        ):
            with pytest.raises(DeadView):
                question()
            refused.append(1)
        for other in others[: len(kept)]:
            for question in (
                lambda other=other: other["1m"],
                lambda other=other: other.symbol,
                lambda other=other: other.time_ns,
                other.snapshot,
            ):
                with pytest.raises(DeadView):
                    question()

    class Keep(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            for old in kept:
                ask(old)
            kept.append(view)
            others.append(view.of("EURUSD"))
            assert others[-1].snapshot().seq == view.seq

        def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            self.on_tick(TICKS[0], view)

    async with pipeline(timeframes=["1m"]) as p:
        p.add(Keep())
        await p.run(TICKS)
        for view in kept:
            ask(view)
    assert len(kept) == 4
    assert len(refused) == 9 * (1 + 2 + 3 + 4)


async def test_kept_snapshot_never_changes() -> None:
    kept: list[mtf.Snapshot] = []

    class Keep(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            kept.append(view.snapshot())

    async with pipeline(timeframes=["1m"], block_events=2, history=1) as p:
        p.add(Keep())
        await p.run(ticks("10:00@1 10:01@2 10:02@3 10:03@4 10:04@5 10:05@6"))
    assert [[bar.close for bar in snapshot["1m"].bars] for snapshot in kept] == [[], [1], [2], [3], [4], [5]]
    assert [snapshot["1m"].partial.close for snapshot in kept if snapshot["1m"].partial] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_pipeline_snapshot_inside_a_callback_answers_the_row_that_is_shown(kind: str) -> None:
    """Producers may be a block ahead: a consumer that asks the pipeline must not see the future through it."""
    answers: list[tuple[int, float, int]] = []

    def look(view: mtf.View) -> None:
        snapshot = p.snapshot("EURUSD")
        partial = snapshot["1h"].partial
        assert partial is not None
        answers.append((snapshot.seq, partial.close, len(snapshot["1m"].bars)))
        assert view.snapshot().seq == snapshot.seq
        if view.seq < 3:
            with pytest.raises(UnknownSymbol, match="USDJPY"):
                p.snapshot("USDJPY")

    class Plain(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            look(view)

        def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            look(view)

    class Async(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            await asyncio.sleep(0)
            look(view)

        async def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            look(view)
            await asyncio.sleep(0)
            look(view)
            answers.pop()

    async with pipeline(timeframes=["1m", "1h"]) as p:
        p.add(Plain() if kind == "plain" else Async())
        await p.run(ticks("10:00@1 10:00:01@2 USDJPY:10:00:01@150 10:01@3 10:02@4"), order="log")
        snapshot = p.snapshot("EURUSD")
        assert (snapshot.seq, len(snapshot["1m"].bars)) == (5, 2)
    assert answers == [(1, 1.0, 0), (2, 2.0, 0), (3, 2.0, 0), (4, 2.0, 1), (4, 3.0, 1), (5, 3.0, 2), (5, 4.0, 2)]


async def test_unknown_names_are_told_with_the_known_ones() -> None:
    async with pipeline(timeframes=["1m", "1h"]) as p:
        with pytest.raises(UnknownSymbol, match="none"):
            p.snapshot("EURUSD")
        await p.push(TICKS[0])
        with pytest.raises(UnknownSymbol, match="known symbols: EURUSD"):
            p.snapshot("GBPUSD")
        with pytest.raises(UnknownTimeframe, match="1m, 1h"):
            p.snapshot("EURUSD")["5m"]
        assert p.snapshot("EURUSD")[mtf.Timeframe("60m")].partial == p.snapshot("EURUSD")["1h"].partial


async def test_bar_that_is_forming_when_the_source_ends_is_marked_last_and_not_closed() -> None:
    """The end of a source closes nothing; the mark goes when more comes."""
    async with pipeline(timeframes=["1m"]) as p:
        summary = await p.run(TICKS)
        assert summary.bars == {"1m": 1}
        partial = p.snapshot("EURUSD")["1m"].partial
        assert partial is not None
        assert partial.last
        await p.push(ticks("10:01:06@1")[0])
        partial = p.snapshot("EURUSD")["1m"].partial
        assert partial is not None
        assert (partial.last, partial.ticks) == (False, 2)


# Waiting


@pytest.mark.parametrize("loop", LOOPS)
def test_applied_returns_once_the_event_is_visible(loop: str) -> None:
    seen: list[int] = []

    async def waiter(p: mtf.Pipeline, seq: int) -> None:
        await p.applied(seq)
        assert p.snapshot("EURUSD").seq >= seq
        seen.append(seq)

    async def main() -> None:
        async with pipeline() as p:
            async with asyncio.TaskGroup() as group:
                for seq in (3, 1, 2, 2):
                    group.create_task(waiter(p, seq))
                await asyncio.sleep(0)
                for tick in TICKS:
                    await p.push(tick)
            await p.applied(1)
            await p.durable(3)  # without a data directory there is nothing to wait for

    on_loop(loop, main)
    assert sorted(seen) == [1, 2, 2, 3]


@pytest.mark.parametrize("loop", LOOPS)
def test_drain_returns_once_every_consumer_has_been_shown_all(loop: str) -> None:
    class Slow(mtf.Consumer):
        seq = 0

        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            for _ in range(20):
                await asyncio.sleep(0)
            self.seq = view.seq

    slow = Slow()

    async def main() -> None:
        async with pipeline() as p:
            p.add(slow)
            for tick in TICKS:
                await p.push(tick)
            assert slow.seq < 3
            await p.drain()
            assert slow.seq == 3
            await p.drain()

    on_loop(loop, main)


@pytest.mark.parametrize("loop", LOOPS)
def test_bars_iterates_the_completed_bars_of_one_timeframe_and_symbol(loop: str) -> None:
    async def main() -> list[tuple[str, float]]:
        async def read() -> list[tuple[str, float]]:
            return [(bar.symbol, bar.close) async for bar in stream]

        async with pipeline(timeframes=["1m", "5m"]) as p:
            stream = p.bars("1m", symbol="EURUSD", limit=1)
            reader = asyncio.create_task(read())
            await p.run(ticks("10:00@1 USDJPY:10:00@150 10:01@2 USDJPY:10:01@151 10:02@3 10:06@4 10:07@5"))
        return await reader

    assert on_loop(loop, main) == [("EURUSD", 1.0), ("EURUSD", 2.0), ("EURUSD", 3.0), ("EURUSD", 4.0)]


async def test_bars_of_a_timeframe_that_is_not_kept_are_refused() -> None:
    async with pipeline(timeframes=["1m"]) as p:
        with pytest.raises(UnknownTimeframe):
            p.bars("5m")


async def test_pipeline_waits_for_a_reader_of_bars_and_loses_none() -> None:
    """The bound is kept by waiting, not by dropping."""
    found: list[float] = []
    async with pipeline(timeframes=["1m"]) as p:
        stream = p.bars("60s", limit=2)
        run = asyncio.create_task(p.run(ticks(" ".join(f"10:{minute:02}@{minute + 1}" for minute in range(30)))))
        while len(found) < 29:
            found.append((await anext(stream)).close)
            await asyncio.sleep(0)
        assert (await run).bars == {"1m": 29}
    assert found == [float(minute) for minute in range(1, 30)]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@pytest.mark.parametrize("loop", LOOPS)
def test_reader_of_bars_that_leaves_early_holds_up_nobody(loop: str) -> None:
    """`break` alone leaves bars behind that nobody reads; `aclose` lets the pipeline go on."""

    async def main() -> int:
        async with pipeline(timeframes=["1m"]) as p:
            async with aclosing(p.bars("1m", limit=1)) as stream:
                run = asyncio.create_task(p.run(ticks(" ".join(f"10:{minute:02}@1" for minute in range(30)))))
                async for bar in stream:
                    assert bar.start_ns == at("10:00")
                    break
            assert [bar async for bar in stream] == []
            return (await run).bars["1m"]

    assert on_loop(loop, main) == 29


# The end


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

    async def body() -> None:
        async with pipeline(data=tmp_path / "run", timeframes=["1m"], indicators=["faulty:1"]) as p:
            if busy:
                p.add(Slow())
            for tick in TICKS:
                pushed.append(await p.push(tick))
            await p.drain()
            if actor == "sequencer":
                monkeypatch.setattr(WeeklyCalendar, "span_at", raise_fault)  # asked for each new span
            elif actor == "aggregator 1m":
                monkeypatch.setattr(WeeklyCalendar, "gap", raise_fault, raising=False)  # asked for each gap
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


def test_a_setting_is_said_in_one_place() -> None:
    """A timeframe that a configuration does not have would be passed over silently."""
    config = mtf.Config.make(timeframes=["1m"])
    assert mtf.Pipeline(config=config, workers=1).config is config
    with pytest.raises(ConfigError, match="timeframes, history: already set by config="):
        mtf.Pipeline(config=config, timeframes=["1m", "1h"], history=5)
