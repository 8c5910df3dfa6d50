"""The base of all calendars: the span and day of an instant, the day of a date, and the time between two instants."""

from __future__ import annotations

import datetime
from typing import Any, Final

from mypy_extensions import i64, mypyc_attr

from mtf.calendars.day import CLOSED, HOLIDAY, OPEN, Day, Gap, Span
from mtf.timeframe import MONTH, WEEK
from mtf.units import DAY_NS, NEVER_NS

__all__ = ["FIRST_ORDINAL", "LAST_ORDINAL", "Calendar"]

FIRST_ORDINAL: Final[i64] = 612_513  # 1678-01-01: whole years within i64 nanoseconds
LAST_ORDINAL: Final[i64] = 825_813  # 2261-12-31

_EPOCH_ORDINAL: Final[i64] = 719_163  # 1970-01-01


@mypyc_attr(native_class=True, allow_interpreted_subclasses=True)
class Calendar:
    """The trading days of a market. Subclasses implement `span_at` and `to_dict`; the rest follows from them.

    Immutable apart from bounded caches, and safe to share between threads. Every instant from 1678 to 2261 lies in
    exactly one span and one day: the grid of days continues through closures, in days that are `off_session`. Dates
    never go back from one day to the next, and a date has at most one trading day.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        raise NotImplementedError

    def span_at(self, ts_ns: i64) -> Span:
        """Return the span that *ts_ns* lies in, with its day."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return the calendar as JSON values, from which `mtf.calendars.from_dict` makes an equal one."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Do now the work that would delay the first answers about a long time; called when a pipeline is set up."""

    def day_at(self, ts_ns: i64) -> Day:
        """Return the day that contains *ts_ns*."""
        return self.span_at(ts_ns).day

    @property
    def week_begins(self) -> int:
        """The weekday on which the market's week begins: 0 is Monday (ISO), 6 is Sunday."""
        return 0

    def week_at(self, ts_ns: i64) -> Day:
        """Return the week of trading days that contains *ts_ns*: first start to last end, dated by its last day.

        Off-session time between two of its trading days is part of the week. An off-session day before the week's
        first trading day or after its last belongs to no week and is returned as it is.
        """
        return self._union(self.day_at(ts_ns), False)

    def month_at(self, ts_ns: i64) -> Day:
        """Return the calendar month of trading days that contains *ts_ns*, by the rules of `week_at`."""
        return self._union(self.day_at(ts_ns), True)

    def days(self, from_ns: i64, to_ns: i64) -> list[Day]:
        """Return the days that overlap `[from_ns, to_ns)`, in order, including off-session ones."""
        found: list[Day] = []
        at = from_ns
        while at < to_ns:
            day = self.day_at(at)
            found.append(day)
            at = day.end_ns
        return found

    def spans(self, from_ns: i64, to_ns: i64) -> list[Span]:
        """Return the spans that overlap `[from_ns, to_ns)`, in order, not cut to it."""
        found: list[Span] = []
        at = from_ns
        while at < to_ns:
            span = self.span_at(at)
            found.append(span)
            at = span.end_ns
        return found

    def period_at(self, ts_ns: i64, kind: i64) -> Day:
        """Return the period that bars of a timeframe of *kind* count from: the day, week or month of *ts_ns*."""
        if kind == WEEK:
            return self.week_at(ts_ns)
        if kind == MONTH:
            return self.month_at(ts_ns)
        return self.day_at(ts_ns)

    def gap(self, from_ns: i64, to_ns: i64) -> Gap:
        """Return how much of `[from_ns, to_ns)` was closed, holiday, break, and open without a tick."""
        silence_ns: i64 = 0
        closed_ns: i64 = 0
        holiday_ns: i64 = 0
        break_ns: i64 = 0
        at = from_ns
        while at < to_ns:
            span = self.span_at(at)
            length = min(to_ns, span.end_ns) - at
            if span.state == OPEN:
                silence_ns += length
            elif span.state == CLOSED:
                closed_ns += length
            elif span.state == HOLIDAY:
                holiday_ns += length
            else:
                break_ns += length
            at += length
        return Gap(silence_ns=silence_ns, closed_ns=closed_ns, holiday_ns=holiday_ns, break_ns=break_ns)

    def day_of(self, date_ordinal: i64) -> Day | None:
        """Return the trading day that has the date *date_ordinal*, a proleptic ordinal from 1678 to 2261.

        For a date without a trading day, return the first off-session day of that date (a Saturday of fx, a holiday).
        Return None if no day has the date: it lies entirely inside another date's trading day (a Sunday between
        Friday's night session and the Monday that it belongs to), or the zone skipped it (Samoa, 2011-12-30).
        """
        off_session: Day | None = None
        day = self._first_from(date_ordinal)
        while day.number == date_ordinal:
            if not day.off_session:
                return day
            if off_session is None:
                off_session = day
            day = self.day_at(day.end_ns)
        return off_session

    def period_of(self, date_ordinal: i64, kind: i64) -> Day | None:
        """Return the day, week or month of trading days, by *kind* of timeframe, that the date *date_ordinal* is in.

        A day is what `day_of` returns. A week or month is that of the date, except that a date which never trades (and
        is not a holiday) after the last trading day of its week belongs to the coming week, as a weekend does. None if
        that week or month has no trading day.
        """
        if kind != WEEK and kind != MONTH:
            return self.day_of(date_ordinal)
        by_month = kind == MONTH
        period = self._period(date_ordinal, by_month)
        first = self._first_from(date_ordinal)
        found = self._trading_day_in(first, period, by_month, True)
        if found is None and (by_month or self._has_holiday(first, date_ordinal)):
            found = self._trading_day_in(first, period, by_month, False)
        elif found is None:
            found = self._trading_day_in(first, period + 1, by_month, True)
        return None if found is None else self._union(found, by_month)

    def last_open_ns(self, from_ns: i64, to_ns: i64) -> i64:
        """Return the last instant of open market in `[from_ns, to_ns)`; NEVER_NS if none of it is open."""
        at = to_ns
        while at > from_ns:
            span = self.span_at(at - 1)
            if span.state == OPEN:
                return at - 1
            at = span.start_ns
        return NEVER_NS

    def local_time(self, ts_ns: i64) -> tuple[str, str]:
        """Return the local time of the calendar's zone at *ts_ns*, as 16:00 or 16:59:30, and the zone's name."""
        second = ts_ns // 1_000_000_000 % 86_400
        text = f"{second // 3600:02}:{second // 60 % 60:02}"
        return (text if second % 60 == 0 else f"{text}:{second % 60:02}"), "UTC"

    def _union(self, day: Day, by_month: bool) -> Day:
        first = self._edge(day, by_month, False)
        last = self._edge(day, by_month, True)
        if first is None or last is None:
            return day
        return Day(first.start_ns, last.end_ns, last.date, False)

    def _edge(self, day: Day, by_month: bool, forward: bool) -> Day | None:
        """Return the last (or first) trading day of the week or month, searching from *day*; None if there is none.

        Dates never go back from one day to the next, so the first date outside the period ends the search.
        """
        period = self._period(day.number, by_month)
        edge: Day | None = None
        at = day
        while self._period(at.number, by_month) == period:
            if not at.off_session:
                edge = at
            at = self.day_at(at.end_ns) if forward else self.day_at(at.start_ns - 1)
        return edge

    def _period(self, date_ordinal: i64, by_month: bool) -> i64:
        """Return the number of the month or week that a date is in; numbers are consecutive."""
        if by_month:
            date = datetime.date.fromordinal(date_ordinal)
            return i64(date.year * 12 + date.month)
        begins: i64 = self.week_begins
        return (date_ordinal - 1 - begins) // 7

    def _first_from(self, date_ordinal: i64) -> Day:
        """Return the first day whose date is *date_ordinal* or later."""
        assert FIRST_ORDINAL - 7 <= date_ordinal <= LAST_ORDINAL + 7, "calendars answer for dates from 1678 to 2261"
        day = self.day_at((date_ordinal - _EPOCH_ORDINAL) * DAY_NS + DAY_NS // 2)
        while day.number >= date_ordinal:
            day = self.day_at(day.start_ns - 1)
        while day.number < date_ordinal:
            day = self.day_at(day.end_ns)
        return day

    def _trading_day_in(self, day: Day, period: i64, by_month: bool, forward: bool) -> Day | None:
        """Return the nearest trading day of a week or month, from *day* forward or back; None if there is none."""
        found = self._period(day.number, by_month)
        while (found <= period) if forward else (found >= period):
            if found == period and not day.off_session:
                return day
            day = self.day_at(day.end_ns) if forward else self.day_at(day.start_ns - 1)
            found = self._period(day.number, by_month)
        return None

    def _has_holiday(self, day: Day, date_ordinal: i64) -> bool:
        """Return whether any span of a date's days, of which *day* is the first, is a holiday."""
        while day.number == date_ordinal:
            for span in self.spans(day.start_ns, day.end_ns):
                if span.state == HOLIDAY:
                    return True
            day = self.day_at(day.end_ns)
        return False
