"""The oracle itself, held to the rules by expectations that are written out.

What the engine is compared with must be right on its own: each test states one rule of the design, with literal bars.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import math
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.bars.bar import Bar, PartialBar
from mtf.calendars.day import Gap
from mtf.events.tick import Tick
from tests.builders import BY_FEED, NEW_YORK, BarRow, Clock, Event, Input, at, inputs
from tests.model.grids import CalendarLike, CryptoGrid, FxGrid, OfficeGrid
from tests.model.model import Model, replay
from tests.model.state import IDS_KEPT, Shown, State
from tests.streams import mixed_streams, streams

ALL = ("1m", "5m", "15m", "1h", "4h", "1d")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000

CALENDARS: list[CalendarLike] = [CryptoGrid(), FxGrid(), OfficeGrid(holidays=["2024-03-06", "2024-11-01"])]


def clock_text(ts_ns: int | None) -> str:
    assert ts_ns is not None, "a closing instant has a time"
    whole, rest = divmod(ts_ns, 1_000_000_000)
    text = (EPOCH + datetime.timedelta(seconds=whole)).strftime("%m-%d %H:%M:%S")
    return f"{text}.{rest:09}" if rest else text.removesuffix(":00")


def line(bar: Bar | None) -> str:
    """Return a bar in a line: `1m 03-06 10:00..03-06 10:01 1.0 1.2 1.0 1.1 v0.0 n3 first`."""
    if bar is None:
        return "none"
    flags = "".join(f" {name}" for name in ("first", "incomplete", "off_session", "from_bars") if getattr(bar, name))
    prices = f"{bar.open} {bar.high} {bar.low} {bar.close} v{bar.volume} n{bar.ticks}"
    return f"{bar.timeframe} {clock_text(bar.start_ns)}..{clock_text(bar.end_ns)} {prices}{flags}"


def lines(bars: Iterable[Bar]) -> list[str]:
    return [line(bar) for bar in bars]


def instants(shown: Iterable[Shown]) -> list[tuple[str, list[str]]]:
    """Return the closing instants: the time, and `symbol timeframe` of each bar in the order in which they are told."""
    return [
        (clock_text(one.time_ns), [f"{bar.symbol} {bar.timeframe}" for bar in one.bars]) for one in shown if one.closing
    ]


def clock_of(states: Mapping[str, State]) -> dict[str, str]:
    return {name: clock_text(state.clock_ns) for name, state in states.items() if state.clock_ns is not None}


def verdicts(shown: Iterable[Shown]) -> list[str]:
    return [one.verdict for one in shown if not one.closing]


def fed(
    text: str,
    *timeframes: str,
    calendar: CalendarLike | None = None,
    zone: str = "UTC",
    price: str = "auto",
    closed: str = "reject",
    late: str = "reject",
    prices: str = "positive",
    delays: Mapping[str, int] | None = None,
    history: int = 1000,
) -> tuple[Model, list[Shown]]:
    """Return a model that was fed *text*, and all that it showed."""
    model = Model(
        timeframes or ALL,
        CryptoGrid() if calendar is None else calendar,
        price=price,
        closed=closed,
        late=late,
        prices=prices,
        history=history,
        delay_of=lambda symbol: (delays or {}).get(symbol, 0),
    )
    return model, replay(model, inputs(text, symbol="X", zone=zone))


def counts(model: Model, symbol: str = "X") -> Mapping[str, int]:
    return model.state(symbol).counts


def test_single_tick_forms_every_bar_and_closes_none() -> None:
    model, shown = fed("10:00:00.5@1/1.5x2")
    assert verdicts(shown) == ["ok"]
    assert instants(shown) == []
    partials = [model.partial("X", name) for name in ALL]
    assert [line(partial) for partial in partials] == [
        "1m 03-06 10:00..03-06 10:01 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "5m 03-06 10:00..03-06 10:05 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "15m 03-06 10:00..03-06 10:15 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "1h 03-06 10:00..03-06 11:00 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "4h 03-06 08:00..03-06 12:00 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "1d 03-06 00:00..03-07 00:00 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
    ]
    assert {partial.time_ns for partial in partials if partial} == {at("10:00:00.5")}
    assert {partial.trading_day for partial in partials if partial} == {datetime.date(2024, 3, 6)}
    assert model.bars("X", "1m") == []


def test_values_are_those_of_the_library() -> None:
    """The oracle answers with `Bar` and `PartialBar`, every field filled, so that `==` is the comparison."""
    model, _ = fed("10:00@=1.5x2 10:01:10@=1.25x4 10:01:20@=1.75x1", "1m")
    assert model.bars("X", "1m") == [
        Bar(
            symbol="X",
            timeframe=model.timeframes[0],
            start_ns=at("10:00"),
            end_ns=at("10:01"),
            open=1.5,
            high=1.5,
            low=1.5,
            close=1.5,
            volume=2.0,
            ticks=1,
            trading_day=datetime.date(2024, 3, 6),
            first=True,
            day_incomplete=True,
        )
    ]
    assert model.partial("X", "1m") == PartialBar(
        symbol="X",
        timeframe=model.timeframes[0],
        start_ns=at("10:01"),
        end_ns=at("10:02"),
        open=1.25,
        high=1.75,
        low=1.25,
        close=1.75,
        time_ns=at("10:01:20"),
        volume=5.0,
        ticks=2,
        trading_day=datetime.date(2024, 3, 6),
        day_incomplete=True,
    )


def test_tick_on_the_boundary_opens_the_next_bar() -> None:
    """Bars are half-open: the last nanosecond is in, the end is out."""
    model, _ = fed("10:00@1 10:00:59.999999999@3 10:01@2", "1m")
    assert lines(model.bars("X", "1m")) == ["1m 03-06 10:00..03-06 10:01 1.0 3.0 1.0 3.0 v0.0 n2 first"]
    assert line(model.partial("X", "1m")) == "1m 03-06 10:01..03-06 10:02 2.0 2.0 2.0 2.0 v0.0 n1"


def test_closing_instant_shows_nothing_of_the_tick_that_revealed_it() -> None:
    """All bars with one end close together; longer ones still form, as of that end, without the new tick."""
    _, shown = fed("10:00@1 10:03@2 10:05:30@9", "1m", "5m", "15m")
    assert [(one.closing, one.seq, clock_text(one.time_ns), lines(one.bars)) for one in shown[3:]] == [
        (True, 3, "03-06 10:04", ["1m 03-06 10:03..03-06 10:04 2.0 2.0 2.0 2.0 v0.0 n1"]),
        (True, 3, "03-06 10:05", ["5m 03-06 10:00..03-06 10:05 1.0 2.0 1.0 2.0 v0.0 n2 first"]),
        (False, 3, "03-06 10:05:30", []),
    ]
    closing = shown[-2].states["X"]
    assert closing.clock_ns == at("10:05")
    assert closing.partial["1m"] is None
    assert closing.partial["5m"] is None
    assert line(closing.partial["15m"]) == "15m 03-06 10:00..03-06 10:15 1.0 2.0 1.0 2.0 v0.0 n2 first"
    forming = closing.partial["15m"]
    assert forming is not None
    assert forming.time_ns == at("10:05")
    after = shown[-1].states["X"].partial["15m"]
    assert line(after) == "15m 03-06 10:00..03-06 10:15 1.0 9.0 1.0 9.0 v0.0 n3 first"


def test_bars_with_one_end_close_in_one_instant_shorter_first() -> None:
    _, shown = fed("11:59@1 12:00@2")
    assert instants(shown) == [("03-06 12:00", ["X 1m", "X 5m", "X 15m", "X 1h", "X 4h"])]
    assert [name for name, partial in shown[-2].states["X"].partial.items() if partial] == ["1d"]


def test_different_ends_close_in_order_of_time() -> None:
    _, shown = fed("10:00@1 14:30@2")
    assert instants(shown) == [
        ("03-06 10:01", ["X 1m"]),
        ("03-06 10:05", ["X 5m"]),
        ("03-06 10:15", ["X 15m"]),
        ("03-06 11:00", ["X 1h"]),
        ("03-06 12:00", ["X 4h"]),
    ]


def test_gap_is_marked_on_the_next_bar_and_never_filled() -> None:
    model, _ = fed("10:00@1 11:05@2", "1m", "1h")
    assert lines(model.bars("X", "1m")) == ["1m 03-06 10:00..03-06 10:01 1.0 1.0 1.0 1.0 v0.0 n1 first"]
    minute, hour = model.partial("X", "1m"), model.partial("X", "1h")
    assert minute is not None
    assert minute.gap == Gap(silence_ns=64 * MINUTE_NS)
    assert hour is not None
    assert hour.start_ns == at("11:00")
    assert hour.gap is None


def test_partial_is_none_until_the_next_tick() -> None:
    model, _ = fed("10:00@1 !10:02", "1m", "5m")
    assert model.partial("X", "1m") is None
    assert line(model.partial("X", "5m")) == "5m 03-06 10:00..03-06 10:05 1.0 1.0 1.0 1.0 v0.0 n1 first"
    assert model.state("X").clock_ns == at("10:02")


def test_clock_event_on_the_exact_end_closes_and_the_tick_on_it_is_in_time() -> None:
    model, shown = fed("10:00@1 !10:00:59.999999999 !10:01 10:01@2", "1m")
    assert instants(shown) == [("03-06 10:01", ["X 1m"])]
    assert [one.seq for one in shown if one.closing] == [3]
    assert verdicts(shown) == ["ok", "ok", "ok", "ok"]
    partial = model.partial("X", "1m")
    assert partial is not None
    assert partial.gap is None


def test_clock_event_closes_for_every_symbol_by_end_timeframe_appearance() -> None:
    """Rule 3's order: not all bars of one symbol first, nor all of one timeframe."""
    model, shown = fed("B:10:00@1 A:10:04@2 B:10:04:30@3 !10:06", "1m", "5m")
    assert instants(shown) == [
        ("03-06 10:01", ["B 1m"]),
        ("03-06 10:05", ["B 1m", "A 1m", "B 5m", "A 5m"]),
    ]
    assert [bar.symbol + bar.timeframe.name for bar in model.told] == ["B1m", "B1m", "A1m", "B5m", "A5m"]


