"""What every calendar answers: which span and which day an instant lies in, and what lies between two instants."""

from __future__ import annotations

from typing import Any

from mypy_extensions import i64, mypyc_attr

from mtf.calendars.day import BREAK, CLOSED, HOLIDAY, Day, Gap, Span

__all__ = ["Calendar"]


@mypyc_attr(native_class=True, allow_interpreted_subclasses=True)
class Calendar:
    """The trading days of a market. Subclasses answer `span_at` and `to_dict`; the rest follows from it.

    Immutable but for a bounded cache. Every instant from 1970 to 2200 lies in exactly one span and one day: the grid of
    days goes on through closures, in days that are `off_session`.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        raise NotImplementedError

    def span_at(self, ts_ns: i64) -> Span:
        """Return the span that *ts_ns* lies in, with its day."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return the calendar by value, as JSON can hold it; `mtf.calendars.from_dict` makes an equal one of it."""
        raise NotImplementedError

    def day_at(self, ts_ns: i64) -> Day:
        """Return the day that *ts_ns* lies in."""
        return self.span_at(ts_ns).day

    def week_at(self, ts_ns: i64) -> Day:
        """Return the ISO week of trading days that *ts_ns* lies in: first start to last end, dated by its last day.

        Off-session days of the grid do not count: one before the week's first trading day or after its last belongs
        to no week and is returned as it is.
        """
        return self._union(self.day_at(ts_ns), False)

    def month_at(self, ts_ns: i64) -> Day:
        """Return the calendar month of trading days that *ts_ns* lies in, as `week_at` does the week."""
        return self._union(self.day_at(ts_ns), True)

    def gap(self, from_ns: i64, to_ns: i64) -> Gap:
        """Return how much of `[from_ns, to_ns)` was closed, holiday, break, and open without a tick."""
        totals = [0, 0, 0, 0]
        at = from_ns
        while at < to_ns:
            span = self.span_at(at)
            end: i64 = min(to_ns, span.end_ns)
            totals[span.state] += end - at
            at = end
        return Gap(
            silence_ns=totals[0], closed_ns=totals[CLOSED], holiday_ns=totals[HOLIDAY], break_ns=totals[BREAK]
        )

    def _union(self, day: Day, by_month: bool) -> Day:
        if day.off_session:
            return day
        first = self._edge(day, by_month, False)
        last = self._edge(day, by_month, True)
        return Day(first.start_ns, last.end_ns, last.date, False)

    def _edge(self, day: Day, by_month: bool, forward: bool) -> Day:
        """Return the last (or first) trading day of the week or month that *day* is in."""
        edge = day
        at = day
        for _ in range(64):  # a month has at most 31 days, each with at most one off-session piece between
            at = self.day_at(at.end_ns) if forward else self.day_at(at.start_ns - 1)
            if at.off_session:
                continue
            if _period(at, by_month) != _period(day, by_month):
                break
            edge = at
        return edge


def _period(day: Day, by_month: bool) -> tuple[int, int]:
    if by_month:
        return day.date.year, day.date.month
    iso = day.date.isocalendar()
    return iso[0], iso[1]
