"""What is kept of one symbol and timeframe besides the numbers of the forming bar, and how it is saved.

The numbers change with every tick and lie in packed rows (`mtf.bars.forming`); what is here changes when a bar opens or
closes.
"""

from __future__ import annotations

import datetime
from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.bars.bar import Bar, BarWindow
from mtf.bars.columns import BarHeader
from mtf.bars.forming import CARRY, CLOSE, HIGH, LOW, OPEN, TICKS, VOLUME, FormingBars
from mtf.bars.judged_block import Instrument
from mtf.calendars.day import Day, Gap
from mtf.errors import CorruptCheckpoint
from mtf.timeframe import INTRADAY, Timeframe
from mtf.units import NEVER_NS

__all__ = ["BarBuilder"]

MAX_ORDINAL: Final = 3_652_059  # 9999-12-31


@mypyc_attr(native_class=True, acyclic=True)
class BarBuilder:
    """One symbol's history, and the header of its forming bar."""

    __slots__ = ("bars", "day", "header", "instrument", "previous_end_ns", "torn", "torn_ns")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument: Final = instrument
        self.header: BarHeader | None = None  # None while no bar forms
        self.day: Day | None = None  # the day of the newest bar
        self.previous_end_ns: i64 = NEVER_NS  # end of the newest completed bar; NEVER_NS before the first
        self.torn_ns: i64 = NEVER_NS  # start of the newest unfinished bar; NEVER_NS once it has arrived complete
        self.torn = False  # the forming bar is incomplete for that reason only
        self.bars: list[Bar] = []  # completed, oldest first; only appended to, and replaced at twice the limit

    def window(self, history: i64) -> BarWindow:
        """Return the last *history* completed bars, oldest first."""
        stop: i64 = len(self.bars)
        return BarWindow(self.bars, stop - history if stop > history else 0, stop)

    def remember(self, completed: Bar, history: i64) -> None:
        """Append to the history; a `BarWindow` reads the same list, which never changes before the window's end."""
        bars = self.bars
        if len(bars) >= 2 * history:
            bars = bars[len(bars) - history + 1 :] if history > 1 else []
            self.bars = bars
        bars.append(completed)

    def archive(self, archive: Archive, timeframe: Timeframe, history: i64, forming: FormingBars) -> None:
        """Save or load the forming bar, whose numbers are in *forming*, and the last *history* completed ones."""
        self.previous_end_ns = archive.int64(self.previous_end_ns, ANY_MIN, ANY_MAX)
        self.torn_ns = archive.int64(self.torn_ns, ANY_MIN, ANY_MAX)
        self.torn = archive.flag(self.torn)
        self.header = _archive_header(archive, self.header, self.instrument.first_ns)
        header = self.header
        number = self.instrument.number
        if header is not None:
            # For an intraday bar the day is looked up again when the next one opens.
            self.day = header.day if timeframe.kind != INTRADAY else None
            for each in (OPEN, HIGH, LOW, CLOSE, VOLUME, CARRY):
                forming.set(number, each, archive.float64(forming.get(number, each)))
            forming.set(number, TICKS, float(archive.int64(i64(forming.get(number, TICKS)), 0, ANY_MAX)))
            if archive.loading:
                forming.open(number, header)
        kept: i64 = len(self.bars)
        start = kept - history if kept > history else 0
        count = archive.count(kept - start, 8)
        if archive.loading and count > history:
            raise CorruptCheckpoint(f"saved state: {count} bars, but {history} are kept")
        none: Bar | None = None
        for k in range(count):
            bar = _archive_bar(
                archive, none if archive.loading else self.bars[start + k], self.instrument.name, timeframe
            )
            if archive.loading:
                self.bars.append(bar)


