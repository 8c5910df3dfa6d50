"""Ticks rejected as closed near the edge of a session: auctions, and stamps exactly on its end.

Counts them by edge, for a note to the user: some venues stamp ticks like that, and a calendar setting can include them,
but the plain count of rejected ticks does not show it. No result depends on it.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.calendars.calendar import Calendar
from mtf.units import NEVER_NS

__all__ = ["FAR_NS", "EdgeCount", "SessionEdges"]

NEAR_NS: Final[i64] = 300_000_000_000  # five minutes
FAR_NS: Final[i64] = 600_000_000_000  # ten: ticks farther from an edge are not counted


@mypyc_attr(native_class=True)
class EdgeCount:
    """How many ticks were rejected near an edge: the end of a session if *last*, else its start, at *local* time."""

    __slots__ = ("far", "last", "local", "near", "on_edge", "zone")

    def __init__(self, local: str, zone: str, last: bool) -> None:
        self.local: Final = local  # such as 16:00
        self.zone: Final = zone
        self.last: Final = last
        self.on_edge: i64 = 0  # stamped exactly on a session's end
        self.near: i64 = 0  # within five minutes of it
        self.far: i64 = 0  # within ten

    @property
    def total(self) -> int:
        return self.on_edge + self.near + self.far

    def add(self, other: EdgeCount) -> None:
        """Add the counts of *other*."""
        self.on_edge += other.on_edge
        self.near += other.near
        self.far += other.far


@mypyc_attr(native_class=True)
class SessionEdges:
    """The counts of one symbol; pass it each tick that is rejected as closed."""

    __slots__ = ("_by_edge", "_counts", "_edge_ns")

    def __init__(self) -> None:
        self._by_edge: Final[dict[str, EdgeCount]] = {}  # by local time and side
        self._edge_ns: i64 = NEVER_NS  # the edge of the newest tick
        self._counts: EdgeCount | None = None  # its counts; None if no session ends or starts there

    def count(self, calendar: Calendar, span_start: i64, span_end: i64, ts_ns: i64) -> None:
        """Count a tick at *ts_ns* in the closed span `[span_start, span_end)` if a session is near it."""
        edge_ns: i64 = span_start
        distance: i64 = ts_ns - span_start
        last = True
        if distance > FAR_NS:
            edge_ns = span_end
            distance = span_end - ts_ns
            last = False
            if distance > FAR_NS:
                return
        if edge_ns != self._edge_ns:
            self._edge_ns = edge_ns
            self._counts = self._look_up(calendar, edge_ns, last)
        counts = self._counts
        if counts is None:
            return
        if distance == 0:
            counts.on_edge += 1
        elif distance <= NEAR_NS:
            counts.near += 1
        else:
            counts.far += 1

    def counts(self) -> list[EdgeCount]:
        """Return the counts, one for each edge."""
        return list(self._by_edge.values())

    def _look_up(self, calendar: Calendar, edge_ns: i64, last: bool) -> EdgeCount | None:
        if not calendar.span_at(edge_ns - 1 if last else edge_ns).open:
            return None
        local, zone = calendar.local_time(edge_ns)
        key = f"{local} {last}"
        found = self._by_edge.get(key)
        if found is None:
            found = EdgeCount(local, zone, last)
            self._by_edge[key] = found
        return found
