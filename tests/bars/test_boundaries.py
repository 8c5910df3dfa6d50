"""Stamps on and around the edges of bars: half-open intervals, first bars, gaps, equal stamps."""

from __future__ import annotations

from tests.bars.builders import Run
from tests.bars.builders import run as run_engine
from tests.bars.builders import run_events as run_engine_events
from tests.builders import events

SIX = ("1m", "5m", "15m", "1h", "4h", "1d")


def test_a_tick_on_the_end_opens_the_next_bar(run: Run) -> None:
    """Bars are [start, end): a tick stamped 10:01 does not belong to the bar of 10:00."""
    ran = run("10:00@1.25 10:01@9.5 10:02@1")
    assert ran.lines == ["1m 10:00 1.25 1.25 1.25 1.25 v0 n1 first", "1m 10:01 9.5 9.5 9.5 9.5 v0 n1"]


def test_a_nanosecond_before_the_end_is_the_bars_own(run: Run) -> None:
    """Stamps are whole nanoseconds, and none is rounded onto an edge."""
    ran = run("10:00@1.25 10:00:59.999999999@9.5 10:01@1")
    assert ran.lines == ["1m 10:00 1.25 9.5 1.25 9.5 v0 n2 first"]


def test_a_first_tick_on_the_start_is_a_whole_bar(run: Run) -> None:
    """The first bar of a symbol is `first`; it is not `incomplete`, for its beginning was seen."""
    assert run("10:00@1.25 10:01@1").lines == ["1m 10:00 1.25 1.25 1.25 1.25 v0 n1 first"]


def test_a_first_tick_inside_a_bar_makes_an_incomplete_one(run: Run) -> None:
    """What was traded before the first tick nobody knows: the bar keeps its regular bounds, and says so."""
    ran = run("10:00:30@1.25 10:01@1 10:02@1")
    assert ran.lines == ["1m 10:00 1.25 1.25 1.25 1.25 v0 n1 first incomplete", "1m 10:01 1 1 1 1 v0 n1"]


def test_each_timeframe_has_a_first_bar_of_its_own(run: Run) -> None:
    """At 10:15 exactly the quarter of an hour begins again, while the hour is seen from its middle on."""
    ran = run("10:15@1.25 11:00@1.5", ("15m", "1h"))
    assert ran.lines == [
        "15m 10:15 1.25 1.25 1.25 1.25 v0 n1 first",
        "1h 10:00 1.25 1.25 1.25 1.25 v0 n1 first incomplete",
    ]


def test_one_tick_makes_a_bar_of_four_equal_prices(run: Run) -> None:
    """Open, high, low and close are the one price there was."""
    assert run("10:00:10@1.25x2 10:01@1").lines == ["1m 10:00 1.25 1.25 1.25 1.25 v4 n1 first incomplete"]


def test_equal_stamps_keep_the_order_of_arrival(run: Run) -> None:
    """Three ticks of one nanosecond: the first is the open, the last the close, none is dropped as a repeat."""
    ran = run("10:00@1.5 10:00@1.75 10:00@1.25 10:01@1")
    assert ran.lines == ["1m 10:00 1.5 1.75 1.25 1.25 v0 n3 first"]


def test_equal_rows_without_ids_all_count(run: Run) -> None:
    """Two trades alike are two trades: only an id can say that one was sent twice."""
    assert run("10:00@=1.5x2 10:00@=1.5x2 10:01@=1").lines == ["1m 10:00 1.5 1.5 1.5 1.5 v4 n2 first"]


def test_equal_stamps_on_a_boundary_are_all_of_the_next_bar(run: Run) -> None:
    """The edge belongs to one bar, however many ticks lie on it."""
    ran = run("10:00@1 10:01@1.5 10:01@1.75 10:02@1")
    assert ran.lines[1] == "1m 10:01 1.5 1.75 1.5 1.75 v0 n2"


def test_an_empty_minute_leaves_no_bar_and_a_gap(run: Run) -> None:
    """No tick, no bar; the one after the silence says how long it was."""
    ran = run("10:00@1 10:03:20@1.5 10:04@1")
    assert ran.lines == ["1m 10:00 1 1 1 1 v0 n1 first", "1m 10:03 1.5 1.5 1.5 1.5 v0 n1 gap silence 2m"]


def test_an_hour_of_silence_closes_each_bar_once_and_at_its_own_end(run: Run) -> None:
    """One tick reveals five ends: the bars come by their ends, and of one end the shorter timeframe first."""
    ran = run("10:04@1 11:20@1.5", SIX)
    assert ran.lines == [
        "1m 10:04 1 1 1 1 v0 n1 first",
        "5m 10:00 1 1 1 1 v0 n1 first incomplete",
        "15m 10:00 1 1 1 1 v0 n1 first incomplete",
        "1h 10:00 1 1 1 1 v0 n1 first incomplete",
    ]
    assert ran.seqs == [2, 2, 2, 2]
    assert ran.partial("4h") == "4h 10:00 1 1.5 1 1.5 v0 n2 first incomplete"


def test_bars_of_one_end_are_told_shortest_first(run: Run) -> None:
    """At 14:00 New York time minus four, five timeframes end together."""
    ran = run("13:59:59@1 14:00@1.5", SIX)
    assert [bar.timeframe.name for bar in ran.bars] == ["1m", "5m", "15m", "1h", "4h"]
    assert len({bar.end_ns for bar in ran.bars}) == 1


