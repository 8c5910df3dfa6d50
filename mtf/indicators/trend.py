"""Trend: averages of the close, and the slope of the line through it."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.formula import BarNumbers, Formula
from mtf.indicators.rolling import Sum, WeightedSum
from mtf.indicators.smoothing import Exponential

__all__ = ["INDICATORS", "Dema", "Ema", "LinRegSlope", "Sma", "Tema", "Wma"]

SMA: Final = Declaration(
    name="sma",
    title="Simple moving average",
    group="trend",
    formula="sum of the last n closes / n",
    source="TA-Lib SMA",
    params=(Whole("period", 20),),
    of_close=True,
    on_price=("",),
)
EMA: Final = Declaration(
    name="ema",
    title="Exponential moving average",
    group="trend",
    formula="(close - ema') * 2 / (n + 1) + ema', starting with the mean of the first n closes",
    source="TA-Lib EMA",
    params=(Whole("period", 20),),
    of_close=True,
    on_price=("",),
)
WMA: Final = Declaration(
    name="wma",
    title="Weighted moving average",
    group="trend",
    formula="sum of weight * close / (n (n + 1) / 2), weight 1 for the oldest of n closes to n for the newest",
    source="TA-Lib WMA",
    params=(Whole("period", 20),),
    of_close=True,
    on_price=("",),
)
DEMA: Final = Declaration(
    name="dema",
    title="Double exponential moving average",
    group="trend",
    formula="2 ema - ema(ema)",
    source="TA-Lib DEMA; Patrick Mulloy, Technical Analysis of Stocks & Commodities, February 1994",
    params=(Whole("period", 20),),
    of_close=True,
    on_price=("",),
)
TEMA: Final = Declaration(
    name="tema",
    title="Triple exponential moving average",
    group="trend",
    formula="3 ema - 3 ema(ema) + ema(ema(ema))",
    source="TA-Lib TEMA; Patrick Mulloy, Technical Analysis of Stocks & Commodities, February 1994",
    params=(Whole("period", 20),),
    of_close=True,
    on_price=("",),
)
LINREGSLOPE: Final = Declaration(
    name="linregslope",
    title="Linear regression slope",
    group="trend",
    formula="slope per bar of the least-squares line through the last n closes",
    source="TA-Lib LINEARREG_SLOPE",
    params=(Whole("period", 14, low=2),),
    of_close=True,
)


@mypyc_attr(native_class=True)
class Sma(Formula):
    """The plain mean of the last n closes."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(SMA, (period,), (period,))
        self._sum: Final = Sum(self.layout, period)
        self._size: Final[float] = float(period)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = (hot[h + self._sum.rest] + bar.close) / self._size

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._sum.push(hot, h, cold, c, bar.close)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._sum.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class Ema(Formula):
    """The exponential average of the close."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(EMA, (period,), (period,))
        self._ema: Final = Exponential(self.layout, period)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = self._ema.following(hot, h, bar.close)

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._ema.push(hot, h, bar.close)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._ema.archive(archive, hot, h)


@mypyc_attr(native_class=True)
class Wma(Formula):
    """The linearly weighted mean of the last n closes."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(WMA, (period,), (period,))
        self._sum: Final = WeightedSum(self.layout, period)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = self._sum.mean(hot, h, bar.close)

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._sum.push(hot, h, cold, c, bar.close)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._sum.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class Dema(Formula):
    """Twice the exponential average, minus the average of that average."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(DEMA, (period,), (2 * period - 1,))
        self._first: Final = Exponential(self.layout, period)
        self._second: Final = Exponential(self.layout, period, period - 1)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        first = self._first.following(hot, h, bar.close)
        out[at] = 2.0 * first - self._second.following(hot, h, first)

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._first.push(hot, h, bar.close)
        self._second.push(hot, h, hot[h + self._first.value])

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._first.archive(archive, hot, h)
        self._second.archive(archive, hot, h)


@mypyc_attr(native_class=True)
class Tema(Formula):
    """A combination of three nested exponential averages."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(TEMA, (period,), (3 * period - 2,))
        self._first: Final = Exponential(self.layout, period)
        self._second: Final = Exponential(self.layout, period, period - 1)
        self._third: Final = Exponential(self.layout, period, 2 * period - 2)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        first = self._first.following(hot, h, bar.close)
        second = self._second.following(hot, h, first)
        out[at] = 3.0 * first - 3.0 * second + self._third.following(hot, h, second)

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._first.push(hot, h, bar.close)
        self._second.push(hot, h, hot[h + self._first.value])
        self._third.push(hot, h, hot[h + self._second.value])

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._first.archive(archive, hot, h)
        self._second.archive(archive, hot, h)
        self._third.archive(archive, hot, h)


@mypyc_attr(native_class=True)
class LinRegSlope(Formula):
    """The slope of the least-squares line through the last n closes."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(LINREGSLOPE, (period,), (period,))
        self._sum: Final = WeightedSum(self.layout, period)
        self._size: Final[float] = float(period)
        self._middle: Final[float] = float(period + 1) / 2.0
        self._spread: Final[float] = float(period) * (float(period) * float(period) - 1.0) / 12.0

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        ramp = hot[h + self._sum.rest] + self._size * bar.close
        out[at] = (ramp - self._middle * (hot[h + self._sum.rest_sum] + bar.close)) / self._spread

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._sum.push(hot, h, cold, c, bar.close)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._sum.archive(archive, hot, h, cold, c)


INDICATORS: Final[tuple[tuple[Declaration, type[Formula]], ...]] = (
    (SMA, Sma),
    (EMA, Ema),
    (WMA, Wma),
    (DEMA, Dema),
    (TEMA, Tema),
    (LINREGSLOPE, LinRegSlope),
)
