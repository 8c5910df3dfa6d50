"""Times as users give them: integer nanoseconds UTC, an aware datetime, or ISO 8601 text with a zone.

Naive datetimes are refused, because their zone would be a guess. Nanoseconds are kept, which datetime would cut to
microseconds.
"""

from __future__ import annotations

import datetime
import re
from operator import index
from typing import Final, SupportsIndex

import attrs

from mtf.errors import ConfigError
from mtf.units import SECOND_NS, TS_MAX_NS, TS_MIN_NS

__all__ = ["SEQ_MAX", "Moment", "Time", "moment", "nanoseconds"]

SEQ_MAX: Final = 10**15  # if both are possible, an integer up to this is a seq, a larger one nanoseconds
US_NS: Final = 1_000

Time = SupportsIndex | datetime.datetime | str

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,30}")
_ISO: Final = re.compile(r"(?P<head>[^.,]+?:\d\d:\d\d)[.,](?P<fraction>\d{1,9})(?P<zone>.*)")


@attrs.frozen(kw_only=True)
class Moment:
    """A place in a log: after the event *seq*, at the time *ts_ns*, or at its end if neither is given."""

    seq: int | None = None
    ts_ns: int | None = None


def nanoseconds(given: Time) -> int:
    """Return *given* in nanoseconds UTC; ConfigError, with the valid forms, if it is not a time."""
    if isinstance(given, str):
        ts_ns = _of_text(given.strip())
    elif isinstance(given, datetime.datetime):
        if given.tzinfo is None:
            raise ConfigError(f"{given.isoformat()} has no time zone: give it one, such as tzinfo=datetime.UTC")
        # A pandas Timestamp is a datetime, with its nanoseconds in a separate attribute.
        ts_ns = (given - _EPOCH) // datetime.timedelta(microseconds=1) * US_NS + getattr(given, "nanosecond", 0)
    else:
        ts_ns = _whole(given)
    if not TS_MIN_NS <= ts_ns <= TS_MAX_NS:
        raise ConfigError(f"{str(given)!r} is before 1678 or after 2200")
    return ts_ns


def moment(given: Time | Moment | None) -> Moment:
    """Return *given* as a seq or a time; None is the end of the log."""
    if given is None:
        return Moment()
    if isinstance(given, Moment):
        return given
    if isinstance(given, str) and _WHOLE.fullmatch(given.strip()):
        given = int(given)
    if not isinstance(given, str | datetime.datetime):
        whole = _whole(given)
        if whole < SEQ_MAX:
            if whole < 0:
                raise ConfigError(f"invalid seq {whole}: the first is 1")
            return Moment(seq=whole)
    return Moment(ts_ns=nanoseconds(given))


def _whole(given: SupportsIndex) -> int:
    try:
        return index(given)
    except TypeError:
        raise ConfigError(
            f"invalid time {given!r}: give nanoseconds as an int, an aware datetime, or text such as 2024-03-06T10:00Z"
        ) from None


def _of_text(text: str) -> int:
    if _WHOLE.fullmatch(text):
        return int(text)
    match = _ISO.fullmatch(text)
    fraction = match["fraction"] if match else ""
    try:
        moment = datetime.datetime.fromisoformat(match["head"] + match["zone"] if match else text)
    except ValueError:
        raise ConfigError(f"invalid time {text!r}: use the form 2024-03-06T10:00Z, or nanoseconds since 1970") from None
    if moment.tzinfo is None:
        raise ConfigError(
            f"{text!r} has no time zone: write {moment.isoformat()}Z for UTC, or append an offset such as +01:00"
        )
    return (moment - _EPOCH) // datetime.timedelta(seconds=1) * SECOND_NS + int(fraction.ljust(9, "0"))
