"""A bar's flags and trading day as one whole number, its code."""

from __future__ import annotations

import datetime
from typing import Final

from mypy_extensions import i64

__all__ = [
    "DAY_INCOMPLETE",
    "DAY_SHIFT",
    "FIRST",
    "FLAGS",
    "FROM_BARS",
    "HAS_GAP",
    "INCOMPLETE",
    "MAX_ORDINAL",
    "OFF_SESSION",
    "code_of",
    "date_of",
    "flags_of",
]

# Flags, as indicators take them.
INCOMPLETE: Final = 1  # the beginning of the bar was not seen
DAY_INCOMPLETE: Final = 2  # the beginning of its trading day was not seen
OFF_SESSION: Final = 4  # the bar belongs to no trading day: the market was closed
FLAGS: Final = 7  # all of these
# Flags of a code alone.
FIRST: Final = 8  # the first bar of its symbol and timeframe
FROM_BARS: Final = 16  # it contains an input bar
HAS_GAP: Final = 32  # there is a gap before it
MAX_ORDINAL: Final = 3_652_059  # of a trading day: 9999-12-31
DAY_SHIFT: Final = 6  # the ordinal of the trading day stands above the flags; 0: no day


def flags_of(incomplete: bool, day_incomplete: bool, off_session: bool) -> i64:
    """Return a bar's flags for these properties."""
    flags: i64 = 0
    if incomplete:
        flags |= INCOMPLETE
    if day_incomplete:
        flags |= DAY_INCOMPLETE
    if off_session:
        flags |= OFF_SESSION
    return flags


def code_of(day: i64, flags: i64, first: bool, from_bars: bool, has_gap: bool) -> i64:
    """Return the code of a bar of the *day* with this ordinal; *flags* are those of `flags_of`."""
    code = day << DAY_SHIFT | flags
    if first:
        code |= FIRST
    if from_bars:
        code |= FROM_BARS
    if has_gap:
        code |= HAS_GAP
    return code


def date_of(code: i64) -> datetime.date | None:
    """Return the trading day of a code; None if it has none. The same object each time, if it was asked for lately."""
    ordinal = code >> DAY_SHIFT
    if ordinal == 0:
        return None
    day = _last.day
    if day.ordinal == ordinal:
        return day.date
    found = _dates.get(int(ordinal))
    if found is None:
        if len(_dates) >= DATES_MAX:
            _dates.clear()
        found = datetime.date.fromordinal(int(ordinal))
        _dates[int(ordinal)] = found
    _last.day = _Day(ordinal, found)
    return found


class _Day:
    """A day, as its ordinal and as a date."""

    __slots__ = ("date", "ordinal")

    def __init__(self, ordinal: i64, date: datetime.date) -> None:
        self.ordinal: Final = ordinal
        self.date: Final = date


class _Last:
    """The day that was asked for last: most questions are about the same one."""

    __slots__ = ("day",)

    def __init__(self) -> None:
        self.day = _Day(0, datetime.date.min)


DATES_MAX: Final = 10_000
_dates: Final[dict[int, datetime.date]] = {}
_last: Final = _Last()
