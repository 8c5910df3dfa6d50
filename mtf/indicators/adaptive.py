"""Trend: averages that trade some smoothness for less lag, with nested weights or by adapting to noise."""

from __future__ import annotations

import math
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.indicator import Indicator
from mtf.indicators.rolling import NAN, Ring, Sum, WeightedSum

__all__ = ["INDICATORS", "Hma", "Kama"]

FAST: Final = 2.0 / 3.0  # weight of an exponential average of 2 bars
SLOW: Final = 2.0 / 31.0  # and of 30

HMA: Final = Declaration(
    name="hma",
    title="Hull moving average",
    group="trend",
    formula="wma(floor(sqrt(n))) of 2 wma(floor(n / 2)) - wma(n)",
    source="TA-Lib HMA; Alan Hull, 2005",
    params=(Whole("period", 20, low=2),),
    of_close=True,
    on_price=("",),
)
KAMA: Final = Declaration(
    name="kama",
    title="Kaufman's adaptive moving average",
    group="trend",
    formula="kama' + w^2 (close - kama'), w = e (2/3 - 2/31) + 2/31, e = |change over n| / sum of |changes|, 1 for 0/0",
    source="TA-Lib KAMA (begins with the close before its first value); Perry Kaufman, Smarter Trading, 1995",
    params=(Whole("period", 10, low=2),),
    of_close=True,
    on_price=("",),
)


@mypyc_attr(native_class=True)
class Hma(Indicator):
    """A weighted mean of the difference of two weighted means, which removes most of their lag."""

    def __init__(self, period: int = 20) -> None:
        last = math.isqrt(period)
        super().__init__(HMA, (period,), (period + last - 1,))
        self._half: Final = WeightedSum(max(period // 2, 1))
        self._whole: Final = WeightedSum(period)
        self._last_sum: Final = WeightedSum(last)

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
        out[at] = self._last_sum.mean(2.0 * self._half.mean(close) - self._whole.mean(close))

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        raw = 2.0 * self._half.mean(close) - self._whole.mean(close)
        if raw == raw:
            self._last_sum.push(raw)
        self._half.push(close)
        self._whole.push(close)

    def archive(self, archive: Archive) -> None:
        self._half.archive(archive)
        self._whole.archive(archive)
        self._last_sum.archive(archive)


@mypyc_attr(native_class=True)
class Kama(Indicator):
    """An exponential average that is quick while the price trends and slow while it moves back and forth."""

    def __init__(self, period: int = 10) -> None:
        super().__init__(KAMA, (period,), (period + 1,))
        self._closes: Final = Ring(period)
        self._changes: Final = Sum(period)
        self._close = NAN  # of the last bar
        self._average = NAN  # the last value; before there is one, the last close

    def _following(self, close: float) -> float:
        moved = self._changes.rest + abs(close - self._close)
        change = abs(close - self._closes.oldest)
        if moved != moved or change != change:
            return NAN
        share = change / moved if moved > change else 1.0
        weight = share * (FAST - SLOW) + SLOW
        return (close - self._average) * (weight * weight) + self._average

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
        out[at] = self._following(close)

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        following = self._following(close)
        self._average = following if following == following else close
        if self._close == self._close:
            self._changes.push(abs(close - self._close))
        self._closes.push(close)
        self._close = close

    def archive(self, archive: Archive) -> None:
        self._closes.archive(archive)
        self._changes.archive(archive)
        self._close = archive.float64(self._close)
        self._average = archive.float64(self._average)


INDICATORS: Final[tuple[tuple[Declaration, type[Indicator]], ...]] = (
    (HMA, Hma),
    (KAMA, Kama),
)
