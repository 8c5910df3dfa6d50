"""Instants for the tests of calendars, written down in UTC, and what a calendar says in words.

utc("2024-03-10 21:00")                                     nanoseconds
stretches(fx, "2024-03-08 22:00", "2024-03-11 21:00")       one line a span, as
    "2024-03-08 22:00 .. 2024-03-09 22:00 closed 2024-03-09 off"
"""

from __future__ import annotations

import datetime
from typing import Final

from mtf.calendars import Calendar, Day

__all__ = ["HOUR_NS", "SECOND_NS", "day_text", "stretches", "text", "utc"]

SECOND_NS: Final = 1_000_000_000
HOUR_NS: Final = 3600 * SECOND_NS

_STATES: Final = ("open", "closed", "holiday", "break")
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def utc(stamp: str) -> int:
    """Return *stamp*, as 2024-03-10 21:00 or 2024-03-08 21:59:59.999999999, in nanoseconds."""
    whole, _, fraction = stamp.partition(".")
    moment = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.UTC)
    return (moment - _EPOCH) // datetime.timedelta(seconds=1) * SECOND_NS + int(fraction.ljust(9, "0"))


def text(ts_ns: int) -> str:
    """Return the UTC minute that *ts_ns* is."""
    assert ts_ns % (60 * SECOND_NS) == 0, "a whole minute"
    return f"{_EPOCH + datetime.timedelta(seconds=ts_ns // SECOND_NS):%Y-%m-%d %H:%M}"


def stretches(calendar: Calendar, start: str, end: str) -> list[str]:
    """Return the spans that `[start, end)` touches, one a line, with the date of their day and `off` off session."""
    return [
        f"{text(span.start_ns)} .. {text(span.end_ns)} {_STATES[span.state]} {span.day.date}"
        f"{' off' if span.day.off_session else ''}"
        for span in calendar.spans(utc(start), utc(end))
    ]


def day_text(day: Day) -> str:
    """Return a day in one line."""
    return f"{text(day.start_ns)} .. {text(day.end_ns)} {day.date}{' off' if day.off_session else ''}"
