"""Kaiko's CSV files: trades, and bars without a header. UTC, in milliseconds.

Trades are `id,exchange,symbol,date,price,amount,sell`. Bars are `timestamp,open,high,low,close,volume`, in files as
`bw_btcusdt_perp_ohlcv_5m_2023_02.csv`, or with the number of trades and a mean price beside them, `..._cohlcvwap_...`;
an interval without a trade has null prices, and is a malformed row. Snapshots of the order book are refused.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, with_columns
from mtf.sources.guess import look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_FORMAT
from mtf.timeframe import Timeframe

__all__ = ["FORMAT"]

_TRADES: Final = ["id", "exchange", "symbol", "date", "price", "amount", "sell"]
_BOOK: Final = ["date", "type", "price", "amount"]
_NAME: Final = re.compile(
    r"(?P<exchange>[^_]+)_(?P<symbol>.+)_(?P<kind>ohlcv|cohlcvwap)_(?P<length>\d+[smhd])(?:_\d{4}.*)?", re.IGNORECASE
)
_FIELDS: Final[dict[str, dict[str, str | int]]] = {
    "ohlcv": {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5},
    "cohlcvwap": {"time": 0, "open": 2, "high": 3, "low": 4, "close": 5, "volume": 6},
}
_WIDTHS: Final = {"ohlcv": 6, "cohlcvwap": 8}


def _header(part: InputFile) -> list[str]:
    table = look(part)
    return [name.lower() for name in table.header] if table is not None and table.header is not None else []


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or not table.rows:
        return NO
    match = _NAME.fullmatch(part.stem)
    if match is not None and table.fields == _WIDTHS[match["kind"].lower()]:
        return LIKELY + 1
    return LIKELY + 1 if _header(part) in (_TRADES, _BOOK) else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    if _header(part) == _BOOK:
        return Plan(refused="Kaiko's snapshots of the order book, level by level: no trades or quotes")
    match = _NAME.fullmatch(part.stem)
    options = attrs.evolve(options, time_format=options.time_format or "ms")
    if match is None:
        columns = {"id": "id", "symbol": "symbol", "time": "date", "price": "price", "size": "amount"}
        return guessed_plan(part, with_columns(options, columns), zone_by=BY_FORMAT)
    options = with_columns(options, _FIELDS[match["kind"].lower()])
    timeframe = Timeframe(match["length"].lower())
    return guessed_plan(part, options, symbol=match["symbol"].upper(), zone_by=BY_FORMAT, timeframe=timeframe)


FORMAT: Final = Format(name="kaiko", description="Kaiko's trades and bars, UTC", sniff=_sniff, plan=_plan)
