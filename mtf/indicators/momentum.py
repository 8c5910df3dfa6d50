"""Momentum: how fast and how far the price has moved."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.errors import ConfigError
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.formula import BarNumbers, Formula
from mtf.indicators.rolling import NAN, Ring
from mtf.indicators.smoothing import Exponential, Wilder

__all__ = ["INDICATORS", "Cci", "Macd", "Mom", "Roc", "Rsi", "Trix"]

ZERO_SHARE: Final = 1e-14  # TA-Lib treats a deviation below this share of its level as zero
CCI_UNIT: Final = 0.015

RSI: Final = Declaration(
    name="rsi",
    title="Relative strength index",
    group="momentum",
    formula="100 up / (up + down), Wilder's averages of the rises and falls of the close; 0 if there is neither",
    source="TA-Lib RSI; Welles Wilder, New Concepts in Technical Trading Systems, 1978",
    params=(Whole("period", 14, low=2),),
    of_close=True,
)
MACD: Final = Declaration(
    name="macd",
    title="Moving average convergence divergence",
    group="momentum",
    formula="ema(fast) - ema(slow); signal: ema of that; hist: the difference of the two; all begin with the signal",
    source="TA-Lib MACD (the fast average begins on the bar of the slow one); Gerald Appel, 1979",
    params=(Whole("fast", 12, low=2), Whole("slow", 26, low=3), Whole("signal", 9)),
    outputs=("", "signal", "hist"),
    of_close=True,
)
CCI: Final = Declaration(
    name="cci",
    title="Commodity channel index",
    group="momentum",
    formula="(tp - mean) / (0.015 * mean |tp_i - mean|) over n typical prices (h + l + c) / 3; 0 if all are equal",
    source="TA-Lib CCI; Donald Lambert, Commodities, October 1980",
    params=(Whole("period", 20, low=2),),
)
MOM: Final = Declaration(
    name="mom",
    title="Momentum",
    group="momentum",
    formula="close - close n bars ago",
    source="TA-Lib MOM",
    params=(Whole("period", 10),),
    of_close=True,
)
ROC: Final = Declaration(
    name="roc",
    title="Rate of change",
    group="momentum",
    formula="100 (close / close n bars ago - 1); 0 if that was 0",
    source="TA-Lib ROC",
    params=(Whole("period", 10),),
    of_close=True,
)
TRIX: Final = Declaration(
    name="trix",
    title="Rate of change of a triple exponential average",
    group="momentum",
    formula="100 (e / e' - 1), e = ema(ema(ema(close)))",
    source="TA-Lib TRIX; Jack Hutson, Technical Analysis of Stocks & Commodities, 1983",
    params=(Whole("period", 15),),
    of_close=True,
)


@mypyc_attr(native_class=True)
class Rsi(Formula):
    """The share of rises in recent changes of the close, 0..100."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(RSI, (period,), (period + 1,))
        self._up: Final = Wilder(self.layout, period)
        self._down: Final = Wilder(self.layout, period)
        self._close: Final = self.layout.in_hot(NAN)  # of the last bar

    def now(self, hot: vec[float], h: i64, close: float) -> float:
        """Return the value as it would be after *close*."""
        change = close - hot[h + self._close]
        up = self._up.following(hot, h, change if change > 0.0 else 0.0)
        moved = up + self._down.following(hot, h, -change if change < 0.0 else 0.0)
        return 0.0 if moved == 0.0 else 100.0 * (up / moved)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = self.now(hot, h, bar.close)

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        change = bar.close - hot[h + self._close]
        if change == change:
            self._up.push(hot, h, change if change > 0.0 else 0.0)
            self._down.push(hot, h, -change if change < 0.0 else 0.0)
        hot[h + self._close] = bar.close

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._up.archive(archive, hot, h)
        self._down.archive(archive, hot, h)
        archive.number_in(hot, h + self._close)


@mypyc_attr(native_class=True)
class Macd(Formula):
    """The distance of a fast from a slow average, and its own average."""

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        super().__init__(MACD, (fast, slow, signal), (slow + signal - 1,) * 3)
        if fast >= slow:
            raise ConfigError(f"macd: fast must be shorter than slow, got {fast} and {slow}")
        self._fast: Final = Exponential(self.layout, fast, slow - fast)
        self._slow: Final = Exponential(self.layout, slow)
        self._signal: Final = Exponential(self.layout, signal, slow - 1)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        line = self._fast.following(hot, h, bar.close) - self._slow.following(hot, h, bar.close)
        signal = self._signal.following(hot, h, line)
        distance = line - signal
        out[at] = line if signal == signal else NAN
        out[at + 1] = signal
        out[at + 2] = distance

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._fast.push(hot, h, bar.close)
        self._slow.push(hot, h, bar.close)
        self._signal.push(hot, h, hot[h + self._fast.value] - hot[h + self._slow.value])

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._fast.archive(archive, hot, h)
        self._slow.archive(archive, hot, h)
        self._signal.archive(archive, hot, h)


