"""Auctions beside a session: their prints belong to its first or last bar, and the clock of bars stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

import mtf.calendars
from mtf.calendars import Calendar, WeeklyCalendar
from mtf.calendars.grid import UTC_GRID, bar_bounds
from mtf.errors import ConfigError
from tests.calendars.builders import HOUR_NS, day_text, stretches, text, utc

MINUTE_NS = HOUR_NS // 60
SHORT = "2024-11-29"  # the day after Thanksgiving: New York closes at 13:00, 18:00 UTC


def new_york(*auctions: str, **changes: Any) -> Calendar:
    """us_equities with auctions; in summer 09:30 to 16:00 is 13:30 to 20:00 UTC."""
    value = mtf.calendars.get("us_equities").to_dict() | {"name": "x", "auctions": list(auctions)}
    return mtf.calendars.from_dict(value | changes)


def sydney() -> WeeklyCalendar:
    """A match ten minutes after the close; 10:00 to 16:00 is 00:00 to 06:00 UTC in winter."""
    return WeeklyCalendar(
        name="x",
        zone="Australia/Sydney",
        day_close="16:00",
        hours=["Mon-Fri 10:00-16:00"],
        early_closes={"14:10": ["2024-07-09"]},
        auctions=["16:10-16:12 into last"],
    )


def shanghai(*auctions: str, **changes: Any) -> WeeklyCalendar:
    settings: dict[str, Any] = {
        "name": "x",
        "zone": "Asia/Shanghai",
        "day_close": "15:00",
        "hours": ["Mon-Fri 09:00-10:15", "Mon-Fri 10:30-11:30", "Mon-Fri 13:30-15:00"],
        "night": ["Mon-Fri 21:00-23:00"],
        "auctions": auctions,
    }
    return WeeklyCalendar(**(settings | changes))


def bar(calendar: Calendar, at: str, minutes: int, anchor_ns: int = -1) -> str:
    start_ns, end_ns = bar_bounds(calendar.day_at(utc(at)), utc(at), minutes * MINUTE_NS, anchor_ns)
    return f"{text(start_ns)[11:]} .. {text(end_ns)[11:]}"


class TestClosing:
    def test_print_after_the_close_is_in_the_last_bar_of_every_length(self) -> None:
        """The day ends with the window, and so do its last bars; those before are as ever."""
        calendar = new_york("16:00-16:05 into last")
        assert day_text(calendar.day_at(utc("2020-08-17 20:04"))) == "2020-08-17 13:30 .. 2020-08-17 20:05 2020-08-17"
        assert bar(calendar, "2020-08-17 20:00:00.051", 1) == "19:59 .. 20:05"
        assert bar(calendar, "2020-08-17 19:58:59", 1) == "19:58 .. 19:59"
        assert bar(calendar, "2020-08-17 20:04:59", 5) == "19:55 .. 20:05"
        assert bar(calendar, "2020-08-17 20:00", 60) == "19:30 .. 20:05"
        assert bar(calendar, "2020-08-17 20:00", 240) == "17:30 .. 20:05"
        assert calendar.span_at(utc("2020-08-17 20:05")).day.off_session

    def test_window_keeps_its_distance_on_a_short_day(self) -> None:
        """At 13:00 comes the closing auction of a half day, and at 16:00 there is none."""
        calendar = new_york("16:00-16:05 into last")
        assert day_text(calendar.day_at(utc(f"{SHORT} 18:00"))) == f"{SHORT} 14:30 .. {SHORT} 18:05 {SHORT}"
        assert not calendar.span_at(utc(f"{SHORT} 21:01")).open

    def test_what_lies_between_the_close_and_the_window_stays_closed(self) -> None:
        """Sydney matches at 16:10: what is stamped 16:05 is rejected, and the last bar reaches to 16:12."""
        calendar = sydney()
        assert stretches(calendar, "2024-07-08 00:00", "2024-07-08 12:00") == [
            "2024-07-08 00:00 .. 2024-07-08 06:00 open 2024-07-08",
            "2024-07-08 06:00 .. 2024-07-08 06:10 break 2024-07-08",
            "2024-07-08 06:10 .. 2024-07-08 06:12 open 2024-07-08",
            "2024-07-08 06:12 .. 2024-07-09 00:00 closed 2024-07-09 off",
        ]
        assert bar(calendar, "2024-07-08 06:10:13", 1) == "05:59 .. 06:12"
        assert day_text(calendar.day_at(utc("2024-07-09 01:00"))) == "2024-07-09 00:00 .. 2024-07-09 04:22 2024-07-09"

    def test_windows_at_one_edge_make_one_bar(self) -> None:
        """Two windows: the bar reaches to the end of the second, and the pause between them is closed."""
        calendar = new_york("16:00-16:01 into last", "16:03-16:05 into last")
        assert [line[20:48] for line in stretches(calendar, "2020-08-17 13:30", "2020-08-17 20:05")] == [
            "2020-08-17 20:01 open 2020-0",
            "2020-08-17 20:03 break 2020-",
            "2020-08-17 20:05 open 2020-0",
        ]
        assert bar(calendar, "2020-08-17 20:04", 1) == "19:59 .. 20:05"


class TestOpening:
    def test_print_before_the_open_is_in_the_first_bar_of_every_length(self) -> None:
        """Bars still count from 09:30."""
        calendar = new_york("09:28-09:30 into first")
        assert day_text(calendar.day_at(utc("2020-08-17 13:28"))) == "2020-08-17 13:28 .. 2020-08-17 20:00 2020-08-17"
        assert bar(calendar, "2020-08-17 13:29:59", 1) == "13:28 .. 13:31"
        assert bar(calendar, "2020-08-17 13:31", 1) == "13:31 .. 13:32"
        assert bar(calendar, "2020-08-17 13:28", 60) == "13:28 .. 14:30"
        assert bar(calendar, "2020-08-17 14:30", 60) == "14:30 .. 15:30"
        assert not calendar.span_at(utc("2020-08-17 13:27:59")).open

    def test_window_goes_with_the_first_session_of_the_day(self) -> None:
        """Shanghai: before the night, and on a day without one, before the morning."""
        calendar = shanghai("20:59-21:00 into first", no_night=["2024-06-04"])
        assert bar(calendar, "2024-06-03 12:59:00.5", 1) == "12:59 .. 13:01"
        assert not calendar.span_at(utc("2024-06-04 00:59")).open
        assert not calendar.span_at(utc("2024-06-04 12:59")).open
        assert bar(calendar, "2024-06-05 00:59:30", 1) == "00:59 .. 01:01"

    def test_window_before_a_session_within_the_day(self) -> None:
        """08:59 belongs to the morning, on days with a night and on days without one."""
        calendar = shanghai("08:59-09:00 into first", no_night=["2024-06-04"])
        for date in ("2024-06-04", "2024-06-05"):
            assert bar(calendar, f"{date} 00:59:30", 1) == "00:59 .. 01:01"
        assert not calendar.span_at(utc("2024-06-03 12:59")).open

    def test_both_ends(self) -> None:
        """One day with an opening and a closing auction; with the UTC grid as well."""
        calendar = new_york("09:28-09:30 into first", "16:00-16:05 into last")
        assert day_text(calendar.day_at(utc("2020-08-17 15:00"))) == "2020-08-17 13:28 .. 2020-08-17 20:05 2020-08-17"
        for anchor, hours in ((-1, "13:28 .. 14:30"), (UTC_GRID, "13:28 .. 14:00")):
            assert bar(calendar, "2020-08-17 13:28", 60, anchor) == hours
        assert bar(calendar, "2020-08-17 20:04", 60, UTC_GRID) == "19:00 .. 20:05"


class TestWithinTheDay:
    def test_window_after_a_session_within_the_day(self) -> None:
        """10:15 is in the minute before the pause, which ends with the window, and in the hour that holds it anyway."""
        calendar = shanghai("10:15-10:16 into last")
        assert bar(calendar, "2024-06-04 02:15:30", 1) == "02:14 .. 02:16"
        assert bar(calendar, "2024-06-04 02:15:30", 15) == "02:00 .. 02:16"
        assert bar(calendar, "2024-06-04 02:15:30", 60) == "02:00 .. 03:00"
        assert bar(calendar, "2024-06-04 02:30", 15) == "02:30 .. 02:45"

    def test_window_goes_with_a_session_that_is_cut(self) -> None:
        """An early close at 10:00: the window of 10:15 comes then, and the one of 15:00 too."""
        calendar = shanghai("10:15-10:16 into last", "15:00-15:02 into last", early_closes={"10:00": ["2024-06-04"]})
        assert day_text(calendar.day_at(utc("2024-06-04 01:30"))) == "2024-06-03 13:00 .. 2024-06-04 02:02 2024-06-04"

    def test_bar_after_a_window_begins_with_its_end(self) -> None:
        """Within an hour's grid nothing counts twice: a window that reaches over an edge of the grid moves it."""
        calendar = WeeklyCalendar(
            name="x",
            zone="UTC",
            hours=["Mon-Fri 09:00-09:58", "Mon-Fri 10:08-12:00"],
            auctions=["09:58-10:04 into last"],
        )
        assert bar(calendar, "2024-06-04 10:03", 60) == "09:00 .. 10:04"
        assert bar(calendar, "2024-06-04 10:08", 60) == "10:04 .. 11:00"

    def test_closure_takes_a_window_with_it(self) -> None:
        """Between the local times of a closure nothing trades, no auction either."""
        calendar = new_york("16:00-16:05 into last", closures=[["2020-08-17T15:00", "2020-08-18T09:30"]])
        assert calendar.day_at(utc("2020-08-17 15:00")).end_ns == utc("2020-08-17 19:00")
        assert not calendar.span_at(utc("2020-08-17 19:01")).open


