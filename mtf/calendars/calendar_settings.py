"""The settings of a calendar: a market's hours as given by a user, a file or a log, checked and converted to numbers.

Owns the names of the settings, their valid values, and their form in a file or log. Times are seconds of wall time:
within a week from Monday 00:00, within a date from its midnight, in a closure from 1970. `mtf.calendars.timeline`
derives from them what trades when.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from mtf.calendars.auctions import Auction, Reach, auction_of, reaches_by_weekday, text_of_auction
from mtf.calendars.hours import (
    Stretch,
    date_of,
    ordinary_days,
    sessions_by_weekday,
    sessions_of,
    stretches_by_start,
    text_of_sessions,
    text_of_time,
    text_of_week,
    time_of,
    wall_of,
    week_of,
)
from mtf.calendars.zone import DAY_S, find_zone
from mtf.errors import ConfigError

__all__ = ["KEYS", "TABLES", "WEEKDAYS", "Dates", "Settings", "check_shape"]

KEYS: Final[tuple[str, ...]] = (
    "name",
    "zone",
    "day_close",
    "week",
    "hours",
    "breaks",
    "night",
    "night_before_holidays",
    "auctions",
    "inclusive_ends",
    "holidays",
    "no_night",
    "closures",
    "early_closes",
    "late_opens",
    "into_next",
    "special_hours",
)
TABLES: Final = ("early_closes", "late_opens", "into_next", "special_hours")
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_EPOCH: Final = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  a wall time has no zone
_LISTS: Final = ("hours", "breaks", "night", "auctions", "holidays", "no_night", "closures")

Dates = Iterable[str | datetime.date]


class Settings:
    """The settings of a `WeeklyCalendar`, immutable; see its parameters for the meaning of each."""

    __slots__ = (
        "auctions",
        "closures",
        "day_close_s",
        "early",
        "holidays",
        "inclusive_ends",
        "into_next",
        "late",
        "margin_ns",
        "name",
        "night",
        "night_before_holidays",
        "nights",
        "no_night",
        "ordinary",
        "reaches",
        "special",
        "week",
        "week_begins",
        "weekdays",
        "zone",
    )

    def __init__(
        self,
        *,
        name: str,
        zone: str,
        hours: Iterable[str],
        day_close: str | datetime.time = "24:00",
        week: str = "monday",
        breaks: Iterable[str] = (),
        night: Iterable[str] = (),
        night_before_holidays: bool = True,
        auctions: Iterable[str] = (),
        inclusive_ends: bool = False,
        holidays: Dates = (),
        no_night: Dates = (),
        closures: Iterable[Sequence[str | datetime.datetime]] = (),
        early_closes: Mapping[str, Dates] | None = None,
        late_opens: Mapping[str, Dates] | None = None,
        into_next: Mapping[str, Dates] | None = None,
        special_hours: Mapping[str, Dates] | None = None,
    ) -> None:
        if not name:
            raise ConfigError("a calendar needs a name, such as name = 'my_fx'")
        self.name: Final = name
        self.zone: Final = find_zone(zone)
        self.day_close_s: Final = time_of(day_close) or DAY_S
        self.week_begins: Final = _weekday(week)
        self.week: Final = week_of(hours, breaks)  # stretches of the week in which day sessions are open
        if not self.week:
            raise ConfigError(f"calendar {name!r} never trades: give hours, such as ['Mon-Fri 09:30-16:00']")
        self.weekdays: Final = sessions_by_weekday(self.week, self.day_close_s)  # day sessions by weekday of the date
        self.night: Final = week_of(night, (), "night")
        self.nights: Final = stretches_by_start(self.night)  # night sessions by the weekday that they start on
        self.night_before_holidays: Final = night_before_holidays
        self.ordinary: Final = ordinary_days(self.weekdays, self.nights)  # all sessions by weekday of the trading day
        self.auctions: Final[tuple[Auction, ...]] = tuple(map(auction_of, _listed(auctions, "auctions")))
        self.reaches: Final[dict[int, tuple[Reach, ...]]] = reaches_by_weekday(self.auctions, self.ordinary)
        self.inclusive_ends: Final = inclusive_ends
        # How far outside a session a print can be and still count in it.
        every = (reach.far_ns for reaches in self.reaches.values() for reach in reaches)
        self.margin_ns: Final = max(every, default=int(inclusive_ends))
        self.holidays: Final = frozenset(_ordinals(holidays, "holidays"))
        self.no_night: Final = frozenset(_ordinals(no_night, "no_night"))
        self.special: Final = self._by_date(special_hours, "special_hours", sessions_of)
        self.early: Final = self._by_date(early_closes, "early_closes", _close_of)
        self.late: Final = self._by_date(late_opens, "late_opens", _open_of)
        self.into_next: Final = self._by_date(into_next, "into_next", _close_of)
        self.closures: Final = _stretches(closures)
        self._check()

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values; those with their default value are left out."""
        value: dict[str, Any] = {
            "kind": "weekly",
            "name": self.name,
            "zone": self.zone.key,
            "day_close": text_of_time(self.day_close_s),
            "hours": text_of_week(self.week),
        }
        if self.week_begins:
            value["week"] = WEEKDAYS[self.week_begins]
        if self.night:
            value["night"] = text_of_week(self.night)
        if not self.night_before_holidays:
            value["night_before_holidays"] = False
        if self.auctions:
            value["auctions"] = [text_of_auction(auction) for auction in self.auctions]
        if self.inclusive_ends:
            value["inclusive_ends"] = True
        if self.holidays:
            value["holidays"] = [_date_text(ordinal) for ordinal in sorted(self.holidays)]
        if self.no_night:
            value["no_night"] = [_date_text(ordinal) for ordinal in sorted(self.no_night)]
        if self.closures:
            value["closures"] = [[_wall_text(start), _wall_text(end)] for start, end in self.closures]
        if self.early:
            value["early_closes"] = _grouped({day: text_of_time(second) for day, second in self.early.items()})
        if self.late:
            value["late_opens"] = _grouped({day: text_of_time(second) for day, second in self.late.items()})
        if self.into_next:
            value["into_next"] = _grouped({day: text_of_time(second) for day, second in self.into_next.items()})
        if self.special:
            value["special_hours"] = _grouped({day: text_of_sessions(hours) for day, hours in self.special.items()})
        return value

    def ordinary_week(self) -> Settings:
        """Return the settings of the ordinary week alone, in a zone without clock changes."""
        return Settings(
            name=self.name,
            zone="UTC",
            day_close=text_of_time(self.day_close_s),
            hours=text_of_week(self.week),
            night=text_of_week(self.night),
            auctions=map(text_of_auction, self.auctions),
            inclusive_ends=self.inclusive_ends,
        )

    def sessions(self, ordinal: int) -> tuple[Stretch, ...]:
        """Return the day sessions of a date, from its midnight, before holidays and closures are taken out."""
        special = self.special.get(ordinal)
        return self.weekdays[(ordinal - 1) % 7] if special is None else special

    def exceptions(self) -> set[int]:
        """Return the dates that settings treat specially, apart from closures."""
        return {*self.holidays, *self.no_night, *self.early, *self.late, *self.into_next, *self.special}

    def special_settings(self, ordinal: int) -> tuple[object, ...]:
        """Return how settings treat a date specially, apart from closures; equal for dates treated alike."""
        return (
            ordinal in self.holidays,
            ordinal in self.no_night,
            self.early.get(ordinal),
            self.late.get(ordinal),
            self.into_next.get(ordinal),
            self.special.get(ordinal),
        )

    def _by_date(
        self, table: Mapping[str, Dates] | None, what: str, parse: Callable[[str, int], Any]
    ) -> dict[int, Any]:
        """Return *table* (dates by text) as parsed values by the ordinal of the date."""
        found: dict[int, Any] = {}
        for text, dates in (table or {}).items():
            parsed = parse(text, self.day_close_s)
            for ordinal in _ordinals(dates, what):
                if ordinal in found:
                    raise ConfigError(f"{what}: {_date_text(ordinal)} is listed twice: give each date once")
                found[ordinal] = parsed
        return found

    def _check(self) -> None:
        """Refuse dates that contradict each other, and times outside the hours of their date."""
        if not self.night and (self.no_night or not self.night_before_holidays):
            what = "no_night" if self.no_night else "night_before_holidays"
            raise ConfigError(
                f"{what}: there is no night session: list one under night, such as ['Mon-Fri 21:00-02:30']"
            )
        for weekday, sessions in enumerate(self.weekdays if self.night else ()):
            if sessions and sessions[0][0] < 0:
                before, on = (WEEKDAYS[(weekday + shift) % 7].capitalize() for shift in (-1, 0))
                raise ConfigError(
                    f"day_close {text_of_time(self.day_close_s)} gives the hours of {before} the date of {on}: with "
                    f"night sessions, set it to the end of the hours or later, such as {text_of_time(sessions[-1][1])}"
                )
        for ordinal in self.holidays:
            if any(ordinal in dates for dates in (self.special, self.early, self.late, self.into_next)):
                raise ConfigError(f"{_date_text(ordinal)} is a holiday and has hours of its own: remove one of the two")
        for what, times in (("early_closes", self.early), ("late_opens", self.late), ("into_next", self.into_next)):
            for ordinal, second in times.items():
                sessions = self.sessions(ordinal)
                if not sessions:
                    raise ConfigError(f"{what}: nothing trades on {_date_text(ordinal)}: remove it")
                whole = what == "into_next" and second == sessions[-1][1]
                if not sessions[0][0] < second < sessions[-1][1] and not whole:
                    raise ConfigError(
                        f"{what}: {text_of_time(second)} is not inside the hours of {_date_text(ordinal)}, "
                        f"{text_of_sessions(sessions)}"
                    )
        for ordinal, second in (self.early | self.into_next).items():
            if ordinal in self.early and ordinal in self.into_next:
                raise ConfigError(f"{_date_text(ordinal)} is in early_closes and in into_next: remove one of the two")
            if second <= self.late.get(ordinal, second - 1):
                what = "early_closes" if ordinal in self.early else "into_next"
                raise ConfigError(f"{_date_text(ordinal)} closes before it opens: change {what} or late_opens")


