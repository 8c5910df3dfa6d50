"""Two layouts of bars without a header, used by several vendors, each in a different time zone.

`2012.02.01,00:00,open,high,low,close,volume` comes from MetaTrader 4 (the broker's server), HistData (UTC-5) and
converters of Dukascopy's data (UTC); `20120201 000000;open;high;low;close;volume` from HistData (UTC-5, stamped at the
open) and NinjaTrader (UTC, stamped at the close). What the file's name does not tell has to be given as an option.
"""

from __future__ import annotations

import re
from typing import Final

from mtf.sources.guess import SniffedTable

__all__ = ["DOTTED_BARS", "STAMPED_BARS", "dotted_bars", "stamped_bars"]

DOTTED_BARS: Final[dict[str, str | int]] = {
    "time": 0,
    "clock": 1,
    "open": 2,
    "high": 3,
    "low": 4,
    "close": 5,
    "volume": 6,
}
STAMPED_BARS: Final[dict[str, str | int]] = {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}

_DATE: Final = re.compile(r"\d{4}\.\d\d\.\d\d")
_CLOCK: Final = re.compile(r"\d\d:\d\d")
_STAMP: Final = re.compile(r"\d{8} \d{6}")


def dotted_bars(table: SniffedTable) -> bool:
    """Whether *table* has rows as `2012.02.01,00:00,1.3066,1.3066,1.3065,1.3065,0`, and no header."""
    if table.header is not None or table.fields != 7 or not table.rows:
        return False
    return any(_DATE.fullmatch(row[0]) and _CLOCK.fullmatch(row[1]) for row in table.rows[:10])


def stamped_bars(table: SniffedTable) -> bool:
    """Whether *table* has rows as `20120201 000000;1.3066;1.3066;1.3065;1.3065;0`, and no header."""
    if table.header is not None or table.fields != 6 or table.delimiter != ";" or not table.rows:
        return False
    return any(_STAMP.fullmatch(row[0]) for row in table.rows[:10])
