"""The door: what it refuses, in which words, and that a refused event leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from mtf.errors import MalformedEvent, SourceError
from mtf.events.block import HAS_ASK, HAS_BID, SymbolTable
from mtf.events.door import ASIDE_MAX, BOTH_SIDES, REASONS, TS_MAX_NS, TS_MIN_NS, Door
from mtf.events.tick import Tick

NAN: Final = float("nan")
INFINITE: Final = float("inf")


def door() -> Door:
    return Door(SymbolTable())


REFUSED: dict[str, tuple[Callable[[Door], int], str]] = {
    "no side": (lambda d: d.quote("X", 1, 1.0, 1.0, sides=0), "a price is missing"),
    "NaN bid": (lambda d: d.quote("X", 1, NAN, 1.0), "a number is NaN or infinite"),
    "infinite ask": (lambda d: d.quote("X", 1, 1.0, INFINITE), "a number is NaN or infinite"),
    "NaN size": (lambda d: d.quote("X", 1, 1.0, 1.0, NAN, 0.0), "a number is NaN or infinite"),
    "infinite size": (lambda d: d.quote("X", 1, 1.0, 1.0, 0.0, INFINITE), "a number is NaN or infinite"),
    "bid size below 0": (lambda d: d.quote("X", 1, 1.0, 1.0, -1.0, 0.0), "a size is negative"),
    "ask size below 0": (lambda d: d.quote("X", 1, 1.0, 1.0, 0.0, -0.001), "a size is negative"),
    "before 1970": (lambda d: d.quote("X", TS_MIN_NS - 1, 1.0, 1.0), "time is before 1970 or after 2200"),
    "after 2200": (lambda d: d.quote("X", TS_MAX_NS + 1, 1.0, 1.0), "time is before 1970 or after 2200"),
    "no name": (lambda d: d.quote("", 1, 1.0, 1.0), "the symbol is empty, longer than 255 bytes, or no text"),
    "long name": (lambda d: d.quote("é" * 128, 1, 1.0, 1.0), "the symbol is empty, longer than 255 bytes, or no text"),
    "half a name": (lambda d: d.quote("\ud83d", 1, 1.0, 1.0), "the symbol is empty, longer than 255 bytes, or no text"),
    "long id": (lambda d: d.quote("X", 1, 1.0, 1.0, id="é" * 128), "the id is longer than 255 bytes, or no text"),
    "half an id": (lambda d: d.quote("X", 1, 1.0, 1.0, id="\ud83d"), "the id is longer than 255 bytes, or no text"),
    "NaN price": (lambda d: d.trade("X", 1, NAN), "a number is NaN or infinite"),
    "infinite price": (lambda d: d.trade("X", 1, -INFINITE), "a number is NaN or infinite"),
    "trade of less than 0": (lambda d: d.trade("X", 1, 1.0, -1.0), "a size is negative"),
    "trade before 1970": (lambda d: d.trade("X", -1, 1.0), "time is before 1970 or after 2200"),
    "clock before 1970": (lambda d: d.clock(-1), "time is before 1970 or after 2200"),
    "clock after 2200": (lambda d: d.clock(TS_MAX_NS + 1), "time is before 1970 or after 2200"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_malformed_event_is_refused_with_its_reason_and_leaves_nothing(what: str) -> None:
    """The log holds what is finite and in range, and nothing else: no later check has to ask again."""
    call, reason = REFUSED[what]
    d = door()
    assert REASONS[call(d)] == reason
    assert (d.count, d.symbols.names) == (0, [])
    assert d.quote("X", 1, 1.0, 1.0) == 0
    block = d.take(1)
    assert (block.count, block.heap) == (1, b"\x01\x00X")


def test_what_is_odd_but_can_be_passes() -> None:
    """Prices at or below 0, crossed quotes and the ends of time are the gate's to judge, after they are logged."""
    d = door()
    assert d.quote("X", TS_MIN_NS, -1.0, 0.0) == 0
    assert d.quote("X", TS_MAX_NS, 2.0, 1.0) == 0
    assert d.quote("X", 1, 5e-324, 1.7976931348623157e308, 1.7976931348623157e308, 1.7976931348623157e308) == 0
    assert d.trade("X", 1, -0.0, 0.0) == 0
    assert d.clock(TS_MAX_NS) == 0
    assert d.take(1).count == 5


