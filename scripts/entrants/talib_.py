"""TA-Lib's stream handles, over bars by hand: one an indicator, symbol and length; `peek` live, `update` at closes.

A handle begins with an array of the first bars, so that they are kept until the slowest indicator is ready.
"""

from __future__ import annotations

from typing import Any

import numpy
import talib
from contest import Case, Entry, Ticks, answer_all
from hand import Values, prepare_values
from talib import stream

__all__ = ["Handles"]

READY = 20  # bars, of the slowest


class Handles(Values):
    """The four handles of one symbol and length."""

    __slots__ = ("bars", "handles")

    def __init__(self) -> None:
        super().__init__()
        self.bars: list[tuple[float, float, float]] = []
        self.handles: tuple[Any, ...] = ()

    def peek(self, high: float, low: float, close: float) -> tuple[float, ...]:
        if not self.handles:
            return Values.peek(self, high, low, close)
        sma, ema, rsi, atr = self.handles
        return sma.peek(close), ema.peek(close), rsi.peek(close), atr.peek(high, low, close)

    def close(self, high: float, low: float, close: float) -> None:
        if self.handles:
            sma, ema, rsi, atr = self.handles
            self.last = (sma.update(close), ema.update(close), rsi.update(close), atr.update(high, low, close))
            return
        Values.close(self, high, low, close)
        self.bars.append((high, low, close))
        if len(self.bars) == READY:
            highs, lows, closes = (numpy.array(column) for column in zip(*self.bars, strict=True))
            self.handles = (
                stream.SMA(closes, 20),
                stream.EMA(closes, 20),
                stream.RSI(closes, 14),
                stream.ATR(highs, lows, closes, 14),
            )


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare the loop by hand with handles."""
    return prepare_values(case, ticks, Handles)


if __name__ == "__main__":
    answer_all(f"TA-Lib {talib.__version__}", prepare)
