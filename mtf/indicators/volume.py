"""Volume: how much was traded, at what price, and on which side."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.bars.bar_codes import OFF_SESSION
from mtf.indicators.declaration import WITHIN_DAY, Declaration, Whole
from mtf.indicators.formula import BarNumbers, Formula
from mtf.indicators.rolling import NAN, Sum, Total

__all__ = ["INDICATORS", "Cmf", "Mfi", "Obv", "VolumeSma", "Vwap"]

ZERO_SHARE: Final = 1e-14  # TA-Lib ignores a change below this share of |price| + |price'|
DAY_MAX: Final = 1 << 40  # ordinals, doubled

OBV: Final = Declaration(
    name="obv",
    title="On-balance volume",
    group="volume",
    formula="obv' + volume if the close rose, - volume if it fell; begins with the first bar's volume",
    source="TA-Lib OBV; Joseph Granville, New Key to Stock Market Profits, 1963",
)
VOLUME_SMA: Final = Declaration(
    name="volume_sma",
    title="Mean volume",
    group="volume",
    formula="sum of the last n volumes / n",
    source="TA-Lib SMA of the volume",
    params=(Whole("period", 20),),
)
VWAP: Final = Declaration(
    name="vwap",
    title="Volume-weighted average price of the trading day",
    group="volume",
    formula="sum of (h + l + c) / 3 * volume / sum of volume over the trading day so far; NaN before its first volume",
    source="StockCharts ChartSchool, VWAP",
    on_price=("",),
    waits=True,
    timeframes=WITHIN_DAY,
)
MFI: Final = Declaration(
    name="mfi",
    title="Money flow index",
    group="volume",
    formula="100 up / (up + down), sums over n bars of typical price * volume, by whether it rose or fell; 0 for 0/0",
    source="TA-Lib MFI; Gene Quong and Avrum Soudack, Technical Analysis of Stocks & Commodities, March 1989",
    params=(Whole("period", 14, low=2),),
)
CMF: Final = Declaration(
    name="cmf",
    title="Chaikin money flow",
    group="volume",
    formula="sum of ((c - l) - (h - c)) / (h - l) * volume / sum of volume over n bars; 0 for 0/0",
    source="TA-Lib CMF; Marc Chaikin",
    params=(Whole("period", 20),),
)


@mypyc_attr(native_class=True)
class Obv(Formula):
    """The volume of rising bars minus that of falling ones, since the start."""

    def __init__(self) -> None:
        super().__init__(OBV, (), (1,))
        self._total: Final = Total(self.layout)
        self._close: Final = self.layout.in_hot(NAN)  # of the last bar

    def _signed(self, hot: vec[float], h: i64, bar: BarNumbers) -> float:
        before = hot[h + self._close]
        if bar.close < before:
            return -bar.volume
        return 0.0 if bar.close == before else bar.volume

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = self._total.following(hot, h, self._signed(hot, h, bar))

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._total.push(hot, h, self._signed(hot, h, bar))
        hot[h + self._close] = bar.close

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._total.archive(archive, hot, h)
        archive.number_in(hot, h + self._close)


@mypyc_attr(native_class=True)
class VolumeSma(Formula):
    """The plain mean of the last n volumes."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(VOLUME_SMA, (period,), (period,))
        self._sum: Final = Sum(self.layout, period)
        self._size: Final[float] = float(period)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        out[at] = (hot[h + self._sum.rest] + bar.volume) / self._size

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._sum.push(hot, h, cold, c, bar.volume)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._sum.archive(archive, hot, h, cold, c)


