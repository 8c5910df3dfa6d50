"""The oracle on verdicts, prices, ids and clocks: what counts, at which price, and whose time it moves."""

from __future__ import annotations

import pytest

from mtf.events.tick import Tick
from tests.builders import BY_FEED, Clock, Input, at, inputs
from tests.model.builders import (
    clock_of,
    counts,
    fed,
    instants,
    line,
    lines,
    verdicts,
)
from tests.model.grids import CryptoGrid, FxGrid
from tests.model.model import Model, replay
from tests.model.state import IDS_KEPT


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


def test_tick_of_a_run_closes_what_is_due_in_every_symbol_of_the_run() -> None:
    """In files the stamp is the time at which a thing was known: a silent symbol's bar is reported at its own end."""
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