@mypyc_attr(native_class=True)
class Cci(Formula):
    """The typical price's distance from its mean, in mean deviations."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(CCI, (period,), (period,))
        self._size: Final[i64] = period
        self._prices: Final = self.layout.in_hot(NAN, period)  # a ring, hot because a preview reads all of it
        self._at: Final = self.layout.in_hot(0.0)  # where the next price goes; there stands the oldest one
        self._head: Final = self.layout.in_hot(0.0)  # sum of the prices in the places before that

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        # The price minus its mean is a small difference of large numbers, so the order of summation matters. It follows
        # TA-Lib: by position in the ring, with the price in place of the oldest one.
        price = (bar.high + bar.low + bar.close) / 3.0
        first = h + self._prices
        oldest = first + i64(hot[h + self._at])
        stop = first + self._size
        total = hot[h + self._head] + price
        i = oldest + 1
        while i < stop:
            total += hot[i]
            i += 1
        mean = total / float(self._size)
        if mean != mean:
            out[at] = NAN
            return
        spread = 0.0
        i = first
        while i < oldest:
            spread += abs(hot[i] - mean)
            i += 1
        spread += abs(price - mean)
        i = oldest + 1
        while i < stop:
            spread += abs(hot[i] - mean)
            i += 1
        spread /= float(self._size)
        distance = price - mean
        zero = ZERO_SHARE * abs(mean)
        out[at] = 0.0 if spread <= zero or abs(distance) <= zero else distance / (CCI_UNIT * spread)

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        price = (bar.high + bar.low + bar.close) / 3.0
        at = i64(hot[h + self._at])
        hot[h + self._prices + at] = price
        at += 1
        if at == self._size:
            at = 0
        hot[h + self._at] = float(at)
        hot[h + self._head] = hot[h + self._head] + price if at > 0 else 0.0

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        archive.number_in(hot, h + self._head)
        archive.whole_in(hot, h + self._at, 0, self._size - 1)
        archive.numbers_in(hot, h + self._prices, self._size)


@mypyc_attr(native_class=True)
class Mom(Formula):
    """The change of the close over n bars."""

    def __init__(self, period: int = 10) -> None:
        super().__init__(MOM, (period,), (period + 1,))
        self._closes: Final = Ring(self.layout, period)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = bar.close - hot[h + self._closes.oldest]

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._closes.push(hot, h, cold, c, bar.close)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._closes.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class Roc(Formula):
    """The change of the close over n bars, in percent."""

    def __init__(self, period: int = 10) -> None:
        super().__init__(ROC, (period,), (period + 1,))
        self._closes: Final = Ring(self.layout, period)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        before = hot[h + self._closes.oldest]
        out[at] = 0.0 if before == 0.0 else (bar.close / before - 1.0) * 100.0

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._closes.push(hot, h, cold, c, bar.close)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._closes.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class Trix(Formula):
    """The change from bar to bar of a triple exponential average, in percent."""

    def __init__(self, period: int = 15) -> None:
        super().__init__(TRIX, (period,), (3 * period - 1,))
        self._first: Final = Exponential(self.layout, period)
        self._second: Final = Exponential(self.layout, period, period - 1)
        self._third: Final = Exponential(self.layout, period, 2 * period - 2)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        before = hot[h + self._third.value]
        now = self._third.following(hot, h, self._second.following(hot, h, self._first.following(hot, h, bar.close)))
        out[at] = 0.0 if before == 0.0 else (now / before - 1.0) * 100.0

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._first.push(hot, h, bar.close)
        self._second.push(hot, h, hot[h + self._first.value])
        self._third.push(hot, h, hot[h + self._second.value])

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._first.archive(archive, hot, h)
        self._second.archive(archive, hot, h)
        self._third.archive(archive, hot, h)


INDICATORS: Final[tuple[tuple[Declaration, type[Formula]], ...]] = (
    (RSI, Rsi),
    (MACD, Macd),
    (CCI, Cci),
    (MOM, Mom),
    (ROC, Roc),
    (TRIX, Trix),
)
