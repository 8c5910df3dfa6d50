"""How long a calendar was open, closed, holiday and break between two dates, without walking through them.

Owns the arithmetic: whole ordinary weeks, plus the differences of the cells that deviate from them, summed once for
each *age* of sixteen years. The effect of settings is computed in a zone without clock changes, so that equal settings
at equal distances give equal sums in any year. A change of the zone's clock in the middle of a span only makes that
span shorter or longer; near an edge of a span, the actual cells are built. The result is exactly that of a walk through
the spans.
"""

from __future__ import annotations

import bisect
import datetime
from typing import Final, NamedTuple

from mtf.calendars.calendar import FIRST_ORDINAL, LAST_ORDINAL
from mtf.calendars.calendar_settings import Settings
from mtf.calendars.day import BREAK, CLOSED, HOLIDAY, OPEN, Gap
from mtf.calendars.differing import DateRun, Differing
from mtf.calendars.timeline import DaySchedule, Timeline
from mtf.calendars.zone import DAY_S, EPOCH_ORDINAL, changes_between, find_zone
from mtf.units import DAY_NS, SECOND_NS

__all__ = ["WALK_NS_MAX", "Totals"]

WALK_NS_MAX: Final = 14 * DAY_S * SECOND_NS  # up to this length, walking through the spans is cheaper

_Sums = tuple[int, int, int, int]  # by state

_NOTHING: Final[_Sums] = (0, 0, 0, 0)
_MONDAY: Final = datetime.date(2000, 1, 3).toordinal()
_FROM: Final = FIRST_ORDINAL - 31  # cells are considered from here up to, and without, _UNTIL
_UNTIL: Final = LAST_ORDINAL + 31
_AGE_YEARS: Final = 16
_EPOCH_YEAR: Final = 1990  # the first year of age 0
_PREPARED: Final = range(3)  # ages: 1990 to 2037
_CLOCK_REACH: Final = 40  # dates: a change of the clock has no effect farther away


class _Age(NamedTuple):
    """The dates of some years whose cells differ from those of an ordinary week, in order, and sums of differences."""

    dates: list[int]
    sums: list[_Sums]  # cumulative: over the first 0, 1, 2 ... dates


