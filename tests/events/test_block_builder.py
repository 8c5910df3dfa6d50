"""The block builder: what it refuses, in which words, and that a refused event leaves nothing behind."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

import pytest

from mtf.errors import KindChanged, MalformedEvent, SourceError
from mtf.events.bar_rows import length_code
from mtf.events.block import (
    BOTH_SIDES,
    BY_FEED,
    BY_TIMER,
    CLOCK,
    HAS_ASK,
    HAS_BID,
    HAS_ID,
    JOINS,
    LIVE,
    ORDERED,
    ROW_BYTES,
    SymbolTable,
    received_at,
)
from mtf.events.block_builder import BlockBuilder
from mtf.events.malformed import REASONS
from mtf.events.tick import Tick
from mtf.events.waiting_rows import ASIDE_MAX, NOT_LIVE
from mtf.timeframe import Timeframe
from mtf.units import TS_MAX_NS, TS_MIN_NS

NAN: Final = float("nan")
INFINITE: Final = float("inf")
BAD_NAME: Final = "the symbol is blank, longer than 255 bytes, not text, or has control characters"


def builder() -> BlockBuilder:
    return BlockBuilder(SymbolTable())


REFUSED: dict[str, tuple[Callable[[BlockBuilder], int], str]] = {
    "no side": (lambda d: d.quote("X", 1, 1.0, 1.0, sides=0), "a price is missing"),
    "NaN on both sides": (lambda d: d.quote("X", 1, NAN, NAN), "a number is NaN or infinite"),
    "NaN on the one side": (lambda d: d.quote("X", 1, NAN, 1.0, sides=HAS_BID), "a number is NaN or infinite"),
    "NaN size": (lambda d: d.quote("X", 1, 1.0, 1.0, NAN, 0.0), "a number is NaN or infinite"),
    "infinite size": (lambda d: d.quote("X", 1, 1.0, 1.0, 0.0, INFINITE), "a number is NaN or infinite"),
    "bid size below 0": (lambda d: d.quote("X", 1, 1.0, 1.0, -1.0, 0.0), "a size is negative"),
    "ask size below 0": (lambda d: d.quote("X", 1, 1.0, 1.0, 0.0, -0.001), "a size is negative"),
    "before 1678": (lambda d: d.quote("X", TS_MIN_NS - 1, 1.0, 1.0), "the time is before 1678 or after 2200"),
    "after 2200": (lambda d: d.quote("X", TS_MAX_NS + 1, 1.0, 1.0), "the time is before 1678 or after 2200"),
    "no name": (lambda d: d.quote("", 1, 1.0, 1.0), BAD_NAME),
    "long name": (lambda d: d.quote("é" * 128, 1, 1.0, 1.0), BAD_NAME),
    "half a name": (
        lambda d: d.quote("\ud83d", 1, 1.0, 1.0),
        "the symbol is blank, longer than 255 bytes, not text, or has control characters",
    ),
    "long id": (lambda d: d.quote("X", 1, 1.0, 1.0, id="é" * 128), "the id is longer than 255 bytes, or not text"),
    "half an id": (lambda d: d.quote("X", 1, 1.0, 1.0, id="\ud83d"), "the id is longer than 255 bytes, or not text"),
    "NaN price": (lambda d: d.trade("X", 1, NAN), "a number is NaN or infinite"),
    "trade of an infinite size": (lambda d: d.trade("X", 1, 1.0, INFINITE), "a number is NaN or infinite"),
    "trade of less than 0": (lambda d: d.trade("X", 1, 1.0, -1.0), "a size is negative"),
    "trade before 1678": (lambda d: d.trade("X", TS_MIN_NS - 1, 1.0), "the time is before 1678 or after 2200"),
    "clock before 1678": (lambda d: d.clock(TS_MIN_NS - 1), "the time is before 1678 or after 2200"),
    "clock after 2200": (lambda d: d.clock(TS_MAX_NS + 1), "the time is before 1678 or after 2200"),
    "received before 1678": (
        lambda d: d.tick(Tick("X", 1, 1.0, received_ns=TS_MIN_NS - 1)),
        "the time is before 1678 or after 2200",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_malformed_event_is_refused_with_its_reason_and_leaves_nothing(what: str) -> None:
    """The log holds what is finite and in range, and nothing else: no later check has to ask again."""
    call, reason = REFUSED[what]
    d = builder()
    assert REASONS[call(d)] == reason
    assert (d.count, d.symbols.names) == (0, [])
    assert d.quote("X", 1, 1.0, 1.0) == 0
    block = d.take(1)
    assert (block.count, block.heap) == (1, b"\x01\x00X")


def test_what_is_odd_but_can_be_passes() -> None:
    """Prices that cannot be, crossed quotes and the ends of time are the gate's to judge, after they are logged."""
    d = builder()
    assert d.quote("X", TS_MIN_NS, -1.0, 0.0) == 0
    assert d.quote("X", TS_MAX_NS, 2.0, 1.0) == 0
    assert d.quote("X", 1, 5e-324, 1.7976931348623157e308, 1.7976931348623157e308, 1.7976931348623157e308) == 0
    assert d.trade("X", 1, -0.0, 0.0) == 0
    assert d.quote("X", 1, NAN, 1.0) == 0
    assert d.quote("X", 1, 1.0, -INFINITE) == 0
    assert d.trade("X", 1, INFINITE, 0.0) == 0
    assert d.clock(TS_MIN_NS) == 0
    assert d.clock(TS_MAX_NS) == 0
    assert d.take(1).count == 9


