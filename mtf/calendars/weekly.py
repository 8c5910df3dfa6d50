"""The calendar that every other one is made of: an ordinary week of trading hours, and the dates that differ from it.

Owns its settings, by value, and a bounded cache of the days that were asked for. A calendar is immutable: what it
answers for an instant follows from its settings and the tz database alone.

The grid: local wall time is cut at the day close into cells of a day, and each cell belongs to the date it closes on.
What trades in a cell is its trading day, from the first open instant to the last; what is left before and after it,
or a whole cell without trading, are off-session days of the same date.
"""

from __future__ import annotations

import bisect
import datetime
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mtf.calendars.calendar import Calendar
from mtf.calendars.cell import Cell, build_cell
from mtf.calendars.day import Span
from mtf.calendars.hours import (
    Stretch,
    date_of,
    sessions_by_weekday,
    sessions_of,
    text_of_sessions,
    text_of_time,
    text_of_week,
    time_of,
    wall_of,
    week_of,
)
from mtf.calendars.zone import DAY_S, EPOCH_ORDINAL, SECOND_NS, find_zone
from mtf.errors import ConfigError

__all__ = ["CELLS_MAX", "WeeklyCalendar"]

CELLS_MAX: Final = 1024  # days kept; the one made first goes first, and is made again when asked for

_EPOCH: Final = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  a wall time has no zone
_KEYS: Final[tuple[str, ...]] = (
    "name",
    "zone",
    "day_close",
    "hours",
    "breaks",
    "holidays",
    "closures",
    "early_closes",
    "late_opens",
    "special_hours",
)


