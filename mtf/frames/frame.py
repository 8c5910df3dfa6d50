"""The frame: the results of all timeframes for one block, joined together.

A frame holds the whole multi-timeframe state at each of its rows. It is made once, by the joiner, when the last
timeframe has answered for a block, and never changed. It is only walked through a cursor (`mtf.frames.cursor`).
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.closings import END, MARKS, NUMBER, START
from mtf.bars.columns import AFTER, AFTER_END, AS_BEFORE, HEADER, HEADER_END, Columns, end_now
from mtf.bars.digest import CHUNK, Digest, write_bar
from mtf.bars.judged_block import JudgedBlock
from mtf.frames.frame_closings import FrameClosings
from mtf.frames.symbol_state import SymbolState
from mtf.indicators.values import ValueColumns
from mtf.units import NEVER_NS

__all__ = ["Frame"]


@mypyc_attr(native_class=True, acyclic=True)
class Frame:
    """The state of every timeframe at each row of a block, and its closings in the order of their delivery."""

    __slots__ = ("clock_ns", "closings", "columns", "judged", "states_after", "values")

    def __init__(
        self,
        judged: JudgedBlock,
        columns: list[Columns],
        values: list[ValueColumns],
        closings: FrameClosings,
        clock_ns: i64,
    ) -> None:
        self.judged: Final = judged
        self.columns: Final = columns  # by rank
        self.values: Final = values  # by rank; empty if no indicators are kept
        self.closings: Final = closings
        self.clock_ns: Final[i64] = clock_ns  # the newest clock event of a user after the block; NEVER_NS: none yet
        self.states_after: list[SymbolState] | None = None  # of the touched symbols; `Joiner.states_after` makes them

    @property
    def first_seq(self) -> int:
        return self.judged.block.first_seq

    @property
    def last_seq(self) -> int:
        return self.judged.block.first_seq + self.judged.block.count - 1

    def __len__(self) -> int:
        return self.judged.block.count

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a frame cannot be copied or pickled: keep its snapshots, bars or values")

    def bounds(self, rank: i64) -> tuple[vec[i64], vec[i64]]:
        """Return start and end, in ns, of a timeframe's bar after each row; NEVER_NS if no bar is forming.

        A bar of activity ends as if the row were its last event.
        """
        judged, columns = self.judged, self.columns[rank]
        n = judged.block.count
        starts, ends = vec[i64]([NEVER_NS] * n), vec[i64]([NEVER_NS] * n)
        # The bar that was forming before the block: the first one that closed in it, or else the one after it.
        before: dict[int, tuple[int, int]] = {}
        closings = columns.closings
        for at in range(0, closings.count * MARKS, MARKS):
            marks = closings.marks
            before.setdefault(int(marks[at + NUMBER]), (marks[at + START], marks[at + END]))
        after = columns.after
        for k in range(len(judged.touched)):
            before.setdefault(int(judged.touched[k]), (after[k * AFTER], after[k * AFTER + AFTER_END]))
        for i in range(n):
            index = columns.header[i]
            if index > AS_BEFORE:
                starts[i], ends[i] = columns.headers[index * HEADER], columns.headers[index * HEADER + HEADER_END]
            elif index == AS_BEFORE:
                starts[i], ends[i] = before[int(judged.block.symbol_at(i))]
            if not columns.timed and starts[i] != NEVER_NS:
                ends[i] = end_now(starts[i], judged.clocks[i])
        return starts, ends

    def feed(self, digest: Digest) -> None:
        """Add the block's events and completed bars to *digest*."""
        digest.events(self.judged)
        closings = self.closings
        if closings.count == 0:
            return
        out = BytesWriter()
        first_seq = self.judged.block.first_seq
        none = vec[float]([])
        for k in range(closings.count):
            place = closings.places[k]
            values = none
            width: i64 = 0
            if closings.has_values:
                part = closings.values_part(k)
                values, width = part.completed, part.width
            write_bar(out, first_seq, closings.part(k), place, values, place * width, width)
            if len(out) >= CHUNK:  # while they are near
                digest.bars(out.getvalue())
                out = BytesWriter()
        digest.bars(out.getvalue())
