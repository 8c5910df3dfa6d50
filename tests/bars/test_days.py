"""Days that are not like others: weekends, clock changes, half days, holidays, and the ends of weeks and months."""

from __future__ import annotations

import re

import pytest

from mtf.calendars import Gap, WeeklyCalendar
from mtf.events.tick import Tick
from tests.bars.builders import NEW_YORK, Run, RunEvents
from tests.bars.builders import run as run_engine
from tests.builders import at

ALWAYS = ["Mon 00:00 - Sun 24:00"]
SIX = ("1m", "5m", "15m", "1h", "4h", "1d")
HOUR_NS = 3600 * 10**9
HALF_NS = HOUR_NS // 2


def every(step_ns: int, start: str, count: int) -> list[Tick]:
    """Return *count* quotes, one each *step_ns*, from *start* on."""
    return [Tick("EURUSD", at(start) + i * step_ns, 1.0, 1.0) for i in range(count)]


def test_a_nanosecond_before_fridays_close_is_fridays(run: Run) -> None:
    """16:59:59.999999999 is open; its minute, hour and day end at 17:00."""
    ran = run("16:59:59.999999999@1 2024-03-10T17:00@2", SIX, day="2024-03-08", zone=NEW_YORK)
    assert [bar.timeframe.name for bar in ran.bars] == list(SIX)
    assert ran.only("1m") == ["1m 16:59 1 1 1 1 v0 n1 first incomplete"]
    assert str(ran.bars[-1].trading_day) == "2024-03-08"


def test_fridays_close_itself_is_closed(run: Run) -> None:
    """17:00:00 on Friday is the weekend's first instant."""
    ran = run("16:59@1 17:00@9", day="2024-03-08", zone=NEW_YORK)
    assert (ran.lines, ran.rejected()) == ([], {"closed": 1})


def test_sunday_17_00_opens_monday(run: Run) -> None:
    """The week's first instant, and its trading day is Monday's."""
    ran = run("16:59:59.999999999@9 17:00@1 17:01@2", ("1m", "1d"), day="2024-03-10", zone=NEW_YORK)
    assert ran.only("1m") == ["1m 17:00 1 1 1 1 v0 n1 first"]
    assert str(ran.bars[0].trading_day) == "2024-03-11"
    assert ran.rejected() == {"closed": 1}


def test_the_first_bar_after_a_weekend_says_what_lay_between(run: Run) -> None:
    """47 hours closed where the clock went forward, and the silence before and after in an open market."""
    ran = run("16:50@1 2024-03-10T17:03@2 2024-03-10T17:04@3", day="2024-03-08", zone=NEW_YORK)
    assert ran.lines[1] == "1m 2024-03-10T17:03 2 2 2 2 v0 n1 gap closed 47h silence 12m"


def test_no_timeframe_has_a_bar_of_the_weekend(run: Run) -> None:
    """Friday's last tick, Sunday's first: six bars, each Friday's."""
    ran = run("16:59@1 2024-03-10T17:00@2", SIX, day="2024-03-08", zone=NEW_YORK)
    assert {str(bar.trading_day) for bar in ran.bars} == {"2024-03-08"}
    assert len(ran.bars) == 6


def test_a_weekend_tick_that_is_kept_is_a_day_of_its_own(run: Run) -> None:
    """With closed="keep" Saturday's tick touches neither Friday's nor Monday's bars."""
    ran = run(
        "16:59@1 2024-03-09T12:00@9 2024-03-10T17:00@2 2024-03-11T17:00@3",
        ("1h", "1d"),
        day="2024-03-08",
        zone=NEW_YORK,
        closed="keep",
    )
    # Friday 17:00 to Saturday 17:00 is one such day.
    assert ran.only("1d") == [
        "1d 2024-03-07T17:00 1 1 1 1 v0 n1 first incomplete",
        "1d 17:00 9 9 9 9 v0 n1 off_session",
        "1d 2024-03-10T17:00 2 2 2 2 v0 n1 gap closed 23h",
    ]


def test_a_kept_weekend_tick_is_in_no_week_and_no_month(run: Run) -> None:
    """1w is its trading days: a Saturday's tick makes a bar of its own day there too."""
    ran = run(
        "16:59@1 2024-03-09T12:00@9 2024-03-11T10:00@2 2024-03-17T17:00@3",
        ("1d", "1w"),
        day="2024-03-08",
        zone=NEW_YORK,
        closed="keep",
    )
    assert [line for line in ran.only("1w") if "off_session" not in line] == [
        "1w 2024-03-03T17:00 1 1 1 1 v0 n1 long 120h first incomplete",
        "1w 2024-03-10T17:00 2 2 2 2 v0 n1 long 120h gap closed 23h",
    ]


