"""Consumers that record what they are shown, bit by bit, so that two of them can be compared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import mtf
from tests.storage.builders import row_bits

__all__ = ["Recorder", "SlowRecorder", "Step", "bars_of", "shown"]

Step = tuple[Any, ...]  # what happened, and everything that the view says


def shown(what: str, view: mtf.View, *said: object) -> Step:
    """Return one step as a value."""
    states = [row_bits(view.of(name).snapshot()) for name in view.symbols]
    counts = [list(view.of(name).snapshot().counts.numbers) for name in view.symbols]
    return (what, view.seq, view.closing, view.symbol, view.time_ns, view.recovering, tuple(states), counts, said)


class Recorder(mtf.Consumer):
    """Records every step, in the turn of whoever pushes."""

    def __init__(self, name: str = "recorder") -> None:
        self.name = name
        self.steps: list[Step] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.steps.append(shown("bar", view, bar.symbol, bar.timeframe.name, bar.start_ns, bar.close))

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.steps.append(shown("tick", view, tick.symbol, tick.ts_ns, tick.price, tick.bid, tick.id))

    def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        self.steps.append(shown("clock", view, ts_ns))

    def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        self.steps.append(shown("reject", view, reason, None if tick is None else tick.ts_ns))


class SlowRecorder(mtf.Consumer):
    """Records every step once *wait* has returned."""

    def __init__(self, wait: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0), name: str = "slow") -> None:
        self.name = name
        self.wait: Final = wait
        self.recorder: Final = Recorder()

    @property
    def steps(self) -> list[Step]:
        return self.recorder.steps

    async def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        await self.wait()
        self.recorder.on_bar(bar, view)

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await self.wait()
        self.recorder.on_tick(tick, view)

    async def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        await self.wait()
        self.recorder.on_clock(ts_ns, view)

    async def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        await self.wait()
        self.recorder.on_reject(tick, reason, view)


def bars_of(steps: list[Step]) -> list[Step]:
    return [step for step in steps if step[0] == "bar"]
