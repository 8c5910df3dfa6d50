"""Direction: which way the market moves and how strongly (ADX), and where that movement ends (parabolic SAR).

Both are from Welles Wilder, New Concepts in Technical Trading Systems, 1978, computed as in TA-Lib.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import Declaration, Number, Whole
from mtf.indicators.formula import BarNumbers, Formula
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
class Adx(Formula):
    """The strength of the trend, and of its upward and downward movements, 0..100."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(ADX, (period,), (2 * period, period + 1, period + 1))
        self._size: Final[float] = float(period)
        self._left: Final = self.layout.in_hot(float(period))  # bars until the sums are known, including the first bar
        self._high: Final = self.layout.in_hot(NAN)  # of the last bar
        self._low: Final = self.layout.in_hot(NAN)
        self._close: Final = self.layout.in_hot(NAN)
        self._plus: Final = self.layout.in_hot(0.0)  # Wilder's sums
        self._minus: Final = self.layout.in_hot(0.0)
        self._range: Final = self.layout.in_hot(0.0)
        self._strength: Final = Wilder(self.layout, period)

    def _added(self, total: float, value: float) -> float:
        """Return Wilder's sum after *value*."""
        return total - total / self._size + value

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        if hot[h + self._left] > 0.0:
            out[at] = NAN
            out[at + 1] = NAN
            out[at + 2] = NAN
            return
        up = bar.high - hot[h + self._high]
        down = hot[h + self._low] - bar.low
        span = self._added(hot[h + self._range], true_range(bar.high, bar.low, hot[h + self._close]))
        plus = 0.0
        minus = 0.0
        if span != 0.0:
            plus = 100.0 * (self._added(hot[h + self._plus], move(up, down)) / span)
            minus = 100.0 * (self._added(hot[h + self._minus], move(down, up)) / span)
        both = plus + minus
        strength = hot[h + self._strength.value]
        if both != 0.0:
            strength = self._strength.following(hot, h, 100.0 * (abs(minus - plus) / both))
        elif strength != strength:
            strength = self._strength.following(hot, h, 0.0)  # a bar without direction counts as 0 at first
        out[at] = strength
        out[at + 1] = plus
        out[at + 2] = minus

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        before = hot[h + self._close]
        up = bar.high - hot[h + self._high]
        down = hot[h + self._low] - bar.low
        span = true_range(bar.high, bar.low, before)
        if hot[h + self._left] == 0.0:
            plus = self._added(hot[h + self._plus], move(up, down))
            minus = self._added(hot[h + self._minus], move(down, up))
            span = self._added(hot[h + self._range], span)
            hot[h + self._plus] = plus
            hot[h + self._minus] = minus
            hot[h + self._range] = span
            if span != 0.0:
                self._push_strength(hot, h, 100.0 * (plus / span), 100.0 * (minus / span))
            else:
                self._push_strength(hot, h, 0.0, 0.0)
        else:
            hot[h + self._left] -= 1.0
            if before == before:  # these add up what the sums begin with
                hot[h + self._plus] += move(up, down)
                hot[h + self._minus] += move(down, up)
                hot[h + self._range] += span
        hot[h + self._high] = bar.high
        hot[h + self._low] = bar.low
        hot[h + self._close] = bar.close

    def _push_strength(self, hot: vec[float], h: i64, plus: float, minus: float) -> None:
        both = plus + minus
        strength = hot[h + self._strength.value]
        if both != 0.0:
            self._strength.push(hot, h, 100.0 * (abs(minus - plus) / both))
        elif strength != strength:
            self._strength.push(hot, h, 0.0)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        archive.whole_in(hot, h + self._left, 0, i64(self._size))
        archive.number_in(hot, h + self._high)
        archive.number_in(hot, h + self._low)
        archive.number_in(hot, h + self._close)
        archive.number_in(hot, h + self._plus)
        archive.number_in(hot, h + self._minus)
        archive.number_in(hot, h + self._range)
        self._strength.archive(archive, hot, h)


