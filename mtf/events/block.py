"""The block: a run of consecutive events as bytes. Queues carry it, the log frames it, and the cores read it.

A block consists of `rows` (fixed records of `ROW_BYTES`, little-endian) and `heap` (data of variable length: each
symbol's name at its first row, and tick ids, in row order). Both are plain concatenations, so a stream has the same
bytes wherever it is cut into blocks: these are the canonical bytes that the digest covers.

    offset  type  field
    0       i64   ts_ns       event time, nanoseconds UTC
    8       i32   symbol      number by order of appearance, 0, 1, 2 ...; -1 for a clock event
    12      u8    kind        CLOCK, QUOTE or TRADE
    13      u8    flags       HAS_BID, HAS_ASK, FROM_BAR, NEW_SYMBOL, HAS_ID, LIVE, RECEIVED, ORDERED
    14      u16   detail      for a bar's event: its place in the bar and the bar's length (`mtf.events.bar_rows`); for
                              a clock event: who made it (BY_USER, BY_TIMER, BY_FEED or BY_IMPORT)
    16      f64   bid         or the price of a trade; for a clock event BY_FEED: the i64 instant when the outage began
    24      f64   ask         or the size of a trade
    32      f64   bid_size
    40      f64   ask_size

The heap holds, for each row in turn: if NEW_SYMBOL, a u16 length and the UTF-8 name; if HAS_ID, a u16 length and the id
(for a clock event: its reason, or BY_IMPORT its symbol); for the first event of a bar, `BAR_HEAD_BYTES` about the whole
bar; if RECEIVED, the i64 instant at which the event arrived.

This is version 2 of the events. In version 1 the detail was 0, and LIVE, RECEIVED and ORDERED did not exist. Every
version 1 event is a valid version 2 event, with one difference in meaning: a FROM_BAR event without a detail is judged
on its own. LIVE and the time of arrival are not part of an event's canonical bytes (`canonical`).
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
    "BY_IMPORT",
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
    "NEXT_PLACE",
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
    "id_place",
    "is_of_bar",
    "is_whole_bar",
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
BOTH_SIDES: Final = 3  # spelled out: mypyc inlines only literals
FROM_BAR: Final = 4
NEW_SYMBOL: Final = 8
HAS_ID: Final = 16
LIVE: Final = 32  # arrived shortly after its stamp: the wall clock may close its symbol's bars
RECEIVED: Final = 64  # its time of arrival is in the heap
ORDERED: Final = 128  # from finite sources read in time order: moves the clocks of all symbols read that way

# In the detail of the first event of the log's second symbol: the first symbol, alone until then, is being read in time
# order too. (While a symbol is alone its events are not marked ORDERED, so their bytes equal those of pushed events.)
JOINS: Final = 0x8000
BAR_LENGTH: Final = 0x7FF8  # the bits of the detail that hold a bar's length
NEXT_PLACE: Final = 0x1_0000_0000_0000  # what the next event of a bar has more in the eight bytes of symbol and tag

# Who made a clock event.
BY_USER: Final = 0
BY_TIMER: Final = 1
BY_FEED: Final = 2  # "the feed was down from .. to ..": has a reason, and the instant when the outage began
BY_IMPORT: Final = 3  # "the history of this symbol is known up to here": moves the clock of that symbol alone

# The heap entry of a bar's first event: i64 start, u64 key of the content, and the lowest and highest price of each of
# two sides (bid and ask, or trades and 0.0). So the verdict on a bar needs only its first event.
BAR_HEAD_BYTES: Final = 48
TIME_BYTES: Final = 8

NAME_BYTES_MAX: Final = 255
ID_BYTES_MAX: Final = 255


@mypyc_attr(native_class=True, acyclic=True)
class Block:
    """*count* consecutive events starting at *first_seq*; immutable."""

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
        """Return the index of the first row stamped after *ts_ns*; -1 if there is none."""
        for i in range(self.count):
            if read_i64_le(self.rows, i * ROW_BYTES) > ts_ns:
                return i
        return -1

    @property
    def observations(self) -> int:
        """The number of events, counting the four of a bar as one."""
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
    """Numbers symbols in order of appearance in the log; only grows."""

    __slots__ = ("_numbers", "names")

    def __init__(self, names: list[str] | None = None) -> None:
        self.names: Final[list[str]] = list(names) if names else []  # by number
        self._numbers: Final[dict[str, int]] = {name: number for number, name in enumerate(self.names)}

    def find(self, name: str) -> i64:
        """Return the number of *name*, or -1."""
        found = self._numbers.get(name)
        return -1 if found is None else found

    def add(self, name: str) -> i64:
        """Assign the next number to *name* and return it."""
        assert name not in self._numbers, "symbol already has a number"
        number = len(self.names)
        self.names.append(name)
        self._numbers[name] = number
        return number

    def learn(self, block: Block) -> None:
        """Add the symbols that first appear in *block*; CorruptLog if their numbers are not consecutive."""
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
    """Translates numbers of another table, with these *names*, to those of *symbols*; each name is looked up once."""

    __slots__ = ("_numbers", "_symbols", "names")

    def __init__(self, symbols: SymbolTable, names: list[str]) -> None:
        self.names: Final = names  # by number in the other table; may grow
        self._symbols: Final = symbols
        self._numbers = vec[i64]([-1] * 16)  # by number in the other table; -1: not known yet

    def find(self, number: i64) -> i64:
        """Return the number here of the symbol that has *number* in the other table; -1 if it has none yet."""
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
    assert 0 < count < block.count, "both parts must hold events"
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
    """Return the length of the entry of *heap* at *at*, excluding its two length bytes."""
    return i64(read_i16_le(heap, at)) & 0xFFFF


def id_place(heap: bytes, at: i64, flags: i64) -> i64:
    """Return where the id's entry begins, for a row with these *flags* whose heap entries begin at *at*."""
    return at + 2 + heap_length(heap, at) if flags & NEW_SYMBOL else at


