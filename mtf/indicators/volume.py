"""Volume: how much was traded, at what price, and on which side."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import WITHIN_DAY, Declaration, Whole
from mtf.indicators.indicator import OFF_SESSION, Indicator
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
class Obv(Indicator):
    """The volume of rising bars minus that of falling ones, since the start."""

    def __init__(self) -> None:
        super().__init__(OBV, (), (1,))
        self._total: Final = Total()
        self._close = NAN  # of the last bar

    def _signed(self, close: float, volume: float) -> float:
        if close < self._close:
            return -volume
        return 0.0 if close == self._close else volume

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
        out[at] = self._total.following(self._signed(close, volume))

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._total.push(self._signed(close, volume))
        self._close = close

    def archive(self, archive: Archive) -> None:
        self._total.archive(archive)
        self._close = archive.float64(self._close)


@mypyc_attr(native_class=True)
class VolumeSma(Indicator):
    """The plain mean of the last n volumes."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(VOLUME_SMA, (period,), (period,))
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
        out[at] = (self._sum.rest + volume) / self._size

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._sum.push(volume)

    def archive(self, archive: Archive) -> None:
        self._sum.archive(archive)


@mypyc_attr(native_class=True)
class Vwap(Indicator):
    """The mean price of the trading day so far, weighted by volume; starts again each day, off-session or not."""

    def __init__(self) -> None:
        super().__init__(VWAP, (), (1,))
        self._day: i64 = -1  # of the last bar, as `_anchor` numbers days; -1 before the first
        self._money = 0.0  # price times volume of that day
        self._volume = 0.0

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
        money = (high + low + close) / 3.0 * volume
        traded = volume
        if _anchor(day, flags) == self._day:
            money += self._money
            traded += self._volume
        out[at] = money / traded if traded > 0.0 else NAN

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        anchor = _anchor(day, flags)
        if anchor != self._day:
            self._day = anchor
            self._money = 0.0
            self._volume = 0.0
        self._money += (high + low + close) / 3.0 * volume
        self._volume += volume

    def archive(self, archive: Archive) -> None:
        self._day = archive.int64(self._day, -1, DAY_MAX)
        self._money = archive.float64(self._money)
        self._volume = archive.float64(self._volume)


def _anchor(day: i64, flags: i64) -> i64:
    """Return a number that identifies a trading day; the off-session time of the same date has another."""
    return day * 2 + (1 if flags & OFF_SESSION else 0)


@mypyc_attr(native_class=True)
class Mfi(Indicator):
    """The share of rises in the recent flow of money, 0..100."""

    def __init__(self, period: int = 14) -> None:
        super().__init__(MFI, (period,), (period + 1,))
        self._up: Final = Sum(period)
        self._down: Final = Sum(period)
        self._price = NAN  # typical price of the last bar

    def _side(self, price: float) -> float:
        """Return 1 if *price* rose, -1 if it fell, 0 if it did neither or is the first."""
        before = self._price
        change = price - before
        if before != before or abs(change) <= ZERO_SHARE * (abs(price) + abs(before)):
            return 0.0
        return 1.0 if change > 0.0 else -1.0

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
        price = (high + low + close) / 3.0
        side = self._side(price)
        flow = price * volume
        up = self._up.rest + (flow if side > 0.0 else 0.0)
        both = up + (self._down.rest + (flow if side < 0.0 else 0.0))
        if self._price != self._price:
            out[at] = NAN
        else:
            out[at] = 0.0 if both == 0.0 else 100.0 * (up / both)

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        price = (high + low + close) / 3.0
        if self._price == self._price:
            side = self._side(price)
            flow = price * volume
            self._up.push(flow if side > 0.0 else 0.0)
            self._down.push(flow if side < 0.0 else 0.0)
        self._price = price

    def archive(self, archive: Archive) -> None:
        self._up.archive(archive)
        self._down.archive(archive)
        self._price = archive.float64(self._price)


@mypyc_attr(native_class=True)
class Cmf(Indicator):
    """The volume of the last bars, signed by where in its range each one closed."""

    def __init__(self, period: int = 20) -> None:
        super().__init__(CMF, (period,), (period,))
        self._flow: Final = Sum(period)
        self._volume: Final = Sum(period)

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
        traded = self._volume.rest + volume
        flow = self._flow.rest + money_flow(high, low, close, volume)
        out[at] = 0.0 if traded == 0.0 else flow / traded

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self._flow.push(money_flow(high, low, close, volume))
        self._volume.push(volume)

    def archive(self, archive: Archive) -> None:
        self._flow.archive(archive)
        self._volume.archive(archive)


def money_flow(high: float, low: float, close: float, volume: float) -> float:
    """Return *volume* signed by where the close lies in the bar: all of it at the high, minus all at the low."""
    span = high - low
    return ((close - low) - (high - close)) / span * volume if span > 0.0 else 0.0


INDICATORS: Final[tuple[tuple[Declaration, type[Indicator]], ...]] = (
    (OBV, Obv),
    (VOLUME_SMA, VolumeSma),
    (VWAP, Vwap),
    (MFI, Mfi),
    (CMF, Cmf),
)
