"""Times on the command line, read as `mtf.data.moments` reads them, and times for people."""

from __future__ import annotations

import datetime
import re
from typing import Final

import click

from mtf.data.moments import Moment, moment, nanoseconds
from mtf.errors import ConfigError
from mtf.frames.snapshot import NO_TIME_NS
from mtf.units import SECOND_NS

__all__ = [
    "clock_text",
    "duration_of",
    "moment_of",
    "moment_text",
    "time_of",
    "typed_time",
]

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DURATION: Final = re.compile(r"(?P<count>[0-9]{1,12}(\.[0-9]{1,9})?)(?P<unit>ns|us|ms|s|m|h|d)?")
_DURATIONS: Final = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": SECOND_NS,
    "m": 60 * SECOND_NS,
    "h": 3_600 * SECOND_NS,
    "d": 86_400 * SECOND_NS,
}


def time_of(text: str) -> int:
    """Return the nanoseconds UTC that the user wrote; BadParameter says how to write it."""
    try:
        return nanoseconds(text)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from None


def moment_of(text: str) -> Moment:
    """Return the seq or the time that the user wrote."""
    try:
        return moment(text)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from None


def duration_of(text: str) -> int:
    """Return the nanoseconds of a duration such as `500ms`, `2s` or `1m`; `0` needs no unit."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or (match["unit"] is None and float(match["count"])):
        raise click.BadParameter(f"{text!r} is not a valid duration: use the form 500ms, 2s or 1m")
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
