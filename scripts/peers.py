"""TA-Lib's stream handles, to be timed beside those of `core`."""

from __future__ import annotations

from typing import Any

import numpy as np
from talib import stream

__all__ = ["Handles", "Row", "talib_handles"]

Row = tuple[float, float, float, float, float, int, int]  # open, high, low, close, volume, day, flags
Handles = list[tuple[Any, tuple[int, ...]]]  # each with the columns of a row that it is fed

PLAIN = 0  # a plain mean


def talib_handles(bars: list[Row]) -> Handles:
    """Return handles that have seen *bars*, for those of `core` that TA-Lib has, with the same parameters."""
    h, lo, c, v = (np.array([bar[k] for bar in bars]) for k in range(1, 5))
    return [
        (stream.SMA(c, 20), (3,)),
        (stream.EMA(c, 20), (3,)),
        (stream.WMA(c, 20), (3,)),
        (stream.DEMA(c, 20), (3,)),
        (stream.RSI(c, 14), (3,)),
        (stream.MACD(c, 12, 26, 9), (3,)),
        (stream.STOCH(h, lo, c, 14, 1, PLAIN, 3, PLAIN), (1, 2, 3)),
        (stream.CCI(h, lo, c, 20), (1, 2, 3)),
        (stream.WILLR(h, lo, c, 14), (1, 2, 3)),
        (stream.BBANDS(c, 20, 2.0, 2.0, PLAIN), (3,)),
        (stream.ATR(h, lo, c, 14), (1, 2, 3)),
        (stream.KC(h, lo, c, 20, 10, 2.0), (1, 2, 3)),
        (stream.DONCHIAN(h, lo, 20), (1, 2)),
        (stream.OBV(c, v), (3, 4)),
        (stream.SMA(v, 20), (4,)),
        (stream.VWAP(h, lo, c, v), (1, 2, 3, 4)),
        (stream.ADX(h, lo, c, 14), (1, 2, 3)),
        (stream.PLUS_DI(h, lo, c, 14), (1, 2, 3)),
        (stream.MINUS_DI(h, lo, c, 14), (1, 2, 3)),
        (stream.SAR(h, lo, 0.02, 0.2), (1, 2)),
    ]
