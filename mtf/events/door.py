"""The door: where events come in. It writes well-formed ones as rows, and keeps the others aside with their place.

Owns the numbering of symbols and the rows that wait for a seq. It does not judge: whether a well-formed event counts
is decided after it is in the log, by the gate. Nothing that is not finite, or out of an i64's range, passes.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Final

from librt.strings import (
    BytesWriter,
    read_f64_le,
    read_i32_le,
    read_i64_le,
    write_f64_le,
    write_i16_le,
    write_i32_le,
    write_i64_le,
)
from mypy_extensions import i32, i64, mypyc_attr

from mtf.errors import MalformedEvent, SourceError
from mtf.events.block import (
    CLOCK,
    FROM_BAR,
    HAS_ASK,
    HAS_BID,
    HAS_ID,
    ID_BYTES_MAX,
    NAME_BYTES_MAX,
    NEW_SYMBOL,
    QUOTE,
    ROW_BYTES,
    TRADE,
    Block,
    SymbolTable,
    heap_length,
    heap_text,
)
from mtf.events.tick import Tick

__all__ = [
    "ASIDE_MAX",
    "BAD_TIME",
    "BOTH_SIDES",
    "REASONS",
    "TS_MAX_NS",
    "TS_MIN_NS",
    "Door",
]

TS_MIN_NS: Final = 0  # 1970-01-01
TS_MAX_NS: Final = 7_258_118_400_000_000_000  # 2200-01-01, far from where i64 arithmetic could wrap
ASIDE_MAX: Final = 10_000  # malformed rows kept with their text; more are only counted
RAW_CHARS_MAX: Final = 500  # how much of a malformed row is kept

BOTH_SIDES: Final = HAS_BID | HAS_ASK

# What `quote` and `trade` answer: 0 for a well-formed event, else the index of the reason.
REASONS: Final = (
    "",
    "time is before 1970 or after 2200",
    "a price is missing",
    "a number is NaN or infinite",
    "a size is negative",
    "the symbol is empty, longer than 255 bytes, or no text",
    "the id is longer than 255 bytes, or no text",
    "stamped too far ahead of its arrival",
)
BAD_TIME: Final = 1
NO_PRICE: Final = 2
NOT_FINITE: Final = 3
NEGATIVE_SIZE: Final = 4
BAD_SYMBOL: Final = 5
BAD_ID: Final = 6
TOO_FAR_AHEAD: Final = 7


@mypyc_attr(native_class=True)
class Door:
    """Takes events as numbers, one at a time, and gives them out as a block.

    `aside(place, line, reason, raw)` is called for each of the first `ASIDE_MAX` malformed rows, in order. With
    *strict* the first one raises SourceError instead. One tick is handed in by `quote` or `trade`; both return 0, or
    the index into `REASONS` of what is wrong with it, and then nothing is kept: the caller, who knows the place,
    calls `refuse`.
    """

    __slots__ = (
        "_aside",
        "_heap",
        "_last_name",
        "_last_number",
        "_rows",
        "_strict",
        "count",
        "limit_ns",
        "malformed",
        "symbols",
    )

    def __init__(
        self,
        symbols: SymbolTable,
        *,
        aside: Callable[[str, int, str, str], None] | None = None,
        strict: bool = False,
    ) -> None:
        self.symbols: Final = symbols
        self._aside: Final = aside
        self._strict: Final = strict
        self._rows = BytesWriter()
        self._heap = BytesWriter()
        self._last_name = ""  # the symbol of the row before, so that a run of one symbol costs no look-up
        self._last_number: i64 = -1
        self.count: i64 = 0  # rows that wait
        self.malformed: i64 = 0  # refused since the start
        self.limit_ns: i64 = TS_MAX_NS  # the latest stamp that is believed (live: arrival + max_ahead)

    def quote(
        self,
        symbol: str,
        ts_ns: i64,
        bid: float,
        ask: float,
        bid_size: float = 0.0,
        ask_size: float = 0.0,
        sides: i64 = BOTH_SIDES,
        id: str | None = None,
        from_bar: bool = False,
    ) -> i64:
        """Take a quote; *sides* says which of bid and ask are there (HAS_BID, HAS_ASK), the other is ignored."""
        if not sides & HAS_BID:
            bid = 0.0
            bid_size = 0.0
        if not sides & HAS_ASK:
            ask = 0.0
            ask_size = 0.0
        if not sides & BOTH_SIDES:
            return NO_PRICE
        if bid_size < 0.0 or ask_size < 0.0:
            return NEGATIVE_SIZE
        flags = sides & BOTH_SIDES
        if from_bar:
            flags |= FROM_BAR
        return self._take(QUOTE, flags, symbol, ts_ns, bid, ask, bid_size, ask_size, id)

    def trade(
        self, symbol: str, ts_ns: i64, price: float, size: float = 0.0, id: str | None = None, from_bar: bool = False
    ) -> i64:
        """Take a trade."""
        if size < 0.0:
            return NEGATIVE_SIZE
        flags: i64 = FROM_BAR if from_bar else 0
        return self._take(TRADE, flags, symbol, ts_ns, price, size, 0.0, 0.0, id)

    def clock(self, ts_ns: i64) -> i64:
        """Take a clock event: it is *ts_ns* now, and nothing traded."""
        if ts_ns < TS_MIN_NS or ts_ns > TS_MAX_NS:
            return BAD_TIME
        self._write(ts_ns, -1, CLOCK, 0.0, 0.0, 0.0, 0.0)
        return 0

    def tick(self, tick: Tick) -> i64:
        """Take a tick of the API; MalformedEvent where it is two in one, TypeError where a field is of a wrong type."""
        # Where ticks are not compiled their fields may be anything: `index` and `* 1.0` leave numbers as they are, to
        # the bit, and raise on all else before anything is kept.
        ts_ns = index(tick.ts_ns)
        if not TS_MIN_NS <= ts_ns <= TS_MAX_NS:
            return BAD_TIME
        price = tick.price
        id = tick.id
        if price is not None:
            if tick.bid is not None or tick.ask is not None:
                raise MalformedEvent(f"{tick!r} is a quote and a trade at once: push two ticks")
            return self.trade(tick.symbol, ts_ns, price * 1.0, tick.size * 1.0, id, tick.from_bar)
        bid = tick.bid
        ask = tick.ask
        sides: i64 = 0
        bid_price = 0.0
        ask_price = 0.0
        if bid is not None:
            sides |= HAS_BID
            bid_price = bid * 1.0
        if ask is not None:
            sides |= HAS_ASK
            ask_price = ask * 1.0
        return self.quote(
            tick.symbol,
            ts_ns,
            bid_price,
            ask_price,
            tick.bid_size * 1.0,
            tick.ask_size * 1.0,
            sides,
            id,
            tick.from_bar,
        )

    def copy(self, block: Block, names: list[str], start: i64, stop: i64) -> None:
        """Take the rows `[start, stop)` of another log's *block*; *names* are that log's symbols by number."""
        rows, heap = block.rows, block.heap
        at: i64 = 0
        for i in range(stop):
            base: i64 = i * ROW_BYTES
            tag: i64 = i64(read_i32_le(rows, base + 12))
            flags = (tag >> 8) & 0xFF
            id: str | None = None
            if flags & NEW_SYMBOL:
                at += 2 + heap_length(heap, at)
            if flags & HAS_ID:
                id = heap_text(heap, at)
                at += 2 + heap_length(heap, at)
            if i < start:
                continue
            ts_ns = read_i64_le(rows, base)
            kind = tag & 0xFF
            code: i64 = 0
            if kind == CLOCK:
                code = self.clock(ts_ns)
            else:
                code = self._take(
                    kind,
                    flags & (BOTH_SIDES | FROM_BAR),
                    names[i64(read_i32_le(rows, base + 8))],
                    ts_ns,
                    read_f64_le(rows, base + 16),
                    read_f64_le(rows, base + 24),
                    read_f64_le(rows, base + 32),
                    read_f64_le(rows, base + 40),
                    id,
                )
            if code:
                self.refuse(f"seq {block.first_seq + i}", 0, REASONS[code], "")

    def refuse(self, place: str, line: int, reason: str, raw: str) -> None:
        """Count a malformed row and keep it aside; raises SourceError when strict."""
        self.malformed += 1
        if self._strict:
            raise SourceError(
                f"{place}:{line}: {reason}: {raw[:RAW_CHARS_MAX]!r}; mend the row, or leave --strict away to go on",
                path=place,
                line=line,
            )
        aside = self._aside
        if aside is not None and self.malformed <= ASIDE_MAX:
            aside(place, line, reason, raw[:RAW_CHARS_MAX])

    def take(self, first_seq: i64) -> Block:
        """Return the rows that wait as the block that starts at *first_seq*, and forget them."""
        block = Block(first_seq, self.count, self._rows.getvalue(), self._heap.getvalue())
        self._rows = BytesWriter()
        if len(block.heap):
            self._heap = BytesWriter()
        self.count = 0
        return block

    def _take(
        self,
        kind: i64,
        flags: i64,
        symbol: str,
        ts_ns: i64,
        first: float,
        second: float,
        third: float,
        fourth: float,
        id: str | None,
    ) -> i64:
        # x - x is 0.0 for each finite x, and NaN otherwise; the sum could overflow, the differences cannot.
        if (first - first) + (second - second) + (third - third) + (fourth - fourth) != 0.0:
            return NOT_FINITE
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
        number = self._last_number
        if number < 0 or symbol != self._last_name:
            number = self.symbols.find(symbol)
            if number < 0:
                try:
                    encoded = symbol.encode()
                except UnicodeEncodeError:
                    return BAD_SYMBOL
                if not encoded or len(encoded) > NAME_BYTES_MAX:
                    return BAD_SYMBOL
                number = self.symbols.add(symbol)
                flags |= NEW_SYMBOL
                write_i16_le(self._heap, len(encoded))
                self._heap.write(encoded)
            self._last_name = symbol
            self._last_number = number
        if id is not None:
            write_i16_le(self._heap, len(encoded_id))
            self._heap.write(encoded_id)
        self._write(ts_ns, number, kind | (flags << 8), first, second, third, fourth)
        return 0

    def _write(
        self, ts_ns: i64, number: i64, tag: i64, first: float, second: float, third: float, fourth: float
    ) -> None:
        rows = self._rows
        write_i64_le(rows, ts_ns)
        write_i32_le(rows, i32(number))
        write_i32_le(rows, i32(tag))
        write_f64_le(rows, first)
        write_f64_le(rows, second)
        write_f64_le(rows, third)
        write_f64_le(rows, fourth)
        self.count += 1
