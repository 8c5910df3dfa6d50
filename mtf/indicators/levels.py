"""Levels: prices at which the market may turn, from the previous trading day and from its own swings."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import UP_TO_DAY, Choice, Declaration, Whole
from mtf.indicators.indicator import DAY_INCOMPLETE, INCOMPLETE, OFF_SESSION, Indicator
from mtf.indicators.rolling import NAN, Extremes, Ring, filled

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
class Pivots(Indicator):
    """Levels from the previous trading day; NaN until a trading day has been seen from its beginning.

    Off-session bars belong to no trading day: they get the levels of their date, and change nothing.
    """

    def __init__(self, kind: str = "standard") -> None:
        super().__init__(PIVOTS, (kind,), (2,) * len(PIVOTS.suffixes((kind,))))
        self._kind: Final[i64] = PIVOTS.params[0].words.index(kind) if isinstance(PIVOTS.params[0], Choice) else 0
        self._levels: Final = filled(self.width, NAN)  # for the day of the last bar
        self._day: i64 = -1  # of the last bar; -1 before the first
        self._whole: i64 = 0  # 1 if that day was seen from its beginning
        self._open = NAN  # of that day so far
        self._high = NAN
        self._low = NAN
        self._close = NAN

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
        if day != self._day:
            self._write_next(out, at)
            return
        levels = self._levels
        for i in range(self.width):
            out[at + i] = levels[i]

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        if flags & OFF_SESSION:
            return
        if day != self._day:
            self._write_next(self._levels, 0)
            self._day = day
            self._whole = 1
            self._open = open_
            self._high = high
            self._low = low
        if flags & (INCOMPLETE | DAY_INCOMPLETE):
            self._whole = 0
        if high > self._high:
            self._high = high
        if low < self._low:
            self._low = low
        self._close = close

    def _write_next(self, out: vec[float], at: i64) -> None:
        """Write the levels for the day after that of the last bar."""
        if self._whole == 0:
            for i in range(self.width):
                out[at + i] = NAN
            return
        high = self._high
        low = self._low
        close = self._close
        span = high - low
        kind = self._kind
        if kind == _DEMARK:
            total = high + low + close + close
            if close < self._open:
                total = high + low + low + close
            elif close > self._open:
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

    def archive(self, archive: Archive) -> None:
        archive.numbers(self._levels)
        self._day = archive.int64(self._day, -1, DAY_MAX)
        self._whole = archive.int64(self._whole, 0, 1)
        self._open = archive.float64(self._open)
        self._high = archive.float64(self._high)
        self._low = archive.float64(self._low)
        self._close = archive.float64(self._close)


def _write_pair(out: vec[float], at: i64, apart: i64, middle: float, reach: float) -> None:
    """Write a resistance at `out[at]` and its support *apart* columns further on."""
    out[at] = middle + reach
    out[at + apart] = middle - reach


@mypyc_attr(native_class=True)
class Swings(Indicator):
    """The last swing high and the last swing low, each known only once the bars to its right have closed.

    Equal highs are not a swing: its high must be above all others, and its low below all others.
    """

    def __init__(self, left: int = 5, right: int = 5) -> None:
        super().__init__(SWINGS, (left, right), (left + right + 1,) * 2)
        self._left: Final = Extremes(left + 1)  # the bars before the next candidate; `rest` covers the last `left`
        self._right: Final = Extremes(right)  # of the newest bars
        self._highs: Final = Ring(right)  # their highs; the oldest is that of the next candidate
        self._lows: Final = Ring(right)
        self._high = NAN  # the last confirmed swing high
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
        top = self._highs.oldest
        bottom = self._lows.oldest
        out[at] = top if top > self._left.rest_high and top > self._right.highest(high) else self._high
        out[at + 1] = bottom if bottom < self._left.rest_low and bottom < self._right.lowest(low) else self._low

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        top = self._highs.oldest
        bottom = self._lows.oldest
        if top > self._left.rest_high and top > self._right.highest(high):
            self._high = top
        if bottom < self._left.rest_low and bottom < self._right.lowest(low):
            self._low = bottom
        if top == top:
            self._left.push(top, bottom)
        self._right.push(high, low)
        self._highs.push(high)
        self._lows.push(low)

    def archive(self, archive: Archive) -> None:
        self._left.archive(archive)
        self._right.archive(archive)
        self._highs.archive(archive)
        self._lows.archive(archive)
        self._high = archive.float64(self._high)
        self._low = archive.float64(self._low)


@mypyc_attr(native_class=True)
class Ichimoku(Indicator):
    """The midpoints of three ranges, and the cloud for this bar, computed from those of some bars ago."""

    def __init__(self, tenkan: int = 9, kijun: int = 26, senkou: int = 52) -> None:
        super().__init__(
            ICHIMOKU,
            (tenkan, kijun, senkou),
            (tenkan, kijun, max(tenkan, kijun) + kijun, senkou + kijun),
        )
        self._short: Final = Extremes(tenkan)
        self._middle: Final = Extremes(kijun)
        self._long: Final = Extremes(senkou)
        self._spans_a: Final = Ring(kijun)
        self._spans_b: Final = Ring(kijun)

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
        out[at] = (self._short.highest(high) + self._short.lowest(low)) / 2.0
        out[at + 1] = (self._middle.highest(high) + self._middle.lowest(low)) / 2.0
        out[at + 2] = self._spans_a.oldest
        out[at + 3] = self._spans_b.oldest

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        tenkan = (self._short.highest(high) + self._short.lowest(low)) / 2.0
        kijun = (self._middle.highest(high) + self._middle.lowest(low)) / 2.0
        self._spans_a.push((tenkan + kijun) / 2.0)
        self._spans_b.push((self._long.highest(high) + self._long.lowest(low)) / 2.0)
        self._short.push(high, low)
        self._middle.push(high, low)
        self._long.push(high, low)

    def archive(self, archive: Archive) -> None:
        self._short.archive(archive)
        self._middle.archive(archive)
        self._long.archive(archive)
        self._spans_a.archive(archive)
        self._spans_b.archive(archive)


INDICATORS: Final[tuple[tuple[Declaration, type[Indicator]], ...]] = (
    (PIVOTS, Pivots),
    (SWINGS, Swings),
    (ICHIMOKU, Ichimoku),
)