@mypyc_attr(native_class=True)
class Sar(Formula):
    """A stop that follows the price ever faster and changes sides when it is touched."""

    def __init__(self, acceleration: float = 0.02, maximum: float = 0.2) -> None:
        super().__init__(SAR, (acceleration, maximum), (2,))
        self._maximum: Final[float] = float(maximum)
        self._step: Final[float] = float(acceleration) if acceleration < maximum else float(maximum)
        self._bars: Final = self.layout.in_hot(0.0)  # committed, as far as it matters: 0, 1 or 2
        self._up: Final = self.layout.in_hot(0.0)  # 1 if the stop is below the price
        self._stop: Final = self.layout.in_hot(NAN)  # for the next bar
        self._extreme: Final = self.layout.in_hot(NAN)  # highest or lowest price since the last reversal
        self._high: Final = self.layout.in_hot(NAN)  # of the last bar
        self._low: Final = self.layout.in_hot(NAN)
        self._factor: Final = self.layout.in_cold(0.0)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        bars = hot[h + self._bars]
        stop = hot[h + self._stop]
        if bars < 2.0:
            out[at] = NAN if bars == 0.0 else self._second(hot, h, bar)
        elif hot[h + self._up] == 1.0:
            out[at] = stop if bar.low > stop else above(hot[h + self._extreme], hot[h + self._high], bar.high)
        else:
            out[at] = stop if bar.high < stop else below(hot[h + self._extreme], hot[h + self._low], bar.low)

    def _falls(self, hot: vec[float], h: i64, bar: BarNumbers) -> bool:
        """Return whether *bar*, the second one, says that it starts downwards."""
        down = hot[h + self._low] - bar.low
        return down > 0.0 and down > bar.high - hot[h + self._high]

    def _second(self, hot: vec[float], h: i64, bar: BarNumbers) -> float:
        """Return the stop of the second bar, which decides the initial direction."""
        if self._falls(hot, h, bar):
            high = hot[h + self._high]
            return bar.low if bar.high >= high else high
        low = hot[h + self._low]
        return bar.high if bar.low <= low else low

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        bars = hot[h + self._bars]
        if bars == 1.0:
            cold[c + self._factor] = self._step
            if self._falls(hot, h, bar):
                hot[h + self._up] = 0.0
                hot[h + self._extreme] = bar.low
                hot[h + self._stop] = hot[h + self._high]
            else:
                hot[h + self._up] = 1.0
                hot[h + self._extreme] = bar.high
                hot[h + self._stop] = hot[h + self._low]
            hot[h + self._high] = bar.high
            hot[h + self._low] = bar.low
        if bars > 0.0:
            if hot[h + self._up] == 1.0:
                self._rise(hot, h, cold, c, bar.high, bar.low)
            else:
                self._fall(hot, h, cold, c, bar.high, bar.low)
        if bars < 2.0:
            hot[h + self._bars] = bars + 1.0
        hot[h + self._high] = bar.high
        hot[h + self._low] = bar.low

    def _rise(self, hot: vec[float], h: i64, cold: vec[float], c: i64, high: float, low: float) -> None:
        """Advance the stop while it is below the price, or reverse it."""
        stop = hot[h + self._stop]
        extreme = hot[h + self._extreme]
        if low <= stop:
            stop = above(extreme, hot[h + self._high], high)
            hot[h + self._up] = 0.0
            cold[c + self._factor] = self._step
            hot[h + self._extreme] = low
            hot[h + self._stop] = above(stop + self._step * (low - stop), hot[h + self._high], high)
            return
        if high > extreme:
            extreme = high
            hot[h + self._extreme] = extreme
            self._quicken(cold, c)
        hot[h + self._stop] = below(stop + cold[c + self._factor] * (extreme - stop), hot[h + self._low], low)

    def _fall(self, hot: vec[float], h: i64, cold: vec[float], c: i64, high: float, low: float) -> None:
        """Advance the stop while it is above the price, or reverse it."""
        stop = hot[h + self._stop]
        extreme = hot[h + self._extreme]
        if high >= stop:
            stop = below(extreme, hot[h + self._low], low)
            hot[h + self._up] = 1.0
            cold[c + self._factor] = self._step
            hot[h + self._extreme] = high
            hot[h + self._stop] = below(stop + self._step * (high - stop), hot[h + self._low], low)
            return
        if low < extreme:
            extreme = low
            hot[h + self._extreme] = extreme
            self._quicken(cold, c)
        hot[h + self._stop] = above(stop + cold[c + self._factor] * (extreme - stop), hot[h + self._high], high)

    def _quicken(self, cold: vec[float], c: i64) -> None:
        factor = cold[c + self._factor] + self._step
        cold[c + self._factor] = self._maximum if factor > self._maximum else factor

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        archive.whole_in(hot, h + self._up, 0, 1)
        archive.number_in(hot, h + self._stop)
        archive.number_in(hot, h + self._extreme)
        archive.number_in(cold, c + self._factor)
        archive.number_in(hot, h + self._high)
        archive.number_in(hot, h + self._low)
        if hot[h + self._extreme] == hot[h + self._extreme]:
            hot[h + self._bars] = 2.0
        else:
            hot[h + self._bars] = 1.0 if hot[h + self._high] == hot[h + self._high] else 0.0


def move(this: float, other: float) -> float:
    """Return the movement of a bar to *this* side: 0 if there is none, or the *other* one is larger."""
    return this if this > 0.0 and this > other else 0.0


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


INDICATORS: Final[tuple[tuple[Declaration, type[Formula]], ...]] = (
    (ADX, Adx),
    (SAR, Sar),
)
