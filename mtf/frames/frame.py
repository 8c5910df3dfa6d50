"""The frame: the results of all timeframes for one block, joined together.

A frame holds the whole multi-timeframe state at each of its rows. It is made once, by the joiner, when the last
timeframe has answered for a block, and never changed. It is only walked through a cursor (`mtf.frames.cursor`).
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.columns import AS_BEFORE, BarClose, Columns
from mtf.bars.digest import Digest
from mtf.bars.judged_block import JudgedBlock
from mtf.frames.symbol_state import SymbolState
from mtf.indicators.values import ValueColumns, ValueState
from mtf.units import NEVER_NS

__all__ = ["Frame"]


@mypyc_attr(native_class=True)
class Frame:
    """The state of every timeframe at each row of a block.

    `closings` are in the order of their delivery: by row, end, timeframe, symbol; `closing_values` go with them.
    """

    __slots__ = ("clock_ns", "closing_values", "closings", "columns", "judged", "states_after", "values")

    def __init__(
        self,
        judged: JudgedBlock,
        columns: list[Columns],
        values: list[ValueColumns],
        closings: list[BarClose],
        closing_values: list[ValueState],
        clock_ns: i64,
    ) -> None:
        self.judged: Final = judged
        self.columns: Final = columns  # by rank
        self.values: Final = values  # by rank; empty if no indicators are kept
        self.closings: Final = closings
        self.closing_values: Final = closing_values
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
        """Return start and end, in ns, of a timeframe's bar after each row; NEVER_NS if no bar is forming."""
        judged, columns = self.judged, self.columns[rank]
        n = judged.block.count
        starts, ends = vec[i64]([NEVER_NS] * n), vec[i64]([NEVER_NS] * n)
        # The bar that was forming before the block: the first one that closed in it, or else the one after it.
        before: dict[int, tuple[int, int]] = {}
        for closing in columns.closings:
            before.setdefault(int(closing.number), (closing.bar.start_ns, closing.bar.end_ns))
        for k in range(len(judged.touched)):
            before.setdefault(int(judged.touched[k]), (columns.starts_after[k], columns.ends_after[k]))
        for i in range(n):
            index = columns.header[i]
            header = columns.headers[index] if index > AS_BEFORE else None
            if header is not None:
                starts[i], ends[i] = header.start_ns, header.end_ns
            elif index == AS_BEFORE:
                starts[i], ends[i] = before[int(judged.block.symbol_at(i))]
        return starts, ends

    def feed(self, digest: Digest) -> None:
        """Add the block's events and completed bars to *digest*."""
        digest.events(self.judged)
        closings = self.closings
        if closings:
            first_seq = self.judged.block.first_seq
            none = vec[float]([])
            for k in range(len(closings)):
                closing = closings[k]
                values = self.closing_values[k].completed.values if self.closing_values else none
                digest.closing(first_seq + closing.row, closing, values)
