"""Times as users write them, and as they are shown to people."""

from __future__ import annotations

import click
import pytest

from mtf.cli.times import clock_text, moment_of, moment_text, time_of, typed_time
from mtf.data.moments import Moment
from mtf.markup import left_text


@pytest.mark.parametrize(
    ("text", "ts_ns"),
    [
        ("1970-01-01T00:00Z", 0),
        ("2024-03-06T10:00:00Z", 1_709_719_200_000_000_000),
        ("2024-03-06 11:00+01:00", 1_709_719_200_000_000_000),
        ("2024-03-06T10:00:00.5Z", 1_709_719_200_500_000_000),
        ("2024-03-06T10:00:00.123456789Z", 1_709_719_200_123_456_789),
        ("2024-03-06T15:30:00,000000001+05:30", 1_709_719_200_000_000_001),
        ("20240306T100000Z", 1_709_719_200_000_000_000),
        ("1709719200000000000", 1_709_719_200_000_000_000),
        (" 5 ", 5),
    ],
)
def test_time_keeps_every_nanosecond(text: str, ts_ns: int) -> None:
    """No float and no microsecond is on the way."""
    assert time_of(text) == ts_ns


@pytest.mark.parametrize("text", ["2024-03-06T10:00", "2024-03-06", "2024-03-06T10:00:00.5", "20240306T100000"])
def test_naive_time_is_refused_with_what_to_write(text: str) -> None:
    """Which zone was meant cannot be guessed."""
    with pytest.raises(click.BadParameter, match=r"has no time zone: write 2024-03-06T\S+Z"):
        time_of(text)


@pytest.mark.parametrize(
    "text", ["", "now", "2024-13-01T00:00Z", "1677-12-31T23:59Z", "2300-01-01T00:00Z", "-5.5", "1" * 40]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Out of the range that events can have, too."""
    with pytest.raises(click.BadParameter):
        time_of(text)


def test_a_small_integer_is_a_seq_and_a_large_one_a_time() -> None:
    """No market has 10^15 events, and nobody asks for the first eleven days of 1970."""
    assert moment_of("999999999999999") == Moment(seq=999_999_999_999_999)
    assert moment_of("1000000000000000") == Moment(ts_ns=1_000_000_000_000_000)
    assert moment_of("2024-03-06T10:00Z") == Moment(ts_ns=1_709_719_200_000_000_000)


@pytest.mark.parametrize(
    ("ts_ns", "text"),
    [
        (1_709_719_200_000_000_000, "2024-03-06 10:00:00Z"),
        (1_709_719_200_500_000_000, "2024-03-06 10:00:00.500Z"),
        (1_709_719_200_000_000_001, "2024-03-06 10:00:00.000000001Z"),
        (-1_325_635_200_000_000_000, "1927-12-30 00:00:00Z"),
        (-500_000_000, "1969-12-31 23:59:59.500Z"),
        (-1, "-"),
        (None, "-"),
    ],
)
def test_time_is_shown_with_as_much_fraction_as_it_has(ts_ns: int | None, text: str) -> None:
    """Groups of three digits, so that columns stay even."""
    assert clock_text(ts_ns) == text


def test_what_is_left_is_counted_down_to_its_last_second() -> None:
    """A bar that still forms is never said to have nothing left."""
    assert left_text(1) == "0:01"
    assert left_text(19_296_000_000) == "0:20"
    assert left_text(1_580_000_000_000) == "26:20"
    assert left_text(12_380_000_000_000) == "3h 26m"
    assert left_text(200_000_000_000_000) == "2d 7h"
    assert left_text(0) == "0:00"


@pytest.mark.parametrize("text", ["2024-03-06T10:17Z", "2024-03-06T10:17:30Z", "2024-03-06T10:00:00.500Z"])
def test_a_time_is_typed_as_short_as_it_can_be(text: str) -> None:
    """What is printed for the user to type is read back as the same time."""
    assert typed_time(time_of(text)) == text


def test_moments_are_shown_to_the_second() -> None:
    """A screen is not a log."""
    assert moment_text(1_709_719_200_999_999_999) == "2024-03-06 10:00:00Z"
