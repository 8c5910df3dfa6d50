"""Direction: which way the market moves and how strongly (ADX), and where that movement ends (parabolic SAR).

Both are from Welles Wilder, New Concepts in Technical Trading Systems, 1978, computed as in TA-Lib.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import Declaration, Number, Whole
from mtf.indicators.indicator import Indicator
from mtf.indicators.rolling import NAN
from mtf.indicators.smoothing import Wilder
from mtf.indicators.volatility import true_range

__all__ = ["INDICATORS", "Adx", "Sar"]

ADX: Final = Declaration(
    name="adx",
    title="Average directional index",
    group="levels",
    formula="plus, minus: 100 Wilder's sum of +DM, -DM / that of the true range; adx: Wilder's average of"
    " 100 |plus - minus| / (plus + minus)",
    source="TA-Lib ADX, PLUS_DI, MINUS_DI (sums of n - 1 to begin with); Welles Wilder, 1978",
    params=(Whole("period", 14, low=2),),
    outputs=("", "plus", "minus"),
)
SAR: Final = Declaration(
    name="sar",
    title="Parabolic stop and reverse",
    group="levels",
    formula="sar' + af (ep - sar'), never in the last two bars; af grows with each new extreme ep; reverses on touch",
    source="TA-Lib SAR; Welles Wilder, 1978",
    params=(Number("acceleration", 0.02, 0.0, 10.0), Number("maximum", 0.2, 0.0, 10.0)),
    on_price=("",),
)


@mypyc_attr(native_class=True)
class Adx(Indicator):
    """The strength of the trend, and of its upward and downward movements, 0..100."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(ADX, (period,), (2 * period, period + 1, period + 1))
        self._size: Final[float] = float(period)
        self._left: i64 = period  # bars until the sums are known, including the first bar
        self._high = NAN  # of the last bar
        self._low = NAN
        self._close = NAN
        self._plus = 0.0  # Wilder's sums
        self._minus = 0.0
        self._range = 0.0
        self._strength: Final = Wilder(period)

    def _plus_now(self, high: float, low: float) -> float:
        up = high - self._high
        move = up if up > 0.0 and up > self._low - low else 0.0
        return self._plus - self._plus / self._size + move

    def _minus_now(self, high: float, low: float) -> float:
        down = self._low - low
        move = down if down > 0.0 and down > high - self._high else 0.0
        return self._minus - self._minus / self._size + move

    def _range_now(self, high: float, low: float) -> float:
        return self._range - self._range / self._size + true_range(high, low, self._close)

    def _strength_now(self, plus: float, minus: float) -> float:
        """Return the ADX with these indices; a bar without direction counts as 0 at first, and later not at all."""
        both = plus + minus
        if both != 0.0:
            return self._strength.following(100.0 * (abs(minus - plus) / both))
        value = self._strength.value
        return value if value == value else self._strength.following(0.0)

    def _push_strength(self, plus: float, minus: float) -> None:
        both = plus + minus
        if both != 0.0:
            self._strength.push(100.0 * (abs(minus - plus) / both))
        elif self._strength.value != self._strength.value:
            self._strength.push(0.0)

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
        if self._left > 0:
            out[at] = NAN
            out[at + 1] = NAN
            out[at + 2] = NAN
            return
        span = self._range_now(high, low)
        plus = 0.0
        minus = 0.0
        if span != 0.0:
            plus = 100.0 * (self._plus_now(high, low) / span)
            minus = 100.0 * (self._minus_now(high, low) / span)
        out[at] = self._strength_now(plus, minus)
        out[at + 1] = plus
        out[at + 2] = minus

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        if self._left > 0:
            self._begin(high, low)
        else:
            plus = self._plus_now(high, low)
            minus = self._minus_now(high, low)
            span = self._range_now(high, low)
            self._plus = plus
            self._minus = minus
            self._range = span
            if span != 0.0:
                plus = 100.0 * (plus / span)
                minus = 100.0 * (minus / span)
            else:
                plus = 0.0
                minus = 0.0
            self._push_strength(plus, minus)
        self._high = high
        self._low = low
        self._close = close

    def _begin(self, high: float, low: float) -> None:
        """Add to the initial sums."""
        self._left -= 1
        if self._close != self._close:
            return
        up = high - self._high
        down = self._low - low
        if up > 0.0 and up > down:
            self._plus += up
        elif down > 0.0 and down > up:
            self._minus += down
        self._range += true_range(high, low, self._close)

    def archive(self, archive: Archive) -> None:
        self._left = archive.int64(self._left, 0, self._left_max())
        self._high = archive.float64(self._high)
        self._low = archive.float64(self._low)
        self._close = archive.float64(self._close)
        self._plus = archive.float64(self._plus)
        self._minus = archive.float64(self._minus)
        self._range = archive.float64(self._range)
        self._strength.archive(archive)

    def _left_max(self) -> i64:
        return i64(self._size)


