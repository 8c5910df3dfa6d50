"""Completed bars as an async iterator."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Self

from mtf.actors.consumer import Consumer
from mtf.bars.bar import Bar
from mtf.frames.view import View
from mtf.timeframe import Timeframe

__all__ = ["BarStream"]


class BarStream(Consumer):
    """A consumer that hands its bars to one reader; the pipeline waits for the reader once *limit* bars wait."""

    _count = 0  # streams made, so that each has a name of its own

    def __init__(self, timeframe: Timeframe, symbol: str | None, limit: int) -> None:
        BarStream._count += 1
        self.name = f"bars {timeframe} {BarStream._count}"
        self._timeframe: Final = timeframe
        self._symbol: Final = symbol
        self._limit: Final = limit
        self._bars: deque[Bar] = deque()
        self._changed = asyncio.Event()
        self._ended = False

    async def on_bar(self, bar: Bar, view: View) -> None:
        if bar.timeframe != self._timeframe or (self._symbol is not None and bar.symbol != self._symbol):
            return
        while len(self._bars) >= self._limit and not self._ended:
            self._changed.clear()
            await self._changed.wait()
        self._bars.append(bar)
        self._changed.set()

    def end(self) -> None:
        """Give out what waits, then end the iteration."""
        self._ended = True
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Bar:
        while not self._bars:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        bar = self._bars.popleft()
        self._changed.set()
        return bar
