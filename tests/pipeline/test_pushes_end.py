"""Pushes: who waits for one is woken once it is sent, or cannot be any more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import mtf
from mtf.errors import ActorFailed, PipelineStopped
from tests.actors.loops import LOOPS, on_loop
from tests.builders import SECOND_NS, at, ticks

TICKS = ticks("10:00:01@1.5 10:00:20@1.75 10:01:05@1.25 10:02:05@1.25")


def pipeline(**settings: Any) -> mtf.Pipeline:
    given: dict[str, Any] = {"calendar": "crypto", "clock": "ticks", "timeframes": ["1m"]}
    return mtf.Pipeline(**{**given, **settings})


@pytest.mark.parametrize("loop", LOOPS)
def test_push_that_finds_its_event_sent_already_does_not_wait_for_the_next(loop: str) -> None:
    """A drain lets an event out of the reorder window, and has a marker in transit when the pusher is woken."""

    async def main() -> list[int]:
        async with pipeline(reorder_ns=SECOND_NS) as p:
            pushing = [asyncio.create_task(p.push(tick)) for tick in TICKS]
            await asyncio.sleep(0)
            drained = asyncio.create_task(p.drain())
            await asyncio.gather(*pushing, drained)
            return [task.result() for task in pushing]

    assert on_loop(loop, main) == [1, 2, 3, 4]


@pytest.mark.parametrize("reorder_ns", [0, SECOND_NS])
@pytest.mark.parametrize("loop", LOOPS)
def test_pushes_that_queue_get_the_reason_when_the_pipeline_stops(reorder_ns: int, loop: str) -> None:
    """Also those whose turn comes afterwards, into a reorder window that is closed."""

    class Fails(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            await asyncio.sleep(0)
            if view.seq == 5:
                raise ZeroDivisionError

    async def life() -> None:
        async with pipeline(block_events=1, reorder_ns=reorder_ns) as p:
            p.add(Fails())
            later = [mtf.Tick("A", at("10:00") + 2 * k * SECOND_NS, price=1.0) for k in range(60)]
            pushing = [asyncio.create_task(p.push(tick)) for tick in later]
            done, pending = await asyncio.wait(pushing, timeout=20)
            assert not pending
            assert {type(task.exception()) for task in done if task.exception() is not None} == {ActorFailed}
            await p.drain()

    with pytest.raises(PipelineStopped, match="consumer Fails failed"):
        on_loop(loop, life)
