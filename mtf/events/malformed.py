"""Malformed events: the reasons to refuse an event before it is logged, and the checks that need no other event."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from mtf.units import TS_MAX_NS, TS_MIN_NS

__all__ = [
    "BAD_ID",
    "BAD_SYMBOL",
    "BAD_TIME",
    "NEGATIVE_SIZE",
    "NOT_FINITE",
    "NO_PRICE",
    "REASONS",
    "STILL_FORMS",
    "TOO_FAR_AHEAD",
    "contradiction",
    "is_instant",
    "is_name",
]

# What `BlockBuilder.quote`, `trade` and `bar` return: 0 for a well-formed event, else the index of the reason.
REASONS: Final = (
    "",
    "the time is before 1678 or after 2200",
    "a price is missing",
    "a number is NaN or infinite",
    "a size is negative",
    "the symbol is blank, longer than 255 bytes, not text, or has control characters",
    "the id is longer than 255 bytes, or not text",
    "stamped too far ahead of its arrival",
    "the high is below the low",
    "the open is not between low and high",
    "the close is not between low and high",
    "the bar still forms: its end lies after its arrival",
)
BAD_TIME: Final = 1
NO_PRICE: Final = 2
NOT_FINITE: Final = 3
NEGATIVE_SIZE: Final = 4
BAD_SYMBOL: Final = 5
BAD_ID: Final = 6
TOO_FAR_AHEAD: Final = 7
HIGH_BELOW_LOW: Final = 8
OPEN_OUTSIDE: Final = 9
CLOSE_OUTSIDE: Final = 10
STILL_FORMS: Final = 11


def contradiction(prices: tuple[float, float, float, float]) -> i64:
    """Return the reason why these open, high, low and close contradict each other; 0 if they do not."""
    open, high, low, close = prices
    if open != open or high != high or low != low or close != close:
        return NOT_FINITE
    if high < low:
        return HIGH_BELOW_LOW
    if not low <= open <= high:
        return OPEN_OUTSIDE
    if not low <= close <= high:
        return CLOSE_OUTSIDE
    return 0


def is_instant(ns: int) -> bool:
    """Return whether *ns*, an int of any size, is a valid event time."""
    try:
        return TS_MIN_NS <= ns <= TS_MAX_NS
    except ValueError:
        return False  # compiled: does not fit an i64


def is_name(symbol: str) -> bool:
    """Return whether *symbol* is visible on a screen and contains no control sequence for a terminal."""
    for letter in symbol:
        code = ord(letter)
        if code < 0x20 or 0x7F <= code < 0xA0:
            return False
    return len(symbol.strip()) > 0
