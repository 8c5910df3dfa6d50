"""The block: a run of consecutive events in bytes, as queues carry it, the log frames it and the cores read it.

A block is `rows` (fixed records of `ROW_BYTES`, little-endian) and `heap` (what has no fixed length: the name of each
symbol at its first row, and tick ids, in row order). Both are plain concatenations, so that cutting a stream into
blocks anywhere gives the same bytes: these are the canonical bytes that the digest is made of.

    offset  type  field
    0       i64   ts_ns       event time, nanoseconds UTC
    8       i32   symbol      number by order of appearance, 0, 1, 2 ...; -1 for a clock event
    12      u8    kind        CLOCK, QUOTE or TRADE
    13      u8    flags       HAS_BID, HAS_ASK, FROM_BAR, NEW_SYMBOL, HAS_ID
    14      u16   (zero)
    16      f64   bid         or the price of a trade
    24      f64   ask         or the size of a trade
    32      f64   bid_size
    40      f64   ask_size

In the heap, for each row in turn: where NEW_SYMBOL, u16 length and the UTF-8 name; where HAS_ID, u16 length and the id.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_f64_le, read_i16_le, read_i32_le, read_i64_le
from mypy_extensions import i32, i64, mypyc_attr

from mtf.errors import CorruptLog
from mtf.events.tick import Tick

__all__ = [
    "BLOCK_EVENTS_MAX",
    "CLOCK",
    "FROM_BAR",
    "HAS_ASK",
    "HAS_BID",
    "HAS_ID",
    "NEW_SYMBOL",
    "QUOTE",
    "ROW_BYTES",
    "TRADE",
    "Block",
    "SymbolTable",
    "check_rows",
    "cut",
    "heap_length",
    "heap_text",
    "tick_at",
]

ROW_BYTES: Final = 48
BLOCK_EVENTS_MAX: Final = 65_536

CLOCK: Final = 0
QUOTE: Final = 1
TRADE: Final = 2

HAS_BID: Final = 1
HAS_ASK: Final = 2
FROM_BAR: Final = 4
NEW_SYMBOL: Final = 8
HAS_ID: Final = 16

NAME_BYTES_MAX: Final = 255
ID_BYTES_MAX: Final = 255


@mypyc_attr(native_class=True)
class Block:
    """*count* consecutive events, the first of which is *first_seq*; immutable."""

    __slots__ = ("count", "first_seq", "heap", "rows")

    def __init__(self, first_seq: i64, count: i64, rows: bytes, heap: bytes) -> None:
        assert len(rows) == count * ROW_BYTES, "rows are not whole records"
        self.first_seq: Final[i64] = first_seq
        self.count: Final[i64] = count
        self.rows: Final = rows
        self.heap: Final = heap

    @property
    def last_seq(self) -> int:
        return self.first_seq + self.count - 1

    def symbol_at(self, i: i64) -> i64:
        """Return the number of row *i*'s symbol; -1 for a clock event."""
        return i64(read_i32_le(self.rows, i * ROW_BYTES + 8))

    def first_after(self, ts_ns: i64) -> i64:
        """Return the first row that is stamped after *ts_ns*; -1 where none is."""
        for i in range(self.count):
            if read_i64_le(self.rows, i * ROW_BYTES) > ts_ns:
                return i
        return -1

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Block)
            and self.first_seq == other.first_seq
            and self.rows == other.rows
            and self.heap == other.heap
        )

    def __hash__(self) -> int:
        return hash((self.first_seq, self.rows))

    def __repr__(self) -> str:
        return f"Block(seq {self.first_seq}..{self.last_seq})"


@mypyc_attr(native_class=True)
class SymbolTable:
    """Numbers of symbols by order of appearance in the log; only ever grows."""

    __slots__ = ("_numbers", "names")

    def __init__(self, names: list[str] | None = None) -> None:
        self.names: Final[list[str]] = list(names) if names else []  # by number
        self._numbers: Final[dict[str, int]] = {name: number for number, name in enumerate(self.names)}

    def find(self, name: str) -> i64:
        """Return the number of *name*, or -1."""
        found = self._numbers.get(name)
        return -1 if found is None else found

    def add(self, name: str) -> i64:
        """Give *name* the next number and return it."""
        assert name not in self._numbers, "a symbol appears for the first time once"
        number = len(self.names)
        self.names.append(name)
        self._numbers[name] = number
        return number

    def learn(self, block: Block) -> None:
        """Add the symbols that appear for the first time in *block*; CorruptLog where their order has a hole."""
        if not block.heap:
            return
        rows, heap = block.rows, block.heap
        at: i64 = 0
        for i in range(block.count):
            flags = read_i32_le(rows, i * ROW_BYTES + 12) >> 8
            if flags & NEW_SYMBOL:
                number: i64 = i64(read_i32_le(rows, i * ROW_BYTES + 8))
                name = heap_text(heap, at)
                at += 2 + heap_length(heap, at)
                if number != len(self.names) or name in self._numbers:
                    raise CorruptLog(
                        f"seq {block.first_seq + i}: symbol {name!r} has number {number}, "
                        f"where {len(self.names)} symbols are known",
                        seq=block.first_seq + i,
                    )
                self.add(name)
            if flags & HAS_ID:
                at += 2 + heap_length(heap, at)

    def __len__(self) -> int:
        return len(self.names)


