"""Stamps that are too old for a live tick: most often a number that is not in nanoseconds."""

from __future__ import annotations

import datetime
from typing import Final

from mtf.units import TS_MAX_NS

__all__ = ["OLDEST_NS", "too_old"]

OLDEST_NS: Final = 315_532_800_000_000_000  # 1980-01-01: the stamp of a pushed tick before it is in some other unit


def too_old(ts_ns: int, what: str) -> str:
    """Return what is wrong with a stamp before the `oldest_ns` of *what*, and the unit that it seems to be in."""
    units = (("seconds", 1_000_000_000), ("milliseconds", 1_000_000), ("microseconds", 1_000))
    likely = next((name for name, ns in units if OLDEST_NS <= ts_ns * ns <= TS_MAX_NS), "")
    read = datetime.datetime.fromtimestamp(ts_ns / 1e9, datetime.UTC).date() if ts_ns >= 0 else "before 1970"
    likely = likely or _date_in(str(ts_ns))
    hint = f"the number looks like {likely}: " if likely else ""
    return (
        f"stamped {ts_ns}, which is {read}; {hint}ts_ns is in nanoseconds since 1970; "
        f"if it is right, pass oldest_ns= to the {what}"
    )


def _date_in(digits: str) -> str:
    """Return the recent date that *digits* start with, as in `20231116093000000`; empty if there is none."""
    try:
        date = datetime.date.fromisoformat(digits[:8])
    except ValueError:
        return ""
    return f"the date {date}" if 1980 <= date.year <= 2261 else ""
