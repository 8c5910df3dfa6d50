"""Trading hours as text and as numbers: `Sun 17:00 - Fri 17:00`, `Mon-Fri 09:30-16:00`, `13:00`, `2024-12-25`.

Owns the notation and the arithmetic of a week: stretches of it, merged, less the breaks, and cut into the sessions of
each weekday, with the nights before it. All of it is wall time in seconds, independent of zones and instants.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Final

from mtf.calendars.zone import DAY_S
from mtf.errors import ConfigError

__all__ = [
    "WEEK_S",
    "Stretch",
    "date_of",
    "night_among_hours",
    "ordinary_days",
    "sessions_by_weekday",
    "sessions_of",
    "stretches_by_start",
    "text_of_sessions",
    "text_of_time",
    "text_of_week",
    "time_of",
    "wall_of",
    "week_of",
    "without",
]

WEEK_S: Final = 7 * DAY_S

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TIME: Final = r"(\d\d:\d\d(?::\d\d)?)"
_WEEKDAY: Final = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_EACH_DAY: Final = re.compile(rf"{_WEEKDAY}(?:\s*-\s*{_WEEKDAY})?\s+{_TIME}\s*-\s*{_TIME}")
_ONE_STRETCH: Final = re.compile(rf"{_WEEKDAY}\s+{_TIME}\s*-\s*{_WEEKDAY}\s+{_TIME}")
_SESSION: Final = re.compile(rf"{_TIME}\s*-\s*{_TIME}")

Stretch = tuple[int, int]  # [from, until) in seconds


def time_of(text: object) -> int:
    """Return the seconds since midnight of `17:00` or `16:59:30` (or a datetime.time); `24:00` is 86,400."""
    if isinstance(text, datetime.time):
        text = text.isoformat()
    if isinstance(text, str) and re.fullmatch(_TIME, text):
        hour, minute, second = (int(part) for part in (text + ":00").split(":")[:3])
        total = hour * 3600 + minute * 60 + second
        if minute < 60 and second < 60 and total <= DAY_S:
            return total
    raise ConfigError(f"invalid time of day {text!r}: write it as 17:00 or 16:59:30, from 00:00 to 24:00")


def date_of(value: object) -> datetime.date:
    """Return *value*, a date or text such as 2024-12-25, as a date."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    if isinstance(value, str):
        try:
            return datetime.date.fromisoformat(value)
        except ValueError:
            pass
    raise ConfigError(f"invalid date {value!r}: write it as 2024-12-25")


def wall_of(value: object) -> datetime.datetime:
    """Return *value*, a naive datetime or text such as 2024-12-24T13:00, as wall time in the calendar's zone."""
    wall = value
    if isinstance(wall, str):
        try:
            wall = datetime.datetime.fromisoformat(wall)
        except ValueError:
            wall = None
    if isinstance(wall, datetime.datetime) and wall.tzinfo is None and wall.microsecond == 0:
        return wall
    raise ConfigError(
        f"invalid local time {value!r}: write it as 2024-12-24T13:00, without an offset (it is in the calendar's zone)"
    )


def week_of(hours: Iterable[str], breaks: Iterable[str], what: str = "hours") -> tuple[Stretch, ...]:
    """Return the open stretches of a week, in seconds from Monday 00:00, in order; one may end in the next week.

    *what* is the name of *hours* in messages.
    """
    return _joined(without(_merged(hours, what), _merged(breaks, "breaks")))


def sessions_by_weekday(week: Iterable[Stretch], day_close_s: int) -> tuple[tuple[Stretch, ...], ...]:
    """Return for each weekday the sessions of the trading day that closes on it, in seconds from its midnight.

    A trading day is the 24 hours up to *day_close_s*; times before midnight are negative.
    """
    stretches = [(start + shift, end + shift) for start, end in week for shift in (-WEEK_S, 0, WEEK_S)]
    days = []
    for weekday in range(7):
        midnight = weekday * DAY_S
        low, high = midnight + day_close_s - DAY_S, midnight + day_close_s
        cut = sorted((max(low, start), min(high, end)) for start, end in stretches if start < high and end > low)
        days.append(tuple((start - midnight, end - midnight) for start, end in cut))
    return tuple(days)