def test_closing_instant_of_a_clock_event_shows_every_symbol_at_that_end() -> None:
    """Whoever is not further on stands at the end that closes, with nothing of the time after it."""
    _, shown = fed("A:10:00@1 B:10:03@2 C:10:06@3 !10:07", "1m", "15m")
    first, second, last = [one.states for one in shown if one.closing]
    assert instants(shown) == [("03-06 10:01", ["A 1m"]), ("03-06 10:04", ["B 1m"]), ("03-06 10:07", ["C 1m"])]
    assert [clock_of(states) for states in (first, second, last)] == [
        {"A": "03-06 10:01", "B": "03-06 10:03", "C": "03-06 10:06"},
        {"A": "03-06 10:04", "B": "03-06 10:04", "C": "03-06 10:06"},
        {"A": "03-06 10:07", "B": "03-06 10:07", "C": "03-06 10:07"},
    ]
    assert [line(first[name].partial["1m"]) for name in "ABC"] == [
        "none",
        "1m 03-06 10:03..03-06 10:04 2.0 2.0 2.0 2.0 v0.0 n1 first",
        "1m 03-06 10:06..03-06 10:07 3.0 3.0 3.0 3.0 v0.0 n1 first",
    ]
    assert [line(last[name].partial["15m"]) for name in "ABC"] == [
        "15m 03-06 10:00..03-06 10:15 1.0 1.0 1.0 1.0 v0.0 n1 first",
        "15m 03-06 10:00..03-06 10:15 2.0 2.0 2.0 2.0 v0.0 n1 first incomplete",
        "15m 03-06 10:00..03-06 10:15 3.0 3.0 3.0 3.0 v0.0 n1 first incomplete",
    ]


