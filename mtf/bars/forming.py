"""The forming bar of one symbol and timeframe, with the history of the completed ones, and how both are saved."""

from __future__ import annotations

import datetime
from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.bars.bar import Bar
from mtf.bars.columns import NO_BAR, BarState, Slot
from mtf.bars.judged import Instrument
from mtf.calendars.day import Day, Gap
from mtf.errors import CorruptCheckpoint
from mtf.timeframe import INTRADAY, Timeframe
from mtf.units import NEVER_NS

__all__ = ["Forming"]

MAX_ORDINAL: Final = 3_652_059  # 9999-12-31


@mypyc_attr(native_class=True, acyclic=True)
class Forming:
    """One symbol's bar as it forms, and its history."""

    __slots__ = (
        "after",
        "bars",
        "carry",
        "changed",
        "close",
        "columns_index",
        "day",
        "end_ns",
        "high",
        "instrument",
        "low",
        "newest_block",
        "open",
        "previous_end_ns",
        "slot",
        "ticks",
        "torn",
        "torn_ns",
        "volume",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument: Final = instrument
        self.slot: Slot | None = None  # None while no bar forms
        self.end_ns: i64 = NEVER_NS  # of the bar that forms; NEVER_NS while none does
        self.open = 0.0
        self.high = 0.0
        self.low = 0.0
        self.close = 0.0
        self.volume = 0.0
        self.carry = 0.0  # what rounding has taken from `volume`: the sum of both is the bar's volume
        self.ticks: i64 = 0
        self.day: Day | None = None  # the day of the newest bar
        self.previous_end_ns: i64 = NEVER_NS  # end of the newest completed bar; NEVER_NS before there was one
        self.torn_ns: i64 = NEVER_NS  # start of the newest unfinished bar; NEVER_NS once it has come whole
        self.torn = False  # the bar that forms is incomplete for that alone
        self.bars: list[Bar] = []  # completed ones, oldest first; only appended to, and replaced when twice too long
        self.newest_block: i64 = 0  # first seq of the block in which `columns_index` is right
        self.columns_index: i64 = NO_BAR  # of `slot` in the columns of that block
        self.changed = True  # since `after` was made
        self.after: BarState = BarState(None, 0.0, 0.0, 0.0, 0.0, 0.0, 0, self.bars, 0, 0)

    def archive(self, archive: Archive, timeframe: Timeframe, history: i64) -> None:
        """Save or load: the forming bar, and the last *history* completed ones."""
        self.previous_end_ns = archive.whole(self.previous_end_ns, ANY_MIN, ANY_MAX)
        self.torn_ns = archive.whole(self.torn_ns, ANY_MIN, ANY_MAX)
        self.torn = archive.flag(self.torn)
        self.slot = _archive_slot(archive, self.slot, self.instrument.first_ns)
        slot = self.slot
        self.end_ns = NEVER_NS if slot is None else slot.end_ns
        if slot is not None:
            self.day = slot.day if timeframe.kind != INTRADAY else None  # for an intraday bar it is looked up each time
            self.open = archive.number(self.open)
            self.high = archive.number(self.high)
            self.low = archive.number(self.low)
            self.close = archive.number(self.close)
            self.volume = archive.number(self.volume)
            self.carry = archive.number(self.carry)
            self.ticks = archive.whole(self.ticks, 0, ANY_MAX)
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
        self.changed = True


def _archive_slot(archive: Archive, slot: Slot | None, first_ns: i64) -> Slot | None:
    if not archive.flag(slot is not None):
        return None
    start_ns = archive.whole(0 if slot is None else slot.start_ns, ANY_MIN, ANY_MAX)
    end_ns = archive.whole(0 if slot is None else slot.end_ns, start_ns + 1, ANY_MAX)
    day = _archive_day(archive, None if slot is None else slot.day)
    first = archive.flag(slot is not None and slot.first)
    incomplete = archive.flag(slot is not None and slot.incomplete)
    from_bars = archive.flag(slot is not None and slot.from_bars)
    gap = _archive_gap(archive, None if slot is None else slot.gap)
    return slot if slot is not None else Slot(start_ns, end_ns, day, first, incomplete, gap, first_ns, from_bars)


def _archive_day(archive: Archive, day: Day | None) -> Day:
    start_ns = archive.whole(0 if day is None else day.start_ns, ANY_MIN, ANY_MAX)
    end_ns = archive.whole(0 if day is None else day.end_ns, start_ns + 1, ANY_MAX)
    number = archive.whole(0 if day is None else day.number, 1, MAX_ORDINAL)
    off_session = archive.flag(day is not None and day.off_session)
    return day if day is not None else Day(start_ns, end_ns, datetime.date.fromordinal(number), off_session)


def _archive_gap(archive: Archive, gap: Gap | None) -> Gap | None:
    if not archive.flag(gap is not None):
        return None
    closed_ns = archive.whole(0 if gap is None else gap.closed_ns, 0, ANY_MAX)
    holiday_ns = archive.whole(0 if gap is None else gap.holiday_ns, 0, ANY_MAX)
    break_ns = archive.whole(0 if gap is None else gap.break_ns, 0, ANY_MAX)
    silence_ns = archive.whole(0 if gap is None else gap.silence_ns, 0, ANY_MAX)
    if gap is not None:
        return gap
    return Gap(closed_ns=closed_ns, holiday_ns=holiday_ns, break_ns=break_ns, silence_ns=silence_ns)


def _archive_bar(archive: Archive, bar: Bar | None, symbol: str, timeframe: Timeframe) -> Bar:
    """Save *bar*, or return the one loaded."""
    start_ns = archive.whole(0 if bar is None else bar.start_ns, ANY_MIN, ANY_MAX)
    end_ns = archive.whole(0 if bar is None else bar.end_ns, start_ns + 1, ANY_MAX)
    open = archive.number(0.0 if bar is None else bar.open)
    high = archive.number(0.0 if bar is None else bar.high)
    low = archive.number(0.0 if bar is None else bar.low)
    close = archive.number(0.0 if bar is None else bar.close)
    volume = archive.number(0.0 if bar is None else bar.volume)
    ticks = archive.whole(0 if bar is None else bar.ticks, 0, ANY_MAX)
    number: i64 = 0
    if bar is not None:
        day = bar.trading_day
        assert day is not None, "a bar that was aggregated has a trading day"
        number = day.toordinal()
    number = archive.whole(number, 1, MAX_ORDINAL)
    flags: i64 = 0
    if bar is not None:
        flags = (1 if bar.first else 0) | (2 if bar.incomplete else 0) | (4 if bar.off_session else 0)
        flags |= (8 if bar.day_incomplete else 0) | (16 if bar.from_bars else 0)
    flags = archive.whole(flags, 0, 31)
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
