"""The grid of intraday bars: where the bar that holds an instant starts and ends.

Pure arithmetic on a day; no calendar is asked. Bars count from the start of their day, or from a stated anchor, and
never leave their day: so the bars of a length tile it, and each is a union of the bars of every shorter length that
divides it.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from mtf.calendars.day import Day

__all__ = ["DAY_START", "UTC_GRID", "bar_bounds"]

DAY_START: Final = -1  # bars count from the start of their day
UTC_GRID: Final = 0  # bars count from 1970-01-01 00:00 UTC, and are cut at both ends of their day


def bar_bounds(day: Day, ts_ns: i64, length_ns: i64, anchor_ns: i64 = DAY_START) -> tuple[i64, i64]:
    """Return `[start, end)` of the bar of *length_ns* that *ts_ns* lies in; *ts_ns* lies in *day*.

    With an *anchor_ns* (an instant, 0 or later) each bar starts a whole number of lengths from it, but for the first
    of a day, which starts with the day. The last bar of a day ends with it.
    """
    assert day.start_ns <= ts_ns < day.end_ns, "the instant lies in the day"
    assert length_ns > 0, "a bar has a length"
    origin: i64 = day.start_ns if anchor_ns < 0 else anchor_ns
    start: i64 = ts_ns - (ts_ns - origin) % length_ns
    end: i64 = start + length_ns
    if start < day.start_ns:
        start = day.start_ns
    if end > day.end_ns:
        end = day.end_ns
    return start, end
