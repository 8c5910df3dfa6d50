"""A table of rows of floats, one a symbol, that grows in slabs, so that nothing large is ever copied.

A new row is a copy of the template at the end of the last slab, which has room for it: rows close to each other need
fewer pages of memory, of which a processor remembers few.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append, extend, vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.read_ahead import fetched

__all__ = ["SLAB_BITS", "SLAB_MASK", "Slabs"]

SLAB_BITS: Final[i64] = 4
SLAB_ROWS: Final[i64] = 1 << 4
SLAB_MASK: Final[i64] = (1 << 4) - 1


@mypyc_attr(native_class=True)
class Slabs:
    """Rows begun as *template*: row *n* begins at `slabs[n >> SLAB_BITS][(n & SLAB_MASK) * width]`."""

    __slots__ = ("_template", "rows", "slabs", "width")

    def __init__(self, template: vec[float]) -> None:
        self._template: Final = template
        self.width: Final[i64] = len(template)  # numbers a row
        self.rows: i64 = 0
        self.slabs: vec[vec[float]] = vec[vec[float]]([])

    def add(self) -> i64:
        """Add a row and return its number."""
        row = self.rows
        last = row >> SLAB_BITS
        if row & SLAB_MASK == 0:
            self.slabs = append(self.slabs, vec[float](capacity=SLAB_ROWS * self.width))
        self.slabs[last] = extend(self.slabs[last], self._template)
        self.rows = row + 1
        return row

    def touched(self, row: i64) -> float:
        """Read a number of each cache line of *row*, so that it comes near; return what is of no meaning."""
        at = (row & SLAB_MASK) * self.width
        return fetched(self.slabs[row >> SLAB_BITS], at, at + self.width)
