"""What the settings of a calendar mean: hours, day close, breaks, holidays, closures, early closes, special hours."""

from __future__ import annotations

import datetime
import random
from typing import Any

import pytest

from mtf.calendars import BREAK, CLOSED, HOLIDAY, OPEN, WeeklyCalendar
from mtf.calendars.timeline import SCHEDULES_MAX
from mtf.calendars.weekly import SPANS_KEPT, STRETCH_BITS
from mtf.errors import ConfigError
from tests.calendars.builders import HOUR_NS, day_text, stretches, utc


def office(**changes: Any) -> WeeklyCalendar:
    """Monday to Friday, 09:00 to 17:00 UTC with a pause at noon; the day closes at 17:00."""
    settings: dict[str, Any] = {
        "name": "office",
        "zone": "UTC",
        "hours": ["Mon-Fri 09:00-17:00"],
        "breaks": ["Mon-Fri 12:00-13:00"],
        "day_close": "17:00",
    }
    return WeeklyCalendar(**(settings | changes))


class TestBreaks:
    def test_break_cuts_nothing(self) -> None:
        """A pause is a span of its own within one and the same day."""
        calendar = office()
        assert stretches(calendar, "2024-01-09 09:00", "2024-01-09 17:00") == [
            "2024-01-09 09:00 .. 2024-01-09 12:00 open 2024-01-09",
            "2024-01-09 12:00 .. 2024-01-09 13:00 break 2024-01-09",
            "2024-01-09 13:00 .. 2024-01-09 17:00 open 2024-01-09",
        ]
        assert calendar.day_at(utc("2024-01-09 09:00")) is calendar.day_at(utc("2024-01-09 16:59"))

    def test_hours_with_a_hole_are_the_same_as_a_break(self) -> None:
        """Two ways to write one market are one value."""
        split = office(hours=["Mon-Fri 09:00-12:00", "Mon-Fri 13:00-17:00"], breaks=[])
        assert split == office()

    def test_break_at_the_edge_of_a_day_is_closed(self) -> None:
        """A pause that is not between two sessions of one day lies between two days."""
        calendar = office(breaks=["Mon-Fri 16:00-17:00"])
        assert day_text(calendar.day_at(utc("2024-01-09 10:00"))) == "2024-01-09 09:00 .. 2024-01-09 16:00 2024-01-09"
        assert calendar.span_at(utc("2024-01-09 16:30")).state == CLOSED


class TestEarlyClosesAndLateOpens:
    def test_early_close_ends_the_day(self) -> None:
        """The day's bars end there; the rest is closed and off session."""
        calendar = office(early_closes={"15:00": ["2024-01-09"]})
        assert stretches(calendar, "2024-01-09 14:00", "2024-01-09 17:00") == [
            "2024-01-09 13:00 .. 2024-01-09 15:00 open 2024-01-09",
            "2024-01-09 15:00 .. 2024-01-09 17:00 closed 2024-01-09 off",
        ]

    def test_early_close_in_the_break_ends_the_day_with_the_morning(self) -> None:
        """No day ends in a pause: its last instant is an open one."""
        calendar = office(early_closes={"12:30": ["2024-01-09"]})
        assert calendar.day_at(utc("2024-01-09 10:00")).end_ns == utc("2024-01-09 12:00")
        assert calendar.span_at(utc("2024-01-09 12:10")).state == CLOSED

    def test_late_open_starts_the_day(self) -> None:
        """Bars count from the late open."""
        calendar = office(late_opens={"10:30": [datetime.date(2024, 1, 9)]})
        assert day_text(calendar.day_at(utc("2024-01-09 11:00"))) == "2024-01-09 10:30 .. 2024-01-09 17:00 2024-01-09"
        assert calendar.span_at(utc("2024-01-09 10:00")).state == CLOSED

    def test_early_close_in_the_evening_before_the_date(self) -> None:
        """In a market whose day starts the evening before, a time after the day close is that evening's."""
        calendar = WeeklyCalendar(
            name="globex",
            zone="America/New_York",
            day_close="17:00",
            hours=["Sun-Thu 18:00-17:00"],
            late_opens={"19:00": ["2024-01-16"]},
        )
        assert calendar.day_at(utc("2024-01-16 12:00")).start_ns == utc("2024-01-16 00:00")


