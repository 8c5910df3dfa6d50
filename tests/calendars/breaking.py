"""A calendar that answers as another one does, until a test breaks it.

Calendars are compiled, so that what is patched into their class is not seen: this one stands in front of another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mtf.calendars.calendar import Calendar
from mtf.calendars.day import Gap, Span
from mtf.calendars.symbols import CalendarMap

__all__ = ["Faults", "break_calendars"]


class Faults:
    """What is called with the arguments of a question before it is answered; it may raise."""

    def __init__(self) -> None:
        self.gap: Callable[[int, int], object] = lambda from_ns, to_ns: None
        self.span_at: Callable[[int], object] = lambda ts_ns: None


class BreakingCalendar(Calendar):
    def __init__(self, calendar: Calendar, faults: Faults) -> None:
        self._calendar = calendar
        self._faults = faults

    @property
    def name(self) -> str:
        return self._calendar.name

    def span_at(self, ts_ns: int) -> Span:
        self._faults.span_at(ts_ns)
        return self._calendar.span_at(ts_ns)

    def gap(self, from_ns: int, to_ns: int) -> Gap:
        self._faults.gap(from_ns, to_ns)
        return self._calendar.gap(from_ns, to_ns)

    def to_dict(self) -> dict[str, Any]:
        return self._calendar.to_dict()


def break_calendars(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Have symbols that appear from now on ask a calendar with these faults, of which there are none yet."""
    faults = Faults()
    known = CalendarMap.calendar_of
    monkeypatch.setattr(CalendarMap, "calendar_of", lambda self, name: BreakingCalendar(known(self, name), faults))
    return faults
