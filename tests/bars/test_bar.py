"""Bars are values: equal where every field is, and a partial one is never a completed one."""

from __future__ import annotations

import datetime
import math
import pickle
import re
from functools import partial
from typing import Any

import orjson
import pytest

import mtf
from mtf.errors import MalformedEvent

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
    forming = mtf.PartialBar(**FIELDS, time_ns=75_000_000_000)
    assert (forming.elapsed_ns, forming.remaining_ns, forming.progress) == (15_000_000_000, 45_000_000_000, 0.25)
    assert not forming.completed
    assert forming != mtf.Bar(**FIELDS)
    assert mtf.Bar(**FIELDS) != forming
    assert forming != mtf.PartialBar(**FIELDS, time_ns=76_000_000_000)
    assert repr(forming).startswith("PartialBar(X 1m ")


@pytest.mark.parametrize("name", [*CHANGES])
def test_every_field_survives_pickling(name: str) -> None:
    """In its own place, of the completed bar and of the partial one."""
    changed = {**FIELDS, name: CHANGES[name]}
    for bar in (mtf.Bar(**changed), mtf.PartialBar(**changed, time_ns=75_000_000_000)):
        again = pickle.loads(pickle.dumps(bar))
        assert again == bar
        assert getattr(again, name) == CHANGES[name]
        assert type(again) is type(bar)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"high": 0.1, "low": 0.5}, "low must not be above high, got low 0.5 and high 0.1"),
        ({"open": 4.0}, "open must be between low 0.5 and high 3.0, got 4.0"),
        ({"close": 0.4}, "close must be between low 0.5 and high 3.0, got 0.4"),
        ({"open": math.nan}, "open must be finite, got nan"),
        ({"high": math.inf}, "high must be finite, got inf"),
        ({"low": -math.inf}, "low must be finite, got -inf"),
        ({"volume": -1.0}, "volume must be 0 or more, got -1.0"),
        ({"volume": math.nan}, "volume must be 0 or more, got nan"),
        ({"ticks": -1}, "ticks must be 0 or more, got -1"),
        ({"end_ns": 0}, "end_ns must be after start_ns, got 0 to 0"),
    ],
)
def test_a_bar_that_contradicts_itself_cannot_be_made(fields: dict[str, Any], reason: str) -> None:
    """A bar made by hand goes into indicators and pipelines: what is wrong with it shows where it is made."""
    for make in (mtf.Bar, partial(mtf.PartialBar, time_ns=75_000_000_000)):
        with pytest.raises(MalformedEvent, match=re.escape(reason)):
            make(**{**FIELDS, "start_ns": 0, "high": 3.0, **fields})


def test_a_bar_takes_itself_apart_as_plain_values() -> None:
    """All of it, by name, as orjson writes it."""
    bar = mtf.Bar(**{**FIELDS, "gap": mtf.Gap(closed_ns=1, holiday_ns=2, break_ns=3, silence_ns=4), "first": True})
    expected = {
        "symbol": "X", "timeframe": "1m", "start_ns": 60_000_000_000, "end_ns": 120_000_000_000, "open": 1.0,
        "high": 4.0, "low": 0.5, "close": 2.0, "volume": 7.0, "ticks": 3, "trading_day": datetime.date(1970, 1, 1),
        "first": True, "last": False, "incomplete": False, "day_incomplete": False, "off_session": False,
        "filled": False, "from_bars": False, "gap_closed_ns": 1, "gap_holiday_ns": 2, "gap_break_ns": 3,
        "gap_silence_ns": 4,
    }  # fmt: skip
    assert bar.to_dict() == expected
    assert orjson.loads(orjson.dumps(bar.to_dict())) == {**expected, "trading_day": "1970-01-01"}
    partial = mtf.PartialBar(**FIELDS, time_ns=75_000_000_000)
    more = {"time_ns": 75_000_000_000, "elapsed_ns": 15_000_000_000, "remaining_ns": 45_000_000_000, "progress": 0.25}
    assert partial.to_dict() == mtf.Bar(**FIELDS).to_dict() | more


def test_start_and_end_are_datetimes_too() -> None:
    """Aware, in UTC, cut to the microseconds that datetime has; before 1970 as well."""
    bar = mtf.Bar(**{**FIELDS, "start_ns": -1, "end_ns": 1_709_719_200_123_456_789})
    assert bar.start == datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=datetime.UTC)
    assert bar.end == datetime.datetime(2024, 3, 6, 10, 0, 0, 123_456, tzinfo=datetime.UTC)
