"""Candles of OANDA's v20 API as CSV: `index,volume,time,Open,High,Low,Close,Pair`, stamped at their open, in UTC.

The name of the file gives their length in OANDA's notation: `EUR_USD_M5.csv`.
"""

from __future__ import annotations

import re
from typing import Final

from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan
from mtf.sources.guess import look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_FORMAT
from mtf.timeframe import Timeframe

__all__ = ["FORMAT"]

_NAME: Final = re.compile(r"[A-Z]{3}_[A-Z]{3}_(?:([SMH])(\d+)|([DWM]))(?=\.|$)")
_LONG: Final = {"D": "1d", "W": "1w", "M": "1mo"}


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header is None:
        return NO
    return LIKELY if {"time", "open", "high", "low", "close", "volume", "pair"} <= set(table.named()) else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    match = next(filter(None, map(_NAME.match, part.names)), None)
    timeframe = None
    if match is not None:
        timeframe = Timeframe(_LONG[match[3]] if match[3] else f"{match[2]}{match[1].lower()}")
    return guessed_plan(part, options, zone_by=BY_FORMAT, timeframe=timeframe)


FORMAT: Final = Format(name="oanda", description="OANDA v20 candles as CSV, UTC", sniff=_sniff, plan=_plan)
