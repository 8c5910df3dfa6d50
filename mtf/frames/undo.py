"""Undo: what one block has changed of the published state, as it was before the block.

The published state is that after the newest block. Who stands at an earlier one, with some blocks in flight, finds what
is to be seen there in the first of their undos that has it, and else in the published state itself: nothing is copied
for symbols that no block touches, and nothing is kept once everybody has come past it.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.bars.bar_window import BarWindow
from mtf.bars.columns import HEADER, HEADER_CODE, HEADER_END, NUMBERS, BarHeader, header_in
from mtf.bars.judged_block import COUNTED, NO_ROW
from mtf.bars.verdicts import COUNTS
from mtf.calendars.day import Gap
from mtf.frames.frame_closings import FrameClosings
from mtf.indicators.value_history import ValueUndo
from mtf.indicators.values import ValueState
from mtf.units import NEVER_NS

__all__ = ["Undo"]


@mypyc_attr(native_class=True)
class Undo:
    """The state before one block of the symbols that it touches: rows in step with *touched*.

    `accepted` is that of the judged block, and `counts` are COUNTS numbers of each symbol of which it is COUNTED. Of a
    symbol `prices` has NUMBERS for each timeframe, by rank. `headers` have what has changed, by number and rank as
    `Published.place` has them. There were *count* symbols then. `next` is the undo of the next block, once there is
    one.
    """

    __slots__ = (
        "_counts_at",
        "_gaps",
        "_headers_at",
        "_places",
        "accepted",
        "clock_ns",
        "clocks",
        "closings",
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
        self.accepted: vec[i64] = vec[i64]([])
        self.counts: vec[i64] = vec[i64]([])
        self._counts_at: dict[int, int] | None = None  # where those of each row begin; made when asked for
        self.prices: vec[float] = vec[float]([0.0] * (n * ranks * NUMBERS))
        self.headers: vec[i64] = vec[i64]([])  # start, end, code and place
        self._gaps: Final[list[Gap | None]] = []  # of each header
        self._headers_at: dict[int, int] | None = None  # where each place's first one begins; made when asked for
        self.values: Final[list[ValueUndo]] = [ValueUndo(width, n) for width in widths]  # by rank
        self.next: Undo | None = None
        self._places: dict[int, int] | None = None  # of the touched symbols, by number; made when asked for
        self.closings: FrameClosings | None = None  # the bars that the block closes tell what histories were before

    def keep_header(self, place: i64, marks: vec[i64], at: i64, gap: Gap | None) -> None:
        """Keep the header that stands at `marks[at]`, before the block changes it; see `Published.place`."""
        headers = append(append(self.headers, marks[at]), marks[at + HEADER_END])
        self.headers = append(append(headers, marks[at + HEADER_CODE]), place)
        self._gaps.append(gap)

    def counts_of(self, row: i64) -> i64:
        """Return where the counts of a row, whose `accepted` is COUNTED, begin in `counts`."""
        found = self._counts_at
        if found is None:
            found = {}
            for k in range(len(self.accepted)):
                if self.accepted[k] == COUNTED:
                    found[int(k)] = len(found) * COUNTS
            self._counts_at = found
        return found[int(row)]

    def header_of(self, place: i64) -> i64:
        """Return where the header of a place begins in `headers`; -1 if the block has not changed it."""
        headers = self.headers
        if len(headers) == 0:
            return -1
        found = self._headers_at
        if found is None:
            found = {}
            for at in range(0, len(headers), HEADER + 1):
                found[int(headers[at + HEADER])] = int(at)
            self._headers_at = found
        at_place = found.get(int(place))
        return -1 if at_place is None else at_place

    def header_at(self, at: i64) -> BarHeader | None:
        """Return the header at *at*; None if no bar formed."""
        headers = self.headers
        if headers[at + HEADER_END] == NEVER_NS:
            return None
        return header_in(headers, at, self._gaps, at // (HEADER + 1))

    def window(self, number: i64, rank: i64) -> BarWindow | None:
        """Return a symbol's completed bars before the block; None if it closes none."""
        closings = self.closings
        return None if closings is None else closings.window_before(number, rank)

    def completed(self, number: i64, rank: i64) -> ValueState | None:
        """Return a symbol's completed values before the block; None if it closes no bar."""
        closings = self.closings
        return None if closings is None else closings.values_before(number, rank)

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
