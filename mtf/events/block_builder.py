"""The block builder, where events come in: writes well-formed events as rows, and keeps malformed ones apart.

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

from mtf.errors import KindChanged, MalformedEvent, SourceError
from mtf.events.bar_rows import EVENTS_PER_BAR, UNFINISHED, BarClock, bar_key
from mtf.events.block import (
    BAR_HEAD_BYTES,
    BOTH_SIDES,
    BY_FEED,
    BY_USER,
    CLOCK,
    FROM_BAR,
    HAS_ASK,
    HAS_BID,
    HAS_ID,
    ID_BYTES_MAX,
    JOINS,
    LIVE,
    NAME_BYTES_MAX,
    NEW_SYMBOL,
    ORDERED,
    QUOTE,
    RECEIVED,
    ROW_BYTES,
    TRADE,
    Block,
    Renumbering,
    SymbolTable,
    has_bar_head,
    heap_after,
    heap_length,
    heap_text,
    received_at,
)
from mtf.events.malformed import (
    BAD_ID,
    BAD_SYMBOL,
    BAD_TIME,
    NEGATIVE_SIZE,
    NO_PRICE,
    NOT_FINITE,
    REASONS,
    STILL_FORMS,
    TOO_FAR_AHEAD,
    contradiction,
    is_instant,
    is_name,
)
from mtf.events.tick import Tick
from mtf.units import NEVER_NS, TS_MAX_NS, TS_MIN_NS

__all__ = [
    "ASIDE_MAX",
    "NOT_LIVE",
    "TRADES",
    "BlockBuilder",
]

ASIDE_MAX: Final = 10_000  # malformed rows kept with their text; more are only counted
RAW_CHARS_MAX: Final = 500  # how much of a malformed row is kept

TRADES: Final = 0  # in place of sides: a bar's prices are those of trades

NAN: Final = float("nan")

# In a row's tag: there is more to the row than its numbers.
NOT_PLAIN: Final[i64] = (NEW_SYMBOL | FROM_BAR | HAS_ID | RECEIVED) << 8 | JOINS << 16


@mypyc_attr(native_class=True)
class BlockBuilder:
    """Takes events as numbers, one at a time, and gives them out as a block.

    `aside(place, line, reason, raw)` is called for each of the first `ASIDE_MAX` malformed rows, in order. With
    *strict* the first one raises SourceError instead. One tick is handed in by `quote` or `trade`; both return 0, or
    the index into `REASONS` of what is wrong with it, and then nothing is kept: the caller, who knows the place,
    calls `refuse`.
    """

    __slots__ = (
        "_aside",
        "_copied",
        "_head",
        "_heap",
        "_last_name",
        "_last_number",
        "_received_ns",
        "_rows",
        "_strict",
        "alone_ordered",
        "arrival_ns",
        "bar_clock",
        "bar_kinds",
        "count",
        "limit_ns",
        "live_from_ns",
        "malformed",
        "one_kind",
        "ordered",
        "symbols",
    )

    def __init__(
        self,
        symbols: SymbolTable,
        *,
        aside: Callable[[str, int, str, str], None] | None = None,
        strict: bool = False,
        bar_clock: BarClock | None = None,
    ) -> None:
        self.symbols: Final = symbols
        self.bar_clock: Final = BarClock() if bar_clock is None else bar_clock  # says when a bar's events happen
        self._aside: Final = aside
        self._strict: Final = strict
        self._rows = BytesWriter()
        self._heap = BytesWriter()
        self._head: Final = BytesWriter()  # of the bar that is being taken
        self._copied = Renumbering(symbols, [])  # of the table of symbols that rows were copied from last
        self._last_name = ""  # the symbol of the row before, so that a run of one symbol costs no look-up
        self._last_number: i64 = -1
        self.count: i64 = 0  # rows that wait
        self.malformed: i64 = 0  # refused since the start
        self.limit_ns: i64 = TS_MAX_NS  # the latest stamp that is believed (live: arrival + max_ahead)
        self.live_from_ns: i64 = NOT_LIVE  # events that are stamped at it or later are LIVE
        self.arrival_ns: i64 = NEVER_NS  # when events arrive that are handed in now; NEVER_NS if that is not known
        self.ordered = False  # events are of a run of finite sources in order of time, and so far have been
        # The newest event of the first symbol was of such a run while it was the only one, and so was not ORDERED:
        # there is nothing else to close, and its bytes stay those of a pushed one.
        self.alone_ordered = False
        self.one_kind = False  # bars of a symbol are made of the kind that its first event is, quotes or trades
        self.bar_kinds: Final[dict[str, int]] = {}  # that kind, of symbols whose first event was of a bar
        self._received_ns: i64 = NEVER_NS  # the time of arrival that is logged with the next event; NEVER_NS: none

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
        """Take a quote; *sides* says which of bid and ask are there (HAS_BID, HAS_ASK), the other is ignored.

        A side that is not a price (NaN, infinite, zero ...) is taken as it is, as long as one side is a number.
        """
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
        if (bid_size - bid_size) + (ask_size - ask_size) != 0.0:
            return NOT_FINITE
        if bid != bid or ask != ask:
            if not (sides & HAS_BID and bid == bid) and not (sides & HAS_ASK and ask == ask):
                return NOT_FINITE
            bid = bid if bid == bid else NAN  # one NaN, so that equal events have equal bytes
            ask = ask if ask == ask else NAN
        flags = sides & BOTH_SIDES
        if from_bar:
            flags |= FROM_BAR
        if self.bar_kinds and self.bar_kinds.get(symbol, QUOTE) != QUOTE:
            raise self._other_kind(symbol, "trades", "a quote", "last")
        return self._append(QUOTE, flags, 0, symbol, ts_ns, bid, ask, bid_size, ask_size, id)

    def trade(
        self, symbol: str, ts_ns: i64, price: float, size: float = 0.0, id: str | None = None, from_bar: bool = False
    ) -> i64:
        """Take a trade. An infinite price is taken as it is: that is for the gate to reject."""
        if size < 0.0:
            return NEGATIVE_SIZE
        if price != price or size - size != 0.0:
            return NOT_FINITE
        flags: i64 = FROM_BAR if from_bar else 0
        if self.bar_kinds and self.bar_kinds.get(symbol, TRADE) != TRADE:
            raise self._other_kind(symbol, "quotes", "a trade", "mid")
        return self._append(TRADE, flags, 0, symbol, ts_ns, price, size, 0.0, 0.0, id)

    def bar(
        self,
        symbol: str,
        length: i64,
        start_ns: i64,
        date: i64,
        bids: tuple[float, float, float, float],
        asks: tuple[float, float, float, float],
        sizes: tuple[float, float],
        sides: i64 = TRADES,
        log_unfinished: bool = True,
    ) -> i64:
        """Take a bar: its open, high, low and close become four events at its end, all of them or none.

        *length* is a `length_code`; the bar begins at *start_ns*, or if *date* (a proleptic ordinal) is not 0, is the
        bar of that date. *sides* TRADES reads *bids* as prices of trades. A bar whose end lies after `arrival_ns` is
        taken as unfinished, or with *log_unfinished* false answered with STILL_FORMS and not taken.
        """
        if sides & HAS_BID or sides == TRADES:
            code = contradiction(bids)
            if code:
                return code
        else:
            bids = (0.0, 0.0, 0.0, 0.0)  # written out: mypyc takes a Final of floats for one that was never set
        if sides & HAS_ASK:
            code = contradiction(asks)
            if code:
                return code
        else:
            asks = (0.0, 0.0, 0.0, 0.0)
        # What is not of the bar is not in its key: the same bar is the same, wherever it comes from.
        sizes = (0.0 if sides == HAS_ASK else sizes[0], sizes[1] if sides & HAS_ASK else 0.0)
        if sizes[0] < 0.0 or sizes[1] < 0.0:
            return NEGATIVE_SIZE
        if (sizes[0] - sizes[0]) + (sizes[1] - sizes[1]) != 0.0:
            return NOT_FINITE
        if not date and not TS_MIN_NS <= start_ns <= TS_MAX_NS:
            return BAD_TIME
        clock = self.bar_clock
        clock.place(symbol, length, start_ns, date)
        if not TS_MIN_NS <= clock.start_ns < clock.end_ns <= TS_MAX_NS:
            return BAD_TIME
        if clock.start_ns > self.limit_ns:
            return TOO_FAR_AHEAD
        detail = length
        if self.arrival_ns != NEVER_NS and clock.end_ns > self.arrival_ns:
            if not log_unfinished:
                return STILL_FORMS
            detail |= UNFINISHED
        kind: i64 = TRADE if sides == TRADES else QUOTE
        if self.one_kind and not detail & UNFINISHED and symbol != self._last_name and self.symbols.find(symbol) < 0:
            self.bar_kinds[symbol] = kind
        flags = FROM_BAR | (sides & BOTH_SIDES)
        head = self._head
        head.truncate(0)
        key = bar_key(head, length, clock.start_ns, flags, bids, asks, sizes)
        head.truncate(0)
        write_i64_le(head, clock.start_ns)
        head.write(key)
        write_f64_le(head, bids[2])
        write_f64_le(head, bids[1])
        write_f64_le(head, asks[2])
        write_f64_le(head, asks[1])
        limit_ns = self.limit_ns
        self.limit_ns = TS_MAX_NS  # its events stand at its end, which may lie ahead while it is unfinished
        code = self._take_bar(kind, flags, detail, symbol, clock.last_ns, bids, asks, sizes, head.getvalue())
        self.limit_ns = limit_ns
        return code

    def _take_bar(
        self,
        kind: i64,
        flags: i64,
        detail: i64,
        symbol: str,
        last_ns: i64,
        bids: tuple[float, float, float, float],
        asks: tuple[float, float, float, float],
        sizes: tuple[float, float],
        head: bytes,
    ) -> i64:
        bid_size = sizes[0] if kind == TRADE or flags & HAS_BID else 0.0
        ask_size = sizes[1] if flags & HAS_ASK else 0.0
        first_ns = last_ns - (EVENTS_PER_BAR - 1)
        if kind == TRADE:
            code = self._append(kind, flags, detail, symbol, first_ns, bids[0], 0.0, 0.0, 0.0, None, head)
            if not code:
                self._follow(kind, flags, detail | 1, first_ns + 1, bids[1], 0.0, 0.0, 0.0)
                self._follow(kind, flags, detail | 2, first_ns + 2, bids[2], 0.0, 0.0, 0.0)
                self._follow(kind, flags, detail | 3, last_ns, bids[3], bid_size, 0.0, 0.0)
        else:
            code = self._append(kind, flags, detail, symbol, first_ns, bids[0], asks[0], 0.0, 0.0, None, head)
            if not code:
                self._follow(kind, flags, detail | 1, first_ns + 1, bids[1], asks[1], 0.0, 0.0)
                self._follow(kind, flags, detail | 2, first_ns + 2, bids[2], asks[2], 0.0, 0.0)
                self._follow(kind, flags, detail | 3, last_ns, bids[3], asks[3], bid_size, ask_size)
        return code

    def _follow(
        self, kind: i64, flags: i64, detail: i64, ts_ns: i64, first: float, second: float, third: float, fourth: float
    ) -> None:
        """Take another event of the bar whose first one was taken just before: of what `_append` does, what is left."""
        if ts_ns >= self.live_from_ns:
            flags |= LIVE
        if self.ordered and len(self.symbols.names) > 1:
            flags |= ORDERED
        if self._received_ns != NEVER_NS:
            flags |= RECEIVED
            write_i64_le(self._heap, self._received_ns)
        self._write(kind | (flags << 8) | (detail << 16), self._last_number, ts_ns, first, second, third, fourth)

    def _other_kind(self, symbol: str, kind: str, what: str, side: str) -> KindChanged:
        """Return the error for a tick that could change no bar, because bars given as input decided otherwise."""
        return KindChanged(
            f"{symbol}: its bars are made of {kind}, as the bars given as input were, and {what} would change none of "
            f"them; say which prices count (price='{side}' for those of the bars; 'bid', 'ask', 'mid', 'last')"
        )

    def clock(self, ts_ns: i64, maker: i64 = BY_USER, since_ns: i64 = 0, reason: str | None = None) -> i64:
        """Take a clock event: it is *ts_ns* now, and nothing traded.

        *maker* is BY_USER, BY_TIMER or BY_FEED; a feed that was down says *since_ns* when, and the *reason*.
        """
        if ts_ns < TS_MIN_NS or ts_ns > TS_MAX_NS:
            return BAD_TIME
        flags: i64 = 0
        if reason is not None:
            encoded = reason.encode("utf-8", "replace")[:ID_BYTES_MAX]
            flags |= HAS_ID
            write_i16_le(self._heap, len(encoded))
            self._heap.write(encoded)
        rows = self._rows
        write_i64_le(rows, ts_ns)
        write_i32_le(rows, -1)
        write_i32_le(rows, i32(CLOCK | flags << 8 | maker << 16))
        write_i64_le(rows, since_ns if maker == BY_FEED else 0)
        rows.write(_NO_NUMBERS)
        self.count += 1
        return 0

    def tick(self, tick: Tick) -> i64:
        """Take a tick of the API; MalformedEvent if it is two in one, TypeError if a field is of a wrong type."""
        # Where ticks are not compiled their fields may be anything: `index` and `* 1.0` leave numbers as they are, to
        # the bit, and raise on all else before anything is kept.
        ts_ns = index(tick.ts_ns)
        if not is_instant(ts_ns):
            return BAD_TIME
        received = tick.received_ns
        if received is None:
            return self._tick(tick, ts_ns)
        received_ns = index(received)
        if not is_instant(received_ns):
            return BAD_TIME
        self._received_ns = received_ns
        try:
            return self._tick(tick, ts_ns)
        finally:
            self._received_ns = NEVER_NS

    def _tick(self, tick: Tick, ts_ns: i64) -> i64:
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
        if names is not self._copied.names:
            self._copied = Renumbering(self.symbols, names)
        at: i64 = 0
        for i in range(stop):
            base: i64 = i * ROW_BYTES
            tag: i64 = i64(read_i32_le(rows, base + 12))
            end = heap_after(heap, at, tag)
            if i >= start and not self._copy_plain(rows, base, tag):
                self._copy_row(block, names, i, tag, at, end)
            at = end

    def _copy_plain(self, rows: bytes, base: i64, tag: i64) -> bool:
        """Take the row at *base* if it is well-formed, of a symbol that is known here, and nothing but its numbers."""
        if tag & NOT_PLAIN or tag & 0xFF == CLOCK:
            return False
        ts_ns = read_i64_le(rows, base)
        if ts_ns < TS_MIN_NS or ts_ns > self.limit_ns:
            return False
        number = self._copied.find(i64(read_i32_le(rows, base + 8)))
        if number < 0:
            return False
        flags = tag & 0xFF00
        if ts_ns >= self.live_from_ns:
            flags |= LIVE << 8
        if len(self.symbols.names) == 1:
            self.alone_ordered = self.ordered
        elif self.ordered:
            flags |= ORDERED << 8
        out = self._rows
        write_i64_le(out, ts_ns)
        write_i32_le(out, i32(number))
        write_i32_le(out, i32(tag & ~0xFF00 | flags))
        write_i64_le(out, read_i64_le(rows, base + 16))
        write_i64_le(out, read_i64_le(rows, base + 24))
        write_i64_le(out, read_i64_le(rows, base + 32))
        write_i64_le(out, read_i64_le(rows, base + 40))
        self.count += 1
        return True

    def _copy_row(self, block: Block, names: list[str], i: i64, tag: i64, at: i64, end: i64) -> None:
        """Take row *i*, whose entries in the heap are `[at, end)`."""
        rows, heap = block.rows, block.heap
        base: i64 = i * ROW_BYTES
        flags = (tag >> 8) & 0xFF
        detail = (tag >> 16) & 0xFFFF
        id: str | None = None
        if flags & NEW_SYMBOL:
            at += 2 + heap_length(heap, at)
        if flags & HAS_ID:
            id = heap_text(heap, at)
            at += 2 + heap_length(heap, at)
        ts_ns = read_i64_le(rows, base)
        kind = tag & 0xFF
        code: i64 = 0
        if kind == CLOCK:
            code = self.clock(ts_ns, detail, read_i64_le(rows, base + 16), id)
        else:
            if detail & JOINS:
                self.alone_ordered = True
            if flags & RECEIVED:
                self._received_ns = received_at(heap, end)
            code = self._append(
                kind,
                flags & (BOTH_SIDES | FROM_BAR | LIVE | ORDERED),
                detail & ~JOINS,
                names[i64(read_i32_le(rows, base + 8))],
                ts_ns,
                read_f64_le(rows, base + 16),
                read_f64_le(rows, base + 24),
                read_f64_le(rows, base + 32),
                read_f64_le(rows, base + 40),
                id,
                heap[at : at + BAR_HEAD_BYTES] if has_bar_head(tag) else b"",
            )
            self._received_ns = NEVER_NS
        if code:
            self.refuse(f"seq {block.first_seq + i}", 0, REASONS[code], "")

    def refuse(self, place: str, line: int, reason: str, raw: str) -> None:
        """Count a malformed row and keep it aside; raises SourceError when strict."""
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
        """Return the rows that wait as the block that starts at *first_seq*, and forget them."""
        block = Block(first_seq, self.count, self._rows.getvalue(), self._heap.getvalue())
        self._rows = BytesWriter()
        if len(block.heap):
            self._heap = BytesWriter()
        self.count = 0
        return block

    def _append(
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
                if len(encoded) > NAME_BYTES_MAX or not is_name(symbol):
                    return BAD_SYMBOL
                number = self.symbols.add(symbol)
                flags |= NEW_SYMBOL
                write_i16_le(self._heap, len(encoded))
                self._heap.write(encoded)
            self._last_name = symbol
            self._last_number = number
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
        if self._received_ns != NEVER_NS:
            flags |= RECEIVED
            write_i64_le(self._heap, self._received_ns)
        self._write(kind | (flags << 8) | (detail << 16), number, ts_ns, first, second, third, fourth)
        return 0

    def _write(
        self, tag: i64, number: i64, ts_ns: i64, first: float, second: float, third: float, fourth: float
    ) -> None:
        rows = self._rows
        write_i64_le(rows, ts_ns)
        write_i32_le(rows, i32(number))
        write_i32_le(rows, i32(tag if tag <= I32_MAX else tag - (1 << 32)))
        write_f64_le(rows, first)
        write_f64_le(rows, second)
        write_f64_le(rows, third)
        write_f64_le(rows, fourth)
        self.count += 1


I32_MAX: Final = (1 << 31) - 1
NOT_LIVE: Final[i64] = TS_MAX_NS + 1
_NO_NUMBERS: Final = bytes(24)
