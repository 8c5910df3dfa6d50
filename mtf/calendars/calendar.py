"""What every calendar answers: which span and which day an instant lies in, and what lies between two instants."""

from __future__ import annotations

from typing import Any

from mypy_extensions import i64, mypyc_attr

from mtf.calendars.day import BREAK, CLOSED, HOLIDAY, Day, Gap, Span
from mtf.timeframe import MONTH, WEEK

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

        What is off session between two of its trading days lies in the week too. An off-session day before the
        week's first trading day or after its last belongs to no week and is returned as it is.
        """
        return self._union(self.day_at(ts_ns), False)

    def month_at(self, ts_ns: i64) -> Day:
        """Return the calendar month of trading days that *ts_ns* lies in, as `week_at` does the week."""
        return self._union(self.day_at(ts_ns), True)

    def days(self, from_ns: i64, to_ns: i64) -> list[Day]:
        """Return the days that `[from_ns, to_ns)` touches, in order, the off-session ones too."""
        found: list[Day] = []
        at = from_ns
        while at < to_ns:
            day = self.day_at(at)
            found.append(day)
            at = day.end_ns
        return found

    def spans(self, from_ns: i64, to_ns: i64) -> list[Span]:
        """Return the spans that `[from_ns, to_ns)` touches, in order, whole."""
        found: list[Span] = []
        at = from_ns
        while at < to_ns:
            span = self.span_at(at)
            found.append(span)
            at = span.end_ns
        return found

    def period_at(self, ts_ns: i64, kind: i64) -> Day:
        """Return what bars of a timeframe of *kind* count from: the day, the week or the month of *ts_ns*."""
        if kind == WEEK:
            return self.week_at(ts_ns)
        if kind == MONTH:
            return self.month_at(ts_ns)
        return self.day_at(ts_ns)

    def gap(self, from_ns: i64, to_ns: i64) -> Gap:
        """Return how much of `[from_ns, to_ns)` was closed, holiday, break, and open without a tick."""
        totals = [0, 0, 0, 0]
        at = from_ns
        while at < to_ns:
            span = self.span_at(at)
            end: i64 = min(to_ns, span.end_ns)
            totals[span.state] += end - at
            at = end
        return Gap(silence_ns=totals[0], closed_ns=totals[CLOSED], holiday_ns=totals[HOLIDAY], break_ns=totals[BREAK])

    def _union(self, day: Day, by_month: bool) -> Day:
        first = self._edge(day, by_month, False)
        last = self._edge(day, by_month, True)
        if first is None or last is None:
            return day
        return Day(first.start_ns, last.end_ns, last.date, False)

    def _edge(self, day: Day, by_month: bool, forward: bool) -> Day | None:
        """Return the last (or first) trading day of the week or month, seen from *day* on; None where there is none.

        Dates never go back from one day to the next, so the period is left behind at the first date outside of it.
        """
        period = _period(day, by_month)
        edge: Day | None = None
        at = day
        while _period(at, by_month) == period:
            if not at.off_session:
                edge = at
            at = self.day_at(at.end_ns) if forward else self.day_at(at.start_ns - 1)
        return edge


def _period(day: Day, by_month: bool) -> tuple[int, int]:
    if by_month:
        return day.date.year, day.date.month
    iso = day.date.isocalendar()
    return iso[0], iso[1]
