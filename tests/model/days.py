"""What the model knows of time: where a bar starts and ends, what lies between two, and where a bar as input belongs.

Worked out the slow and obvious way from `span_at` alone. Where the rules leave a choice, a comment that begins with
CHOICE says which one is made here and why.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mtf.calendars.day import BREAK, CLOSED, HOLIDAY, OPEN, Day, Gap, Span
from mtf.timeframe import DAY, MONTH, WEEK, Timeframe
from tests.builders import DAY_NS, BarRow
from tests.model.grids import CalendarLike

__all__ = ["Bounds", "Days", "Placed"]

DAYS_WALKED_MAX: Final = 400
_EPOCH: Final = datetime.date(1970, 1, 1)


@dataclass(frozen=True)
class Bounds:
    """Where a bar starts and ends, its date, and since when its trading day, week or month has gone on."""

    start_ns: int
    end_ns: int
    date: datetime.date
    off_session: bool
    day_start_ns: int  # of the trading day, the week or the month


@dataclass(frozen=True)
class Placed:
    """Where a bar as input lies: its span, the instant of its close, and whether it lies in two bars of a timeframe."""

    start_ns: int
    end_ns: int
    last_ns: int
    straddles: bool = False


class Days:
    """The trading days of *calendar*; with *keep* every instant counts as open, with *utc* bars count from 1970."""

    def __init__(self, calendar: CalendarLike, *, keep: bool = False, utc: bool = False) -> None:
        self._calendar: Final = calendar
        self._keep: Final = keep
        self._utc: Final = utc

    def is_open(self, ts_ns: int) -> bool:
        return self._keep or self._calendar.span_at(ts_ns).state == OPEN

    def bounds(self, timeframe: Timeframe, ts_ns: int) -> Bounds:
        """Return where the bar that *ts_ns* lies in starts and ends, its date, and whether it is off session."""
        day = self._day(ts_ns)
        if timeframe.intraday:
            origin_ns = 0 if self._utc else day.start_ns
            start_ns = origin_ns + (ts_ns - origin_ns) // timeframe.length_ns * timeframe.length_ns
            end_ns = min(start_ns + timeframe.length_ns, day.end_ns)
            return Bounds(max(start_ns, day.start_ns), end_ns, day.date, day.off_session, day.start_ns)
        return self._union(day, timeframe.kind)

    def gap(self, from_ns: int, to_ns: int) -> Gap | None:
        """Return what lies between two bars by reason, None if they touch."""
        assert from_ns <= to_ns, "a bar starts before the end of the one before it"
        if from_ns == to_ns:
            return None
        lengths = {OPEN: 0, CLOSED: 0, HOLIDAY: 0, BREAK: 0}
        for span in self._spans(from_ns, to_ns):
            lengths[span.state] += min(span.end_ns, to_ns) - max(span.start_ns, from_ns)
        return Gap(
            closed_ns=lengths[CLOSED],
            holiday_ns=lengths[HOLIDAY],
            break_ns=lengths[BREAK],
            silence_ns=lengths[OPEN],
        )

    def place(self, row: BarRow, timeframes: Sequence[Timeframe]) -> Placed:
        """Return where *row* lies, among bars of *timeframes*."""
        timeframe = Timeframe(row.timeframe)
        if timeframe.intraday:
            return self._place_span(timeframe, row.start_ns, timeframes)
        date = row.date
        if date is None:
            day = self._day(row.start_ns)
            if not day.off_session:
                return self._place_period(self._union(day, timeframe.kind), timeframe, timeframes)
            date = day.date  # CHOICE: an instant off session stands for the date that it has
        period = self._period_of(date, timeframe.kind)
        if period is not None:
            return self._place_period(period, timeframe, timeframes)
        # CHOICE: a date that no day has, or a week or month that has no trading day, is not open market at all. The
        # bar stands on its date in UTC, at the last instant of it that is closed.
        start_ns = (date - _EPOCH).days * DAY_NS
        closed = [span for span in self._spans(start_ns, start_ns + DAY_NS) if span.state != OPEN]
        end_ns = start_ns + DAY_NS
        return Placed(start_ns, end_ns, min(closed[-1].end_ns, end_ns) - 1 if closed else end_ns - 1)

    def _place_span(self, timeframe: Timeframe, start_ns: int, timeframes: Sequence[Timeframe]) -> Placed:
        own = self.bounds(timeframe, start_ns)
        end_ns = start_ns + timeframe.length_ns
        # CHOICE: a bar that starts where the grid has one takes its end, but not that of one in which nothing is open:
        # the hour in which the market opens is not the half of it before.
        if own.start_ns == start_ns and self._open_in(start_ns, own.end_ns) is not None:
            end_ns = own.end_ns
        opened = self._open_in(start_ns, end_ns)
        if opened is None:
            return Placed(start_ns, end_ns, end_ns - 1)
        first_ns, last_ns = opened
        straddles = any(
            self.bounds(kept, last_ns).start_ns > first_ns
            for kept in timeframes
            if kept.length_ns >= timeframe.length_ns
        )
        return Placed(start_ns, end_ns, last_ns, straddles)

    def _place_period(self, period: Bounds, timeframe: Timeframe, timeframes: Sequence[Timeframe]) -> Placed:
        opened = self._open_in(period.start_ns, period.end_ns)
        last_ns = period.end_ns - 1 if opened is None else opened[1]
        straddles = not period.off_session and any(
            self.bounds(kept, last_ns).start_ns > period.start_ns
            for kept in timeframes
            if kept.length_ns >= timeframe.length_ns
        )
        return Placed(period.start_ns, period.end_ns, last_ns, straddles)

    def _open_in(self, from_ns: int, to_ns: int) -> tuple[int, int] | None:
        """Return the first and the last open instant in `[from_ns, to_ns)`; None if none is."""
        if self._keep:
            return from_ns, to_ns - 1
        opened = [span for span in self._spans(from_ns, to_ns) if span.state == OPEN]
        if not opened:
            return None
        return max(opened[0].start_ns, from_ns), min(opened[-1].end_ns, to_ns) - 1

    def _period_of(self, date: datetime.date, kind: int) -> Bounds | None:
        """Return the trading day, week or month that a bar of *date* is of; of no trading day, the off-session one."""
        dated = list(self._days_of(date))
        traded = [day for day in dated if not day.off_session]
        if traded or (kind == DAY and dated):
            return self._union((traded or dated)[0], kind)
        if kind == DAY:
            return None
        week, month = date.isocalendar()[:2], (date.year, date.month)
        near = [
            day
            for days in range(-31, 32)
            for day in self._days_of(date + datetime.timedelta(days))
            if not day.off_session
        ]
        if kind == MONTH:
            of_month = [day for day in near if (day.date.year, day.date.month) == month]
            return self._union(of_month[0], kind) if of_month else None
        of_week = [day for day in near if day.date.isocalendar()[:2] == week]
        later = [day for day in of_week if day.date > date]
        holiday = any(span.state == HOLIDAY for day in dated for span in self._spans(day.start_ns, day.end_ns))
        if later or holiday:
            return self._union((later or of_week)[0], kind) if of_week else None
        # A weekend without a session belongs to the coming week.
        coming = (date + datetime.timedelta(7)).isocalendar()[:2]
        after = [day for day in near if day.date.isocalendar()[:2] == coming]
        return self._union(after[0], kind) if after else None

    def _union(self, day: Day, kind: int) -> Bounds:
        """Return the day, week or month that *day* is in: from its first trading day's start to its last one's end."""
        if kind == DAY:
            return Bounds(day.start_ns, day.end_ns, day.date, day.off_session, day.start_ns)
        if day.off_session:
            # CHOICE: an off-session day between two trading days of one week or month lies in that week or month
            # (a bar of its own would overlap it); one between two of them is in neither, and is a bar of its own.
            before = self._trading_day(self._day(day.start_ns - 1), forward=False)
            after = self._trading_day(self._day(day.end_ns), forward=True)
            if _number(before, kind) != _number(after, kind):
                return Bounds(day.start_ns, day.end_ns, day.date, True, day.start_ns)
            day = before
        first = last = day
        while _number(day, kind) == _number(
            before := self._trading_day(self._day(first.start_ns - 1), forward=False), kind
        ):
            first = before
        while _number(day, kind) == _number(after := self._trading_day(self._day(last.end_ns), forward=True), kind):
            last = after
        # CHOICE: a week and a month are dated by their last trading day.
        return Bounds(first.start_ns, last.end_ns, last.date, False, first.start_ns)

    def _trading_day(self, day: Day, *, forward: bool) -> Day:
        """Return *day*, or the nearest trading day after (or before) it."""
        for _ in range(DAYS_WALKED_MAX):
            if not day.off_session:
                return day
            day = self._day(day.end_ns if forward else day.start_ns - 1)
        raise AssertionError("the calendar has no trading day in sight")

    def _days_of(self, date: datetime.date) -> Iterator[Day]:
        """Yield the days that have *date*, trading days and others, in order."""
        day = self._day((date - _EPOCH).days * DAY_NS)
        while day.date >= date:
            day = self._day(day.start_ns - 1)
        while day.date < date:
            day = self._day(day.end_ns)
        while day.date == date:
            yield day
            day = self._day(day.end_ns)

    def _spans(self, from_ns: int, to_ns: int) -> list[Span]:
        """Return the spans that `[from_ns, to_ns)` touches, whole."""
        found = [self._calendar.span_at(from_ns)]
        while found[-1].end_ns < to_ns:
            found.append(self._calendar.span_at(found[-1].end_ns))
        return found

    def _day(self, ts_ns: int) -> Day:
        return self._calendar.span_at(ts_ns).day


def _number(day: Day, kind: int) -> tuple[int, int]:
    """Return the ISO week or the month that the date of *day* is in."""
    if kind == MONTH:
        return day.date.year, day.date.month
    assert kind == WEEK
    return day.date.isocalendar()[:2]
