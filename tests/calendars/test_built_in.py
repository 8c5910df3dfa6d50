"""The calendars that have a name of their own, at the instants that matter to those who trade by them."""

from __future__ import annotations

import datetime

import pytest

import mtf.calendars
from mtf.calendars import CLOSED, HOLIDAY, OPEN
from mtf.errors import ConfigError
from tests.calendars.builders import HOUR_NS, day_text, stretches, utc

FX = mtf.calendars.get("fx")
CRYPTO = mtf.calendars.get("crypto")
FUTURES = mtf.calendars.get("us_futures")
EQUITIES = mtf.calendars.get("us_equities")


class TestFx:
    def test_friday_ends_one_nanosecond_after_16_59_59_999999999(self) -> None:
        """The last instant of the week is Friday's; the next one is the weekend's."""
        last = FX.span_at(utc("2024-03-08 21:59:59.999999999"))
        assert (last.state, str(last.day.date)) == (OPEN, "2024-03-08")
        first = FX.span_at(utc("2024-03-08 22:00"))
        assert (first.state, str(first.day.date), first.day.off_session) == (CLOSED, "2024-03-09", True)

    def test_sunday_17_00_opens_monday(self) -> None:
        """A trading day has the date of its close, so no Sunday stub can appear."""
        before = FX.span_at(utc("2024-03-10 20:59:59.999999999"))
        assert (before.state, str(before.day.date)) == (CLOSED, "2024-03-10")
        monday = FX.span_at(utc("2024-03-10 21:00"))
        assert (monday.state, str(monday.day.date), monday.day.off_session) == (OPEN, "2024-03-11", False)
        assert monday.day.start_ns == utc("2024-03-10 21:00")
        assert monday.day.end_ns == utc("2024-03-11 21:00")

    def test_weekend_is_two_days_of_their_own(self) -> None:
        """With closed="keep" a stray weekend tick gets a day, not a Friday or a Monday."""
        assert stretches(FX, "2024-01-12 12:00", "2024-01-15 12:00") == [
            "2024-01-11 22:00 .. 2024-01-12 22:00 open 2024-01-12",
            "2024-01-12 22:00 .. 2024-01-13 22:00 closed 2024-01-13 off",
            "2024-01-13 22:00 .. 2024-01-14 22:00 closed 2024-01-14 off",
            "2024-01-14 22:00 .. 2024-01-15 22:00 open 2024-01-15",
        ]

    def test_clock_change_falls_into_the_weekend(self) -> None:
        """New York's clock changes on Sunday 02:00: the closed Sunday has 23 or 25 hours, no trading day has."""
        assert FX.day_at(utc("2024-03-10 12:00")).end_ns - FX.day_at(utc("2024-03-10 12:00")).start_ns == 23 * HOUR_NS
        assert FX.day_at(utc("2024-11-03 12:00")).end_ns - FX.day_at(utc("2024-11-03 12:00")).start_ns == 25 * HOUR_NS

    def test_christmas_is_an_ordinary_day(self) -> None:
        """Venues differ on holidays; none is refused a tick, and the gap says that the open market was silent."""
        assert FX.span_at(utc("2024-12-25 15:00")).state == OPEN

    def test_the_far_future_follows_the_zone_rules(self) -> None:
        """zoneinfo goes on past its last listed change: Sunday 17:00 in July 2150 is 21:00 UTC, in January 22:00."""
        assert day_text(FX.day_at(utc("2150-07-06 12:00"))) == "2150-07-05 21:00 .. 2150-07-06 21:00 2150-07-06"
        assert day_text(FX.day_at(utc("2150-01-05 12:00"))) == "2150-01-04 22:00 .. 2150-01-05 22:00 2150-01-05"


