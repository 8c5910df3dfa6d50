"""NinjaTrader's exports: UTC, and bars stamped at their close.

Minute bars are `20110103 090100;open;high;low;close;volume`, daily ones `20110103;open;high;low;close;volume`, ticks
`20061107 000431;price;volume`. Files are named after their contract and price: `ES 03-24.Last.txt`. The ticks of
version 8 that have a fraction of a second of its own, `20061107 000431 1230000;...`, are refused.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.formats.dotted import STAMPED_BARS, stamped_bars
from mtf.sources.guess import SniffedTable, look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_FORMAT
from mtf.timeframe import Timeframe

__all__ = ["FORMAT"]

_NAME: Final = re.compile(
    r"nt-(?P<word>[a-z0-9]+)-.*"
    r"|(?P<symbol>[^.]+)\.(?P<side>last|bid|ask)"
    r"|(?P<contract>[A-Z0-9]{1,5} (?:\d\d-\d\d|##-##))(?:\.(?P<of>last|bid|ask))?",
    re.IGNORECASE,
)
_TICK: Final = re.compile(r"\d{8} \d{6}")
_FINE_TICK: Final = re.compile(r"\d{8} \d{6} \d{7}")
_DAY: Final = re.compile(r"\d{8}")
_TRADE: Final[dict[str, str | int]] = {"time": 0, "price": 1, "size": 2}
_SIDES: Final[dict[str, dict[str, str | int]]] = {
    "bid": {"time": 0, "bid": 1, "bid_size": 2},
    "ask": {"time": 0, "ask": 1, "ask_size": 2},
}


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header is not None or not table.rows or table.delimiter != ";":
        return NO
    named = _NAME.fullmatch(part.stem) is not None or "ninjatrader" in part.venue.split()
    first = table.rows[0][0]
    if stamped_bars(table):
        return LIKELY + 1 if named else LIKELY
    if _FINE_TICK.fullmatch(first):
        return LIKELY + 1
    ticks = table.fields == 3 and _TICK.fullmatch(first)
    days = table.fields == 6 and _DAY.fullmatch(first)
    return (LIKELY + 1 if named else LIKELY) if ticks or days else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    if table is not None and table.rows and _FINE_TICK.fullmatch(table.rows[0][0]):
        return Plan(
            refused="NinjaTrader's ticks with a separate fraction of a second are not supported: export minutes"
        )
    match = _NAME.fullmatch(part.stem)
    words = match.groupdict() if match is not None else {}
    symbol = (words.get("symbol") or words.get("contract") or words.get("word") or "").upper()
    side = (words.get("side") or words.get("of") or "last").lower()
    timeframe = None
    if table is not None and table.rows:
        options = with_columns(options, _columns(table, side))
        daily = table.fields == 6 and _DAY.fullmatch(table.rows[0][0])
        timeframe = Timeframe("1d") if daily else None
        # A daily bar has the date of its day; only shorter bars have the time of their end.
        options = attrs.evolve(options, stamp=options.stamp or ("open" if daily else "close"))
    plan = guessed_plan(part, options, symbol=symbol, zone_by=BY_FORMAT, timeframe=timeframe)
    return attrs.evolve(plan, kind=f"{side} {plan.kind}") if side != "last" and plan.kind.startswith("bars") else plan


def _columns(table: SniffedTable, side: str) -> dict[str, str | int] | None:
    if table.fields == 6:
        return STAMPED_BARS
    return _SIDES.get(side, _TRADE) if table.fields == 3 else None


FORMAT: Final = Format(
    name="ninjatrader",
    description="NinjaTrader's exports: bars stamped at their close, and ticks; UTC",
    sniff=_sniff,
    plan=_plan,
    times="UTC, stamped at the close",
)
