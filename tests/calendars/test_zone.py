"""Local wall time as instants, and the version of the tz database."""

from __future__ import annotations

import importlib.resources
import itertools
import re
import struct
import zoneinfo
from pathlib import Path

import pytest

from mtf.calendars.zone import PROBE_S, changes_between, find_zone, tzdata_version, wall_ns
from tests.calendars.builders import SECOND_NS, text, utc


def local(zone: str, stamp: str) -> str:
    """Return in UTC what the clock of *zone* shows as *stamp*."""
    return text(wall_ns(find_zone(zone), utc(stamp) // SECOND_NS))


@pytest.mark.parametrize(
    ("stamp", "instant"),
    [
        ("2024-03-10 01:59", "2024-03-10 06:59"),
        ("2024-03-10 02:00", "2024-03-10 07:00"),  # jumped over: the instant of the jump
        ("2024-03-10 02:30", "2024-03-10 07:00"),
        ("2024-03-10 02:59", "2024-03-10 07:00"),
        ("2024-03-10 03:00", "2024-03-10 07:00"),
        ("2024-03-10 03:01", "2024-03-10 07:01"),
        ("2024-11-03 00:59", "2024-11-03 04:59"),
        ("2024-11-03 01:00", "2024-11-03 05:00"),  # comes twice: the first
        ("2024-11-03 01:59", "2024-11-03 05:59"),
        ("2024-11-03 02:00", "2024-11-03 07:00"),
        ("1969-12-31 19:00", "1970-01-01 00:00"),
        ("2199-12-31 19:00", "2200-01-01 00:00"),
    ],
)
def test_wall_time_is_the_first_instant_that_shows_it_or_later(stamp: str, instant: str) -> None:
    """Boundaries never change their order, whatever the clock does."""
    assert local("America/New_York", stamp) == instant


def test_date_line_crossed_by_a_zone_is_one_jump() -> None:
    """Samoa had no 2011-12-30: each of its wall times is the midnight that was jumped from."""
    assert local("Pacific/Apia", "2011-12-30 00:00") == "2011-12-30 10:00"
    assert local("Pacific/Apia", "2011-12-30 23:59") == "2011-12-30 10:00"
    assert local("Pacific/Apia", "2011-12-31 00:00") == "2011-12-30 10:00"


def test_tzdata_version_names_a_release() -> None:
    """A log keeps it: another release may know other changes."""
    assert re.fullmatch(r"20\d\d[a-z]", tzdata_version())


def test_tzdata_version_of_the_package_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """zoneinfo reads the tzdata package there, so its version counts."""
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    assert re.fullmatch(r"20\d\d[a-z]", tzdata_version())


def listed_changes(key: str) -> list[tuple[int, int, int]]:
    """Return the changes of offset that the file of a zone lists: second in UTC, offset before and after (RFC 8536)."""
    raw = next((path.read_bytes() for folder in zoneinfo.TZPATH if (path := Path(folder) / key).is_file()), b"")
    if not raw:
        package, _, name = f"tzdata/zoneinfo/{key}".rpartition("/")
        raw = importlib.resources.files(package.replace("/", ".")).joinpath(name).read_bytes()
    isut, isstd, leaps, times, types, chars = struct.unpack_from(">6l", raw, 20)
    at = 44 + times * 5 + types * 6 + chars + leaps * 8 + isstd + isut  # the second header: 64-bit times
    _, _, _, times, types, _ = struct.unpack_from(">6l", raw, at + 20)
    at += 44
    seconds = struct.unpack_from(f">{times}q", raw, at)
    kinds = raw[at + 8 * times : at + 9 * times]
    offsets = [struct.unpack_from(">l", raw, at + 9 * times + 6 * kind)[0] for kind in range(types)]
    before = offsets[0]
    found = []
    for second, kind in zip(seconds, kinds, strict=True):
        if offsets[kind] != before:
            found.append((second, before, offsets[kind]))
        before = offsets[kind]
    return found


def test_no_zone_changes_its_clock_twice_between_two_probes() -> None:
    """So that looking every three days misses nothing: of all zones, the shortest summer lasted four days."""
    shortest = min(
        later[0] - earlier[0]
        for key in zoneinfo.available_timezones()
        for earlier, later in itertools.pairwise(listed_changes(key))
    )
    assert shortest > PROBE_S


@pytest.mark.parametrize("key", ["America/New_York", "Africa/Freetown", "America/Noronha", "Pacific/Apia", "Asia/Gaza"])
def test_changes_are_those_that_the_zone_lists(key: str) -> None:
    """Every one from 1900 to 2036, with its second; zones that had short summers, and one that left out a day."""
    first, last = (utc(f"{year}-01-01 00:00") // SECOND_NS for year in (1900, 2036))
    expected = [change for change in listed_changes(key) if first < change[0] <= last]
    listed_to = max([change[0] for change in expected], default=first)
    found = list(changes_between(find_zone(key), first, last))
    assert [change for change in found if change[0] <= listed_to] == expected
    assert len(found) >= 2


def test_zone_without_changes_is_not_looked_at() -> None:
    """UTC."""
    assert changes_between(find_zone("UTC"), 0, 1 << 40) == ()
