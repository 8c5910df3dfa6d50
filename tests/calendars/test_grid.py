"""Where intraday bars start and end within their day."""

from __future__ import annotations

import pytest

import mtf.calendars
from mtf.calendars import Day, WeeklyCalendar
from mtf.calendars.grid import UTC_GRID, bar_bounds
from tests.calendars.builders import HOUR_NS, text, utc

FX = mtf.calendars.get("fx")
EQUITIES = mtf.calendars.get("us_equities")


def bars(day: Day, length_ns: int, anchor_ns: int | None = None) -> list[str]:
    """Return the starts of all bars of *day*, and its end."""
    found = []
    at = int(day.start_ns)
    while at < day.end_ns:
        start, end = bar_bounds(day, at, length_ns) if anchor_ns is None else bar_bounds(day, at, length_ns, anchor_ns)
        assert start == at
        found.append(text(start)[11:])
        at = end
    return [*found, text(at)[11:]]


def test_bars_count_from_the_start_of_the_trading_day() -> None:
    """The 4h bars of fx: 17, 21, 01, 05, 09 and 13 in New York, in winter and in summer."""
    winter, summer = FX.day_at(utc("2024-01-09 12:00")), FX.day_at(utc("2024-07-09 12:00"))
    assert bars(winter, 4 * HOUR_NS) == ["22:00", "02:00", "06:00", "10:00", "14:00", "18:00", "22:00"]
    assert bars(summer, 4 * HOUR_NS) == ["21:00", "01:00", "05:00", "09:00", "13:00", "17:00", "21:00"]


def test_last_bar_ends_with_the_day() -> None:
    """Six and a half hours of New York: the last 1h bar has 30 minutes, the second 4h bar two and a half hours."""
    day = EQUITIES.day_at(utc("2024-07-09 15:00"))
    assert bars(day, HOUR_NS) == ["13:30", "14:30", "15:30", "16:30", "17:30", "18:30", "19:30", "20:00"]
    assert bars(day, 4 * HOUR_NS) == ["13:30", "17:30", "20:00"]


def test_half_day_ends_its_bars_early() -> None:
    """2024-11-29 closes at 13:00."""
    assert bars(EQUITIES.day_at(utc("2024-11-29 15:00")), 4 * HOUR_NS) == ["14:30", "18:00"]


def test_anchored_bars_are_cut_at_both_ends_of_the_day() -> None:
    """On the UTC grid the first 4h bar of fx's day lasts from 21:00 to midnight, the last from 20:00 to 21:00."""
    day = FX.day_at(utc("2024-07-09 12:00"))
    assert bars(day, 4 * HOUR_NS, UTC_GRID) == ["21:00", "00:00", "04:00", "08:00", "12:00", "16:00", "20:00", "21:00"]


def test_anchor_is_an_instant_with_a_day_of_its_own() -> None:
    """Bars of two hours on odd hours, counted from 1970-01-01 01:00."""
    day = EQUITIES.day_at(utc("2024-07-09 15:00"))
    assert bars(day, 2 * HOUR_NS, HOUR_NS) == ["13:30", "15:00", "17:00", "19:00", "20:00"]


def test_anchor_after_the_instant_counts_backwards() -> None:
    """A grid goes on in both directions."""
    day = EQUITIES.day_at(utc("2024-07-09 15:00"))
    assert bars(day, 2 * HOUR_NS, utc("2030-01-01 01:00")) == ["13:30", "15:00", "17:00", "19:00", "20:00"]


def test_break_cuts_no_bar() -> None:
    """An hourly bar that starts at 11:00 ends at 12:00 with a pause from 11:30 in it."""
    calendar = WeeklyCalendar(name="x", zone="UTC", hours=["Mon-Fri 09:00-15:00"], breaks=["Mon-Fri 11:30-12:30"])
    day = calendar.day_at(utc("2024-01-09 10:00"))
    assert bars(day, HOUR_NS) == ["09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00"]


def test_boundary_belongs_to_the_next_bar() -> None:
    """Half-open, to the nanosecond."""
    day = FX.day_at(utc("2024-01-09 12:00"))
    assert bar_bounds(day, utc("2024-01-09 02:00") - 1, 4 * HOUR_NS) == (
        utc("2024-01-08 22:00"),
        utc("2024-01-09 02:00"),
    )
    assert bar_bounds(day, utc("2024-01-09 02:00"), 4 * HOUR_NS) == (utc("2024-01-09 02:00"), utc("2024-01-09 06:00"))


def test_instant_outside_of_the_day_is_a_mistake_of_the_caller() -> None:
    """The day's end is the next day's."""
    day = FX.day_at(utc("2024-01-09 12:00"))
    with pytest.raises(AssertionError, match="the instant lies in the day"):
        bar_bounds(day, day.end_ns, HOUR_NS)
