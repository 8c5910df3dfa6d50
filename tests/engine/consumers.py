"""Both ends of a pipeline: a source of events as tests draw them, and consumers that are held to the model's word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import mtf
from mtf.bars.bar import Bar
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from mtf.frames.view import View
from tests.alive import run_of
from tests.builders import Clock, Event
from tests.engine.follower import Follower

__all__ = ["AsyncReader", "PlainReader", "Played", "SlowReader", "hand_in"]


class Played:
    """A stream of ticks and clock events as a source of the pipeline."""

    name = "played"

    def __init__(self, stream: Iterable[Event]) -> None:
        self._left: Iterator[Event] = iter(stream)

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        for _ in range(limit):
            event = next(self._left, None)
            if event is None:
                return False
            refused = builder.clock(event.ts_ns) if isinstance(event, Clock) else builder.tick(event)
            assert refused == 0
        return True

    def identity(self) -> dict[str, object]:
        return {}

    def position(self) -> dict[str, object]:
        return {}

    def seek(self, position: dict[str, object]) -> None:
        raise AssertionError("nothing is resumed here")

    def progress(self) -> float | None:
        return None

    def close(self) -> None:
        pass


async def hand_in(pipeline: mtf.Pipeline, stream: Iterable[Event]) -> mtf.Summary:
    """Hand *stream* in as it stands, in blocks; return the summary once all is shown.

    As pushes do: the order in which events come is the order in which things were known.
    """
    await pipeline.drain()
    source, actor = Played(stream), run_of(pipeline).source
    more = True
    while more:
        more = source.fill(actor.builder, run_of(pipeline).options.events_at_once)
        if actor.builder.count:
            await actor.flush(actor.next_seq - 1)
    await pipeline.drain()
    return pipeline.summary()


class PlainReader(mtf.Consumer):
    """Tells its follower everything, in the turn of whoever pushes."""

    def __init__(self, follower: Follower, name: str = "plain") -> None:
        self.name = name
        self.follower = follower

    def on_bar(self, bar: Bar, view: View) -> None:
        self.follower.bar(bar, view)

    def on_tick(self, tick: Tick, view: View) -> None:
        self.follower.tick(tick, view)

    def on_clock(self, ts_ns: int, view: View) -> None:
        self.follower.clock(ts_ns, view)

    def on_reject(self, tick: Tick | None, reason: str, view: View) -> None:
        self.follower.reject(tick, reason, view)


class AsyncReader(mtf.Consumer):
    """The same in a task of its own; *turns* are given away before each look, and the view must not move meanwhile."""

    def __init__(self, follower: Follower, name: str = "async", turns: int = 0) -> None:
        self.name = name
        self.follower = follower
        self._turns = turns

    async def on_bar(self, bar: Bar, view: View) -> None:
        await self._wait()
        self.follower.bar(bar, view)

    async def on_tick(self, tick: Tick, view: View) -> None:
        await self._wait()
        self.follower.tick(tick, view)

    async def on_clock(self, ts_ns: int, view: View) -> None:
        await self._wait()
        self.follower.clock(ts_ns, view)

    async def on_reject(self, tick: Tick | None, reason: str, view: View) -> None:
        await self._wait()
        self.follower.reject(tick, reason, view)

    async def _wait(self) -> None:
        for _ in range(self._turns):
            await asyncio.sleep(0)


class SlowReader(AsyncReader):
    """Takes many turns of the loop for each step, so that mailboxes fill up and the source has to wait."""

    def __init__(self, follower: Follower, name: str = "slow") -> None:
        super().__init__(follower, name, turns=7)
