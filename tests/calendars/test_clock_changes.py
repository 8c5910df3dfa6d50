"""Thirty-one years of clock changes: the United States, the European Union, their gap weeks, and the south.

The tables are the published rules written out. US: the Uniform Time Act as of 1987, from 2007 the Energy Policy Act.
EU: directives 94/21 and 2000/84. New South Wales: with the Olympic Games of 2000 and the Commonwealth Games of 2006.
"""

from __future__ import annotations

import datetime
from typing import Final

import pytest

import mtf.calendars
from mtf.calendars import Calendar, WeeklyCalendar
from mtf.calendars.grid import bar_bounds
from tests.calendars.builders import HOUR_NS, text, utc

# Each year: the date on which summer time begins, and the one on which it ends.
UNITED_STATES: Final = """
    1995 04-02 10-29  1996 04-07 10-27  1997 04-06 10-26  1998 04-05 10-25
    1999 04-04 10-31  2000 04-02 10-29  2001 04-01 10-28  2002 04-07 10-27
    2003 04-06 10-26  2004 04-04 10-31  2005 04-03 10-30  2006 04-02 10-29
    2007 03-11 11-04  2008 03-09 11-02  2009 03-08 11-01  2010 03-14 11-07
    2011 03-13 11-06  2012 03-11 11-04  2013 03-10 11-03  2014 03-09 11-02
    2015 03-08 11-01  2016 03-13 11-06  2017 03-12 11-05  2018 03-11 11-04
    2019 03-10 11-03  2020 03-08 11-01  2021 03-14 11-07  2022 03-13 11-06
    2023 03-12 11-05  2024 03-10 11-03  2025 03-09 11-02
"""
EUROPEAN_UNION: Final = """
    1995 03-26 09-24  1996 03-31 10-27  1997 03-30 10-26  1998 03-29 10-25
    1999 03-28 10-31  2000 03-26 10-29  2001 03-25 10-28  2002 03-31 10-27
    2003 03-30 10-26  2004 03-28 10-31  2005 03-27 10-30  2006 03-26 10-29
    2007 03-25 10-28  2008 03-30 10-26  2009 03-29 10-25  2010 03-28 10-31
    2011 03-27 10-30  2012 03-25 10-28  2013 03-31 10-27  2014 03-30 10-26
    2015 03-29 10-25  2016 03-27 10-30  2017 03-26 10-29  2018 03-25 10-28
    2019 03-31 10-27  2020 03-29 10-25  2021 03-28 10-31  2022 03-27 10-30
    2023 03-26 10-29  2024 03-31 10-27  2025 03-30 10-26
"""
# Each year: the date on which summer time ends, and the one on which it begins.
NEW_SOUTH_WALES: Final = """
    1995 03-05 10-29  1996 03-31 10-27  1997 03-30 10-26  1998 03-29 10-25
    1999 03-28 10-31  2000 03-26 08-27  2001 03-25 10-28  2002 03-31 10-27
    2003 03-30 10-26  2004 03-28 10-31  2005 03-27 10-30  2006 04-02 10-29
    2007 03-25 10-28  2008 04-06 10-05  2009 04-05 10-04  2010 04-04 10-03
    2011 04-03 10-02  2012 04-01 10-07  2013 04-07 10-06  2014 04-06 10-05
    2015 04-05 10-04  2016 04-03 10-02  2017 04-02 10-01  2018 04-01 10-07
    2019 04-07 10-06  2020 04-05 10-04  2021 04-04 10-03  2022 04-03 10-02
    2023 04-02 10-01  2024 04-07 10-06  2025 04-06 10-05
"""
FIRST: Final = datetime.date(1995, 1, 1)
DATES: Final = 11_323  # 1995 to 2025
ONE_DAY: Final = datetime.timedelta(days=1)


def changes(table: str) -> tuple[set[datetime.date], set[datetime.date]]:
    """Return the dates of the first and of the second column."""
    words = table.split()
    assert len(words) == 31 * 3
    first = {datetime.date.fromisoformat(f"{words[i]}-{words[i + 1]}") for i in range(0, len(words), 3)}
    second = {datetime.date.fromisoformat(f"{words[i]}-{words[i + 2]}") for i in range(0, len(words), 3)}
    return first, second


def in_summer_time(table: str, date: datetime.date) -> bool:
    """Return whether summer time holds at noon of *date*; begin and end are the columns of *table*."""
    begins, ends = changes(table)
    year = [day for day in begins | ends if day.year == date.year]
    return min(year) <= date < max(year)


def round_the_clock(zone: str) -> Calendar:
    return WeeklyCalendar(name=zone, zone=zone, hours=["Mon-Sun 00:00-24:00"])


ZONES = [
    pytest.param("America/New_York", *changes(UNITED_STATES), 5, id="New York"),
    pytest.param("America/Chicago", *changes(UNITED_STATES), 6, id="Chicago"),
    pytest.param("Europe/Berlin", *changes(EUROPEAN_UNION), -1, id="Berlin"),
    pytest.param("Europe/Athens", *changes(EUROPEAN_UNION), -2, id="Athens"),
    pytest.param("Australia/Sydney", *reversed(changes(NEW_SOUTH_WALES)), -10, id="Sydney"),
    pytest.param("Asia/Tokyo", set(), set(), -9, id="Tokyo"),
]