class Totals:
    """The sums of one calendar; safe to share between threads."""

    __slots__ = ("_ages", "_differing", "_fixed", "_newest", "_settings", "_templates", "_timeline", "_week", "_weekly")

    def __init__(self, settings: Settings, timeline: Timeline) -> None:
        self._settings: Final = settings
        self._timeline: Final = timeline
        self._fixed: Final = Timeline(settings, find_zone("UTC"))  # the same days, in a zone without clock changes
        self._differing: Final = Differing(settings, timeline)
        # Filled on first use, and entries are never removed, so at worst two threads compute the same entry.
        self._week: list[DaySchedule] = []  # the cells of an ordinary week, from Monday, in that zone
        self._weekly: list[_Sums] = []  # their sums
        self._templates: Final[dict[tuple[object, ...], list[_Sums]]] = {}  # differences of a run's dates, by its key
        self._ages: Final[dict[int, _Age]] = {}
        self._newest: tuple[int, int, Gap] = (0, 0, Gap())  # the latest answer: many bars ask for the same one

    def prepare(self) -> None:
        """Sum up the years from 1990 to 2037, so that later calls are fast."""
        for age in _PREPARED:
            self._age(age)

    def between(self, first: int, last: int) -> Gap:
        """Return the sums over the cells of the dates in `[first, last)`."""
        if first >= last:
            return Gap()
        known = self._newest
        if known[0] == first and known[1] == last:
            return known[2]
        ages = [self._age(age) for age in range(_age_of(first), _age_of(last - 1) + 1)]
        weeks, rest = divmod(last - first, 7)
        total = [sum(schedule[state] for schedule in self._weekly) * weeks for state in range(4)]
        for ordinal in range(last - rest, last):
            _add(total, self._weekly[(ordinal - 1) % 7])
        for age in ages:
            low, high = bisect.bisect_left(age.dates, first), bisect.bisect_left(age.dates, last)
            _add(total, _less(age.sums[high], age.sums[low]))
        gap = Gap(silence_ns=total[OPEN], closed_ns=total[CLOSED], holiday_ns=total[HOLIDAY], break_ns=total[BREAK])
        self._newest = (first, last, gap)
        return gap

    def _age(self, age: int) -> _Age:
        return self._ages.get(age) or self._ages.setdefault(age, self._added_up(age))

    def _added_up(self, age: int) -> _Age:
        if not self._weekly:
            ordinary = Timeline(self._settings.ordinary_week())
            self._week = [ordinary.schedule(ordinal) for ordinal in range(_MONDAY, _MONDAY + 7)]
            self._weekly = list(map(_sums, self._week))
        first = max(_new_year(_EPOCH_YEAR + age * _AGE_YEARS), _FROM)
        last = min(_new_year(_EPOCH_YEAR + (age + 1) * _AGE_YEARS), _UNTIL)
        found: dict[int, _Sums] = {}
        runs = self._differing.runs(first, last)
        for run in runs:
            found.update(zip(range(run.low, run.high), self._differences(run), strict=True))
        self._change_clock(found, runs, first, last)
        dates = sorted(date for date in found if first <= date < last)
        sums = [_NOTHING]
        for date in dates:
            sums.append(_plus(sums[-1], found[date]))
        return _Age(dates, sums)

    def _differences(self, run: DateRun) -> list[_Sums]:
        """Return how much each cell of *run* differs from that of an ordinary week."""
        if run.key is None:
            return self._made(self._fixed, run)
        return self._templates.get(run.key) or self._templates.setdefault(run.key, self._made(self._fixed, run))

    def _made(self, timeline: Timeline, run: DateRun) -> list[_Sums]:
        weekly = self._weekly
        return [_less(_sums(timeline.schedule(date)), weekly[(date - 1) % 7]) for date in range(run.low, run.high)]

    def _change_clock(self, found: dict[int, _Sums], runs: list[DateRun], first: int, last: int) -> None:
        """Add the effect of the zone's clock changes in `[first, last)` to *found*."""
        settings = self._settings
        from_s, to_s = ((date - EPOCH_ORDINAL) * DAY_S for date in (first - _CLOCK_REACH, last + _CLOCK_REACH))
        near: list[int] = []  # dates affected by changes near the edge of a span
        inside: list[tuple[int, int, int]] = []  # date, state and seconds of the others
        for at_s, before, after in changes_between(settings.zone, from_s, to_s):
            low_s, high_s = min(before, after) + at_s, max(before, after) + at_s
            date = (low_s - settings.day_close_s) // DAY_S + EPOCH_ORDINAL + 1
            schedule = self._fixed.schedule(date) if date in found else self._week[(date - 1) % 7]
            shift_ns = (schedule.ordinal - date) * DAY_NS
            state = schedule.state_of(low_s * SECOND_NS + shift_ns, high_s * SECOND_NS + shift_ns, settings.margin_ns)
            if state is None:
                near += range(date - 1, (high_s - settings.day_close_s) // DAY_S + EPOCH_ORDINAL + 3)
            else:
                inside.append((date, state, after - before))
        for date, state, seconds in inside:
            total = list(found.get(date, _NOTHING))
            total[state] -= seconds * SECOND_NS
            found[date] = total[0], total[1], total[2], total[3]
        for run in self._differing.around(near, runs, first, last):
            found.update(zip(range(run.low, run.high), self._made(self._timeline, run), strict=True))


def _sums(schedule: DaySchedule) -> _Sums:
    """Return how long a cell is in each state."""
    total = [0, 0, 0, 0]
    for span in schedule.spans:
        total[span.state] += max(0, min(span.end_ns, schedule.end_ns) - max(span.start_ns, schedule.start_ns))
    return total[0], total[1], total[2], total[3]


def _add(total: list[int], sums: _Sums) -> None:
    for state in range(4):
        total[state] += sums[state]


def _plus(one: _Sums, other: _Sums) -> _Sums:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _less(one: _Sums, other: _Sums) -> _Sums:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2], one[3] - other[3]


def _age_of(ordinal: int) -> int:
    return (datetime.date.fromordinal(ordinal).year - _EPOCH_YEAR) // _AGE_YEARS


def _new_year(year: int) -> int:
    return datetime.date(year, 1, 1).toordinal()
