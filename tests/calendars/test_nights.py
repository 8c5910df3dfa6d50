"""Trading days of several sessions: nights that belong to the next trading day, and holidays' hours that do."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from mtf.calendars import HOLIDAY, Calendar, WeeklyCalendar
from mtf.calendars.grid import bar_bounds
from mtf.errors import ConfigError
from mtf.timeframe import MONTH, WEEK
from tests.calendars.builders import HOUR_NS, day_text, stretches, text, utc

DAY_HOURS = ["Mon-Fri 09:00-10:15", "Mon-Fri 10:30-11:30", "Mon-Fri 13:30-15:00"]


def shanghai(**changes: Any) -> WeeklyCalendar:
    """Gold in Shanghai, in UTC: day sessions 01:00 to 07:00, night 13:00 to 18:30."""
    settings: dict[str, Any] = {
        "name": "shfe_au",
        "zone": "Asia/Shanghai",
        "day_close": "15:00",
        "hours": DAY_HOURS,
        "night": ["Mon-Fri 21:00-02:30"],
    }
    return WeeklyCalendar(**(settings | changes))


def globex(**changes: Any) -> WeeklyCalendar:
    """Sunday 18:00 to Friday 17:00 in New York, which is UTC-4 in summer, with an hour off every day."""
    settings: dict[str, Any] = {
        "name": "globex",
        "zone": "America/New_York",
        "day_close": "17:00",
        "hours": ["Sun-Thu 18:00-17:00"],
    }
    return WeeklyCalendar(**(settings | changes))


def trading_days(calendar: Calendar, start: str, end: str) -> list[str]:
    return [day_text(day) for day in calendar.days(utc(start), utc(end)) if not day.off_session]


class TestNights:
    def test_night_belongs_to_the_next_date(self) -> None:
        """Tuesday begins on Monday at 21:00."""
        assert trading_days(shanghai(), "2024-06-04 00:00", "2024-06-05 00:00") == [
            "2024-06-03 13:00 .. 2024-06-04 07:00 2024-06-04",
            "2024-06-04 13:00 .. 2024-06-05 07:00 2024-06-05",
        ]

    def test_night_of_friday_belongs_to_monday(self) -> None:
        """The weekend is a break within Monday, and no Saturday comes up."""
        assert stretches(shanghai(), "2024-05-31 06:00", "2024-06-03 01:30") == [
            "2024-05-31 05:30 .. 2024-05-31 07:00 open 2024-05-31",
            "2024-05-31 07:00 .. 2024-05-31 13:00 closed 2024-06-01 off",
            "2024-05-31 13:00 .. 2024-05-31 18:30 open 2024-06-03",
            "2024-05-31 18:30 .. 2024-06-03 01:00 break 2024-06-03",
            "2024-06-03 01:00 .. 2024-06-03 02:15 open 2024-06-03",
        ]

    @pytest.mark.parametrize("day_close", ["15:00", "16:00", "18:00", "20:59", "21:00", "23:00", "24:00", "00:00"])
    def test_trading_days_do_not_depend_on_the_day_close(self, day_close: str) -> None:
        """The day close cuts what is off session, and dates it; nights find their day by themselves."""
        assert trading_days(shanghai(day_close=day_close), "2024-05-30 06:00", "2024-06-04 08:00") == [
            "2024-05-29 13:00 .. 2024-05-30 07:00 2024-05-30",
            "2024-05-30 13:00 .. 2024-05-31 07:00 2024-05-31",
            "2024-05-31 13:00 .. 2024-06-03 07:00 2024-06-03",
            "2024-06-03 13:00 .. 2024-06-04 07:00 2024-06-04",
        ]

    def test_night_before_a_holiday_belongs_to_the_day_after_it(self) -> None:
        """Over a long weekend, and what would have traded in it is holiday; a holiday has no night of its own."""
        calendar = shanghai(holidays=["2024-06-10"])
        assert stretches(calendar, "2024-06-07 13:00", "2024-06-11 01:30") == [
            "2024-06-07 13:00 .. 2024-06-07 18:30 open 2024-06-11",
            "2024-06-07 18:30 .. 2024-06-10 01:00 break 2024-06-11",
            "2024-06-10 01:00 .. 2024-06-10 07:00 holiday 2024-06-11",
            "2024-06-10 07:00 .. 2024-06-10 13:00 break 2024-06-11",
            "2024-06-10 13:00 .. 2024-06-10 18:30 holiday 2024-06-11",
            "2024-06-10 18:30 .. 2024-06-11 01:00 break 2024-06-11",
            "2024-06-11 01:00 .. 2024-06-11 02:15 open 2024-06-11",
        ]

    def test_without_a_night_before_holidays_the_day_after_has_no_night(self) -> None:
        """As the Chinese exchanges have it: an ordinary Friday has its night, one before a holiday has none."""
        calendar = shanghai(holidays=["2024-06-10"], night_before_holidays=False)
        assert trading_days(calendar, "2024-05-31 08:00", "2024-06-12 00:00")[-3:] == [
            "2024-06-06 13:00 .. 2024-06-07 07:00 2024-06-07",
            "2024-06-11 01:00 .. 2024-06-11 07:00 2024-06-11",
            "2024-06-11 13:00 .. 2024-06-12 07:00 2024-06-12",
        ]
        assert trading_days(calendar, "2024-05-31 08:00", "2024-06-12 00:00")[0].startswith("2024-05-31 13:00")
        assert calendar.span_at(utc("2024-06-07 14:00")).state == HOLIDAY
        assert calendar.day_at(utc("2024-06-07 14:00")).off_session

    def test_holiday_on_a_weekend_takes_no_night(self) -> None:
        """A public holiday on a Saturday does not matter to the exchange: Friday's night is held."""
        calendar = shanghai(holidays=["2024-06-08"], night_before_holidays=False)
        assert calendar.span_at(utc("2024-06-07 14:00")).open

    def test_date_without_a_night(self) -> None:
        """Spring 2020: the nights alone were left out."""
        calendar = shanghai(no_night=["2020-02-03", "2020-02-04"])
        assert trading_days(calendar, "2020-02-03 08:00", "2020-02-06 08:00") == [
            "2020-02-04 01:00 .. 2020-02-04 07:00 2020-02-04",
            "2020-02-05 01:00 .. 2020-02-05 07:00 2020-02-05",
            "2020-02-05 13:00 .. 2020-02-06 07:00 2020-02-06",
        ]
        assert calendar.span_at(utc("2020-02-03 14:00")).state == HOLIDAY

    def test_closure_in_the_night_cuts_it(self) -> None:
        """From 22:00 to the end of the week: the night's hour still is Monday's."""
        calendar = shanghai(closures=[["2024-05-31T22:00", "2024-06-02T00:00"]])
        assert stretches(calendar, "2024-05-31 13:00", "2024-06-03 01:00") == [
            "2024-05-31 13:00 .. 2024-05-31 14:00 open 2024-06-03",
            "2024-05-31 14:00 .. 2024-05-31 18:30 holiday 2024-06-03",
            "2024-05-31 18:30 .. 2024-06-03 01:00 break 2024-06-03",
        ]

    def test_early_close_leaves_the_night_alone(self) -> None:
        """Day sessions end early; the night of that date is the next day's."""
        calendar = shanghai(early_closes={"11:00": ["2024-06-04"]})
        assert trading_days(calendar, "2024-06-04 00:00", "2024-06-05 00:00") == [
            "2024-06-03 13:00 .. 2024-06-04 03:00 2024-06-04",
            "2024-06-04 13:00 .. 2024-06-05 07:00 2024-06-05",
        ]

    def test_night_after_midnight_belongs_to_its_own_date(self) -> None:
        """A session from 01:00 to 05:00 comes before the day sessions of the same date; Saturday's is Monday's."""
        calendar = WeeklyCalendar(name="x", zone="UTC", hours=["Mon-Fri 09:00-17:00"], night=["Tue-Sat 01:00-05:00"])
        assert trading_days(calendar, "2024-06-07 00:00", "2024-06-11 00:00") == [
            "2024-06-07 01:00 .. 2024-06-07 17:00 2024-06-07",
            "2024-06-08 01:00 .. 2024-06-10 17:00 2024-06-10",
        ]

    def test_nights_through_a_closure_of_years(self) -> None:
        """Nothing trades from 2020 to 2030: the last night waits ten years for its day, found without a walk."""
        calendar = shanghai(closures=[["2020-01-04T12:00", "2030-01-07T00:00"]])
        day = calendar.day_at(utc("2025-01-01 00:00"))
        assert day_text(day) == "2020-01-03 13:00 .. 2030-01-07 07:00 2030-01-07"
        assert calendar.gap(day.start_ns, day.end_ns) == Calendar.gap(calendar, day.start_ns, day.end_ns)