@pytest.mark.parametrize(
    ("start", "hours", "bars"),
    [
        ("2024-03-30 23:00", 23, ["23:00", "03:00", "07:00", "11:00", "15:00", "19:00 long 3h"]),
        ("2024-10-26 22:00", 25, ["22:00", "02:00", "06:00", "10:00", "14:00", "18:00", "22:00 long 1h"]),
    ],
)
def test_days_of_23_and_25_hours_on_a_market_that_never_closes(
    run_events: RunEvents, start: str, hours: int, bars: list[str]
) -> None:
    """4h bars count real hours from midnight in Berlin: the sixth has three, or a seventh has one."""
    berlin = WeeklyCalendar(name="berlin", zone="Europe/Berlin", hours=ALWAYS)
    ran = run_events(every(HOUR_NS, start, hours + 1), ("1h", "4h", "1d"), calendar=berlin)
    told = [line.split(maxsplit=1)[1].rpartition("T")[2] for line in ran.only("4h")]
    assert [re.sub(r" 1 1 1 1 v0 n\d| first", "", text) for text in told] == bars
    assert len(ran.only("1h")) == hours
    assert ran.only("1d")[0].split("v0 ")[1] == f"n{hours} long {hours}h first"


def test_half_an_hour_of_clock_change_on_lord_howe(run_events: RunEvents) -> None:
    """Its clock moves by 30 minutes: a day of 24 and a half hours ends with a bar of 30 minutes."""
    howe = WeeklyCalendar(name="howe", zone="Australia/Lord_Howe", hours=ALWAYS)
    ran = run_events(every(HALF_NS, "2024-04-06 13:00", 50), ("30m", "1h", "1d"), day="2024-04-07", calendar=howe)
    assert ran.only("1d") == ["1d 2024-04-06T13:00 1 1 1 1 v0 n49 long 24h30m first"]
    assert len(ran.only("1h")) == 25
    assert ran.only("1h")[24] == "1h 13:00 1 1 1 1 v0 n1 long 30m"


def test_fx_weeks_of_clock_change_have_days_of_24_hours(run: Run) -> None:
    """The change falls on a Sunday, when fx is closed: Monday's six 4h bars start at 17, 21, 01, 05, 09 and 13."""
    hours = " ".join(f"{day}T{hour:02}:00@1" for day, hour in [("2024-03-10", 17), ("2024-03-10", 21)])
    hours += " " + " ".join(f"2024-03-11T{hour:02}:00@1" for hour in (1, 5, 9, 13, 17))
    ran = run(hours, ("1h", "4h", "1d"), day="2024-03-11", zone=NEW_YORK)
    assert [line.split()[1] for line in ran.only("4h")] == [
        "2024-03-10T17:00",
        "2024-03-10T21:00",
        "01:00",
        "05:00",
        "09:00",
        "13:00",
    ]
    assert ran.only("1d") == ["1d 2024-03-10T17:00 1 1 1 1 v0 n6 first"]


def test_a_half_day_ends_at_13_00(run: Run) -> None:
    """The Friday after Thanksgiving 2024: the day, its hour and its last minute end together, and 13:00 is closed."""
    ran = run("12:59@1 13:00@9 2024-12-02T09:30@2", SIX, day="2024-11-29", zone=NEW_YORK, calendar="us_equities")
    assert ran.rejected() == {"closed": 1}
    assert ran.only("1d") == ["1d 09:30 1 1 1 1 v0 n1 long 3h30m first incomplete"]
    assert ran.only("4h") == ["4h 09:30 1 1 1 1 v0 n1 long 3h30m first incomplete"]
    assert ran.only("1h") == ["1h 12:30 1 1 1 1 v0 n1 long 30m first incomplete"]


def test_a_holiday_is_a_gap_of_its_own_kind(run: Run) -> None:
    """From Thursday's close over Good Friday to Monday's open: six and a half hours would have been traded."""
    ran = run(
        "15:59@1 2024-03-29T10:00@9 2024-04-01T09:30@2 2024-04-01T09:31@3",
        day="2024-03-28",
        zone=NEW_YORK,
        calendar="us_equities",
    )
    assert ran.rejected() == {"closed": 1}
    assert ran.lines[1] == "1m 2024-04-01T09:30 2 2 2 2 v0 n1 gap closed 83h holiday 6h30m"