def heap_text(heap: bytes, at: i64) -> str:
    """Return the entry of *heap* at *at* as text."""
    return heap[at + 2 : at + 2 + heap_length(heap, at)].decode()


def heap_after(heap: bytes, at: i64, tag: i64) -> i64:
    """Return the end of the entries that begin at *at*, for a row with this *tag* (the row's 4 bytes at offset 12)."""
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
    """Return whether the row with this *tag* is the first event of a bar, so that the heap describes the whole bar."""
    return is_of_bar(tag) and tag >> 16 & PLACE == 0


def is_of_bar(tag: i64) -> bool:
    """Return whether the row with this *tag* is one of a bar's four events, which share one verdict."""
    return tag >> 8 & FROM_BAR != 0 and tag >> 16 & BAR_LENGTH != 0


def is_whole_bar(rows: bytes, base: i64) -> bool:
    """Return whether the rows from *base* on begin with the four events of a bar, given that the first is its open.

    They then differ in their places, their stamps, which are consecutive, and their numbers alone.
    """
    ts_ns = read_i64_le(rows, base)
    word = read_i64_le(rows, base + 8)
    high = base + ROW_BYTES
    low = high + ROW_BYTES
    close = low + ROW_BYTES
    return (
        read_i64_le(rows, high + 8) == word + NEXT_PLACE
        and read_i64_le(rows, low + 8) == word + 2 * NEXT_PLACE
        and read_i64_le(rows, close + 8) == word + 3 * NEXT_PLACE
        and read_i64_le(rows, high) == ts_ns + 1
        and read_i64_le(rows, low) == ts_ns + 2
        and read_i64_le(rows, close) == ts_ns + 3
    )


def received_at(heap: bytes, end: i64) -> i64:
    """Return the time of arrival of the RECEIVED event whose heap entries end at *end*."""
    return read_i64_le(heap, end - TIME_BYTES)


def canonical(block: Block) -> Block:
    """Return *block* without the data on how its events arrived: LIVE, RECEIVED and the times of arrival."""
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
    """Raise CorruptLog unless the block builder could have written *block*, given *symbols* known before it.

    For blocks from outside (a log): the cores use values of a row as indices, unchecked.
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
            good = good and symbol == -1 and flags & ~(HAS_ID | RECEIVED) == 0 and detail <= BY_IMPORT
            good = good and (detail != BY_IMPORT or flags & HAS_ID != 0)
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
        raise CorruptLog(f"the block at seq {block.first_seq} has {end - at} extra bytes", seq=block.first_seq)


def _well_formed(rows: bytes, base: i64, kind: i64, flags: i64) -> bool:
    """Return whether a tick's numbers are well-formed: sizes are finite, and at least one price is not NaN."""
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
    """Return row *i* as the tick that was passed in; for a quote, with only its *sides*."""
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
