"""Blocks: canonical bytes that may be cut anywhere, and that nothing from outside can get past."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.errors import CorruptLog
from mtf.events.block import (
    BLOCK_EVENTS_MAX,
    CLOCK,
    FROM_BAR,
    HAS_ASK,
    HAS_BID,
    HAS_ID,
    NEW_SYMBOL,
    QUOTE,
    ROW_BYTES,
    TRADE,
    Block,
    SymbolTable,
    check_rows,
    cut,
    heap_length,
    heap_text,
    tick_at,
)
from mtf.events.door import Door
from mtf.events.tick import Tick
from tests.builders import Clock, Event, blocks, streams

ROW = struct.Struct("<qiBBHdddd")


def row(
    ts_ns: int = 1,
    symbol: int = 0,
    kind: int = QUOTE,
    flags: int = HAS_BID | HAS_ASK | NEW_SYMBOL,
    zero: int = 0,
    first: float = 1.5,
    second: float = 1.75,
    third: float = 0.0,
    fourth: float = 0.0,
) -> bytes:
    return ROW.pack(ts_ns, symbol, kind, flags, zero, first, second, third, fourth)


def entry(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<H", len(encoded)) + encoded


def taken(*stream: Event) -> Block:
    return blocks(stream)[0]


def events_of(block: Block) -> list[Event]:
    """Read *block* back the slow way."""
    names: list[str] = []
    made: list[Event] = []
    at = 0
    for i in range(block.count):
        ts_ns, number, kind, flags, *_ = ROW.unpack_from(block.rows, i * ROW_BYTES)
        if kind == CLOCK:
            made.append(Clock(ts_ns))
            continue
        id = None
        if flags & NEW_SYMBOL:
            names.append(heap_text(block.heap, at))
            at += 2 + heap_length(block.heap, at)
        if flags & HAS_ID:
            id = heap_text(block.heap, at)
            at += 2 + heap_length(block.heap, at)
        made.append(tick_at(block.rows, i, names[number], id))
    assert at == len(block.heap)
    return made


def test_quote_is_written_as_documented() -> None:
    """The bytes are on disks and in digests: a literal holds them."""
    block = taken(Tick("EURUSD", 1_709_719_200_000_000_000, 1.5, 1.75, 2.0, 0.25, id="t1"))
    assert block.rows.hex() == (
        "0040aacd8d24ba17"  # ts_ns
        "00000000"  # symbol 0
        "011b0000"  # quote; bid, ask, new symbol, id
        "000000000000f83f"  # 1.5
        "000000000000fc3f"  # 1.75
        "0000000000000040"  # 2.0
        "000000000000d03f"  # 0.25
    )
    assert block.heap == b"\x06\x00EURUSD\x02\x00t1"
    assert (block.first_seq, block.count, block.last_seq) == (1, 1, 1)


def test_trade_one_sided_quote_and_clock_event_are_written_as_documented() -> None:
    block = taken(
        Tick("X", 5, price=2.5, size=3.0, from_bar=True),
        Tick("X", 6, None, 1.25, 9.0, 4.0),
        Tick("Y", 7, 1.0),
        Clock(8),
    )
    assert [ROW.unpack_from(block.rows, i * ROW_BYTES) for i in range(4)] == [
        (5, 0, TRADE, FROM_BAR | NEW_SYMBOL, 0, 2.5, 3.0, 0.0, 0.0),
        (6, 0, QUOTE, HAS_ASK, 0, 0.0, 1.25, 0.0, 4.0),  # the size of a side that is not there is nothing
        (7, 1, QUOTE, HAS_BID | NEW_SYMBOL, 0, 1.0, 0.0, 0.0, 0.0),
        (8, -1, CLOCK, 0, 0, 0.0, 0.0, 0.0, 0.0),
    ]
    assert block.heap == b"\x01\x00X\x01\x00Y"
    assert [block.symbol_at(i) for i in range(4)] == [0, 0, 1, -1]


@given(stream=streams(events_max=30))
@settings(max_examples=40)
def test_what_goes_in_comes_out(stream: list[Event]) -> None:
    block = taken(*stream)
    check_rows(block, 0)
    assert events_of(block) == stream


@given(stream=streams(events_max=30), data=st.data())
@settings(max_examples=40)
def test_cutting_anywhere_gives_the_same_bytes(stream: list[Event], data: st.DataObject) -> None:
    """Block boundaries are nowhere in the digest because rows and heap are plain concatenations."""
    whole = taken(*stream)
    if whole.count == 1:
        return
    at = data.draw(st.integers(1, whole.count - 1))
    left, right = cut(whole, at)
    assert (left.first_seq, left.count, right.first_seq, right.count) == (1, at, at + 1, whole.count - at)
    assert (left.rows + right.rows, left.heap + right.heap) == (whole.rows, whole.heap)
    symbols = SymbolTable()
    for part in (left, right):
        check_rows(part, len(symbols))
        symbols.learn(part)
    assert symbols.names == list(dict.fromkeys(event.symbol for event in stream if isinstance(event, Tick)))


def test_names_of_any_alphabet_are_kept() -> None:
    stream: list[Event] = [Tick("日経225", 1, 1.0, 1.0, id="ü€"), Tick("x" * 255, 2, 1.0, 1.0, id="i" * 255)]
    assert events_of(taken(*stream)) == stream


def test_first_after_finds_the_first_row_that_is_stamped_later() -> None:
    block = taken(*(Tick("X", ts_ns, 1.0, 1.0) for ts_ns in (5, 7, 7, 3, 9)))
    assert {ts_ns: block.first_after(ts_ns) for ts_ns in (0, 5, 6, 7, 8, 9)} == {0: 0, 5: 1, 6: 1, 7: 4, 8: 4, 9: -1}


def test_blocks_compare_by_their_bytes() -> None:
    block = taken(Tick("X", 1, 1.0, 1.0))
    assert block == taken(Tick("X", 1, 1.0, 1.0))
    assert hash(block) == hash(taken(Tick("X", 1, 1.0, 1.0)))
    assert block != taken(Tick("X", 2, 1.0, 1.0))
    assert block != taken(Tick("Y", 1, 1.0, 1.0))
    assert block != Block(2, 1, block.rows, block.heap)
    assert block != "block"
    assert repr(block) == "Block(seq 1..1)"


def test_rows_are_whole_records() -> None:
    with pytest.raises(AssertionError):
        Block(1, 1, row()[:-1], b"")


DAMAGED = {
    "padding": (row(zero=1), entry("X")),
    "unknown kind": (row(kind=3), entry("X")),
    "unknown flag": (row(flags=HAS_BID | NEW_SYMBOL | 32), entry("X")),
    "quote without a side": (row(flags=NEW_SYMBOL), entry("X")),
    "trade with a side": (row(kind=TRADE, flags=HAS_BID | NEW_SYMBOL), entry("X")),
    "symbol that nobody knows": (row(symbol=0, flags=HAS_BID), b""),
    "symbol below zero": (row(symbol=-1), entry("X")),
    "hole in the numbers": (row(symbol=1), entry("X")),
    "clock event with a symbol": (row(symbol=0, kind=CLOCK, flags=0), b""),
    "clock event with a flag": (row(symbol=-1, kind=CLOCK, flags=FROM_BAR), b""),
    "NaN": (row(first=float("nan")), entry("X")),
    "infinity": (row(fourth=float("-inf")), entry("X")),
    "name cut off": (row(), entry("XYZ")[:-1]),
    "name missing": (row(), b""),
    "length cut off": (row(), b"\x01"),
    "id missing": (row(flags=HAS_BID | NEW_SYMBOL | HAS_ID), entry("X")),
    "heap too long": (row(), entry("X") + b"\x00"),
    "name without a row": (row(symbol=-1, kind=CLOCK, flags=0), entry("X")),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_block_that_no_door_has_written_is_refused(what: str) -> None:
    """The cores index by what stands in a row and trust it: the check is the only guard between them and a file."""
    rows, heap = DAMAGED[what]
    with pytest.raises(CorruptLog) as caught:
        check_rows(Block(41, 1, rows, heap), 0)
    assert caught.value.seq == 41


def test_block_that_a_door_has_written_passes() -> None:
    """The same rows, undamaged: the tests above fail for the right reason."""
    check_rows(Block(41, 1, row(), entry("X")), 0)
    check_rows(Block(41, 1, row(symbol=6, flags=HAS_BID), b""), 7)
    with pytest.raises(CorruptLog):
        check_rows(Block(41, 1, row(symbol=7, flags=HAS_BID), b""), 7)


def test_check_names_the_first_bad_seq() -> None:
    rows = row() + row(flags=HAS_BID) + row(flags=HAS_BID, first=float("nan")) + row(symbol=9)
    with pytest.raises(CorruptLog) as caught:
        check_rows(Block(100, 4, rows, entry("X")), 0)
    assert caught.value.seq == 102


def test_symbol_table_learns_names_once_in_order() -> None:
    symbols = SymbolTable(["A"])
    with pytest.raises(CorruptLog, match="has number 0, where 1 symbols are known"):
        symbols.learn(Block(1, 1, row(symbol=0), entry("B")))
    with pytest.raises(CorruptLog, match="'A'"):
        symbols.learn(Block(1, 1, row(symbol=1), entry("A")))
    symbols.learn(Block(1, 1, row(symbol=1), entry("B")))
    assert (symbols.names, symbols.find("B"), symbols.find("C"), len(symbols)) == (["A", "B"], 1, -1, 2)
    with pytest.raises(AssertionError):
        symbols.add("A")


def test_copy_hands_a_stretch_of_another_log_to_a_door() -> None:
    """Symbols are numbered anew, by appearance at this door."""
    stream: list[Event] = [
        Tick("A", 1, 1.0, 1.0, id="1"),
        Tick("B", 2, 2.0, None, id="2"),
        Clock(3),
        Tick("A", 4, price=4.0, size=5.0),
        Tick("C", 5, 1.0, 1.0),
    ]
    block = taken(*stream)
    door = Door(SymbolTable())
    door.copy(block, ["A", "B", "C"], 1, 4)
    assert events_of(door.take(1)) == stream[1:4]
    assert door.symbols.names == ["B", "A"]


def test_most_events_of_a_block() -> None:
    assert BLOCK_EVENTS_MAX == 65_536
    assert ROW.size == ROW_BYTES == 48
