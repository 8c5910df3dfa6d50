"""The natural order of names: numbers in them count as numbers, so that `9` comes before `10`."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["natural_key"]

_DIGITS: Final = re.compile(r"([0-9]+)")


def natural_key(name: str) -> list[tuple[int, str, str]]:
    """Return the sort key of *name*; different names have different keys."""
    pieces = _DIGITS.split(name)
    return [
        (len(piece.lstrip("0")), piece.lstrip("0"), piece) if i % 2 else (0, piece, "")
        for i, piece in enumerate(pieces)
    ]