class TestCrypto:
    def test_days_are_utc_days_and_always_open(self) -> None:
        """No closure, no clock change, no second that belongs to none."""
        assert stretches(CRYPTO, "2024-03-09 00:00", "2024-03-12 00:00") == [
            "2024-03-09 00:00 .. 2024-03-10 00:00 open 2024-03-09",
            "2024-03-10 00:00 .. 2024-03-11 00:00 open 2024-03-10",
            "2024-03-11 00:00 .. 2024-03-12 00:00 open 2024-03-11",
        ]

    def test_last_nanosecond_belongs_to_the_day(self) -> None:
        """Half-open: midnight is the next day's."""
        assert str(CRYPTO.day_at(utc("2023-12-31 23:59:59.999999999")).date) == "2023-12-31"
        assert str(CRYPTO.day_at(utc("2024-01-01 00:00")).date) == "2024-01-01"

    def test_epoch_and_the_end_of_time_have_their_day(self) -> None:
        """The first and the last instant that the block builder lets in."""
        assert day_text(CRYPTO.day_at(0)) == "1970-01-01 00:00 .. 1970-01-02 00:00 1970-01-01"
        assert day_text(CRYPTO.day_at(7_258_118_400_000_000_000)) == "2200-01-01 00:00 .. 2200-01-02 00:00 2200-01-01"


class TestUsFutures:
    def test_day_runs_from_18_00_to_17_00(self) -> None:
        """Globex: 23 hours, from the evening before."""
        assert day_text(FUTURES.day_at(utc("2024-01-23 15:00"))) == "2024-01-22 23:00 .. 2024-01-23 22:00 2024-01-23"

    def test_daily_hour_off_lies_between_two_days(self) -> None:
        """It belongs to neither: a bar that counts from the day's start counts from 18:00."""
        assert stretches(FUTURES, "2024-01-16 22:00", "2024-01-16 23:00") == [
            "2024-01-16 22:00 .. 2024-01-16 23:00 closed 2024-01-17 off"
        ]

    def test_week_from_sunday_18_00_to_friday_17_00(self) -> None:
        """The weekend is cut at 17:00 too, and Sunday's last hour is Monday's date."""
        assert stretches(FUTURES, "2024-01-19 21:59", "2024-01-21 23:01") == [
            "2024-01-18 23:00 .. 2024-01-19 22:00 open 2024-01-19",
            "2024-01-19 22:00 .. 2024-01-20 22:00 closed 2024-01-20 off",
            "2024-01-20 22:00 .. 2024-01-21 22:00 closed 2024-01-21 off",
            "2024-01-21 22:00 .. 2024-01-21 23:00 closed 2024-01-22 off",
            "2024-01-21 23:00 .. 2024-01-22 22:00 open 2024-01-22",
        ]

    def test_memorial_day_belongs_to_tuesday(self) -> None:
        """Globex opens on Sunday, halts on Monday at 13:00, and all of it has Tuesday's trade date."""
        assert stretches(FUTURES, "2024-05-26 22:00", "2024-05-28 21:00") == [
            "2024-05-26 22:00 .. 2024-05-27 17:00 open 2024-05-28",
            "2024-05-27 17:00 .. 2024-05-27 21:00 holiday 2024-05-28",
            "2024-05-27 21:00 .. 2024-05-27 22:00 break 2024-05-28",
            "2024-05-27 22:00 .. 2024-05-28 21:00 open 2024-05-28",
        ]

    @pytest.mark.parametrize(
        ("date", "day"),
        [
            ("2006-01-16", "2006-01-17"),  # Martin Luther King: "for trade date of Tuesday, Jan. 17"
            ("2007-09-03", "2007-09-04"),  # Labor Day
            ("2024-07-04", "2024-07-05"),  # Independence Day on a Thursday: "for trade date of Friday, July 5"
            ("2020-07-03", "2020-07-06"),  # on a Saturday, observed on the Friday
            ("2021-07-05", "2021-07-06"),  # on a Sunday, observed on the Monday
            ("2024-11-28", "2024-11-29"),  # Thanksgiving
            ("2024-06-19", "2024-06-20"),  # Juneteenth
        ],
    )
    def test_holiday_with_short_hours_belongs_to_the_next_business_day(self, date: str, day: str) -> None:
        """From the evening before until the halt."""
        assert str(FUTURES.day_at(utc(f"{date} 14:00")).date) == day
        assert FUTURES.span_at(utc(f"{date} 14:00")).open

    def test_halt_is_at_noon_in_chicago_since_2014(self) -> None:
        """Until then it came at 10:30."""
        assert FUTURES.span_at(utc("2014-05-26 16:59")).open
        assert FUTURES.span_at(utc("2014-02-17 16:29")).open
        assert FUTURES.span_at(utc("2014-02-17 16:30")).state == HOLIDAY

    def test_short_days_end_at_12_15_in_chicago(self) -> None:
        """The day after Thanksgiving, Christmas Eve, the third of July."""
        for date, end in (("2024-11-29", "18:15"), ("2024-12-24", "18:15"), ("2024-07-03", "17:15")):
            assert day_text(FUTURES.day_at(utc(f"{date} 14:00"))).endswith(f"{date} {end} {date}")

    def test_new_year_good_friday_and_christmas_do_not_trade(self) -> None:
        """Not even the evening before; on Boxing Day 2022 it is the Monday that is observed."""
        for at in ("2024-01-01 14:00", "2024-03-29 14:00", "2024-12-24 23:30", "2024-12-25 14:00", "2022-12-26 14:00"):
            assert FUTURES.span_at(utc(at)).state == HOLIDAY
        assert FUTURES.span_at(utc("2021-12-31 15:00")).open  # New Year's Day on a Saturday is not made up for
        assert FUTURES.span_at(utc("2024-12-25 23:30")).open

    def test_good_friday_with_the_jobs_report_trades_until_08_15_in_chicago(self) -> None:
        """2023-04-07; the trade date is its own."""
        assert day_text(FUTURES.day_at(utc("2023-04-07 13:00"))) == "2023-04-06 22:00 .. 2023-04-07 13:15 2023-04-07"


