"""Trades as one JSON array of arrays, `[[ms, "id", null, "sell", price, amount, cost], ...]`. Compiled.

They are parsed many at a time; if that fails, one by one, so that only the invalid ones are refused.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from mypy_extensions import i64, mypyc_attr

from mtf.events.block_builder import BlockBuilder
from mtf.events.malformed import BAD_TIME, REASONS
from mtf.sources.row_reader import Reader

__all__ = ["TradeArrays"]

MILLISECOND_NS: Final = 1_000_000
EPOCH_MS_MAX: Final = 9_000_000_000_000  # beyond every accepted time, but in the range of an i64 as nanoseconds
NUMBER_MS_MAX: Final = 10**15  # a larger number is not a time
MANY: Final = 512  # trades that are parsed at once, at most

TAB: Final = 9
NEWLINE: Final = 10
RETURN: Final = 13
SPACE: Final = 32
COMMA: Final = 44
OPENING: Final = 91
CLOSING: Final = 93

NO_TRADE: Final = "not a trade of the form [ms, id, null, side, price, amount, cost]"


@mypyc_attr(native_class=True)
class TradeArrays(Reader):
    """Reads a JSON array of arrays, one trade each, of *symbol*; `line` counts trades.

    No trade contains an array, or a bracket in a string, so a trade ends at the next bracket.
    """

    def __init__(self, place: str, symbol: str) -> None:
        super().__init__(place)
        self._symbol: Final = symbol

    def scan(self, builder: BlockBuilder, data: bytes, at: i64, limit: i64, final: bool) -> i64:
        self.left = limit
        size: i64 = len(data)
        while self.left > 0:
            at = _next(data, at)
            if at == size:
                break
            if data[at] == CLOSING or (data[at] == OPENING and self.line == 0 and self._is_outer(data, at)):
                at += 1
                continue
            if self.line > 0:
                stop = self._read_many(builder, data, at)
                if stop > at:
                    at = stop
                    continue
            end: i64 = data.find(b"]", at)
            if end < 0 and not final:
                if size - at > self.line_bytes_max:
                    raise self.too_long()
                break
            stop = size if end < 0 else end + 1
            if stop - at > self.line_bytes_max:
                raise self.too_long()
            self.line += 1
            self.left -= 1
            raw = data[at:stop]
            try:
                problem = self._trade(builder, orjson.loads(raw))
            except ValueError:
                problem = NO_TRADE
            if problem:
                self.refuse(builder, problem, raw)
            at = stop
        return at

    def _read_many(self, builder: BlockBuilder, data: bytes, at: i64) -> i64:
        """Take as many complete trades from *at* on as possible at once; return where the next one starts.

        That is *at*, and nothing was taken, unless each of them is a list that ends at the next bracket.
        """
        most: i64 = MANY if self.left > MANY else self.left
        count: i64 = 0
        stop = at
        while count < most:
            end: i64 = data.find(b"]", stop)
            if end < 0 or (count > 0 and _next(data, stop) == end):  # the bracket of the array itself
                break
            stop = end + 1
            count += 1
        if count < 2 or stop - at > self.line_bytes_max:
            return at
        try:
            trades: list[Any] = orjson.loads(b"[" + data[at:stop] + b"]")
        except ValueError:
            return at
        # As many lists as brackets: none is in another one, or in a string.
        if len(trades) != count or set(map(type, trades)) != {list}:
            return at
        for i in range(count):
            self.line += 1
            self.left -= 1
            problem = self._trade(builder, trades[i])
            if problem:
                self.refuse(builder, problem, _nth(data, at, i))
        return stop

    def _trade(self, builder: BlockBuilder, row: Any) -> str:
        """Take a trade; return what is wrong with it, "" if nothing is."""
        try:
            ts_ms = row[0]
            id = row[1]
            price = float(row[4])
            size = float(row[5])
        except (ValueError, TypeError, IndexError, KeyError):
            return NO_TRADE
        if type(ts_ms) is not int or not -NUMBER_MS_MAX < ts_ms < NUMBER_MS_MAX:
            return "the time cannot be read"
        if not -EPOCH_MS_MAX < ts_ms < EPOCH_MS_MAX:
            return REASONS[BAD_TIME]
        text: str | None = None if id is None else str(id)
        return REASONS[builder.trade(self._symbol, i64(ts_ms) * MILLISECOND_NS, price, size, text)]

    def _is_outer(self, data: bytes, at: i64) -> bool:
        """Whether the bracket at *at* is that of the array of arrays."""
        return data[at + 1 :].lstrip()[:1] == b"["


def _next(data: bytes, at: i64) -> i64:
    """Return the position after spaces and commas."""
    size: i64 = len(data)
    while at < size:
        byte: i64 = i64(data[at])
        if byte != SPACE and byte != COMMA and byte != NEWLINE and byte != RETURN and byte != TAB:
            break
        at += 1
    return at


def _nth(data: bytes, at: i64, count: i64) -> bytes:
    """Return the trade after *count* others from *at* on."""
    for _ in range(count):
        at = data.find(b"]", at) + 1
    at = _next(data, at)
    return data[at : data.find(b"]", at) + 1]
