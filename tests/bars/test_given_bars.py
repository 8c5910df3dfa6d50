"""Bars as input in literal cases: one observation of an interval, in timeframes as long as it, and in no other."""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import pytest

import mtf
from mtf.errors import StraddlingBar
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from tests.bars.builders import NEW_YORK, run, run_events
from tests.builders import (
    BarRow,
    at,
    clock_of_bars,
    hand_in,
    inputs,
)

SIX: Final = ("1m", "5m", "15m", "1h", "4h", "1d")


def test_bar_of_its_own_length_is_the_input_to_the_bit() -> None:
    """Not one tick at a time, of which each could be rounded, judged or put elsewhere."""
    ran = run("10:00~1m@0.1/0.30000000000000004/0.1/0.2x0.7 10:01~1m@0.2/0.3/0.1/0.3x0.1 !10:02", calendar="crypto")
    assert [(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in ran.bars] == [
        (0.1, 0.30000000000000004, 0.1, 0.2, 0.7),
        (0.2, 0.3, 0.1, 0.3, 0.1),
    ]
    assert ran.lines == [
        "1m 10:00 0.1 0.3 0.1 0.2 v0.7 n4 first from_bars",
        "1m 10:01 0.2 0.3 0.1 0.3 v0.1 n4 from_bars",
    ]


def test_bars_go_into_longer_timeframes_and_into_no_shorter_one() -> None:
    """No bar is invented of what is not known: where in five minutes the high was."""
    text = " ".join(f"10:{5 * k:02}~5m@{100 + k}/{104 + k}/{99 - k}/{102 + k}x{k + 1}" for k in range(4))
    ran = run(text, SIX, calendar="crypto")
    assert ran.only("1m") == []
    assert ran.partial("1m") is None
    assert ran.only("5m") == [
        "5m 10:00 100 104 99 102 v1 n4 first from_bars",
        "5m 10:05 101 105 98 103 v2 n4 from_bars",
        "5m 10:10 102 106 97 104 v3 n4 from_bars",
    ]
    assert ran.only("15m") == ["15m 10:00 100 106 97 104 v6 n12 first from_bars"]
    assert ran.partial("1h") == "1h 10:00 100 107 96 105 v10 n16 first from_bars"


def test_nothing_of_a_bar_is_seen_before_its_end() -> None:
    """A daily bar whose high stood at 04:48 was look-ahead."""
    ran = run("2024-03-06~1d@1/4/0.5/2x7", ("1d",), calendar="us_equities")
    assert ran.snapshot().time_ns == at("2024-03-06 21:00") - 1
    assert ran.partial("1d") == "1d 14:30 1 4 0.5 2 v7 n4 long 6h30m first from_bars"


@pytest.mark.parametrize(
    ("calendar", "starts"),
    [
        ("us_equities", ["2024-03-07T14:30", "2024-03-08T14:30", "2024-03-11T13:30"]),
        ("fx", ["22:00", "2024-03-07T22:00", "2024-03-10T21:00"]),
        ("crypto", ["2024-03-07T00:00", "2024-03-08T00:00", "2024-03-11T00:00"]),
    ],
)
def test_days_over_a_clock_change_are_those_of_their_dates(calendar: str, starts: list[str]) -> None:
    """Nineteen of 5,849 were right as four ticks each."""
    text = " ".join(f"2024-03-{day:02}~1d@{day}/{day + 2}/{day - 1}/{day + 1}x{day}" for day in (7, 8, 11))
    ran = run(text, ("1d", "1w"), calendar=calendar)
    found = [line.split(" ") for line in [*ran.only("1d"), ran.partial("1d") or ""]]
    assert [words[1] for words in found] == starts
    assert [words[2:7] for words in found] == [
        ["7", "9", "6", "8", "v7"],
        ["8", "10", "7", "9", "v8"],
        ["11", "13", "10", "12", "v11"],
    ]
    assert ran.only("1w")[0].split(" ")[2:7] == ["7", "10", "6", "9", "v15"]


def test_day_that_does_not_trade_is_rejected_as_one_bar() -> None:
    ran = run("2024-01-12~1d@1/2/1/2 2024-01-13~1d@1/9/1/2 2024-01-15~1d@1/9/1/2", ("1d",), calendar="us_equities")
    assert ran.rejected() == {"closed": 2}
    assert ran.partial("1d") == "1d 2024-01-12T14:30 1 2 1 2 v0 n4 long 6h30m first from_bars"


def test_bar_with_an_open_instant_is_never_rejected_by_quarters() -> None:
    """An hour of which half is before the open, and one of which half is behind a half day's close."""
    text = "2024-07-03T09:00~1h@1/4/0.5/2x7 12:00~1h@2/5/1/3x7 13:00~1h@9/9/9/9"
    ran = run(text, ("1h",), day="2024-07-03", zone=NEW_YORK, calendar="us_equities", anchor="utc")
    assert ran.lines == ["1h 09:30 1 4 0.5 2 v7 n4 long 30m first from_bars"]
    assert ran.partial("1h") == "1h 12:00 2 5 1 3 v7 n4 from_bars gap silence 2h"
    assert ran.rejected() == {"closed": 1}


def test_repeated_row_counts_once_and_a_restated_one_not_at_all() -> None:
    """Volume 80 for 40, or a mixture of both rows, is what four ticks of each made."""
    text = "10:00~1m@100/102/99/101x40 10:01~1m@101/103/100/102x40 {} 10:02~1m@102/104/101/103x40"
    for row, reason in (("10:01~1m@101/103/100/102x40", "duplicate"), ("10:01~1m@101/103/99/100.5x45", "late")):
        for late in ("reject", "accept"):
            ran = run(text.format(row), calendar="crypto", late=late)
            assert ran.lines[1] == "1m 10:01 101 103 100 102 v40 n4 from_bars"
            assert ran.rejected() == {reason: 1}


def test_bar_and_ticks_of_its_time_do_not_mix() -> None:
    """What starts before its symbol's clock is late, whole; what comes before its end is late, each."""
    ran = run("10:00:30@=5 10:00~1m@1/9/0.5/2 10:01~1m@1/4/0.5/2 10:01:30@=7 10:02@=3", calendar="crypto")
    assert ran.lines == ["1m 10:00 5 5 5 5 v0 n1 first incomplete", "1m 10:01 1 4 0.5 2 v0 n4 from_bars"]
    assert ran.rejected() == {"late": 2}


def test_bar_of_several_symbols_closes_its_own_symbols_bars_alone() -> None:
    ran = run("A:10:00~1m@1/1/1/1 B:10:05~1m@2/2/2/2 A:10:01~1m@3/3/3/3", calendar="crypto")
    assert ran.only("1m", "A") == ["1m 10:00 1 1 1 1 v0 n4 first from_bars"]
    assert ran.rejected("A") == {}


def test_quote_bars_make_bars_of_the_side_that_is_kept() -> None:
    row = BarRow("EURUSD", "1m", at("10:00"), bids=(1.0, 4.0, 0.5, 2.0), asks=(1.5, 4.5, 1.0, 2.5), size=3.0)
    for price, expected in (
        ("auto", "1m 10:00 1.25 4.25 0.75 2.25 v6 n4 first from_bars"),
        ("bid", "1m 10:00 1 4 0.5 2 v3 n4 first from_bars"),
        ("ask", "1m 10:00 1.5 4.5 1 2.5 v3 n4 first from_bars"),
    ):
        assert run_events([row], price=price).partial("1m") == expected
    assert run_events([row], price="last").partial("1m") is None
    bids = dataclasses.replace(row, asks=None)
    assert run_events([bids], price="mid").partial("1m") is None
    assert run_events([bids], price="bid").partial("1m") == "1m 10:00 1 4 0.5 2 v3 n4 first from_bars"


@pytest.mark.parametrize("value", [0.0, -1.0, 1e12, math.inf])
def test_one_impossible_price_of_a_bar_rejects_all_of_it(value: float) -> None:
    """Of trades; of quotes it takes the side away, for the whole bar."""
    low, high = min(value, 1.0), max(value, 2.0)
    row = BarRow("EURUSD", "1m", at("10:00"), trades=(1.0, high, low, 2.0))
    ran = run_events([row])
    assert (ran.rejected(), ran.partial("1m")) == ({"price": 1}, None)
    sides = BarRow("EURUSD", "1m", at("10:00"), bids=(1.0, high, low, 2.0), asks=(1.5, 2.5, 1.0, 2.0))
    ran = run_events([sides], price="ask")
    assert (ran.rejected(), ran.snapshot().counts.bad_sides) == ({}, 1)
    assert ran.partial("1m") == "1m 10:00 1.5 2.5 1 2 v0 n4 first from_bars"


def test_negative_bars_are_bars_if_that_is_asked_for() -> None:
    """Oil, April 2020."""
    row = "2020-04-20~1d@17.73/17.85/-40.32/-37.63x248000"
    assert run(row, ("1d",), calendar="us_futures").rejected() == {"price": 1}
    ran = run(row, ("1d",), calendar="us_futures", prices="any")
    assert (ran.partial("1d") or "").startswith("1d 2020-04-19T22:00 17.73 17.85 -40.32 -37.63 v248000 n4")


def test_straddling_bar_stops_before_anything_of_it_is_logged() -> None:
    config = mtf.Config.make(timeframes=["15m"], calendar="crypto")
    builder = BlockBuilder(SymbolTable(), bar_clock=clock_of_bars(config))
    first, second = inputs("10:00~10m@1/4/0.5/2 10:10~10m@1/4/0.5/2")
    assert hand_in(builder, first) == 0
    with pytest.raises(StraddlingBar, match="EURUSD: the bar 2024-03-06 10:10 to 2024-03-06 10:20 UTC lies in two"):
        hand_in(builder, second)
    assert builder.count == 4


def test_indicators_of_shorter_timeframes_get_no_value_of_it() -> None:
    """A mean of 1h closes is of the hours, and there is none of the minutes."""
    text = " ".join(f"{hour}:00~1h@{hour}/{hour}/{hour}/{hour}" for hour in range(10, 15))
    ran = run(text, ("1m", "1h"), calendar="crypto", indicators="sma:2")
    hours, minutes = ran.snapshot()["1h"], ran.snapshot()["1m"]
    assert hours.completed["sma_2"] == 12.5
    assert hours.live["sma_2"] == 13.5
    assert math.isnan(minutes.completed["sma_2"])
    assert minutes.bars_seen == 0
