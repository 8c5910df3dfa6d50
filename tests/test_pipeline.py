"""The pipeline's promises to its user: consumers are shown everything in order, and waiting ends when it should."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

import mtf
from mtf.errors import ConfigError, UnknownTimeframe
from tests.actors.loops import LOOPS, on_loop
from tests.builders import at, ticks
from tests.pipelines import TICKS, Notes, pipeline

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


def test_a_setting_is_said_in_one_place() -> None:
    """A timeframe that a configuration does not have would be skipped silently."""
    config = mtf.Config.make(timeframes=["1m"])
    assert mtf.Pipeline(config=config, workers=1).config is config
    with pytest.raises(ConfigError, match="timeframes, history: already set by config="):
        mtf.Pipeline(config=config, timeframes=["1m", "1h"], history=5)
