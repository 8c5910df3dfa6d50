"""Bars of ticks that were not run, made by count of the bars of fewer ticks that divide them: `100t` of stored `20t`.

Both count from the first tick of each trading day, so that each is a union: of as many as fit into it, or of what is
left when its day ends. That holds where bars end with their day, and where no late tick is let in: one that opens a
shorter bar is its close, but not that of the longer one. Of volume, value and range there are none: one event may fill
more of the shorter bars than are made of it, sums round in other places, and ranges do not nest.

What is left of a day is known with the next bar if the day ended without a shorter one: a little later than if it had
been run, never earlier. If the oldest stored bars begin within a day, that day's are left out, since how many came
before is unknown; so is the next bar if the end of the one before it is unknown. Rows are those of the history.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from mtf.calendars.calendar import Calendar
from mtf.config import Config
from mtf.data.longer import (
    CLOSE,
    DAY_INCOMPLETE,
    END,
    FIRST,
    HIGH,
    LOW,
    OFF_SESSION,
    OPEN,
    SEQ,
    START,
    SYMBOL,
    TRADING_DAY,
    VOLUME,
    Base,
)
from mtf.data.longer import TICKS as COUNT
from mtf.storage.history.schema import Row
from mtf.timeframe import DAY, TICKS, Timeframe

__all__ = ["Counted", "counted_base"]


def counted_base(timeframe: Timeframe, config: Config) -> Timeframe | None:
    """Return the longest timeframe of the run of which bars of *timeframe*, one of ticks, are unions; None: none."""
    if timeframe.kind != TICKS or config.overnight != "close" or config.late != "reject":
        return None
    shorter = [each for each in config.timeframes if each.kind == TICKS and timeframe.ratio[0] % each.ratio[0] == 0]
    return shorter[-1] if shorter else None


class Counted:
    """Makes the bars of *timeframe* for a symbol with *calendar* out of those of *shorter*."""

    def __init__(self, timeframe: Timeframe, shorter: Timeframe, calendar: Calendar) -> None:
        self._timeframe: Final = timeframe
        self._full: Final = shorter.ratio[0]  # ticks in a shorter bar that its day did not cut
        self._each: Final = timeframe.ratio[0] // shorter.ratio[0]
        self._calendar: Final = calendar

    def between(self, base: Base, start_ns: int | None, end_ns: int | None) -> Iterator[Row]:
        """Yield the bars that start in `[start_ns, end_ns)`."""
        from_ns = None
        if start_ns is not None:  # from the day of the bar before that day on: the gap begins where it ended
            before = next(base(None, self._day(start_ns)[0], 1), None)
            from_ns = None if before is None else self._day(before[START])[0]
        whole = from_ns is not None and next(base(None, from_ns, 1), None) is not None
        for row in self._made(base(from_ns, None, None), whole=whole):
            if end_ns is not None and row[START] >= end_ns:
                return
            if start_ns is None or row[START] >= start_ns:
                yield row

    def last(self, base: Base, start_ns: int | None, end_ns: int | None, count: int) -> Iterable[Row]:
        """Return the last *count* of the bars that start in `[start_ns, end_ns)`."""
        if start_ns is not None:
            return deque(self.between(base, start_ns, end_ns), count)
        to_ns = None if end_ns is None else self._day(end_ns)[1]
        more = [] if to_ns is None else list(islice(base(to_ns, None, None), 1))  # it shows that the day is over
        wanted = (count + 2) * self._each
        while True:
            rows = list(base(None, to_ns, wanted))
            made = self._made(iter([*rows, *more]), whole=False)
            found = deque((row for row in made if end_ns is None or row[START] < end_ns), count)
            if len(rows) < wanted or len(found) == count:
                return found
            wanted *= 4

    def _made(self, rows: Iterator[Row], *, whole: bool) -> Iterator[Row]:
        """Yield the bars made from *rows*, except a last one that may continue.

        If they are not *whole*, rows of their first day may be missing, unless the first one is that of the log.
        """
        group: list[Row] = []
        previous_ns: int | None = None  # where the bar before ended, if that is known
        day_end_ns: int | None = None
        left_out: Row | None = None  # the newest row of a day that may not be whole
        for row in rows:
            if day_end_ns is None:
                left_out = None if whole or row[FIRST] else row
            elif row[START] >= day_end_ns:
                if group:
                    yield from self._bar(group, day_end_ns, row[SEQ], previous_ns)
                    previous_ns = day_end_ns
                    group = []
                elif left_out is not None:
                    previous_ns = day_end_ns if left_out[COUNT] < self._full else None
                left_out, day_end_ns = None, None
            if day_end_ns is None:
                day_end_ns = self._day(row[START])[1]
            if left_out is not None:
                left_out = row
                continue
            group.append(row)
            if len(group) == self._each or row[COUNT] < self._full:  # full, or cut by the end of the day
                yield from self._bar(group, row[END], row[SEQ], previous_ns)
                previous_ns = row[END]
                group = []

    def _bar(self, group: list[Row], end_ns: int, seq: int, previous_ns: int | None) -> Iterator[Row]:
        """Yield the union of *group*, unless it is unknown what was before it."""
        first = group[0]
        if previous_ns is None and not first[FIRST]:
            return
        gap = (0, 0, 0, 0)
        if previous_ns is not None and previous_ns < first[START]:
            found = self._calendar.gap(previous_ns, first[START])
            if found.closed_ns or found.holiday_ns or found.break_ns:
                gap = (found.closed_ns, found.holiday_ns, found.break_ns, found.silence_ns)
        yield (
            first[SYMBOL],
            self._timeframe.name,
            first[START],
            end_ns,
            first[OPEN],
            max(row[HIGH] for row in group),
            min(row[LOW] for row in group),
            group[-1][CLOSE],
            math.fsum(row[VOLUME] for row in group),
            sum(row[COUNT] for row in group),
            first[TRADING_DAY],
            first[FIRST],
            0,
            first[DAY_INCOMPLETE],
            first[OFF_SESSION],
            0,
            *gap,
            seq,
        )

    def _day(self, ts_ns: int) -> tuple[int, int]:
        """Return start and end of the trading day that contains *ts_ns*."""
        day = self._calendar.period_at(ts_ns, DAY)
        return day.start_ns, day.end_ns
