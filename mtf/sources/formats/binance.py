"""Binance trades as one JSON array, `[[ms, "id", null, "sell", price, amount, cost], ...]`, streamed trade by trade."""

from __future__ import annotations

import re
from typing import Final

from mtf.errors import OptionNeeded
from mtf.sources.file_format import CERTAIN, NO, Format, FormatOptions, Plan
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_FORMAT, ReadAs
from mtf.sources.row_reader import Reader
from mtf.sources.trade_arrays import TradeArrays

__all__ = ["FORMAT"]

_START: Final = re.compile(rb'\s*\[\s*\[\s*\d{12,14}\s*,\s*"')


def _sniff(part: InputFile) -> int:
    return CERTAIN if _START.match(part.head) else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    symbol = options.symbol or part.symbol
    if not symbol:
        raise OptionNeeded("the file's name does not contain the symbol: give {symbol}", symbol="NAME")

    def reader() -> Reader:
        made = TradeArrays(part.place, symbol)
        made.line_bytes_max = options.limits.line_bytes
        return made

    read_as = ReadAs(kind="trades", zone="UTC", zone_by=BY_FORMAT, times="ms")
    return Plan(kind="trades", symbol=symbol, reader=reader, read_as=read_as)


FORMAT: Final = Format(
    name="binance-trades", description="Binance trades as one JSON array of arrays", sniff=_sniff, plan=_plan
)
