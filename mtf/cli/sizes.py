"""Sizes on the command line: reading and printing numbers of bytes."""

from __future__ import annotations

import re
from typing import Final

import click

__all__ = ["size_of", "size_text"]

_SIZE: Final = re.compile(r"(?P<count>[0-9]{1,12}(\.[0-9]{1,6})?) ?(?P<unit>[kmgt]i?b|b)?", re.IGNORECASE)
_POWERS: Final = {"b": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def size_of(text: str) -> int:
    """Return the bytes in a user's text such as `500MB`, `2GB` or `1.5GiB`; a plain number counts bytes."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is not a valid size: use the form 500MB, 2GB or 1.5GiB")
    unit = (match["unit"] or "b").lower()
    base: int = 1_024 if "i" in unit else 1_000
    return round(float(match["count"]) * int(base ** _POWERS[unit[0]]))


def size_text(size: int) -> str:
    """Return a size for people: `12.3 MB`."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(value) < 1_000:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
        value /= 1_000
    return f"{value:,.1f} TB"
