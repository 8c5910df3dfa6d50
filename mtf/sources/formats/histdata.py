"""HistData.com's files: minute bars and ticks for several programs. Times are New York's winter time, UTC-5, all year.

Their names tell the kind: `DAT_ASCII_EURUSD_M1_2012` is `20120201 000000;open;high;low;close;0`,
`DAT_ASCII_EURUSD_T_201202` is `20120201 000003660,bid,ask,0`, `DAT_MT_..._M1` is `2012.02.01,00:00,open,...`,
`DAT_NT_..._M1` as the first, `DAT_NT_..._T_BID` (`_ASK`, `_LAST`) `20120201 000003;price;0`, and `DAT_MS_..._M1` has
MetaStock's header. Bars are stamped at their open, for any program.

Under another name, ticks are recognized by their nine digits, but bars look like NinjaTrader's or MetaTrader 4's.
"""

from __future__ import annotations

import re
from typing import Final

from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.formats.dotted import DOTTED_BARS, STAMPED_BARS, dotted_bars, stamped_bars
from mtf.sources.guess import SniffedTable, look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_FORMAT
from mtf.timeframe import Timeframe

__all__ = ["FORMAT"]

ZONE: Final = "UTC-05:00"

_NAME: Final = re.compile(
    r"(?:DAT|HISTDATA_COM)_(?P<program>ASCII|MT|NT|MS|XLSX)_(?P<symbol>[A-Z0-9]+)_(?P<kind>M1|T)"
    r"(?:_?(?P<side>BID|ASK|LAST))?(?:_?\d{4,6})?",
    re.IGNORECASE,
)
_TICK_TIME: Final = re.compile(r"\d{8} \d{9}")
_SIDE_TIME: Final = re.compile(r"\d{8} \d{6}")
_TICKS: Final[dict[str, str | int]] = {"time": 0, "bid": 1, "ask": 2}
_ONE_SIDE: Final[dict[str, dict[str, str | int]]] = {
    "BID": {"time": 0, "bid": 1},
    "ASK": {"time": 0, "ask": 1},
    "LAST": {"time": 0, "price": 1, "size": 2},
}
_METASTOCK: Final[dict[str, str | int]] = {
    "symbol": 0,
    "time": 1,
    "clock": 2,
    "open": 3,
    "high": 4,
    "low": 5,
    "close": 6,
    "volume": 7,
}


def _match(part: InputFile) -> re.Match[str] | None:
    return next(filter(None, (_NAME.match(name) for name in part.names)), None)


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or not table.rows:
        return NO
    if _match(part) is not None:
        return LIKELY + 2
    if "histdata" in part.venue.split():
        return LIKELY + 1
    first = table.rows[0][0]
    if table.header is not None:
        return NO
    ticks = table.fields == 4 and _TICK_TIME.fullmatch(first)
    one_side = table.fields == 3 and table.delimiter == ";" and _SIDE_TIME.fullmatch(first)
    return LIKELY if ticks or one_side or stamped_bars(table) or dotted_bars(table) else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    match = _match(part)
    if table is not None and table.rows:
        options = with_columns(options, _columns(table, match))
    symbol = match["symbol"].upper() if match is not None else ""
    bars = match is not None and match["kind"].upper() == "M1"
    return guessed_plan(
        part, options, symbol=symbol, zone=ZONE, zone_by=BY_FORMAT, timeframe=Timeframe("1m") if bars else None
    )


def _columns(table: SniffedTable, match: re.Match[str] | None) -> dict[str, str | int] | None:
    """Return the columns, given their number and the file's name."""
    side = match["side"] if match is not None else None
    if table.fields == 3:
        return _ONE_SIDE[(side or "LAST").upper()]
    if table.header is not None:
        return _METASTOCK if table.fields == 8 else None
    if dotted_bars(table):
        return DOTTED_BARS
    return _TICKS if table.fields == 4 else STAMPED_BARS if table.fields == 6 else None


FORMAT: Final = Format(
    name="histdata",
    description="HistData.com's minute bars and ticks, UTC-5",
    sniff=_sniff,
    plan=_plan,
    times="UTC-5 all year, stamped at the open",
)
