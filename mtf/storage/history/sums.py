"""Sums over what the history stores, so that readers notice a flipped bit, a missing row or an extra one.

Each row has a sum over its values, and names the row before it. Each symbol and timeframe has a count and its last bar,
and one sum over all of those is stored with the position, which has its own sum. SQLite itself only checks structure.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

from xxhash import xxh3_64_intdigest

__all__ = ["FIRST", "linked_sums", "position_sum", "row_sum", "series_sum"]

FIRST: Final = -(1 << 63)  # what the first row of a symbol and timeframe names as the one before it
TRADING_DAY: Final = 10  # the index of the trading day among the columns

_NUMBERS: Final = struct.Struct("<2q5d11qq")  # start, end, prices and volume; ticks, flags, gaps, seq; the row before


def row_sum(row: Sequence[Any], before_ns: Any) -> int:
    """Return the sum of a row of `COLUMNS` that follows the one that starts at *before_ns*; -1 if *row* is not one."""
    try:
        numbers = _NUMBERS.pack(*row[2:TRADING_DAY], *row[TRADING_DAY + 1 :], before_ns)
        return _sum(numbers + f"{row[0]}\0{row[1]}\0{row[TRADING_DAY]}".encode())
    except (struct.error, UnicodeEncodeError):
        return -1


def linked_sums(rows: Sequence[Sequence[Any]], symbol: str, timeframe: str) -> list[int]:
    """Return the sums, as `row_sum` has them, of rows of one symbol and timeframe with the columns in another order.

    The numbers stand first, as they are summed, then the start of the row before, the stored sum, the trading day.
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
    """Return the sum of the position; *series* is that of all series, by exclusive or."""
    return _sum(repr((seq, zones, series)).encode("utf-8", "surrogatepass"))


def _sum(data: bytes) -> int:
    """Return a sum that fits a column of SQLite."""
    return xxh3_64_intdigest(data) >> 1