def test_clock_event_moves_the_clock_of_symbols_that_come_later() -> None:
    model, shown = fed("!10:00 NEW:09:59@1 NEW:10:00@2", "1m")
    assert verdicts(shown) == ["ok", "late", "ok"]
    assert [sorted(one.states) for one in shown] == [[], ["NEW"], ["NEW"]]
    assert model.state("NEW").clock_ns == at("10:00")


def test_clock_event_in_the_past_moves_nothing() -> None:
    model, shown = fed("A:10:05@1 B:10:01@1 !10:03 A:10:04@1 B:10:02@1 !10:02 B:10:02:59@2", "5m")
    assert verdicts(shown) == ["ok", "ok", "ok", "late", "late", "late", "late"]
    assert model.state("A").clock_ns == at("10:05")
    assert model.state("B").clock_ns == at("10:03")


def test_symbols_have_clocks_of_their_own() -> None:
    """A tick moves nobody else's clock: what is late for one symbol is early for another."""
    model, shown = fed("A:10:00@1 B:10:30@5 A:10:00:30@2 A:10:01@3 B:10:30:10@6", "1m")
    assert verdicts(shown) == ["ok"] * 5
    assert instants(shown) == [("03-06 10:01", ["A 1m"])]
    assert lines(model.bars("A", "1m")) == ["1m 03-06 10:00..03-06 10:01 1.0 2.0 1.0 2.0 v0.0 n2 first"]
    assert line(model.partial("B", "1m")) == "1m 03-06 10:30..03-06 10:31 5.0 6.0 5.0 6.0 v0.0 n2 first"
    assert model.symbols == ["A", "B"]


def test_equal_stamps_are_in_time_and_keep_their_order() -> None:
    model, shown = fed("10:00@1 10:00@3 10:00@2", "1m")
    assert verdicts(shown) == ["ok", "ok", "ok"]
    assert line(model.partial("X", "1m")) == "1m 03-06 10:00..03-06 10:01 1.0 3.0 1.0 2.0 v0.0 n3 first"


def test_late_tick_is_shown_and_changes_nothing() -> None:
    model, shown = fed("10:00:30@1 10:00:29.999999999@9 10:00:30@2", "1m")
    assert verdicts(shown) == ["ok", "late", "ok"]
    before, after = shown[0].states["X"], shown[1].states["X"]
    assert (after.clock_ns, after.partial, after.bars) == (before.clock_ns, before.partial, before.bars)
    assert shown[1].seq == 2
    assert line(model.partial("X", "1m")) == "1m 03-06 10:00..03-06 10:01 1.0 2.0 1.0 2.0 v0.0 n2 first incomplete"


def test_late_tick_accepted_changes_neither_open_nor_close_nor_clock() -> None:
    model, shown = fed("10:01:10@=5x1 10:01:30@=6x1 10:01:00@=2x4 10:01:29@=9x8", "1m", "5m", late="accept")
    assert verdicts(shown) == ["ok", "ok", "late_ok", "late_ok"]
    assert line(model.partial("X", "1m")) == "1m 03-06 10:01..03-06 10:02 5.0 9.0 2.0 6.0 v14.0 n4 first incomplete"
    assert line(model.partial("X", "5m")) == "5m 03-06 10:00..03-06 10:05 5.0 9.0 2.0 6.0 v14.0 n4 first incomplete"
    assert model.state("X").clock_ns == at("10:01:30")


def test_tick_that_a_clock_event_alone_made_late_is_the_newest_all_the_same() -> None:
    """Two clocks: which bars are over, and which tick is the newest. So clock events change no completed bar."""
    model, shown = fed("!10:00:40 10:00:10@=5x1 !10:00:50 10:00:30@=6x2 10:00:20@=9x4 10:01@=1", "1m", late="accept")
    assert verdicts(shown) == ["ok", "late_ok", "ok", "late_ok", "late_ok", "ok"]
    assert lines(model.bars("X", "1m")) == ["1m 03-06 10:00..03-06 10:01 5.0 9.0 5.0 6.0 v7.0 n3 first incomplete"]
    without, _ = fed("10:00:10@=5x1 10:00:30@=6x2 10:00:20@=9x4 10:01@=1", "1m", late="accept")
    assert without.bars("X", "1m") == model.bars("X", "1m")


