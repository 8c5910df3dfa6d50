"""The holidays and half days of the New York Stock Exchange, from 1990 to 2060, by rule and by list.

Owns the dates alone; `mtf.calendars.named` makes the calendar `us_equities` from them. The rules are the current ones,
each from the year it took effect; one-off closures (funerals, storms, attacks) are listed. Days on which trading merely
began late or was halted are left out, so that ticks of that day are never rejected as closed.
"""

from __future__ import annotations

import datetime
from typing import Final

from mtf.calendars.dates import MONDAY, SATURDAY, THURSDAY, WEDNESDAY, good_friday, nth_weekday, observed

__all__ = ["FIRST_YEAR", "LAST_YEAR", "half_days", "holidays"]

FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2060

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
    """Return every weekday on which the exchange does not trade, in order."""
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
        nth_weekday(year, 2, MONDAY, 3),  # Washington's Birthday
        good_friday(year),
        nth_weekday(year, 6, MONDAY, 1) - datetime.timedelta(days=7),  # Memorial Day, the last Monday of May
        observed(datetime.date(year, 7, 4)),
        nth_weekday(year, 9, MONDAY, 1),  # Labor Day
        nth_weekday(year, 11, THURSDAY, 4),  # Thanksgiving
        observed(datetime.date(year, 12, 25)),
    ]
    if new_year.weekday() != SATURDAY:  # on a Saturday it is not observed: the Friday ends the accounting year
        dates.append(observed(new_year))
    if year >= 1998:
        dates.append(nth_weekday(year, 1, MONDAY, 3))  # Martin Luther King
    if year >= 2022:
        dates.append(observed(datetime.date(year, 6, 19)))  # Juneteenth
    return dates


def _half_days_of(year: int) -> list[datetime.date]:
    dates = []
    if year >= 1992:
        dates.append(nth_weekday(year, 11, THURSDAY, 4) + datetime.timedelta(days=1))
    christmas_eve = datetime.date(year, 12, 24)
    if christmas_eve.weekday() <= THURSDAY:  # on a Friday it is the observed holiday
        dates.append(christmas_eve)
    third_of_july = datetime.date(year, 7, 3)
    if year >= 1995 and third_of_july.weekday() <= THURSDAY:
        if third_of_july.weekday() == WEDNESDAY and year < 2013:
            third_of_july += datetime.timedelta(days=2)  # in those years it was the Friday after instead
        dates.append(third_of_july)
    return dates
