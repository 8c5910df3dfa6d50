"""The selection: the steps that one consumer subscribes to, by kind, symbol and timeframe."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.bars.verdicts import LATE_ACCEPTED, TIME
from mtf.frames.frame import Frame
from mtf.frames.frame_closings import FrameClosings
from mtf.frames.walk import BAR, CLOCK_ROW, REJECT, TICK

__all__ = ["Selection"]


@mypyc_attr(native_class=True)
class Selection:
    """The kinds of steps *wanted*, as in `Cursor.step`, for these *symbols*, and bars of these *timeframes*; None: all.

    Clock events have no symbol, so *symbols* does not restrict them.
    """

    __slots__ = ("symbols", "timeframes", "wanted", "whole_frames")

    def __init__(
        self,
        wanted: i64,
        timeframes: frozenset[str] | None = None,
        symbols: frozenset[str] | None = None,
        whole_frames: bool = False,
    ) -> None:
        self.wanted: Final[i64] = wanted
        self.timeframes: Final = timeframes  # names
        self.symbols: Final = symbols
        self.whole_frames: Final = whole_frames  # the consumer also gets whole frames

    @property
    def bars_only(self) -> bool:
        """Whether the consumer needs no frame in which no bar closed."""
        return self.wanted == BAR and not self.whole_frames

    @property
    def by_symbol(self) -> bool:
        """Whether the consumer needs no frame that touches none of its symbols."""
        return self.symbols is not None and self.wanted & CLOCK_ROW == 0

    def takes(self, closings: FrameClosings, k: i64) -> bool:
        """Whether it selects the k-th of the closings."""
        if not self.wanted & BAR:
            return False
        return self.takes_bar_of(closings.symbol(k), closings.timeframe(k))

    def takes_bar_of(self, symbol: str, timeframe: str) -> bool:
        if self.timeframes is not None and timeframe not in self.timeframes:
            return False
        return self.symbols is None or symbol in self.symbols

    def closes(self, frame: Frame) -> bool:
        """Whether a selected bar closes in *frame*."""
        closings = frame.closings
        for k in range(closings.count):
            if self.takes(closings, k):
                return True
        return False

    def last_row(self, frame: Frame) -> i64:
        """Return the last selected row of *frame*; -1 if there is none."""
        i: i64 = frame.judged.block.count - 1
        while i >= 0 and not self._takes_row(frame, i):
            i -= 1
        return i

    def rows(self, frame: Frame) -> i64:
        """Return the number of selected rows of *frame*."""
        count: i64 = 0
        for i in range(frame.judged.block.count):
            if self._takes_row(frame, i):
                count += 1
        return count

    def steps(self, frame: Frame) -> i64:
        """Return the number of selected rows and bars of *frame*."""
        count = self.rows(frame)
        closings = frame.closings
        for k in range(closings.count):
            if self.takes(closings, k):
                count += 1
        return count

    def _takes_row(self, frame: Frame, i: i64) -> bool:
        judged = frame.judged
        number = judged.block.symbol_at(i)
        if number < 0:
            is_rejected = judged.effects[i] != TIME and judged.verdicts[i] != 0
            return self.wanted & (REJECT if is_rejected else CLOCK_ROW) != 0
        kind = TICK if judged.verdicts[i] <= LATE_ACCEPTED else REJECT
        if not self.wanted & kind:
            return False
        return self.symbols is None or judged.instruments[number].name in self.symbols