def test_tick_older_than_the_newest_needs_a_bar_that_forms() -> None:
    """It changes what is there; the newest tick may be a quote among trades, which made no bar."""
    _, shown = fed("10:00:10@=1 10:01:30@1/2 10:01:10@=2 10:01:40@=3 10:01:35@=4", "1m", late="accept")
    assert verdicts(shown) == ["ok", "ok", "late", "ok", "late_ok"]


def test_late_tick_before_the_open_bar_of_the_shortest_timeframe_is_rejected() -> None:
    """The open 5m bar does not save it: its minute is already closed."""
    _, shown = fed("10:01:10@1 10:02:10@1 10:01:59@2 !10:03 10:02:59@2", "1m", "5m", late="accept")
    assert verdicts(shown) == ["ok", "ok", "late", "ok", "late"]


def test_what_comes_again_with_its_id_is_a_duplicate_before_every_other_reason() -> None:
    """The same id, stamp, price and size; ids are a symbol's own, and one of a rejected tick is not remembered."""
    text = "10:00@1#7 10:00:01@2#9 10:00@1#7 Y:10:00@1#7 10:00:03@0#8 10:00:04@1#8 10:00:04@1#8 10:00:05@1"
    model, shown = fed(text, "1m")
    assert verdicts(shown) == ["ok", "ok", "duplicate", "ok", "price", "ok", "duplicate", "ok"]
    assert counts(model) == {"ok": 4, "duplicate": 2, "price": 1, "locked": 4}


def test_an_id_that_is_used_again_is_an_event_of_its_own_and_counted() -> None:
    """Two venues both count from 1. What either sends again is known."""
    text = "10:00@=1x1#1 10:00@=1x2#1 10:00@1/2#1 10:00@=1x1#1 10:00@=1x2#1 10:00:01@=1x1#1"
    model, shown = fed(text, "1m")
    assert verdicts(shown) == ["ok", "ok", "ok", "duplicate", "duplicate", "ok"]
    assert counts(model) == {"ok": 4, "duplicate": 2, "id_reused": 3}


def test_the_last_4096_accepted_events_with_an_id_are_remembered() -> None:
    """A re-sent late trade is rejected, and pushes no live id out."""
    model = Model(["1m"], CryptoGrid())
    for number in range(IDS_KEPT):
        model.feed(Tick("X", 1000, 1.0, 1.0, id=str(number)))
        model.feed(Tick("X", 999, 1.0, 1.0, id=f"late {number}"))
    assert verdicts(model.feed(Tick("X", 1000, 1.0, 1.0, id="0"))) == ["duplicate"]
    model.feed(Tick("X", 1000, 1.0, 1.0, id="new"))
    assert verdicts(model.feed(Tick("X", 1000, 1.0, 1.0, id="1"))) == ["duplicate"]
    assert verdicts(model.feed(Tick("X", 1000, 1.0, 1.0, id="0"))) == ["ok"]
    assert verdicts(model.feed(Tick("X", 1000, 1.0, 1.0, id="1"))) == ["ok"]


def test_reasons_come_in_order_price_closed_late() -> None:
    """A tick that is wrong in several ways is counted under the first."""
    saturday = "2024-03-09"
    text = f"2024-03-08 12:00@1 {saturday} 12:00@0 12:00@1 2024-03-08 11:00@0/-1 11:00@-0.0/ 11:00@=-1 11:00@1"
    model, shown = fed(text, "1m", calendar=FxGrid())
    assert verdicts(shown) == ["ok", "price", "closed", "price", "price", "price", "late"]
    assert counts(model) == {"ok": 1, "price": 4, "closed": 1, "late": 1, "locked": 1}


def test_a_quote_with_one_bad_side_is_one_sided_and_counted() -> None:
    """Zero, negative, past the bound: the other side counts, at mid there is no price, and so it is shown."""
    text = "10:00@1/3 10:00:01@0x5/4x6 10:00:02@5/1000000000000 10:00:03@-1/6"
    expected = {"mid": "2.0 2.0 2.0 2.0 v0.0 n1", "bid": "1.0 5.0 1.0 5.0 v0.0 n2", "ask": "3.0 6.0 3.0 6.0 v6.0 n3"}
    for price, bar in expected.items():
        model, shown = fed(text, "1m", price=price)
        assert line(model.partial("X", "1m")) == f"1m 03-06 10:00..03-06 10:01 {bar} first"
        assert counts(model) == {"ok": 4, "bad_sides": 3}
        assert [one.event for one in shown[1:3]] == [
            Tick("X", at("10:00:01"), None, 4.0, 0.0, 6.0),
            Tick("X", at("10:00:02"), 5.0),
        ]
        assert model.state("X").clock_ns == at("10:00:03")


