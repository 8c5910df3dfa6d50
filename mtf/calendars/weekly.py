"""The calendar behind all others: an ordinary week of trading hours, and the dates that differ from it.

Owns the public class: settings in, answers for instants out. A calendar is immutable: its answers depend on its
settings and the tz database alone. `mtf.calendars.timeline` makes days from settings.
"""

from __future__ import annotations

import bisect
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from mypy_extensions import i64, mypyc_attr

from mtf.calendars.calendar import Calendar
from mtf.calendars.calendar_settings import KEYS, WEEKDAYS, Dates, Settings, check_shape
from mtf.calendars.day import Gap, Span
from mtf.calendars.derived import derived
from mtf.calendars.hours import night_among_hours, text_of_week
from mtf.calendars.timeline import DaySchedule, Timeline
from mtf.calendars.totals import WALK_NS_MAX, Totals
from mtf.calendars.zone import DAY_S, EPOCH_ORDINAL, local_text
from mtf.errors import ConfigError
from mtf.units import SECOND_NS

__all__ = ["WeeklyCalendar"]

# Spans are kept by the stretch of 36 minutes that was asked about: those of 13 days.
STRETCH_BITS: Final = 41
SPANS_KEPT: Final = 512


@mypyc_attr(native_class=True, allow_interpreted_subclasses=True)
class WeeklyCalendar(Calendar):
    """A market's hours: an ordinary week in a zone, and its holidays, closures, early closes and special days.

    *hours* and *breaks* are the week's stretches (`Sun 17:00 - Fri 17:00`, `Mon-Fri 09:30-16:00`); *day_close* is the
    local time at which a trading day ends and the next begins, and its date is the trading day's (`00:00` and `24:00`
    both mean the end of the date). *night* sessions, in the same notation, belong to the next trading day that has
    *hours*, across weekends and holidays. *week* is the weekday on which the market's week begins.

    *holidays* are dates on which nothing trades, neither the hours nor a night that starts on them; *no_night* are
    dates without a night, and with *night_before_holidays* False there is none before a holiday either. *closures*
    are pairs of local times between which nothing trades, *early_closes* and *late_opens* are dates by local time,
    *into_next* are dates by the local time at which trading stops, whose sessions belong to the next trading day, and
    *special_hours* are dates by the hours that replace the ordinary ones (`09:00-11:30, 12:30-15:00`).

    *auctions* are windows of local time next to a session (`16:00-16:05 into last`, `09:28-09:30 into first`): a print
    in one belongs to the session's last or first bar. With *inclusive_ends* a tick stamped exactly on the end of a
    session belongs to its last bar.
    """

    __slots__ = ("_key", "_settings", "_shift_ns", "_spans", "_timeline", "_totals")

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
        settings = Settings(
            name=name,
            zone=zone,
            hours=hours,
            day_close=day_close,
            week=week,
            breaks=breaks,
            night=night,
            night_before_holidays=night_before_holidays,
            auctions=auctions,
            inclusive_ends=inclusive_ends,
            holidays=holidays,
            no_night=no_night,
            closures=closures,
            early_closes=early_closes,
            late_opens=late_opens,
            into_next=into_next,
            special_hours=special_hours,
        )
        _check_nights(settings)
        self._apply_settings(settings)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> WeeklyCalendar:
        """Return the calendar from *value*: the result of `to_dict`, or the content of a TOML file."""
        for key in value:
            if key not in KEYS and key != "kind":
                raise ConfigError(f"unknown key {key!r}: choose from {', '.join(KEYS)}")
        for key in ("name", "zone", "hours"):
            if key not in value:
                raise ConfigError(f"key {key!r} is missing: a calendar needs at least name, zone and hours")
        for key, found in value.items():
            check_shape(key, found)
        settings = Settings(**{key: value[key] for key in KEYS if key in value})
        if "kind" not in value:  # a calendar in a log may predate `night`
            _check_nights(settings)
        made = cls.__new__(cls)
        made._apply_settings(settings)
        return made

    @classmethod
    def based_on(cls, base: Calendar, **changes: Any) -> WeeklyCalendar:
        """Return *base* with *changes*: settings as in the constructor, at least a name.

        Holidays, closures and dates without a night are added to those of *base*; an entry in *changes* for a date
        replaces everything that *base* has for it; any other setting replaces that of *base*.
        """
        return cls.from_dict(derived(base.to_dict(), changes))

    def _apply_settings(self, settings: Settings) -> None:
        self._settings = settings
        self._timeline = Timeline(settings)
        self._totals = Totals(settings, self._timeline)
        # What `span_at` returned last in each stretch of time; entries are only replaced, so threads can share them.
        self._spans: list[Span | None] = [None] * SPANS_KEPT
        self._key = b""  # the value that decides equality; made on first use
        # Where a cell starts in UTC, ignoring daylight saving: a first guess, corrected by the cell itself.
        offset = settings.zone.utcoffset(datetime.datetime(2000, 1, 1))  # noqa: DTZ001
        assert offset is not None, "a ZoneInfo knows its offset at every wall time"
        self._shift_ns = (settings.day_close_s - DAY_S - int(offset.total_seconds())) * SECOND_NS

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def zone(self) -> str:
        """The IANA name of the time zone of the hours."""
        return self._settings.zone.key

    @property
    def week_begins(self) -> int:
        return self._settings.week_begins

    def span_at(self, ts_ns: i64) -> Span:
        """Return the span that contains *ts_ns*, with its day."""
        place = (ts_ns >> STRETCH_BITS) % SPANS_KEPT
        span = self._spans[place]
        if span is None or ts_ns < span.start_ns or ts_ns >= span.end_ns:
            span = self._found(ts_ns)
            self._spans[place] = span
        return span

    def gap(self, from_ns: i64, to_ns: i64) -> Gap:
        """Return how much of `[from_ns, to_ns)` was closed, holiday, break, and open without a tick.

        A gap of months or decades costs little more than one of a week: see `mtf.calendars.totals`.
        """
        if to_ns - from_ns <= WALK_NS_MAX:
            return super().gap(from_ns, to_ns)
        first, last = self._schedule(from_ns), self._schedule(to_ns)
        between = self._totals.between(first.ordinal + 1, last.ordinal)
        return super().gap(from_ns, first.end_ns) + between + super().gap(last.start_ns, to_ns)

    def prepare(self) -> None:
        """Sum up the years from 1990 to 2037 for `gap`: a few milliseconds, or some 50 with nights and many holidays.

        Other years are summed up on first use, sixteen at a time.
        """
        self._totals.prepare()

    def local_time(self, ts_ns: i64) -> tuple[str, str]:
        """Return the local time at *ts_ns*, as 16:00 or 16:59:30, and the zone's name."""
        return local_text(self._settings.zone, ts_ns // SECOND_NS), self.zone

    def to_dict(self) -> dict[str, Any]:
        """Return the calendar as JSON values; empty settings are omitted."""
        return self._settings.to_dict()

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, WeeklyCalendar) and self._value() == other._value())

    def __hash__(self) -> int:
        return hash(self._value())

    def __reduce__(self) -> tuple[object, ...]:
        return WeeklyCalendar.from_dict, (self.to_dict(),)

    def __repr__(self) -> str:
        return f"WeeklyCalendar({self.name!r}, {self.zone})"

    def _value(self) -> bytes:
        """Return the canonical bytes of the settings."""
        if not self._key:
            self._key = orjson.dumps(self.to_dict(), option=orjson.OPT_SORT_KEYS)
        return self._key

    def _found(self, ts_ns: int) -> Span:
        schedule = self._schedule(ts_ns)
        return schedule.spans[bisect.bisect_right(schedule.starts, ts_ns) - 1]

    def _schedule(self, ts_ns: int) -> DaySchedule:
        """Return the cell that contains *ts_ns*."""
        timeline = self._timeline
        ordinal = (ts_ns - self._shift_ns) // (DAY_S * SECOND_NS) + EPOCH_ORDINAL
        schedule = timeline.schedule(ordinal)
        while ts_ns < schedule.start_ns:
            ordinal -= 1
            schedule = timeline.schedule(ordinal)
        while ts_ns >= schedule.end_ns:
            ordinal += 1
            schedule = timeline.schedule(ordinal)
        return schedule


def _check_nights(settings: Settings) -> None:
    """Refuse hours by which a night session alone would be a trading day, although it belongs to the next one."""
    found = night_among_hours(settings.week, settings.day_close_s)
    if found is None:
        return
    text = text_of_week([found])[0]
    day = WEEKDAYS[(found[1] - 1) // DAY_S % 7].capitalize()
    raise ConfigError(
        f"hours: {text} would make {day} a trading day without hours of its own, although other days have them: "
        "list it under night, so that it belongs to the next day that has hours"
    )
