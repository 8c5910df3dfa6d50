"""Trend: averages that trade some smoothness for less lag, with nested weights or by adapting to noise."""

from __future__ import annotations

import math
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.formula import BarNumbers, Formula
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
class Hma(Formula):
    """A weighted mean of the difference of two weighted means, which removes most of their lag."""

    def __init__(self, period: int = 20) -> None:
        last = math.isqrt(period)
        super().__init__(HMA, (period,), (period + last - 1,))
        self._half: Final = WeightedSum(self.layout, max(period // 2, 1))
        self._whole: Final = WeightedSum(self.layout, period)
        self._last_sum: Final = WeightedSum(self.layout, last)

    def _raw(self, hot: vec[float], h: i64, close: float) -> float:
        return 2.0 * self._half.mean(hot, h, close) - self._whole.mean(hot, h, close)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = self._last_sum.mean(hot, h, self._raw(hot, h, bar.close))

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        raw = self._raw(hot, h, bar.close)
        if raw == raw:
            self._last_sum.push(hot, h, cold, c, raw)
        self._half.push(hot, h, cold, c, bar.close)
        self._whole.push(hot, h, cold, c, bar.close)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._half.archive(archive, hot, h, cold, c)
        self._whole.archive(archive, hot, h, cold, c)
        self._last_sum.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class Kama(Formula):
    """An exponential average that is quick while the price trends and slow while it moves back and forth."""

    def __init__(self, period: int = 10) -> None:
        super().__init__(KAMA, (period,), (period + 1,))
        self._closes: Final = Ring(self.layout, period)
        self._changes: Final = Sum(self.layout, period)
        self._close: Final = self.layout.in_hot(NAN)  # of the last bar
        self._average: Final = self.layout.in_hot(NAN)  # the last value; before there is one, the last close

    def _following(self, hot: vec[float], h: i64, close: float) -> float:
        moved = hot[h + self._changes.rest] + abs(close - hot[h + self._close])
        change = abs(close - hot[h + self._closes.oldest])
        if moved != moved or change != change:
            return NAN
        share = change / moved if moved > change else 1.0
        weight = share * (FAST - SLOW) + SLOW
        average = hot[h + self._average]
        return (close - average) * (weight * weight) + average

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = self._following(hot, h, bar.close)

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        close = bar.close
        following = self._following(hot, h, close)
        hot[h + self._average] = following if following == following else close
        before = hot[h + self._close]
        if before == before:
            self._changes.push(hot, h, cold, c, abs(close - before))
        self._closes.push(hot, h, cold, c, close)
        hot[h + self._close] = close

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._closes.archive(archive, hot, h, cold, c)
        self._changes.archive(archive, hot, h, cold, c)
        archive.number_in(hot, h + self._close)
        archive.number_in(hot, h + self._average)


INDICATORS: Final[tuple[tuple[Declaration, type[Formula]], ...]] = (
    (HMA, Hma),
    (KAMA, Kama),
)
