"""A check that four prices can be the open, high, low and close of one bar. Compiled."""

from __future__ import annotations

__all__ = ["contradiction"]


def contradiction(prices: tuple[float, float, float, float]) -> str:
    """Return the contradiction between open, high, low and close; "" if there is none."""
    open_, high, low, close = prices
    if high < low:
        return f"the high, {high!r}, is below the low, {low!r}"
    if open_ < low or open_ > high:
        return f"the open, {open_!r}, is not between the low, {low!r}, and the high, {high!r}"
    if close < low or close > high:
        return f"the close, {close!r}, is not between the low, {low!r}, and the high, {high!r}"
    return ""
