"""Bars of a timeframe that was not run, made from the bars of a shorter one that divides it.

Each is exactly the union of those (see docs/bars.md), cut by the same calendar. It is complete once a bar is that ends
with it or starts after it: so one that ends without a tick becomes known with the next bar, a little later than if the
timeframe had been run, but never earlier. The first bar of a symbol is marked as incomplete unless a bar starts with
it. Rows are those of the history.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from mtf.calendars.calendar import Calendar
from mtf.calendars.grid import bar_bounds
from mtf.storage.history.schema import COLUMNS, Row
from mtf.timeframe import DAY, INTRADAY, MONTH, WEEK, Timeframe, TimeframeSet

__all__ = ["Longer", "base_of"]

Base = Callable[[int | None, int | None, int | None], Iterator[Row]]  # start, end, last: rows of the shorter one

_AT: Final = {name: k for k, name in enumerate(COLUMNS)}
SYMBOL: Final = _AT["symbol"]
START: Final = _AT["start_ns"]
END: Final = _AT["end_ns"]
OPEN: Final = _AT["open"]
HIGH: Final = _AT["high"]
LOW: Final = _AT["low"]
CLOSE: Final = _AT["close"]
VOLUME: Final = _AT["volume"]
TICKS: Final = _AT["ticks"]
TRADING_DAY: Final = _AT["trading_day"]
FIRST: Final = _AT["first"]
INCOMPLETE: Final = _AT["incomplete"]
DAY_INCOMPLETE: Final = _AT["day_incomplete"]
OFF_SESSION: Final = _AT["off_session"]
FROM_BARS: Final = _AT["from_bars"]
SEQ: Final = _AT["seq"]


def base_of(timeframe: Timeframe, kept: TimeframeSet) -> Timeframe | None:
    """Return the longest of *kept* that divides or equals *timeframe*; None if there is none."""
    return next((each for each in reversed(kept.items) if _divides(each, timeframe)), None)


class Longer:
    """Makes the bars of *timeframe* for a symbol with *calendar*."""

    def __init__(self, timeframe: Timeframe, calendar: Calendar, anchor_ns: int) -> None:
        self._timeframe: Final = timeframe
        self._calendar: Final = calendar
        self._anchor_ns: Final = anchor_ns

    def between(self, base: Base, start_ns: int | None, end_ns: int | None) -> Iterator[Row]:
        """Yield the bars that start in `[start_ns, end_ns)`."""
        from_ns = previous_ns = None
        if start_ns is not None:
            at_ns, next_ns, _ = self._bounds(start_ns)
            from_ns = start_ns if at_ns == start_ns else next_ns
            before = next(base(None, from_ns, 1), None)
            previous_ns = None if before is None else self._bounds(before[START])[1]
        for row in self._made(base(from_ns, None, None), previous_ns):
            if end_ns is not None and row[START] >= end_ns:
                return
            yield row

    def last(
        self, base: Base, start_ns: int | None, end_ns: int | None, count: int, shorter: Timeframe
    ) -> Iterable[Row]:
        """Return the last *count* of the bars that start in `[start_ns, end_ns)`."""
        to_ns = None
        if end_ns is not None:  # up to the end of the last one, plus one bar that shows that it is over
            at_ns, next_ns, _ = self._bounds(end_ns)
            to_ns = end_ns if at_ns == end_ns else next_ns
        share = -(-self._timeframe.length_ns // shorter.length_ns)
        wanted = (count + 2) * share + 1
        while True:
            rows = list(base(None, to_ns, wanted))
            more = [] if to_ns is None else list(islice(base(to_ns, None, None), 1))
            whole = len(rows) < wanted  # there are no earlier ones
            found = deque(
                (
                    row
                    for row in self._made(iter([*rows, *more]), None, whole=whole)
                    if (start_ns is None or row[START] >= start_ns) and (end_ns is None or row[START] < end_ns)
                ),
                count,
            )
            if whole or len(found) == count or (start_ns is not None and rows[0][START] < start_ns):
                return found
            wanted *= 4

    def _made(self, rows: Iterator[Row], previous_ns: int | None, *, whole: bool = True) -> Iterator[Row]:
        """Yield the bars made from *rows*, except a last one that may continue.

        *previous_ns* is the end of the row before them. If they are not *whole*, rows of the first bar may be missing,
        and it is left out.
        """
        group: list[Row] = []
        start_ns = end_ns = 0
        date = ""
        is_cut = not whole
        for row in rows:
            if group and row[START] >= end_ns:
                if not is_cut:
                    yield self._union(group, start_ns, end_ns, date, previous_ns, row[SEQ])
                is_cut, previous_ns = False, end_ns
                group = []
            if not group:
                start_ns, end_ns, date = self._bounds(row[START])
            group.append(row)
        if group and group[-1][END] == end_ns and not is_cut:
            yield self._union(group, start_ns, end_ns, date, previous_ns, group[-1][SEQ])

    def _union(
        self, group: list[Row], start_ns: int, end_ns: int, date: str, previous_ns: int | None, next_seq: int
    ) -> Row:
        first, last = group[0], group[-1]
        begins_log = bool(first[FIRST])
        # The time of the symbol's first event is not stored; a daily bar shows whether it came after the day had begun.
        begins_late = first[DAY_INCOMPLETE] if self._timeframe.kind == DAY else first[START] > start_ns
        incomplete = any(row[INCOMPLETE] for row in group) or (begins_log and begins_late)
        day_incomplete = incomplete and begins_log if self._timeframe.kind in (WEEK, MONTH) else first[DAY_INCOMPLETE]
        gap = (0, 0, 0, 0)
        if previous_ns is not None and previous_ns < start_ns:
            found = self._calendar.gap(previous_ns, start_ns)
            gap = (found.closed_ns, found.holiday_ns, found.break_ns, found.silence_ns)
        return (
            first[SYMBOL],
            self._timeframe.name,
            start_ns,
            end_ns,
            first[OPEN],
            max(row[HIGH] for row in group),
            min(row[LOW] for row in group),
            last[CLOSE],
            math.fsum(row[VOLUME] for row in group),
            sum(row[TICKS] for row in group),
            date,
            int(begins_log),
            int(incomplete),
            int(day_incomplete),
            int(self._calendar.period_at(first[START], self._timeframe.kind).off_session),
            int(any(row[FROM_BARS] for row in group)),
            *gap,
            last[SEQ] if last[END] == end_ns else next_seq,
        )

    def _bounds(self, ts_ns: int) -> tuple[int, int, str]:
        """Return start, end and trading day of the bar that contains *ts_ns*."""
        kind = self._timeframe.kind
        period = self._calendar.period_at(ts_ns, kind)
        date = period.date.isoformat()
        if kind != INTRADAY:
            return period.start_ns, period.end_ns, date
        start_ns, end_ns = bar_bounds(period, ts_ns, self._timeframe.length_ns, self._anchor_ns)
        return start_ns, end_ns, date


def _divides(shorter: Timeframe, longer: Timeframe) -> bool:
    """Return whether each bar of *longer* is a union of bars of *shorter*, or both are the same."""
    if shorter == longer:
        return True
    if not longer.timed:
        return False  # see `mtf.data.counted`
    if longer.kind == INTRADAY:
        return shorter.kind == INTRADAY and longer.length_ns % shorter.length_ns == 0
    return shorter.kind == INTRADAY or (shorter.kind == DAY and longer.kind in (WEEK, MONTH))
