"""Bars are values: equal where every field is, and a partial one is never a completed one."""

from __future__ import annotations

import datetime
import pickle
from typing import Any

import pytest

import mtf

FIELDS: dict[str, Any] = {
    "symbol": "X",
    "timeframe": mtf.Timeframe("1m"),
    "start_ns": 60_000_000_000,
    "end_ns": 120_000_000_000,
    "open": 1.0,
    "high": 4.0,
    "low": 0.5,
    "close": 2.0,
    "volume": 7.0,
    "ticks": 3,
    "trading_day": datetime.date(1970, 1, 1),
}
CHANGES: dict[str, Any] = {
    "symbol": "Y",
    "timeframe": mtf.Timeframe("5m"),
    "start_ns": 0,
    "end_ns": 180_000_000_000,
    "open": 1.5,
    "high": 5.0,
    "low": 0.25,
    "close": 2.5,
    "volume": 8.0,
    "ticks": 4,
    "trading_day": datetime.date(1970, 1, 2),
    "first": True,
    "last": True,
    "incomplete": True,
    "day_incomplete": True,
    "off_session": True,
    "filled": True,
    "from_bars": True,
    "gap": mtf.Gap(silence_ns=1),
}


def test_bar_can_be_made_by_hand_with_what_matters() -> None:
    """Indicators stand alone: their bars need no pipeline."""
    bar = mtf.Bar(**{name: FIELDS[name] for name in list(FIELDS)[:8]})
    assert (bar.volume, bar.ticks, bar.trading_day, bar.gap) == (0.0, 0, None, None)
    assert bar.completed
    assert repr(bar) == "Bar(X 1m 60000000000..120000000000 O 1.0 H 4.0 L 0.5 C 2.0 V 0.0, 0 ticks)"


@pytest.mark.parametrize("name", CHANGES)
def test_bars_differ_where_one_field_does(name: str) -> None:
    bar = mtf.Bar(**FIELDS)
    assert bar == mtf.Bar(**FIELDS)
    assert hash(bar) == hash(mtf.Bar(**FIELDS))
    assert bar != mtf.Bar(**{**FIELDS, name: CHANGES[name]})


def test_partial_bar_knows_how_far_it_is() -> None:
    partial = mtf.PartialBar(**FIELDS, time_ns=75_000_000_000)
    assert (partial.elapsed_ns, partial.remaining_ns, partial.progress) == (15_000_000_000, 45_000_000_000, 0.25)
    assert not partial.completed
    assert partial != mtf.Bar(**FIELDS)
    assert mtf.Bar(**FIELDS) != partial
    assert partial != mtf.PartialBar(**FIELDS, time_ns=76_000_000_000)
    assert repr(partial).startswith("PartialBar(X 1m ")


@pytest.mark.parametrize("name", [*CHANGES])
def test_every_field_survives_pickling(name: str) -> None:
    """In its own place, of the completed bar and of the partial one."""
    changed = {**FIELDS, name: CHANGES[name]}
    for bar in (mtf.Bar(**changed), mtf.PartialBar(**changed, time_ns=75_000_000_000)):
        again = pickle.loads(pickle.dumps(bar))
        assert again == bar
        assert getattr(again, name) == CHANGES[name]
        assert type(again) is type(bar)
