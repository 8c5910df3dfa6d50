"""The garbage collector does not look at the values of which a run keeps many.

It visits every object that it tracks, again and again as their number grows. With the bars of ten thousand symbols
among them, that took three quarters of a run's time.
"""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

import mtf
from mtf.bars.bar_window import BarWindow, table_of
from mtf.bars.columns import BarHeader, BarState
from mtf.build import COMPILED
from mtf.calendars.day import Gap
from mtf.indicators.value_rows import ValueRows


def bar(symbol: str = "EURUSD", kind: type[mtf.Bar] = mtf.Bar) -> mtf.Bar:
    """Return a bar with a gap before it."""
    return kind(
        symbol=symbol,
        timeframe=mtf.Timeframe("1h"),
        start_ns=0,
        end_ns=3_600_000_000_000,
        open=1.0,
        high=1.0,
        low=1.0,
        close=1.0,
        ticks=1,
        gap=Gap(silence_ns=60_000_000_000),
    )


def values() -> dict[str, object]:
    """Return one of each kind of which a run keeps many."""
    one = bar()
    engine = mtf.Engine(timeframes="1h", calendar="crypto")
    engine.tick("EURUSD", 1_700_000_000_000_000_000, 1.0, 1.0)
    snapshot = engine.snapshot("EURUSD")
    return {
        "bar": one,
        "gap": one.gap,
        "table": table_of([one]),
        "window": BarWindow(table_of([one]), 0, 1),
        "header": BarHeader(0, 1, 0, one.gap),
        "state": BarState(None, 1.0, 1.0, 1.0, 1.0, 0.0, 0, BarWindow(table_of([one]), 0, 1)),
        "values": ValueRows(3, 8),
        "tick": mtf.Tick("EURUSD", 0, 1.0, 1.0),
        "snapshot": snapshot,
        "timeframe": snapshot["1h"],
        "live": snapshot["1h"].live,
    }


@pytest.mark.parametrize("name", list(values()))
def test_compiled_value_is_not_tracked(name: str) -> None:
    """Nothing that it holds leads back to it, so that counting references is enough. Pure Python tracks all objects."""
    assert gc.is_tracked(values()[name]) is not COMPILED


def test_bar_lets_go_of_what_it_holds() -> None:
    """What the collector does not see must not leak."""
    symbol = str(b"EURUSD", "ascii")  # no literal, which others may hold too
    before = sys.getrefcount(symbol)
    bars = [bar(symbol) for _ in range(100)]
    assert sys.getrefcount(symbol) == before + 100
    bars.clear()
    assert sys.getrefcount(symbol) == before


class Annotated(mtf.Bar):
    """A user's own, with room for anything."""


def test_subclass_of_a_user_is_collected() -> None:
    """It can hold itself, and then needs the collector."""
    one = bar(kind=Annotated)
    one.itself = one  # type: ignore[attr-defined]
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None
