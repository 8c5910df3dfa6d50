"""Any iterable of ticks as a source."""

from __future__ import annotations

from typing import Any

import pytest

import mtf
from mtf.errors import SourceError
from mtf.events.tick import Tick
from mtf.sources import IterSource, Source
from mtf.units import TS_MIN_NS
from tests.sources.builders import Taken, drain

TICKS = [Tick("A", 10**9 * i, 1.0, 2.0) for i in range(1, 8)]


def test_ticks_come_as_they_are() -> None:
    source = IterSource(iter(TICKS))
    assert isinstance(source, Source)
    assert drain(source, limit=3).ticks == TICKS


def test_malformed_tick_is_refused_with_its_number() -> None:
    nan = float("nan")
    ticks = [
        TICKS[0],
        Tick("A", TS_MIN_NS - 1, 1.0, 2.0),
        Tick("A", 1, 1.0, price=2.0),
        Tick("A", 1, nan, nan),
        TICKS[1],
    ]
    taken = drain(IterSource(ticks, name="mine"))
    assert taken.ticks == TICKS[:2]
    assert [(place, line) for place, line, _, _ in taken.refused] == [("mine", 2), ("mine", 3), ("mine", 4)]
    assert taken.reasons[::2] == ["the time is before 1678 or after 2200", "a number is NaN or infinite"]


def test_bars_come_as_they_are_and_count_once_each() -> None:
    """Klines of an exchange: an iterable may hold both, and a bar that is not completed is refused."""
    made: dict[str, Any] = {"symbol": "A", "timeframe": mtf.Timeframe("1m"), "start_ns": 0, "end_ns": 60 * 10**9}
    made |= {"open": 1.0, "high": 3.0, "low": 0.5, "close": 2.0, "volume": 7.0}
    bar, wrong = mtf.Bar(**made), mtf.Bar(**{**made, "volume": float("inf")})
    partial = mtf.PartialBar(**made, time_ns=30 * 10**9)
    source = IterSource([TICKS[0], bar, partial, wrong, TICKS[1]], name="mine")
    taken = drain(source)
    assert [tick.price for tick in taken.ticks] == [None, 1.0, 3.0, 0.5, 2.0, None]
    assert [tick.size for tick in taken.ticks] == [0.0, 0.0, 0.0, 0.0, 7.0, 0.0]
    assert taken.lines == [3, 4]
    assert taken.reasons[1] == "a number is NaN or infinite"
    assert source.position() == {"count": 5}


def test_position_is_how_many_were_taken() -> None:
    source = IterSource(TICKS)
    taken = Taken()
    assert source.fill(taken.builder, 3)
    taken.take()
    assert source.position() == {"count": 3}
    again = IterSource(TICKS)
    again.seek({"count": 3})
    assert drain(again, into=taken).ticks == TICKS
    again.seek({"count": 0})
    assert drain(again).ticks == TICKS


def test_too_few_ticks_to_go_on_from_is_an_error() -> None:
    with pytest.raises(SourceError, match="it has 7 ticks, but 8 were read before"):
        IterSource(TICKS).seek({"count": 8})


def test_what_is_no_tick_is_refused_and_ends_nothing() -> None:
    """None too, with which some iterables say that they have nothing yet."""
    taken = drain(IterSource([TICKS[0], None, TICKS[1], "junk", TICKS[2]], name="mine"), limit=2)  # type: ignore[list-item]
    assert taken.ticks == TICKS[:3]
    assert taken.lines == [2, 4]