class TestPeriods:
    def test_night_at_the_end_of_a_month_is_the_next_months(self) -> None:
        """Friday 2024-08-30 21:30 in Shanghai is Monday, the second of September."""
        month = shanghai().month_at(utc("2024-08-30 13:30"))
        assert day_text(month) == "2024-08-30 13:00 .. 2024-09-30 07:00 2024-09-30"
        assert day_text(shanghai().month_at(utc("2024-08-30 06:59"))) == (
            "2024-07-31 13:00 .. 2024-08-30 07:00 2024-08-30"
        )

    def test_night_of_friday_is_the_next_weeks(self) -> None:
        """The week ends on Friday at 15:00, and the next begins six hours later."""
        assert (
            day_text(shanghai().week_at(utc("2024-05-31 06:00"))) == "2024-05-24 13:00 .. 2024-05-31 07:00 2024-05-31"
        )
        assert (
            day_text(shanghai().week_at(utc("2024-05-31 13:00"))) == "2024-05-31 13:00 .. 2024-06-07 07:00 2024-06-07"
        )
        assert shanghai().week_at(utc("2024-05-31 10:00")).off_session

    def test_dates_within_a_trading_day_have_no_day_of_their_own(self) -> None:
        """Sunday lies in Monday; by its date it belongs to the coming week, and to its month."""
        sunday = datetime.date(2024, 6, 2).toordinal()
        assert shanghai().day_of(sunday) is None
        week = shanghai().period_of(sunday, WEEK)
        month = shanghai().period_of(sunday, MONTH)
        assert week is not None
        assert month is not None
        assert (str(week.date), str(month.date)) == ("2024-06-07", "2024-06-28")


