"""From a date to its day, week and month, and the last open instant of an interval."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mtf.calendars
from mtf.calendars import Calendar
from mtf.calendars.calendar import FIRST_ORDINAL, LAST_ORDINAL
from mtf.timeframe import DAY, INTRADAY, MONTH, WEEK
from mtf.units import NEVER_NS
from tests.calendars.builders import HOUR_NS, day_text, utc
from tests.calendars.drawn import drawn_or_built_in, somewhere

FX = mtf.calendars.get("fx")
EQUITIES = mtf.calendars.get("us_equities")


def ordinal(text: str) -> int:
    return datetime.date.fromisoformat(text).toordinal()


def of(calendar: Calendar, date: str, kind: int) -> str:
    found = calendar.period_of(ordinal(date), kind)
    return "none" if found is None else day_text(found)


class TestDayOf:
    def test_date_of_a_trading_day_is_that_day(self) -> None:
        """Monday of fx begins on Sunday evening."""
        assert of(FX, "2024-03-11", DAY) == "2024-03-10 21:00 .. 2024-03-11 21:00 2024-03-11"
        assert of(EQUITIES, "2024-11-29", INTRADAY) == "2024-11-29 14:30 .. 2024-11-29 18:00 2024-11-29"

    def test_date_without_a_trading_day_is_its_off_session_day(self) -> None:
        """A Saturday, and a holiday from the close before."""
        assert of(FX, "2024-03-16", DAY) == "2024-03-15 21:00 .. 2024-03-16 21:00 2024-03-16 off"
        assert of(EQUITIES, "2024-03-29", DAY) == "2024-03-28 20:00 .. 2024-03-29 20:00 2024-03-29 off"

    def test_date_that_the_zone_left_out_has_no_day(self) -> None:
        """Samoa went from the 29th to the 31st of December 2011."""
        samoa = mtf.calendars.WeeklyCalendar(name="apia", zone="Pacific/Apia", hours=["Mon-Sun 00:00-24:00"])
        assert samoa.day_of(ordinal("2011-12-30")) is None
        assert of(samoa, "2011-12-31", DAY) == "2011-12-30 10:00 .. 2011-12-31 10:00 2011-12-31"

    @pytest.mark.parametrize("name", mtf.calendars.BUILT_IN)
    @pytest.mark.parametrize("edge", [FIRST_ORDINAL, LAST_ORDINAL])
    def test_first_and_last_date_have_a_day(self, name: str, edge: int) -> None:
        """1678 and 2261 are within, as whole years."""
        day = mtf.calendars.get(name).day_of(edge)
        assert day is not None
        assert day.number == edge


class TestPeriodOf:
    def test_week_and_month_of_a_trading_date(self) -> None:
        """As `week_at` and `month_at` have them for an instant of that day."""
        assert of(FX, "2024-03-13", WEEK) == "2024-03-10 21:00 .. 2024-03-15 21:00 2024-03-15"
        assert of(FX, "2024-03-13", MONTH) == "2024-02-29 22:00 .. 2024-03-29 21:00 2024-03-29"

    def test_weekend_belongs_to_the_coming_week(self) -> None:
        """Vendors stamp a week of fx with the Sunday on which it opens."""
        week = "2024-03-10 21:00 .. 2024-03-15 21:00 2024-03-15"
        assert of(FX, "2024-03-09", WEEK) == week
        assert of(FX, "2024-03-10", WEEK) == week

    def test_holiday_belongs_to_its_own_week(self) -> None:
        """Good Friday, and the Monday of Labor Day."""
        assert of(EQUITIES, "2024-03-29", WEEK) == "2024-03-25 13:30 .. 2024-03-28 20:00 2024-03-28"
        assert of(EQUITIES, "2024-09-02", WEEK) == "2024-09-03 13:30 .. 2024-09-06 20:00 2024-09-06"

    def test_weekend_belongs_to_the_month_of_its_date(self) -> None:
        """Sunday the first of September, and Saturday the 31st of August."""
        assert of(EQUITIES, "2024-09-01", MONTH) == "2024-09-03 13:30 .. 2024-09-30 20:00 2024-09-30"
        assert of(EQUITIES, "2024-08-31", MONTH) == "2024-08-01 13:30 .. 2024-08-30 20:00 2024-08-30"

    def test_week_in_which_nothing_trades_is_none(self) -> None:
        """A closure from Monday to Monday; the weekend before it has no week to come either."""
        calendar = mtf.calendars.WeeklyCalendar(
            name="x", zone="UTC", hours=["Mon-Fri 00:00-24:00"], closures=[["2024-01-08T00:00", "2024-01-15T00:00"]]
        )
        assert of(calendar, "2024-01-10", WEEK) == "none"
        assert of(calendar, "2024-01-07", WEEK) == "none"
        assert of(calendar, "2024-01-14", WEEK) == "2024-01-15 00:00 .. 2024-01-20 00:00 2024-01-19"

    @given(drawn_or_built_in, somewhere, st.sampled_from([DAY, WEEK, MONTH]))
    def test_period_of_a_trading_days_date_is_the_period_of_its_instants(
        self, calendar: Calendar, ts_ns: int, kind: int
    ) -> None:
        """Two ways to one thing."""
        day = calendar.day_at(ts_ns)
        if day.off_session:
            return
        by_date, by_time = calendar.period_of(day.number, kind), calendar.period_at(ts_ns, kind)
        assert by_date is not None
        assert (by_date.start_ns, by_date.end_ns, by_date.date) == (by_time.start_ns, by_time.end_ns, by_time.date)


class TestLastOpen:
    def test_last_instant_before_the_close(self) -> None:
        """An interval over a weekend ends, for the market, on Friday."""
        friday = utc("2024-03-15 20:59:59.999999999")
        assert FX.last_open_ns(utc("2024-03-15 12:00"), utc("2024-03-17 12:00")) == friday
        assert FX.last_open_ns(utc("2024-03-15 12:00"), utc("2024-03-15 13:00")) == utc("2024-03-15 13:00") - 1

    def test_never_if_nothing_is_open(self) -> None:
        """From the close on, and an empty interval."""
        assert FX.last_open_ns(utc("2024-03-15 21:00"), utc("2024-03-17 21:00")) == NEVER_NS
        assert FX.last_open_ns(utc("2024-03-15 12:00"), utc("2024-03-15 12:00")) == NEVER_NS

    @given(drawn_or_built_in, somewhere, st.integers(1, 100 * HOUR_NS))
    def test_it_is_open_and_nothing_after_it_is(self, calendar: Calendar, start_ns: int, length_ns: int) -> None:
        """Against the spans, one by one."""
        end_ns = start_ns + length_ns
        found = calendar.last_open_ns(start_ns, end_ns)
        opens = [span for span in calendar.spans(start_ns, end_ns) if span.open]
        assert found == (min(end_ns, opens[-1].end_ns) - 1 if opens else NEVER_NS)