def test_every_nan_has_the_same_bits() -> None:
    """Equal events have equal bytes, whatever the file wrote its NaN with."""
    (odd,) = struct.unpack("<d", bytes.fromhex("010000000000f8ff"))
    one, other = builder(), builder()
    assert one.quote("X", 1, odd, 1.0) == other.quote("X", 1, NAN, 1.0) == 0
    assert one.take(1) == other.take(1)


def test_side_that_is_not_there_is_ignored_whatever_it_says() -> None:
    d = builder()
    assert d.quote("X", 1, NAN, 1.0, NAN, 2.0, HAS_ASK) == 0
    assert d.quote("X", 1, 1.0, NAN, 2.0, -5.0, HAS_BID) == 0
    assert BOTH_SIDES == HAS_BID | HAS_ASK


def test_live_stamp_beyond_the_limit_is_refused() -> None:
    """`max_ahead`: a tick from the future would move its symbol's clock, and all after it would be late."""
    d = builder()
    d.limit_ns = 100
    assert d.quote("X", 100, 1.0, 1.0) == 0
    assert REASONS[d.quote("X", 101, 1.0, 1.0)] == "stamped too far ahead of its arrival"
    assert REASONS[d.trade("X", 101, 1.0)] == "stamped too far ahead of its arrival"
    assert d.clock(101) == 0, "clock events are our own"


def test_event_that_arrives_within_moments_of_its_stamp_is_live() -> None:
    """One flag bit an event: the wall clock may close bars of its symbol then."""
    d = builder()
    d.live_from_ns = 100
    for ts_ns in (99, 100, 101):
        assert d.trade("X", ts_ns, 1.0) == 0
    d.live_from_ns = NOT_LIVE
    assert d.trade("X", TS_MAX_NS, 1.0) == 0
    assert [bool(flags & LIVE) for flags in flags_of(d)] == [False, True, True, False]


def test_events_of_a_run_say_so_once_there_are_two_symbols() -> None:
    """While a symbol is alone its bytes are those of pushes; the second one's first event says that both take part."""
    d = builder()
    d.ordered = True
    for symbol in ("A", "A", "B", "A", "C"):
        assert d.trade(symbol, 1, 1.0) == 0
    d.ordered = False
    assert d.trade("A", 1, 1.0) == 0
    block = d.take(1)
    tags = [struct.unpack_from("<I", block.rows, i * ROW_BYTES + 12)[0] for i in range(6)]
    assert [bool(tag >> 8 & ORDERED) for tag in tags] == [False, False, True, True, True, False]
    assert [bool(tag >> 16 & JOINS) for tag in tags] == [False, False, True, False, False, False]
    pushed = builder()
    for symbol in ("A", "A", "B"):
        assert pushed.trade(symbol, 1, 1.0) == 0
    assert pushed.take(1).rows[: 2 * ROW_BYTES] == block.rows[: 2 * ROW_BYTES]


@pytest.mark.parametrize("ordered", [(False, True), (True, False)])
def test_first_symbol_joins_no_run_that_it_was_not_in(ordered: tuple[bool, bool]) -> None:
    d = builder()
    for symbol, d.ordered in zip("AB", ordered, strict=True):
        assert d.trade(symbol, 1, 1.0) == 0
    rows = d.take(1).rows
    assert not any(struct.unpack_from("<H", rows, i * ROW_BYTES + 14)[0] & JOINS for i in range(2))


def test_time_of_arrival_is_logged_with_its_event_alone() -> None:
    d = builder()
    assert d.tick(Tick("X", 1, 1.0, received_ns=5)) == 0
    assert d.tick(Tick("X", 2, price=1.0)) == 0
    block = d.take(1)
    assert block.heap == b"\x01\x00X" + struct.pack("<q", 5)
    assert received_at(block.heap, len(block.heap)) == 5
    with pytest.raises(TypeError):
        d.tick(Tick("X", 1, 1.0, received_ns="now"))  # type: ignore[arg-type]
    assert d.tick(Tick("X", 3, 1.0)) == 0
    assert d.take(3).heap == b""


