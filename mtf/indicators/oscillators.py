"""Oscillators: where the price is in its recent range, and how long ago that range was last extended."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.indicator import Indicator
from mtf.indicators.momentum import Rsi
from mtf.indicators.rolling import NAN, Extremes, Peak, Sum, filled

__all__ = ["INDICATORS", "Aroon", "Stoch", "StochRsi", "Willr"]

ZERO_SHARE: Final = 1e-14  # TA-Lib treats a range below this share of |highest| + |lowest| as zero

STOCH: Final = Declaration(
    name="stoch",
    title="Stochastic oscillator",
    group="momentum",
    formula="mean over smoothing of 100 (c - lowest) / (highest - lowest) of n bars, 0 if those are equal; d: its mean",
    source="TA-Lib STOCH with plain means; George Lane",
    params=(Whole("k", 14), Whole("smoothing", 1), Whole("d", 3)),
    outputs=("", "d"),
)
WILLR: Final = Declaration(
    name="willr",
    title="Williams %R",
    group="momentum",
    formula="-100 (highest - close) / (highest - lowest) of n bars; 0 if those are equal",
    source="TA-Lib WILLR; Larry Williams, How I Made One Million Dollars, 1973",
    params=(Whole("period", 14),),
)
STOCHRSI: Final = Declaration(
    name="stochrsi",
    title="Stochastic RSI",
    group="momentum",
    formula="100 (rsi - lowest) / (highest - lowest) of the last k RSIs, 0 if those are equal; d: mean of the last d",
    source="TA-Lib STOCHRSI with plain means; Tushar Chande and Stanley Kroll, The New Technical Trader, 1994",
    params=(Whole("period", 14, low=2), Whole("k", 14), Whole("d", 3)),
    outputs=("", "d"),
    of_close=True,
)
AROON: Final = Declaration(
    name="aroon",
    title="Aroon",
    group="momentum",
    formula="100 (n - bars since the highest high, the newest of equal ones) / n over n + 1 bars; down: the lowest low",
    source="TA-Lib AROON; Tushar Chande, Technical Analysis of Stocks & Commodities, September 1995",
    params=(Whole("period", 14, low=2),),
    outputs=("up", "down"),
)


def place(value: float, highest: float, lowest: float) -> float:
    """Return the position of *value* between *lowest* (0) and *highest* (100); 0 if both are equal, NaN if unknown."""
    span = highest - lowest
    if span <= ZERO_SHARE * (abs(highest) + abs(lowest)):
        return 0.0
    return 100.0 * ((value - lowest) / span)


@mypyc_attr(native_class=True)
class Stoch(Indicator):
    """%K, the position of the close in the range of the last bars, and %D, its mean."""

    def __init__(self, k: int = 14, smoothing: int = 1, d: int = 3) -> None:
        super().__init__(STOCH, (k, smoothing, d), (k + smoothing + d - 2,) * 2)
        self._range: Final = Extremes(k)
        self._raw: Final = Sum(smoothing)
        self._mean: Final = Sum(d)
        self._raw_size: Final[float] = float(smoothing)
        self._mean_size: Final[float] = float(d)

    def _smoothed(self, high: float, low: float, close: float) -> float:
        raw = place(close, self._range.highest(high), self._range.lowest(low))
        return (self._raw.rest + raw) / self._raw_size

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
        k = self._smoothed(high, low, close)
        d = (self._mean.rest + k) / self._mean_size
        out[at] = k if d == d else NAN
        out[at + 1] = d

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        raw = place(close, self._range.highest(high), self._range.lowest(low))
        if raw == raw:
            k = self._smoothed(high, low, close)
            self._raw.push(raw)
            if k == k:
                self._mean.push(k)
        self._range.push(high, low)

    def archive(self, archive: Archive) -> None:
        self._range.archive(archive)
        self._raw.archive(archive)
        self._mean.archive(archive)


@mypyc_attr(native_class=True)
class Willr(Indicator):
    """The position of the close in the range of the last bars, -100..0."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(WILLR, (period,), (period,))
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
        highest = self._range.highest(high)
        lowest = self._range.lowest(low)
        span = highest - lowest
        if span <= ZERO_SHARE * (abs(highest) + abs(lowest)):
            out[at] = 0.0
        else:
            out[at] = -100.0 * ((highest - close) / span)

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._range.push(high, low)

    def archive(self, archive: Archive) -> None:
        self._range.archive(archive)


@mypyc_attr(native_class=True)
class StochRsi(Indicator):
    """The position of the RSI in its own range, and its mean."""

    def __init__(self, period: int = 14, k: int = 14, d: int = 3) -> None:
        super().__init__(STOCHRSI, (period, k, d), (period + k + d - 1,) * 2)
        self._rsi: Final = Rsi(period)
        self._range: Final = Extremes(k)
        self._mean: Final = Sum(d)
        self._mean_size: Final[float] = float(d)
        self._row: Final = filled(1, NAN)  # scratch: the RSI in a preview

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
        row = self._row
        self._rsi.preview(open_, high, low, close, volume, day, flags, row, 0)
        rsi = row[0]
        k = NAN
        if rsi == rsi:
            k = place(rsi, self._range.highest(rsi), self._range.lowest(rsi))
        d = (self._mean.rest + k) / self._mean_size
        out[at] = k if d == d else NAN
        out[at + 1] = d

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        row = self._row
        self._rsi.commit(open_, high, low, close, volume, day, flags)
        self._rsi.current(row, 0)
        rsi = row[0]
        if rsi == rsi:
            k = place(rsi, self._range.highest(rsi), self._range.lowest(rsi))
            if k == k:
                self._mean.push(k)
            self._range.push(rsi, rsi)

    def archive(self, archive: Archive) -> None:
        self._rsi.archive_all(archive)
        self._range.archive(archive)
        self._mean.archive(archive)


@mypyc_attr(native_class=True)
class Aroon(Indicator):
    """How recent the highest high and the lowest low are, 0..100."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(AROON, (period,), (period + 1,) * 2)
        self._highs: Final = Peak(period + 1)
        self._lows: Final = Peak(period + 1)  # of the negative lows
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
        out[at] = 100.0 * (self._size - self._highs.age(high)) / self._size
        out[at + 1] = 100.0 * (self._size - self._lows.age(-low)) / self._size

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._highs.push(high)
        self._lows.push(-low)

    def archive(self, archive: Archive) -> None:
        self._highs.archive(archive)
        self._lows.archive(archive)


INDICATORS: Final[tuple[tuple[Declaration, type[Indicator]], ...]] = (
    (STOCH, Stoch),
    (WILLR, Willr),
    (STOCHRSI, StochRsi),
    (AROON, Aroon),
)