def cut(block: Block, count: i64) -> tuple[Block, Block]:
    """Return the first *count* events of *block* and the rest, as two blocks; `0 < count < block.count`."""
    assert 0 < count < block.count, "both parts hold events"
    rows, heap = block.rows, block.heap
    at: i64 = 0
    if heap:
        for i in range(count):
            flags = read_i32_le(rows, i * ROW_BYTES + 12) >> 8
            if flags & NEW_SYMBOL:
                at += 2 + heap_length(heap, at)
            if flags & HAS_ID:
                at += 2 + heap_length(heap, at)
    middle = count * ROW_BYTES
    return (
        Block(block.first_seq, count, rows[:middle], heap[:at]),
        Block(block.first_seq + count, block.count - count, rows[middle:], heap[at:]),
    )


def heap_length(heap: bytes, at: i64) -> i64:
    """Return the length of the entry of *heap* at *at*, its two length bytes not counted."""
    return i64(read_i16_le(heap, at)) & 0xFFFF


def heap_text(heap: bytes, at: i64) -> str:
    """Return the entry of *heap* at *at* as text."""
    return heap[at + 2 : at + 2 + heap_length(heap, at)].decode()


def check_rows(block: Block, symbols: i64) -> None:
    """Raise CorruptLog unless *block* is one that the door could have written, with *symbols* known before it.

    For blocks from outside (a log): the cores index by what stands in a row and trust it.
    """
    rows, heap = block.rows, block.heap
    at: i64 = 0
    known = symbols
    end: i64 = len(heap)
    for i in range(block.count):
        base: i64 = i * ROW_BYTES
        symbol: i64 = i64(read_i32_le(rows, base + 8))
        tag: i64 = i64(read_i32_le(rows, base + 12))
        kind = tag & 0xFF
        flags = (tag >> 8) & 0xFF
        good = tag >> 16 == 0 and kind <= TRADE and flags < 32
        if kind == CLOCK:
            good = good and symbol == -1 and flags == 0
        else:
            if flags & NEW_SYMBOL:
                good = good and symbol == known
                known += 1
            good = good and 0 <= symbol < known
            if kind == QUOTE:
                good = good and flags & (HAS_BID | HAS_ASK) != 0
            else:
                good = good and flags & (HAS_BID | HAS_ASK) == 0
        entries: i64 = 0
        if flags & NEW_SYMBOL:
            entries += 1
        if flags & HAS_ID:
            entries += 1
        while entries and good:
            good = at + 2 <= end and at + 2 + heap_length(heap, at) <= end
            if good:
                at += 2 + heap_length(heap, at)
            entries -= 1
        for field in range(4):
            value = read_f64_le(rows, base + 16 + field * 8)
            good = good and value - value == 0.0
        if not good:
            seq = block.first_seq + i
            raise CorruptLog(f"seq {seq} is no event that mtf writes: restore the log from a copy", seq=seq)
    if at != end:
        raise CorruptLog(f"the block at seq {block.first_seq} has {end - at} bytes too many", seq=block.first_seq)


def tick_at(rows: bytes, i: i64, symbol: str, id: str | None = None) -> Tick:
    """Return row *i* as the tick that was handed in."""
    base: i64 = i * ROW_BYTES
    tag: i32 = read_i32_le(rows, base + 12)
    flags = tag >> 8
    ts_ns = read_i64_le(rows, base)
    first = read_f64_le(rows, base + 16)
    second = read_f64_le(rows, base + 24)
    from_bar = (flags & FROM_BAR) != 0
    if tag & 0xFF == TRADE:
        return Tick(symbol, ts_ns, price=first, size=second, id=id, from_bar=from_bar)
    return Tick(
        symbol,
        ts_ns,
        first if flags & HAS_BID else None,
        second if flags & HAS_ASK else None,
        read_f64_le(rows, base + 32),
        read_f64_le(rows, base + 40),
        id=id,
        from_bar=from_bar,
    )
