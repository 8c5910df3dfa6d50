"""Weeks and months of trading days: where they start, where they end, and what lies outside of all of them."""

from __future__ import annotations

import mtf.calendars
from mtf.calendars import WeeklyCalendar
from tests.calendars.builders import day_text, utc

FX = mtf.calendars.get("fx")
CRYPTO = mtf.calendars.get("crypto")
EQUITIES = mtf.calendars.get("us_equities")


class TestWeek:
    def test_fx_week_runs_from_sunday_17_00_to_friday_17_00(self) -> None:
        """Over a clock change at its very start: the week of 2024-03-11 begins at 21:00 UTC."""
        week = "2024-03-10 21:00 .. 2024-03-15 21:00 2024-03-15"
        assert day_text(FX.week_at(utc("2024-03-10 21:00"))) == week
        assert day_text(FX.week_at(utc("2024-03-13 12:00"))) == week
        assert day_text(FX.week_at(utc("2024-03-15 20:59:59.999999999"))) == week

    def test_weekend_belongs_to_no_week(self) -> None:
        """A tick kept on a Saturday makes a weekly bar of that Saturday alone."""
        assert day_text(FX.week_at(utc("2024-03-15 21:00"))) == "2024-03-15 21:00 .. 2024-03-16 21:00 2024-03-16 off"

    def test_crypto_week_is_monday_to_sunday(self) -> None:
        """ISO weeks, over the turn of a year as well."""
        week = "2024-12-30 00:00 .. 2025-01-06 00:00 2025-01-05"
        assert day_text(CRYPTO.week_at(utc("2024-12-31 23:00"))) == week
        assert day_text(CRYPTO.week_at(utc("2025-01-05 23:59"))) == week

    def test_week_ends_with_its_last_trading_day(self) -> None:
        """Good Friday 2024-03-29: the week ends on Thursday 16:00, and the holiday is not part of it."""
        week = "2024-03-25 13:30 .. 2024-03-28 20:00 2024-03-28"
        assert day_text(EQUITIES.week_at(utc("2024-03-27 15:00"))) == week
        assert EQUITIES.week_at(utc("2024-03-29 15:00")).off_session

    def test_week_starts_with_its_first_trading_day(self) -> None:
        """Labor Day 2024-09-02 is a Monday: the week begins on Tuesday 09:30."""
        assert day_text(EQUITIES.week_at(utc("2024-09-04 15:00"))) == "2024-09-03 13:30 .. 2024-09-06 20:00 2024-09-06"

    def test_what_is_off_session_inside_a_week_lies_in_it(self) -> None:
        """A tick kept on the Fourth of July, a Thursday, cannot open a weekly bar inside another one."""
        week = "2024-07-01 13:30 .. 2024-07-05 20:00 2024-07-05"
        assert day_text(EQUITIES.week_at(utc("2024-07-04 15:00"))) == week
        assert day_text(EQUITIES.week_at(utc("2024-07-02 03:00"))) == week

    def test_week_without_a_trading_day_is_its_days_alone(self) -> None:
        """Closed from Monday to Friday: nothing to unite."""
        calendar = WeeklyCalendar(
            name="x", zone="UTC", hours=["Mon-Fri 00:00-24:00"], closures=[["2024-01-08T00:00", "2024-01-15T00:00"]]
        )
        week = calendar.week_at(utc("2024-01-10 12:00"))
        assert day_text(week) == "2024-01-10 00:00 .. 2024-01-11 00:00 2024-01-10 off"


class TestMonth:
    def test_fx_month_runs_by_the_dates_of_its_days(self) -> None:
        """Sunday 2024-03-31 17:00 is Monday, the first of April."""
        assert day_text(FX.month_at(utc("2024-04-15 12:00"))) == "2024-03-31 21:00 .. 2024-04-30 21:00 2024-04-30"
        assert day_text(FX.month_at(utc("2024-03-15 12:00"))) == "2024-02-29 22:00 .. 2024-03-29 21:00 2024-03-29"

    def test_weekend_between_two_months_belongs_to_neither(self) -> None:
        """Saturday 2024-03-30 comes after March's last trading day."""
        assert FX.month_at(utc("2024-03-30 12:00")).off_session

    def test_weekend_inside_a_month_lies_in_it(self) -> None:
        """A monthly bar is one interval."""
        assert str(FX.month_at(utc("2024-03-16 12:00")).date) == "2024-03-29"

    def test_crypto_month_is_the_calendar_month(self) -> None:
        """February of a leap year."""
        assert day_text(CRYPTO.month_at(utc("2024-02-29 23:59"))) == "2024-02-01 00:00 .. 2024-03-01 00:00 2024-02-29"

    def test_equities_month_ends_with_a_half_day(self) -> None:
        """2024-11-29, the day after Thanksgiving, closes November at 13:00."""
        assert day_text(EQUITIES.month_at(utc("2024-11-12 15:00"))) == "2024-11-01 13:30 .. 2024-11-29 18:00 2024-11-29"

    def test_month_at_the_edge_of_time(self) -> None:
        """January 1970 begins on the first, Thursday; its week in 1969."""
        assert day_text(CRYPTO.month_at(0)) == "1970-01-01 00:00 .. 1970-02-01 00:00 1970-01-31"
        assert day_text(CRYPTO.week_at(0)) == "1969-12-29 00:00 .. 1970-01-05 00:00 1970-01-04"
