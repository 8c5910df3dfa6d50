"""Several symbols in one stream: each has its own clock, its own calendar, its own bars."""

from __future__ import annotations

import pytest

import mtf
from mtf.errors import ConfigError
from tests.bars.builders import NEW_YORK, Run
from tests.bars.builders import run as run_engine

TWO = {"BTC*": "crypto", "*": "fx"}


def test_a_tick_closes_the_bars_of_its_own_symbol_alone(run: Run) -> None:
    """Another symbol's feed may be behind: its bar waits for its own tick, or for a clock event."""
    ran = run("A:10:00@1 B:10:00@2 A:10:05@3")
    assert ran.lines == ["A 1m 10:00 1 1 1 1 v0 n1 first"]
    assert ran.partial("1m", "B") == "1m 10:00 2 2 2 2 v0 n1 first"


def test_a_symbol_behind_another_is_not_late(run: Run) -> None:
    """Late is before its own clock: two feeds that are a minute apart lose nothing."""
    ran = run("A:10:05@1 B:10:00@2 B:10:01@3 A:10:06@4")
    assert (ran.rejected("A"), ran.rejected("B")) == ({}, {})
    assert ran.only("1m", "B") == ["1m 10:00 2 2 2 2 v0 n1 first"]


def test_an_idle_symbol_keeps_its_forming_bar(run: Run) -> None:
    """A day of another symbol's ticks changes nothing of it."""
    ran = run("A:10:00@1 " + " ".join(f"B:{hour}:30@2" for hour in range(10, 22)))
    assert ran.partial("1m", "A") == "1m 10:00 1 1 1 1 v0 n1 first"


def test_each_symbol_closes_its_day_by_its_own_calendar() -> None:
    """One stream, two closes: fx at 17:00 in New York, crypto at midnight UTC."""
    ran = run_engine(
        "EURUSD:21:59@1 BTCUSD:21:59@5 EURUSD:22:00@2 BTCUSD:22:00@6 EURUSD:23:59@3 BTCUSD:23:59@7 "
        "2024-03-07 EURUSD:00:00@4 BTCUSD:00:00@8",
        ("1h", "1d"),
        calendar=TWO,
    )
    assert ran.only("1d", "EURUSD") == ["1d 2024-03-05T22:00 1 1 1 1 v0 n1 first incomplete"]
    assert ran.only("1d", "BTCUSD") == ["1d 00:00 5 7 5 7 v0 n3 first incomplete"]


def test_the_weekend_is_closed_for_one_and_open_for_the_other() -> None:
    """The same instant, two verdicts."""
    ran = run_engine("2024-03-09 EURUSD:12:00@1 BTCUSD:12:00@5 BTCUSD:12:01@6", calendar=TWO)
    assert ran.rejected("EURUSD") == {"closed": 1}
    assert ran.rejected("BTCUSD") == {}
    assert ran.only("1m", "BTCUSD") == ["1m 2024-03-09T12:00 5 5 5 5 v0 n1 first"]


def test_a_clock_event_closes_by_each_symbols_own_end() -> None:
    """At 22:00 UTC in winter fx ends its day, and crypto an hour alone."""
    ran = run_engine("EURUSD:21:30@1 BTCUSD:21:30@5 !22:00", ("1h", "1d"), calendar=TWO)
    assert [(bar.symbol, bar.timeframe.name) for bar in ran.bars] == [
        ("EURUSD", "1h"),
        ("BTCUSD", "1h"),
        ("EURUSD", "1d"),
    ]


def test_ends_of_one_clock_event_come_in_time_then_timeframe_then_symbol(run: Run) -> None:
    """Rule 3 across symbols whose bars end at different times."""
    ran = run("B:10:00@1 A:10:01@2 !10:02", ("1m", "2m"))
    assert [(bar.symbol, bar.timeframe.name) for bar in ran.bars] == [
        ("B", "1m"),
        ("A", "1m"),
        ("B", "2m"),
        ("A", "2m"),
    ]


def test_the_price_side_is_each_symbols_own(run: Run) -> None:
    """`auto` decides by the first tick of each."""
    ran = run("A:10:00@1/2 B:10:00@=7 A:10:01@1/2 B:10:01@=8")
    assert ran.lines == ["A 1m 10:00 1.5 1.5 1.5 1.5 v0 n1 first", "B 1m 10:00 7 7 7 7 v0 n1 first"]


def test_a_symbol_whose_first_tick_is_rejected_is_known_and_has_no_side(run: Run) -> None:
    """The side is that of the first tick that was accepted."""
    ran = run("10:00@0/0 10:00:01@=5 10:01@=6")
    assert ran.lines == ["1m 10:00 5 5 5 5 v0 n1 first incomplete"]
    assert ran.rejected() == {"price": 1}


def test_a_symbol_without_a_calendar_is_an_error() -> None:
    """Nothing is guessed."""
    with pytest.raises(ConfigError, match="no calendar for symbol 'ETHUSD'"):
        run_engine("ETHUSD:10:00@1", calendar={"BTC*": "crypto"})


def test_names_count_by_case(run: Run) -> None:
    """`eurusd` is another symbol than `EURUSD`."""
    ran = run("EURUSD:10:00@1 eurusd:10:00@2 !10:01")
    assert [bar.symbol for bar in ran.bars] == ["EURUSD", "eurusd"]


def test_a_dst_gap_week_has_each_market_at_its_own_hour() -> None:
    """Mid-March 2024: New York has moved its clock, London not; each day starts by its own."""
    london = mtf.calendars.WeeklyCalendar(name="london", zone="Europe/London", hours=["Mon 00:00 - Fri 24:00"])
    ran = run_engine(
        "EURUSD:20:59@1 UK100:20:59@1 EURUSD:21:00@2 UK100:21:00@2 2024-03-14 EURUSD:00:00@3 UK100:00:00@3",
        ("1h", "1d"),
        day="2024-03-13",
        calendar={"UK*": london, "*": "fx"},
    )
    assert ran.only("1d", "EURUSD") == ["1d 2024-03-12T21:00 1 1 1 1 v0 n1 first incomplete"]
    assert ran.only("1d", "UK100") == ["1d 00:00 1 2 1 2 v0 n2 first incomplete"]
    assert NEW_YORK in str(ran.engine.config.to_json())