def test_side_that_is_not_there_is_ignored_whatever_it_says() -> None:
    d = door()
    assert d.quote("X", 1, NAN, 1.0, NAN, 2.0, HAS_ASK) == 0
    assert d.quote("X", 1, 1.0, NAN, 2.0, -5.0, HAS_BID) == 0
    assert BOTH_SIDES == HAS_BID | HAS_ASK


def test_live_stamp_beyond_the_limit_is_refused() -> None:
    """`max_ahead`: a tick from the future would move its symbol's clock, and all after it would be late."""
    d = door()
    d.limit_ns = 100
    assert d.quote("X", 100, 1.0, 1.0) == 0
    assert REASONS[d.quote("X", 101, 1.0, 1.0)] == "stamped too far ahead of its arrival"
    assert REASONS[d.trade("X", 101, 1.0)] == "stamped too far ahead of its arrival"
    assert d.clock(101) == 0, "clock events are our own"


def test_tick_that_is_a_quote_and_a_trade_is_refused() -> None:
    d = door()
    for tick in (Tick("X", 1, 1.0, None, price=1.0), Tick("X", 1, None, 1.0, price=1.0)):
        with pytest.raises(MalformedEvent, match="push two ticks"):
            d.tick(tick)
    assert (d.count, d.symbols.names) == (0, [])


def test_whole_numbers_are_prices_too() -> None:
    d = door()
    assert d.tick(Tick("X", 1, 1, 2, 3, 4)) == 0
    assert d.tick(Tick("X", 1, price=1, size=2)) == 0
    other = door()
    assert other.tick(Tick("X", 1, 1.0, 2.0, 3.0, 4.0)) == 0
    assert other.tick(Tick("X", 1, price=1.0, size=2.0)) == 0
    assert d.take(1) == other.take(1)


def test_negative_zero_keeps_its_sign() -> None:
    """Canonical bytes are the bits that came in."""
    d = door()
    assert d.tick(Tick("X", 1, -0.0, 1.0)) == 0
    assert d.take(1).rows[16:24].hex() == "0000000000000080"


def test_refused_rows_are_counted_and_kept_aside_up_to_a_bound() -> None:
    """A file of nothing but rubbish must fill neither memory nor disk."""
    aside: list[tuple[str, int, str, str]] = []
    d = Door(SymbolTable(), aside=lambda *row: aside.append(row))
    for line in range(1, ASIDE_MAX + 3):
        d.refuse("ticks.csv", line, "a price is missing", "x" * 600)
    assert d.malformed == ASIDE_MAX + 2
    assert len(aside) == ASIDE_MAX == 10_000
    assert aside[0] == ("ticks.csv", 1, "a price is missing", "x" * 500)
    assert aside[-1][1] == ASIDE_MAX


def test_strict_door_raises_at_the_first_malformed_row_with_its_place() -> None:
    d = Door(SymbolTable(), strict=True)
    with pytest.raises(SourceError, match=r"ticks\.csv:7: a price is missing: 'abc'") as caught:
        d.refuse("ticks.csv", 7, "a price is missing", "abc")
    assert (caught.value.path, caught.value.line, d.malformed) == ("ticks.csv", 7, 1)


def test_symbols_keep_their_numbers_from_one_block_to_the_next() -> None:
    d = door()
    for symbol in ("A", "B", "A"):
        assert d.quote(symbol, 1, 1.0, 1.0) == 0
    first = d.take(1)
    for symbol in ("B", "C", "A"):
        assert d.quote(symbol, 1, 1.0, 1.0) == 0
    second = d.take(4)
    assert [first.symbol_at(i) for i in range(3)] == [0, 1, 0]
    assert [second.symbol_at(i) for i in range(3)] == [1, 2, 0]
    assert (first.heap, second.heap) == (b"\x01\x00A\x01\x00B", b"\x01\x00C")
    assert (d.count, d.take(7).count) == (0, 0)
