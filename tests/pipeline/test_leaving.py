"""Consumers and readers that leave: nothing of them stays, and nothing is run for those who want none of it."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ActorFailed, ConfigError, PipelineStopped, WrongLoop
from tests.actors.loops import LOOPS, on_loop
from tests.alive import run_of
from tests.builders import SECOND_NS, at, ticks
from tests.engine.consumers import hand_in

MINUTES = ticks(" ".join(f"10:{minute:02}@{minute + 1}" for minute in range(30)))


def pipeline(**settings: Any) -> mtf.Pipeline:
    return mtf.Pipeline(**{"calendar": "crypto", "clock": "ticks", "timeframes": ["1m", "1h"], **settings})


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def live(p: mtf.Pipeline) -> tuple[int, int, int, int]:
    """Return how many actors, outlets and tasks there are, and of the supervisor's."""
    run = run_of(p)
    return (
        len(run.audience.actors),
        len(run.wiring.delivery.seats),
        len(asyncio.all_tasks()),
        len(run.supervisor._tasks),
    )


class Ticks(mtf.Consumer):
    def __init__(self, name: str = "ticks") -> None:
        self.name = name
        self.seqs: list[int] = []
        self.stopped = False

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.seqs.append(view.seq)

    def on_stop(self) -> None:
        self.stopped = True


class Waiting(mtf.Consumer):
    """Stays in the callback of seq 1 until it is released."""

    name = "waiting"

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.inside = asyncio.Event()
        self.go = asyncio.Event()

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.inside.set()
        await self.go.wait()
        self.seqs.append(view.seq)


# Readers


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("way", ["aclose", "async with", "dropped", "cycle", "break", "cancelled", "never read"])
def test_reader_that_leaves_takes_its_actor_task_and_outlet_along(loop: str, way: str) -> None:
    """However it leaves: the collector is the last net."""

    async def main() -> None:
        async with pipeline() as p:
            await p.push(MINUTES[0])
            before = live(p)
            for number in range(1, 21):
                reader = p.bars("1m")
                pushing = asyncio.create_task(p.push(MINUTES[number]))
                if way == "aclose":
                    assert (await anext(reader)).close == number
                    await reader.aclose()
                    await reader.aclose()
                elif way == "async with":
                    async with reader as bars:
                        assert (await anext(bars)).close == number
                elif way == "break":
                    async for bar in reader:
                        assert bar.close == number
                        break
                elif way == "cancelled":
                    await pushing
                    assert (await anext(reader)).close == number
                    reading = asyncio.create_task(_read(reader))
                    await settle()
                    reading.cancel()
                    await asyncio.wait([reading])
                    del reading
                elif way == "cycle":
                    held: list[Any] = [reader]
                    held.append(held)
                    del held
                await pushing
                del reader
                if way == "cycle":
                    gc.collect()
                await settle()
                assert live(p) == before

    on_loop(loop, main)


async def _read(reader: Any) -> None:
    async for _ in reader:
        pass


async def test_two_thousand_readers_that_came_and_went_leave_nothing_behind() -> None:
    """So a push costs what it did."""
    async with pipeline() as p:
        await p.push(MINUTES[0])
        before = live(p)
        for number in range(2000):
            reader = p.bars("1m")
            if number % 2:
                await reader.aclose()
            del reader
            if number % 100 == 0:
                await settle()
                assert live(p) == before
        await settle()
        assert live(p) == before
        assert not run_of(p)._barriers._open


async def test_reader_that_was_made_before_the_start_is_collected_too() -> None:
    p = pipeline()
    reader = p.bars("1m", limit=1)
    async with p:
        before = live(p)
        del reader
        gc.collect()
        await settle()
        assert live(p) == (before[0] - 1, before[1] - 1, before[2] - 1, before[3] - 1)
        assert (await p.run(MINUTES)).bars["1m"] == 29


async def test_reader_that_leaves_while_the_pipeline_waits_for_it_lets_it_go_on() -> None:
    async with pipeline(block_events=1) as p:
        async with p.bars("1m", limit=1) as reader:
            run = asyncio.create_task(p.run(MINUTES))
            await anext(reader)
            await settle()
            assert not run.done()
        assert (await run).bars["1m"] == 29
        assert [bar async for bar in reader] == []


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, float("nan"), "5", None])
async def test_reader_without_a_whole_number_of_bars_to_wait_for_is_refused(limit: Any) -> None:
    """With 0 it would hold up every push; NaN would be no limit."""
    async with pipeline() as p:
        before = live(p)
        with pytest.raises(ConfigError, match="limit, of bars waiting to be read, must be 1 or more"):
            p.bars("1m", limit=limit)
        assert live(p) == before


async def test_consumer_of_one_timeframe_is_not_run_for_what_has_none_of_its_bars() -> None:
    """No callback, no task switch: 3,600 ticks of an hour cost it nothing."""

    class Bars(mtf.Consumer):
        name = "bars of an hour"
        told = 0

        def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            self.told += 1
            assert (view.seq, view["1h"].bars[-1].close) == (3601, 1.0)

    bars = Bars()
    async with pipeline() as p:
        p.add(bars, timeframes=["1h"])
        reader = p.bars("1h")
        seats = run_of(p).wiring.delivery.seats
        for second in range(3600):
            await p.push(mtf.Tick("X", at("10:00") + second * SECOND_NS, price=1.0))
            assert [seat.sent_seq for seat in seats] == [0, 0]
        await p.push(mtf.Tick("X", at("11:00"), price=1.0))
        assert [seat.sent_seq for seat in seats] == [3601, 3601]
        assert (await anext(reader)).ticks == 3600
    assert bars.told == 1


