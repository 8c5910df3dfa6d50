"""TrueFX: quotes in UTC, `EUR/USD,20130101 22:00:00.295,bid,ask` without a header, or `timestamp,bid,ask` with one."""

from __future__ import annotations

import re
from typing import Final

from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.guess import look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_FORMAT

__all__ = ["FORMAT"]

_PAIR: Final = re.compile(r"[A-Z]{3}/[A-Z]{3}")
_TIME: Final = re.compile(r"\d{8} \d{2}:\d{2}:\d{2}\.\d{3}")
_COLUMNS: Final = {"symbol": 0, "time": 1, "bid": 2, "ask": 3}


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or table.fields != 4 or not table.rows:
        return NO
    first = table.rows[0]
    return LIKELY + 1 if _PAIR.fullmatch(first[0]) and _TIME.fullmatch(first[1]) else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    if table is not None and table.header is None:
        options = with_columns(options, _COLUMNS)
    return guessed_plan(part, options, zone_by=BY_FORMAT)


FORMAT: Final = Format(name="truefx", description="TrueFX quotes, UTC", sniff=_sniff, plan=_plan)
