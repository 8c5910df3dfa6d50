"""Consecutive bars as text: `bars("10/12/9/11 11/11/10/10x3 10")`, and a seeded random walk of bars."""

from __future__ import annotations

import random
import re
from typing import Final

from mtf.bars.bar import Bar
from mtf.timeframe import Timeframe

__all__ = ["bars", "walk_of_bars"]

START_NS: Final = 1_709_683_200_000_000_000  # 2024-03-06T00:00Z

_WORD: Final = re.compile(r"(?P<prices>[\d.]+(?:/[\d.]+){0,3})(?:x(?P<volume>[\d.]+))?")


def bars(text: str, *, symbol: str = "EURUSD", timeframe: str = "1m", start_ns: int = START_NS) -> list[Bar]:
    """Return consecutive bars, one for each word: `OPEN/HIGH/LOW/CLOSE[xVOLUME]`, or one price for all four."""
    length = Timeframe(timeframe)
    made: list[Bar] = []
    for word in text.split():
        match = _WORD.fullmatch(word)
        prices = [] if match is None else [float(price) for price in match["prices"].split("/")]
        if match is None or len(prices) not in (1, 4):
            raise ValueError(f"invalid bar {word!r}: write it as 10/12/9/11x3, or 10")
        open_, high, low, close = prices if len(prices) == 4 else prices * 4
        made.append(
            Bar(
                symbol=symbol,
                timeframe=length,
                start_ns=start_ns,
                end_ns=start_ns + length.length_ns,
                open=open_,
                high=high,
                low=low,
                close=close,
                volume=float(match["volume"] or 0),
                ticks=1,
            )
        )
        start_ns += length.length_ns
    return made


def walk_of_bars(count: int, seed: int = 1) -> list[Bar]:
    """Return *count* bars of a random walk, always the same for a given *seed*."""
    chance = random.Random(seed)
    words = []
    price = 100.0
    for _ in range(count):
        steps = [price + chance.randint(-8, 8) / 8 for _ in range(3)]
        words.append(f"{price}/{max(price, *steps)}/{min(price, *steps)}/{steps[-1]}x{chance.randint(0, 64)}")
        price = max(20.0, steps[-1])
    return bars(" ".join(words))