class TestHolidays:
    def test_holiday_is_an_off_session_day(self) -> None:
        """What would trade, its pauses too, is holiday; nights around it stay closed."""
        calendar = office(holidays=["2024-01-09"])
        assert stretches(calendar, "2024-01-08 17:00", "2024-01-09 17:00") == [
            "2024-01-08 17:00 .. 2024-01-09 09:00 closed 2024-01-09 off",
            "2024-01-09 09:00 .. 2024-01-09 17:00 holiday 2024-01-09 off",
        ]

    def test_holiday_of_a_round_the_clock_market_is_one_whole_day(self) -> None:
        """Christmas, from day close to day close."""
        calendar = WeeklyCalendar(
            name="x",
            zone="America/New_York",
            day_close="17:00",
            hours=["Sun 17:00 - Fri 17:00"],
            holidays=["2024-12-25"],
        )
        assert stretches(calendar, "2024-12-25 00:00", "2024-12-25 22:00") == [
            "2024-12-24 22:00 .. 2024-12-25 22:00 holiday 2024-12-25 off"
        ]

    def test_holiday_on_a_weekend_changes_nothing(self) -> None:
        """A list of public holidays can be given as it is."""
        assert office(holidays=["2024-01-13"]).span_at(utc("2024-01-13 10:00")).state == CLOSED

    def test_closure_that_begins_in_mid_session_ends_the_day_there(self) -> None:
        """Christmas Eve 13:00 New York to Christmas Day 17:00: the 24th is a short day, the 25th not a day at all."""
        calendar = WeeklyCalendar(
            name="x",
            zone="America/New_York",
            day_close="17:00",
            hours=["Sun 17:00 - Fri 17:00"],
            closures=[("2024-12-24T13:00", "2024-12-25T17:00")],
        )
        assert stretches(calendar, "2024-12-24 12:00", "2024-12-26 00:00") == [
            "2024-12-23 22:00 .. 2024-12-24 18:00 open 2024-12-24",
            "2024-12-24 18:00 .. 2024-12-24 22:00 holiday 2024-12-24 off",
            "2024-12-24 22:00 .. 2024-12-25 22:00 holiday 2024-12-25 off",
            "2024-12-25 22:00 .. 2024-12-26 22:00 open 2024-12-26",
        ]
        assert calendar.span_at(utc("2024-12-24 17:59:59.999999999")).state == OPEN
        assert calendar.span_at(utc("2024-12-24 18:00")).state == HOLIDAY

    def test_closure_that_ends_in_mid_session_starts_the_day_there(self) -> None:
        """New York reopens at 18:00 on New Year's Day: the 2nd is an hour short."""
        calendar = WeeklyCalendar(
            name="x",
            zone="America/New_York",
            day_close="17:00",
            hours=["Sun 17:00 - Fri 17:00"],
            closures=[(datetime.datetime(2023, 12, 31, 17), datetime.datetime(2024, 1, 1, 18))],  # noqa: DTZ001
        )
        assert stretches(calendar, "2024-01-01 22:00", "2024-01-02 22:00") == [
            "2024-01-01 22:00 .. 2024-01-01 23:00 holiday 2024-01-02 off",
            "2024-01-01 23:00 .. 2024-01-02 22:00 open 2024-01-02",
        ]

    def test_closure_that_begins_in_a_break_ends_the_day_with_the_morning(self) -> None:
        """What is left of the pause comes after the day, and is closed: a break has a session on either side."""
        calendar = office(closures=[["2024-01-09T12:30", "2024-01-10T00:00"]])
        assert stretches(calendar, "2024-01-09 09:00", "2024-01-09 17:00") == [
            "2024-01-09 09:00 .. 2024-01-09 12:00 open 2024-01-09",
            "2024-01-09 12:00 .. 2024-01-09 12:30 closed 2024-01-09 off",
            "2024-01-09 12:30 .. 2024-01-09 17:00 holiday 2024-01-09 off",
        ]

    def test_closure_inside_a_session_cuts_nothing(self) -> None:
        """The market reopens the same day: one day, with a hole."""
        calendar = office(closures=[["2024-01-09T10:00", "2024-01-09T11:30"]])
        assert stretches(calendar, "2024-01-09 09:00", "2024-01-09 12:00") == [
            "2024-01-09 09:00 .. 2024-01-09 10:00 open 2024-01-09",
            "2024-01-09 10:00 .. 2024-01-09 11:30 holiday 2024-01-09",
            "2024-01-09 11:30 .. 2024-01-09 12:00 open 2024-01-09",
        ]

    def test_closure_of_weeks_covers_each_of_its_days(self) -> None:
        """Moscow, spring 2022: a closure is not one long day, the grid goes on through it."""
        calendar = office(closures=[["2022-02-25T17:00", "2022-03-24T09:50"]])
        days = calendar.days(utc("2022-02-25 17:00"), utc("2022-03-23 17:00"))
        assert len(days) == 26
        assert all(day.off_session for day in days)
        assert {calendar.span_at(utc(f"2022-03-{date:02} 10:00")).state for date in (1, 8, 15, 22)} == {HOLIDAY}
        assert calendar.span_at(utc("2022-03-05 10:00")).state == CLOSED  # a Saturday
        assert calendar.day_at(utc("2022-03-24 10:00")).start_ns == utc("2022-03-24 09:50")


