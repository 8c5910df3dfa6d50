"""The grid of intraday bars: where the bar that contains an instant starts and ends.

Pure arithmetic on a day; no calendar is needed. Bars count from the start of their day, or from a given anchor, and
never cross the ends of their day: so the bars of one length tile it, and each is a union of the bars of every shorter
length that divides it.

Auctions are outside the grid. Each instant of a window counts as the last or first instant of its session, and a bar
contains the instants that count as ones in it. That mapping is monotonic, so bars tile the day and nest with auctions
as they do without.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from mtf.calendars.day import Day

__all__ = ["DAY_START", "UTC_GRID", "bar_bounds"]

DAY_START: Final = -1  # bars count from the start of their day
UTC_GRID: Final = 0  # bars count from 1970-01-01 00:00 UTC, and are cut at both ends of their day


def bar_bounds(day: Day, ts_ns: i64, length_ns: i64, anchor_ns: i64 = DAY_START) -> tuple[i64, i64]:
    """Return `[start, end)` of the bar of *length_ns* that contains *ts_ns*, an instant in *day*.

    With an *anchor_ns* (an instant, 0 or later) each bar starts a whole number of lengths from it, except the first of
    a day, which starts with the day. The last bar of a day ends with it. The bar next to an auction includes it.
    """
    assert day.start_ns <= ts_ns < day.end_ns, "the instant lies in the day"
    assert length_ns > 0, "a bar has a length"
    grid = day.grid
    first_ns: i64 = day.start_ns
    last_ns: i64 = day.end_ns
    at: i64 = ts_ns
    if grid is not None:
        first_ns = grid.start_ns
        last_ns = grid.end_ns
        at = grid.counted(ts_ns)
    origin: i64 = first_ns if anchor_ns < 0 else anchor_ns
    start: i64 = at - (at - origin) % length_ns
    end: i64 = start + length_ns
    if start < first_ns:
        start = first_ns
    if end > last_ns:
        end = last_ns
    if grid is not None:
        return grid.edge(start), grid.edge(end)
    return start, end
