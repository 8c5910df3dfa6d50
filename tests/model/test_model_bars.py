"""The oracle on bars as input: one verdict for four events, where they stand, and what is not a bar yet."""

from __future__ import annotations

import dataclasses
import datetime
import math

from mtf.events.tick import Tick
from tests.builders import NEW_YORK, BarRow, at, inputs
from tests.model.builders import (
    counts,
    fed,
    instants,
    line,
    lines,
    verdicts,
)
from tests.model.grids import CryptoGrid, FxGrid, OfficeGrid
from tests.model.model import Model


def test_bar_as_input_is_four_events_at_the_end_of_its_span() -> None:
    """A bar is known at its end: nothing of it is seen before, and its volume is on its close."""
    model, shown = fed("10:00~1m@1/4/0.5/2x7", "1m", "5m")
    assert [(one.seq, one.event, one.verdict) for one in shown] == [
        (1, Tick("X", at("10:00:59.999999996"), price=1.0, from_bar=True), "ok"),
        (2, Tick("X", at("10:00:59.999999997"), price=4.0, from_bar=True), "ok"),
        (3, Tick("X", at("10:00:59.999999998"), price=0.5, from_bar=True), "ok"),
        (4, Tick("X", at("10:00:59.999999999"), price=2.0, size=7.0, from_bar=True), "ok"),
    ]
    assert line(model.partial("X", "1m")) == "1m 03-06 10:00..03-06 10:01 1.0 4.0 0.5 2.0 v7.0 n4 first from_bars"
    assert line(model.partial("X", "5m")) == "5m 03-06 10:00..03-06 10:05 1.0 4.0 0.5 2.0 v7.0 n4 first from_bars"
    assert counts(model) == {"ok": 4}


def test_bar_as_input_enters_no_shorter_timeframe() -> None:
    """It moves their time all the same: what is due there closes."""
    model, shown = fed("09:59:30@=3 10:00~5m@1/4/0.5/2", "1m", "5m", "15m")
    assert lines(model.bars("X", "1m")) == ["1m 03-06 09:59..03-06 10:00 3.0 3.0 3.0 3.0 v0.0 n1 first incomplete"]
    assert model.partial("X", "1m") is None
    assert line(model.partial("X", "5m")) == "5m 03-06 10:00..03-06 10:05 1.0 4.0 0.5 2.0 v0.0 n4 from_bars"
    assert instants(shown) == [("03-06 10:00", ["X 1m", "X 5m", "X 15m"])]


def test_bar_of_a_day_stands_at_the_last_open_instant_of_the_day_of_its_date() -> None:
    """Whatever the UTC date of that instant: fx's Wednesday ends at 22:00, an office's break is not its end."""
    model, shown = fed("2024-03-06~1d@1/4/0.5/2", "1d", calendar=FxGrid())
    assert shown[-1].event.ts_ns == at("2024-03-06 21:59:59.999999999")
    assert line(model.partial("X", "1d")) == "1d 03-05 22:00..03-06 22:00 1.0 4.0 0.5 2.0 v0.0 n4 first from_bars"
    # The instant Sunday 22:00Z lies in Monday's.
    model, _ = fed("2024-03-03T22:00~1d@1/4/0.5/2", "1d", calendar=FxGrid())
    partial = model.partial("X", "1d")
    assert partial is not None
    assert partial.trading_day == datetime.date(2024, 3, 4)


def test_bar_of_a_week_or_month_is_of_its_date_and_on_a_weekend_of_the_coming_week() -> None:
    """A holiday belongs to its own week; stamps need not be trading days."""
    calendar = OfficeGrid(holidays=["2024-03-06", "2024-03-08"])
    for date, timeframe, expected in (
        ("2024-03-06", "1w", "03-04 00:00..03-08 00:00"),
        ("2024-03-08", "1w", "03-04 00:00..03-08 00:00"),
        ("2024-03-09", "1w", "03-11 00:00..03-16 00:00"),
        ("2024-03-10", "1w", "03-11 00:00..03-16 00:00"),
        ("2024-03-31", "1mo", "03-01 00:00..03-30 00:00"),
    ):
        model, shown = fed(f"{date}~{timeframe}@1/4/0.5/2", "1w", "1mo", calendar=calendar)
        assert verdicts(shown) == ["ok"] * 4
        assert line(model.partial("X", timeframe)).startswith(f"{timeframe} {expected}")


def test_bar_is_closed_only_if_no_instant_of_its_span_is_open() -> None:
    """It is never rejected by quarters, and counts once."""
    calendar = OfficeGrid(holidays=["2024-03-07"])
    model, shown = fed("2024-03-09~1d@1/4/0.5/2 2024-03-07~1d@1/4/0.5/2 12:00~30m@1/4/0.5/2", "1h", calendar=calendar)
    assert verdicts(shown) == ["closed"] * 12
    assert counts(model) == {"closed": 3}
    model, shown = fed("11:30~1h@1/4/0.5/2", "4h", calendar=calendar)
    assert verdicts(shown) == ["ok"] * 4
    assert shown[-1].event.ts_ns == at("11:59:59.999999999")


def test_bar_that_comes_again_is_a_duplicate_and_one_that_restates_it_is_late() -> None:
    """As a whole, whatever the policy for late ticks: never twice its volume, never a mixture of both rows."""
    text = "10:00~1m@1/4/0.5/2x7 10:00~1m@1/4/0.5/2x7 10:00~1m@1/5/0.5/3x7"
    model, shown = fed(text, "1m", late="accept")
    assert verdicts(shown) == ["ok"] * 4 + ["duplicate"] * 4 + ["late"] * 4
    assert line(model.partial("X", "1m")) == "1m 03-06 10:00..03-06 10:01 1.0 4.0 0.5 2.0 v7.0 n4 first from_bars"
    assert counts(model) == {"ok": 4, "duplicate": 1, "late": 1}


