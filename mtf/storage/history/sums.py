"""Sums over a history of the former version, so that readers notice a flipped bit, a missing row or an extra one.

Each row has a sum over its values, and names the row before it. Each symbol and timeframe has a count and its last bar,
and one sum over all of these is stored with the position, which has its own sum. SQLite itself only checks structure.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

from xxhash import xxh3_64_intdigest

__all__ = ["FIRST", "linked_sums", "position_sum", "series_sum"]

FIRST: Final = -(1 << 63)  # what the first row of a symbol and timeframe has in place of the row before it
TRADING_DAY: Final = 10  # the index of the trading day among the columns

_NUMBERS: Final = struct.Struct("<2q5d11qq")  # start, end, prices and volume; ticks, flags, gaps, seq; the row before


def linked_sums(rows: Sequence[Sequence[Any]], symbol: str, timeframe: str) -> list[int]:
    """Return the sums of rows of one symbol and timeframe; -1 for an invalid row.

    A row has the numbers first, as they are summed, then the start of the row before, the stored sum, the trading day.
    """
    pack, texts, found = _NUMBERS.pack, {}, []
    for row in rows:
        day = row[-1]
        try:
            if day not in texts:
                texts[day] = f"{symbol}\0{timeframe}\0{day}".encode()
            found.append(xxh3_64_intdigest(pack(*row[:-2]) + texts[day]) >> 1)
        except (struct.error, UnicodeEncodeError):
            found.append(-1)
    return found


def series_sum(symbol: str, timeframe: str, bars: int, last_ns: int) -> int:
    """Return the sum of one symbol and timeframe: *bars* are stored, the last one starts at *last_ns*."""
    return _sum(repr((symbol, timeframe, bars, last_ns)).encode("utf-8", "surrogatepass"))


def position_sum(seq: int, zones: str, series: int) -> int:
    """Return the sum of the position; *series* is the XOR of the sums of all series."""
    return _sum(repr((seq, zones, series)).encode("utf-8", "surrogatepass"))


def _sum(data: bytes) -> int:
    """Return a sum that fits a column of SQLite."""
    return xxh3_64_intdigest(data) >> 1
