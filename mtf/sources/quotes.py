"""Rows of quotes that omit a side: empty for "as before", or with a number that means none. Compiled.

MetaTrader only writes a side that changed; Databento writes a certain number for an empty side of the book. A row with
a trade's price and without any side is a trade: exchange-traded instruments have both in one file.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.errors import SourceError
from mtf.events.block import HAS_ASK, HAS_BID
from mtf.events.block_builder import BlockBuilder
from mtf.sources.row_reader import reason
from mtf.sources.text_table import TableReader

__all__ = ["ASK", "ASK_SIZE", "BID", "BID_SIZE", "HELD_MAX", "ID", "QuoteReader"]

HELD_MAX: Final = 1_000  # symbols of one file whose last quote is kept; they are in the source's position

BID: Final = 4  # as in ROLES
ASK: Final = 5
BID_SIZE: Final = 6
ASK_SIZE: Final = 7
ID: Final = 3
PRICE: Final = 8


@mypyc_attr(native_class=True, acyclic=True)
class _Quote:
    """The last quote of a symbol; *sides* are those that it has had."""

    __slots__ = ("ask", "ask_size", "bid", "bid_size", "sides")

    def __init__(self) -> None:
        self.sides: i64 = 0
        self.bid = 0.0
        self.ask = 0.0
        self.bid_size = 0.0
        self.ask_size = 0.0


@mypyc_attr(native_class=True)
class QuoteReader(TableReader):
    """Reads quotes and trades with parts that may be left out; `leave_out` sets what that means."""

    _complete: bool = False  # rows are complete: an empty side is missing
    _unchanged: bool = False
    _undefined: bytes = b""

    def leave_out(self, *, unchanged: bool, undefined: bytes) -> None:
        """Treat an empty side as *unchanged*, and a side that is *undefined* as having no price."""
        self._complete = not unchanged and len(undefined) == 0
        self._unchanged = unchanged
        self._undefined = undefined
        self._held: dict[str, _Quote] = {}  # by symbol

    def memo(self) -> dict[str, list[float]]:
        """Return the kept last quote of each symbol, as a JSON value."""
        return {
            name: [int(each.sides), each.bid, each.ask, each.bid_size, each.ask_size]
            for name, each in self._held.items()
        }

    def recall(self, memo: dict[str, list[float]]) -> None:
        """Restore the result of `memo`."""
        self._held = {}
        for name, each in memo.items():
            quote = _Quote()
            quote.sides = int(each[0])
            quote.bid, quote.ask, quote.bid_size, quote.ask_size = each[1], each[2], each[3], each[4]
            self._held[name] = quote

    def _quote(self, builder: BlockBuilder, data: bytes) -> None:
        if self._complete:
            super()._quote(builder, data)
            return
        ts_ns = self._time(data)
        has_bid = self._has(data, BID)
        has_ask = self._has(data, ASK)
        if not has_bid and not has_ask and self._given(PRICE):
            self._trade(builder, data)
            return
        sides: i64 = 0
        bid = 0.0
        ask = 0.0
        bid_size = 0.0
        ask_size = 0.0
        if has_bid:
            sides |= HAS_BID
            bid = self._price(data, BID)
            bid_size = self._size(data, BID_SIZE)
        if has_ask:
            sides |= HAS_ASK
            ask = self._price(data, ASK)
            ask_size = self._size(data, ASK_SIZE)
        if self._problem:
            return
        name = self._name(data)
        held = self._held.get(name) if self._unchanged else None
        if held is not None:
            sides |= held.sides
            if not has_bid:
                bid = held.bid
                bid_size = held.bid_size
            if not has_ask:
                ask = held.ask
                ask_size = held.ask_size
        id = self._text(data, ID) if self._given(ID) else None
        code = builder.quote(name, ts_ns, bid, ask, bid_size, ask_size, sides, id)
        if code:
            self._problem = reason(code)
            return
        if self._unchanged:
            if held is None:
                if len(self._held) >= HELD_MAX:
                    raise self._too_many()
                held = _Quote()
                self._held[name] = held
            held.sides = sides
            held.bid = bid
            held.ask = ask
            held.bid_size = bid_size
            held.ask_size = ask_size
        self.last_ns = ts_ns
        self.left -= 1

    def _trade(self, builder: BlockBuilder, data: bytes) -> None:
        if not self._complete and not self._given(PRICE) and (self._has(data, BID) or self._has(data, ASK)):
            self._quote(builder, data)
        else:
            super()._trade(builder, data)

    def _has(self, data: bytes, role: i64) -> bool:
        """Whether the row has a price for *role*."""
        if not self._given(role):
            return False
        if len(self._undefined) == 0:
            return True
        column = self._columns[role]
        return data[self._starts[column] : self._ends[column]] != self._undefined

    def _too_many(self) -> SourceError:
        return SourceError(
            f"{self.place}:{self.line + 1}: more than {HELD_MAX} symbols, whose last quotes are needed because "
            "an empty side means unchanged: split the file by symbol",
            path=self.place,
            line=self.line + 1,
        )
