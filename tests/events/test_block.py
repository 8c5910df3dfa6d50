"""Blocks: canonical bytes that may be cut anywhere, and that nothing from outside can get past."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.errors import CorruptLog
from mtf.events.block import (
    BAR_HEAD_BYTES,
    BLOCK_EVENTS_MAX,
    CLOCK,
    FROM_BAR,
    HAS_ASK,
    HAS_BID,
    HAS_ID,
    JOINS,
    LIVE,
    NEW_SYMBOL,
    ORDERED,
    QUOTE,
    RECEIVED,
    ROW_BYTES,
    TRADE,
    Block,
    Renumbering,
    SymbolTable,
    canonical,
    check_rows,
    cut,
    heap_length,
    heap_text,
    received_at,
    tick_at,
)
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from mtf.units import TS_MAX_NS, TS_MIN_NS
from tests.builders import BarRow, Clock, Event, Input, Sent, blocks, tick_bits
from tests.streams import mixed_streams, streams

ROW = struct.Struct("<qiBBHdddd")


def row(
    ts_ns: int = 1,
    symbol: int = 0,
    kind: int = QUOTE,
    flags: int = HAS_BID | HAS_ASK | NEW_SYMBOL,
    detail: int = 0,
    first: float = 1.5,
    second: float = 1.75,
    third: float = 0.0,
    fourth: float = 0.0,
) -> bytes:
    return ROW.pack(ts_ns, symbol, kind, flags, detail, first, second, third, fourth)


def bar_head(start_ns: int = 0) -> bytes:
    return struct.pack("<qQdddd", start_ns, 7, 1.0, 2.0, 0.0, 0.0)


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
        ts_ns, number, kind, flags, detail, *_ = ROW.unpack_from(block.rows, i * ROW_BYTES)
        id = received_ns = None
        if flags & NEW_SYMBOL:
            names.append(heap_text(block.heap, at))
            at += 2 + heap_length(block.heap, at)
        if flags & HAS_ID:
            id = heap_text(block.heap, at)
            at += 2 + heap_length(block.heap, at)
        if flags & FROM_BAR and detail & 0x7FF8 and not detail & 3:
            at += BAR_HEAD_BYTES
        if flags & RECEIVED:
            at += 8
            received_ns = received_at(block.heap, at)
        if kind == CLOCK:
            made.append(Clock(ts_ns, detail))
        else:
            made.append(tick_at(block.rows, i, names[number], id, received_ns=received_ns))
    assert at == len(block.heap)
    return made


def bits_of(stream: Iterable[Event]) -> list[object]:
    return [event if isinstance(event, Clock) else tick_bits(event) for event in stream]


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
    assert bits_of(events_of(block)) == bits_of(stream)


@given(stream=mixed_streams(), data=st.data())
@settings(max_examples=40)
def test_cutting_anywhere_gives_the_same_bytes(stream: list[Input], data: st.DataObject) -> None:
    """Block boundaries are nowhere in the digest because rows and heap are plain concatenations."""
    (whole,) = blocks(stream)
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
    inner = [event.event if isinstance(event, Sent) else event for event in stream]
    assert symbols.names == list(dict.fromkeys(event.symbol for event in inner if not isinstance(event, Clock)))


@given(stream=mixed_streams(), size=st.sampled_from((1, 3, 1024)))
@settings(max_examples=40)
def test_how_events_came_is_not_in_their_canonical_bytes(stream: list[Input], size: int) -> None:
    """The same events, live or read from a file, with their times of arrival or without, are one digest."""
    plain: list[Input] = [
        Sent(event.event, ordered=event.ordered) if isinstance(event, Sent) else event for event in stream
    ]
    timed: list[Input] = [
        Sent(_received(event.event), event.ordered, event.live) if isinstance(event, Sent) else event
        for event in stream
    ]
    (expected,) = blocks(plain)
    assert canonical(expected) == expected
    for which in (stream, timed):
        made = [canonical(block) for block in blocks(which, size=size)]
        assert b"".join(block.rows for block in made) == expected.rows
        assert b"".join(block.heap for block in made) == expected.heap


def _received(event: Tick | BarRow) -> Tick | BarRow:
    if isinstance(event, BarRow):
        return event
    return Tick(
        *(event.symbol, event.ts_ns, event.bid, event.ask, event.bid_size, event.ask_size),
        price=event.price,
        size=event.size,
        id=event.id,
        received_ns=event.ts_ns + 5,
    )


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


BAR = HAS_BID | FROM_BAR | NEW_SYMBOL
MINUTE = 1 << 3 | 1 << 6  # as the detail has the length of a bar

DAMAGED = {
    "detail without a bar": (row(detail=MINUTE), entry("X")),
    "place without a length": (row(flags=BAR, detail=1), entry("X")),
    "joining without a run": (row(symbol=0, flags=HAS_BID | NEW_SYMBOL, detail=JOINS), entry("X")),
    "time before 1678": (row(ts_ns=TS_MIN_NS - 1), entry("X")),
    "unknown kind": (row(kind=3), entry("X")),
    "first symbol that joins": (row(flags=HAS_BID | NEW_SYMBOL | ORDERED, detail=JOINS), entry("X")),
    "no bar head": (row(flags=BAR, detail=MINUTE), entry("X")),
    "bar head cut off": (row(flags=BAR, detail=MINUTE), entry("X") + bar_head()[:-1]),
    "bar head of a later event": (row(flags=BAR, detail=MINUTE | 1), entry("X") + bar_head()),
    "bar that begins before time": (row(flags=BAR, detail=MINUTE), entry("X") + bar_head(TS_MIN_NS - 1)),
    "arrival cut off": (row(flags=HAS_BID | NEW_SYMBOL | RECEIVED), entry("X") + bytes(7)),
    "arrival after time": (
        row(flags=HAS_BID | NEW_SYMBOL | RECEIVED),
        entry("X") + struct.pack("<q", TS_MAX_NS + 1),
    ),
    "unknown maker": (row(symbol=-1, kind=CLOCK, flags=0, detail=4), b""),
    "end of an import without a symbol": (row(symbol=-1, kind=CLOCK, flags=0, detail=3), b""),
    "since when a user was down": (row(symbol=-1, kind=CLOCK, flags=0, first=5e-324), b""),
    "live clock event": (row(symbol=-1, kind=CLOCK, flags=LIVE, first=0.0, second=0.0), b""),
    "quote without a side": (row(flags=NEW_SYMBOL), entry("X")),
    "trade with a side": (row(kind=TRADE, flags=HAS_BID | NEW_SYMBOL), entry("X")),
    "symbol that nobody knows": (row(symbol=0, flags=HAS_BID), b""),
    "symbol below zero": (row(symbol=-1), entry("X")),
    "hole in the numbers": (row(symbol=1), entry("X")),
    "clock event with a symbol": (row(symbol=0, kind=CLOCK, flags=0, first=0.0), b""),
    "clock event with a flag": (row(symbol=-1, kind=CLOCK, flags=FROM_BAR, first=0.0), b""),
    "trade at NaN": (row(kind=TRADE, flags=NEW_SYMBOL, first=float("nan")), entry("X")),
    "quote without a number": (row(first=float("nan"), second=float("nan")), entry("X")),
    "bid alone and NaN": (row(flags=HAS_BID | NEW_SYMBOL, first=float("nan")), entry("X")),
    "infinity": (row(fourth=float("-inf")), entry("X")),
    "name cut off": (row(), entry("XYZ")[:-1]),
    "name missing": (row(), b""),
    "length cut off": (row(), b"\x01"),
    "id missing": (row(flags=HAS_BID | NEW_SYMBOL | HAS_ID), entry("X")),
    "heap too long": (row(), entry("X") + b"\x00"),
    "name without a row": (row(symbol=-1, kind=CLOCK, flags=0, first=0.0), entry("X")),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_block_that_no_builder_has_written_is_refused(what: str) -> None:
    """The cores index by what stands in a row and trust it: the check is the only guard between them and a file."""
    rows, heap = DAMAGED[what]
    with pytest.raises(CorruptLog) as caught:
        check_rows(Block(41, 1, rows, heap), 0)
    assert caught.value.seq == 41


def test_block_that_a_builder_has_written_passes() -> None:
    """The same rows, undamaged: the tests above fail for the right reason."""
    check_rows(Block(41, 1, row(), entry("X")), 0)
    check_rows(Block(41, 1, row(first=float("nan")), entry("X")), 0)
    check_rows(Block(41, 1, row(kind=TRADE, flags=NEW_SYMBOL, first=float("inf")), entry("X")), 0)
    check_rows(Block(41, 1, row(flags=BAR, detail=MINUTE), entry("X") + bar_head()), 0)
    check_rows(Block(41, 1, row(flags=BAR, detail=MINUTE | 1), entry("X")), 0)
    check_rows(Block(41, 1, row(flags=HAS_BID | NEW_SYMBOL | RECEIVED | LIVE), entry("X") + bytes(8)), 0)
    check_rows(Block(41, 1, row(symbol=1, flags=HAS_BID | NEW_SYMBOL | ORDERED, detail=JOINS), entry("X")), 1)
    for maker in (0, 1, 2):
        check_rows(Block(41, 1, row(symbol=-1, kind=CLOCK, flags=0, detail=maker, first=0.0), b""), 0)
    check_rows(Block(41, 1, row(symbol=-1, kind=CLOCK, flags=HAS_ID, detail=2, first=5e-324), entry("line down")), 0)
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
    with pytest.raises(CorruptLog, match="has number 0, but 1 symbols are known"):
        symbols.learn(Block(1, 1, row(symbol=0), entry("B")))
    with pytest.raises(CorruptLog, match="'A'"):
        symbols.learn(Block(1, 1, row(symbol=1), entry("A")))
    symbols.learn(Block(1, 1, row(symbol=1), entry("B")))
    assert (symbols.names, symbols.find("B"), symbols.find("C"), len(symbols)) == (["A", "B"], 1, -1, 2)
    with pytest.raises(AssertionError):
        symbols.add("A")


def test_copy_hands_a_stretch_of_another_log_to_a_builder() -> None:
    """Symbols are numbered by their first appearance at this block builder."""
    stream: list[Event] = [
        Tick("A", 1, 1.0, 1.0, id="1"),
        Tick("B", 2, 2.0, None, id="2", received_ns=9),
        Clock(3),
        Tick("A", 4, price=4.0, size=5.0),
        Tick("C", 5, 1.0, 1.0),
    ]
    block = taken(*stream)
    builder = BlockBuilder(SymbolTable())
    builder.copy(block, ["A", "B", "C"], 1, 4)
    assert events_of(builder.take(1)) == stream[1:4]
    assert builder.symbols.names == ["B", "A"]


def test_copy_refuses_what_lies_ahead_of_its_arrival_and_marks_what_is_live() -> None:
    """A row of a known symbol is judged as one of a new symbol is."""
    block = taken(Tick("A", 1, 1.0, 1.0), Tick("A", 2, 2.0, 2.0), Tick("A", 3, 3.0, 3.0), Tick("A", 4, 4.0, 4.0))
    builder = BlockBuilder(SymbolTable(["B", "A"]))
    builder.live_from_ns, builder.limit_ns, builder.ordered = 2, 3, True
    builder.copy(block, ["A"], 0, 4)
    copied = builder.take(1)
    assert (copied.count, builder.malformed) == (3, 1)
    flags = [copied.rows[i * ROW_BYTES + 13] & (LIVE | ORDERED) for i in range(3)]
    assert flags == [ORDERED, LIVE | ORDERED, LIVE | ORDERED]
    assert [copied.symbol_at(i) for i in range(3)] == [1, 1, 1]


def test_numbers_of_another_table_are_those_of_the_same_names_here() -> None:
    """The other table may grow, and a name that is not known here yet may become so."""
    here = SymbolTable(["C", "A"])
    there = ["A", "B"]
    numbers = Renumbering(here, there)
    assert [numbers.find(0), numbers.find(1)] == [1, -1]
    here.add("B")
    there.extend(f"S{number}" for number in range(40))
    here.add("S39")
    assert [numbers.find(0), numbers.find(1), numbers.find(41), numbers.find(40)] == [1, 2, 3, -1]


@given(stream=mixed_streams(), size=st.sampled_from((1, 3, 1024)))
@settings(max_examples=40)
def test_copying_a_whole_log_gives_its_bytes(stream: list[Input], size: int) -> None:
    """Bars with their heads, runs in order of time, live bits, makers of clock events: nothing is lost on the way."""
    builder = BlockBuilder(SymbolTable())
    names: list[str] = []
    made = blocks(stream, size=size)
    for block in made:
        learnt = SymbolTable(names)
        learnt.learn(block)
        names = learnt.names
        builder.copy(block, names, 0, block.count)
    assert builder.malformed == 0
    copied = builder.take(1)
    assert copied.rows == b"".join(block.rows for block in made)
    assert copied.heap == b"".join(block.heap for block in made)


def test_most_events_of_a_block() -> None:
    assert BLOCK_EVENTS_MAX == 65_536
    assert ROW.size == ROW_BYTES == 48