def test_any_finite_price_within_the_bound_counts_if_that_is_asked_for() -> None:
    """Oil in April 2020, spreads, power."""
    text = "10:00@=0 10:00:01@=-37.5 10:00:02@=-1000000000000 10:00:03@=999999999999"
    _, shown = fed(text, "1m", prices="any")
    assert verdicts(shown) == ["ok", "ok", "price", "ok"]
    _, shown = fed(text, "1m")
    assert verdicts(shown) == ["price", "price", "price", "ok"]


def test_friday_close_and_sunday_open() -> None:
    """The last nanosecond of the week is in it, 17:00 is not, and Sunday 17:00 opens Monday; no bar lies between."""
    text = (
        "2024-03-01 16:58:30@1 16:59:59.999999999@2 17:00@3 2024-03-02 12:00@4 2024-03-03 16:59:59.999999999@5 17:00@6"
    )
    model, shown = fed(text, calendar=FxGrid(), zone=NEW_YORK)
    assert verdicts(shown) == ["ok", "ok", "closed", "closed", "closed", "ok"]
    assert instants(shown) == [
        ("03-01 21:59", ["X 1m"]),
        ("03-01 22:00", ["X 1m", "X 5m", "X 15m", "X 1h", "X 4h", "X 1d"]),
    ]
    assert [one.seq for one in shown if one.closing] == [2, 6]
    assert line(model.bars("X", "1d")[0]) == "1d 02-29 22:00..03-01 22:00 1.0 2.0 1.0 2.0 v0.0 n2 first incomplete"
    assert line(model.bars("X", "4h")[0]) == "4h 03-01 18:00..03-01 22:00 1.0 2.0 1.0 2.0 v0.0 n2 first incomplete"
    for name in ALL:
        partial = model.partial("X", name)
        assert partial is not None
        assert partial.start_ns == at("2024-03-03 17:00", zone=NEW_YORK)
        assert partial.trading_day == datetime.date(2024, 3, 4)
        assert partial.gap == Gap(closed_ns=48 * HOUR_NS)


def test_rejected_tick_closes_nothing() -> None:
    """A quote after the close moves no clock; the week's bars wait for a tick that counts, or for the clock."""
    text = "2024-03-01 16:59@1 17:00:01@2"
    model, shown = fed(text, calendar=FxGrid(), zone=NEW_YORK)
    assert instants(shown) == []
    assert model.state("X").clock_ns == at("2024-03-01 16:59", zone=NEW_YORK)
    _, shown = fed(text + " !17:00", calendar=FxGrid(), zone=NEW_YORK)
    assert instants(shown) == [("03-01 22:00", ["X 1m", "X 5m", "X 15m", "X 1h", "X 4h", "X 1d"])]


def test_weekend_of_a_clock_change_is_an_hour_shorter_or_longer() -> None:
    """17:00 stays 17:00 in New York: the 4h grid moves with it in UTC."""
    for friday, sunday, hours, start in (
        ("2024-03-08", "2024-03-10", 47, "03-10 21:00..03-11 01:00"),
        ("2024-11-01", "2024-11-03", 49, "11-03 22:00..11-04 02:00"),
        ("2024-03-29", "2024-03-31", 48, "03-31 21:00..04-01 01:00"),  # only Europe changes
    ):
        model, _ = fed(f"{friday} 16:59@1 {sunday} 18:00@2", "4h", "1d", calendar=FxGrid(), zone=NEW_YORK)
        partial = model.partial("X", "4h")
        assert partial is not None
        assert partial.gap == Gap(closed_ns=hours * HOUR_NS)
        assert line(partial) == f"4h {start} 2.0 2.0 2.0 2.0 v0.0 n1"


def test_days_of_23_and_25_hours_end_with_a_short_bar() -> None:
    """The 4h bars count elapsed time: a seventh of one hour on the long day, a sixth of three on the short one."""
    short, _ = fed(
        "2024-03-09 17:00@1 21:00@1 2024-03-10 02:00@1 06:00@1 10:00@1 14:00@1 17:00@1",
        "4h",
        calendar=FxGrid(),
        zone=NEW_YORK,
        closed="keep",
    )
    assert [(bar.end_ns - bar.start_ns) / HOUR_NS for bar in short.bars("X", "4h")] == [4, 4, 4, 4, 4, 3]
    assert [clock_text(bar.end_ns) for bar in short.bars("X", "4h")][-1] == "03-10 21:00"
    long, _ = fed(
        "2024-11-02 17:00@1 21:00@1 2024-11-03 01:00@1 04:00@1 08:00@1 12:00@1 16:00@1 17:00@1",
        "4h",
        calendar=FxGrid(),
        zone=NEW_YORK,
        closed="keep",
    )
    assert [(bar.end_ns - bar.start_ns) / HOUR_NS for bar in long.bars("X", "4h")] == [4, 4, 4, 4, 4, 4, 1]


