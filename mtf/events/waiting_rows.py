"""Rows waiting for their seqs: encodes an event as a row, and its variable-length data into the heap.

Owns the numbering of symbols, the flags that depend on arrival (live, in time order), and malformed rows, which are set
aside. Does not know how events are passed in: `BlockBuilder` checks prices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from librt.strings import BytesWriter, write_f64_le, write_i16_le, write_i32_le, write_i64_le
from mypy_extensions import i32, i64, mypyc_attr

from mtf.errors import SourceError
from mtf.events.bar_rows import EVENTS_PER_BAR
from mtf.events.block import (
    BY_FEED,
    BY_USER,
    CLOCK,
    HAS_ID,
    ID_BYTES_MAX,
    JOINS,
    LIVE,
    NAME_BYTES_MAX,
    NEW_SYMBOL,
    NEXT_PLACE,
    ORDERED,
    RECEIVED,
    TRADE,
    Block,
    SymbolTable,
)
from mtf.events.malformed import BAD_ID, BAD_SYMBOL, BAD_TIME, TOO_FAR_AHEAD, is_name
from mtf.units import NEVER_NS, TS_MAX_NS, TS_MIN_NS

__all__ = ["ASIDE_MAX", "NOT_LIVE", "WaitingRows"]

ASIDE_MAX: Final = 10_000  # malformed rows kept with their text; the rest are only counted
RAW_CHARS_MAX: Final = 500  # how much of a malformed row is kept
NOT_LIVE: Final[i64] = TS_MAX_NS + 1
I32_MAX: Final = (1 << 31) - 1
_NO_NUMBERS: Final = bytes(24)
# In the eight bytes that hold symbol, kind, flags and detail.
NEW_BIT: Final[i64] = NEW_SYMBOL << 40
LIVE_BIT: Final[i64] = LIVE << 40
JOINS_BIT: Final = -(1 << 63)


@mypyc_attr(native_class=True)
class WaitingRows:
    """Collects rows, one at a time, and returns them as a block.

    `aside(place, line, reason, raw)` is called for each of the first `ASIDE_MAX` malformed rows, in order. With
    *strict*, the first one raises SourceError instead.
    """

    __slots__ = (
        "_aside",
        "_heap",
        "_last_name",
        "_last_number",
        "_strict",
        "alone_ordered",
        "count",
        "limit_ns",
        "live_from_ns",
        "malformed",
        "ordered",
        "received_ns",
        "rows",
        "symbols",
    )

    def __init__(
        self, symbols: SymbolTable, aside: Callable[[str, int, str, str], None] | None = None, strict: bool = False
    ) -> None:
        self.symbols: Final = symbols
        self._aside: Final = aside
        self._strict: Final = strict
        self.rows = BytesWriter()  # encoded as in a block; there are `count` of them
        self._heap = BytesWriter()
        self._last_name = ""  # the previous row's symbol, so that a run of one symbol needs no lookup
        self._last_number: i64 = -1
        self.count: i64 = 0  # rows waiting
        self.malformed: i64 = 0  # refused since the start
        self.limit_ns: i64 = TS_MAX_NS  # the latest valid stamp (live: arrival + max_ahead)
        self.live_from_ns: i64 = NOT_LIVE  # events stamped at or after it are LIVE
        self.ordered = False  # events come from finite sources read in time order, and have been in order so far
        # The first symbol's newest event was `ordered`, but not marked ORDERED since the symbol was the only one: there
        # is nothing else to close, and the event's bytes equal those of a pushed one.
        self.alone_ordered = False
        self.received_ns: i64 = NEVER_NS  # time of arrival to log with the next event; NEVER_NS: none

    def append(
        self,
        kind: i64,
        flags: i64,
        detail: i64,
        symbol: str,
        ts_ns: i64,
        first: float,
        second: float,
        third: float,
        fourth: float,
        id: str | None,
        bar_head: bytes = b"",
    ) -> i64:
        """Add an event; return 0, or the index into `REASONS` of what is wrong with it, in which case nothing is kept.

        *bar_head* is the heap entry about the whole bar, for the first event of one.
        """
        if ts_ns < TS_MIN_NS:
            return BAD_TIME
        if ts_ns > self.limit_ns:
            return BAD_TIME if ts_ns > TS_MAX_NS else TOO_FAR_AHEAD
        encoded_id = b""
        if id is not None:
            try:
                encoded_id = id.encode()
            except UnicodeEncodeError:
                return BAD_ID
            if len(encoded_id) > ID_BYTES_MAX:
                return BAD_ID
            flags |= HAS_ID
        if self._last_number < 0 or symbol != self._last_name:
            turned = self._turn_to(symbol)
            if turned < 0:
                return BAD_SYMBOL
            if turned > 0:
                flags |= NEW_SYMBOL
        number = self._last_number
        if ts_ns >= self.live_from_ns:
            flags |= LIVE
        if len(self.symbols.names) > 1:
            if self.ordered:
                flags |= ORDERED
            if flags & ORDERED and flags & NEW_SYMBOL and number == 1 and self.alone_ordered:
                detail |= JOINS
        else:
            self.alone_ordered = self.ordered
        if id is not None:
            write_i16_le(self._heap, len(encoded_id))
            self._heap.write(encoded_id)
        if len(bar_head) > 0:
            self._heap.write(bar_head)
        if self.received_ns != NEVER_NS:
            flags |= RECEIVED
            write_i64_le(self._heap, self.received_ns)
        self._write(kind | (flags << 8) | (detail << 16), number, ts_ns, first, second, third, fourth)
        return 0

    def append_bar(
        self,
        kind: i64,
        flags: i64,
        detail: i64,
        symbol: str,
        start_ns: i64,
        last_ns: i64,
        key: i64,
        bids: tuple[float, float, float, float],
        asks: tuple[float, float, float, float],
        bid_size: float,
        ask_size: float,
    ) -> i64:
        """Add the four events of a bar, the last of them at *last_ns*; return as `append`.

        *start_ns* and *key* are about the whole bar. A trade's price is among the *bids*; its size is *bid_size*.
        """
        first_ns = last_ns - (EVENTS_PER_BAR - 1)
        if first_ns < TS_MIN_NS:
            return BAD_TIME
        fresh: i64 = 0  # bits of the first event only
        if self._last_number < 0 or symbol != self._last_name:
            turned = self._turn_to(symbol)
            if turned < 0:
                return BAD_SYMBOL
            if turned > 0:
                fresh = NEW_BIT
        number = self._last_number
        if len(self.symbols.names) > 1:
            if self.ordered:
                flags |= ORDERED
                if fresh and number == 1 and self.alone_ordered:
                    fresh += JOINS_BIT
        else:
            self.alone_ordered = self.ordered
        heap = self._heap
        write_i64_le(heap, start_ns)
        write_i64_le(heap, key)
        write_f64_le(heap, bids[2])
        write_f64_le(heap, bids[1])
        write_f64_le(heap, asks[2])
        write_f64_le(heap, asks[1])
        if self.received_ns != NEVER_NS:
            flags |= RECEIVED
            for _ in range(EVENTS_PER_BAR):
                write_i64_le(heap, self.received_ns)
        word = number | (kind | flags << 8 | detail << 16) << 32
        rows = self.rows
        write_i64_le(rows, first_ns)
        write_i64_le(rows, (word | LIVE_BIT if first_ns >= self.live_from_ns else word) + fresh)
        write_f64_le(rows, bids[0])
        write_f64_le(rows, asks[0])
        write_i64_le(rows, 0)
        write_i64_le(rows, 0)
        write_i64_le(rows, first_ns + 1)
        write_i64_le(rows, (word | LIVE_BIT if first_ns + 1 >= self.live_from_ns else word) + NEXT_PLACE)
        write_f64_le(rows, bids[1])
        write_f64_le(rows, asks[1])
        write_i64_le(rows, 0)
        write_i64_le(rows, 0)
        write_i64_le(rows, first_ns + 2)
        write_i64_le(rows, (word | LIVE_BIT if first_ns + 2 >= self.live_from_ns else word) + 2 * NEXT_PLACE)
        write_f64_le(rows, bids[2])
        write_f64_le(rows, asks[2])
        write_i64_le(rows, 0)
        write_i64_le(rows, 0)
        write_i64_le(rows, last_ns)
        write_i64_le(rows, (word | LIVE_BIT if last_ns >= self.live_from_ns else word) + 3 * NEXT_PLACE)
        write_f64_le(rows, bids[3])
        if kind == TRADE:
            write_f64_le(rows, bid_size)
            write_i64_le(rows, 0)
            write_i64_le(rows, 0)
        else:
            write_f64_le(rows, asks[3])
            write_f64_le(rows, bid_size)
            write_f64_le(rows, ask_size)
        self.count += EVENTS_PER_BAR
        return 0

    def clock(self, ts_ns: i64, maker: i64 = BY_USER, since_ns: i64 = 0, reason: str | None = None) -> i64:
        """Add a clock event: it is now *ts_ns*, and nothing traded.

        *maker* is BY_USER, BY_TIMER, BY_FEED or BY_IMPORT. For a feed that was down, *since_ns* is when, and *reason*
        is why; for an import, *reason* is its symbol.
        """
        if ts_ns < TS_MIN_NS or ts_ns > TS_MAX_NS:
            return BAD_TIME
        flags: i64 = 0
        if reason is not None:
            encoded = reason.encode("utf-8", "replace")[:ID_BYTES_MAX]
            flags |= HAS_ID
            write_i16_le(self._heap, len(encoded))
            self._heap.write(encoded)
        rows = self.rows
        write_i64_le(rows, ts_ns)
        write_i32_le(rows, -1)
        write_i32_le(rows, i32(CLOCK | flags << 8 | maker << 16))
        write_i64_le(rows, since_ns if maker == BY_FEED else 0)
        rows.write(_NO_NUMBERS)
        self.count += 1
        return 0

    def refuse(self, place: str, line: int, reason: str, raw: str) -> None:
        """Count a malformed row and set it aside; raises SourceError if strict."""
        self.malformed += 1
        if self._strict:
            raise SourceError(
                f"{place}:{line}: {reason}: {raw[:RAW_CHARS_MAX]!r}; fix the row, or run without --strict to skip it",
                path=place,
                line=line,
            )
        aside = self._aside
        if aside is not None and self.malformed <= ASIDE_MAX:
            aside(place, line, reason, raw[:RAW_CHARS_MAX])

    def take(self, first_seq: i64) -> Block:
        """Return the waiting rows as the block that starts at *first_seq*, and start over."""
        block = Block(first_seq, self.count, self.rows.getvalue(), self._heap.getvalue())
        self.rows = BytesWriter()
        if len(block.heap):
            self._heap = BytesWriter()
        self.count = 0
        return block

    def _turn_to(self, symbol: str) -> i64:
        """Make *symbol* the last one; return 1 if it is new, 0 if it is known, -1 if it cannot be a symbol."""
        is_new: i64 = 0
        number = self.symbols.find(symbol)
        if number < 0:
            number = self._add_symbol(symbol)
            if number < 0:
                return -1
            is_new = 1
        self._last_name = symbol
        self._last_number = number
        return is_new

    def _add_symbol(self, symbol: str) -> i64:
        """Number *symbol*, which is new, and write it to the heap; return -1 if it cannot be a symbol."""
        try:
            encoded = symbol.encode()
        except UnicodeEncodeError:
            return -1
        if len(encoded) > NAME_BYTES_MAX or not is_name(symbol):
            return -1
        write_i16_le(self._heap, len(encoded))
        self._heap.write(encoded)
        return self.symbols.add(symbol)

    def _write(
        self, tag: i64, number: i64, ts_ns: i64, first: float, second: float, third: float, fourth: float
    ) -> None:
        rows = self.rows
        write_i64_le(rows, ts_ns)
        write_i64_le(rows, number | (tag if tag <= I32_MAX else tag - (1 << 32)) << 32)
        write_f64_le(rows, first)
        write_f64_le(rows, second)
        write_f64_le(rows, third)
        write_f64_le(rows, fourth)
        self.count += 1
