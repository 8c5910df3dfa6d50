"""Completed bars of a saved state: a history as columns, and, in states of before, bar after bar."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.bars.bar import check_bar
from mtf.bars.bar_codes import (
    DAY_INCOMPLETE,
    DAY_SHIFT,
    FIRST,
    FROM_BARS,
    HAS_GAP,
    INCOMPLETE,
    OFF_SESSION,
)
from mtf.bars.bar_history import CODE, END, GAP_NUMBERS, START, TICKS, BarHistory, BarWindow
from mtf.bars.growth import next_room
from mtf.calendars.day import Gap
from mtf.errors import CorruptCheckpoint
from mtf.timeframe import Timeframe

__all__ = ["MAX_ORDINAL", "archive_gap", "load_bar", "loaded_history", "save_window"]

MAX_ORDINAL: Final = 3_652_059  # 9999-12-31
_SAVED: Final[list[i64]] = [FIRST, INCOMPLETE, OFF_SESSION, DAY_INCOMPLETE, FROM_BARS]  # a bit each, in this order


def save_window(archive: Archive, window: BarWindow) -> None:
    """Save the bars of *window* as columns."""
    archive.count(len(window), 8)
    if len(window):
        window.save(archive)


def loaded_history(archive: Archive, symbol: str, timeframe: Timeframe, keep: i64, number: i64) -> BarHistory:
    """Return a history with what `save_window` saved, at most *keep* bars; *number* is that of the symbol."""
    count = archive.count(0, 8)
    if count > keep:
        raise CorruptCheckpoint(f"saved state: {count} bars, but {keep} are kept")
    if not count:
        return BarHistory(symbol, timeframe)
    history = BarHistory(symbol, timeframe, next_room(count, keep, number))
    history.count = count
    history.archive(archive, 0, count)
    gaps: i64 = 0
    for row in range(count):
        code = history.mark(row, CODE)
        if not 1 <= code >> DAY_SHIFT <= MAX_ORDINAL:
            raise CorruptCheckpoint(f"saved state: {code} is not the code of a bar")
        if code & HAS_GAP:
            if gaps >= len(history.gaps) or history.gaps[gaps] != row:
                raise CorruptCheckpoint("saved state: a bar lacks the gap before it")
            for k in range(gaps + 1, gaps + GAP_NUMBERS):
                if history.gaps[k] < 0:
                    raise CorruptCheckpoint(f"saved state: a gap of {history.gaps[k]} ns")
            gaps += GAP_NUMBERS
        check_bar(
            history.mark(row, START),
            history.mark(row, END),
            history.price(row, 0),
            history.price(row, 1),
            history.price(row, 2),
            history.price(row, 3),
            history.price(row, 4),
            history.mark(row, TICKS),
        )
    if gaps != len(history.gaps):
        raise CorruptCheckpoint("saved state: a gap is before no bar")
    return history


def archive_gap(archive: Archive, gap: Gap | None) -> Gap | None:
    """Save or load a gap, or that there is none."""
    if not archive.flag(gap is not None):
        return None
    closed_ns = archive.int64(0 if gap is None else gap.closed_ns, 0, ANY_MAX)
    holiday_ns = archive.int64(0 if gap is None else gap.holiday_ns, 0, ANY_MAX)
    break_ns = archive.int64(0 if gap is None else gap.break_ns, 0, ANY_MAX)
    silence_ns = archive.int64(0 if gap is None else gap.silence_ns, 0, ANY_MAX)
    if gap is not None:
        return gap
    return Gap(closed_ns=closed_ns, holiday_ns=holiday_ns, break_ns=break_ns, silence_ns=silence_ns)


def load_bar(archive: Archive, history: BarHistory) -> None:
    """Load a bar into *history*, which has room; for states saved WITH_HISTORY."""
    start_ns = archive.int64(0, ANY_MIN, ANY_MAX)
    end_ns = archive.int64(0, start_ns + 1, ANY_MAX)
    open = archive.float64(0.0)
    high = archive.float64(0.0)
    low = archive.float64(0.0)
    close = archive.float64(0.0)
    volume = archive.float64(0.0)
    ticks = archive.int64(0, 0, ANY_MAX)
    code = archive.int64(0, 1, MAX_ORDINAL) << DAY_SHIFT
    flags = archive.int64(0, 0, 31)
    for k in range(len(_SAVED)):
        if flags >> k & 1:
            code |= _SAVED[k]
    gap = archive_gap(archive, None)
    if gap is not None:
        code |= HAS_GAP
    check_bar(start_ns, end_ns, open, high, low, close, volume, ticks)
    history.add(start_ns, end_ns, open, high, low, close, volume, ticks, code, gap)