class TestChineseFutures:
    @pytest.mark.parametrize(
        ("name", "day"),
        [
            ("cn_futures", "2024-06-03 01:00 .. 2024-06-03 07:00 2024-06-03"),
            ("cn_futures_2300", "2024-05-31 13:00 .. 2024-06-03 07:00 2024-06-03"),
            ("cn_futures_0100", "2024-05-31 13:00 .. 2024-06-03 07:00 2024-06-03"),
            ("cn_futures_0230", "2024-05-31 13:00 .. 2024-06-03 07:00 2024-06-03"),
        ],
    )
    def test_monday_begins_on_friday_night(self, name: str, day: str) -> None:
        """But for products without a night."""
        assert day_text(mtf.calendars.get(name).day_at(utc("2024-06-03 02:00"))) == day

    def test_night_ends_by_product(self) -> None:
        """23:00, 01:00 and 02:30 are 15:00, 17:00 and 18:30 UTC."""
        opens = {
            name: [mtf.calendars.get(name).span_at(utc(f"2024-06-03 {at}")).open for at in ("14:59", "16:59", "18:29")]
            for name in ("cn_futures_2300", "cn_futures_0100", "cn_futures_0230")
        }
        assert opens == {
            "cn_futures_2300": [True, False, False],
            "cn_futures_0100": [True, True, False],
            "cn_futures_0230": [True, True, True],
        }

    def test_no_night_before_a_holiday_and_none_in_spring_2020(self) -> None:
        """Dragon Boat 2024 is a Monday: no night on Friday. The nights began again in the evening of 2020-05-06."""
        gold = mtf.calendars.get("cn_futures_0230")
        nights = {
            date: gold.span_at(utc(f"{date} 14:00")).open
            for date in (
                "2024-06-06",
                "2024-06-07",
                "2024-06-10",
                "2024-06-11",
                "2020-01-22",
                "2020-03-04",
                "2020-05-06",
            )
        }
        assert [date for date, held in nights.items() if held] == [
            "2024-06-06",
            "2024-06-11",
            "2020-01-22",
            "2020-05-06",
        ]


