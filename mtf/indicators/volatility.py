"""Volatility: how far the price moves, and bands at that distance from an average."""

from __future__ import annotations

import math
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import Choice, Declaration, Number, Whole
from mtf.indicators.formula import BarNumbers, Formula
from mtf.indicators.rolling import NAN, Extremes, Moments, Sum
from mtf.indicators.smoothing import Exponential, Wilder

__all__ = ["INDICATORS", "Atr", "Bbands", "Donchian", "Keltner", "Stddev", "SuperTrend", "true_range"]

WIDTH_MAX: Final = 1000.0  # of a band, in deviations or ranges

BBANDS: Final = Declaration(
    name="bbands",
    title="Bollinger bands",
    group="volatility",
    formula="mean of n closes; upper, lower: plus and minus width * population standard deviation of the same",
    source="TA-Lib BBANDS with plain means; John Bollinger, Bollinger on Bollinger Bands, 2001",
    params=(Whole("period", 20, low=2), Number("width", 2.0, 0.0, WIDTH_MAX, "standard deviations")),
    outputs=("", "upper", "lower"),
    of_close=True,
    on_price=("", "upper", "lower"),
)
ATR: Final = Declaration(
    name="atr",
    title="Average true range",
    group="volatility",
    formula="Wilder's average of max(h - l, |h - c'|, |l - c'|), from the second bar on",
    source="TA-Lib ATR; Welles Wilder, New Concepts in Technical Trading Systems, 1978",
    params=(Whole("period", 14),),
)
KELTNER: Final = Declaration(
    name="keltner",
    title="Keltner channel",
    group="volatility",
    formula="ema of n closes; upper, lower: plus and minus width * atr; typical: of (h + l + c) / 3, as in TA-Lib",
    source="Linda Raschke's form, as StockCharts; with price=typical TA-Lib KC",
    params=(
        Whole("period", 20),
        Number("width", 2.0, 0.0, WIDTH_MAX, "average true ranges"),
        Whole("atr", 10),
        Choice("price", ("close", "typical"), "what the middle is an average of"),
    ),
    outputs=("", "upper", "lower"),
    on_price=("", "upper", "lower"),
)
DONCHIAN: Final = Declaration(
    name="donchian",
    title="Donchian channel",
    group="volatility",
    formula="upper: highest high, lower: lowest low of n bars, this one included; middle: their mean",
    source="TA-Lib DONCHIAN; Richard Donchian",
    params=(Whole("period", 20),),
    outputs=("", "upper", "lower"),
    on_price=("", "upper", "lower"),
)
STDDEV: Final = Declaration(
    name="stddev",
    title="Standard deviation",
    group="volatility",
    formula="population standard deviation of the last n closes",
    source="TA-Lib STDDEV",
    params=(Whole("period", 20, low=2),),
    of_close=True,
)
SUPERTREND: Final = Declaration(
    name="supertrend",
    title="SuperTrend",
    group="volatility",
    formula="(h + l) / 2 -+ width * atr, which only tightens until the close crosses it; trend: 1 up, -1 down",
    source="TA-Lib SUPERTREND; Olivier Seban",
    params=(Whole("period", 10), Number("width", 3.0, 0.0, WIDTH_MAX, "average true ranges")),
    outputs=("", "trend"),
    on_price=("",),
)


def true_range(high: float, low: float, before: float) -> float:
    """Return the range of a bar including the gap from the close *before*; NaN if *before* is."""
    if before != before:
        return NAN
    top = high if high > before else before
    bottom = low if low < before else before
    return top - bottom


