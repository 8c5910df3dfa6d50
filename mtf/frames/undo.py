"""Undo: what one block has changed of the published state, as it was before the block.

The published state is that after the newest block. Who stands at an earlier one, with some blocks in flight, finds what
is to be seen there in the first of their undos that has it, and else in the published state itself: nothing is copied
for symbols that no block touches, and nothing is kept once everybody has come past it.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.bars.bar import BarWindow
from mtf.bars.columns import NUMBERS, BarHeader
from mtf.bars.judged_block import NO_ROW
from mtf.bars.verdicts import COUNTS
from mtf.indicators.value_history import ValueUndo
from mtf.units import NEVER_NS

__all__ = ["Undo"]


@mypyc_attr(native_class=True)
class Undo:
    """The state before one block of the symbols that it touches: rows in step with *touched*.

    Of a symbol `prices` has NUMBERS for each timeframe, by rank. `headers` and `windows` have what has changed, by
    number and rank as `Published.place` has them. There were *count* symbols then. `next` is the undo of the next
    block, once there is one.
    """

    __slots__ = (
        "_places",
        "clock_ns",
        "clocks",
        "count",
        "counts",
        "first_seq",
        "flags",
        "headers",
        "last_seq",
        "next",
        "prices",
        "run_ns",
        "touched",
        "values",
        "windows",
    )

    def __init__(
        self, first_seq: i64, last_seq: i64, count: i64, touched: vec[i64], ranks: i64, widths: list[i64]
    ) -> None:
        n: i64 = len(touched)
        self.first_seq: Final[i64] = first_seq
        self.last_seq: Final[i64] = last_seq
        self.count: Final[i64] = count
        self.clock_ns: i64 = NEVER_NS  # the newest clock event of a user before the block; set by the joiner
        self.run_ns: i64 = NEVER_NS  # the newest accepted event of sources read in time order before it; likewise
        self.touched: vec[i64] = touched
        self.clocks: vec[i64] = vec[i64]([0] * n)
        self.flags: vec[u8] = vec[u8]([0] * n)
        self.counts: vec[i64] = vec[i64]([0] * (n * COUNTS))
        self.prices: vec[float] = vec[float]([0.0] * (n * ranks * NUMBERS))
        self.headers: Final[dict[int, BarHeader | None]] = {}
        self.windows: Final[dict[int, BarWindow]] = {}
        self.values: Final[list[ValueUndo]] = [ValueUndo(width, n) for width in widths]  # by rank
        self.next: Undo | None = None
        self._places: dict[int, int] | None = None  # of the touched symbols, by number; made when asked for

    def row_of(self, number: i64) -> i64:
        """Return which row is that of a symbol; NO_ROW if the block does not touch it."""
        touched = self.touched
        if len(touched) == 1:
            return 0 if touched[0] == number else NO_ROW
        places = self._places
        if places is None:
            places = {}
            for k in range(len(touched)):
                places[int(touched[k])] = int(k)
            self._places = places
        found = places.get(int(number))
        return NO_ROW if found is None else found
