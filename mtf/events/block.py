"""The block: a run of consecutive events in bytes, as queues carry it, the log frames it and the cores read it.

A block is `rows` (fixed records of `ROW_BYTES`, little-endian) and `heap` (what has no fixed length: the name of each
symbol at its first row, and tick ids, in row order). Both are plain concatenations, so that cutting a stream into
blocks anywhere gives the same bytes: these are the canonical bytes that the digest is made of.

    offset  type  field
    0       i64   ts_ns       event time, nanoseconds UTC
    8       i32   symbol      number by order of appearance, 0, 1, 2 ...; -1 for a clock event
    12      u8    kind        CLOCK, QUOTE or TRADE
    13      u8    flags       HAS_BID, HAS_ASK, FROM_BAR, NEW_SYMBOL, HAS_ID, LIVE, RECEIVED, ORDERED
    14      u16   detail      of a bar's event its place in the bar and the bar's length (`mtf.events.bar_rows`); of a
                              clock event who made it: BY_USER, BY_TIMER, BY_FEED
    16      f64   bid         or the price of a trade; of a clock event BY_FEED the i64 instant that the span begins at
    24      f64   ask         or the size of a trade
    32      f64   bid_size
    40      f64   ask_size

In the heap, for each row in turn: if NEW_SYMBOL, u16 length and the UTF-8 name; if HAS_ID, u16 length and the id (of a
clock event: its reason); for the first event of a bar `BAR_HEAD_BYTES` about the whole bar; if RECEIVED, the i64
instant at which the event arrived.

This is version 2 of the events. In version 1 the detail was 0, and LIVE, RECEIVED and ORDERED did not exist: every
event of version 1 is one of version 2, with one difference in meaning: a FROM_BAR event without a detail is judged by
itself. LIVE and the time of arrival are not part of an event's canonical bytes (`canonical`).
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_f64_le, read_i16_le, read_i32_le, read_i64_le, write_i32_le
from librt.vecs import vec
from mypy_extensions import i32, i64, mypyc_attr

from mtf.errors import CorruptLog
from mtf.events.bar_rows import PLACE
from mtf.events.tick import Tick
from mtf.units import TS_MAX_NS, TS_MIN_NS

__all__ = [
    "BAR_HEAD_BYTES",
    "BAR_LENGTH",
    "BLOCK_EVENTS_MAX",
    "BOTH_SIDES",
    "BY_FEED",
    "BY_TIMER",
    "BY_USER",
    "CLOCK",
    "FROM_BAR",
    "HAS_ASK",
    "HAS_BID",
    "HAS_ID",
    "JOINS",
    "LIVE",
    "NEW_SYMBOL",
    "ORDERED",
    "QUOTE",
    "RECEIVED",
    "ROW_BYTES",
    "TIME_BYTES",
    "TRADE",
    "Block",
    "Renumbering",
    "SymbolTable",
    "canonical",
    "check_rows",
    "cut",
    "has_bar_head",
    "heap_after",
    "heap_length",
    "heap_text",
    "id_at",
    "is_of_bar",
    "received_at",
    "tick_at",
]

ROW_BYTES: Final = 48
BLOCK_EVENTS_MAX: Final = 65_536

CLOCK: Final = 0
QUOTE: Final = 1
TRADE: Final = 2

HAS_BID: Final = 1
HAS_ASK: Final = 2
BOTH_SIDES: Final = 3  # written out: mypyc knows the values of literals only
FROM_BAR: Final = 4
NEW_SYMBOL: Final = 8
HAS_ID: Final = 16
LIVE: Final = 32  # arrived within moments of its stamp: the wall clock may close its symbol's bars
RECEIVED: Final = 64  # the time of its arrival is in the heap
ORDERED: Final = 128  # of a run of finite sources in order of time: moves the clocks of all symbols of such runs

# In the detail of the first event of the log's second symbol: the first symbol, alone until then, takes part in the run
# in order of time as well. (While it is alone its events are not ORDERED: their bytes are those of pushed ones.)
JOINS: Final = 0x8000
BAR_LENGTH: Final = 0x7FF8  # the bits of the detail that hold a bar's length

# Who made a clock event.
BY_USER: Final = 0
BY_TIMER: Final = 1
BY_FEED: Final = 2  # "the feed was down from .. to ..": with a reason, and the instant from which on

# Of a bar, in the heap entry of its first event: i64 start, u64 key of its content, and for each of two sides (bid and
# ask, or the trades and 0.0) the least and the greatest price. So its first event alone decides what becomes of it.
BAR_HEAD_BYTES: Final = 48
TIME_BYTES: Final = 8

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
        """Return the first row that is stamped after *ts_ns*; -1 if none is."""
        for i in range(self.count):
            if read_i64_le(self.rows, i * ROW_BYTES) > ts_ns:
                return i
        return -1

    @property
    def observations(self) -> int:
        """How many events there are, the four of a bar counted as one."""
        found: i64 = 0
        for i in range(self.count):
            tag: i64 = i64(read_i32_le(self.rows, i * ROW_BYTES + 12))
            if not is_of_bar(tag) or has_bar_head(tag):
                found += 1
        return found

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
        """Add the symbols that appear for the first time in *block*; CorruptLog if their order has a hole."""
        if not block.heap:
            return
        rows, heap = block.rows, block.heap
        at: i64 = 0
        for i in range(block.count):
            tag: i64 = i64(read_i32_le(rows, i * ROW_BYTES + 12))
            if tag >> 8 & NEW_SYMBOL:
                number: i64 = i64(read_i32_le(rows, i * ROW_BYTES + 8))
                name = heap_text(heap, at)
                if number != len(self.names) or name in self._numbers:
                    raise CorruptLog(
                        f"seq {block.first_seq + i}: symbol {name!r} has number {number}, "
                        f"but {len(self.names)} symbols are known",
                        seq=block.first_seq + i,
                    )
                self.add(name)
            at = heap_after(heap, at, tag)

    def __len__(self) -> int:
        return len(self.names)


@mypyc_attr(native_class=True)
class Renumbering:
    """The numbers in *symbols* of what another table calls by its *names*; each name is looked up once."""

    __slots__ = ("_numbers", "_symbols", "names")

    def __init__(self, symbols: SymbolTable, names: list[str]) -> None:
        self.names: Final = names  # by number in the other table; may grow
        self._symbols: Final = symbols
        self._numbers = vec[i64]([-1] * 16)  # by number in the other table; -1: unknown so far

    def find(self, number: i64) -> i64:
        """Return the number of the symbol that has *number* in the other table; -1 if there is none yet."""
        while number >= len(self._numbers):
            self._grow()
        found = self._numbers[number]
        if found < 0:
            found = self._symbols.find(self.names[number])
            self._numbers[number] = found
        return found

    def _grow(self) -> None:
        size: i64 = len(self._numbers)
        numbers = vec[i64]([-1] * (2 * size))
        for number in range(size):
            numbers[number] = self._numbers[number]
        self._numbers = numbers


def cut(block: Block, count: i64) -> tuple[Block, Block]:
    """Return the first *count* events of *block* and the rest, as two blocks; `0 < count < block.count`."""
    assert 0 < count < block.count, "both parts hold events"
    rows, heap = block.rows, block.heap
    at: i64 = 0
    if heap:
        for i in range(count):
            at = heap_after(heap, at, i64(read_i32_le(rows, i * ROW_BYTES + 12)))
    middle = count * ROW_BYTES
    return (
        Block(block.first_seq, count, rows[:middle], heap[:at]),
        Block(block.first_seq + count, block.count - count, rows[middle:], heap[at:]),
    )


def heap_length(heap: bytes, at: i64) -> i64:
    """Return the length of the entry of *heap* at *at*, its two length bytes not counted."""
    return i64(read_i16_le(heap, at)) & 0xFFFF


def id_at(heap: bytes, at: i64, flags: i64) -> str:
    """Return the id of a row with these *flags*, whose entries in the heap begin at *at*."""
    if flags & NEW_SYMBOL:
        at += 2 + heap_length(heap, at)
    return heap_text(heap, at)


def heap_text(heap: bytes, at: i64) -> str:
    """Return the entry of *heap* at *at* as text."""
    return heap[at + 2 : at + 2 + heap_length(heap, at)].decode()


def heap_after(heap: bytes, at: i64, tag: i64) -> i64:
    """Return where the entries end that begin at *at* and belong to the row with this *tag* (its 4 bytes at 12)."""
    flags = tag >> 8
    if flags & NEW_SYMBOL:
        at += 2 + heap_length(heap, at)
    if flags & HAS_ID:
        at += 2 + heap_length(heap, at)
    if has_bar_head(tag):
        at += BAR_HEAD_BYTES
    if flags & RECEIVED:
        at += TIME_BYTES
    return at


def has_bar_head(tag: i64) -> bool:
    """Return whether the row with this *tag* is the first of a bar, with an entry about the whole bar in the heap."""
    return is_of_bar(tag) and tag >> 16 & PLACE == 0


def is_of_bar(tag: i64) -> bool:
    """Return whether the row with this *tag* is one of the four of a bar that has a verdict as a whole."""
    return tag >> 8 & FROM_BAR != 0 and tag >> 16 & BAR_LENGTH != 0


def received_at(heap: bytes, end: i64) -> i64:
    """Return when the RECEIVED event arrived whose heap entries end at *end*."""
    return read_i64_le(heap, end - TIME_BYTES)


def canonical(block: Block) -> Block:
    """Return *block* without what says how its events arrived: LIVE, RECEIVED, and the times of arrival."""
    rows, heap = block.rows, block.heap
    out = BytesWriter()
    kept = BytesWriter()
    at: i64 = 0
    for i in range(block.count):
        base: i64 = i * ROW_BYTES
        tag: i64 = i64(read_i32_le(rows, base + 12))
        if heap:
            end = heap_after(heap, at, tag)
            kept.write(heap[at : end - TIME_BYTES if tag >> 8 & RECEIVED else end])
            at = end
        out.write(rows[base : base + 12])
        write_i32_le(out, i32(tag & ~((LIVE | RECEIVED) << 8)))
        out.write(rows[base + 16 : base + ROW_BYTES])
    return Block(block.first_seq, block.count, out.getvalue(), kept.getvalue())


def check_rows(block: Block, symbols: i64) -> None:
    """Raise CorruptLog unless *block* is one that the block builder could have written, with *symbols* known before it.

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
        detail = (tag >> 16) & 0xFFFF
        good = kind <= TRADE
        if kind == CLOCK:
            good = good and symbol == -1 and flags & ~(HAS_ID | RECEIVED) == 0 and detail <= BY_FEED
        else:
            joins = detail & JOINS != 0
            good = good and (not joins or (symbol == 1 and flags & NEW_SYMBOL != 0 and flags & ORDERED != 0))
            good = good and (detail & ~JOINS == 0 or is_of_bar(tag))
            if flags & NEW_SYMBOL:
                good = good and symbol == known
                known += 1
            good = good and 0 <= symbol < known
            good = good and (kind == QUOTE) == (flags & BOTH_SIDES != 0)
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
        if good and has_bar_head(tag):
            good = at + BAR_HEAD_BYTES <= end and TS_MIN_NS <= read_i64_le(heap, at) <= TS_MAX_NS
            at += BAR_HEAD_BYTES
        if good and flags & RECEIVED:
            good = at + TIME_BYTES <= end and TS_MIN_NS <= read_i64_le(heap, at) <= TS_MAX_NS
            at += TIME_BYTES
        if kind == CLOCK:
            good = good and (detail == BY_FEED or read_i64_le(rows, base + 16) == 0)
        else:
            good = good and _well_formed(rows, base, kind, flags)
        if not good or not TS_MIN_NS <= read_i64_le(rows, base) <= TS_MAX_NS:
            seq = block.first_seq + i
            raise CorruptLog(f"seq {seq} is not an event that mtf writes: restore the log from a copy", seq=seq)
    if at != end:
        raise CorruptLog(f"the block at seq {block.first_seq} has {end - at} bytes too many", seq=block.first_seq)