@mypyc_attr(native_class=True)
class Bbands(Formula):
    """A mean of the close, and bands some standard deviations from it."""

    def __init__(self, period: int = 20, width: float = 2.0) -> None:
        super().__init__(BBANDS, (period, width), (period,) * 3)
        self._sum: Final = Sum(self.layout, period)
        self._moments: Final = Moments(self.layout, period)
        self._size: Final[float] = float(period)
        self._width: Final[float] = float(width)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        middle = (hot[h + self._sum.rest] + bar.close) / self._size
        reach = self._width * math.sqrt(self._moments.variance(hot, h, bar.close))
        out[at] = middle
        out[at + 1] = middle + reach
        out[at + 2] = middle - reach

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._sum.push(hot, h, cold, c, bar.close)
        self._moments.push(hot, h, cold, c, bar.close)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._sum.archive(archive, hot, h, cold, c)
        self._moments.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class Atr(Formula):
    """Wilder's average of the true range."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(ATR, (period,), (period + 1,))
        self._ranges: Final = Wilder(self.layout, period)
        self._close: Final = self.layout.in_hot(NAN)  # of the last bar

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = self._ranges.following(hot, h, true_range(bar.high, bar.low, hot[h + self._close]))

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        before = hot[h + self._close]
        if before == before:
            self._ranges.push(hot, h, true_range(bar.high, bar.low, before))
        hot[h + self._close] = bar.close

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._ranges.archive(archive, hot, h)
        archive.number_in(hot, h + self._close)


@mypyc_attr(native_class=True)
class Keltner(Formula):
    """An exponential average, and bands some average true ranges from it.

    With the typical price it equals TA-Lib's KC: average and range start on the same bar, the first where both can.
    """

    def __init__(self, period: int = 20, width: float = 2.0, atr: int = 10, price: str = "close") -> None:
        start = max(period, atr + 1)
        middle = start if price == "typical" else period
        super().__init__(KELTNER, (period, width, atr, price), (middle, start, start))
        self._typical: Final = price == "typical"
        self._middle: Final = Exponential(self.layout, period, start - period if price == "typical" else 0)
        self._ranges: Final = Wilder(self.layout, atr, start - atr - 1 if price == "typical" else 0)
        self._width: Final[float] = float(width)
        self._close: Final = self.layout.in_hot(NAN)  # of the last bar

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        price = (bar.high + bar.low + bar.close) / 3.0 if self._typical else bar.close
        middle = self._middle.following(hot, h, price)
        reach = self._width * self._ranges.following(hot, h, true_range(bar.high, bar.low, hot[h + self._close]))
        out[at] = middle
        out[at + 1] = middle + reach
        out[at + 2] = middle - reach

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._middle.push(hot, h, (bar.high + bar.low + bar.close) / 3.0 if self._typical else bar.close)
        before = hot[h + self._close]
        if before == before:
            self._ranges.push(hot, h, true_range(bar.high, bar.low, before))
        hot[h + self._close] = bar.close

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._middle.archive(archive, hot, h)
        self._ranges.archive(archive, hot, h)
        archive.number_in(hot, h + self._close)


@mypyc_attr(native_class=True)
class Donchian(Formula):
    """The highest high and the lowest low of the last bars, and their midpoint."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(DONCHIAN, (period,), (period,) * 3)
        self._range: Final = Extremes(self.layout, period)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        upper = self._range.highest(hot, h, bar.high)
        lower = self._range.lowest(hot, h, bar.low)
        out[at] = (upper + lower) / 2.0
        out[at + 1] = upper
        out[at + 2] = lower

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._range.push(hot, h, cold, c, bar.high, bar.low)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._range.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class Stddev(Formula):
    """The population standard deviation of the last n closes."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(STDDEV, (period,), (period,))
        self._moments: Final = Moments(self.layout, period)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = math.sqrt(self._moments.variance(hot, h, bar.close))

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._moments.push(hot, h, cold, c, bar.close)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._moments.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class SuperTrend(Formula):
    """A stop line that follows the price at some average true ranges, and switches sides when crossed."""

    def __init__(self, period: int = 10, width: float = 3.0) -> None:
        super().__init__(SUPERTREND, (period, width), (period + 1,) * 2)
        self._ranges: Final = Wilder(self.layout, period)
        self._width: Final[float] = float(width)
        self._close: Final = self.layout.in_hot(NAN)  # of the last bar
        self._upper: Final = self.layout.in_hot(NAN)  # the line while the trend is down
        self._lower: Final = self.layout.in_hot(NAN)  # the line while the trend is up
        self._trend: Final = self.layout.in_hot(1.0)

    def _reach(self, hot: vec[float], h: i64, bar: BarNumbers) -> float:
        return self._width * self._ranges.following(hot, h, true_range(bar.high, bar.low, hot[h + self._close]))

    def _upper_now(self, hot: vec[float], h: i64, band: float) -> float:
        upper = hot[h + self._upper]
        return upper if band >= upper >= hot[h + self._close] else band

    def _lower_now(self, hot: vec[float], h: i64, band: float) -> float:
        lower = hot[h + self._lower]
        return lower if band <= lower <= hot[h + self._close] else band

    def _trend_now(self, hot: vec[float], h: i64, close: float, upper: float, lower: float) -> float:
        if hot[h + self._upper] != hot[h + self._upper]:
            return 1.0  # TA-Lib's first trend is up, wherever the close is
        if hot[h + self._trend] > 0.0:
            return -1.0 if close < lower else 1.0
        return 1.0 if close > upper else -1.0

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        reach = self._reach(hot, h, bar)
        if reach != reach:
            out[at] = NAN
            out[at + 1] = NAN
            return
        middle = (bar.high + bar.low) / 2.0
        upper = self._upper_now(hot, h, middle + reach)
        lower = self._lower_now(hot, h, middle - reach)
        trend = self._trend_now(hot, h, bar.close, upper, lower)
        out[at] = lower if trend > 0.0 else upper
        out[at + 1] = trend

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        reach = self._reach(hot, h, bar)
        if reach == reach:
            middle = (bar.high + bar.low) / 2.0
            upper = self._upper_now(hot, h, middle + reach)
            lower = self._lower_now(hot, h, middle - reach)
            hot[h + self._trend] = self._trend_now(hot, h, bar.close, upper, lower)
            hot[h + self._upper] = upper
            hot[h + self._lower] = lower
        span = true_range(bar.high, bar.low, hot[h + self._close])
        if span == span:
            self._ranges.push(hot, h, span)
        hot[h + self._close] = bar.close

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._ranges.archive(archive, hot, h)
        archive.number_in(hot, h + self._close)
        archive.number_in(hot, h + self._upper)
        archive.number_in(hot, h + self._lower)
        archive.number_in(hot, h + self._trend)


INDICATORS: Final[tuple[tuple[Declaration, type[Formula]], ...]] = (
    (BBANDS, Bbands),
    (ATR, Atr),
    (KELTNER, Keltner),
    (DONCHIAN, Donchian),
    (STDDEV, Stddev),
    (SUPERTREND, SuperTrend),
)
