"""talipp's incremental indicators, over bars by hand; a bar that forms is added, and replaced at each tick."""

from __future__ import annotations

from importlib.metadata import version

from contest import Case, Entry, Ticks, answer_all
from hand import Values, prepare_values
from talipp.indicators import ATR, EMA, RSI, SMA
from talipp.ohlcv import OHLCV

__all__ = ["Incremental"]


class Incremental(Values):
    """The four indicators of one symbol and length."""

    __slots__ = ("forms", "parts")

    def __init__(self) -> None:
        super().__init__()
        self.parts = SMA(20), EMA(20), RSI(14), ATR(14)
        self.forms = False  # the newest value is that of a bar that forms

    def peek(self, high: float, low: float, close: float) -> tuple[float, ...]:
        found = self._take(high, low, close)
        self.forms = True
        return found

    def close(self, high: float, low: float, close: float) -> None:
        self.last = self._take(high, low, close)
        self.forms = False

    def _take(self, high: float, low: float, close: float) -> tuple[float, ...]:
        bar = OHLCV(close, high, low, close)
        found = []
        for part, value in zip(self.parts, (close, close, close, bar), strict=True):
            if self.forms:
                part.update(value)
            else:
                part.add(value)
            newest = part[-1]
            found.append(float("nan") if newest is None else newest)
        return tuple(found)


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare the loop by hand."""
    return prepare_values(case, ticks, Incremental)


if __name__ == "__main__":
    answer_all(f"talipp {version('talipp')}", prepare)
