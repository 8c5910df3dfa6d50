"""Every format that is known, one small module each: to add one, write its `Format` and list it here."""

from __future__ import annotations

from typing import Final

from mtf.errors import ConfigError
from mtf.sources.format import Format
from mtf.sources.formats import csv, dukascopy, lean

__all__ = ["FORMATS", "find_format"]

FORMATS: Final[tuple[Format, ...]] = (
    csv.FORMAT,
    lean.FORMAT,
    dukascopy.TICKS,
    dukascopy.CANDLES,
    dukascopy.CSV,
)


def find_format(name: str) -> Format:
    """Return the format called *name*; ConfigError where there is none."""
    for candidate in FORMATS:
        if candidate.name == name:
            return candidate
    raise ConfigError(f"no format {name!r}: there are {', '.join(candidate.name for candidate in FORMATS)}")
