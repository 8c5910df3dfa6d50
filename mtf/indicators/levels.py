"""Levels: prices at which the market may turn, from the previous trading day and from its own swings."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.bars.bar_codes import DAY_INCOMPLETE, INCOMPLETE, OFF_SESSION
from mtf.indicators.declaration import UP_TO_DAY, Choice, Declaration, Whole
from mtf.indicators.formula import BarNumbers, Formula
from mtf.indicators.rolling import NAN, Extremes, Ring

__all__ = ["INDICATORS", "Ichimoku", "Pivots", "Swings"]

DAY_MAX: Final = 1 << 40  # ordinals

STANDARD: Final = ("", "r1", "r2", "r3", "s1", "s2", "s3")

PIVOTS: Final = Declaration(
    name="pivots",
    title="Pivot points",
    group="levels",
    formula="P = (H + L + C) / 3 of the previous trading day, and levels around it by kind (see the documentation)",
    source="StockCharts ChartSchool, Pivot Points; Camarilla: Nick Scott's equation, 1989",
    params=(Choice("kind", ("standard", "fibonacci", "woodie", "camarilla", "demark")),),
    outputs=STANDARD,
    variants=(
        ("camarilla", ("", "r1", "r2", "r3", "r4", "s1", "s2", "s3", "s4")),
        ("demark", ("", "r1", "s1")),
    ),
    on_price=(*STANDARD, "r4", "s4"),
    waits=True,
    timeframes=UP_TO_DAY,
)
SWINGS: Final = Declaration(
    name="swings",
    title="Support and resistance: the last confirmed swing high and low",
    group="levels",
    formula="a high above those of all bars left and right, known once the bars right have closed; lows likewise",
    source="Lean PivotPointsHighLow; Bill Williams' fractal is 2, 2",
    params=(Whole("left", 5, high=1000), Whole("right", 5, high=1000)),
    outputs=("high", "low"),
    on_price=("high", "low"),
    waits=True,
)
ICHIMOKU: Final = Declaration(
    name="ichimoku",
    title="Ichimoku cloud",
    group="levels",
    formula="middle of the range of n bars: tenkan, kijun; the cloud under this bar: (tenkan + kijun) / 2 and the long"
    " middle, as they were kijun bars ago",
    source="Goichi Hosoda; StockCharts ChartSchool, Ichimoku Clouds",
    params=(Whole("tenkan", 9, high=1000), Whole("kijun", 26, high=1000), Whole("senkou", 52, high=2000)),
    outputs=("tenkan", "kijun", "senkou_a", "senkou_b"),
    on_price=("tenkan", "kijun", "senkou_a", "senkou_b"),
)

_STANDARD: Final = 0
_FIBONACCI: Final = 1
_WOODIE: Final = 2
_CAMARILLA: Final = 3
_DEMARK: Final = 4


@mypyc_attr(native_class=True)
class Pivots(Formula):
    """Levels from the previous trading day; NaN until a trading day has been seen from its beginning.

    Off-session bars belong to no trading day: they get the levels of their date, and change nothing.
    """

    def __init__(self, kind: str = "standard") -> None:
        super().__init__(PIVOTS, (kind,), (2,) * len(PIVOTS.suffixes((kind,))))
        self._kind: Final[i64] = PIVOTS.params[0].words.index(kind) if isinstance(PIVOTS.params[0], Choice) else 0
        self._levels: Final = self.layout.in_hot(NAN, self.width)  # for the day of the last bar
        self._day: Final = self.layout.in_hot(-1.0)  # of the last bar; -1 before the first
        self._whole: Final = self.layout.in_hot(0.0)  # 1 if that day was seen from its beginning
        self._open: Final = self.layout.in_hot(NAN)  # of that day so far
        self._high: Final = self.layout.in_hot(NAN)
        self._low: Final = self.layout.in_hot(NAN)
        self._close: Final = self.layout.in_hot(NAN)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        if bar.day != hot[h + self._day]:
            self._write_next(hot, h, out, at)
            return
        levels = h + self._levels
        for i in range(self.width):
            out[at + i] = hot[levels + i]

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        if bar.flags & OFF_SESSION:
            return
        if bar.day != hot[h + self._day]:
            self._write_next(hot, h, hot, h + self._levels)
            hot[h + self._day] = bar.day
            hot[h + self._whole] = 1.0
            hot[h + self._open] = bar.open
            hot[h + self._high] = bar.high
            hot[h + self._low] = bar.low
        if bar.flags & (INCOMPLETE | DAY_INCOMPLETE):
            hot[h + self._whole] = 0.0
        if bar.high > hot[h + self._high]:
            hot[h + self._high] = bar.high
        if bar.low < hot[h + self._low]:
            hot[h + self._low] = bar.low
        hot[h + self._close] = bar.close

    def _write_next(self, hot: vec[float], h: i64, out: vec[float], at: i64) -> None:
        """Write the levels for the day after that of the last bar."""
        if hot[h + self._whole] == 0.0:
            for i in range(self.width):
                out[at + i] = NAN
            return
        open_ = hot[h + self._open]
        high = hot[h + self._high]
        low = hot[h + self._low]
        close = hot[h + self._close]
        span = high - low
        kind = self._kind
        if kind == _DEMARK:
            total = high + low + close + close
            if close < open_:
                total = high + low + low + close
            elif close > open_:
                total = high + high + low + close
            out[at] = total / 4.0
            out[at + 1] = total / 2.0 - low
            out[at + 2] = total / 2.0 - high
            return
        pivot = (high + low + close + close) / 4.0 if kind == _WOODIE else (high + low + close) / 3.0
        out[at] = pivot
        if kind == _CAMARILLA:
            _write_pair(out, at + 1, 4, close, span * 1.1 / 12.0)
            _write_pair(out, at + 2, 4, close, span * 1.1 / 6.0)
            _write_pair(out, at + 3, 4, close, span * 1.1 / 4.0)
            _write_pair(out, at + 4, 4, close, span * 1.1 / 2.0)
        elif kind == _FIBONACCI:
            _write_pair(out, at + 1, 3, pivot, span * 0.382)
            _write_pair(out, at + 2, 3, pivot, span * 0.618)
            _write_pair(out, at + 3, 3, pivot, span)
        else:
            out[at + 1] = 2.0 * pivot - low
            out[at + 4] = 2.0 * pivot - high
            _write_pair(out, at + 2, 3, pivot, span)
            out[at + 3] = high + 2.0 * (pivot - low)
            out[at + 6] = low - 2.0 * (high - pivot)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        archive.numbers_in(hot, h + self._levels, self.width)
        archive.whole_in(hot, h + self._day, -1, DAY_MAX)
        archive.whole_in(hot, h + self._whole, 0, 1)
        archive.number_in(hot, h + self._open)
        archive.number_in(hot, h + self._high)
        archive.number_in(hot, h + self._low)
        archive.number_in(hot, h + self._close)


def _write_pair(out: vec[float], at: i64, apart: i64, middle: float, reach: float) -> None:
    """Write a resistance at `out[at]` and its support *apart* columns further on."""
    out[at] = middle + reach
    out[at + apart] = middle - reach


@mypyc_attr(native_class=True)
class Swings(Formula):
    """The last swing high and the last swing low, each known only once the bars to its right have closed.

    Equal highs are not a swing: its high must be above all others, and its low below all others.
    """

    def __init__(self, left: int = 5, right: int = 5) -> None:
        super().__init__(SWINGS, (left, right), (left + right + 1,) * 2)
        self._left: Final = Extremes(self.layout, left + 1)  # bars before the candidate; `rest` covers the last `left`
        self._right: Final = Extremes(self.layout, right)  # of the newest bars
        self._highs: Final = Ring(self.layout, right)  # the newest bars themselves; the oldest is the next candidate
        self._lows: Final = Ring(self.layout, right)
        self._high: Final = self.layout.in_hot(NAN)  # the last confirmed swing high
        self._low: Final = self.layout.in_hot(NAN)

    def _high_now(self, hot: vec[float], h: i64, high: float) -> float:
        top = hot[h + self._highs.oldest]
        if top > hot[h + self._left.rest_high] and top > self._right.highest(hot, h, high):
            return top
        return hot[h + self._high]

    def _low_now(self, hot: vec[float], h: i64, low: float) -> float:
        bottom = hot[h + self._lows.oldest]
        if bottom < hot[h + self._left.rest_low] and bottom < self._right.lowest(hot, h, low):
            return bottom
        return hot[h + self._low]

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = self._high_now(hot, h, bar.high)
        out[at + 1] = self._low_now(hot, h, bar.low)

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        hot[h + self._high] = self._high_now(hot, h, bar.high)
        hot[h + self._low] = self._low_now(hot, h, bar.low)
        top = hot[h + self._highs.oldest]
        if top == top:
            self._left.push(hot, h, cold, c, top, hot[h + self._lows.oldest])
        self._right.push(hot, h, cold, c, bar.high, bar.low)
        self._highs.push(hot, h, cold, c, bar.high)
        self._lows.push(hot, h, cold, c, bar.low)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._left.archive(archive, hot, h, cold, c)
        self._right.archive(archive, hot, h, cold, c)
        self._highs.archive(archive, hot, h, cold, c)
        self._lows.archive(archive, hot, h, cold, c)
        archive.number_in(hot, h + self._high)
        archive.number_in(hot, h + self._low)


@mypyc_attr(native_class=True)
class Ichimoku(Formula):
    """The midpoints of three ranges, and the cloud for this bar, computed from those of some bars ago."""

    def __init__(self, tenkan: int = 9, kijun: int = 26, senkou: int = 52) -> None:
        super().__init__(
            ICHIMOKU,
            (tenkan, kijun, senkou),
            (tenkan, kijun, max(tenkan, kijun) + kijun, senkou + kijun),
        )
        self._short: Final = Extremes(self.layout, tenkan)
        self._middle: Final = Extremes(self.layout, kijun)
        self._long: Final = Extremes(self.layout, senkou)
        self._spans_a: Final = Ring(self.layout, kijun)
        self._spans_b: Final = Ring(self.layout, kijun)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = _middle(self._short, hot, h, bar)
        out[at + 1] = _middle(self._middle, hot, h, bar)
        out[at + 2] = hot[h + self._spans_a.oldest]
        out[at + 3] = hot[h + self._spans_b.oldest]

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        tenkan = _middle(self._short, hot, h, bar)
        kijun = _middle(self._middle, hot, h, bar)
        self._spans_a.push(hot, h, cold, c, (tenkan + kijun) / 2.0)
        self._spans_b.push(hot, h, cold, c, _middle(self._long, hot, h, bar))
        self._short.push(hot, h, cold, c, bar.high, bar.low)
        self._middle.push(hot, h, cold, c, bar.high, bar.low)
        self._long.push(hot, h, cold, c, bar.high, bar.low)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._short.archive(archive, hot, h, cold, c)
        self._middle.archive(archive, hot, h, cold, c)
        self._long.archive(archive, hot, h, cold, c)
        self._spans_a.archive(archive, hot, h, cold, c)
        self._spans_b.archive(archive, hot, h, cold, c)


def _middle(window: Extremes, hot: vec[float], h: i64, bar: BarNumbers) -> float:
    """Return the middle of a range as it would be with *bar*."""
    return (window.highest(hot, h, bar.high) + window.lowest(hot, h, bar.low)) / 2.0


INDICATORS: Final[tuple[tuple[Declaration, type[Formula]], ...]] = (
    (PIVOTS, Pivots),
    (SWINGS, Swings),
    (ICHIMOKU, Ichimoku),
)