def test_clock_event_says_who_made_it_and_a_feed_since_when_and_why() -> None:
    d = builder()
    assert d.clock(7) == 0
    assert d.clock(8, BY_TIMER) == 0
    assert d.clock(9, BY_FEED, 4, "line down") == 0
    block = d.take(1)
    rows = [struct.unpack_from("<qiBBHq24s", block.rows, i * ROW_BYTES) for i in range(3)]
    assert rows == [
        (7, -1, CLOCK, 0, 0, 0, bytes(24)),
        (8, -1, CLOCK, 0, 1, 0, bytes(24)),
        (9, -1, CLOCK, HAS_ID, 2, 4, bytes(24)),
    ]
    assert block.heap == b"\x09\x00line down"


def flags_of(d: BlockBuilder) -> list[int]:
    block = d.take(1)
    return [block.rows[i * ROW_BYTES + 13] for i in range(block.count)]


def test_bar_of_another_kind_than_a_symbols_bars_is_refused_while_that_is_watched() -> None:
    """At price auto the first event decides: a quote after bars of trades would change none, silently."""
    d = builder()
    d.one_kind = True
    four = (1.0, 2.0, 0.5, 1.5)
    minute = length_code(Timeframe("1m"))
    assert d.bar("BARS", minute, 0, 0, four, four, (0.0, 0.0)) == 0
    assert d.bar("BIDS", minute, 0, 0, four, four, (0.0, 0.0), HAS_BID) == 0
    with pytest.raises(KindChanged, match="BARS: its bars are made of trades"):
        d.quote("BARS", 1, 1.0, 1.0)
    with pytest.raises(KindChanged, match="BIDS: its bars are made of quotes"):
        d.trade("BIDS", 1, 1.0)
    assert d.trade("BARS", 1, 1.0) == d.quote("BIDS", 1, 1.0, 1.0) == d.quote("OTHER", 1, 1.0, 1.0) == 0
    assert d.trade("OTHER", 1, 1.0) == 0


def test_unfinished_bar_decides_nothing() -> None:
    """It is not a bar yet: quotes may come first."""
    d = builder()
    d.one_kind, d.arrival_ns = True, 5
    four = (1.0, 2.0, 0.5, 1.5)
    assert d.bar("X", length_code(Timeframe("1m")), 0, 0, four, four, (0.0, 0.0)) == 0
    assert d.quote("X", 1, 1.0, 1.0) == 0


def test_tick_that_is_a_quote_and_a_trade_is_refused() -> None:
    d = builder()
    for tick in (Tick("X", 1, 1.0, None, price=1.0), Tick("X", 1, None, 1.0, price=1.0)):
        with pytest.raises(MalformedEvent, match="push two ticks"):
            d.tick(tick)
    assert (d.count, d.symbols.names) == (0, [])


def test_whole_numbers_are_prices_too() -> None:
    d = builder()
    assert d.tick(Tick("X", 1, 1, 2, 3, 4)) == 0
    assert d.tick(Tick("X", 1, price=1, size=2)) == 0
    other = builder()
    assert other.tick(Tick("X", 1, 1.0, 2.0, 3.0, 4.0)) == 0
    assert other.tick(Tick("X", 1, price=1.0, size=2.0)) == 0
    assert d.take(1) == other.take(1)


def test_negative_zero_keeps_its_sign() -> None:
    """Canonical bytes are the bits that came in."""
    d = builder()
    assert d.tick(Tick("X", 1, -0.0, 1.0)) == 0
    assert d.take(1).rows[16:24].hex() == "0000000000000080"


def test_refused_rows_are_counted_and_kept_aside_up_to_a_bound() -> None:
    """A file of nothing but rubbish must fill neither memory nor disk."""
    aside: list[tuple[str, int, str, str]] = []
    d = BlockBuilder(SymbolTable(), aside=lambda *row: aside.append(row))
    for line in range(1, ASIDE_MAX + 3):
        d.refuse("ticks.csv", line, "a price is missing", "x" * 600)
    assert d.malformed == ASIDE_MAX + 2
    assert len(aside) == ASIDE_MAX == 10_000
    assert aside[0] == ("ticks.csv", 1, "a price is missing", "x" * 500)
    assert aside[-1][1] == ASIDE_MAX


def test_strict_builder_raises_at_the_first_malformed_row_with_its_place() -> None:
    d = BlockBuilder(SymbolTable(), strict=True)
    with pytest.raises(SourceError, match=r"ticks\.csv:7: a price is missing: 'abc'") as caught:
        d.refuse("ticks.csv", 7, "a price is missing", "abc")
    assert (caught.value.path, caught.value.line, d.malformed) == ("ticks.csv", 7, 1)


def test_symbols_keep_their_numbers_from_one_block_to_the_next() -> None:
    d = builder()
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
