"""Momentum: how fast and how far the price has moved."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.errors import ConfigError
from mtf.indicators.declaration import Declaration, Whole
from mtf.indicators.indicator import Indicator
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
class Rsi(Indicator):
    """The share of rises in recent changes of the close, 0..100."""

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
        out[at] = 0.0 if moved == 0.0 else 100.0 * (up / moved)

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        change = close - self._close
        if change == change:
            self._up.push(change if change > 0.0 else 0.0)
            self._down.push(-change if change < 0.0 else 0.0)
        self._close = close

    def archive(self, archive: Archive) -> None:
        self._up.archive(archive)
        self._down.archive(archive)
        self._close = archive.float64(self._close)


@mypyc_attr(native_class=True)
class Macd(Indicator):
    """The distance of a fast from a slow average, and its own average."""

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        super().__init__(MACD, (fast, slow, signal), (slow + signal - 1,) * 3)
        if fast >= slow:
            raise ConfigError(f"macd: fast must be shorter than slow, got {fast} and {slow}")
        self._fast: Final = Exponential(fast, slow - fast)
        self._slow: Final = Exponential(slow)
        self._signal: Final = Exponential(signal, slow - 1)

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
        line = self._fast.following(close) - self._slow.following(close)
        signal = self._signal.following(line)
        distance = line - signal
        out[at] = line if signal == signal else NAN
        out[at + 1] = signal
        out[at + 2] = distance

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._fast.push(close)
        self._slow.push(close)
        self._signal.push(self._fast.value - self._slow.value)

    def archive(self, archive: Archive) -> None:
        self._fast.archive(archive)
        self._slow.archive(archive)
        self._signal.archive(archive)


@mypyc_attr(native_class=True)
class Cci(Indicator):
    """The typical price's distance from its mean, in mean deviations."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(CCI, (period,), (period,))
        self._prices: Final = Ring(period)
        self._head = 0.0  # sum of the prices since the ring wrapped, which are at the positions before the next one
        self._size: Final[i64] = period

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
        # The price minus its mean is a small difference of large numbers, so the order of summation matters. It follows
        # TA-Lib: by position in the ring, with the price in place of the oldest one.
        price = (high + low + close) / 3.0
        prices = self._prices.items
        oldest = self._prices.at
        size = self._size
        total = self._head + price
        i = oldest + 1
        while i < size:
            total += prices[i]
            i += 1
        mean = total / float(size)
        if mean != mean:
            out[at] = NAN
            return
        spread = 0.0
        i = 0
        while i < oldest:
            spread += abs(prices[i] - mean)
            i += 1
        spread += abs(price - mean)
        i = oldest + 1
        while i < size:
            spread += abs(prices[i] - mean)
            i += 1
        spread /= float(size)
        distance = price - mean
        zero = ZERO_SHARE * abs(mean)
        out[at] = 0.0 if spread <= zero or abs(distance) <= zero else distance / (CCI_UNIT * spread)

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        price = (high + low + close) / 3.0
        self._prices.push(price)
        self._head = self._head + price if self._prices.at > 0 else 0.0

    def archive(self, archive: Archive) -> None:
        self._head = archive.float64(self._head)
        self._prices.archive(archive)


@mypyc_attr(native_class=True)
class Mom(Indicator):
    """The change of the close over n bars."""

    def __init__(self, period: int = 10) -> None:
        super().__init__(MOM, (period,), (period + 1,))
        self._closes: Final = Ring(period)

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
        out[at] = close - self._closes.oldest

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._closes.push(close)

    def archive(self, archive: Archive) -> None:
        self._closes.archive(archive)


@mypyc_attr(native_class=True)
class Roc(Indicator):
    """The change of the close over n bars, in percent."""

    def __init__(self, period: int = 10) -> None:
        super().__init__(ROC, (period,), (period + 1,))
        self._closes: Final = Ring(period)

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
        before = self._closes.oldest
        out[at] = 0.0 if before == 0.0 else (close / before - 1.0) * 100.0

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._closes.push(close)

    def archive(self, archive: Archive) -> None:
        self._closes.archive(archive)


@mypyc_attr(native_class=True)
class Trix(Indicator):
    """The change from bar to bar of a triple exponential average, in percent."""

    def __init__(self, period: int = 15) -> None:
        super().__init__(TRIX, (period,), (3 * period - 1,))
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
        before = self._third.value
        now = self._third.following(self._second.following(self._first.following(close)))
        out[at] = 0.0 if before == 0.0 else (now / before - 1.0) * 100.0

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._first.push(close)
        self._second.push(self._first.value)
        self._third.push(self._second.value)

    def archive(self, archive: Archive) -> None:
        self._first.archive(archive)
        self._second.archive(archive)
        self._third.archive(archive)


INDICATORS: Final[tuple[tuple[Declaration, type[Indicator]], ...]] = (
    (RSI, Rsi),
    (MACD, Macd),
    (CCI, Cci),
    (MOM, Mom),
    (ROC, Roc),
    (TRIX, Trix),
)
