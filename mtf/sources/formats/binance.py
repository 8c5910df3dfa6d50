"""Binance trades as one JSON array, `[[ms, "id", null, "sell", price, amount, cost], ...]`, streamed trade by trade."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from mtf.errors import OptionNeeded
from mtf.events.block_builder import BlockBuilder
from mtf.events.malformed import REASONS
from mtf.sources.file_format import CERTAIN, NO, Format, FormatOptions, Plan
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_FORMAT, ReadAs
from mtf.sources.row_reader import Reader

__all__ = ["FORMAT", "TradeArrays"]

MILLISECOND_NS: Final = 1_000_000
_START: Final = re.compile(rb'\s*\[\s*\[\s*\d{12,14}\s*,\s*"')
_BETWEEN: Final = b" \t\r\n,"


class TradeArrays(Reader):
    """Reads a JSON array of arrays, one trade each; `line` counts trades.

    No trade has an array of its own or a bracket in a string, so a trade ends at the next bracket.
    """

    def __init__(self, place: str, symbol: str) -> None:
        super().__init__(place)
        self._symbol: Final = symbol

    def scan(self, builder: BlockBuilder, data: bytes, at: int, limit: int, final: bool) -> int:
        self.left = limit
        size = len(data)
        while self.left > 0:
            while at < size and data[at] in _BETWEEN:
                at += 1
            if at == size:
                break
            opening = data[at : at + 1]
            if opening == b"]" or (opening == b"[" and self.line == 0 and data[at + 1 :].lstrip()[:1] == b"["):
                at += 1
                continue
            end = data.find(b"]", at)
            if end < 0 and not final:
                if size - at > self.line_bytes_max:
                    raise self.too_long()
                break
            stop = size if end < 0 else end + 1
            if stop - at > self.line_bytes_max:
                raise self.too_long()
            self.line += 1
            self.left -= 1
            reason = self._trade(builder, data[at:stop])
            if reason:
                self.refuse(builder, reason, data[at:stop])
            at = stop
        return at

    def _trade(self, builder: BlockBuilder, raw: bytes) -> str:
        try:
            row: Any = orjson.loads(raw)
            ts_ms, id, price, size = row[0], row[1], float(row[4]), float(row[5])
        except (ValueError, TypeError, IndexError, KeyError):
            return "not a trade as [ms, id, null, side, price, amount, cost]"
        if type(ts_ms) is not int or not -(10**15) < ts_ms < 10**15:
            return "the time cannot be read"
        code = builder.trade(self._symbol, ts_ms * MILLISECOND_NS, price, size, None if id is None else str(id))
        return REASONS[code]


def _sniff(part: InputFile) -> int:
    return CERTAIN if _START.match(part.head) else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    symbol = options.symbol or part.symbol
    if not symbol:
        raise OptionNeeded("the file's name does not say the symbol: give {symbol}", symbol="NAME")

    def reader() -> Reader:
        made = TradeArrays(part.place, symbol)
        made.line_bytes_max = options.limits.line_bytes
        return made

    read_as = ReadAs(kind="trades", zone="UTC", zone_by=BY_FORMAT, times="ms")
    return Plan(kind="trades", symbol=symbol, reader=reader, read_as=read_as)


FORMAT: Final = Format(
    name="binance-trades", description="Binance trades as one JSON array of arrays", sniff=_sniff, plan=_plan
)
