"""The oracle on verdicts, prices, ids and clocks: what counts, at which price, and whose time it moves."""

from __future__ import annotations

from tests.builders import BY_FEED, BY_IMPORT, Clock, Input, at, inputs
from tests.model.builders import (
    clock_of,
    fed,
    instants,
    verdicts,
)
from tests.model.grids import CryptoGrid
from tests.model.model import Model, replay


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


def test_end_of_a_history_moves_the_clock_of_its_symbol_alone() -> None:
    """And what is stamped before it is late, also in the bar that goes on behind it."""
    model = Model(["1m"], CryptoGrid(), late="accept")
    stream: list[Input] = [
        *inputs("X:10:00:30@1 Y:10:00:30@1"),
        Clock(at("10:01:20"), BY_IMPORT, "X"),
        *inputs("X:10:01:10@1 X:10:01:40@1 X:10:01:10@1 X:10:01:20@1 Y:10:00:40@1"),
        Clock(at("10:01:30"), BY_IMPORT, "X"),
    ]
    shown = replay(model, stream)
    assert instants(shown) == [("03-06 10:01", ["X 1m"])]
    assert verdicts(shown) == ["ok", "ok", "ok", "late", "ok", "late", "late_ok", "ok", "ok"]
    assert clock_of({name: model.state(name) for name in "XY"}) == {"X": "03-06 10:01:40", "Y": "03-06 10:00:40"}


def test_clock_event_of_a_feed_moves_nothing() -> None:
    """It says that the feed was down."""
    model = Model(["1m"], CryptoGrid())
    stream: list[Input] = [*inputs("10:00@1", symbol="X"), Clock(at("10:05"), BY_FEED)]
    shown = replay(model, stream)
    assert verdicts(shown) == ["ok", "ok"]
    assert model.state("X").clock_ns == at("10:00")
