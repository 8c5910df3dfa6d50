"""Times as files write them."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.sources.local_time import BAD_TIME, UNKNOWN_ZONE, Zone
from mtf.sources.stamps import CIVIL_DMY, CIVIL_MDY, CIVIL_YMD, EPOCH, StampReader, civil_day, time_problem

UTC = Zone("UTC")
EPOCH_DATE = datetime.date(1970, 1, 1)


def stamp(text: str, kind: int = CIVIL_YMD, zone: Zone = UTC, **options: int) -> int:
    data = b"," + text.encode() + b","
    return StampReader(kind, zone, **options).read(data, 1, len(data) - 1)  # type: ignore[arg-type]


# 2014-05-01 00:00:00.292 UTC
AT = 1_398_902_400_292_000_000


@pytest.mark.parametrize(
    "text",
    [
        "2014-05-01T00:00:00.292Z",
        "2014-05-01 00:00:00.292",
        "2014-05-01T00:00:00,292",
        "2014-05-01T00:00:00.292000000Z",
        "2014-05-01 00:00:00.292000+00:00",
        "2014-05-01T02:00:00.292+02:00",
        "2014-04-30T19:00:00.292-0500",
        "2014-05-01 02:00:00.292 GMT+0200",
        "2014-05-01 00:00:00.292 UTC",
        "2014.05.01 00:00:00.292",
        "2014/5/1 0:00:00.292",
        "20140501 000000292",
        "20140501 00:00:00.292",
        "20140501000000292",
        "20140501T000000.292",
        "  2014-05-01 00:00:00.292  ",
    ],
)
def test_year_first_layouts(text: str) -> None:
    assert stamp(text) == AT


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("01.05.2014 00:00:00.292", CIVIL_DMY),
        ("1/5/14 00:00:00.292", CIVIL_DMY),
        ("05/01/2014 00:00:00.292", CIVIL_MDY),
        ("2014-05-01 00:00:00.292", CIVIL_DMY),
    ],
)
def test_day_or_month_first(text: str, kind: int) -> None:
    assert stamp(text, kind) == AT


def test_two_digit_years_turn_over_at_seventy() -> None:
    assert stamp("01/01/70", CIVIL_MDY) == 0
    assert stamp("12/31/69", CIVIL_MDY) == civil_day(2069, 12, 31) * 86_400 * 10**9


def test_time_without_seconds_and_date_without_time() -> None:
    assert stamp("20140501 00:00") == AT - 292_000_000
    assert stamp("2014-05-01") == AT - 292_000_000
    assert stamp("201405010000") == AT - 292_000_000


@pytest.mark.parametrize(("digits", "ns"), [("1", 10**8), ("123456789", 123_456_789), ("000000001", 1)])
def test_fraction_has_one_to_nine_digits(digits: str, ns: int) -> None:
    assert stamp(f"1970-01-01T00:00:00.{digits}Z") == ns


@pytest.mark.parametrize(
    ("text", "unit_ns", "ns"),
    [
        ("1398902400", 10**9, AT - 292_000_000),
        ("1398902400.292", 10**9, AT),
        ("1398902400292", 10**6, AT),
        ("1398902400292000", 10**3, AT),
        ("1398902400292000.5", 10**3, AT + 500),
        ("1398902400292000000", 1, AT),
        ("-1", 10**9, -(10**9)),
    ],
)
def test_epoch(text: str, unit_ns: int, ns: int) -> None:
    assert stamp(text, EPOCH, unit_ns=unit_ns) == ns


def test_epoch_counts_from_a_local_midnight() -> None:
    """Lean's equities: 14400000 ms into 2013-10-08 in New York is 08:00 UTC in summer."""
    reader = StampReader(
        EPOCH,
        Zone("America/New_York"),
        unit_ns=10**6,
        base_ns=civil_day(2013, 10, 8) * 86_400 * 10**9,
        local=True,
    )
    assert reader.read(b"14400000", 0, 8) == stamp("2013-10-08T08:00:00Z")


