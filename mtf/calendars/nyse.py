"""The holidays and half days of the New York Stock Exchange, from 1990 to 2060, by rule and by list.

Owns the dates alone; `mtf.calendars.catalogue` makes the calendar `us_equities` of them. The rules are those in force
today, each from the year in which it came; what no rule can know (funerals, storms, attacks) is listed. Left out are
days on which trading merely began late or was halted, so that nothing that traded is ever called closed.
"""

from __future__ import annotations

import datetime
from typing import Final

__all__ = ["FIRST_YEAR", "LAST_YEAR", "half_days", "holidays"]

FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2060

_MON: Final = 0
_WED: Final = 2
_THU: Final = 3
_SAT: Final = 5

_CLOSED_ONCE: Final = (
    "1994-04-27",  # funeral of Nixon
    "2001-09-11",  # attacks of September 11
    "2001-09-12",
    "2001-09-13",
    "2001-09-14",
    "2004-06-11",  # funeral of Reagan
    "2007-01-02",  # funeral of Ford
    "2012-10-29",  # hurricane Sandy
    "2012-10-30",
    "2018-12-05",  # funeral of G. H. W. Bush
    "2025-01-09",  # funeral of Carter
)
_HALF_DAYS_ONCE: Final = ("1997-12-26", "1999-12-31", "2003-12-26")


def holidays() -> list[datetime.date]:
    """Return every date on which the exchange would trade by its weekday and does not, in order."""
    dates = [datetime.date.fromisoformat(text) for text in _CLOSED_ONCE]
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        dates += _holidays_of(year)
    return sorted(dates)


def half_days() -> dict[str, list[datetime.date]]:
    """Return the dates that close early, by the time they close at in New York."""
    by_time: dict[str, list[datetime.date]] = {"13:00": [], "14:00": []}
    by_time["13:00"] += [datetime.date.fromisoformat(text) for text in _HALF_DAYS_ONCE]
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        by_time["13:00" if year >= 1993 else "14:00"] += _half_days_of(year)
    return {time: sorted(dates) for time, dates in by_time.items()}


def _holidays_of(year: int) -> list[datetime.date]:
    new_year = datetime.date(year, 1, 1)
    dates = [
        _nth(year, 2, _MON, 3),  # Washington's Birthday
        _easter(year) - datetime.timedelta(days=2),  # Good Friday
        _nth(year, 6, _MON, 1) - datetime.timedelta(days=7),  # Memorial Day, the last Monday of May
        _observed(datetime.date(year, 7, 4)),
        _nth(year, 9, _MON, 1),  # Labor Day
        _nth(year, 11, _THU, 4),  # Thanksgiving
        _observed(datetime.date(year, 12, 25)),
    ]
    if new_year.weekday() != _SAT:  # on a Saturday it is not made up for: the Friday ends the books of the year
        dates.append(_observed(new_year))
    if year >= 1998:
        dates.append(_nth(year, 1, _MON, 3))  # Martin Luther King
    if year >= 2022:
        dates.append(_observed(datetime.date(year, 6, 19)))  # Juneteenth
    return dates


def _half_days_of(year: int) -> list[datetime.date]:
    dates = []
    if year >= 1992:
        dates.append(_nth(year, 11, _THU, 4) + datetime.timedelta(days=1))
    christmas_eve = datetime.date(year, 12, 24)
    if christmas_eve.weekday() <= _THU:  # on a Friday it is the holiday
        dates.append(christmas_eve)
    third_of_july = datetime.date(year, 7, 3)
    if year >= 1995 and third_of_july.weekday() <= _THU:
        if third_of_july.weekday() == _WED and year < 2013:
            third_of_july += datetime.timedelta(days=2)  # then it was the Friday after
        dates.append(third_of_july)
    return dates


def _nth(year: int, month: int, weekday: int, n: int) -> datetime.date:
    """Return the n-th *weekday* of a month."""
    first = datetime.date(year, month, 1)
    return first + datetime.timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _observed(date: datetime.date) -> datetime.date:
    """Return the day on which a holiday on *date* is kept: Saturday's on Friday, Sunday's on Monday."""
    shift = {_SAT: -1, _SAT + 1: 1}.get(date.weekday(), 0)
    return date + datetime.timedelta(days=shift)


def _easter(year: int) -> datetime.date:
    """Return Easter Sunday of the Gregorian calendar (Oudin's algorithm, Explanatory Supplement to the Almanac)."""
    century = year // 100
    golden = year % 19
    leaps = century - century // 4 - (8 * century + 13) // 25
    epact = (leaps + 19 * golden + 15) % 30
    epact -= epact // 28 * (1 - epact // 28 * (29 // (epact + 1)) * ((21 - golden) // 11))
    weekday = (year + year // 4 + epact + 2 - century + century // 4) % 7
    days = epact - weekday
    month = 3 + (days + 40) // 44
    return datetime.date(year, month, days + 28 - 31 * (month // 4))
