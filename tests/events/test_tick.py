"""The tick is a value: what it says, and when two are the same."""

from __future__ import annotations

import pytest

from mtf.events.tick import Tick


def test_quote_knows_its_mid_and_spread() -> None:
    tick = Tick("EURUSD", 7, 1.25, 1.75, 2.0, 3.0)
    assert (tick.mid, tick.spread, tick.is_trade) == (1.5, 0.5, False)
    crossed = Tick("EURUSD", 7, 1.75, 1.25)
    assert (crossed.mid, crossed.spread) == (1.5, -0.5)


@pytest.mark.parametrize("tick", [Tick("X", 7, 1.25), Tick("X", 7, None, 1.25), Tick("X", 7, price=1.25)])
def test_tick_without_both_sides_has_neither_mid_nor_spread(tick: Tick) -> None:
    assert (tick.mid, tick.spread) == (None, None)


def test_trade_is_made_by_name_or_by_price() -> None:
    assert Tick.trade("ES", 7, 5000.25, 3.0, id="a") == Tick("ES", 7, price=5000.25, size=3.0, id="a")
    assert Tick.trade("ES", 7, 5000.25).is_trade


def test_ticks_are_equal_where_every_field_is() -> None:
    tick = Tick("X", 7, 1.0, 2.0, 3.0, 4.0, id="a")
    assert tick == Tick("X", 7, 1.0, 2.0, 3.0, 4.0, id="a")
    assert hash(tick) == hash(Tick("X", 7, 1.0, 2.0, 3.0, 4.0, id="a"))
    others = [
        Tick("Y", 7, 1.0, 2.0, 3.0, 4.0, id="a"),
        Tick("X", 8, 1.0, 2.0, 3.0, 4.0, id="a"),
        Tick("X", 7, 1.5, 2.0, 3.0, 4.0, id="a"),
        Tick("X", 7, 1.0, None, 3.0, 4.0, id="a"),
        Tick("X", 7, 1.0, 2.0, 0.0, 4.0, id="a"),
        Tick("X", 7, 1.0, 2.0, 3.0, 0.0, id="a"),
        Tick("X", 7, 1.0, 2.0, 3.0, 4.0, id="b"),
        Tick("X", 7, 1.0, 2.0, 3.0, 4.0),
        Tick("X", 7, 1.0, 2.0, 3.0, 4.0, id="a", from_bar=True),
        Tick("X", 7, 1.0, 2.0, 3.0, 4.0, id="a", received_ns=8),
    ]
    assert tick not in others
    assert tick != "tick"


def test_tick_is_shown_as_it_is_made() -> None:
    assert repr(Tick("X", 7, 1.0, 2.0)) == "Tick('X', 7, 1.0, 2.0)"
    assert repr(Tick("X", 7, 1.0, 2.0, 3.0, 4.0)) == "Tick('X', 7, 1.0, 2.0, 3.0, 4.0)"
    assert repr(Tick("X", 7, price=1.0, size=2.0)) == "Tick('X', 7, price=1.0, size=2.0)"