class TestInclusiveEnds:
    def test_tick_on_the_end_of_a_session_is_in_its_last_bar(self) -> None:
        """Shanghai stamps 10:15:00, 11:30:00, 15:00:00 and 23:00:00; a nanosecond later is closed."""
        calendar = shanghai(inclusive_ends=True)
        for at in ("2024-06-03 15:00", "2024-06-04 02:15", "2024-06-04 03:30", "2024-06-04 07:00"):
            day = calendar.day_at(utc(at))
            assert str(day.date) == "2024-06-04"
            assert bar_bounds(day, utc(at), MINUTE_NS) == (utc(at) - MINUTE_NS, utc(at) + 1)
            assert calendar.span_at(utc(at)).open
            assert not calendar.span_at(utc(at) + 1).open

    def test_longer_bar_that_goes_on_is_as_long_as_ever(self) -> None:
        """The hour from 10:00 holds 10:15:00 and what comes after the pause."""
        assert bar(shanghai(inclusive_ends=True), "2024-06-04 02:15", 60) == "02:00 .. 03:00"

    def test_round_the_clock_nothing_changes_within_the_week(self) -> None:
        """Monday's end is Tuesday's start, so there is nothing beside it; on Friday there is."""
        fx = mtf.calendars.get("fx").to_dict() | {"inclusive_ends": True}
        calendar = mtf.calendars.from_dict(fx)
        assert calendar.day_at(utc("2024-03-12 21:00")).start_ns == utc("2024-03-12 21:00")
        assert calendar.day_at(utc("2024-03-15 21:00")).end_ns == utc("2024-03-15 21:00") + 1


