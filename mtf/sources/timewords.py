"""The words in times: names of months, in English, and of zones. Compiled."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from mtf.errors import ConfigError
from mtf.sources.local_time import Zone

__all__ = ["month_called", "zone_called"]

MONTHS: Final = (
    b"january",
    b"february",
    b"march",
    b"april",
    b"may",
    b"june",
    b"july",
    b"august",
    b"september",
    b"october",
    b"november",
    b"december",
)
MONTH_LETTERS_MIN: Final = 3

# Hours from UTC of unambiguous abbreviations. CST, IST, BST have several meanings, and are unknown; EST, CET and others
# are in the time zone database.
ABBREVIATIONS: Final = {
    b"EDT": -4,
    b"CDT": -5,
    b"MDT": -6,
    b"PDT": -7,
    b"PST": -8,
    b"CEST": 2,
    b"EEST": 3,
    b"MSK": 3,
    b"HKT": 8,
    b"SGT": 8,
    b"JST": 9,
    b"AEST": 10,
    b"AEDT": 11,
}


def month_called(word: bytes) -> i64:
    """Return the number of the month called *word*, in full or by its first letters; 0 for none."""
    word = word.lower()
    if len(word) >= MONTH_LETTERS_MIN:
        for i in range(len(MONTHS)):
            if MONTHS[i].startswith(word):
                return i + 1
    return 0


def zone_called(name: bytes) -> Zone | None:
    """Return the zone called *name*, an IANA name or an unambiguous abbreviation; None if there is none."""
    hours = ABBREVIATIONS.get(name.upper())
    try:
        return Zone(name.decode("ascii") if hours is None else f"UTC{hours:+d}")
    except (ConfigError, UnicodeDecodeError):
        return None
