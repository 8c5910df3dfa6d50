"""Local wall time as instants, and the version of the tz database."""

from __future__ import annotations

import re
import zoneinfo

import pytest

from mtf.calendars.zone import find_zone, tzdata_version, wall_ns
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