class WeeklyCalendar(Calendar):
    """A market's hours: an ordinary week in a zone, and its holidays, closures, early closes and special days.

    *hours* and *breaks* are the week's stretches (`Sun 17:00 - Fri 17:00`, `Mon-Fri 09:30-16:00`); *day_close* is the
    local time at which a trading day ends and the next begins, and its date is the trading day's (`00:00` and `24:00`
    both mean the end of the date). *holidays* are dates on which nothing trades, *closures* pairs of local times
    between which nothing does, *early_closes* and *late_opens* dates by local time, and *special_hours* dates by the
    hours that they have in place of the ordinary ones (`09:00-11:30, 12:30-15:00`).
    """

    __slots__ = (
        "_cells",
        "_closures",
        "_day_close_s",
        "_early",
        "_hash",
        "_holidays",
        "_key",
        "_late",
        "_name",
        "_shift_ns",
        "_special",
        "_week",
        "_weekdays",
        "_zone",
    )

    def __init__(
        self,
        *,
        name: str,
        zone: str,
        hours: Iterable[str],
        day_close: str | datetime.time = "24:00",
        breaks: Iterable[str] = (),
        holidays: Iterable[str | datetime.date] = (),
        closures: Iterable[Sequence[str | datetime.datetime]] = (),
        early_closes: Mapping[str, Iterable[str | datetime.date]] | None = None,
        late_opens: Mapping[str, Iterable[str | datetime.date]] | None = None,
        special_hours: Mapping[str, Iterable[str | datetime.date]] | None = None,
    ) -> None:
        if not name:
            raise ConfigError("a calendar has a name: give it one, as name = 'my_fx'")
        self._name: Final = name
        self._zone: Final = find_zone(zone)
        self._day_close_s: Final = time_of(day_close) or DAY_S
        self._week: Final = week_of(hours, breaks)
        if not self._week:
            raise ConfigError(f"calendar {name!r} never trades: give hours, as ['Mon-Fri 09:30-16:00']")
        self._weekdays: Final = sessions_by_weekday(self._week, self._day_close_s)
        self._holidays: Final = frozenset(_ordinals(holidays, "holidays"))
        self._special: Final = self._by_date(special_hours, "special_hours", sessions_of)
        self._early: Final = self._by_date(early_closes, "early_closes", _close_of)
        self._late: Final = self._by_date(late_opens, "late_opens", _open_of)
        self._closures: Final = _stretches(closures)
        self._check()
        self._key: Final = (
            name,
            self._zone.key,
            self._day_close_s,
            self._week,
            self._holidays,
            self._closures,
            *(tuple(sorted(dates.items())) for dates in (self._early, self._late, self._special)),
        )
        self._hash: Final = hash(self._key)
        # Where a cell starts in UTC, but for daylight saving: good for a first guess, corrected by the cell itself.
        offset = self._zone.utcoffset(datetime.datetime(2000, 1, 1))  # noqa: DTZ001
        assert offset is not None, "a ZoneInfo knows its offset at every wall time"
        self._shift_ns: Final = (self._day_close_s - DAY_S - int(offset.total_seconds())) * SECOND_NS
        self._cells: dict[int, Cell] = {}  # by the ordinal of the date; at most CELLS_MAX, oldest first

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> WeeklyCalendar:
        """Return the calendar that *value* says: `to_dict`'s answer, or what a TOML file holds."""
        for key in value:
            if key not in _KEYS and key != "kind":
                raise ConfigError(f"unknown key {key!r}: a calendar has {', '.join(_KEYS)}")
        for key in ("name", "zone", "hours"):
            if key not in value:
                raise ConfigError(f"key {key!r} is missing: a calendar has at least name, zone and hours")
        for key, found in value.items():
            _check_shape(key, found)
        return cls(**{key: value[key] for key in _KEYS if key in value})

    @property
    def name(self) -> str:
        return self._name

    @property
    def zone(self) -> str:
        """The IANA name of the time zone that the hours are in."""
        return self._zone.key

    def span_at(self, ts_ns: int) -> Span:
        """Return the span that *ts_ns* lies in, with its day."""
        ordinal = (ts_ns - self._shift_ns) // (DAY_S * SECOND_NS) + EPOCH_ORDINAL
        cell = self._cell(ordinal)
        while ts_ns < cell.start_ns:
            ordinal -= 1
            cell = self._cell(ordinal)
        while ts_ns >= cell.end_ns:
            ordinal += 1
            cell = self._cell(ordinal)
        return cell.spans[bisect.bisect_right(cell.starts, ts_ns) - 1]

    def to_dict(self) -> dict[str, Any]:
        """Return the calendar by value, as JSON can hold it; what is empty is left out."""
        value: dict[str, Any] = {
            "kind": "weekly",
            "name": self._name,
            "zone": self._zone.key,
            "day_close": text_of_time(self._day_close_s),
            "hours": text_of_week(self._week),
        }
        if self._holidays:
            value["holidays"] = [_date_text(ordinal) for ordinal in sorted(self._holidays)]
        if self._closures:
            value["closures"] = [[_wall_text(start), _wall_text(end)] for start, end in self._closures]
        if self._early:
            value["early_closes"] = _grouped({day: text_of_time(second) for day, second in self._early.items()})
        if self._late:
            value["late_opens"] = _grouped({day: text_of_time(second) for day, second in self._late.items()})
        if self._special:
            value["special_hours"] = _grouped({day: text_of_sessions(hours) for day, hours in self._special.items()})
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WeeklyCalendar) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"WeeklyCalendar({self._name!r}, {self._zone.key})"

    def _cell(self, ordinal: int) -> Cell:
        found = self._cells.get(ordinal)
        if found is not None:
            return found
        if len(self._cells) >= CELLS_MAX:
            del self._cells[next(iter(self._cells))]
        cell = build_cell(
            self._zone,
            ordinal,
            self._sessions(ordinal),
            day_close_s=self._day_close_s,
            holiday=ordinal in self._holidays,
            opens_s=self._late.get(ordinal),
            closes_s=self._early.get(ordinal),
            closures=self._closures_in(ordinal),
        )
        self._cells[ordinal] = cell
        return cell

    def _sessions(self, ordinal: int) -> tuple[Stretch, ...]:
        """Return the sessions of a date, in seconds from its midnight, before anything is taken from them."""
        special = self._special.get(ordinal)
        return self._weekdays[(ordinal - 1) % 7] if special is None else special

    def _closures_in(self, ordinal: int) -> list[Stretch]:
        """Return the closures that touch a date's cell, in seconds from its midnight."""
        if not self._closures:
            return []
        midnight = (ordinal - EPOCH_ORDINAL) * DAY_S
        low, high = midnight + self._day_close_s - DAY_S, midnight + self._day_close_s
        first = bisect.bisect_right(self._closures, low, key=lambda closure: closure[1])
        found = []
        for start, end in self._closures[first:]:
            if start >= high:
                break
            found.append((start - midnight, end - midnight))
        return found

    def _by_date(self, table: Mapping[str, Iterable[Any]] | None, what: str, parse: Any) -> dict[int, Any]:
        """Return what *table* (dates by text) says, parsed, by the ordinal of the date."""
        found: dict[int, Any] = {}
        for text, dates in (table or {}).items():
            parsed = parse(text, self._day_close_s)
            for ordinal in _ordinals(dates, what):
                if ordinal in found:
                    raise ConfigError(f"{what}: {_date_text(ordinal)} is there twice: give each date once")
                found[ordinal] = parsed
        return found

    def _check(self) -> None:
        """Refuse dates that contradict each other, and times outside of the hours of their date."""
        for ordinal in self._holidays:
            if ordinal in self._special or ordinal in self._early or ordinal in self._late:
                raise ConfigError(
                    f"{_date_text(ordinal)} is a holiday and has hours of its own: take one of the two out"
                )
        for what, times in (("early_closes", self._early), ("late_opens", self._late)):
            for ordinal, second in times.items():
                sessions = self._sessions(ordinal)
                if not sessions:
                    raise ConfigError(f"{what}: nothing trades on {_date_text(ordinal)}: take it out")
                if not sessions[0][0] < second < sessions[-1][1]:
                    raise ConfigError(
                        f"{what}: {text_of_time(second)} is not inside the hours of {_date_text(ordinal)}, "
                        f"{text_of_sessions(sessions)}"
                    )
        for ordinal, second in self._early.items():
            if second <= self._late.get(ordinal, second - 1):
                raise ConfigError(f"{_date_text(ordinal)} closes before it opens: mend early_closes or late_opens")


