"""Columns of zeros, copied from one that is kept: that takes half as long as filling them.

A block of the usual length needs some fifty of them.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.events.bar_rows import EVENTS_PER_BAR
from mtf.events.block_size import BLOCK_EVENTS_MANY

__all__ = ["BLANK"]

KEPT: Final = BLOCK_EVENTS_MANY + EVENTS_PER_BAR - 1  # rows for which there are zeros; few blocks have more
EACH: Final = 6  # numbers that a row takes at most


@mypyc_attr(native_class=True)
class _Blank:
    """Makes columns of zeros, which belong to the caller."""

    __slots__ = ("_floats", "_integers")

    def __init__(self) -> None:
        self._floats: Final = vec[float]([0.0 for _ in range(KEPT * EACH)])
        self._integers: Final = vec[i64]([i64(0) for _ in range(KEPT)])

    def floats(self, n: i64) -> vec[float]:
        """Return *n* times 0.0."""
        return self._floats[:n] if n <= KEPT * EACH else vec[float]([0.0] * n)

    def integers(self, n: i64) -> vec[i64]:
        """Return *n* times 0."""
        return self._integers[:n] if n <= KEPT else vec[i64]([0] * n)


BLANK: Final = _Blank()