def test_bar_is_late_as_a_whole_if_it_starts_before_its_symbols_clock() -> None:
    _, shown = fed("10:00:00.000000001@=1 10:00~1m@1/4/0.5/2 10:01~1m@1/4/0.5/2", "1m")
    assert verdicts(shown) == ["ok"] + ["late"] * 4 + ["ok"] * 4


def test_bar_that_starts_where_the_grid_has_one_takes_its_end() -> None:
    """The seventh 4h bar of a day of 25 hours lasts one."""
    text = "2024-11-03T16:00~4h@1/4/0.5/2 2024-11-03T17:00~4h@1/4/0.5/2"
    _, shown = fed(text, "4h", calendar=FxGrid(), zone=NEW_YORK, closed="keep")
    ends = [one.event.ts_ns for one in shown if not one.closing and one.seq % 4 == 0]
    assert ends == [
        at("2024-11-03 16:59:59.999999999", zone=NEW_YORK),
        at("2024-11-03 20:59:59.999999999", zone=NEW_YORK),
    ]


def test_bar_that_lies_in_two_bars_of_a_timeframe_is_none() -> None:
    """Ten minutes into fifteen, an hour from a quarter past on; into longer ones it fits."""
    model, shown = fed("10:10~10m@1/4/0.5/2 10:15~1h@1/4/0.5/2 23:30~1h@1/4/0.5/2", "15m", "1h", "1d")
    assert shown == []
    assert [row.start_ns for row in model.straddling] == [at("10:10"), at("10:15"), at("23:30")]
    model, shown = fed("10:10~10m@1/4/0.5/2 11:15~1h@1/4/0.5/2 23:30~1h@1/4/0.5/2", "1mo")
    assert verdicts(shown) == ["ok"] * 12


def test_unfinished_bar_is_none_yet_and_leaves_what_it_stood_for_incomplete() -> None:
    """The bars that hold its start, and no others; what it says of prices counts for nothing."""
    text = "10:29~1m@1/1/1/1 10:30~1m@1/9/0.5/2x20? 10:30:20@=3x1 10:31@=3x1"
    model, shown = fed(text, "1m", "5m", "1h")
    assert verdicts(shown) == ["ok"] * 4 + ["unfinished"] * 4 + ["ok", "ok"]
    assert lines(model.bars("X", "1m")) == [
        "1m 03-06 10:29..03-06 10:30 1.0 1.0 1.0 1.0 v0.0 n4 first from_bars",
        "1m 03-06 10:30..03-06 10:31 3.0 3.0 3.0 3.0 v1.0 n1 incomplete",
    ]
    assert line(model.partial("X", "1m")) == "1m 03-06 10:31..03-06 10:32 3.0 3.0 3.0 3.0 v1.0 n1"
    assert line(model.partial("X", "5m")) == "5m 03-06 10:30..03-06 10:35 3.0 3.0 3.0 3.0 v2.0 n2 incomplete"
    assert counts(model) == {"ok": 6, "unfinished": 1}


def test_unfinished_bar_that_comes_whole_leaves_nothing_incomplete() -> None:
    """An exchange that is asked every few seconds sends the kline that forms each time."""
    forming = "10:01~1m@1/9/0.5/2x20? 10:01~1m@1/9/0.5/2x30?"
    text = f"10:00~1m@1/1/1/1 {forming} 10:01~1m@1/9/0.5/3x40 10:02~1m@1/1/1/1? 10:03@=1"
    model, shown = fed(text, "1m", "1h")
    assert lines(model.bars("X", "1m")) == [
        "1m 03-06 10:00..03-06 10:01 1.0 1.0 1.0 1.0 v0.0 n4 first from_bars",
        "1m 03-06 10:01..03-06 10:02 1.0 9.0 0.5 3.0 v40.0 n4 from_bars",
    ]
    whole = [one.states["X"].partial["1h"] for one in shown]
    assert [bar.incomplete for bar in whole if bar is not None] == (
        [False] * 4 + [True] * 9 + [False] * 4 + [True] * 6  # of the 13th and the last what was missing
    )


def test_bad_sides_of_a_bar_are_judged_for_all_of_it() -> None:
    """A zero among its bids makes it a bar of the ask; it counts once."""
    model = Model(["1m"], CryptoGrid(), price="ask")
    row = inputs("10:00~1m@1/4/0.5/2x7", symbol="X")[0]
    assert isinstance(row, BarRow)
    quotes = dataclasses.replace(row, trades=None, bids=(1.0, 4.0, 0.0, 2.0), asks=(2.0, 5.0, 1.5, 3.0))
    assert verdicts(model.feed(quotes)) == ["ok"] * 4
    assert line(model.partial("X", "1m")) == "1m 03-06 10:00..03-06 10:01 2.0 5.0 1.5 3.0 v7.0 n4 first from_bars"
    assert counts(model) == {"ok": 4, "bad_sides": 1}
    worse = dataclasses.replace(quotes, start_ns=at("10:01"), asks=(2.0, math.inf, 1.5, 3.0))
    assert verdicts(model.feed(worse)) == ["price"] * 4
    assert counts(model) == {"ok": 4, "bad_sides": 1, "price": 1}