def stretches_by_start(week: Iterable[Stretch]) -> tuple[tuple[Stretch, ...], ...]:
    """Return for each weekday the stretches of *week* that start on it, in seconds from its midnight."""
    days: list[list[Stretch]] = [[] for _ in range(7)]
    for start, end in week:
        midnight = start // DAY_S * DAY_S
        days[start // DAY_S].append((start - midnight, end - midnight))
    return tuple(map(tuple, days))


def ordinary_days(
    weekdays: Sequence[tuple[Stretch, ...]], nights: Sequence[tuple[Stretch, ...]]
) -> dict[int, tuple[Stretch, ...]]:
    """Return the sessions of each weekday's trading day, in order, in seconds from its midnight.

    They are the day sessions in *weekdays*, and the night sessions in *nights* (by the weekday they start on) since the
    previous trading day. A weekday without day sessions is left out. ConfigError if a night overlaps a day session.
    """
    found: dict[int, tuple[Stretch, ...]] = {}
    for weekday, sessions in enumerate(weekdays):
        if not sessions:
            continue
        back = next(days for days in range(1, 8) if weekdays[(weekday - days) % 7])
        before_s = weekdays[(weekday - back) % 7][-1][1] - back * DAY_S  # where the previous trading day ends
        for days in range(back + 1):
            for start, end in nights[(weekday - days) % 7]:
                if before_s <= start - days * DAY_S < sessions[-1][1]:
                    sessions = (*sessions, (start - days * DAY_S, end - days * DAY_S))
        found[weekday] = tuple(sorted(sessions))
    every = sorted(
        (weekday * DAY_S + start + shift, weekday * DAY_S + end + shift)
        for by_weekday in (weekdays, nights)
        for weekday, stretches in enumerate(by_weekday)
        for start, end in stretches
        for shift in (-WEEK_S, 0, WEEK_S)
    )
    for (_, end), (start, _) in itertools.pairwise(every):
        if start < end:
            raise ConfigError(f"night and hours overlap at {_text_of_start(start % WEEK_S)}: write each stretch once")
    return found


def night_among_hours(week: Iterable[Stretch], day_close_s: int) -> Stretch | None:
    """Return a stretch of *week* that should be a night session; None if there is none.

    It makes a trading day on whose own date no session begins, although sessions of other trading days do begin on
    theirs. A stretch of more than a day is round-the-clock trading and is not considered.
    """
    stretches = [(start + shift, end + shift) for start, end in week for shift in (-WEEK_S, 0, WEEK_S)]
    own = False
    alone: Stretch | None = None
    for weekday in range(7):
        midnight = weekday * DAY_S
        low, high = midnight + day_close_s - DAY_S, midnight + day_close_s
        begun = [stretch for stretch in stretches if stretch[0] < high and stretch[1] > low]
        if any(midnight <= start for start, _ in begun):
            own = True
        elif begun and all(end - start <= DAY_S for start, end in begun):
            alone = begun[-1]
    return None if alone is None or not own else (alone[0] % WEEK_S, alone[0] % WEEK_S + alone[1] - alone[0])


def sessions_of(text: str, day_close_s: int) -> tuple[Stretch, ...]:
    """Return the sessions of one trading day, as `09:00-11:30, 12:30-15:00`, in seconds from its midnight.

    A time after the day's close is on the evening before.
    """
    sessions: list[Stretch] = []
    for part in text.split(","):
        match = _SESSION.fullmatch(part.strip())
        if match is None:
            raise ConfigError(f"invalid hours {text!r}: write those of one day as 09:00-11:30, 12:30-15:00")
        start, end = time_of(match[1]), time_of(match[2])
        start -= DAY_S if start >= day_close_s else 0
        end -= DAY_S if end > day_close_s else 0
        end += DAY_S if end <= start else 0
        if end > day_close_s or (sessions and start <= sessions[-1][1]):
            raise ConfigError(
                f"hours {text!r}: the sessions of a day must be in order, apart, and end by its close at "
                f"{text_of_time(day_close_s)}"
            )
        sessions.append((start, end))
    return tuple(sessions)


def text_of_time(second: int) -> str:
    """Return *second* of a day as 17:00, or 16:59:30 if it is not a whole minute; 24:00 is the end of the day."""
    if not 0 <= second <= DAY_S:
        second %= DAY_S
    text = f"{second // 3600:02}:{second // 60 % 60:02}"
    return text if second % 60 == 0 else f"{text}:{second % 60:02}"


def text_of_week(week: Iterable[Stretch]) -> list[str]:
    """Return the stretches of a week as `week_of` reads them."""
    return [f"{_text_of_start(start)} - {_text_of_end(end)}" for start, end in week]


def text_of_sessions(sessions: Iterable[Stretch]) -> str:
    """Return the sessions of a day as `sessions_of` reads them."""
    return ", ".join(f"{text_of_time(start)}-{text_of_time(end)}" for start, end in sessions)


def without(stretches: list[Stretch], others: list[Stretch]) -> list[Stretch]:
    """Return *stretches* less *others*, both in order."""
    left = stretches
    for start, end in others:
        left = [(a, b) for x, y in left for a, b in ((x, min(y, start)), (max(x, end), y)) if a < b]
    return left


def _text_of_start(second: int) -> str:
    return f"{_WEEKDAYS[second // DAY_S % 7]} {text_of_time(second % DAY_S)}"


def _text_of_end(second: int) -> str:
    day = (second - 1) // DAY_S
    return f"{_WEEKDAYS[day % 7]} {text_of_time(second - day * DAY_S)}"


def _merged(texts: Iterable[str], what: str) -> list[Stretch]:
    """Return *texts* parsed into ordered stretches within one week, merging those that touch."""
    if isinstance(texts, str):
        raise ConfigError(f"{what} must be a list: write [{texts!r}]")
    pieces: list[Stretch] = []
    for text in texts:
        for start, end in _parsed(text):
            pieces += [(start, end)] if end <= WEEK_S else [(start, WEEK_S), (0, end - WEEK_S)]
    pieces.sort()
    merged: list[Stretch] = []
    for start, end in pieces:
        if merged and start < merged[-1][1]:
            raise ConfigError(f"{what} overlap on {_text_of_start(start)}: write each stretch once")
        if merged and start == merged[-1][1]:
            start = merged.pop()[0]
        merged.append((start, end))
    return merged


def _parsed(text: object) -> list[Stretch]:
    """Return the stretches of one entry; each starts within the week and may end in the next."""
    one = _ONE_STRETCH.fullmatch(text.strip()) if isinstance(text, str) else None
    if one is not None:
        start = _WEEKDAYS.index(one[1]) * DAY_S + time_of(one[2])
        end = _WEEKDAYS.index(one[3]) * DAY_S + time_of(one[4])
        start %= WEEK_S
        return [(start, end if end > start else end + WEEK_S)]
    each = _EACH_DAY.fullmatch(text.strip()) if isinstance(text, str) else None
    if each is None:
        raise ConfigError(f"invalid hours {text!r}: write them as 'Mon-Fri 09:30-16:00' or 'Sun 17:00 - Fri 17:00'")
    first = _WEEKDAYS.index(each[1])
    count = (_WEEKDAYS.index(each[2]) - first) % 7 + 1 if each[2] else 1
    opens, closes = time_of(each[3]), time_of(each[4])
    if opens == DAY_S:
        raise ConfigError(f"hours {text!r} start at 24:00: write 00:00 of the next day")
    closes += DAY_S if closes <= opens else 0
    days = [(first + position) % 7 * DAY_S for position in range(count)]
    return [(day + opens, day + closes) for day in days]


def _joined(stretches: list[Stretch]) -> tuple[Stretch, ...]:
    """Return *stretches* with the two halves of one that crosses the end of the week joined again."""
    if len(stretches) > 1 and stretches[0][0] == 0 and stretches[-1][1] == WEEK_S:
        stretches = [*stretches[1:-1], (stretches[-1][0], WEEK_S + stretches[0][1])]
    return tuple(stretches)
