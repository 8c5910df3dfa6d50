"""A calendar: around the clock from Monday to Friday, in UTC."""

from __future__ import annotations

from mtf.calendars import Calendar, WeeklyCalendar

__all__ = ["weekdays"]


def weekdays() -> Calendar:
    """Make the calendar; the log of a run keeps it by value."""
    return WeeklyCalendar(name="weekdays", zone="UTC", day_close="24:00", hours=["Mon-Fri 00:00-24:00"])