class TestSpecialHours:
    def test_special_hours_stand_in_for_the_ordinary_ones(self) -> None:
        """A Saturday session, and a day with another pause."""
        calendar = office(special_hours={"10:00-11:00, 14:00-16:00": ["2024-01-09"], "09:00-12:00": ["2024-01-13"]})
        assert stretches(calendar, "2024-01-09 10:00", "2024-01-09 16:00") == [
            "2024-01-09 10:00 .. 2024-01-09 11:00 open 2024-01-09",
            "2024-01-09 11:00 .. 2024-01-09 14:00 break 2024-01-09",
            "2024-01-09 14:00 .. 2024-01-09 16:00 open 2024-01-09",
        ]
        assert day_text(calendar.day_at(utc("2024-01-13 10:00"))) == "2024-01-13 09:00 .. 2024-01-13 12:00 2024-01-13"

    def test_special_hours_may_start_the_evening_before(self) -> None:
        """In a market whose day closes at 17:00, 20:00 is the evening before the date."""
        calendar = WeeklyCalendar(
            name="x",
            zone="UTC",
            day_close="17:00",
            hours=["Sun 17:00 - Fri 17:00"],
            special_hours={"20:00-12:00": ["2024-01-09"], "17:00-13:00": ["2024-01-10"]},
        )
        assert day_text(calendar.day_at(utc("2024-01-10 10:00"))) == "2024-01-09 17:00 .. 2024-01-10 13:00 2024-01-10"
        assert day_text(calendar.day_at(utc("2024-01-09 10:00"))) == "2024-01-08 20:00 .. 2024-01-09 12:00 2024-01-09"


class TestDayClose:
    def test_midnight_may_be_written_00_00_or_24_00(self) -> None:
        """A day that closes at midnight has the date that ends there."""
        early, late = (
            WeeklyCalendar(name="x", zone="UTC", hours=["Mon-Sun 00:00-24:00"], day_close=c) for c in ("00:00", "24:00")
        )
        assert early == late
        assert str(early.day_at(utc("2024-01-09 23:59")).date) == "2024-01-09"

    def test_session_over_midnight_belongs_to_the_date_of_its_close(self) -> None:
        """An evening session that ends at 02:30, in a market whose day closes at 15:00."""
        calendar = WeeklyCalendar(
            name="x", zone="UTC", day_close="15:00", hours=["Mon-Fri 09:00-15:00", "Mon-Thu 21:00-02:30"]
        )
        assert stretches(calendar, "2024-01-08 21:00", "2024-01-09 15:00") == [
            "2024-01-08 21:00 .. 2024-01-09 02:30 open 2024-01-09",
            "2024-01-09 02:30 .. 2024-01-09 09:00 break 2024-01-09",
            "2024-01-09 09:00 .. 2024-01-09 15:00 open 2024-01-09",
        ]


