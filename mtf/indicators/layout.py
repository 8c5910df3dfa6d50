"""A layout: where each number of an indicator's state stands, and what it begins as.

The state of one symbol is two rows of floats. The *hot* one has all that a preview reads, so that it is short and many
of them stay near the processor; the *cold* one has what only a completed bar touches, above all the windows. Counters
are floats too, exact below 2**53. Places are counted from the beginning of a formula's part of a row.
"""

from __future__ import annotations

from mypy_extensions import i64, mypyc_attr

__all__ = ["Layout"]


@mypyc_attr(native_class=True)
class Layout:
    """Gives out places in the two rows; `hot` and `cold` are what the rows of a new state hold."""

    __slots__ = ("cold", "hot")

    def __init__(self) -> None:
        self.hot: list[float] = []
        self.cold: list[float] = []

    def in_hot(self, value: float, count: i64 = 1) -> i64:
        """Return the first of *count* places in the hot row that begin as *value*."""
        return self.add_hot([value] * count)

    def in_cold(self, value: float, count: i64 = 1) -> i64:
        """Return the first of *count* places in the cold row that begin as *value*."""
        return self.add_cold([value] * count)

    def add_hot(self, values: list[float]) -> i64:
        """Return the first of the places in the hot row that begin as *values*."""
        place: i64 = len(self.hot)
        self.hot.extend(values)
        return place

    def add_cold(self, values: list[float]) -> i64:
        """Return the first of the places in the cold row that begin as *values*."""
        place: i64 = len(self.cold)
        self.cold.extend(values)
        return place
