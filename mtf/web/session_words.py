"""A market's hours at a moment, in words: open or closed, and until when."""

from __future__ import annotations

import datetime
from typing import Final

import attrs

from mtf.calendars.calendar import Calendar
from mtf.calendars.day import BREAK, HOLIDAY, OPEN
from mtf.units import DAY_NS, SECOND_NS, TS_MAX_NS

__all__ = ["Session", "session_at"]

LOOKED_AHEAD_NS: Final = 15 * DAY_NS
SHORT: Final = {"New York": "NY", "Chicago": "CHI"}
STATES: Final = {OPEN: "open", BREAK: "break", HOLIDAY: "holiday"}


@attrs.frozen
class Session:
    """*state* is open, closed, holiday or break, until *until_ns*; None if that is far away. *text* is a sentence."""

    state: str
    until_ns: int | None
    text: str


def session_at(calendar: Calendar, ts_ns: int) -> Session:
    """Return the session of *calendar* at *ts_ns*: touching spans with the same state count as one."""
    span = calendar.span_at(ts_ns)
    state, end_ns = span.state, span.end_ns
    while end_ns < min(ts_ns + LOOKED_AHEAD_NS, TS_MAX_NS):
        following = calendar.span_at(end_ns)
        if (following.state == OPEN) != (state == OPEN):
            break
        end_ns = following.end_ns
    else:
        return Session(STATES.get(state, "closed"), None, "Open" if state == OPEN else "Closed")
    local, zone = calendar.local_time(end_ns)
    day = _weekday(calendar, end_ns)
    what = {OPEN: "Open, closes", BREAK: "Break until", HOLIDAY: "Holiday, opens"}.get(state, "Closed, opens")
    when = local if state == BREAK else f"{day} {local}"
    return Session(STATES.get(state, "closed"), int(end_ns), f"{what} {when} {_short(zone)}")


def _weekday(calendar: Calendar, ts_ns: int) -> str:
    """Return the weekday in the calendar's zone."""
    local, _ = calendar.local_time(ts_ns)
    hours, minutes = int(local[:2]), int(local[3:5])
    utc = datetime.datetime.fromtimestamp(ts_ns // SECOND_NS, datetime.UTC)
    shift = (hours * 60 + minutes) - (utc.hour * 60 + utc.minute)
    if shift > 14 * 60:
        shift -= 24 * 60
    elif shift < -12 * 60:
        shift += 24 * 60
    return f"{utc + datetime.timedelta(minutes=shift):%a}"


def _short(zone: str) -> str:
    """Return a short name of a zone: NY for America/New_York, London for Europe/London."""
    place = zone.rpartition("/")[2].replace("_", " ")
    return SHORT.get(place, place)