class TestClockChanges:
    """A local boundary is the first instant at which the clock shows that time or a later one."""

    def test_boundary_that_the_clock_jumps_over_is_the_jump(self) -> None:
        """New York, 2024-03-10: 02:00 to 03:00 does not exist; a day close at 02:30 falls on 03:00, 07:00 UTC."""
        calendar = WeeklyCalendar(name="x", zone="America/New_York", day_close="02:30", hours=["Mon-Sun 00:00-24:00"])
        assert [day_text(day) for day in calendar.days(utc("2024-03-09 08:00"), utc("2024-03-11 06:30"))] == [
            "2024-03-09 07:30 .. 2024-03-10 07:00 2024-03-10",
            "2024-03-10 07:00 .. 2024-03-11 06:30 2024-03-11",
        ]

    def test_boundary_that_comes_twice_is_the_first(self) -> None:
        """New York, 2024-11-03: 01:30 is at 05:30 and at 06:30 UTC."""
        calendar = WeeklyCalendar(name="x", zone="America/New_York", day_close="01:30", hours=["Mon-Sun 00:00-24:00"])
        assert [day_text(day) for day in calendar.days(utc("2024-11-02 06:00"), utc("2024-11-04 06:30"))] == [
            "2024-11-02 05:30 .. 2024-11-03 05:30 2024-11-03",
            "2024-11-03 05:30 .. 2024-11-04 06:30 2024-11-04",
        ]

    def test_session_that_lies_in_the_jump_does_not_exist(self) -> None:
        """02:15 to 02:45 on a day without an hour from two to three: nothing trades, and time has no hole."""
        calendar = WeeklyCalendar(name="x", zone="America/New_York", hours=["Sun 02:15-02:45"])
        assert stretches(calendar, "2024-03-10 05:00", "2024-03-11 04:00") == [
            "2024-03-10 05:00 .. 2024-03-11 04:00 closed 2024-03-10 off"
        ]

    def test_date_that_a_zone_left_out_has_no_day(self) -> None:
        """Samoa crossed the date line: after Thursday 2011-12-29 came Saturday 2011-12-31."""
        calendar = WeeklyCalendar(name="x", zone="Pacific/Apia", hours=["Mon-Sun 00:00-24:00"])
        assert [day_text(day) for day in calendar.days(utc("2011-12-29 10:00"), utc("2012-01-01 10:00"))] == [
            "2011-12-29 10:00 .. 2011-12-30 10:00 2011-12-29",
            "2011-12-30 10:00 .. 2011-12-31 10:00 2011-12-31",
            "2011-12-31 10:00 .. 2012-01-01 10:00 2012-01-01",
        ]

    def test_half_hour_change_of_lord_howe(self) -> None:
        """Not every zone moves its clock by an hour."""
        calendar = WeeklyCalendar(name="x", zone="Australia/Lord_Howe", hours=["Mon-Sun 00:00-24:00"])
        autumn, spring = calendar.day_at(utc("2024-04-07 03:00")), calendar.day_at(utc("2024-10-06 03:00"))
        assert autumn.end_ns - autumn.start_ns == 24.5 * HOUR_NS
        assert spring.end_ns - spring.start_ns == 23.5 * HOUR_NS


class TestCache:
    def test_cache_is_bounded_and_changes_no_answer(self) -> None:
        """A walk through ten years keeps no more than CELLS_MAX days, and a day made again is the same."""
        calendar = office()
        first = stretches(calendar, "2010-01-04 00:00", "2010-01-11 00:00")
        calendar.days(utc("2010-01-01 00:00"), utc("2020-01-01 00:00"))
        assert SCHEDULES_MAX // 2 <= len(calendar._timeline) <= SCHEDULES_MAX
        assert stretches(calendar, "2010-01-04 00:00", "2010-01-11 00:00") == first

    def test_spans_of_a_cached_day_are_the_same_objects(self) -> None:
        """A second look-up makes nothing."""
        calendar = office()
        assert calendar.span_at(utc("2024-01-09 10:00")) is calendar.span_at(utc("2024-01-09 11:59"))


