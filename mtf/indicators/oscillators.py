"""Oscillators: where the price is in its recent range, and how long ago that range was last extended."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.formula import BarNumbers, Formula
from mtf.indicators.momentum import Rsi
from mtf.indicators.rolling import NAN, Extremes, Peak, Sum

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
class Stoch(Formula):
    """%K, the position of the close in the range of the last bars, and %D, its mean."""

    def __init__(self, k: int = 14, smoothing: int = 1, d: int = 3) -> None:
        super().__init__(STOCH, (k, smoothing, d), (k + smoothing + d - 2,) * 2)
        self._range: Final = Extremes(self.layout, k)
        self._raw: Final = Sum(self.layout, smoothing)
        self._mean: Final = Sum(self.layout, d)
        self._raw_size: Final[float] = float(smoothing)
        self._mean_size: Final[float] = float(d)

    def _raw_now(self, hot: vec[float], h: i64, bar: BarNumbers) -> float:
        return place(bar.close, self._range.highest(hot, h, bar.high), self._range.lowest(hot, h, bar.low))

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        k = (hot[h + self._raw.rest] + self._raw_now(hot, h, bar)) / self._raw_size
        d = (hot[h + self._mean.rest] + k) / self._mean_size
        out[at] = k if d == d else NAN
        out[at + 1] = d

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        raw = self._raw_now(hot, h, bar)
        if raw == raw:
            k = (hot[h + self._raw.rest] + raw) / self._raw_size
            self._raw.push(hot, h, cold, c, raw)
            if k == k:
                self._mean.push(hot, h, cold, c, k)
        self._range.push(hot, h, cold, c, bar.high, bar.low)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._range.archive(archive, hot, h, cold, c)
        self._raw.archive(archive, hot, h, cold, c)
        self._mean.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class Willr(Formula):
    """The position of the close in the range of the last bars, -100..0."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(WILLR, (period,), (period,))
        self._range: Final = Extremes(self.layout, period)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        highest = self._range.highest(hot, h, bar.high)
        lowest = self._range.lowest(hot, h, bar.low)
        span = highest - lowest
        if span <= ZERO_SHARE * (abs(highest) + abs(lowest)):
            out[at] = 0.0
        else:
            out[at] = -100.0 * ((highest - bar.close) / span)

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._range.push(hot, h, cold, c, bar.high, bar.low)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._range.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class StochRsi(Formula):
    """The position of the RSI in its own range, and its mean."""

    def __init__(self, period: int = 14, k: int = 14, d: int = 3) -> None:
        super().__init__(STOCHRSI, (period, k, d), (period + k + d - 1,) * 2)
        self._rsi: Final = Rsi(period)
        self._rsi_hot: Final = self.layout.add_hot(self._rsi.layout.hot)
        self._rsi_cold: Final = self.layout.add_cold(self._rsi.layout.cold)
        self._rsi_count: Final = self.layout.in_cold(0.0)  # bars added to it
        self._rsi_last: Final = self.layout.in_cold(NAN)  # its value after the last one
        self._range: Final = Extremes(self.layout, k)
        self._mean: Final = Sum(self.layout, d)
        self._mean_size: Final[float] = float(d)

    def _place(self, hot: vec[float], h: i64, rsi: float) -> float:
        return place(rsi, self._range.highest(hot, h, rsi), self._range.lowest(hot, h, rsi))

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        rsi = self._rsi.now(hot, h + self._rsi_hot, bar.close)
        k = self._place(hot, h, rsi) if rsi == rsi else NAN
        d = (hot[h + self._mean.rest] + k) / self._mean_size
        out[at] = k if d == d else NAN
        out[at + 1] = d

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._rsi.commit(hot, h + self._rsi_hot, cold, c + self._rsi_cold, bar, c + self._rsi_last)
        cold[c + self._rsi_count] += 1.0
        rsi = cold[c + self._rsi_last]
        if rsi == rsi:
            k = self._place(hot, h, rsi)
            if k == k:
                self._mean.push(hot, h, cold, c, k)
            self._range.push(hot, h, cold, c, rsi, rsi)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._rsi.archive_all(
            archive,
            hot,
            h + self._rsi_hot,
            cold,
            c + self._rsi_cold,
            c + self._rsi_count,
            c + self._rsi_last,
        )
        self._range.archive(archive, hot, h, cold, c)
        self._mean.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class Aroon(Formula):
    """How recent the highest high and the lowest low are, 0..100."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(AROON, (period,), (period + 1,) * 2)
        self._highs: Final = Peak(self.layout, period + 1)
        self._lows: Final = Peak(self.layout, period + 1)  # of the negative lows
        self._size: Final[float] = float(period)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = 100.0 * (self._size - self._highs.age(hot, h, bar.high)) / self._size
        out[at + 1] = 100.0 * (self._size - self._lows.age(hot, h, -bar.low)) / self._size

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._highs.push(hot, h, cold, c, bar.high)
        self._lows.push(hot, h, cold, c, -bar.low)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._highs.archive(archive, hot, h, cold, c)
        self._lows.archive(archive, hot, h, cold, c)


INDICATORS: Final[tuple[tuple[Declaration, type[Formula]], ...]] = (
    (STOCH, Stoch),
    (WILLR, Willr),
    (STOCHRSI, StochRsi),
    (AROON, Aroon),
)