def check_shape(key: str, value: object) -> None:
    """Refuse a setting of the wrong type for *key*; a file or a log can hold anything."""
    if key in {"name", "zone", "week"} and not isinstance(value, str):
        raise ConfigError(f"{key} must be a string, got {value!r}: write it in quotes")
    if key in {"night_before_holidays", "inclusive_ends"} and not isinstance(value, bool):
        raise ConfigError(f"{key} must be true or false, got {value!r}")
    if key in _LISTS and not isinstance(value, list):
        raise ConfigError(f"{key} must be a list, got {value!r}: write it in [brackets]")
    if key in TABLES:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{key} must be a table of dates by time, such as {{'13:00' = [2024-11-29]}}")
        for time, dates in value.items():
            if not isinstance(dates, list):
                raise ConfigError(f"{key}: the dates at {time} must be a list, got {dates!r}: write them in [brackets]")


def _weekday(text: str) -> int:
    if text not in WEEKDAYS:
        raise ConfigError(f"week must be the day that the week begins on, such as 'monday' or 'sunday', got {text!r}")
    return WEEKDAYS.index(text)


def _listed(texts: Iterable[str], what: str) -> Iterable[str]:
    if isinstance(texts, str):
        raise ConfigError(f"{what} must be a list: write [{texts!r}]")
    return texts


def _ordinals(dates: Iterable[Any], what: str) -> list[int]:
    if isinstance(dates, (str, datetime.date)):
        raise ConfigError(f"{what}: the dates must be a list: write [{dates}]")
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
            raise ConfigError(
                f"invalid closure {closure!r}: write [from, until], such as ['2024-12-24T13:00', '2024-12-25T17:00']"
            )
        start, end = ((wall_of(wall) - _EPOCH) // datetime.timedelta(seconds=1) for wall in pair)
        if start >= end:
            raise ConfigError(f"closure from {_wall_text(start)} ends at {_wall_text(end)}: swap the two")
        found.append((start, end))
    found.sort()
    for (_, end), (start, _) in itertools.pairwise(found):
        if start < end:
            raise ConfigError(f"closures overlap at {_wall_text(start)}: combine them")
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
