"""Local clocks to UTC, where they are set forth and back."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.errors import ConfigError
from mtf.sources.local_time import SKIPPED_TIME, Zone

HOUR_NS = 3_600 * 10**9


def local(text: str) -> int:
    """The nanoseconds of a wall clock that shows *text*, as if it were UTC's."""
    return int(datetime.datetime.fromisoformat(f"{text}+00:00").timestamp()) * 10**9


@pytest.mark.parametrize(
    ("name", "hours"),
    [("UTC", 0), ("UTC-05:00", -5), ("-05:00", -5), ("+2", 2), ("GMT+5:30", 5.5), ("EST5", -5), ("EST", -5)],
)
def test_fixed_offsets(name: str, hours: float) -> None:
    assert Zone(name).to_utc(local("2014-07-01 12:00"), 0) == local("2014-07-01 12:00") - int(hours * HOUR_NS)


def test_summer_and_winter() -> None:
    zone = Zone("America/New_York")
    assert zone.to_utc(local("2014-07-01 12:00"), 0) == local("2014-07-01 16:00")
    assert zone.to_utc(local("2014-01-01 12:00"), 0) == local("2014-01-01 17:00")


def test_doubled_hour_is_read_so_that_order_is_kept() -> None:
    """2014-11-02, 01:00 to 02:00 in New York: 01:30 is the first, then 01:10 can only be the second, and so on."""
    zone = Zone("America/New_York")
    at, seen = 0, []
    for text in ("00:59", "01:10", "01:30", "01:10", "01:30", "02:00"):
        at = zone.to_utc(local(f"2014-11-02 {text}"), at)
        seen.append(at)
    assert seen == [local(f"2014-11-02 {text}") for text in ("04:59", "05:10", "05:30", "06:10", "06:30", "07:00")]


def test_skipped_hour_is_no_time() -> None:
    zone = Zone("America/New_York")
    assert zone.to_utc(local("2014-03-09 01:59"), 0) == local("2014-03-09 06:59")
    assert zone.to_utc(local("2014-03-09 02:30"), 0) == SKIPPED_TIME
    assert zone.to_utc(local("2014-03-09 03:00"), 0) == local("2014-03-09 07:00")


@given(
    st.sampled_from(
        ["America/New_York", "Europe/Athens", "Australia/Lord_Howe", "Africa/Casablanca", "America/Caracas"]
    ),
    st.lists(st.integers(0, 80 * 365 * 24 * 60), min_size=1, max_size=20),
)
def test_every_instant_comes_back_from_its_local_time(name: str, minutes: list[int]) -> None:
    """Whatever was asked before: what is remembered must not leak over a change of the clock."""
    zone, info = Zone(name), zoneinfo.ZoneInfo(name)
    for minute in minutes:
        utc = datetime.datetime.fromtimestamp(minute * 60, info)
        wall = local(utc.replace(tzinfo=None, fold=0).isoformat())
        # The instant itself as the lower bound settles which of two it is.
        assert zone.to_utc(wall, minute * 60 * 10**9) == minute * 60 * 10**9


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "UTC+abc"])
def test_unknown_zone_says_what_to_give(name: str) -> None:
    with pytest.raises(ConfigError, match="IANA"):
        Zone(name)
