"""Chinese commodity futures (Shanghai, INE, Dalian, Zhengzhou, Guangzhou), by the end of their night session.

Owns the current hours, and the holidays from 2013, when night sessions began, to 2026; later years are ordinary weeks
until their holidays are decreed. A night belongs to the next trading day, and there is none before a public holiday.

Sources: the exchanges' table of night sessions by product as brokers publish it (crfutu.com.cn), with its note that
the last working day before a public holiday, weekends apart, has no night; CSRC's notice of 2020-02-02 and SHFE's of
2020-04-24 for the months without nights. The dates are those of the Shanghai stock exchange, which the futures
exchanges share; a test compares them with `exchange_calendars`.
"""

from __future__ import annotations

import datetime
from typing import Any, Final

from mtf.calendars.weekly import WeeklyCalendar

__all__ = ["CHINA", "china_futures"]

CHINA: Final = {  # by name: when the night ends
    "cn_futures": None,
    "cn_futures_2300": "23:00",
    "cn_futures_0100": "01:00",
    "cn_futures_0230": "02:30",
}

_HOLIDAYS: Final = {  # weekdays without trading
    2013: "01-01 01-02 01-03 02-11 02-12 02-13 02-14 02-15 04-04 04-05 04-29 04-30 05-01 06-10 06-11 06-12 09-19 09-20 "
    "10-01 10-02 10-03 10-04 10-07",
    2014: "01-01 01-31 02-03 02-04 02-05 02-06 04-07 05-01 05-02 06-02 09-08 10-01 10-02 10-03 10-06 10-07",
    2015: "01-01 01-02 02-18 02-19 02-20 02-23 02-24 04-06 05-01 06-22 09-03 09-04 10-01 10-02 10-05 10-06 10-07",
    2016: "01-01 02-08 02-09 02-10 02-11 02-12 04-04 05-02 06-09 06-10 09-15 09-16 10-03 10-04 10-05 10-06 10-07",
    2017: "01-02 01-27 01-30 01-31 02-01 02-02 04-03 04-04 05-01 05-29 05-30 10-02 10-03 10-04 10-05 10-06",
    2018: "01-01 02-15 02-16 02-19 02-20 02-21 04-05 04-06 04-30 05-01 06-18 09-24 10-01 10-02 10-03 10-04 10-05 12-31",
    2019: "01-01 02-04 02-05 02-06 02-07 02-08 04-05 05-01 05-02 05-03 06-07 09-13 10-01 10-02 10-03 10-04 10-07",
    2020: "01-01 01-24 01-27 01-28 01-29 01-30 01-31 04-06 05-01 05-04 05-05 06-25 06-26 10-01 10-02 10-05 10-06 10-07 "
    "10-08",
    2021: "01-01 02-11 02-12 02-15 02-16 02-17 04-05 05-03 05-04 05-05 06-14 09-20 09-21 10-01 10-04 10-05 10-06 10-07",
    2022: "01-03 01-31 02-01 02-02 02-03 02-04 04-04 04-05 05-02 05-03 05-04 06-03 09-12 10-03 10-04 10-05 10-06 10-07",
    2023: "01-02 01-23 01-24 01-25 01-26 01-27 04-05 05-01 05-02 05-03 06-22 06-23 09-29 10-02 10-03 10-04 10-05 10-06",
    2024: "01-01 02-09 02-12 02-13 02-14 02-15 02-16 04-04 04-05 05-01 05-02 05-03 06-10 09-16 09-17 10-01 10-02 10-03 "
    "10-04 10-07",
    2025: "01-01 01-28 01-29 01-30 01-31 02-03 02-04 04-04 05-01 05-02 05-05 06-02 10-01 10-02 10-03 10-06 10-07 10-08",
    2026: "01-01 01-02 02-16 02-17 02-18 02-19 02-20 02-23 04-06 05-01 05-04 05-05 06-19 09-25 10-01 10-02 10-05 10-06 "
    "10-07",
}
# There were no nights from the evening of the first date; the evening of the second had one again.
_NO_NIGHTS: Final = (datetime.date(2020, 2, 3), datetime.date(2020, 5, 6))


def china_futures(name: str) -> WeeklyCalendar:
    """Return the calendar *name*, which is one of CHINA."""
    ends = CHINA[name]
    nights: dict[str, Any] = {}
    if ends is not None:
        first, until = _NO_NIGHTS
        nights = {
            "night": [f"Mon-Fri 21:00-{ends}"],
            "night_before_holidays": False,
            "no_night": [first + datetime.timedelta(days=days) for days in range((until - first).days)],
        }
    return WeeklyCalendar(
        name=name,
        zone="Asia/Shanghai",
        day_close="15:00",
        hours=["Mon-Fri 09:00-10:15", "Mon-Fri 10:30-11:30", "Mon-Fri 13:30-15:00"],
        holidays=[f"{year}-{date}" for year, dates in _HOLIDAYS.items() for date in dates.split()],
        **nights,
    )