def test_a_holiday_that_begins_in_mid_session_ends_the_day_there(run: Run) -> None:
    """A closure from 11:00 on: the day and its bars end at 11:00, and what comes later is rejected."""
    odd = WeeklyCalendar(
        name="odd",
        zone="UTC",
        hours=["Mon-Fri 09:00-17:00"],
        closures=[("2024-03-06T11:00", "2024-03-07T00:00")],
    )
    ran = run("09:00@1 10:59@2 11:00@9 2024-03-07T09:00@3", ("1h", "4h", "1d"), calendar=odd)
    assert ran.rejected() == {"closed": 1}
    assert ran.only("4h") == ["4h 09:00 1 2 1 2 v0 n2 long 2h first"]
    assert ran.only("1d") == ["1d 09:00 1 2 1 2 v0 n2 long 2h first"]


def test_a_closure_within_a_day_cuts_no_bar(run: Run) -> None:
    """Closed from 11:00 to 13:00 and open again: the day and its 4h bar go on over it."""
    odd = WeeklyCalendar(
        name="odd",
        zone="UTC",
        hours=["Mon-Fri 09:00-17:00"],
        closures=[("2024-03-06T11:00", "2024-03-06T13:00")],
    )
    ran = run("09:00@1 11:30@9 13:30@2 2024-03-07T09:00@3", ("1h", "4h", "1d"), calendar=odd)
    assert ran.rejected() == {"closed": 1}
    assert ran.only("1h") == [
        "1h 09:00 1 1 1 1 v0 n1 first",
        "1h 13:00 2 2 2 2 v0 n1 gap holiday 2h silence 1h",
    ]
    assert ran.only("1d") == ["1d 09:00 1 2 1 2 v0 n2 long 8h first"]


def test_a_break_cuts_no_bar(run: Run) -> None:
    """A pause at noon lies inside of the 4h bar and of the day; only a bar all within it is not there."""
    lunch = WeeklyCalendar(name="lunch", zone="UTC", hours=["Mon-Fri 09:00-15:00"], breaks=["Mon-Fri 11:30-12:30"])
    ran = run("11:00@1 12:00@9 12:45@2 15:00@9 2024-03-07T09:00@3", ("15m", "4h", "1d"), calendar=lunch)
    assert ran.rejected() == {"closed": 2}
    assert ran.only("4h") == ["4h 09:00 1 2 1 2 v0 n2 first incomplete"]
    assert ran.only("15m") == [
        "15m 11:00 1 1 1 1 v0 n1 first",
        "15m 12:45 2 2 2 2 v0 n1 gap break 1h silence 30m",
    ]


def test_the_cme_hour_off_is_no_bar(run: Run) -> None:
    """us_futures: 16:59 belongs to today, 17:30 to nobody, 18:00 to tomorrow."""
    ran = run("16:59@1 17:30@9 18:00@2 18:01@3", ("1m", "1d"), zone=NEW_YORK, calendar="us_futures")
    assert ran.rejected() == {"closed": 1}
    assert ran.only("1m") == [
        "1m 16:59 1 1 1 1 v0 n1 first",
        "1m 18:00 2 2 2 2 v0 n1 gap closed 1h",
    ]
    assert [str(bar.trading_day) for bar in ran.bars] == ["2024-03-06", "2024-03-06", "2024-03-07"]


def test_a_week_closes_with_its_last_trading_day(run: Run) -> None:
    """Good Friday: the week ends on Thursday at 16:00, with the day and at the same instant."""
    ran = run("15:59@1 !16:00", ("1h", "1d", "1w"), day="2024-03-28", zone=NEW_YORK, calendar="us_equities")
    assert [bar.timeframe.name for bar in ran.bars] == ["1h", "1d", "1w"]
    assert len({bar.end_ns for bar in ran.bars}) == 1


def test_a_month_closes_with_its_last_trading_day(run: Run) -> None:
    """March 2024 of fx ends on Friday the 29th, 17:00; Sunday evening is April's."""
    ran = run("16:59@1 2024-03-31T17:00@2", ("1d", "1w", "1mo"), day="2024-03-29", zone=NEW_YORK)
    assert [bar.timeframe.name for bar in ran.bars] == ["1d", "1w", "1mo"]
    assert len({bar.end_ns for bar in ran.bars}) == 1


def test_a_month_may_end_within_a_week(run: Run) -> None:
    """The last of February 2024 is a Thursday: month and day close, the week goes on."""
    ran = run("16:59@1 17:00@2", ("1d", "1w", "1mo"), day="2024-02-29", zone=NEW_YORK)
    assert [bar.timeframe.name for bar in ran.bars] == ["1d", "1mo"]
    assert ran.partial("1w") == "1w 2024-02-25T17:00 1 2 1 2 v0 n2 long 120h first incomplete"