@pytest.mark.parametrize(("zone", "short", "long", "west"), ZONES)
def test_days_of_23_and_25_hours_are_those_of_the_table(
    zone: str, short: set[datetime.date], long: set[datetime.date], west: int
) -> None:
    """Every date once, in order, without a hole, and each of 24 hours but those on which the clock changes."""
    calendar = round_the_clock(zone)
    start = utc("1995-01-01 00:00") + (west - (zone == "Australia/Sydney")) * HOUR_NS  # in Sydney that is summer
    at = start
    for position in range(DATES):
        day = calendar.day_at(at)
        assert day.start_ns == at
        assert day.date == FIRST + position * ONE_DAY
        hours = 23 if day.date in short else 25 if day.date in long else 24
        assert day.end_ns - day.start_ns == hours * HOUR_NS
        at = day.end_ns
    assert at == start + DATES * 24 * HOUR_NS  # as many hours came back as were taken


@pytest.mark.parametrize(("zone", "short", "long", "west"), ZONES)
def test_bars_of_a_changed_day_tile_it_and_nest(
    zone: str, short: set[datetime.date], long: set[datetime.date], west: int
) -> None:
    """A 23-hour day has a sixth 4h bar of three hours, a 25-hour day a seventh of one; no bar twice, none missing."""
    calendar = round_the_clock(zone)
    for date in sorted(short | long):
        day = calendar.day_at(utc(f"{date} 12:00") + west * HOUR_NS)
        lengths = []
        at = int(day.start_ns)
        while at < day.end_ns:
            start, end = bar_bounds(day, at, 4 * HOUR_NS)
            assert start == at
            hours = [bar_bounds(day, at + hour * HOUR_NS, HOUR_NS) for hour in range((end - start) // HOUR_NS)]
            assert (hours[0][0], hours[-1][1]) == (start, end)
            lengths.append((end - start) // HOUR_NS)
            at = end
        assert lengths == ([4, 4, 4, 4, 4, 3] if date in short else [4, 4, 4, 4, 4, 4, 1])


def test_fx_week_opens_at_21_00_in_summer_and_22_00_in_winter() -> None:
    """Each Sunday of 31 years: 17:00 in New York, in summer time from the very Sunday on which it begins."""
    fx = mtf.calendars.get("fx")
    seen = 0
    for position in range(DATES):
        sunday = FIRST + position * ONE_DAY
        if sunday.weekday() != 6:
            continue
        hour = "21:00" if in_summer_time(UNITED_STATES, sunday) else "22:00"
        monday = fx.day_at(utc(f"{sunday} {hour}"))
        assert (text(monday.start_ns), monday.date, monday.off_session) == (f"{sunday} {hour}", sunday + ONE_DAY, False)
        assert fx.day_at(monday.start_ns - 1).off_session
        friday = fx.day_at(monday.start_ns + 4 * 24 * HOUR_NS)
        assert (friday.date, friday.off_session) == (sunday + 5 * ONE_DAY, False)
        assert friday.end_ns == monday.start_ns + 5 * 24 * HOUR_NS  # no clock changes within the week
        assert fx.day_at(friday.end_ns).off_session
        seen += 1
    assert seen == 1_618


def test_gap_weeks_are_those_between_the_two_tables() -> None:
    """Midnight in Athens is 17:00 in New York, but for the weeks in which one of the two is in summer time alone.

    It is 18:00 where New York is (March since 2007, and autumn), and 16:00 where Athens is (spring until 2006).
    """
    fx = mtf.calendars.get("fx")
    athens = round_the_clock("Europe/Athens")
    shifted: dict[int, int] = {}
    for position in range(DATES):
        date = FIRST + position * ONE_DAY
        if date.weekday() >= 5:
            continue
        evening = date - ONE_DAY  # both days begin on it, in New York's time
        difference = athens.day_at(utc(f"{date} 12:00")).start_ns - fx.day_at(utc(f"{date} 12:00")).start_ns
        greek = in_summer_time(EUROPEAN_UNION, date)
        american = in_summer_time(UNITED_STATES, evening if date.weekday() else date)
        assert difference == (int(american) - int(greek)) * HOUR_NS
        if difference:
            shifted[date.year] = shifted.get(date.year, 0) + 1
    assert shifted == {
        1995: 30, 1996: 5, 1997: 5, 1998: 5, 1999: 5, 2000: 5, 2001: 5, 2002: 5, 2003: 5, 2004: 5, 2005: 5, 2006: 5,
        2007: 15, 2008: 20, 2009: 20, 2010: 15, 2011: 15, 2012: 15, 2013: 20, 2014: 20, 2015: 20, 2016: 15, 2017: 15,
        2018: 15, 2019: 20, 2020: 20, 2021: 15, 2022: 15, 2023: 15, 2024: 20, 2025: 20,
    }  # fmt: skip


def test_sydney_session_moves_by_an_hour_against_utc() -> None:
    """10:00 to 16:00 in Sydney: from 00:00 UTC in winter, from 23:00 UTC of the day before in summer."""
    sydney = WeeklyCalendar(name="asx", zone="Australia/Sydney", day_close="16:00", hours=["Mon-Fri 10:00-16:00"])
    opens = {}
    for date in ("2024-04-05", "2024-04-08", "2024-10-04", "2024-10-07", "2006-03-31", "2006-04-03", "2000-08-28"):
        opens[date] = text(sydney.day_at(utc(f"{date} 01:00")).start_ns)
    assert opens == {
        "2024-04-05": "2024-04-04 23:00",
        "2024-04-08": "2024-04-08 00:00",
        "2024-10-04": "2024-10-04 00:00",
        "2024-10-07": "2024-10-06 23:00",
        "2006-03-31": "2006-03-30 23:00",
        "2006-04-03": "2006-04-03 00:00",
        "2000-08-28": "2000-08-27 23:00",
    }