class TestOsaka:
    def test_night_belongs_to_the_next_business_day(self) -> None:
        """Friday 17:00 to Monday 15:45 in Osaka."""
        osaka = mtf.calendars.get("ose_futures")
        assert day_text(osaka.day_at(utc("2025-06-06 09:00"))) == "2025-06-06 08:00 .. 2025-06-09 06:45 2025-06-09"

    def test_holiday_trading_belongs_to_the_next_business_day(self) -> None:
        """From the 30th of December 2024 17:00 to the 6th of January 2025 is one trading day, with the 3rd in it."""
        osaka = mtf.calendars.get("ose_futures")
        assert day_text(osaka.day_at(utc("2025-01-03 02:00"))) == "2024-12-30 08:00 .. 2025-01-06 06:45 2025-01-06"
        assert osaka.span_at(utc("2025-01-03 02:00")).open
        assert osaka.span_at(utc("2025-01-02 02:00")).state == HOLIDAY

    def test_holidays_did_not_trade_before_2022(self) -> None:
        """The first one was 2022-09-23, a Friday, at former hours; the Monday before did not trade."""
        osaka = mtf.calendars.get("ose_futures_2021")
        assert day_text(osaka.day_at(utc("2022-09-23 02:00"))) == "2022-09-22 07:30 .. 2022-09-26 06:15 2022-09-26"
        assert osaka.span_at(utc("2022-09-19 02:00")).state == HOLIDAY


