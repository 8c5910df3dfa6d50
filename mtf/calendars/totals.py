"""How long a calendar was open, closed, holiday and break between two dates, without a walk through them.

Owns the arithmetic: whole ordinary weeks, and for each year the cells that differ from them, found once. These are the
cells of dates with settings of their own, of dates whose trading day depends on those, and of those near which the
zone's clock changes. Exactly what a walk through the spans comes to.
"""

from __future__ import annotations

import bisect
import datetime
from typing import Final, NamedTuple

from mtf.calendars.calendar import FIRST_ORDINAL, LAST_ORDINAL
from mtf.calendars.day import BREAK, CLOSED, HOLIDAY, OPEN, Gap
from mtf.calendars.settings import Settings
from mtf.calendars.timeline import Timeline
from mtf.calendars.zone import DAY_S, EPOCH_ORDINAL, changes_between
from mtf.units import SECOND_NS

__all__ = ["WALK_NS_MAX", "Totals"]

WALK_NS_MAX: Final = 14 * DAY_S * SECOND_NS  # up to here a walk through the spans costs less

_Sums = tuple[int, int, int, int]  # by state

_NOTHING: Final[_Sums] = (0, 0, 0, 0)
_MONDAY: Final = datetime.date(2000, 1, 3).toordinal()
_FROM: Final = FIRST_ORDINAL - 31  # no cell before it is looked at, and none from _UNTIL on
_UNTIL: Final = LAST_ORDINAL + 31
_REACH: Final = 28  # dates: farther a date has no influence, but through dates with settings of their own


class _Year(NamedTuple):
    """The dates of a year whose cells differ from an ordinary week's, in order, and the sums of the differences."""

    dates: list[int]
    sums: list[_Sums]  # of the first 0, 1, 2 ... dates


class Totals:
    """The sums of one calendar; safe to share between threads."""

    __slots__ = ("_exceptions", "_settings", "_timeline", "_week", "_years")

    def __init__(self, settings: Settings, timeline: Timeline) -> None:
        self._settings: Final = settings
        self._timeline: Final = timeline
        # Filled when first asked for; nothing is ever taken out, so threads can at worst make an entry twice.
        self._exceptions: list[int] = []  # dates with settings of their own, in order
        self._week: list[_Sums] = []  # sums of an ordinary week's cells, from Monday on
        self._years: Final[dict[int, _Year]] = {}

    def between(self, first: int, last: int) -> Gap:
        """Return the sums of the cells of the dates from *first* up to, and without, *last*."""
        if first >= last:
            return Gap()
        week = self._week or self._ordinary_week()
        weeks, rest = divmod(last - first, 7)
        total = [sum(cell[state] for cell in week) * weeks for state in range(4)]
        for ordinal in range(last - rest, last):
            _add(total, week[(ordinal - 1) % 7])
        for year in range(_year_of(first), _year_of(last - 1) + 1):
            found = self._years.get(year) or self._years.setdefault(year, self._year(year))
            low, high = bisect.bisect_left(found.dates, first), bisect.bisect_left(found.dates, last)
            _add(total, _less(found.sums[high], found.sums[low]))
        return Gap(silence_ns=total[OPEN], closed_ns=total[CLOSED], holiday_ns=total[HOLIDAY], break_ns=total[BREAK])

    def _ordinary_week(self) -> list[_Sums]:
        timeline = Timeline(self._settings.ordinary_week())
        self._exceptions = sorted(self._settings.exceptions())
        self._week = [_sums(timeline, ordinal) for ordinal in range(_MONDAY, _MONDAY + 7)]
        return self._week

    def _year(self, year: int) -> _Year:
        first = max(datetime.date(year, 1, 1).toordinal(), _FROM)
        last = min(datetime.date(year + 1, 1, 1).toordinal(), _UNTIL)
        dates = sorted(date for date in self._differing(first, last) if first <= date < last)
        sums = [_NOTHING]
        for date in dates:
            difference = _less(_sums(self._timeline, date), self._week[(date - 1) % 7])
            sums.append(_plus(sums[-1], difference))
        return _Year(dates, sums)

    def _differing(self, first: int, last: int) -> set[int]:
        """Return all dates in `[first, last)` whose cells may differ from an ordinary week's, and some others."""
        reach = 0 if self._timeline.alone else _REACH
        marks = self._excepted(first - reach, last + reach) | self._changing(first - reach, last + reach)
        if self._timeline.alone:
            for date in self._settings.into_next:
                if first - _REACH <= date < last:
                    following = self._timeline.next_trade_date(date)
                    marks.update(range(date, (last if following is None else following) + 1))
            return marks
        found: set[int] = set()
        reached = first - reach
        for date in sorted(marks):
            if date < reached:  # nothing ordinary lies between this date and the one before
                continue
            # A trading day depends on the trade date before and the one after. So as far as the second ordinary one on
            # either side: the day of the first may be other than usual at its near end.
            reached = self._ordinary_date(date, 1, last)
            low = self._ordinary_date(self._ordinary_date(date, -1, first), -1, first)
            found.update(range(low, self._ordinary_date(reached, 1, last) + 1))
        return found

    def _ordinary_date(self, date: int, step: int, stop: int) -> int:
        """Return the next trade date of an ordinary week after *date*, or before it, that no exception applies to.

        The search ends at *stop*, and may then return a date beyond it that is not a trade date.
        """
        while True:
            date += step
            if (date - stop) * step > 0:
                return date
            if (date - 1) % 7 in self._settings.ordinary and not self._excepted(date, date + 1):
                return date

    def _changing(self, first: int, last: int) -> set[int]:
        """Return the dates in `[first, last)` near which the zone's clock is changed."""
        settings = self._settings
        from_s, to_s = ((date - EPOCH_ORDINAL) * DAY_S for date in (first - 2, last + 2))
        found: set[int] = set()
        for at_s, *offsets in changes_between(settings.zone, from_s, to_s):
            cells = [(at_s + offset - settings.day_close_s) // DAY_S + EPOCH_ORDINAL + 1 for offset in offsets]
            found.update(range(min(cells) - 1, max(cells) + 2))
        return found

    def _excepted(self, first: int, last: int) -> set[int]:
        """Return the dates in `[first, last)` of which a setting, or a closure, says something of its own."""
        exceptions = self._exceptions
        found = set(exceptions[bisect.bisect_left(exceptions, first) : bisect.bisect_left(exceptions, last)])
        closures = self._settings.closures
        low_s, high_s = ((date - EPOCH_ORDINAL) * DAY_S for date in (first - 2, last + 2))
        for start, end in closures[bisect.bisect_right(closures, low_s, key=lambda closure: closure[1]) :]:
            if start >= high_s:
                break
            low, high = (second // DAY_S + EPOCH_ORDINAL for second in (start, end))
            found.update(range(max(low - 1, first), min(high + 2, last)))
        return found


def _sums(timeline: Timeline, ordinal: int) -> _Sums:
    """Return how long the cell of a date is in each state."""
    cell = timeline.cell(ordinal)
    total = [0, 0, 0, 0]
    for span in cell.spans:
        total[span.state] += max(0, min(span.end_ns, cell.end_ns) - max(span.start_ns, cell.start_ns))
    return total[0], total[1], total[2], total[3]


def _add(total: list[int], sums: _Sums) -> None:
    for state in range(4):
        total[state] += sums[state]


def _plus(one: _Sums, other: _Sums) -> _Sums:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _less(one: _Sums, other: _Sums) -> _Sums:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2], one[3] - other[3]


def _year_of(ordinal: int) -> int:
    return datetime.date.fromordinal(ordinal).year
