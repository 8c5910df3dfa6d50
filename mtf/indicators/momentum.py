"""Momentum: how fast and how far the price has moved, seen against its own recent range."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.indicators.archive import Archive
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.indicator import Indicator
from mtf.indicators.smoothing import Wilder
from mtf.indicators.window import NAN

__all__ = ["INDICATORS", "Rsi"]

EPSILON: Final = 1e-14  # below this TA-Lib takes a divisor for zero

RSI: Final = Declaration(
    name="rsi",
    title="Relative strength index",
    group="momentum",
    formula="100 up / (up + down), Wilder's averages of the rises and falls of the close; 0 where there is neither",
    source="TA-Lib RSI; Welles Wilder, New Concepts in Technical Trading Systems, 1978",
    params=(Whole("period", 14, low=2),),
    of_close=True,
)


@mypyc_attr(native_class=True)
class Rsi(Indicator):
    """The share of rises in the recent movement of the close, 0..100."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(RSI, (period,), (period + 1,))
        self._up: Final = Wilder(period)
        self._down: Final = Wilder(period)
        self._close = NAN  # of the last bar

    def preview(
        self,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        day: i64,
        flags: i64,
        out: vec[float],
        at: i64,
    ) -> None:
        change = close - self._close
        up = self._up.following(change if change > 0.0 else 0.0)
        moved = up + self._down.following(-change if change < 0.0 else 0.0)
        out[at] = 0.0 if -EPSILON < moved < EPSILON else 100.0 * (up / moved)

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        change = close - self._close
        if change == change:
            self._up.push(change if change > 0.0 else 0.0)
            self._down.push(-change if change < 0.0 else 0.0)
        self._close = close

    def archive(self, archive: Archive) -> None:
        self._up.archive(archive)
        self._down.archive(archive)
        self._close = archive.number(self._close)


INDICATORS: Final[tuple[tuple[Declaration, type[Indicator]], ...]] = ((RSI, Rsi),)
