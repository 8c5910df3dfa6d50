"""Calendars: for any instant, whether the market is open, which trading day it is, and when that starts and ends."""

from mtf.calendars.calendar import Calendar
from mtf.calendars.day import BREAK, CLOSED, HOLIDAY, OPEN, Day, Gap, Span
from mtf.calendars.named import BUILT_IN, WITH_PACKAGE, from_dict, get
from mtf.calendars.symbols import CalendarMap
from mtf.calendars.weekly import WeeklyCalendar

__all__ = [
    "BREAK",
    "BUILT_IN",
    "CLOSED",
    "HOLIDAY",
    "OPEN",
    "WITH_PACKAGE",
    "Calendar",
    "CalendarMap",
    "Day",
    "Gap",
    "Span",
    "WeeklyCalendar",
    "from_dict",
    "get",
]