def _well_formed(rows: bytes, base: i64, kind: i64, flags: i64) -> bool:
    """Return whether the numbers of a tick are: sizes are finite, and one price at least is a number."""
    first = read_f64_le(rows, base + 16)
    second = read_f64_le(rows, base + 24)
    third = read_f64_le(rows, base + 32)
    fourth = read_f64_le(rows, base + 40)
    if kind == TRADE:
        return first == first and (second - second) + (third - third) + (fourth - fourth) == 0.0
    usable = (flags & HAS_BID != 0 and first == first) or (flags & HAS_ASK != 0 and second == second)
    return usable and (third - third) + (fourth - fourth) == 0.0


def tick_at(
    rows: bytes,
    i: i64,
    symbol: str,
    id: str | None = None,
    sides: i64 = BOTH_SIDES,
    received_ns: int | None = None,
) -> Tick:
    """Return row *i* as the tick that was handed in, of a quote those of its *sides* only."""
    base: i64 = i * ROW_BYTES
    tag: i32 = read_i32_le(rows, base + 12)
    flags: i64 = i64(tag >> 8)
    ts_ns = read_i64_le(rows, base)
    first = read_f64_le(rows, base + 16)
    second = read_f64_le(rows, base + 24)
    from_bar = (flags & FROM_BAR) != 0
    if tag & 0xFF == TRADE:
        return Tick(symbol, ts_ns, price=first, size=second, id=id, from_bar=from_bar, received_ns=received_ns)
    return Tick(
        symbol,
        ts_ns,
        first if flags & sides & HAS_BID else None,
        second if flags & sides & HAS_ASK else None,
        read_f64_le(rows, base + 32) if sides & HAS_BID else 0.0,
        read_f64_le(rows, base + 40) if sides & HAS_ASK else 0.0,
        id=id,
        from_bar=from_bar,
        received_ns=received_ns,
    )