def test_date_and_clock_in_two_fields() -> None:
    assert StampReader(CIVIL_YMD, UTC).read_two(b"2012.05.01,00:01", 0, 10, 11, 16) == stamp("2012-05-01 00:01")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2014-13-01",
        "2014-02-29",
        "2014-00-10",
        "2014-05-01T24:00:00",
        "2014-05-01T00:60:00",
        "2014-05-01T00:00:60",
        "2014-05-01T00:00:00.",
        "2014-05-01T00:00:00.1234567891",
        "2014-05-01T00:00:00X",
        "2014-05-01T00:00:00+25:00",
        "2014-05-01T",
        "2014-05-0100:00",
        "2014-05",
        "1889-05-01",
        "2014-05-01 13:00 PM",
        "2014-05-01 0:30 AM",
        "2014-05-01 09",
        "Mae 6, 2024",
        "Mar 2024",
        "6-Mar",
        "31-Feb-2024",
        "2014-05-01T1:2:3",
    ],
)
def test_what_is_no_time_says_so(text: str) -> None:
    assert stamp(text) == BAD_TIME


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("1/25/2024 9:30:00 AM", "2024-01-25T09:30:00Z"),
        ("1/25/2024 1:30:00 PM", "2024-01-25T13:30:00Z"),
        ("1/25/2024 12:00 AM", "2024-01-25T00:00:00Z"),
        ("1/25/2024 12:00PM", "2024-01-25T12:00:00Z"),
        ("1/25/2024 1:30:00.5 pm", "2024-01-25T13:30:00.5Z"),
        ("1/25/2024, 1:30:00\u202fp.m.", "2024-01-25T13:30:00Z"),
        ("1/25/2024 1:30 PM -0500", "2024-01-25T18:30:00Z"),
        ("1/25/2024 9 AM", "2024-01-25T09:00:00Z"),
        ("2019-10-17 09-PM", "2019-10-17T21:00:00Z"),
    ],
)
def test_times_of_day_may_be_counted_to_twelve(text: str, iso: str) -> None:
    """The afternoon is twelve hours later, but for its first hour."""
    assert stamp(text, CIVIL_MDY) == stamp(iso)


@pytest.mark.parametrize(
    "text",
    ["06-Mar-2024 10:00", "6 March 24 10:00", "Mar 6, 2024 10:00", "06Mar2024 10:00", "2024-MAR-06 10:00"],
)
@pytest.mark.parametrize("kind", [CIVIL_YMD, CIVIL_DMY, CIVIL_MDY])
def test_months_may_have_their_names(text: str, kind: int) -> None:
    """Then it is plain which of the numbers is the day."""
    assert stamp(text, kind) == stamp("2024-03-06T10:00:00Z")


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("20221125 09:30:00 US/Eastern", "2022-11-25T14:30:00Z"),
        ("2022-07-25 09:30:00 America/New_York", "2022-07-25T13:30:00Z"),
        ("2022-07-25 09:30:00 EDT", "2022-07-25T13:30:00Z"),
        ("2022-11-25 09:30:00 EST", "2022-11-25T14:30:00Z"),
        ("2022-11-25 09:30:00 UTC+1", "2022-11-25T08:30:00Z"),
        ("20221125  09:30:00 America/New_York", "2022-11-25T14:30:00Z"),
        ("20221125-14:30:00 UTC", "2022-11-25T14:30:00Z"),
    ],
)
def test_a_zone_may_stand_behind_the_time(text: str, iso: str) -> None:
    """It counts for that time, whatever the zone of the file."""
    assert stamp(text, CIVIL_YMD, Zone("Asia/Tokyo")) == stamp(iso)


@pytest.mark.parametrize("zone", ["US/Estern", "CST", "IST", "XYZ"])
def test_a_zone_that_is_not_known_is_the_reason(zone: str) -> None:
    """Also an abbreviation that means several: the time is not read an hour or half a day off."""
    answer = stamp(f"2022-11-25 09:30:00 {zone}")
    assert answer == UNKNOWN_ZONE
    assert time_problem(answer) == "the time has an unknown zone"


def test_a_zone_behind_one_time_is_not_that_of_the_next() -> None:
    reader = StampReader(CIVIL_YMD, UTC)
    first, second = b"2022-11-25 09:30:00 US/Eastern", b"2022-11-25 09:30:00"
    assert reader.read(first, 0, len(first)) - reader.read(second, 0, len(second)) == 5 * 3600 * 10**9


def test_times_that_a_clock_had_twice_are_counted() -> None:
    reader = StampReader(CIVIL_YMD, Zone("America/New_York"))
    for text in (b"2014-11-02 00:30", b"2014-11-02 01:30", b"2014-11-02 02:30"):
        reader.read(text, 0, len(text))
    assert reader.doubled == 1


@pytest.mark.parametrize("text", ["", "-", "1.", "1e9", "12a", "99999999999999999999", "1.1234567891"])
def test_what_is_no_epoch_says_so(text: str) -> None:
    assert stamp(text, EPOCH, unit_ns=10**9) == BAD_TIME


@given(st.datetimes(min_value=datetime.datetime(1970, 1, 1), max_value=datetime.datetime(2199, 1, 1)))  # noqa: DTZ001
def test_civil_times_agree_with_datetime(when: datetime.datetime) -> None:
    delta = when - datetime.datetime(1970, 1, 1)  # noqa: DTZ001
    ns = (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1000
    assert stamp(when.isoformat()) == ns
    assert stamp(when.strftime("%Y%m%d %H%M%S%f")) == ns
    assert stamp(when.strftime("%d.%m.%Y %H:%M:%S.%f"), CIVIL_DMY) == ns


@given(st.dates(min_value=datetime.date(1900, 1, 1), max_value=datetime.date(2200, 12, 31)))
def test_civil_day_agrees_with_date(date: datetime.date) -> None:
    assert civil_day(date.year, date.month, date.day) == (date - EPOCH_DATE).days