def _archive_header(archive: Archive, header: BarHeader | None, first_ns: i64) -> BarHeader | None:
    if not archive.flag(header is not None):
        return None
    start_ns = archive.int64(0 if header is None else header.start_ns, ANY_MIN, ANY_MAX)
    end_ns = archive.int64(0 if header is None else header.end_ns, start_ns + 1, ANY_MAX)
    day = _archive_day(archive, None if header is None else header.day)
    first = archive.flag(header is not None and header.first)
    incomplete = archive.flag(header is not None and header.incomplete)
    from_bars = archive.flag(header is not None and header.from_bars)
    gap = _archive_gap(archive, None if header is None else header.gap)
    return (
        header if header is not None else BarHeader(start_ns, end_ns, day, first, incomplete, gap, first_ns, from_bars)
    )


def _archive_day(archive: Archive, day: Day | None) -> Day:
    start_ns = archive.int64(0 if day is None else day.start_ns, ANY_MIN, ANY_MAX)
    end_ns = archive.int64(0 if day is None else day.end_ns, start_ns + 1, ANY_MAX)
    number = archive.int64(0 if day is None else day.number, 1, MAX_ORDINAL)
    off_session = archive.flag(day is not None and day.off_session)
    return day if day is not None else Day(start_ns, end_ns, datetime.date.fromordinal(number), off_session)


def _archive_gap(archive: Archive, gap: Gap | None) -> Gap | None:
    if not archive.flag(gap is not None):
        return None
    closed_ns = archive.int64(0 if gap is None else gap.closed_ns, 0, ANY_MAX)
    holiday_ns = archive.int64(0 if gap is None else gap.holiday_ns, 0, ANY_MAX)
    break_ns = archive.int64(0 if gap is None else gap.break_ns, 0, ANY_MAX)
    silence_ns = archive.int64(0 if gap is None else gap.silence_ns, 0, ANY_MAX)
    if gap is not None:
        return gap
    return Gap(closed_ns=closed_ns, holiday_ns=holiday_ns, break_ns=break_ns, silence_ns=silence_ns)


def _archive_bar(archive: Archive, bar: Bar | None, symbol: str, timeframe: Timeframe) -> Bar:
    """Save *bar*, or load one; return it."""
    start_ns = archive.int64(0 if bar is None else bar.start_ns, ANY_MIN, ANY_MAX)
    end_ns = archive.int64(0 if bar is None else bar.end_ns, start_ns + 1, ANY_MAX)
    open = archive.float64(0.0 if bar is None else bar.open)
    high = archive.float64(0.0 if bar is None else bar.high)
    low = archive.float64(0.0 if bar is None else bar.low)
    close = archive.float64(0.0 if bar is None else bar.close)
    volume = archive.float64(0.0 if bar is None else bar.volume)
    ticks = archive.int64(0 if bar is None else bar.ticks, 0, ANY_MAX)
    number: i64 = 0
    if bar is not None:
        day = bar.trading_day
        assert day is not None, "an aggregated bar has a trading day"
        number = day.toordinal()
    number = archive.int64(number, 1, MAX_ORDINAL)
    flags: i64 = 0
    if bar is not None:
        flags = (1 if bar.first else 0) | (2 if bar.incomplete else 0) | (4 if bar.off_session else 0)
        flags |= (8 if bar.day_incomplete else 0) | (16 if bar.from_bars else 0)
    flags = archive.int64(flags, 0, 31)
    gap = _archive_gap(archive, None if bar is None else bar.gap)
    if bar is not None:
        return bar
    return Bar(
        symbol=symbol,
        timeframe=timeframe,
        start_ns=start_ns,
        end_ns=end_ns,
        open=open,
        high=high,
        low=low,
        close=close,
        volume=volume,
        ticks=ticks,
        trading_day=datetime.date.fromordinal(number),
        first=flags & 1 != 0,
        incomplete=flags & 2 != 0,
        off_session=flags & 4 != 0,
        day_incomplete=flags & 8 != 0,
        from_bars=flags & 16 != 0,
        gap=gap,
    )
