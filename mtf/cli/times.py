"""Times on the command line: ISO 8601 with a zone, or integer nanoseconds UTC; never a naive one. And times for people.

Nanoseconds survive: what datetime cuts to microseconds is read here.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

import attrs
import click

from mtf.frames.snapshot import NO_TIME_NS
from mtf.units import SECOND_NS, TS_MAX_NS, TS_MIN_NS

__all__ = [
    "SEQ_MAX",
    "Moment",
    "clock_text",
    "duration_of",
    "left_text",
    "moment_of",
    "moment_text",
    "time_of",
    "typed_time",
]

SEQ_MAX: Final = 10**15  # if both are possible, a smaller integer is a seq, a larger one nanoseconds

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,30}")
_DURATION: Final = re.compile(r"(?P<count>[0-9]{1,12}(\.[0-9]{1,9})?)(?P<unit>ns|us|ms|s|m|h)?")
_DURATIONS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3_600 * SECOND_NS}
_ISO: Final = re.compile(r"(?P<head>[^.,]+?:\d\d:\d\d)[.,](?P<fraction>\d{1,9})(?P<zone>.*)")


@attrs.frozen(kw_only=True)
class Moment:
    """A place in a log: after the event *seq*, at the time *ts_ns*, or at its end if neither is given."""

    seq: int | None = None
    ts_ns: int | None = None


def time_of(text: str) -> int:
    """Return the nanoseconds UTC that the user wrote; BadParameter says how to write it."""
    try:
        return _nanoseconds(text.strip())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def moment_of(text: str) -> Moment:
    """Return the seq or the time that the user wrote."""
    if _WHOLE.fullmatch(text.strip()) and int(text) < SEQ_MAX:
        if int(text) < 0:
            raise click.BadParameter(f"invalid seq {text}: the first is 1")
        return Moment(seq=int(text))
    return Moment(ts_ns=time_of(text))


def duration_of(text: str) -> int:
    """Return the nanoseconds of a duration that the user wrote, as `500ms`, `2s` or `1m`; `0` needs no unit."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or (match["unit"] is None and float(match["count"])):
        raise click.BadParameter(f"{text!r} is not a duration: write it as 500ms, 2s or 1m")
    return round(float(match["count"]) * _DURATIONS[match["unit"] or "s"])


def clock_text(ts_ns: int | None) -> str:
    """Return a time for people, in UTC: `2024-03-06 10:00:00Z`, with as much of the fraction as there is."""
    if ts_ns is None or ts_ns == NO_TIME_NS:
        return "-"
    seconds, rest = divmod(ts_ns, SECOND_NS)
    text = (_EPOCH + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")
    if rest:
        fraction = f"{rest:09d}"
        while fraction.endswith("000"):
            fraction = fraction[:-3]
        text += f".{fraction}"
    return text + "Z"


def moment_text(ts_ns: int) -> str:
    """Return a time for people to the second: `2024-03-06 10:00:00Z`."""
    return clock_text(ts_ns if ts_ns == NO_TIME_NS else ts_ns - ts_ns % SECOND_NS)


def typed_time(ts_ns: int) -> str:
    """Return a time in its shortest form for typing: `2024-03-06T10:00Z`."""
    return clock_text(ts_ns).replace(" ", "T").replace(":00Z", "Z")


def left_text(ns: int) -> str:
    """Return a duration for people: `0:20`, `26:20`, `3h 26m`, `2d 7h`; a part of a second counts."""
    seconds = -(-ns // SECOND_NS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24}d {hours % 24}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}:{seconds:02d}"


def _nanoseconds(text: str) -> int:
    if _WHOLE.fullmatch(text):
        ts_ns = int(text)
    else:
        match = _ISO.fullmatch(text)
        fraction = match["fraction"] if match else ""
        try:
            moment = datetime.datetime.fromisoformat(match["head"] + match["zone"] if match else text)
        except ValueError:
            raise ValueError(f"invalid time {text!r}: write 2024-03-06T10:00Z, or nanoseconds since 1970") from None
        if moment.tzinfo is None:
            raise ValueError(
                f"{text!r} has no time zone: write {moment.isoformat()}Z for UTC, or append an offset such as +01:00"
            )
        ts_ns = (moment - _EPOCH) // datetime.timedelta(seconds=1) * SECOND_NS + int(fraction.ljust(9, "0"))
    if not TS_MIN_NS <= ts_ns <= TS_MAX_NS:
        raise ValueError(f"{text!r} is before 1678 or after 2200")
    return ts_ns
