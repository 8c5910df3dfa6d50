"""Event intake: checks that ticks and bars are well-formed, and encodes them as rows of a block.

It does not judge: the gate decides whether a well-formed event counts, after it is in the log. Sizes and times that are
not finite, or out of range, do not get past it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64, mypyc_attr

from mtf.errors import KindChanged, MalformedEvent
from mtf.events.bar_rows import UNFINISHED, BarClock, bar_key
from mtf.events.block import BOTH_SIDES, FROM_BAR, HAS_ASK, HAS_BID, QUOTE, TRADE, Block, SymbolTable
from mtf.events.malformed import (
    BAD_TIME,
    NEGATIVE_SIZE,
    NO_PRICE,
    NOT_FINITE,
    STILL_FORMS,
    TOO_FAR_AHEAD,
    contradiction,
    is_instant,
)
from mtf.events.row_copier import RowCopier
from mtf.events.tick import Tick
from mtf.events.waiting_rows import WaitingRows
from mtf.units import NEVER_NS, TS_MAX_NS, TS_MIN_NS

__all__ = ["TRADES", "BlockBuilder"]

TRADES: Final = 0  # in place of sides: a bar's prices are trade prices

NAN: Final = float("nan")


@mypyc_attr(native_class=True)
class BlockBuilder(WaitingRows):
    """Takes events as numbers, one at a time, and returns them as a block.

    *aside* and *strict* are as in `WaitingRows`. `quote` and `trade` take one tick and return 0, or the index into
    `REASONS` of what is wrong with it. In that case nothing is kept: the caller, who knows where the tick came from,
    calls `refuse`.
    """

    __slots__ = ("_content", "_copier", "arrival_ns", "bar_clock", "bar_kinds", "one_kind")

    def __init__(
        self,
        symbols: SymbolTable,
        *,
        aside: Callable[[str, int, str, str], None] | None = None,
        strict: bool = False,
        bar_clock: BarClock | None = None,
    ) -> None:
        super().__init__(symbols, aside, strict)
        self.bar_clock: Final = BarClock() if bar_clock is None else bar_clock  # decides when a bar's events happen
        self._content: Final = BytesWriter()  # scratch buffer, for the current bar
        self._copier: Final = RowCopier(symbols)
        self.arrival_ns: i64 = NEVER_NS  # time of arrival of the events that come next; NEVER_NS if not known
        self.one_kind = False  # a symbol's bars are made of quotes or of trades, whichever its first event is
        self.bar_kinds: Final[dict[str, int]] = {}  # that kind, for symbols whose first event was from a bar

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
        """Add a quote; *sides* tells which of bid and ask are present (HAS_BID, HAS_ASK); a missing side is ignored.

        A side that is not a valid price (NaN, infinite, zero ...) is kept as is, as long as one side is a number.
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
            bid = bid if bid == bid else NAN  # always the same NaN, so that equal events have equal bytes
            ask = ask if ask == ask else NAN
        flags = sides & BOTH_SIDES
        if from_bar:
            flags |= FROM_BAR
        if self.bar_kinds and self.bar_kinds.get(symbol, QUOTE) != QUOTE:
            raise self._other_kind(symbol, "trades", "a quote", "last")
        return self.append(QUOTE, flags, 0, symbol, ts_ns, bid, ask, bid_size, ask_size, id)

    def trade(
        self, symbol: str, ts_ns: i64, price: float, size: float = 0.0, id: str | None = None, from_bar: bool = False
    ) -> i64:
        """Add a trade. An infinite price is kept as is: rejecting it is up to the gate."""
        if size < 0.0:
            return NEGATIVE_SIZE
        if price != price or size - size != 0.0:
            return NOT_FINITE
        flags: i64 = FROM_BAR if from_bar else 0
        if self.bar_kinds and self.bar_kinds.get(symbol, TRADE) != TRADE:
            raise self._other_kind(symbol, "quotes", "a trade", "mid")
        return self.append(TRADE, flags, 0, symbol, ts_ns, price, size, 0.0, 0.0, id)

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
        """Add a bar: its open, high, low and close become four events at its end, either all of them or none.

        *length* is a `length_code`. The bar starts at *start_ns* or, if *date* (a proleptic ordinal) is not 0, is the
        bar of that date. With *sides* TRADES, *bids* are trade prices. A bar that ends after `arrival_ns` is logged as
        unfinished; if *log_unfinished* is false, it is not, and STILL_FORMS is returned.
        """
        if sides & HAS_BID or sides == TRADES:
            open_, high, low, close = bids
            if not (low <= open_ <= high and low <= close <= high):
                return contradiction(bids)
        else:
            bids = (0.0, 0.0, 0.0, 0.0)  # spelled out: mypyc treats a Final tuple of floats as never set
        if sides & HAS_ASK:
            open_, high, low, close = asks
            if not (low <= open_ <= high and low <= close <= high):
                return contradiction(asks)
        else:
            asks = (0.0, 0.0, 0.0, 0.0)
        # Sizes of a missing side stay out of the key: the same bar has the same key, wherever it comes from.
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
        key = bar_key(self._content, length, clock.start_ns, flags, bids, asks, sizes)
        return self.append_bar(
            kind, flags, detail, symbol, clock.start_ns, clock.last_ns, key, bids, asks, sizes[0], sizes[1]
        )

    def _other_kind(self, symbol: str, kind: str, what: str, side: str) -> KindChanged:
        """Return the error for a tick that cannot change any bar, since the input bars are of the other kind."""
        return KindChanged(
            f"{symbol}: its bars are made of {kind}, like the bars read so far, so {what} would change none of them; "
            f"choose which prices count (price='{side}' for those of the bars, or 'bid', 'ask', 'mid', 'last')"
        )

    def tick(self, tick: Tick) -> i64:
        """Add a user's tick; MalformedEvent if it is a quote and a trade, TypeError if a field has a wrong type."""
        # In the pure build a tick's fields may hold anything: `index` and `* 1.0` leave numbers as they are, to the
        # bit, and raise on everything else before anything is kept.
        ts_ns = index(tick.ts_ns)
        if not is_instant(ts_ns):
            return BAD_TIME
        received = tick.received_ns
        if received is None:
            return self._tick(tick, ts_ns)
        received_ns = index(received)
        if not is_instant(received_ns):
            return BAD_TIME
        self.received_ns = received_ns
        try:
            return self._tick(tick, ts_ns)
        finally:
            self.received_ns = NEVER_NS

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
        """Add the rows `[start, stop)` of another log's *block*; *names* are that log's symbols by number."""
        self._copier.copy(self, block, names, start, stop)
