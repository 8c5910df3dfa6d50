"""Through the actors, every consumer is shown exactly what the slow model shows, on any loop, however it reads."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mtf
from mtf.config import Config
from mtf.kernel import Kernel
from mtf.timeframe import DEFAULT_TIMEFRAMES
from tests.actors.loops import LOOPS, on_loop
from tests.builders import Clock, Event, blocks, events
from tests.engine.consumers import AsyncReader, PlainReader, SlowReader, hand_in
from tests.engine.follower import Follower, assert_same, model_of
from tests.model.model import replay
from tests.model.state import Shown
from tests.streams import streams


def readers_of(shown: list[Shown], config: Config) -> list[PlainReader | AsyncReader]:
    def follower() -> Follower:
        return Follower(shown, config.timeframes)

    return [PlainReader(follower()), AsyncReader(follower()), SlowReader(follower())]


async def play(stream: list[Event], config: Config, way: str, size: int) -> None:
    """Play *stream* one of several ways, before three kinds of readers, and compare all of it with the model."""
    model = model_of(config)
    readers = readers_of(replay(model, stream), config)
    async with mtf.Pipeline(config=config, block_events=size, clock="ticks") as p:
        for reader in readers:
            p.add(reader)
        if way == "run":
            summary = await hand_in(p, stream)
            assert (summary.seq, summary.events) == (len(stream), len(stream))
        elif way == "push":
            for seq, event in enumerate(stream, start=1):
                assert await put(p, event) == seq
        else:
            seqs = await asyncio.gather(*[put(p, event) for event in stream])
            assert seqs == list(range(1, len(stream) + 1))
        await p.applied(len(stream))
        assert (p.seq, p.symbols) == (len(stream), model.symbols)
        if way != "run":
            for name in model.symbols:
                snapshot = p.snapshot(name)
                assert snapshot.seq == len(stream)
                assert_same(snapshot, model.state(name), config.timeframes)
    for reader in readers:
        reader.follower.done()


async def put(p: mtf.Pipeline, event: Event) -> int:
    return await (p.clock(event.ts_ns) if isinstance(event, Clock) else p.push(event))


@pytest.mark.parametrize("loop", LOOPS)
@given(
    stream=streams(events_max=30),
    calendar=st.sampled_from(("fx", "crypto")),
    late=st.sampled_from(("reject", "accept")),
    way=st.sampled_from(("run", "push", "gather")),
    size=st.sampled_from((1, 2, 7, 1024)),
    history=st.sampled_from((1, 1000)),
    timeframes=st.sampled_from((DEFAULT_TIMEFRAMES, ("1m", "1d", "2t", "1v", "0.001r"))),
)
@settings(max_examples=15)
def test_consumers_are_shown_what_the_model_shows(
    loop: str,
    stream: list[Event],
    calendar: str,
    late: str,
    way: str,
    size: int,
    history: int,
    timeframes: tuple[str, ...],
) -> None:
    """Producers run blocks ahead of slow consumers, and yet each sees each tick's exact state."""
    config = Config.make(calendar=calendar, late=late, history=history, timeframes=timeframes)
    on_loop(loop, lambda: play(stream, config, way, size))


LONG = " ".join(
    f"{symbol}:{10 + minute // 60}:{minute % 60:02}:{second:02}@1.{(minute * 7 + second) % 90 + 10}x{second + 1}"
    for minute in range(40)
    for second, symbol in ((3, "EURUSD"), (21, "USDJPY"), (40, "EURUSD"))
)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("way", ["run", "push", "gather"])
def test_backpressure_changes_nothing_that_is_shown(loop: str, way: str) -> None:
    """120 events one at a time overflow every mailbox on the way to a slow consumer: all wait, none is lost."""
    config = Config.make(calendar="crypto", history=5)
    on_loop(loop, lambda: play(events(LONG), config, way, 1))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_consumer_added_in_mid_run_is_shown_everything_from_then_on(loop: str, kind: str) -> None:
    """Its first view must already know the bars and the partial bars of before."""
    config = Config.make(calendar="crypto", history=5)
    stream = events(LONG)
    shown = replay(model_of(config), stream)

    async def main() -> None:
        follower = Follower(shown, config.timeframes, first_seq=51)
        async with mtf.Pipeline(config=config, clock="ticks") as p:
            await hand_in(p, stream[:50])
            p.add(PlainReader(follower) if kind == "plain" else AsyncReader(follower))
            await hand_in(p, stream[50:])
        follower.done()

    on_loop(loop, main)


def test_consumers_of_different_pace_do_not_wait_for_one_another_in_order() -> None:
    """A plain consumer hears of a tick before its push returns; a slow one is let fall behind by a bounded number."""
    behind = 0

    class Slow(mtf.Consumer):
        seen = 0

        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            for _ in range(20):
                await asyncio.sleep(0)
            self.seen = view.seq

    class Plain(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            nonlocal behind
            behind = max(behind, view.seq - slow.seen)

    slow = Slow()

    async def main() -> None:
        async with mtf.Pipeline(calendar="crypto", clock="ticks") as p:
            p.add(slow)
            p.add(Plain())
            for event in events(LONG):
                await put(p, event)
        assert slow.seen == 120

    on_loop("asyncio", main)
    assert 1 < behind < 100


@given(stream=streams(events_max=25), size=st.sampled_from((1, 7)))
@settings(max_examples=10)
def test_pipeline_and_engine_come_to_the_same_digest(stream: list[Event], size: int) -> None:
    """State queries and time travel run the cores in one place, without actors: it has to be the same state."""
    config = Config.make(calendar="fx", indicators=["sma:3", "rsi:2"])
    engine = Kernel(config)
    for block in blocks(stream):
        engine.step(block)

    async def main() -> str:
        async with mtf.Pipeline(config=config, clock="ticks", block_events=size) as p:
            return (await hand_in(p, stream)).digest

    assert on_loop("asyncio", main) == engine.digest.value()
