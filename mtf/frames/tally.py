"""The tally: a symbol's running counts within one frame, kept only for symbols whose snapshot is taken."""

from __future__ import annotations

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.judged_block import tally
from mtf.frames.frame import Frame

__all__ = ["Tally"]


@mypyc_attr(native_class=True)
class Tally:
    """A symbol's running counts within a frame."""

    __slots__ = ("next_row", "numbers")

    def __init__(self, numbers: vec[i64]) -> None:
        self.numbers: vec[i64] = numbers  # of the rows before `next_row`
        self.next_row: i64 = 0

    def count(self, frame: Frame, number: i64, last_row: i64) -> None:
        """Add the symbol's rows up to *last_row*."""
        for i in range(self.next_row, last_row + 1):
            if frame.judged.block.symbol_at(i) == number:
                tally(frame.judged, i, self.numbers)
        self.next_row = last_row + 1