def test_kept_tick_of_a_closed_market_makes_a_flagged_day_of_its_own() -> None:
    model, shown = fed(
        "2024-03-01 16:00@1 2024-03-02 12:00@2 2024-03-03 16:59@3 17:00@4",
        "1h",
        "1d",
        "1w",
        calendar=FxGrid(),
        zone=NEW_YORK,
        closed="keep",
    )
    assert verdicts(shown) == ["ok"] * 4
    assert lines(model.bars("X", "1d")) == [
        "1d 02-29 22:00..03-01 22:00 1.0 1.0 1.0 1.0 v0.0 n1 first incomplete",
        "1d 03-01 22:00..03-02 22:00 2.0 2.0 2.0 2.0 v0.0 n1 off_session",
        "1d 03-02 22:00..03-03 22:00 3.0 3.0 3.0 3.0 v0.0 n1 off_session",
    ]
    assert [str(bar.trading_day) for bar in model.bars("X", "1d")] == ["2024-03-01", "2024-03-02", "2024-03-03"]
    assert [bar.gap for bar in model.bars("X", "1d")] == [None, None, None]
    assert lines(model.bars("X", "1w")) == [
        "1w 02-25 22:00..03-01 22:00 1.0 1.0 1.0 1.0 v0.0 n1 first incomplete",
        "1w 03-01 22:00..03-02 22:00 2.0 2.0 2.0 2.0 v0.0 n1 off_session",
        "1w 03-02 22:00..03-03 22:00 3.0 3.0 3.0 3.0 v0.0 n1 off_session",
    ]


def test_week_and_month_are_unions_of_trading_days() -> None:
    """They start with their first trading day and close with their last, whatever the date in UTC."""
    text = "2024-02-29 16:59@1 17:00@2 2024-03-01 16:59@3 2024-03-03 17:00@4 2024-03-29 16:59@5 2024-03-31 17:00@6"
    model, _ = fed(text, "1d", "1w", "1mo", calendar=FxGrid(), zone=NEW_YORK)
    assert lines(model.bars("X", "1mo")) == [
        "1mo 01-31 22:00..02-29 22:00 1.0 1.0 1.0 1.0 v0.0 n1 first incomplete",
        "1mo 02-29 22:00..03-29 21:00 2.0 5.0 2.0 5.0 v0.0 n4",
    ]
    assert [str(bar.trading_day) for bar in model.bars("X", "1mo")] == ["2024-02-29", "2024-03-29"]
    assert lines(model.bars("X", "1w")) == [
        "1w 02-25 22:00..03-01 22:00 1.0 3.0 1.0 3.0 v0.0 n3 first incomplete",
        "1w 03-03 22:00..03-08 22:00 4.0 4.0 4.0 4.0 v0.0 n1",
        "1w 03-24 21:00..03-29 21:00 5.0 5.0 5.0 5.0 v0.0 n1",
    ]
    week = model.bars("X", "1w")[2]
    # Two whole weeks of silence, three weekends, one of them an hour shorter.
    assert week.gap == Gap(silence_ns=240 * HOUR_NS, closed_ns=(47 + 48 + 48) * HOUR_NS)


def test_closed_day_between_trading_days_of_a_period_belongs_to_it() -> None:
    """A kept tick on a Saturday in mid-month is in the month's bar, which would overlap one of its own."""
    text = "2024-03-09 12:00@1 2024-03-11 12:00@2 2024-03-13 12:00@3 2024-03-14 12:00@4"
    calendar = OfficeGrid(holidays=["2024-03-13"])
    model, _ = fed(text, "1d", "1w", "1mo", calendar=calendar, closed="keep")
    assert line(model.partial("X", "1mo")) == "1mo 03-01 00:00..03-30 00:00 1.0 4.0 1.0 4.0 v0.0 n4 first incomplete"
    assert lines(model.bars("X", "1w")) == [
        "1w 03-09 00:00..03-10 00:00 1.0 1.0 1.0 1.0 v0.0 n1 first incomplete off_session"
    ]
    assert line(model.partial("X", "1w")) == "1w 03-11 00:00..03-16 00:00 2.0 4.0 2.0 4.0 v0.0 n3"
    assert [bar.off_session for bar in model.bars("X", "1d")] == [True, False, True]


def test_gap_tells_break_holiday_weekend_and_silence_apart() -> None:
    """A break cuts no bar; the 1h grid goes on through it."""
    calendar = OfficeGrid(holidays=["2024-03-07"])
    model, shown = fed("11:30@1 12:30@9 13:15@2 2024-03-08 00:00@3", "1h", calendar=calendar)
    assert verdicts(shown) == ["ok", "closed", "ok", "ok"]
    assert [bar.gap for bar in model.bars("X", "1h")] == [None, Gap(break_ns=HOUR_NS)]
    partial = model.partial("X", "1h")
    assert partial is not None
    assert partial.gap == Gap(silence_ns=10 * HOUR_NS, holiday_ns=24 * HOUR_NS)


