"""A pipeline on a clock that tests move, ticks for an hour, and a consumer that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Final

import mtf
from mtf.pipeline.consumer_statistics import ConsumerStatistics
from tests.builders import SECOND_NS, at
from tests.fake_clock import FakeClock

__all__ = ["MINUTES", "POLICIES", "Fails", "of", "pipeline", "turns"]

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
