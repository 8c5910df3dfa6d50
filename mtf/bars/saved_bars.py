"""Completed bars of states of before, bar after bar, and gaps of any saved state."""

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
    MAX_ORDINAL,
    OFF_SESSION,
)
from mtf.bars.bar_history import BarHistory
from mtf.calendars.day import Gap

__all__ = ["archive_gap", "load_bar"]

_SAVED: Final[list[i64]] = [FIRST, INCOMPLETE, OFF_SESSION, DAY_INCOMPLETE, FROM_BARS]  # a bit each, in this order


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