def test_price_side_is_decided_by_the_first_accepted_tick() -> None:
    """A rejected trade decides nothing; the other kind moves the clock, closes bars, and changes none."""
    model, shown = fed("10:00@=-1 10:00@1/3x1 10:00:30@=9x9 10:01@=8x8", "1m", "5m")
    assert verdicts(shown) == ["price", "ok", "ok", "ok"]
    assert instants(shown) == [("03-06 10:01", ["X 1m"])]
    assert lines(model.bars("X", "1m")) == ["1m 03-06 10:00..03-06 10:01 2.0 2.0 2.0 2.0 v1.0 n1 first"]
    assert model.partial("X", "1m") is None
    assert model.state("X").clock_ns == at("10:01")
    assert line(model.partial("X", "5m")) == "5m 03-06 10:00..03-06 10:05 2.0 2.0 2.0 2.0 v1.0 n1 first"


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("auto", "1m 03-06 10:00..03-06 10:01 2.0 3.0 2.0 3.0 v10.0 n2 first"),
        ("mid", "1m 03-06 10:00..03-06 10:01 2.0 3.0 2.0 3.0 v10.0 n2 first"),
        ("bid", "1m 03-06 10:00..03-06 10:01 1.0 7.0 1.0 2.0 v28.0 n3 first"),
        ("ask", "1m 03-06 10:00..03-06 10:01 3.0 8.0 3.0 4.0 v38.0 n3 first"),
        ("last", "1m 03-06 10:00..03-06 10:01 5.0 5.0 5.0 5.0 v64.0 n1 first"),
    ],
)
def test_price_sides_and_their_volume(price: str, expected: str) -> None:
    """A one-sided quote feeds its side only; at mid it has no price."""
    text = "10:00@1x1/3x2 10:00@7x24/ 10:00@/8x32 10:00@=5x64 10:00@2x3/4x4"
    model, _ = fed(text, "1m", price=price)
    assert line(model.partial("X", "1m")) == expected


def test_crossed_and_locked_quotes_are_kept_and_counted() -> None:
    model, shown = fed("10:00@3/1 10:00@2/2 10:00@1/3 10:00@0/0", "1m")
    assert verdicts(shown) == ["ok", "ok", "ok", "price"]
    assert counts(model) == {"ok": 3, "price": 1, "crossed": 1, "locked": 1}
    assert line(model.partial("X", "1m")) == "1m 03-06 10:00..03-06 10:01 2.0 2.0 2.0 2.0 v0.0 n3 first"


def test_incomplete_marks_a_first_bar_of_which_the_beginning_was_not_seen() -> None:
    """What was seen began with the first accepted tick, also one of the other kind; a clock event is no tick."""
    model, _ = fed("!09:00 10:00:30@=5 10:05:10@1/3 10:06@1/3", "1m", "5m", "1h", price="mid")
    assert line(model.bars("X", "1m")[0]) == "1m 03-06 10:05..03-06 10:06 2.0 2.0 2.0 2.0 v0.0 n1 first"
    assert line(model.partial("X", "1m")) == "1m 03-06 10:06..03-06 10:07 2.0 2.0 2.0 2.0 v0.0 n1"
    assert line(model.partial("X", "5m")) == "5m 03-06 10:05..03-06 10:10 2.0 2.0 2.0 2.0 v0.0 n2 first"
    assert line(model.partial("X", "1h")) == "1h 03-06 10:00..03-06 11:00 2.0 2.0 2.0 2.0 v0.0 n2 first incomplete"


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


def test_tick_of_a_run_closes_what_is_due_in_every_symbol_of_the_run() -> None:
    """In files the stamp is the time at which a thing was known: a silent symbol's bar is told at its own end."""
    model, shown = fed(">B:10:00@1 >A:10:00:30@2 >A:10:01:30@3 C:10:00@5 >A:10:05@4", "1m", "5m")
    assert instants(shown) == [
        ("03-06 10:01", ["B 1m", "A 1m"]),
        ("03-06 10:02", ["A 1m"]),
        ("03-06 10:05", ["B 5m", "A 5m"]),
    ]
    closing = [one.states for one in shown if one.closing]
    assert [clock_of(states) for states in closing] == [
        {"B": "03-06 10:01", "A": "03-06 10:01"},
        {"B": "03-06 10:02", "A": "03-06 10:02", "C": "03-06 10:00"},
        {"B": "03-06 10:05", "A": "03-06 10:05", "C": "03-06 10:00"},
    ]
    assert clock_of({"B": model.state("B"), "C": model.state("C")}) == {"B": "03-06 10:05", "C": "03-06 10:00"}


def test_what_is_in_no_completed_bar_is_not_late_for_the_run() -> None:
    """A symbol whose source is not quite in order loses nothing that its bars can still take."""
    _, shown = fed(">B:10:00@1 >A:10:00@2 >A:10:01:30@3 B:10:00:59@9 B:10:01:10@5", "1m")
    assert verdicts(shown) == ["ok", "ok", "ok", "late", "ok"]


def test_symbol_whose_newest_tick_was_pushed_is_of_no_run() -> None:
    model, shown = fed(">B:10:00@1 >A:10:00@2 B:10:00:10@3 >A:10:01:30@4", "1m")
    assert instants(shown) == [("03-06 10:01", ["A 1m"])]
    assert model.state("B").clock_ns == at("10:00:10")


def test_clock_event_of_the_timer_moves_live_symbols_each_less_the_delay_of_its_feed() -> None:
    """A feed that is later than it says, and a history pushed beside it, tell their time by their own ticks."""
    text = "*A:10:00:50@1 *B:10:00:50@2 C:10:00:50@3 *!10:01:05"
    model, shown = fed(text, "1m", delays={"B": 10 * 1_000_000_000})
    assert instants(shown) == [("03-06 10:01", ["A 1m"])]
    assert clock_of({name: model.state(name) for name in "ABC"}) == {
        "A": "03-06 10:01:05",
        "B": "03-06 10:00:55",
        "C": "03-06 10:00:50",
    }
    (closing,) = [one for one in shown if one.closing]
    assert clock_of(closing.states) == {"A": "03-06 10:01", "B": "03-06 10:00:55", "C": "03-06 10:00:50"}


