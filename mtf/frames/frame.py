"""The frame: what all timeframes together made of one block, and the joining of their parts into it.

A frame holds the whole multi-timeframe state at each of its rows. It is made once, by the synchronizer, when the last
timeframe has answered for a block, and never changed. Nobody walks it but through a cursor (`mtf.frames.cursor`).
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.bars.columns import BarState, Closing, Columns
from mtf.bars.digest import Digest
from mtf.bars.gate import COUNTS, Counts, Instrument, Judged
from mtf.errors import CorruptCheckpoint
from mtf.indicators.values import ValueColumns, ValueState

__all__ = ["Frame", "Joiner", "SymbolState"]


@mypyc_attr(native_class=True)
class SymbolState:
    """Everything that is known of one symbol after one event: its bars and values by timeframe, and its clock."""

    __slots__ = ("bars", "clock_ns", "counts", "instrument", "values")

    def __init__(
        self,
        instrument: Instrument,
        clock_ns: i64,
        counts: Counts,
        bars: list[BarState],
        values: list[ValueState],
    ) -> None:
        self.instrument: Final = instrument
        self.clock_ns: Final[i64] = clock_ns  # -1 before the first accepted tick
        self.counts: Final = counts
        self.bars: Final = bars  # by rank of the timeframe
        self.values: Final = values  # by rank; empty where no indicators are kept


@mypyc_attr(native_class=True)
class Frame:
    """The state of every timeframe at each row of a block.

    `closings` are in the order in which they are told: by row, end, timeframe, symbol; `closing_values` go with them.
    `before` and `after` are the states of the block's touched symbols; a symbol has an
    empty one before its first event.
    """

    __slots__ = ("after", "before", "clock_ns", "closing_values", "closings", "columns", "judged", "values")

    def __init__(
        self,
        judged: Judged,
        columns: list[Columns],
        values: list[ValueColumns],
        closings: list[Closing],
        closing_values: list[ValueState],
        before: list[SymbolState],
        after: list[SymbolState],
        clock_ns: i64,
    ) -> None:
        self.judged: Final = judged
        self.columns: Final = columns  # by rank
        self.values: Final = values  # by rank; empty where no indicators are kept
        self.closings: Final = closings
        self.closing_values: Final = closing_values
        self.before: Final = before
        self.after: Final = after
        self.clock_ns: Final[i64] = clock_ns  # the newest clock event after the block; -1 before the first

    @property
    def first_seq(self) -> int:
        return self.judged.block.first_seq

    @property
    def last_seq(self) -> int:
        return self.judged.block.first_seq + self.judged.block.count - 1

    def __len__(self) -> int:
        return self.judged.block.count

    def feed(self, digest: Digest) -> None:
        """Hand the block's events and its completed bars to *digest*."""
        digest.events(self.judged)
        closings = self.closings
        if closings:
            first_seq = self.judged.block.first_seq
            none = vec[float]([])
            for k in range(len(closings)):
                closing = closings[k]
                values = self.closing_values[k].completed.values if self.closing_values else none
                digest.closing(first_seq + closing.row, closing, values)