class TestErrors:
    """Each says what is wrong, and what to write."""

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"name": ""}, "a calendar needs a name"),
            ({"zone": "America/Gotham"}, "unknown time zone 'America/Gotham': write an IANA name such as Asia/Tokyo"),
            ({"zone": "../etc/passwd"}, "unknown time zone"),
            ({"hours": []}, "calendar 'office' never trades: give hours, such as"),
            ({"hours": ["Mon-Fri 09:00-17:00"], "breaks": ["Mon-Sun 00:00-24:00"]}, "never trades"),
            ({"hours": "Mon-Fri 09:00-17:00"}, r"hours must be a list: write \['Mon-Fri 09:00-17:00'\]"),
            ({"hours": ["9-5"]}, "invalid hours '9-5': write them as 'Mon-Fri 09:30-16:00' or 'Sun 17:00 - Fri 17:00'"),
            ({"hours": ["Mon-Fri 09:00-25:00"]}, "invalid time of day '25:00'"),
            ({"hours": ["Mon 24:00-09:00"]}, "start at 24:00: write 00:00 of the next day"),
            ({"hours": ["Mon-Fri 09:00-17:00", "Wed 16:00-18:00"]}, "hours overlap on Wed 16:00"),
            ({"day_close": "5pm"}, "invalid time of day '5pm': write it as 17:00"),
            ({"holidays": ["25.12.2024"]}, "invalid date '25.12.2024': write it as 2024-12-25"),
            ({"holidays": "2024-12-25"}, "holidays: the dates must be a list"),
            ({"early_closes": {"13:00": ["2024-01-13"]}}, "early_closes: nothing trades on 2024-01-13: remove it"),
            ({"early_closes": {"17:00": ["2024-01-09"]}}, "17:00 is not inside the hours of 2024-01-09"),
            ({"early_closes": {"13:00": ["2024-01-09"], "14:00": ["2024-01-09"]}}, "2024-01-09 is listed twice"),
            (
                {"early_closes": {"13:00": ["2024-01-09"]}, "holidays": ["2024-01-09"]},
                "2024-01-09 is a holiday and has hours of its own",
            ),
            (
                {"early_closes": {"10:00": ["2024-01-09"]}, "late_opens": {"11:00": ["2024-01-09"]}},
                "2024-01-09 closes before it opens",
            ),
            ({"special_hours": {"noon": ["2024-01-09"]}}, "invalid hours 'noon': write those of one day as"),
            ({"special_hours": {"10:00-09:00": ["2024-01-09"]}}, "end by its close at 17:00"),
            ({"special_hours": {"10:00-12:00, 11:00-13:00": ["2024-01-09"]}}, "must be in order, apart"),
            ({"closures": ["2024-01-09T10:00"]}, r"write \[from, until\]"),
            ({"closures": [["2024-01-09T10:00"]]}, r"write \[from, until\]"),
            ({"closures": [["2024-01-09T12:00", "2024-01-09T10:00"]]}, "swap the two"),
            ({"closures": [["2024-01-09T12:00Z", "2024-01-09T13:00Z"]]}, "without an offset"),
            (
                {"closures": [["2024-01-09T10:00", "2024-01-09T12:00"], ["2024-01-09T11:00", "2024-01-09T13:00"]]},
                "closures overlap at 2024-01-09T11:00: combine them",
            ),
        ],
    )
    def test_wrong_setting_says_what_to_write(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            office(**changes)


def test_states_are_told_apart() -> None:
    """The four states have four numbers, which gaps are summed by."""
    assert sorted({OPEN, CLOSED, HOLIDAY, BREAK}) == [0, 1, 2, 3]


def test_answers_do_not_hang_on_what_was_asked_before() -> None:
    """Spans are kept by stretches of time that come again: whatever was asked about before stands in the same place."""
    calendar = office()
    rng = random.Random(3)
    start_ns, period_ns = utc("2024-01-08 00:00"), SPANS_KEPT << STRETCH_BITS
    for _ in range(2_000):
        ts_ns = start_ns + rng.randrange(6) * period_ns + rng.randrange(48) * HOUR_NS // 2
        span, expected = calendar.span_at(ts_ns), office().span_at(ts_ns)
        assert (span.start_ns, span.end_ns, span.state) == (expected.start_ns, expected.end_ns, expected.state)
        assert span.start_ns <= ts_ns < span.end_ns
