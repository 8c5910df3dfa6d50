"""Calendars: for any instant, is the market open, which trading day is it, when does that day start and end."""

from mtf.calendars.calendar import Calendar
from mtf.calendars.catalogue import BUILT_IN, WITH_PACKAGE, from_dict, get
from mtf.calendars.day import BREAK, CLOSED, HOLIDAY, OPEN, Day, Gap, Span
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