def test_nothing_of_the_revealing_tick_is_in_the_bar_it_closes(run: Run) -> None:
    """Not its price, not its size, not its count."""
    ran = run("10:00@1x1 10:01@9x9")
    assert ran.lines == ["1m 10:00 1 1 1 1 v2 n1 first"]
    assert ran.partial("1m") == "1m 10:01 9 9 9 9 v18 n1"


def test_after_a_close_there_is_no_partial_until_a_tick(run: Run) -> None:
    """A clock event closes, and opens nothing: the next bar begins with its first tick."""
    assert run("10:00@1 !10:01").partial("1m") is None
    assert run("10:00@1 !10:01 10:01:30@2").partial("1m") == "1m 10:01 2 2 2 2 v0 n1"
    assert run("10:00@1 !10:02", ("1m", "5m")).partial("5m") == "5m 10:00 1 1 1 1 v0 n1 first"


def test_a_timeframe_that_does_not_divide_the_day_ends_with_it(run: Run) -> None:
    """7m bars count from 17:00 in New York; the last of the day is shorter, and the next day starts afresh."""
    ran = run("21:55@1 22:00@1.5 22:07@2", ("1m", "7m"), day="2024-03-06")
    # 24 hours are 205 times seven minutes and five more.
    assert ran.only("7m") == [
        "7m 21:55 1 1 1 1 v0 n1 long 5m first",
        "7m 22:00 1.5 1.5 1.5 1.5 v0 n1",
    ]


def test_ninety_minutes_divide_a_day_and_not_an_hour(run: Run) -> None:
    """Sixteen bars of 90m a day, from 17:00 in New York on."""
    ran = run("22:00@1 23:29:59@1.5 23:30@2 2024-03-07T01:00@3", ("30m", "90m"))
    assert ran.only("90m") == ["90m 22:00 1 1.5 1 1.5 v0 n2 first", "90m 23:30 2 2 2 2 v0 n1"]


def test_seconds_are_a_timeframe(run: Run) -> None:
    """30s under 1m: the finest one may be anything that the others are multiples of."""
    ran = run("10:00@1 10:00:30@2 10:01@3", ("30s", "1m"))
    assert ran.lines == [
        "30s 10:00 1 1 1 1 v0 n1 first",
        "30s 10:00:30 2 2 2 2 v0 n1",
        "1m 10:00 1 2 1 2 v0 n2 first",
    ]


def test_the_utc_grid_cuts_bars_at_both_ends_of_a_fx_day() -> None:
    """4h bars anchored in UTC on a day from 22:00 to 22:00: one of two hours, five of four, one of two."""
    text = "2024-03-05T22:00@1 " + " ".join(f"{hour:02}:00@1" for hour in range(24))
    ran = run_engine(text, ("1h", "4h"), anchor="utc")
    assert ran.only("4h") == [
        "4h 2024-03-05T22:00 1 1 1 1 v0 n1 long 2h first",
        "4h 00:00 1 1 1 1 v0 n4",
        "4h 04:00 1 1 1 1 v0 n4",
        "4h 08:00 1 1 1 1 v0 n4",
        "4h 12:00 1 1 1 1 v0 n4",
        "4h 16:00 1 1 1 1 v0 n4",
        "4h 20:00 1 1 1 1 v0 n2 long 2h",
    ]


def test_a_day_anchor_keeps_4h_bars_on_the_new_york_clock() -> None:
    """The same stream with the default anchor: six bars from 22:00 on, in winter."""
    text = "2024-03-05T22:00@1 " + " ".join(f"{hour:02}:00@1" for hour in range(23))
    ran = run_engine(text, ("1h", "4h"))
    assert [line.split()[1] for line in ran.only("4h")] == [
        "2024-03-05T22:00",
        "02:00",
        "06:00",
        "10:00",
        "14:00",
        "18:00",
    ]


def test_prices_below_every_other_and_above_in_one_bar(run: Run) -> None:
    """High and low are those of all ticks, not of the ends."""
    assert run("10:00@1.5 10:00:01@3 10:00:02@0.5 10:00:03@1.25 10:01@1").lines == [
        "1m 10:00 1.5 3 0.5 1.25 v0 n4 first"
    ]


def test_block_sizes_change_nothing() -> None:
    """One event a block, or all in one: the same bars."""
    text = "10:00@1 10:00:30@2 10:01@3 !10:02 10:05@4 10:06@5"
    whole = run_engine_events(events(text), SIX)
    for size in (1, 2, 3):
        parted = run_engine_events(events(text), SIX, size=size)
        assert (parted.lines, parted.seqs) == (whole.lines, whole.seqs)


def test_a_silence_within_a_longer_bar_is_no_gap_of_it(run: Run) -> None:
    """The minute says how long it was silent before it; the hour follows the hour before it."""
    ran = run("10:00@1 11:05@2", ("1m", "1h"))
    assert ran.partial("1m") == "1m 11:05 2 2 2 2 v0 n1 gap silence 1h4m"
    assert ran.partial("1h") == "1h 11:00 2 2 2 2 v0 n1"
