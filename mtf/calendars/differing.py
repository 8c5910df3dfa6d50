"""The dates of a calendar whose cells may differ from those of an ordinary week.

They are the dates with special settings and those whose trading day depends on them, grouped into *runs*: consecutive
dates, far enough from the next run that neither affects the other. Runs with equal keys (the same settings at the same
distances, starting on the same weekday) have equal sums.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from mtf.calendars.calendar_settings import Settings
from mtf.calendars.timeline import Timeline
from mtf.calendars.zone import DAY_S, EPOCH_ORDINAL

__all__ = ["DateRun", "Differing"]

_REACH: Final = 60  # dates: a date has no effect farther away, except through other dates with special settings
# A trading day depends on the trade dates before and after it, and these on theirs. So a run extends to the second
# ordinary trade date on either side (the day of the first may be unusual at its near end), and runs that are closer
# than _APART ordinary trade dates are merged.
_SIDE: Final = 2
_APART: Final = 6


class DateRun(NamedTuple):
    """The dates in `[low, high)`; their sums depend only on *key*, or on more than these dates if it is None."""

    low: int
    high: int
    key: tuple[object, ...] | None


class Differing:
    """Finds the runs of one calendar."""

    __slots__ = ("_exceptions", "_settings", "_timeline")

    def __init__(self, settings: Settings, timeline: Timeline) -> None:
        self._settings: Final = settings
        self._timeline: Final = timeline
        self._exceptions: Final = sorted(settings.exceptions())

    def runs(self, first: int, last: int) -> list[DateRun]:
        """Return all runs that overlap `[first, last)`, and perhaps some others."""
        low, high = first - _REACH, last + _REACH
        marks = self._excepted(low, high)
        if self._timeline.alone:
            alone = self._with_following(sorted(marks), high)
            return [self._run(start, stop, range(start, stop), whole=stop < high) for start, stop in alone]
        runs = []
        for dates in self._apart(sorted(marks), marks, high):
            start = self._ordinary_date(dates[0], -1, _SIDE, marks, low)
            stop = self._ordinary_date(dates[-1], 1, _SIDE, marks, high) + 1
            before = self._ordinary_date(dates[0], -1, _APART, marks, low)
            after = self._ordinary_date(dates[-1], 1, _APART, marks, high)
            runs.append(self._run(start, stop, dates, whole=low < before and after < high))
        return [run for run in runs if run.low < run.high]

    def around(self, dates: Collection[int], runs: Iterable[DateRun], first: int, last: int) -> list[DateRun]:
        """Return runs, without keys, of the dates in `[first, last)` that *dates* may affect; *runs* are those known.

        A known run is included whole as soon as one of its dates is.
        """
        if not dates:
            return []
        found = set(dates)
        if not self._timeline.alone:
            low, high = first - _REACH, last + _REACH
            marks = self._excepted(low, high)
            for row in _in_a_row(found):
                start = self._ordinary_date(row[0], -1, _SIDE, marks, low)
                found.update(range(start, self._ordinary_date(row[-1], 1, _SIDE, marks, high) + 1))
        for run in runs:
            if not found.isdisjoint(range(run.low, run.high)):
                found.update(range(run.low, run.high))
        return [DateRun(row[0], row[-1] + 1, None) for row in _in_a_row(date for date in found if first <= date < last)]

    def _run(self, low: int, high: int, dates: Sequence[int], *, whole: bool) -> DateRun:
        """Return the run `[low, high)` around *dates*, which have special settings; no key unless it is *whole*."""
        if not whole:
            return DateRun(low, high, None)
        from_s, to_s = ((date - EPOCH_ORDINAL) * DAY_S for date in (dates[0] - 2, dates[-1] + 2))
        closures = [
            (max(start, from_s) - from_s, min(end, to_s) - from_s) for start, end in self._closures(from_s, to_s)
        ]
        special = [(date - low, *self._settings.special_settings(date)) for date in dates]
        return DateRun(low, high, ((low - 1) % 7, high - low, tuple(special), tuple(closures)))

    def _with_following(self, dates: Iterable[int], high: int) -> list[tuple[int, int]]:
        """Return `[low, high)` for each of *dates*: alone or, if it goes into the next trading day, up to that day."""
        found: list[tuple[int, int]] = []
        for date in dates:
            stop = date + 1
            if date in self._settings.into_next:
                following = self._timeline.next_trade_date(date)
                stop = high if following is None else min(following + 1, high)
            if found and date < found[-1][1]:
                date, before = found.pop()
                stop = max(stop, before)
            found.append((date, stop))
        return found

    def _apart(self, dates: Sequence[int], marks: Collection[int], stop: int) -> list[list[int]]:
        """Return *dates* in groups that do not affect each other."""
        groups: list[list[int]] = []
        reached = 0
        for date in dates:
            if not groups or date > reached:
                groups.append([])
            groups[-1].append(date)
            reached = self._ordinary_date(date, 1, _APART, marks, stop)
        return groups

    def _ordinary_date(self, date: int, step: int, count: int, marks: Collection[int], stop: int) -> int:
        """Return the *count*th trade date of an ordinary week after *date*, or before it if *step* is negative.

        Those in *marks* do not count. The search ends at *stop*; the date then returned may be one beyond it that does
        not count either.
        """
        ordinary = self._settings.ordinary
        while count and (date - stop) * step <= 0:
            date += step
            if (date - 1) % 7 in ordinary and date not in marks:
                count -= 1
        return date

    def _excepted(self, first: int, last: int) -> set[int]:
        """Return the dates in `[first, last)` that have special settings or are touched by a closure."""
        exceptions = self._exceptions
        found = set(exceptions[bisect.bisect_left(exceptions, first) : bisect.bisect_left(exceptions, last)])
        for start, end in self._closures((first - 2 - EPOCH_ORDINAL) * DAY_S, (last + 2 - EPOCH_ORDINAL) * DAY_S):
            low, high = (second // DAY_S + EPOCH_ORDINAL for second in (start, end))
            found.update(range(max(low - 1, first), min(high + 2, last)))
        return found

    def _closures(self, from_s: int, to_s: int) -> list[tuple[int, int]]:
        """Return the closures that overlap `[from_s, to_s)` of wall time."""
        closures = self._settings.closures
        position = bisect.bisect_right(closures, from_s, key=lambda closure: closure[1])
        return list(itertools.takewhile(lambda closure: closure[0] < to_s, closures[position:]))


def _in_a_row(dates: Iterable[int]) -> list[list[int]]:
    """Return *dates* in order, grouped into runs of consecutive ones."""
    rows: list[list[int]] = []
    for date in sorted(dates):
        if not rows or date > rows[-1][-1] + 1:
            rows.append([])
        rows[-1].append(date)
    return rows
