"""Equity index futures of CME Globex: their week, and their holidays from 1998 to 2060 by rule.

On most American holidays Globex opens the evening before and halts at noon in Chicago, and that session has the trade
date of the next business day: *into next*. Only New Year's Day, Good Friday and Christmas have no trading at all.
Interest rates halt at the same time; energy, metals and currencies later: see docs/calendars.md for those.

Sources: CME's announcements for Martin Luther King Day 2006, Good Friday 2005 and Labor Day 2007; DTN's exchange
schedule for July 2024; the CME Globex equity calendar of pandas_market_calendars, for the years of the changes.
"""

from __future__ import annotations

import datetime
from typing import Final

from mtf.calendars.dates import MONDAY, SATURDAY, THURSDAY, good_friday, nth_weekday, observed
from mtf.calendars.weekly import WeeklyCalendar

__all__ = ["FIRST_YEAR", "LAST_YEAR", "us_futures"]

FIRST_YEAR: Final = 1998
LAST_YEAR: Final = 2060

_NOON: Final = datetime.date(2014, 5, 1)  # from then on the halt is at 12:00 in Chicago; before, at 10:30
_JOBS: Final = 2010  # from then on a Good Friday with the employment report trades until 08:15
_JULY_THIRD: Final = 2013  # from then on the day before Independence Day is a short one


def us_futures(name: str) -> WeeklyCalendar:
    """Return the calendar of equity index futures, in New York time."""
    holidays: list[datetime.date] = []
    early: dict[str, list[datetime.date]] = {"09:15": [], "13:15": []}
    into_next: dict[str, list[datetime.date]] = {"11:30": [], "13:00": []}
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        holidays += _closed(year)
        friday = good_friday(year)
        if _has_jobs_report(friday):
            early["09:15"].append(friday)
        else:
            holidays.append(friday)
        early["13:15"] += _short(year)
        for date in _halted(year):
            into_next["13:00" if date >= _NOON else "11:30"].append(date)
    return WeeklyCalendar(
        name=name,
        zone="America/New_York",
        day_close="17:00",
        hours=["Sun-Thu 18:00-17:00"],
        holidays=holidays,
        early_closes=early,
        into_next=into_next,
    )


def _closed(year: int) -> list[datetime.date]:
    new_year, christmas = datetime.date(year, 1, 1), datetime.date(year, 12, 25)
    if new_year.weekday() == SATURDAY:  # then it is not observed
        return [observed(christmas)]
    return [observed(new_year), observed(christmas)]


def _has_jobs_report(friday: datetime.date) -> bool:
    """Return whether the employment report is published on this Good Friday: it is on the first Friday of April."""
    return friday.year >= _JOBS and friday.month == 4 and friday.day <= 7


def _short(year: int) -> list[datetime.date]:
    """Return the days that end at 12:15 in Chicago."""
    dates = [nth_weekday(year, 11, THURSDAY, 4) + datetime.timedelta(days=1)]
    christmas_eve, july_third = datetime.date(year, 12, 24), datetime.date(year, 7, 3)
    if christmas_eve.weekday() <= THURSDAY:
        dates.append(christmas_eve)
    if year >= _JULY_THIRD and july_third.weekday() <= THURSDAY:
        dates.append(july_third)
    return dates


def _halted(year: int) -> list[datetime.date]:
    """Return the holidays on which Globex trades until a halt."""
    dates = [
        nth_weekday(year, 1, MONDAY, 3),  # Martin Luther King
        nth_weekday(year, 2, MONDAY, 3),  # Presidents
        nth_weekday(year, 6, MONDAY, 1) - datetime.timedelta(days=7),  # Memorial Day, the last Monday of May
        observed(datetime.date(year, 7, 4)),
        nth_weekday(year, 9, MONDAY, 1),  # Labor Day
        nth_weekday(year, 11, THURSDAY, 4),  # Thanksgiving
    ]
    if year >= 2022:
        dates.append(observed(datetime.date(year, 6, 19)))  # Juneteenth
    return dates
