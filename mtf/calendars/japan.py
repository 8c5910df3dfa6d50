"""Index futures of the Osaka Exchange, with their night sessions and holiday trading, from 2007 to 2060.

A night session belongs to the next business day. Since 2022-09-23 most holidays trade, at ordinary hours; everything
from the night before them has the trade date of the business day after them. Former hours are separate calendars,
named by the year of the change.

Sources: JPX, "Introduction of Derivatives Holiday Trading" (2021-06-15) and its lists of holiday trading days (for
2022, 2023, 2024 and 2025; 2026 as reported), in principle all non-business days except weekends, January 1 and, for the
time being, January 2 and December 31; JPX on J-GATE3.0 (2021-09-21) and on Next J-GATE (2016-07-19) for former hours,
and reports of the change on 2024-11-05. Holidays follow the Act on National Holidays; a test compares them with
`exchange_calendars`.
"""

from __future__ import annotations

import datetime
from typing import Final

from mtf.calendars.dates import MONDAY, SATURDAY, SUNDAY, nth_weekday
from mtf.calendars.weekly import WeeklyCalendar

__all__ = ["FIRST_YEAR", "JAPAN", "LAST_YEAR", "holidays_of", "ose_futures"]

FIRST_YEAR: Final = 2007
LAST_YEAR: Final = 2060

JAPAN: Final = {  # by name: when the day sessions end, and the nights
    "ose_futures": ("15:45", "17:00-06:00"),
    "ose_futures_2021": ("15:15", "16:30-06:00"),
    "ose_futures_2016": ("15:15", "16:30-05:30"),
}

_TRADED_SINCE: Final = datetime.date(2022, 9, 23)
_NOT_TRADED: Final = (  # for tests of the exchange's systems
    "2023-01-09",
    "2024-01-08",
    "2024-08-12",
    "2024-09-16",
    "2024-11-04",
    "2025-01-13",
    "2025-09-15",
    "2026-11-23",
)
_ONE_DAY: Final = datetime.timedelta(days=1)


def ose_futures(name: str) -> WeeklyCalendar:
    """Return the calendar *name*, which is one of JAPAN."""
    close, night = JAPAN[name]
    dates = [date for year in range(FIRST_YEAR, LAST_YEAR + 1) for date in holidays_of(year)]
    traded = [date for date in dates if _is_traded(date)]
    return WeeklyCalendar(
        name=name,
        zone="Asia/Tokyo",
        day_close=close,
        hours=[f"Mon-Fri 08:45-{close}"],
        night=[f"Mon-Fri {night}"],
        holidays=sorted(set(dates) - set(traded)),
        into_next={close: traded},
    )


def holidays_of(year: int) -> list[datetime.date]:
    """Return the weekdays of a year, from 2007 on, that are not business days in Japan's markets, in order."""
    national = _national(year)
    # A holiday on a Sunday moves to the next day that is not a holiday; a day between two holidays is one too.
    for date in sorted(national):
        if date.weekday() == SUNDAY:
            while date in national:
                date += _ONE_DAY
            national.add(date)
    between = {date + _ONE_DAY for date in national if date + 2 * _ONE_DAY in national}
    closed = national | between | {datetime.date(year, 1, 2), datetime.date(year, 1, 3), datetime.date(year, 12, 31)}
    return sorted(date for date in closed if date.weekday() < SATURDAY)


def _is_traded(date: datetime.date) -> bool:
    first_or_last = (date.month, date.day) in {(1, 1), (1, 2), (12, 31)}
    return date >= _TRADED_SINCE and not first_or_last and date.isoformat() not in _NOT_TRADED


def _national(year: int) -> set[datetime.date]:
    """Return the national holidays of a year, on whatever weekday they fall, as defined by the act."""
    leaps = 0.242194 * (year - 1980) - (year - 1980) // 4  # Kaigi's formula, valid from 1980 to 2099
    dates = {
        datetime.date(year, 1, 1),
        nth_weekday(year, 1, MONDAY, 2),  # Coming of Age
        datetime.date(year, 2, 11),
        datetime.date(year, 3, int(20.8431 + leaps)),  # vernal equinox
        datetime.date(year, 4, 29),
        datetime.date(year, 5, 3),
        datetime.date(year, 5, 4),
        datetime.date(year, 5, 5),
        nth_weekday(year, 9, MONDAY, 3),  # Respect for the Aged
        datetime.date(year, 9, int(23.2488 + leaps)),  # autumnal equinox
        datetime.date(year, 11, 3),
        datetime.date(year, 11, 23),
    }
    if year != 2019:  # the emperor's birthday; none in the year of the succession
        dates.add(datetime.date(year, 12, 23) if year < 2019 else datetime.date(year, 2, 23))
    if year not in (2020, 2021):  # moved in those years, for the Olympic Games
        dates |= {nth_weekday(year, 7, MONDAY, 3), nth_weekday(year, 10, MONDAY, 2)}  # Marine Day, Sports Day
        if year >= 2016:
            dates.add(datetime.date(year, 8, 11))  # Mountain Day
    return dates | {date for date in map(datetime.date.fromisoformat, _ONCE) if date.year == year}


_ONCE: Final = (
    "2019-04-30",  # accession of the emperor
    "2019-05-01",
    "2019-05-02",
    "2019-10-22",
    "2020-07-23",
    "2020-07-24",
    "2020-08-10",
    "2021-07-22",
    "2021-07-23",
    "2021-08-08",
)