class TestUsEquities:
    def test_day_runs_from_09_30_to_16_00(self) -> None:
        """Nights are off session and dated by the day that they end in."""
        assert stretches(EQUITIES, "2024-07-09 20:00", "2024-07-10 20:00") == [
            "2024-07-09 20:00 .. 2024-07-10 13:30 closed 2024-07-10 off",
            "2024-07-10 13:30 .. 2024-07-10 20:00 open 2024-07-10",
        ]

    def test_half_day_ends_at_13_00(self) -> None:
        """The daily bar of the day after Thanksgiving closes at 13:00, not at 16:00."""
        assert stretches(EQUITIES, "2024-11-29 17:59", "2024-11-29 21:01") == [
            "2024-11-29 14:30 .. 2024-11-29 18:00 open 2024-11-29",
            "2024-11-29 18:00 .. 2024-11-29 21:00 closed 2024-11-29 off",
            "2024-11-29 21:00 .. 2024-11-30 21:00 closed 2024-11-30 off",
        ]

    def test_holiday_is_told_from_a_night(self) -> None:
        """Thanksgiving: what would have traded is holiday, the night before it is closed; one off-session day."""
        assert stretches(EQUITIES, "2024-11-27 21:00", "2024-11-28 21:00") == [
            "2024-11-27 21:00 .. 2024-11-28 14:30 closed 2024-11-28 off",
            "2024-11-28 14:30 .. 2024-11-28 21:00 holiday 2024-11-28 off",
        ]

    @pytest.mark.parametrize(
        ("year", "dates"),
        [
            (1990, "01-01 02-19 04-13 05-28 07-04 09-03 11-22 12-25"),
            (1994, "02-21 04-01 04-27 05-30 07-04 09-05 11-24 12-26"),  # Nixon; New Year's Day on a Saturday
            (1998, "01-01 01-19 02-16 04-10 05-25 07-03 09-07 11-26 12-25"),  # the first Martin Luther King day
            (2001, "01-01 01-15 02-19 04-13 05-28 07-04 09-03 09-11 09-12 09-13 09-14 11-22 12-25"),
            (2004, "01-01 01-19 02-16 04-09 05-31 06-11 07-05 09-06 11-25 12-24"),  # Reagan
            (2007, "01-01 01-02 01-15 02-19 04-06 05-28 07-04 09-03 11-22 12-25"),  # Ford
            (2012, "01-02 01-16 02-20 04-06 05-28 07-04 09-03 10-29 10-30 11-22 12-25"),  # Sandy
            (2018, "01-01 01-15 02-19 03-30 05-28 07-04 09-03 11-22 12-05 12-25"),  # Bush
            (2021, "01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24"),  # Juneteenth not yet
            (2022, "01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26"),
            (2025, "01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25"),  # Carter
            (2035, "01-01 01-15 02-19 03-23 05-28 06-19 07-04 09-03 11-22 12-25"),
        ],
    )
    def test_holidays_of_the_year(self, year: int, dates: str) -> None:
        """Weekdays without trading, as the exchange published them (2035: by its rules)."""
        first = datetime.date(year, 1, 1).toordinal()
        last = datetime.date(year, 12, 31).toordinal()
        closed = []
        for date in map(datetime.date.fromordinal, range(first, last + 1)):
            span = EQUITIES.span_at(utc(f"{date} 15:30"))  # 10:30 or 11:30 in New York
            assert span.day.date == date
            assert span.state == (CLOSED if date.weekday() >= 5 else HOLIDAY if span.day.off_session else OPEN)
            if span.state == HOLIDAY:
                closed.append(f"{date:%m-%d}")
        assert " ".join(closed) == dates

    @pytest.mark.parametrize(
        ("year", "dates"),
        [
            (1991, "12-24"),
            (1992, "11-27 12-24"),
            (1993, "11-26"),
            (1995, "07-03 11-24"),
            (1996, "07-05 11-29 12-24"),  # the Fourth on a Thursday: then the Friday after
            (1997, "07-03 11-28 12-24 12-26"),
            (1999, "11-26 12-31"),
            (2002, "07-05 11-29 12-24"),
            (2003, "07-03 11-28 12-24 12-26"),
            (2013, "07-03 11-29 12-24"),  # the Fourth on a Thursday again: now the Wednesday before
            (2020, "11-27 12-24"),
            (2023, "07-03 11-24"),
            (2025, "07-03 11-28 12-24"),
        ],
    )
    def test_half_days_of_the_year(self, year: int, dates: str) -> None:
        """Half days by the rule that was in force: until 1992 they ended at 14:00, since then at 13:00."""
        short = {}
        for day in EQUITIES.days(utc(f"{year}-01-01 00:00"), utc(f"{year + 1}-01-01 00:00")):
            if not day.off_session and day.end_ns - day.start_ns != 6.5 * HOUR_NS:
                short[f"{day.date:%m-%d}"] = day.end_ns - day.start_ns
        assert " ".join(short) == dates
        assert set(short.values()) == {(4.5 if year < 1993 else 3.5) * HOUR_NS}

    def test_years_beyond_the_list_are_ordinary_weeks(self) -> None:
        """Christmas 2060 is a holiday, Christmas 2061 is not known to be one: then nothing is refused."""
        assert EQUITIES.span_at(utc("2060-12-24 16:00")).state == HOLIDAY  # a Friday, for Saturday the 25th
        assert EQUITIES.span_at(utc("2061-12-26 16:00")).state == OPEN


class TestNames:
    def test_a_built_in_is_made_once(self) -> None:
        """The cache of days is shared by all who ask for a name."""
        assert mtf.calendars.get("fx") is FX

    def test_a_calendar_is_returned_as_it_is(self) -> None:
        """So that every place that takes a name takes a calendar too."""
        assert mtf.calendars.get(FX) is FX

    def test_unknown_name_says_what_there_is(self) -> None:
        """The message alone is enough to fix the mistake."""
        with pytest.raises(
            ConfigError, match=r"unknown calendar 'forex': choose from fx, crypto, us_futures, us_equities"
        ):
            mtf.calendars.get("forex")

    def test_each_has_its_name(self) -> None:
        """The name is what summaries and logs show."""
        assert [mtf.calendars.get(name).name for name in mtf.calendars.BUILT_IN] == list(mtf.calendars.BUILT_IN)
