"""Calendars of the world's exchanges, converted from the `exchange_calendars` package.

Owns the conversion. The package is an extra, imported only here and only when needed; the result is a `WeeklyCalendar`
that no longer depends on it, so that a log made with one release of it replays the same with another.
"""

from __future__ import annotations

import collections
import datetime
import importlib
import zoneinfo
from typing import Any, Final

from mtf.calendars.hours import Stretch, text_of_sessions, text_of_time, text_of_week
from mtf.calendars.weekly import WeeklyCalendar
from mtf.calendars.zone import DAY_S
from mtf.errors import ConfigError

__all__ = ["FIRST_DATE", "LAST_DATE", "exchange_calendar"]

# Fixed dates, not relative to today: a name means the same calendar on every day.
FIRST_DATE: Final = datetime.date(1990, 1, 1)
LAST_DATE: Final = datetime.date(2030, 12, 31)
WEEKEND_SHARE: Final = 0.05  # a weekday with at most this share of all trading days is part of the weekend
RECENT_DATES: Final = 300  # how many of the latest trading days define the ordinary week


def exchange_calendar(code: str) -> WeeklyCalendar:
    """Return the calendar of the exchange *code* (such as XNYS or XLON), from 1990 to 2030 as far as the package goes.

    Outside the package's dates, the ordinary week continues without holidays.
    """
    package = _package()
    if code not in package.get_calendar_names():
        raise ConfigError(f"exchange_calendars has no exchange {code!r}: write its MIC, as in exchange:XNYS")
    try:
        return _taken(package, code)
    except ConfigError:
        raise
    except Exception as error:  # whatever goes wrong in another package, that calendar is not available
        raise ConfigError(
            f"exchange_calendars {package.__version__} failed to make the calendar of {code!r} ({str(error)[:200]}): "
            f"try another release of it or of pandas, or write the hours in a TOML file"
        ) from error


def _package() -> Any:
    try:
        return importlib.import_module("exchange_calendars")
    except ImportError as error:
        raise ConfigError(
            "calendars of exchanges need the package exchange_calendars: pip install 'mtf-engine[exchanges]'"
        ) from error


def _taken(package: Any, code: str) -> WeeklyCalendar:
    known = package.get_calendar(code)
    start, end = known.bound_min(), known.bound_max()
    first = FIRST_DATE if start is None else max(FIRST_DATE, start.date())
    last = LAST_DATE if end is None else min(LAST_DATE, end.date())
    calendar = package.get_calendar(code, start=first.isoformat(), end=last.isoformat())
    zone = zoneinfo.ZoneInfo(calendar.tz.key)
    dates = {row.Index.date(): _sessions(row, zone) for row in calendar.schedule.itertuples()}
    return _converted(code, zone.key, dates, first, last)


def _sessions(row: Any, zone: zoneinfo.ZoneInfo) -> tuple[Stretch, ...]:
    """Return the sessions of one row of a schedule, in seconds from the midnight of its date."""
    midnight = datetime.datetime.combine(row.Index.date(), datetime.time())
    opens, closes = _wall_s(row.open, zone, midnight), _wall_s(row.close, zone, midnight)
    if row.break_start != row.break_start:  # not a time (NaT): no break
        return ((opens, closes),)
    return ((opens, _wall_s(row.break_start, zone, midnight)), (_wall_s(row.break_end, zone, midnight), closes))


def _wall_s(instant: Any, zone: zoneinfo.ZoneInfo, midnight: datetime.datetime) -> int:
    local = datetime.datetime.fromtimestamp(round(instant.timestamp()), zone).replace(tzinfo=None)
    return (local - midnight) // datetime.timedelta(seconds=1)


def _converted(
    name: str,
    zone: str,
    dates: dict[datetime.date, tuple[Stretch, ...]],
    first: datetime.date,
    last: datetime.date,
) -> WeeklyCalendar:
    """Return a calendar, a week and exceptions to it, whose trading days from *first* to *last* are *dates*."""
    day_close_s = max(sessions[-1][1] for sessions in dates.values())
    if day_close_s > DAY_S or min(sessions[0][0] for sessions in dates.values()) < day_close_s - DAY_S:
        raise ConfigError(
            f"exchange {name!r} trades across every time of day, so no day close fits: write its hours in a TOML file"
        )
    week = _ordinary_week(dates)
    holidays: list[datetime.date] = []
    early, late, special = (collections.defaultdict[str, list[datetime.date]](list) for _ in range(3))
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        date = datetime.date.fromordinal(ordinal)
        ordinary, actual = week.get(date.weekday(), ()), dates.get(date, ())
        if actual == ordinary:
            continue
        if not actual:
            holidays.append(date)
        elif actual != _within(ordinary, actual[0][0], actual[-1][1]):
            special[text_of_sessions(actual)].append(date)
        else:
            if actual[0][0] != ordinary[0][0]:
                late[text_of_time(actual[0][0])].append(date)
            if actual[-1][1] != ordinary[-1][1]:
                early[text_of_time(actual[-1][1])].append(date)
    return WeeklyCalendar(
        name=name,
        zone=zone,
        day_close=text_of_time(day_close_s),
        week=_week(dates),
        hours=text_of_week(
            (weekday * DAY_S + start, weekday * DAY_S + end)
            for weekday, sessions in week.items()
            for start, end in sessions
        ),
        holidays=holidays,
        early_closes=early,
        late_opens=late,
        special_hours=special,
    )


def _week(dates: dict[datetime.date, tuple[Stretch, ...]]) -> str:
    """Return the first day of the exchange's week: Sunday if it trades on Sundays and not on Saturdays."""
    counts = collections.Counter(date.weekday() for date in dates)
    trades = [counts[weekday] > len(dates) * WEEKEND_SHARE for weekday in range(7)]
    return "sunday" if trades[6] and not trades[5] else "monday"


def _ordinary_week(dates: dict[datetime.date, tuple[Stretch, ...]]) -> dict[int, tuple[Stretch, ...]]:
    """Return the most frequent recent hours of each weekday that trades."""
    counts: dict[int, collections.Counter[tuple[Stretch, ...]]] = collections.defaultdict(collections.Counter)
    recent = sorted(dates)[-RECENT_DATES:]
    for date in recent:
        counts[date.weekday()][dates[date]] += 1
    often = {weekday: hours for weekday, hours in counts.items() if hours.total() > len(recent) // 20}
    return {weekday: often[weekday].most_common(1)[0][0] for weekday in sorted(often)}


def _within(sessions: tuple[Stretch, ...], opens_s: int, closes_s: int) -> tuple[Stretch, ...]:
    cut = ((max(start, opens_s), min(end, closes_s)) for start, end in sessions)
    return tuple((start, end) for start, end in cut if start < end)