async def test_failure_does_not_wait_for_a_consumer_that_wants_nothing_of_what_is_left() -> None:
    """It passes what is not for it, and has come to the failure with that: no ten seconds."""

    class Bars(mtf.Consumer):
        def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            raise AssertionError("no hour ends")

    class Failing(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            raise ZeroDivisionError

    async def body() -> None:
        async with pipeline() as p:
            p.add(Failing())
            p.add(Bars(), timeframes=["1h"])
            await p.push(MINUTES[0])

    with pytest.raises(ActorFailed):
        await asyncio.wait_for(body(), 60)


# remove


async def test_removed_consumer_is_shown_nothing_more_and_not_stopped() -> None:
    consumer, other = Ticks(), Ticks("other")
    async with pipeline() as p:
        p.add(other)
        before = live(p)
        p.add(consumer)
        await p.push(MINUTES[0])
        await p.remove(consumer)
        await p.push(MINUTES[1])
        assert live(p) == before
    assert (consumer.seqs, consumer.stopped) == ([1], False)
    assert (other.seqs, other.stopped) == ([1, 2], True)


@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("waits", [False, True])
async def test_consumer_that_removes_itself_is_shown_nothing_more_of_the_same_block(kind: str, waits: bool) -> None:
    """From that very callback on; to wait for it there would be to wait for oneself, so that returns at once."""
    seqs: list[Any] = []

    class Plain(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            seqs.append(view.seq)
            if view.seq == 2:
                _ = p.remove(self)

        def on_frame(self, frame: mtf.Frame) -> None:
            seqs.append("frame")

        def on_stop(self) -> None:
            seqs.append("stop")

    class Async(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            seqs.append(view.seq)
            if view.seq == 2:
                left = p.remove(self)
                if waits:
                    await left
                await asyncio.sleep(0)
                assert p.seq == view.seq == 2  # the callback goes on as it was

        async def on_frame(self, frame: mtf.Frame) -> None:
            seqs.append("frame")

    async with pipeline() as p:
        before = live(p)
        p.add(Plain() if kind == "plain" else Async())
        await asyncio.wait_for(hand_in(p, MINUTES), 60)
        await settle()
        assert live(p) == before
    assert seqs == [1, 2]


async def test_busy_consumer_that_is_removed_ends_its_callback_and_holds_up_nobody() -> None:
    """`remove` is waited for until then; what waited for that consumer goes on at once."""
    waiting = Waiting()
    async with pipeline(block_events=1) as p:
        p.add(waiting)
        pushes = asyncio.gather(*(p.push(mtf.Tick("X", at("10:00") + k, price=1.0)) for k in range(100)))
        draining = asyncio.create_task(p.drain())
        await waiting.inside.wait()
        await settle()
        assert not pushes.done()
        leaving = asyncio.ensure_future(p.remove(waiting))
        await pushes
        await draining
        assert not leaving.done()
        waiting.go.set()
        await leaving
    assert waiting.seqs == [1]


async def test_consumer_that_is_removed_during_a_checkpoint_is_left_out_of_it(tmp_path: Path) -> None:
    """It is not waited for, and no state of it is made up."""

    class Saving(Waiting):
        async def save(self) -> bytes:
            await self.go.wait()
            return b"saved"

        def load(self, state: bytes) -> None:
            raise AssertionError("nothing was saved")

    saving = Saving()
    async with pipeline(data=tmp_path, checkpoint_seconds=None) as p:
        p.add(saving)
        await p.push(MINUTES[0])
        await saving.inside.wait()
        taking = asyncio.create_task(p.checkpoint())
        await settle()
        leaving = asyncio.ensure_future(p.remove(saving))
        assert await asyncio.wait_for(taking, 60) == 1
        saving.go.set()
        await leaving
        assert ["does not include waiting" in note for note in p.notes] == [True]


async def test_what_is_not_there_cannot_be_removed() -> None:
    consumer = Ticks()
    p = pipeline()
    with pytest.raises(PipelineStopped):
        await p.remove(consumer)
    async with p:
        with pytest.raises(ConfigError, match="is not a consumer"):
            await p.remove(consumer)
        p.add(consumer)
        await p.remove(consumer)
        with pytest.raises(ConfigError, match="is not a consumer"):
            await p.remove(consumer)
        p.add(consumer)  # and may come again
        await p.push(MINUTES[0])
    assert consumer.seqs == [1]


async def test_consumers_of_consumers_may_remove_each_other() -> None:
    """One that is removed by another's callback is not shown the event of that callback if its turn had not come."""

    class Remover(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            if view.seq == 2:
                await p.remove(consumer)

    consumer = Ticks()
    async with pipeline(block_events=1) as p:
        p.add(Remover())
        p.add(consumer)
        for tick in MINUTES[:2]:
            await p.push(tick)
        await p.drain()
        await p.push(MINUTES[2])
    assert consumer.seqs == [1, 2]


@pytest.mark.parametrize("call", ["add", "remove", "bars"])
async def test_consumers_come_and_go_on_the_loop_of_the_pipeline_only(call: str) -> None:
    """From another thread half of it would happen: an actor without a task, to be waited for for ever."""
    consumer = Ticks()
    calls = {
        "add": lambda p: p.add(Ticks("other")),
        "remove": lambda p: p.remove(consumer),
        "bars": lambda p: p.bars("1m"),
    }
    async with pipeline() as p:
        p.add(consumer)
        before = live(p)
        with pytest.raises(WrongLoop, match="call_soon_threadsafe"):
            await asyncio.to_thread(calls[call], p)
        await settle()
        assert live(p)[:2] == before[:2]
        await p.push(MINUTES[0])
        await p.drain()
    assert consumer.seqs == [1]
