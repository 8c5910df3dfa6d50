"""Trend: averages of the close, and the slope of the line through it."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.indicator import Indicator
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
class Sma(Indicator):
    """The plain mean of the last n closes."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(SMA, (period,), (period,))
        self._sum: Final = Sum(period)
        self._size: Final[float] = float(period)

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
        out[at] = (self._sum.rest + close) / self._size

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._sum.push(close)

    def archive(self, archive: Archive) -> None:
        self._sum.archive(archive)


@mypyc_attr(native_class=True)
class Ema(Indicator):
    """The exponential average of the close."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(EMA, (period,), (period,))
        self._ema: Final = Exponential(period)

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
        out[at] = self._ema.following(close)

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._ema.push(close)

    def archive(self, archive: Archive) -> None:
        self._ema.archive(archive)


@mypyc_attr(native_class=True)
class Wma(Indicator):
    """The linearly weighted mean of the last n closes."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(WMA, (period,), (period,))
        self._sum: Final = WeightedSum(period)

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
        out[at] = self._sum.mean(close)

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._sum.push(close)

    def archive(self, archive: Archive) -> None:
        self._sum.archive(archive)


@mypyc_attr(native_class=True)
class Dema(Indicator):
    """Twice the exponential average, minus the average of that average."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(DEMA, (period,), (2 * period - 1,))
        self._first: Final = Exponential(period)
        self._second: Final = Exponential(period, period - 1)

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
        first = self._first.following(close)
        out[at] = 2.0 * first - self._second.following(first)

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._first.push(close)
        self._second.push(self._first.value)

    def archive(self, archive: Archive) -> None:
        self._first.archive(archive)
        self._second.archive(archive)


@mypyc_attr(native_class=True)
class Tema(Indicator):
    """A combination of three nested exponential averages."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(TEMA, (period,), (3 * period - 2,))
        self._first: Final = Exponential(period)
        self._second: Final = Exponential(period, period - 1)
        self._third: Final = Exponential(period, 2 * period - 2)

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
        first = self._first.following(close)
        second = self._second.following(first)
        out[at] = 3.0 * first - 3.0 * second + self._third.following(second)

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._first.push(close)
        self._second.push(self._first.value)
        self._third.push(self._second.value)

    def archive(self, archive: Archive) -> None:
        self._first.archive(archive)
        self._second.archive(archive)
        self._third.archive(archive)


@mypyc_attr(native_class=True)
class LinRegSlope(Indicator):
    """The slope of the least-squares line through the last n closes."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(LINREGSLOPE, (period,), (period,))
        self._sum: Final = WeightedSum(period)
        self._size: Final[float] = float(period)
        self._middle: Final[float] = float(period + 1) / 2.0
        self._spread: Final[float] = float(period) * (float(period) * float(period) - 1.0) / 12.0

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
        ramp = self._sum.rest + self._size * close
        out[at] = (ramp - self._middle * (self._sum.rest_sum + close)) / self._spread

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._sum.push(close)

    def archive(self, archive: Archive) -> None:
        self._sum.archive(archive)


INDICATORS: Final[tuple[tuple[Declaration, type[Indicator]], ...]] = (
    (SMA, Sma),
    (EMA, Ema),
    (WMA, Wma),
    (DEMA, Dema),
    (TEMA, Tema),
    (LINREGSLOPE, LinRegSlope),
)
