"""NinjaTrader's exported bars, `20110103 090100;open;high;low;close;volume`: UTC, and stamped at their close."""

from __future__ import annotations

import re
from typing import Final

import attrs

from mtf.sources.format import LIKELY, NO, Format, Options, Plan
from mtf.sources.formats.csv import guessed_plan
from mtf.sources.guess import look
from mtf.sources.parts import Part

__all__ = ["FORMAT"]

_TIME: Final = re.compile(r"\d{8} \d{6}")
_COLUMNS: Final = {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}
_NAME: Final = re.compile(r"nt-([a-z]+)-", re.IGNORECASE)


def _sniff(part: Part) -> int:
    table = look(part)
    if table is None or table.header is not None or table.delimiter != ";" or table.fields != 6:
        return NO
    return LIKELY if _TIME.fullmatch(table.rows[0][0]) else NO


def _plan(part: Part, options: Options) -> Plan:
    options = attrs.evolve(options, columns=options.columns or _COLUMNS, stamp=options.stamp or "close")
    match = _NAME.match(part.member or part.path.name)
    return guessed_plan(part, options, symbol=match[1].upper() if match else "")


FORMAT: Final = Format(
    name="ninjatrader", description="NinjaTrader bars, stamped at their close, UTC", sniff=_sniff, plan=_plan
)