def test_a_year_changes_in_mid_week(run: Run) -> None:
    """New Year 2025 is a Wednesday: one ISO week, two years, two months."""
    ran = run(
        "2024-12-31T16:59@1 2024-12-31T17:00@2 2025-01-03T17:00@3 !2025-01-03T17:00", ("1d", "1w", "1mo"), zone=NEW_YORK
    )
    weeks = [bar for bar in ran.bars if bar.timeframe.name == "1w"]
    assert [(bar.open, bar.close, bar.ticks) for bar in weeks] == [(1.0, 2.0, 2)]
    months = [bar for bar in ran.bars if bar.timeframe.name == "1mo"]
    assert [(bar.open, bar.close) for bar in months] == [(1.0, 1.0)]


def test_a_leap_day_is_a_day(run: Run) -> None:
    """29 February 2024."""
    ran = run("10:00@1 2024-03-01T10:00@2", ("1d",), day="2024-02-29")
    assert [str(bar.trading_day) for bar in ran.bars] == ["2024-02-29"]


def test_christmas_of_fx_is_silence(run: Run) -> None:
    """fx has no holidays: a venue that is shut leaves a gap of open market."""
    ran = run("2023-12-22T16:59@1 2023-12-25T17:00@2 2023-12-25T17:01@3", day="2023-12-25", zone=NEW_YORK)
    assert ran.lines[1] == "1m 17:00 2 2 2 2 v0 n1 gap closed 48h silence 24h"


def test_a_silent_open_day_leaves_no_daily_bar(run: Run) -> None:
    """Monday without a tick: Friday's bar, then Tuesday's, which says what was missing."""
    ran = run("2024-03-08T10:00@1 2024-03-12T10:00@2 2024-03-13T10:00@3", ("1d",), zone=NEW_YORK)
    assert [str(bar.trading_day) for bar in ran.bars] == ["2024-03-08", "2024-03-12"]
    assert ran.only("1d")[1] == "1d 2024-03-11T17:00 2 2 2 2 v0 n1 gap closed 47h silence 24h"


def test_the_day_that_a_log_begins_in_is_known_by_each_of_its_bars() -> None:
    """Also by those that are whole. The next day and its bars are not marked, nor is the next week."""
    ran = run_engine(
        "10:00@1 10:01@2 16:59@3 17:00@4 17:01@5 2024-03-11T10:00@6", ("1m", "1h", "1d", "1w"), zone=NEW_YORK
    )
    told = {name: [bar.day_incomplete for bar in ran.bars if bar.timeframe.name == name] for name in ("1m", "1h", "1d")}
    assert told == {
        "1m": [True, True, True, False, False],
        "1h": [True, True, False],
        "1d": [True, False],
    }
    assert [bar.incomplete for bar in ran.bars if bar.timeframe.name == "1m"] == [False] * 5
    assert ran.snapshot()["1w"].bars[-1].day_incomplete
    assert [each.partial.day_incomplete for each in ran.snapshot() if each.partial is not None] == [False] * 4


def test_each_closed_day_with_a_kept_tick_is_a_day_of_its_own(run: Run) -> None:
    """Saturday's and Sunday's, in weeks too; between such days there is no gap."""
    ran = run(
        "2024-03-01 16:00@1 2024-03-02 12:00@2 2024-03-03 16:59@3 17:00@4",
        ("1d", "1w"),
        day="2024-03-01",
        zone=NEW_YORK,
        closed="keep",
    )
    assert ran.only("1d") == [
        "1d 2024-02-29T17:00 1 1 1 1 v0 n1 first incomplete",
        "1d 17:00 2 2 2 2 v0 n1 off_session",
        "1d 2024-03-02T17:00 3 3 3 3 v0 n1 off_session",
    ]
    assert [str(bar.trading_day) for bar in ran.bars if bar.timeframe == "1d"] == [
        "2024-03-01",
        "2024-03-02",
        "2024-03-03",
    ]
    assert ran.only("1w") == [
        "1w 2024-02-25T17:00 1 1 1 1 v0 n1 long 120h first incomplete",
        "1w 17:00 2 2 2 2 v0 n1 long 24h off_session",
        "1w 2024-03-02T17:00 3 3 3 3 v0 n1 long 24h off_session",
    ]


def test_every_timeframe_says_what_the_weekend_was(run: Run) -> None:
    """The bars that form on Sunday at 17:00 begin there, are Monday's, and follow 48 closed hours."""
    ran = run("16:59:59.999999999@2 2024-03-03T17:00@6", SIX, day="2024-03-01", zone=NEW_YORK)
    forming = [ran.forming(each) for each in SIX]
    assert {bar and (bar.start_ns, str(bar.trading_day), bar.gap) for bar in forming} == {
        (at("2024-03-03 17:00", zone=NEW_YORK), "2024-03-04", Gap(closed_ns=48 * HOUR_NS))
    }
