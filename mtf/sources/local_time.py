"""Local time to UTC: fixed offsets and IANA zones, exact to the nanosecond.

When the clock goes back, a local time happens twice. It is read so that rows stay in order: as the first, unless that
is before the previous row, then as the second. When the clock goes forward, a local time may not exist at all; that is
reported. Compiled; a look-up is one comparison while the offset does not change.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.errors import ConfigError
from mtf.units import DAY_NS, SECOND_NS

__all__ = ["BAD_TIME", "NO_TIME_MAX", "SKIPPED_TIME", "UNKNOWN_ZONE", "Zone"]

# Long before any readable time (1843), and small enough for 63 bits: larger constants are objects when compiled.
BAD_TIME: Final = -4_000_000_000_000_000_000  # a time reader's result for text that is not a time
SKIPPED_TIME: Final = -3_999_999_999_999_999_999  # for a local time that the clock skipped
UNKNOWN_ZONE: Final = -3_999_999_999_999_999_998  # for a time with an unknown zone
NO_TIME_MAX: Final = UNKNOWN_ZONE  # the largest of these results: larger values are times

QUARTER_NS: Final = 900_000_000_000
SPAN_NS: Final = 518_400_000_000_000  # six days: clock changes are further apart
LOCAL_MAX_NS: Final = 7_300_000_000_000_000_000  # past 2200, and before 1970, the block builder refuses it anyway

_FIXED: Final = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?|[A-Z]{3}([+-]?)(\d{1,2})")


@mypyc_attr(native_class=True, acyclic=True)
class Zone:
    """The zone called *name*: an IANA name, `UTC`, `UTC-05:00`, `+02:00`, or POSIX `EST5` (fixed, five hours west)."""

    __slots__ = ("_from_ns", "_info", "_offset_ns", "_to_ns", "doubled", "name")

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.doubled: i64 = 0  # how many of the requested times the clock showed twice
        self._info: zoneinfo.ZoneInfo | None = None  # None if the offset is fixed
        self._offset_ns: i64 = 0  # local minus UTC, for local times in [_from_ns, _to_ns)
        self._from_ns: i64 = 0
        self._to_ns: i64 = 0
        if name in {"UTC", "Z", "GMT"}:
            return
        match = _FIXED.fullmatch(name)
        if match is not None:
            self._offset_ns = _fixed_seconds(match) * SECOND_NS
            return
        try:
            self._info = zoneinfo.ZoneInfo(name)
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
            raise ConfigError(
                f"unknown time zone {name!r}: give an IANA name, such as America/New_York, or an offset like UTC-05:00"
            ) from error

    @property
    def fixed(self) -> bool:
        """True if the offset never changes."""
        return self._info is None

    def to_utc(self, local_ns: i64, not_before_ns: i64) -> i64:
        """Return the UTC time of local time *local_ns*; of two, the first that is not before *not_before_ns*.

        SKIPPED_TIME if the clock went forward over it.
        """
        if self._info is None or self._from_ns <= local_ns < self._to_ns:
            return local_ns - self._offset_ns
        return self._look_up(local_ns, not_before_ns)

    def _look_up(self, local_ns: i64, not_before_ns: i64) -> i64:
        if local_ns < -DAY_NS or local_ns > LOCAL_MAX_NS:
            return local_ns
        if (
            self._learn(local_ns - local_ns % SPAN_NS, SPAN_NS)
            or self._learn(local_ns - local_ns % DAY_NS, DAY_NS)
            or self._learn(local_ns - local_ns % QUARTER_NS, QUARTER_NS)
        ):
            return local_ns - self._offset_ns
        first = self._offset_at(local_ns, 0)
        second = self._offset_at(local_ns, 1)
        if first < second:
            return SKIPPED_TIME
        self.doubled += 1
        if local_ns - first >= not_before_ns:
            return local_ns - first
        return local_ns - second

    def _learn(self, from_ns: i64, length_ns: i64) -> bool:
        """Remember the offset of `[from_ns, from_ns + length_ns)` if it is constant.

        Only checks both ends: since 1970, no zone has changed its clock twice within six days.
        """
        offset = self._offset_at(from_ns, 0)
        last = from_ns + length_ns - SECOND_NS
        if (
            self._offset_at(from_ns, 1) != offset
            or self._offset_at(last, 0) != offset
            or self._offset_at(last, 1) != offset
        ):
            return False
        self._offset_ns = offset
        self._from_ns = from_ns
        self._to_ns = from_ns + length_ns
        return True

    def _offset_at(self, local_ns: i64, fold: int) -> i64:
        local = _EPOCH + datetime.timedelta(seconds=int(local_ns // SECOND_NS))
        delta = local.replace(fold=fold, tzinfo=self._info).utcoffset()
        assert delta is not None, "a zone has an offset"
        return i64(delta.days * 86_400 + delta.seconds) * SECOND_NS


_EPOCH: Final = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - a local time, which is the point


def _fixed_seconds(match: re.Match[str]) -> int:
    if match[2] is not None:
        seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60
        return -seconds if match[1] == "-" else seconds
    seconds = int(match[5]) * 3600  # POSIX counts westwards
    return seconds if match[4] == "-" else -seconds