@mypyc_attr(native_class=True)
class Joiner:
    """Joins the parts of a block into a frame, and keeps the newest state of each symbol."""

    __slots__ = ("clock_ns", "seq", "states")

    def __init__(self) -> None:
        self.states: Final[list[SymbolState]] = []  # by number, as of `seq`
        self.seq: i64 = 0  # last event joined
        self.clock_ns: i64 = -1  # the newest clock event up to `seq`

    def join(self, judged: Judged, columns: list[Columns], values: list[ValueColumns]) -> Frame:
        """Return the frame of *judged*, of which *columns* and *values* are the parts by rank."""
        block = judged.block
        assert block.first_seq == self.seq + 1, "blocks are joined in order, each once"
        before: list[SymbolState] = []
        after: list[SymbolState] = []
        states = self.states
        last_clock = _last_clocks(judged)
        for k in range(len(judged.touched)):
            number = judged.touched[k]
            instrument = judged.instruments[number]
            if number == len(states):
                states.append(_unseen(instrument, columns, values))
            old = states[number]
            clock_ns: i64 = last_clock[k]
            if clock_ns < 0:
                clock_ns = old.clock_ns
            bars: list[BarState] = []
            for part in columns:
                bars.append(part.after[k])
            row: list[ValueState] = []
            for value in values:
                row.append(value.after[k])
            new = SymbolState(instrument, clock_ns, judged.counts[k], bars, row)
            before.append(old)
            after.append(new)
            states[number] = new
        self.seq = block.first_seq + block.count - 1
        if judged.has_clock:
            self.clock_ns = _last_time(judged, self.clock_ns)
        closings, closing_values = _in_order(columns, values)
        return Frame(judged, columns, values, closings, closing_values, before, after, self.clock_ns)

    def archive(self, archive: Archive, instruments: list[Instrument]) -> None:
        """Save the seq and the clocks, or load them; `restore` then puts the states in."""
        self.seq = archive.whole(self.seq, 0, ANY_MAX)
        self.clock_ns = archive.whole(self.clock_ns, ANY_MIN, ANY_MAX)
        count = archive.count(len(self.states), 8)
        if count > len(instruments):
            raise CorruptCheckpoint(f"saved state: {count} symbols, where {len(instruments)} are known")
        for number in range(count):
            clock_ns = archive.whole(-1 if archive.loading else self.states[number].clock_ns, ANY_MIN, ANY_MAX)
            if archive.loading:
                self.states.append(SymbolState(instruments[number], clock_ns, _no_counts(), [], []))

    def restore(self, number: i64, counts: Counts, bars: list[BarState], values: list[ValueState]) -> None:
        """Give a loaded symbol its counts, bars and values."""
        old = self.states[number]
        self.states[number] = SymbolState(old.instrument, old.clock_ns, counts, bars, values)


def _unseen(instrument: Instrument, columns: list[Columns], values: list[ValueColumns]) -> SymbolState:
    """Return the state of a symbol before its first event."""
    empty = BarState(None, 0.0, 0.0, 0.0, 0.0, 0.0, 0, [], 0, 0)
    return SymbolState(instrument, -1, _no_counts(), [empty] * len(columns), [value.fresh for value in values])


def _no_counts() -> Counts:
    return Counts(vec[i64]([0] * COUNTS))


def _last_clocks(judged: Judged) -> list[int]:
    """Return, for each touched symbol, its clock after its last row in the block; -1 where it has none."""
    found = [-1] * len(judged.touched)
    if len(found) == 1 and not judged.has_clock:
        found[0] = judged.clocks[judged.block.count - 1]
        return found
    place = {number: k for k, number in enumerate(judged.touched)}
    clocks = judged.clocks
    for i in range(judged.block.count):
        number = judged.block.symbol_at(i)
        if number >= 0:
            found[place[number]] = clocks[i]
    return found


def _last_time(judged: Judged, clock_ns: i64) -> i64:
    newest = clock_ns
    for i in range(judged.block.count):
        if judged.block.symbol_at(i) < 0 and judged.clocks[i] > newest:
            newest = judged.clocks[i]
    return newest


def _in_order(columns: list[Columns], values: list[ValueColumns]) -> tuple[list[Closing], list[ValueState]]:
    """Return the closings of all timeframes in the order in which they are told, and the values that go with them."""
    total: i64 = 0
    for part in columns:
        total += len(part.closings)
    if total == 0:
        return [], []
    keyed: list[tuple[int, int, int, int, int]] = []
    for rank in range(len(columns)):
        closings = columns[rank].closings
        for k in range(len(closings)):
            closing = closings[k]
            keyed.append((closing.row, closing.bar.end_ns, rank, closing.number, k))
    keyed.sort()
    ordered: list[Closing] = []
    ordered_values: list[ValueState] = []
    for entry in keyed:
        ordered.append(columns[entry[2]].closings[entry[4]])
        if values:
            ordered_values.append(values[entry[2]].closings[entry[4]])
    return ordered, ordered_values
