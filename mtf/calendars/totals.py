"""How long a calendar was open, closed, holiday and break between two dates, without a walk through them.

Owns the arithmetic: whole ordinary weeks, and the cells that differ from them, added up once for each *age* of sixteen
years. What settings change is worked out on a clock that is never changed, so that dates that say the same at the same
distances come to the same, in whichever year. A change of the zone's clock in the middle of a span makes that span
shorter or longer, and nothing else; near an edge of one, the cells are made as they are. All of it comes to exactly
what a walk through the spans does.
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

WALK_NS_MAX: Final = 14 * DAY_S * SECOND_NS  # up to here a walk through the spans costs less

_Sums = tuple[int, int, int, int]  # by state

_NOTHING: Final[_Sums] = (0, 0, 0, 0)
_MONDAY: Final = datetime.date(2000, 1, 3).toordinal()
_FROM: Final = FIRST_ORDINAL - 31  # no cell before it is looked at, and none from _UNTIL on
_UNTIL: Final = LAST_ORDINAL + 31
_AGE_YEARS: Final = 16
_EPOCH_YEAR: Final = 1990  # an age begins with it
_PREPARED: Final = range(3)  # ages, from that one to 2037
_CLOCK_REACH: Final = 40  # dates: farther a change of the clock has no influence


class _Age(NamedTuple):
    """The dates of some years whose cells differ from an ordinary week's, in order, and the sums of the differences."""

    dates: list[int]
    sums: list[_Sums]  # of the first 0, 1, 2 ... dates


class Totals:
    """The sums of one calendar; safe to share between threads."""

    __slots__ = ("_ages", "_differing", "_fixed", "_newest", "_settings", "_templates", "_timeline", "_week", "_weekly")

    def __init__(self, settings: Settings, timeline: Timeline) -> None:
        self._settings: Final = settings
        self._timeline: Final = timeline
        self._fixed: Final = Timeline(settings, find_zone("UTC"))  # the same days, on a clock that is never changed
        self._differing: Final = Differing(settings, timeline)
        # Filled when first asked for; nothing is ever taken out, so threads can at worst make an entry twice.
        self._week: list[DaySchedule] = []  # an ordinary week's cells, from Monday on, on that clock
        self._weekly: list[_Sums] = []  # their sums
        self._templates: Final[dict[tuple[object, ...], list[_Sums]]] = {}  # differences of a run's dates, by its key
        self._ages: Final[dict[int, _Age]] = {}
        self._newest: tuple[int, int, Gap] = (0, 0, Gap())  # the newest answer: many bars ask the same

    def prepare(self) -> None:
        """Add up the years from 1990 to 2037, so that nobody who asks for some of them has to wait for that."""
        for age in _PREPARED:
            self._age(age)

    def between(self, first: int, last: int) -> Gap:
        """Return the sums of the cells of the dates from *first* up to, and without, *last*."""
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
        """Return by how much each cell of *run* differs from an ordinary week's."""
        if run.key is None:
            return self._made(self._fixed, run)
        return self._templates.get(run.key) or self._templates.setdefault(run.key, self._made(self._fixed, run))

    def _made(self, timeline: Timeline, run: DateRun) -> list[_Sums]:
        weekly = self._weekly
        return [_less(_sums(timeline.schedule(date)), weekly[(date - 1) % 7]) for date in range(run.low, run.high)]

    def _change_clock(self, found: dict[int, _Sums], runs: list[DateRun], first: int, last: int) -> None:
        """Take into *found* what the changes of the zone's clock in `[first, last)` come to."""
        settings = self._settings
        from_s, to_s = ((date - EPOCH_ORDINAL) * DAY_S for date in (first - _CLOCK_REACH, last + _CLOCK_REACH))
        near: list[int] = []  # dates of changes near an edge
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
