"""Local wall time: the instant at which a zone's clock shows a time, and the version of tzdata behind it.

Owns the rule for local times that occur twice or not at all: a wall time means the first instant at which the zone's
clock shows that time or a later one. So an ambiguous time is its first occurrence (fold 0), one that the clock skips is
the instant of the jump, and boundaries never change their order. All knowledge of daylight saving comes from zoneinfo.
"""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import zoneinfo
from pathlib import Path
from typing import Final

from mtf.errors import ConfigError
from mtf.units import SECOND_NS

__all__ = [
    "DAY_S",
    "EPOCH_ORDINAL",
    "PROBE_S",
    "changes_between",
    "find_zone",
    "local_text",
    "offset_at",
    "tzdata_version",
    "wall_ns",
]

DAY_S: Final = 86_400
EPOCH_ORDINAL: Final = datetime.date(1970, 1, 1).toordinal()
PROBE_S: Final = 3 * DAY_S  # no zone has ever changed its clock twice in less than this; a test checks them all

_EPOCH: Final = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  a wall time has no zone
_PROBE: Final = datetime.timedelta(seconds=PROBE_S)


def find_zone(key: str) -> zoneinfo.ZoneInfo:
    """Return the zone of the IANA name *key*; ConfigError if there is none."""
    try:
        return zoneinfo.ZoneInfo(key)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"unknown time zone {key!r}: write an IANA name such as Asia/Tokyo (and install tzdata if it is missing)"
        ) from error


def wall_ns(zone: zoneinfo.ZoneInfo, wall_s: int) -> int:
    """Return the first instant at which the clock of *zone* shows *wall_s* or later.

    *wall_s* is wall time as seconds since 1970-01-01 00:00, as if every day had 24 hours.
    """
    fixed = zone.utcoffset(None)
    if fixed is not None:
        return (wall_s - fixed.days * DAY_S - fixed.seconds) * SECOND_NS
    wall = _EPOCH + datetime.timedelta(seconds=wall_s)
    first = _offset_s(zone, wall)
    second = _offset_s(zone, wall.replace(fold=1))
    if first >= second:  # shown once, or twice: take the earlier
        return (wall_s - first) * SECOND_NS
    return _jump_s(zone, wall_s - second, wall_s - first) * SECOND_NS


@functools.lru_cache(maxsize=4096)
def changes_between(zone: zoneinfo.ZoneInfo, from_s: int, to_s: int) -> tuple[tuple[int, int, int], ...]:
    """Return the clock changes of *zone* in `(from_s, to_s]`: the second in UTC, and the offset before and after."""
    if zone.utcoffset(None) is not None:  # a fixed offset
        return ()
    found: list[tuple[int, int, int]] = []
    utc = (_EPOCH + datetime.timedelta(seconds=from_s)).replace(tzinfo=zone)
    offset = zone.utcoffset(zone.fromutc(utc))
    for at in range(from_s, to_s, PROBE_S):
        utc += _PROBE
        after = zone.utcoffset(zone.fromutc(utc))
        if after != offset:
            then = at + PROBE_S
            jump_s = _jump_s(zone, at, then)
            if jump_s <= to_s:
                found.append((jump_s, offset_at(zone, at), offset_at(zone, then)))
            offset = after
    return tuple(found)


def offset_at(zone: zoneinfo.ZoneInfo, utc_s: int) -> int:
    """Return how far the clock of *zone* is ahead of UTC at *utc_s*, in seconds."""
    utc = (_EPOCH + datetime.timedelta(seconds=utc_s)).replace(tzinfo=zone)
    return _offset_s(zone, zone.fromutc(utc))


def local_text(zone: zoneinfo.ZoneInfo, utc_s: int) -> str:
    """Return the local time of day in *zone*, as 16:00, or 16:59:30 if it is not a whole minute."""
    utc = (_EPOCH + datetime.timedelta(seconds=utc_s)).replace(tzinfo=zone)
    return zone.fromutc(utc).strftime("%H:%M:%S").removesuffix(":00")


def tzdata_version() -> str:
    """Return the release of the tz database that zoneinfo reads, such as `2025b`; `unknown` if it cannot be found."""
    return _release_in(zoneinfo.TZPATH)


@functools.cache  # zoneinfo keeps the zones that it has read, too
def _release_in(folders: tuple[str, ...]) -> str:
    for folder in folders:
        root = Path(folder)
        if not (root / "UTC").exists():
            continue
        if (root / "+VERSION").is_file():
            return (root / "+VERSION").read_text("ascii").strip()
        if (root / "tzdata.zi").is_file():
            with (root / "tzdata.zi").open(encoding="ascii") as lines:
                return lines.readline().removeprefix("# version ").strip()
        return "unknown"
    try:
        year, _, number = importlib.metadata.version("tzdata").partition(".")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
    return f"{year}{chr(ord('a') + int(number.partition('.')[0]) - 1)}"


def _offset_s(zone: zoneinfo.ZoneInfo, wall: datetime.datetime) -> int:
    offset = zone.utcoffset(wall)
    assert offset is not None, "a ZoneInfo knows its offset at every wall time"
    return offset.days * DAY_S + offset.seconds


def _jump_s(zone: zoneinfo.ZoneInfo, before_s: int, after_s: int) -> int:
    """Return the second of the only change of offset in `(before_s, after_s]`."""
    old = offset_at(zone, before_s)
    while after_s - before_s > 1:
        middle = (before_s + after_s) // 2
        if offset_at(zone, middle) == old:
            before_s = middle
        else:
            after_s = middle
    return after_s
