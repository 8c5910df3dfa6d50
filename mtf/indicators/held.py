"""A user's own indicator among formulas: an object a symbol, held beside the table.

Whatever such an object remembers, it remembers itself; the symbol's row has its number.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.formula import BarNumbers, Formula
from mtf.indicators.indicator import Indicator

__all__ = ["Held"]

NUMBER: Final[i64] = 0  # where the hot row has the number of its object


@mypyc_attr(native_class=True)
class Held(Formula):
    """One object for each state: *item* for the first, and fresh ones of its kind for those after it."""

    def __init__(self, item: Indicator) -> None:
        super().__init__(item.declaration, item.param_values, item.warmups)
        number = self.layout.in_hot(-1.0)
        assert number == NUMBER, "it stands first"
        self._first: Final = item
        self._items: Final[list[Indicator]] = []

    def begin(self, hot: vec[float], h: i64) -> None:
        hot[h + NUMBER] = float(len(self._items))
        self._items.append(self._first.fresh() if self._items else self._first)

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        self._of(hot, h).preview(bar.open, bar.high, bar.low, bar.close, bar.volume, i64(bar.day), bar.flags, out, at)

    def commit(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers, last: i64) -> None:
        item = self._of(hot, h)
        item.commit(bar.open, bar.high, bar.low, bar.close, bar.volume, i64(bar.day), bar.flags)
        item.current(cold, last)

    def skip(self, hot: vec[float], h: i64) -> None:
        self._of(hot, h).skip()

    def archive_all(
        self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64, count: i64, last: i64
    ) -> None:
        item = self._of(hot, h)
        item.archive_all(archive)
        cold[count] = float(item.count)
        item.current(cold, last)

    def _of(self, hot: vec[float], h: i64) -> Indicator:
        return self._items[i64(hot[h + NUMBER])]
