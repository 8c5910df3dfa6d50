"""Dates by rule, as holidays are defined: the third Monday of a month, Easter, the day on which one is observed."""

from __future__ import annotations

import datetime
from typing import Final

__all__ = ["MONDAY", "SATURDAY", "SUNDAY", "THURSDAY", "WEDNESDAY", "good_friday", "nth_weekday", "observed"]

MONDAY: Final = 0
WEDNESDAY: Final = 2
THURSDAY: Final = 3
SATURDAY: Final = 5
SUNDAY: Final = 6


def nth_weekday(year: int, month: int, weekday: int, n: int) -> datetime.date:
    """Return the *n*th *weekday* of a month."""
    first = datetime.date(year, month, 1)
    return first + datetime.timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def observed(date: datetime.date) -> datetime.date:
    """Return the day on which American exchanges observe a holiday: Saturday's on Friday, Sunday's on Monday."""
    shift = {SATURDAY: -1, SUNDAY: 1}.get(date.weekday(), 0)
    return date + datetime.timedelta(days=shift)


def good_friday(year: int) -> datetime.date:
    """Return the Friday before Easter Sunday of the Gregorian calendar.

    Easter by Oudin's algorithm, as in the Explanatory Supplement to the Astronomical Almanac.
    """
    century = year // 100
    golden = year % 19
    leaps = century - century // 4 - (8 * century + 13) // 25
    epact = (leaps + 19 * golden + 15) % 30
    epact -= epact // 28 * (1 - epact // 28 * (29 // (epact + 1)) * ((21 - golden) // 11))
    weekday = (year + year // 4 + epact + 2 - century + century // 4) % 7
    days = epact - weekday
    month = 3 + (days + 40) // 44
    return datetime.date(year, month, days + 28 - 31 * (month // 4)) - datetime.timedelta(days=2)