@mypyc_attr(native_class=True)
class Vwap(Formula):
    """The mean price of the trading day so far, weighted by volume; starts again each day, off-session or not."""

    def __init__(self) -> None:
        super().__init__(VWAP, (), (1,))
        self._day: Final = self.layout.in_hot(-1.0)  # of the last bar, as `_anchor` numbers days; -1 before the first
        self._money: Final = self.layout.in_hot(0.0)  # price times volume of that day
        self._volume: Final = self.layout.in_hot(0.0)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        money = (bar.high + bar.low + bar.close) / 3.0 * bar.volume
        traded = bar.volume
        if _anchor(bar) == hot[h + self._day]:
            money += hot[h + self._money]
            traded += hot[h + self._volume]
        out[at] = money / traded if traded > 0.0 else NAN

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        anchor = _anchor(bar)
        if anchor != hot[h + self._day]:
            hot[h + self._day] = anchor
            hot[h + self._money] = 0.0
            hot[h + self._volume] = 0.0
        hot[h + self._money] += (bar.high + bar.low + bar.close) / 3.0 * bar.volume
        hot[h + self._volume] += bar.volume

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        archive.whole_in(hot, h + self._day, -1, DAY_MAX)
        archive.number_in(hot, h + self._money)
        archive.number_in(hot, h + self._volume)


def _anchor(bar: BarNumbers) -> float:
    """Return a number that identifies a bar's trading day; the off-session time of the same date has another."""
    return bar.day * 2.0 + (1.0 if bar.flags & OFF_SESSION else 0.0)


@mypyc_attr(native_class=True)
class Mfi(Formula):
    """The share of rises in the recent flow of money, 0..100."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(MFI, (period,), (period + 1,))
        self._up: Final = Sum(self.layout, period)
        self._down: Final = Sum(self.layout, period)
        self._price: Final = self.layout.in_hot(NAN)  # typical price of the last bar

    def _side(self, hot: vec[float], h: i64, price: float) -> float:
        """Return 1 if *price* rose, -1 if it fell, 0 if it did neither or is the first."""
        before = hot[h + self._price]
        change = price - before
        if before != before or abs(change) <= ZERO_SHARE * (abs(price) + abs(before)):
            return 0.0
        return 1.0 if change > 0.0 else -1.0

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        price = (bar.high + bar.low + bar.close) / 3.0
        side = self._side(hot, h, price)
        flow = price * bar.volume
        up = hot[h + self._up.rest] + (flow if side > 0.0 else 0.0)
        both = up + (hot[h + self._down.rest] + (flow if side < 0.0 else 0.0))
        before = hot[h + self._price]
        if before != before:
            out[at] = NAN
        else:
            out[at] = 0.0 if both == 0.0 else 100.0 * (up / both)

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        price = (bar.high + bar.low + bar.close) / 3.0
        before = hot[h + self._price]
        if before == before:
            side = self._side(hot, h, price)
            flow = price * bar.volume
            self._up.push(hot, h, cold, c, flow if side > 0.0 else 0.0)
            self._down.push(hot, h, cold, c, flow if side < 0.0 else 0.0)
        hot[h + self._price] = price

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._up.archive(archive, hot, h, cold, c)
        self._down.archive(archive, hot, h, cold, c)
        archive.number_in(hot, h + self._price)


@mypyc_attr(native_class=True)
class Cmf(Formula):
    """The volume of the last bars, signed by where in its range each one closed."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(CMF, (period,), (period,))
        self._flow: Final = Sum(self.layout, period)
        self._volume: Final = Sum(self.layout, period)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        traded = hot[h + self._volume.rest] + bar.volume
        flow = hot[h + self._flow.rest] + money_flow(bar.high, bar.low, bar.close, bar.volume)
        out[at] = 0.0 if traded == 0.0 else flow / traded

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        self._flow.push(hot, h, cold, c, money_flow(bar.high, bar.low, bar.close, bar.volume))
        self._volume.push(hot, h, cold, c, bar.volume)

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        self._flow.archive(archive, hot, h, cold, c)
        self._volume.archive(archive, hot, h, cold, c)


def money_flow(high: float, low: float, close: float, volume: float) -> float:
    """Return *volume* signed by where the close lies in the bar: all of it at the high, minus all at the low."""
    span = high - low
    return ((close - low) - (high - close)) / span * volume if span > 0.0 else 0.0


INDICATORS: Final[tuple[tuple[Declaration, type[Formula]], ...]] = (
    (OBV, Obv),
    (VOLUME_SMA, VolumeSma),
    (VWAP, Vwap),
    (MFI, Mfi),
    (CMF, Cmf),
)
