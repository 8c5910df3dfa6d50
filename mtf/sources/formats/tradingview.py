"""TradingView's chart exports: `time,open,high,low,close,Volume` and any studies on the chart.

Times are in seconds since 1970, or ISO 8601 with their own offset; days may be dates. The symbol and the length of the
bars are in the name, `BITSTAMP_BTCUSD, 60.csv` (minutes, or 15S, 1D, 1W, 1M). Stamped at the open.
"""

from __future__ import annotations

import re
from typing import Final

from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.guess import look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import ASSUMED
from mtf.timeframe import Timeframe

__all__ = ["FORMAT"]

_COLUMNS: Final = ["time", "open", "high", "low", "close"]
_NAME: Final = re.compile(
    r"(?P<venue>[A-Z0-9]+)_(?P<symbol>[^,]+), (?P<length>\d{1,4}[SDWM]?|[DWM])(?:_[0-9a-f]{4,8})?(?: \(\d+\))?"
)
_UNITS: Final = {"S": "s", "D": "d", "W": "w", "M": "mo"}


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header is None:
        return NO
    named = _NAME.fullmatch(part.stem) is not None
    return LIKELY + 1 if named and table.header[:5] == _COLUMNS else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    match = _NAME.fullmatch(part.stem)
    if table is not None and table.header is not None:
        columns: dict[str, str | int] = {name: index for index, name in enumerate(_COLUMNS)}
        volume = next((i for i, name in enumerate(table.header) if name.lower() == "volume"), None)
        options = with_columns(options, columns if volume is None else columns | {"volume": volume})
    symbol = match["symbol"].upper() if match is not None else ""
    timeframe = _length(match["length"]) if match is not None else None
    return guessed_plan(part, options, symbol=symbol, zone_by=ASSUMED, timeframe=timeframe)


def _length(text: str) -> Timeframe:
    count, unit = (text[:-1] or "1", _UNITS[text[-1]]) if not text.isdigit() else (text, "m")
    return Timeframe("1d" if unit == "m" and int(count) == 24 * 60 else f"{count}{unit}")


FORMAT: Final = Format(name="tradingview", description="TradingView's chart exports", sniff=_sniff, plan=_plan)
