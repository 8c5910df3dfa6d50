"""HistData.com's generic ASCII files: ticks, and minute bars. Times are New York's winter time, UTC-5, all year.

Ticks are `20200101 170000065,bid,ask,0`, bars `20120201 000000;open;high;low;close;0`, both without a header. Bars
look as NinjaTrader's do, but are stamped at their open: told from them by the name `DAT_ASCII_EURUSD_M1_2012.csv`.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from mtf.sources.format import LIKELY, NO, Format, Options, Plan
from mtf.sources.formats.csv import guessed_plan
from mtf.sources.guess import look
from mtf.sources.parts import Part

__all__ = ["FORMAT"]

_TICK_TIME: Final = re.compile(r"\d{8} \d{9}")
_NAME: Final = re.compile(r"DAT_ASCII_([A-Z0-9]+)_(T|M1)_\d+", re.IGNORECASE)
_TICKS: Final = {"time": 0, "bid": 1, "ask": 2}
_BARS: Final = {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}


def _sniff(part: Part) -> int:
    table = look(part)
    if table is None or table.header is not None or not table.rows:
        return NO
    if _NAME.match(part.member or part.path.name):
        return LIKELY + 1
    return LIKELY if table.fields == 4 and _TICK_TIME.fullmatch(table.rows[0][0]) else NO


def _plan(part: Part, options: Options) -> Plan:
    table = look(part, delimiter=options.delimiter, header=options.header)
    match = _NAME.match(part.member or part.path.name)
    if options.columns is None and table is not None:
        options = attrs.evolve(options, columns=_TICKS if table.fields == 4 else _BARS)
    symbol = match[1].upper() if match is not None else ""
    return guessed_plan(part, options, symbol=symbol, zone="UTC-05:00")


FORMAT: Final = Format(
    name="histdata", description="HistData.com generic ASCII: ticks and minute bars, UTC-5", sniff=_sniff, plan=_plan
)
