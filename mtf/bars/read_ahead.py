"""Reading ahead: one number of each cache line that many symbols will need, before the loop that needs them.

Independent reads, which the processor overlaps; in the loop that does the work each would be waited for. The sums that
are returned mean nothing: whoever reads ahead keeps them, so that the reads are not optimized away.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

__all__ = ["FETCH_ROWS", "FETCH_SYMBOLS", "fetched"]

# Tables by symbol are read ahead for this many rows of a block at once, in markets of more symbols than this: the
# tables of fewer stay in a near cache.
FETCH_ROWS: Final = 64
FETCH_SYMBOLS: Final = 512
LINE: Final = 8  # numbers in a cache line


def fetched(table: vec[float], start: i64, stop: i64) -> float:
    """Read a number of each line of *table* from *start* to *stop*, and return their sum."""
    total = table[stop - 1]  # a row may begin within a line, and then ends in one more
    at = start
    while at < stop:
        total += table[at]
        at += LINE
    return total