def _check_shape(key: str, value: object) -> None:
    """Refuse a setting that is not even of the kind that *key* takes; a file or a log can hold anything."""
    if key in {"name", "zone"} and not isinstance(value, str):
        raise ConfigError(f"{key} is a text, not {value!r}: write it in quotes")
    if key in {"hours", "breaks", "holidays", "closures"} and not isinstance(value, list):
        raise ConfigError(f"{key} is a list, not {value!r}: write it in [brackets]")
    if key in {"early_closes", "late_opens", "special_hours"}:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{key} is a table of dates by time, as {{'13:00' = [2024-11-29]}}")
        for time, dates in value.items():
            if not isinstance(dates, list):
                raise ConfigError(f"{key}: the dates at {time} are a list, not {dates!r}: write them in [brackets]")


def _ordinals(dates: Iterable[Any], what: str) -> list[int]:
    if isinstance(dates, (str, datetime.date)):
        raise ConfigError(f"{what}: the dates are a list: write [{dates}]")
    return [date_of(date).toordinal() for date in dates]


def _close_of(text: str, day_close_s: int) -> int:
    second = time_of(text)
    return second if second <= day_close_s else second - DAY_S


def _open_of(text: str, day_close_s: int) -> int:
    second = time_of(text)
    return second if second < day_close_s else second - DAY_S


def _stretches(closures: Iterable[Sequence[Any]]) -> tuple[Stretch, ...]:
    """Return *closures* in order, in wall seconds since 1970."""
    found: list[Stretch] = []
    for closure in closures:
        pair = list(closure) if isinstance(closure, (list, tuple)) else []
        if len(pair) != 2:
            raise ConfigError(f"closure {closure!r}: write [from, until], as ['2024-12-24T13:00', '2024-12-25T17:00']")
        start, end = ((wall_of(wall) - _EPOCH) // datetime.timedelta(seconds=1) for wall in pair)
        if start >= end:
            raise ConfigError(f"closure from {_wall_text(start)} ends at {_wall_text(end)}: swap the two")
        found.append((start, end))
    found.sort()
    for (_, end), (start, _) in itertools.pairwise(found):
        if start < end:
            raise ConfigError(f"closures overlap at {_wall_text(start)}: make them one")
    return tuple(found)


def _grouped(texts: dict[int, str]) -> dict[str, list[str]]:
    """Return the dates by text, texts and dates in order."""
    groups: dict[str, list[str]] = {text: [] for text in sorted(set(texts.values()))}
    for ordinal in sorted(texts):
        groups[texts[ordinal]].append(_date_text(ordinal))
    return groups


def _date_text(ordinal: int) -> str:
    return datetime.date.fromordinal(ordinal).isoformat()


def _wall_text(second: int) -> str:
    text = (_EPOCH + datetime.timedelta(seconds=second)).isoformat()
    return text.removesuffix(":00")