def test_clock_event_of_a_feed_moves_nothing() -> None:
    """It says that the feed was down."""
    model = Model(["1m"], CryptoGrid())
    stream: list[Input] = [*inputs("10:00@1", symbol="X"), Clock(at("10:05"), BY_FEED)]
    shown = replay(model, stream)
    assert verdicts(shown) == ["ok", "ok"]
    assert model.state("X").clock_ns == at("10:00")


def test_history_is_the_last_n_as_of_the_row() -> None:
    model, shown = fed("10:00@1 10:01@2 10:02@3 10:03@4", "1m", history=2)
    assert [bar.open for bar in model.bars("X", "1m")] == [2.0, 3.0]
    assert [[bar.open for bar in one.states["X"].bars["1m"]] for one in shown] == [
        [],
        [1.0],
        [1.0],
        [1.0, 2.0],
        [1.0, 2.0],
        [2.0, 3.0],
        [2.0, 3.0],
    ]
    assert [bar.open for bar in model.told] == [1.0, 2.0, 3.0]


def test_end_of_the_source_closes_nothing() -> None:
    model, _ = fed("10:00@1 10:00:59@2", "1m")
    assert model.told == []
    assert model.partial("X", "1m") is not None


@given(stream=streams(), calendar=st.sampled_from(CALENDARS), closed=st.sampled_from(("reject", "keep")))
def test_coarser_bars_are_the_merge_of_finer_ones(stream: list[Event], calendar: CalendarLike, closed: str) -> None:
    """Nesting, also of the weeks and months, and of the bars that still form."""
    model = Model((*ALL, "1w", "1mo"), calendar, closed=closed)
    replay(model, stream)
    for symbol in model.symbols:
        for finer, coarser in itertools.pairwise(model.timeframes):
            if coarser.name == "1mo":
                finer = model.timeframes.items[-3]  # days: a week may lie in two months
            parts = every_bar(model, symbol, finer.name)
            for whole in every_bar(model, symbol, coarser.name):
                inside = [part for part in parts if whole.start_ns <= part.start_ns < whole.end_ns]
                assert all(part.end_ns <= whole.end_ns for part in inside)
                assert whole.open == inside[0].open
                assert whole.close == inside[-1].close
                assert whole.high == max(part.high for part in inside)
                assert whole.low == min(part.low for part in inside)
                assert whole.ticks == sum(part.ticks for part in inside)
                assert whole.volume == sum(part.volume for part in inside)


@given(stream=streams(clocks=False), every=st.integers(1, 3), calendar=st.sampled_from(CALENDARS))
def test_clock_events_between_change_no_completed_bar(stream: list[Event], every: int, calendar: CalendarLike) -> None:
    """The law of rule 2, with a clock event of the newest time that makes no tick late before every few ticks."""
    plain = Model(ALL, calendar)
    accepted = [event for event in stream if plain.feed(event)[-1].verdict == "ok"]
    alone = Model(ALL, calendar)
    replay(alone, accepted)
    with_clock = Model(ALL, calendar)
    for position, event in enumerate(accepted):
        if position % every == 0:
            with_clock.feed(Clock(min(later.ts_ns for later in accepted[position:])))
        with_clock.feed(event)
    for model in (alone, with_clock):
        model.feed(Clock(max((event.ts_ns for event in accepted), default=0) + 2 * 24 * HOUR_NS))
    for symbol in alone.symbols:
        for name in ALL:
            assert with_clock.bars(symbol, name) == alone.bars(symbol, name)
    assert len(with_clock.told) == len(alone.told)


@given(stream=mixed_streams(), calendar=st.sampled_from(CALENDARS), late=st.sampled_from(("reject", "accept")))
def test_every_instant_is_consistent(stream: list[Input], calendar: CalendarLike, late: str) -> None:
    """In every instant that is shown, each forming bar holds its clock, none is due, and the windows end before it."""
    model = Model((*ALL, "1w"), calendar, closed="keep", late=late)
    told: list[Bar] = []
    for event in stream:
        at_ns = event.ts_ns if isinstance(event, Clock) else None
        shown = model.feed(event)
        for _, rows in itertools.groupby(shown, lambda one: one.seq):
            of_event = list(rows)
            assert [one.closing for one in of_event] == [True] * (len(of_event) - 1) + [False]
            times = [one.time_ns or 0 for one in of_event if one.closing]
            assert times == sorted(set(times))
            assert all(time_ns <= of_event[-1].event.ts_ns for time_ns in times)
        assert at_ns is None or shown[-1].event == event
        for one in shown:
            told.extend(one.bars)
            for state in one.states.values():
                for name, partial in state.partial.items():
                    window = state.bars[name]
                    assert all(left.end_ns <= right.start_ns for left, right in itertools.pairwise(window))
                    if partial is not None:
                        assert partial.time_ns == state.clock_ns
                        assert partial.low <= min(partial.open, partial.close)
                        assert max(partial.open, partial.close) <= partial.high
                        assert not window or window[-1].end_ns <= partial.start_ns
    assert told == model.told


def every_bar(model: Model, symbol: str, name: str) -> list[Bar]:
    partial = model.partial(symbol, name)
    return [*model.bars(symbol, name), *([partial] if partial is not None else [])]