class TestErrors:
    @pytest.mark.parametrize(
        ("auctions", "message"),
        [
            (
                ["16:00-16:05"],
                "invalid auction '16:00-16:05': write it as '16:00-16:05 into last' or '09:28-09:30 into first'",
            ),
            (["4pm-5pm into last"], "invalid time of day '4pm'"),
            ([7], "invalid auction 7"),
            ("16:00-16:05 into last", r"auctions must be a list: write \['16:00-16:05 into last'\]"),
            (["15:00-15:30 into last"], "auction '15:00-15:30 into last' lies inside the hours"),
            (["09:45-09:50 into first"], "auction '09:45-09:50 into first' lies inside the hours"),
            (["20:00-20:05 into last"], "auction '20:00-20:05 into last': no session ends within two hours of it"),
            (["06:00-06:05 into first"], "no session starts within two hours of it"),
            (["16:00-16:00 into last"], "auctions between 16:00 and 09:30 overlap each other or the hours"),
        ],
    )
    def test_wrong_auction_says_what_to_write(self, auctions: Any, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            WeeklyCalendar(name="x", zone="America/New_York", hours=["Mon-Fri 09:30-16:00"], auctions=auctions)

    def test_window_in_the_next_session_is_refused(self) -> None:
        """The pause from 10:15 lasts a quarter of an hour, for what comes after it and before it together."""
        with pytest.raises(ConfigError, match="auctions between 10:15 and 10:30 overlap"):
            shanghai("10:15-10:31 into last")
        with pytest.raises(ConfigError, match="auctions between 10:15 and 10:30 overlap"):
            shanghai("10:15-10:25 into last", "10:20-10:30 into first")


def test_auctions_by_value() -> None:
    """As they were written; absent by default."""
    calendar = shanghai("20:59-21:00 into first", "23:59:30 - 00:01 into last", night=["Mon-Fri 21:00-23:59:30"])
    assert calendar.to_dict()["auctions"] == ["20:59-21:00 into first", "23:59:30-00:01 into last"]
    assert mtf.calendars.from_dict(calendar.to_dict()) == calendar
    assert {"auctions", "inclusive_ends", "night", "week", "into_next"} & set(new_york().to_dict()) == set()