class TestBars:
    def test_intraday_bars_count_clock_time_from_the_first_session(self) -> None:
        """Through the weekend: four-hour bars from Friday 21:00, the last one ends with the day."""
        day = shanghai().day_at(utc("2024-06-03 01:00"))
        assert day.end_ns - day.start_ns == 66 * HOUR_NS
        for at, expected in (
            ("2024-05-31 13:00", "2024-05-31 13:00 .. 2024-05-31 17:00"),
            ("2024-06-03 01:00", "2024-06-03 01:00 .. 2024-06-03 05:00"),
            ("2024-06-03 06:59", "2024-06-03 05:00 .. 2024-06-03 07:00"),
        ):
            start_ns, end_ns = bar_bounds(day, utc(at), 4 * HOUR_NS)
            assert f"{text(start_ns)} .. {text(end_ns)}" == expected


class TestIntoNext:
    def test_holidays_hours_belong_to_the_next_trading_day(self) -> None:
        """Memorial Day 2024 on Globex: trading stops at 13:00, and the trade date of it all is Tuesday."""
        calendar = globex(into_next={"13:00": ["2024-05-27"]})
        assert stretches(calendar, "2024-05-26 22:00", "2024-05-28 21:00") == [
            "2024-05-26 22:00 .. 2024-05-27 17:00 open 2024-05-28",
            "2024-05-27 17:00 .. 2024-05-27 21:00 holiday 2024-05-28",
            "2024-05-27 21:00 .. 2024-05-27 22:00 break 2024-05-28",
            "2024-05-27 22:00 .. 2024-05-28 21:00 open 2024-05-28",
        ]

    def test_holiday_at_the_end_of_a_week_belongs_to_the_next_week(self) -> None:
        """Friday's short hours are Monday's; the week ends on Thursday."""
        calendar = globex(into_next={"13:00": ["2020-07-03"]})
        assert trading_days(calendar, "2020-07-02 12:00", "2020-07-06 12:00") == [
            "2020-07-01 22:00 .. 2020-07-02 21:00 2020-07-02",
            "2020-07-02 22:00 .. 2020-07-06 21:00 2020-07-06",
        ]
        assert str(calendar.week_at(utc("2020-07-03 12:00")).date) == "2020-07-10"

    def test_two_holidays_in_a_row_belong_to_one_day(self) -> None:
        """Osaka, May 2023: three days of holiday trading, each as long as an ordinary one, and then Monday."""
        calendar = WeeklyCalendar(
            name="ose",
            zone="Asia/Tokyo",
            day_close="15:15",
            hours=["Mon-Fri 08:45-15:15"],
            night=["Mon-Fri 16:30-06:00"],
            into_next={"15:15": ["2023-05-03", "2023-05-04", "2023-05-05"]},
        )
        assert trading_days(calendar, "2023-05-02 00:00", "2023-05-08 06:00") == [
            "2023-05-01 07:30 .. 2023-05-02 06:15 2023-05-02",
            "2023-05-02 07:30 .. 2023-05-08 06:15 2023-05-08",
        ]
        open_ns = 4 * (13 * HOUR_NS + HOUR_NS // 2) + 4 * (6 * HOUR_NS + HOUR_NS // 2)
        day = calendar.day_at(utc("2023-05-04 00:00"))
        assert calendar.gap(day.start_ns, day.end_ns).silence_ns == open_ns

    def test_nights_go_on_after_a_holiday_that_trades(self) -> None:
        """Osaka, New Year 2025: from the night of the 30th of December to the 6th of January is one trading day."""
        calendar = WeeklyCalendar(
            name="ose",
            zone="Asia/Tokyo",
            day_close="15:45",
            hours=["Mon-Fri 08:45-15:45"],
            night=["Mon-Fri 17:00-06:00"],
            holidays=["2024-12-31", "2025-01-01", "2025-01-02"],
            into_next={"15:45": ["2025-01-03"]},
        )
        opens = [line for line in stretches(calendar, "2024-12-30 08:00", "2025-01-06 06:45") if " open " in line]
        assert opens == [
            "2024-12-30 08:00 .. 2024-12-30 21:00 open 2025-01-06",
            "2025-01-02 23:45 .. 2025-01-03 06:45 open 2025-01-06",
            "2025-01-03 08:00 .. 2025-01-03 21:00 open 2025-01-06",
            "2025-01-05 23:45 .. 2025-01-06 06:45 open 2025-01-06",
        ]


class TestErrors:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"hours": [*DAY_HOURS, "Mon-Fri 21:00-02:30"], "night": []},
                "Fri 21:00 - Sat 02:30 would make Saturday a trading day without hours of its own.*list it under night",
            ),
            (
                {"hours": [*DAY_HOURS, "Mon-Fri 21:00-02:30"], "night": [], "day_close": "24:00"},
                "Fri 21:00 - Sat 02:30 would make Saturday a trading day",
            ),
            ({"night": ["Mon-Fri 14:00-20:00"]}, "night and hours overlap at Mon 14:00: write each stretch once"),
            (
                {"day_close": "02:30"},
                "day_close 02:30 gives the hours of Monday the date of Tuesday: .*or later, such as 15:00",
            ),
            ({"night": ["9pm"]}, "invalid hours '9pm'"),
            ({"night": "Mon-Fri 21:00-02:30"}, r"night must be a list: write \['Mon-Fri 21:00-02:30'\]"),
            ({"night": [], "no_night": ["2024-06-07"]}, "no_night: there is no night session: list one under night"),
            ({"night": [], "night_before_holidays": False}, "night_before_holidays: there is no night session"),
            ({"into_next": {"15:30": ["2024-06-10"]}}, "into_next: 15:30 is not inside the hours of 2024-06-10"),
            ({"into_next": {"11:30": ["2024-06-09"]}}, "into_next: nothing trades on 2024-06-09: remove it"),
            (
                {"into_next": {"11:30": ["2024-06-10"]}, "holidays": ["2024-06-10"]},
                "2024-06-10 is a holiday and has hours of its own",
            ),
            (
                {"into_next": {"11:30": ["2024-06-10"]}, "early_closes": {"11:00": ["2024-06-10"]}},
                "2024-06-10 is in early_closes and in into_next",
            ),
            (
                {"into_next": {"10:00": ["2024-06-10"]}, "late_opens": {"11:00": ["2024-06-10"]}},
                "2024-06-10 closes before it opens: change into_next or late_opens",
            ),
        ],
    )
    def test_wrong_setting_says_what_to_write(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            shanghai(**changes)

    @pytest.mark.parametrize(
        "hours",
        [
            ["Sun-Thu 18:00-17:00"],  # every day begins the evening before
            ["Sun 17:00 - Fri 17:00"],  # round the clock
            ["Mon 09:00 - Fri 17:00"],
            ["Mon-Thu 19:00-02:00", "Mon-Fri 08:30-13:20"],
            ["Mon-Fri 09:00-15:00"],
        ],
    )
    def test_hours_that_make_no_day_of_a_night_are_taken(self, hours: list[str]) -> None:
        """Beginning on the date before is not a fault by itself."""
        WeeklyCalendar(name="x", zone="UTC", day_close="17:00", hours=hours)

    def test_log_from_before_there_were_nights_is_read(self) -> None:
        """A calendar by value is what its log was made with, whatever is thought of it today."""
        value = shanghai(night=[]).to_dict() | {"hours": [*DAY_HOURS, "Mon-Fri 21:00-02:30"]}
        assert str(WeeklyCalendar.from_dict(value).day_at(utc("2024-05-31 14:00")).date) == "2024-06-01"