@mypyc_attr(native_class=True)
class Sar(Indicator):
    """A stop that follows the price ever faster and changes sides when it is touched."""

    def __init__(self, acceleration: float = 0.02, maximum: float = 0.2) -> None:
        super().__init__(SAR, (acceleration, maximum), (2,))
        self._maximum: Final[float] = float(maximum)
        self._step: Final[float] = float(acceleration) if acceleration < maximum else float(maximum)
        self._up: i64 = 0  # 1 if the stop is below the price
        self._stop = NAN  # for the next bar
        self._extreme = NAN  # highest or lowest price since the last reversal
        self._factor = 0.0
        self._high = NAN  # of the last bar
        self._low = NAN

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
        if self.count < 2:
            out[at] = NAN if self.count == 0 else self._second(high, low)
        elif self._up == 1:
            out[at] = self._stop if low > self._stop else above(self._extreme, self._high, high)
        else:
            out[at] = self._stop if high < self._stop else below(self._extreme, self._low, low)

    def _second(self, high: float, low: float) -> float:
        """Return the stop of the second bar, which decides the initial direction."""
        down = self._low - low
        if down > 0.0 and down > high - self._high:
            return low if high >= self._high else self._high
        return high if low <= self._low else self._low

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        if self.count == 1:
            down = self._low - low
            self._factor = self._step
            if down > 0.0 and down > high - self._high:
                self._up = 0
                self._extreme = low
                self._stop = self._high
            else:
                self._up = 1
                self._extreme = high
                self._stop = self._low
            self._high = high
            self._low = low
        if self.count > 0:
            if self._up == 1:
                self._rise(high, low)
            else:
                self._fall(high, low)
        self._high = high
        self._low = low

    def _rise(self, high: float, low: float) -> None:
        """Advance the stop while it is below the price, or reverse it."""
        if low <= self._stop:
            stop = above(self._extreme, self._high, high)
            self._up = 0
            self._factor = self._step
            self._extreme = low
            self._stop = above(stop + self._factor * (low - stop), self._high, high)
            return
        if high > self._extreme:
            self._extreme = high
            self._quicken()
        self._stop = below(self._stop + self._factor * (self._extreme - self._stop), self._low, low)

    def _fall(self, high: float, low: float) -> None:
        """Advance the stop while it is above the price, or reverse it."""
        if high >= self._stop:
            stop = below(self._extreme, self._low, low)
            self._up = 1
            self._factor = self._step
            self._extreme = high
            self._stop = below(stop + self._factor * (high - stop), self._low, low)
            return
        if low < self._extreme:
            self._extreme = low
            self._quicken()
        self._stop = above(self._stop + self._factor * (self._extreme - self._stop), self._high, high)

    def _quicken(self) -> None:
        self._factor += self._step
        if self._factor > self._maximum:
            self._factor = self._maximum

    def archive(self, archive: Archive) -> None:
        self._up = archive.int64(self._up, 0, 1)
        self._stop = archive.float64(self._stop)
        self._extreme = archive.float64(self._extreme)
        self._factor = archive.float64(self._factor)
        self._high = archive.float64(self._high)
        self._low = archive.float64(self._low)


def above(value: float, first: float, second: float) -> float:
    """Return the highest of the three."""
    if value < first:
        value = first
    return second if value < second else value


def below(value: float, first: float, second: float) -> float:
    """Return the lowest of the three."""
    if value > first:
        value = first
    return second if value > second else value


INDICATORS: Final[tuple[tuple[Declaration, type[Indicator]], ...]] = (
    (ADX, Adx),
    (SAR, Sar),
)
