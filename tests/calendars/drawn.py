"""Calendars and instants for the laws, drawn by hypothesis: of every kind that settings can describe."""

from __future__ import annotations

import datetime
from typing import Any, Final

from hypothesis import assume
from hypothesis import strategies as st

import mtf.calendars
from mtf.calendars import WeeklyCalendar
from mtf.errors import ConfigError
from tests.calendars.builders import HOUR_NS, SECOND_NS

__all__ = [
    "FIRST_NS",
    "LAST_NS",
    "WEEKDAYS",
    "calendars",
    "drawn_or_built_in",
    "instants",
    "near_the_exceptions",
    "nightly",
    "recurring",
    "somewhere",
]

FIRST_NS: Final = -9_214_560_000_000_000_000  # 1678-01-01
LAST_NS: Final = 9_214_646_400_000_000_000  # 2262-01-01
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ZONES: Final = (
    "UTC",
    "Africa/Casablanca",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Athens",
    "Europe/London",
    "Pacific/Apia",
)

times = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
instants = st.one_of(
    st.integers(FIRST_NS, LAST_NS),
    st.integers(FIRST_NS // HOUR_NS, LAST_NS // HOUR_NS).map(lambda hour: hour * HOUR_NS),  # on boundaries
    st.integers(FIRST_NS // HOUR_NS + 1, LAST_NS // HOUR_NS).map(lambda hour: hour * HOUR_NS - 1),  # just before them
)
near_the_exceptions = st.integers(946_684_800 * SECOND_NS, 954_547_200 * SECOND_NS)  # the first quarter of 2000
somewhere = st.one_of(instants, near_the_exceptions)

dates = st.dates(datetime.date(2000, 1, 1), datetime.date(2000, 3, 31))
some_dates = st.lists(dates, max_size=6, unique=True)
walls = st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2000, 3, 31))  # noqa: DTZ001


@st.composite
def weekly_hours(draw: st.DrawFn) -> list[str]:
    """Hours of one stretch a day, of the same time on some days, or one long stretch of a week."""
    if draw(st.booleans()):
        first, last = draw(st.sampled_from(WEEKDAYS)), draw(st.sampled_from(WEEKDAYS))
        return [f"{first} {draw(times)} - {last} {draw(times)}"]
    opens, closes = draw(times), draw(times)
    days = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=6, unique=True))
    return [f"{day} {opens}-{closes}" for day in days]


@st.composite
def calendars(draw: st.DrawFn, exceptions: bool = True) -> WeeklyCalendar:
    """Calendars without nights and auctions."""
    settings: dict[str, Any] = {
        "name": "drawn",
        "zone": draw(st.sampled_from(ZONES)),
        "day_close": draw(times),
        "hours": draw(weekly_hours()),
        "week": draw(st.sampled_from(["monday", "saturday", "sunday"])),
    }
    if draw(st.booleans()):
        opens, closes = draw(times), draw(times)
        assume(opens < closes)
        settings["breaks"] = [f"Mon-Sun {opens}-{closes}"]
    if exceptions:
        settings["holidays"] = draw(some_dates)
        pair = sorted(wall.replace(microsecond=0) for wall in draw(st.tuples(walls, walls)))
        if pair[0] < pair[1]:
            settings["closures"] = [pair]
    return made(settings)


@st.composite
def nightly(draw: st.DrawFn) -> WeeklyCalendar:
    """Calendars with night sessions, auctions, and exceptions of every kind."""
    evening = draw(st.sampled_from(["16:30", "18:00", "21:00"]))
    night = draw(st.sampled_from(["23:00", "23:59:59", "00:00", "02:30", "06:00"]))
    nights = draw(st.lists(st.sampled_from(WEEKDAYS), max_size=6, unique=True))
    days = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=6, unique=True))
    sessions = draw(st.sampled_from([("09:00-15:00",), ("09:00-10:15", "10:30-11:30", "13:30-15:00")]))
    settings: dict[str, Any] = {
        "name": "nightly",
        "zone": draw(st.sampled_from(ZONES)),
        "day_close": draw(st.sampled_from(["15:00", "16:00", "20:00", "24:00"])),
        "hours": [f"{day} {session}" for day in days for session in sessions],
        "night": [f"{day} {evening}-{night}" for day in nights],
    }
    windows = [
        "08:55-09:00 into first",
        "08:30-08:45 into first",
        "15:00-15:05 into last",
        "15:10-15:12 into last",
        "10:15-10:16 into last",
        "02:30-02:31 into last",
        "20:59-21:00 into first",
    ]
    settings["auctions"] = draw(st.lists(st.sampled_from(windows), max_size=3, unique=True))
    settings["inclusive_ends"] = draw(st.booleans())
    free = draw(some_dates)
    settings["holidays"] = free
    if nights:
        settings["night_before_holidays"] = draw(st.booleans())
        settings["no_night"] = draw(some_dates)
    trading = [date for date in draw(some_dates) if date not in free and WEEKDAYS[date.weekday()] in days]
    for key, time in draw(
        st.lists(
            st.sampled_from([("into_next", "11:00"), ("early_closes", "10:10"), ("late_opens", "10:00")]), unique=True
        )
    ):
        if trading:
            settings[key] = {time: [trading.pop()]}
    pair = sorted(wall.replace(microsecond=0) for wall in draw(st.tuples(walls, walls)))
    if pair[0] < pair[1] and draw(st.booleans()):
        settings["closures"] = [pair]
    return made(settings)


@st.composite
def recurring(draw: st.DrawFn) -> WeeklyCalendar:
    """Calendars that say the same of dates again, whole weeks later, near others of which they say something too."""
    settings = draw(st.one_of(calendars(), nightly())).to_dict()
    weeks = draw(st.lists(st.integers(1, 80), min_size=1, max_size=3, unique=True))
    for key in ("holidays", "no_night"):
        if key in settings:
            settings[key] = sorted({later(date, week) for date in settings[key] for week in (0, *weeks)})
    for key in ("early_closes", "late_opens", "into_next"):
        for time, dates in settings.get(key, {}).items():
            settings[key][time] = sorted({later(date, week) for date in dates for week in (0, *weeks)})
    if "closures" in settings:
        for from_wall, until_wall in tuple(settings["closures"]):
            end = datetime.datetime.fromisoformat(later(until_wall, weeks[0]))
            end += datetime.timedelta(minutes=draw(st.sampled_from((0, 0, 30, 600))))
            settings["closures"].append([later(from_wall, weeks[0]), end.isoformat()])
    del settings["kind"]
    return made(settings)


def later(date: str, weeks: int) -> str:
    """Return a date, or a local time, so many weeks later."""
    moved = datetime.datetime.fromisoformat(date) + datetime.timedelta(weeks=weeks)
    return moved.isoformat() if "T" in date else moved.date().isoformat()


def made(settings: dict[str, Any]) -> WeeklyCalendar:
    """Return the calendar with these settings; another draw if they contradict each other."""
    try:
        return WeeklyCalendar(**settings)
    except ConfigError:
        assume(False)
        raise


built_in = st.sampled_from(mtf.calendars.BUILT_IN).map(mtf.calendars.get)
drawn_or_built_in = st.one_of(calendars(), nightly(), built_in)
