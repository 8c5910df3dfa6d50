"""Volatility: how far the price moves, and bands at that distance from an average."""

from __future__ import annotations

import math
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import Choice, Declaration, Number, Whole
from mtf.indicators.indicator import Indicator
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
class Bbands(Indicator):
    """A mean of the close, and bands some standard deviations from it."""

    def __init__(self, period: int = 20, width: float = 2.0) -> None:
        super().__init__(BBANDS, (period, width), (period,) * 3)
        self._sum: Final = Sum(period)
        self._moments: Final = Moments(period)
        self._size: Final[float] = float(period)
        self._width: Final[float] = float(width)

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
        middle = (self._sum.rest + close) / self._size
        reach = self._width * math.sqrt(self._moments.variance(close))
        out[at] = middle
        out[at + 1] = middle + reach
        out[at + 2] = middle - reach

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._sum.push(close)
        self._moments.push(close)

    def archive(self, archive: Archive) -> None:
        self._sum.archive(archive)
        self._moments.archive(archive)


@mypyc_attr(native_class=True)
class Atr(Indicator):
    """Wilder's average of the true range."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(ATR, (period,), (period + 1,))
        self._ranges: Final = Wilder(period)
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
        out[at] = self._ranges.following(true_range(high, low, self._close))

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        if self._close == self._close:
            self._ranges.push(true_range(high, low, self._close))
        self._close = close

    def archive(self, archive: Archive) -> None:
        self._ranges.archive(archive)
        self._close = archive.float64(self._close)


@mypyc_attr(native_class=True)
class Keltner(Indicator):
    """An exponential average, and bands some average true ranges from it.

    With the typical price it equals TA-Lib's KC: average and range start on the same bar, the first where both can.
    """

    def __init__(self, period: int = 20, width: float = 2.0, atr: int = 10, price: str = "close") -> None:
        start = max(period, atr + 1)
        middle = start if price == "typical" else period
        super().__init__(KELTNER, (period, width, atr, price), (middle, start, start))
        self._typical: Final = price == "typical"
        self._middle: Final = Exponential(period, start - period if price == "typical" else 0)
        self._ranges: Final = Wilder(atr, start - atr - 1 if price == "typical" else 0)
        self._width: Final[float] = float(width)
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
        price = (high + low + close) / 3.0 if self._typical else close
        middle = self._middle.following(price)
        reach = self._width * self._ranges.following(true_range(high, low, self._close))
        out[at] = middle
        out[at + 1] = middle + reach
        out[at + 2] = middle - reach

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._middle.push((high + low + close) / 3.0 if self._typical else close)
        if self._close == self._close:
            self._ranges.push(true_range(high, low, self._close))
        self._close = close

    def archive(self, archive: Archive) -> None:
        self._middle.archive(archive)
        self._ranges.archive(archive)
        self._close = archive.float64(self._close)


@mypyc_attr(native_class=True)
class Donchian(Indicator):
    """The highest high and the lowest low of the last bars, and their midpoint."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(DONCHIAN, (period,), (period,) * 3)
        self._range: Final = Extremes(period)

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
        upper = self._range.highest(high)
        lower = self._range.lowest(low)
        out[at] = (upper + lower) / 2.0
        out[at + 1] = upper
        out[at + 2] = lower

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._range.push(high, low)

    def archive(self, archive: Archive) -> None:
        self._range.archive(archive)


@mypyc_attr(native_class=True)
class Stddev(Indicator):
    """The population standard deviation of the last n closes."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(STDDEV, (period,), (period,))
        self._moments: Final = Moments(period)

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
        out[at] = math.sqrt(self._moments.variance(close))

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._moments.push(close)

    def archive(self, archive: Archive) -> None:
        self._moments.archive(archive)


@mypyc_attr(native_class=True)
class SuperTrend(Indicator):
    """A stop line that follows the price at some average true ranges, and switches sides when crossed."""

    def __init__(self, period: int = 10, width: float = 3.0) -> None:
        super().__init__(SUPERTREND, (period, width), (period + 1,) * 2)
        self._ranges: Final = Wilder(period)
        self._width: Final[float] = float(width)
        self._close = NAN  # of the last bar
        self._upper = NAN  # the line while the trend is down
        self._lower = NAN  # the line while the trend is up
        self._trend = 1.0

    def _upper_now(self, middle: float, reach: float) -> float:
        band = middle + reach
        return self._upper if band >= self._upper >= self._close else band

    def _lower_now(self, middle: float, reach: float) -> float:
        band = middle - reach
        return self._lower if band <= self._lower <= self._close else band

    def _trend_now(self, close: float, upper: float, lower: float) -> float:
        if self._upper != self._upper:
            return 1.0  # TA-Lib's first trend is up, wherever the close is
        if self._trend > 0.0:
            return -1.0 if close < lower else 1.0
        return 1.0 if close > upper else -1.0

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
        reach = self._width * self._ranges.following(true_range(high, low, self._close))
        if reach != reach:
            out[at] = NAN
            out[at + 1] = NAN
            return
        middle = (high + low) / 2.0
        upper = self._upper_now(middle, reach)
        lower = self._lower_now(middle, reach)
        trend = self._trend_now(close, upper, lower)
        out[at] = lower if trend > 0.0 else upper
        out[at + 1] = trend

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        span = true_range(high, low, self._close)
        if span == span:
            reach = self._width * self._ranges.following(span)
            if reach == reach:
                middle = (high + low) / 2.0
                upper = self._upper_now(middle, reach)
                lower = self._lower_now(middle, reach)
                self._trend = self._trend_now(close, upper, lower)
                self._upper = upper
                self._lower = lower
            self._ranges.push(span)
        self._close = close

    def archive(self, archive: Archive) -> None:
        self._ranges.archive(archive)
        self._close = archive.float64(self._close)
        self._upper = archive.float64(self._upper)
        self._lower = archive.float64(self._lower)
        self._trend = archive.float64(self._trend)


INDICATORS: Final[tuple[tuple[Declaration, type[Indicator]], ...]] = (
    (BBANDS, Bbands),
    (ATR, Atr),
    (KELTNER, Keltner),
    (DONCHIAN, Donchian),
    (STDDEV, Stddev),
    (SUPERTREND, SuperTrend),
)
