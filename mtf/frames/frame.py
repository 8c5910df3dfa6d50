"""The frame: the results of all timeframes for one block, joined together.

A frame holds the whole multi-timeframe state at each of its rows. The synchronizer creates it when the last timeframe
has finished a block, and it never changes. It is read only through a cursor (`mtf.frames.cursor`).
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.bars.columns import BarClose, BarState, Columns
from mtf.bars.digest import Digest
from mtf.bars.judged_block import Instrument, JudgedBlock
from mtf.bars.verdicts import COUNTS, TIME, Counts
from mtf.errors import CorruptCheckpoint
from mtf.indicators.values import ValueColumns, ValueState
from mtf.units import NEVER_NS

__all__ = ["Frame", "Joiner", "SymbolState"]


@mypyc_attr(native_class=True, acyclic=True)
class SymbolState:
    """The whole state of one symbol after one event: its bars and values by timeframe, and its clock."""

    __slots__ = ("bars", "clock_ns", "counts", "instrument", "live", "ordered", "values")

    def __init__(
        self,
        instrument: Instrument,
        clock_ns: i64,
        counts: Counts,
        bars: list[BarState],
        values: list[ValueState],
        ordered: bool = False,
        live: bool = False,
    ) -> None:
        self.instrument: Final = instrument
        self.clock_ns: Final[i64] = clock_ns  # its own clock; NEVER_NS before the first accepted tick
        self.ordered: Final = ordered  # it is read in time order, so the clock of those sources applies too
        self.live: Final = live  # its newest accepted tick arrived shortly after its stamp
        self.counts: Final = counts
        self.bars: Final = bars  # by rank of the timeframe
        self.values: Final = values  # by rank; empty if no indicators are kept

    @property
    def seen(self) -> bool:
        """True once the symbol has had an event, accepted or not."""
        for number in self.counts.numbers:
            if number:
                return True
        return False


@mypyc_attr(native_class=True)
class Frame:
    """The state of every timeframe at each row of a block.

    `closings` are in order of delivery: by row, end, timeframe, symbol; `closing_values` correspond to them. `before`
    and `after` are the states of the block's touched symbols; the state before a symbol's first event is empty.
    """

    __slots__ = ("after", "before", "clock_ns", "closing_values", "closings", "columns", "judged", "values")

    def __init__(
        self,
        judged: JudgedBlock,
        columns: list[Columns],
        values: list[ValueColumns],
        closings: list[BarClose],
        closing_values: list[ValueState],
        before: list[SymbolState],
        after: list[SymbolState],
        clock_ns: i64,
    ) -> None:
        self.judged: Final = judged
        self.columns: Final = columns  # by rank
        self.values: Final = values  # by rank; empty if no indicators are kept
        self.closings: Final = closings
        self.closing_values: Final = closing_values
        self.before: Final = before
        self.after: Final = after
        self.clock_ns: Final[i64] = clock_ns  # a user's newest clock event, after the block; NEVER_NS: none yet

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


@mypyc_attr(native_class=True)
class Joiner:
    """Joins the timeframes' results for a block into a frame, and keeps the newest state of each symbol."""

    __slots__ = ("clock_ns", "run_ns", "seq", "states")

    def __init__(self) -> None:
        self.states: Final[list[SymbolState]] = []  # by number, as of `seq`
        self.seq: i64 = 0  # last event joined
        self.clock_ns: i64 = NEVER_NS  # a user's newest clock event up to `seq`
        self.run_ns: i64 = NEVER_NS  # the newest accepted event of sources read in time order up to `seq`

    def clock_of(self, number: i64) -> i64:
        """Return a symbol's clock as of `seq`; NEVER_NS before its first accepted tick."""
        state = self.states[number]
        clock_ns = self.clock_ns
        if state.ordered and self.run_ns > clock_ns:
            clock_ns = self.run_ns
        return state.clock_ns if state.clock_ns > clock_ns else clock_ns

    def join(self, judged: JudgedBlock, columns: list[Columns], values: list[ValueColumns]) -> Frame:
        """Return the frame of *judged*; *columns* and *values* are the timeframes' results, by rank."""
        block = judged.block
        assert block.first_seq == self.seq + 1, "blocks must be joined in order, each once"
        before: list[SymbolState] = []
        after: list[SymbolState] = []
        states = self.states
        last_clock = _last_clocks(judged)
        for k in range(len(judged.touched)):
            number = judged.touched[k]
            instrument = judged.instruments[number]
            if number == len(states):
                states.append(_unseen(instrument, len(columns), [value.fresh for value in values]))
            old = states[number]
            clock_ns: i64 = last_clock[k]
            if clock_ns < old.clock_ns:
                clock_ns = old.clock_ns
            bars: list[BarState] = []
            for part in columns:
                bars.append(part.after[k])
            row: list[ValueState] = []
            for value in values:
                row.append(value.after[k])
            new = SymbolState(instrument, clock_ns, judged.counts[k], bars, row, judged.ordered[k], judged.live[k])
            before.append(old)
            after.append(new)
            states[number] = new
        self.seq = block.first_seq + block.count - 1
        if judged.has_clock:
            self.clock_ns = _last_time(judged, self.clock_ns)
        if judged.run_ns > self.run_ns:
            self.run_ns = judged.run_ns
        closings, closing_values = _in_order(columns, values)
        return Frame(judged, columns, values, closings, closing_values, before, after, self.clock_ns)

    def begin(self, seq: i64, instruments: list[Instrument], ranks: i64, fresh: list[ValueState]) -> None:
        """Start after event *seq*, knowing only the symbols; *fresh* are empty values by rank."""
        self.seq = seq
        for instrument in instruments:
            self.states.append(_unseen(instrument, ranks, fresh))

    def archive(self, archive: Archive, instruments: list[Instrument]) -> None:
        """Save or load the seq and the clocks; after loading, `restore` sets the states."""
        self.seq = archive.int64(self.seq, 0, ANY_MAX)
        self.clock_ns = archive.int64(self.clock_ns, ANY_MIN, ANY_MAX)
        self.run_ns = archive.int64(self.run_ns, ANY_MIN, ANY_MAX)
        count = archive.count(len(self.states), 8)
        if count > len(instruments):
            raise CorruptCheckpoint(f"saved state: {count} symbols, but {len(instruments)} are known")
        for number in range(count):
            clock_ns = archive.int64(0 if archive.loading else self.states[number].clock_ns, ANY_MIN, ANY_MAX)
            ordered = archive.flag(not archive.loading and self.states[number].ordered)
            live = archive.flag(not archive.loading and self.states[number].live)
            if archive.loading:
                self.states.append(SymbolState(instruments[number], clock_ns, _no_counts(), [], [], ordered, live))

    def restore(self, number: i64, counts: Counts, bars: list[BarState], values: list[ValueState]) -> None:
        """Set the counts, bars and values of a loaded symbol."""
        old = self.states[number]
        self.states[number] = SymbolState(old.instrument, old.clock_ns, counts, bars, values, old.ordered, old.live)


def _unseen(instrument: Instrument, ranks: i64, fresh: list[ValueState]) -> SymbolState:
    """Return the state of a symbol before its first event."""
    empty = BarState(None, 0.0, 0.0, 0.0, 0.0, 0.0, 0, [], 0, 0)
    return SymbolState(instrument, NEVER_NS, _no_counts(), [empty] * ranks, fresh)


def _no_counts() -> Counts:
    return Counts(vec[i64]([0] * COUNTS))


def _last_clocks(judged: JudgedBlock) -> list[int]:
    """Return each touched symbol's clock after the block; NEVER_NS if no row moved it."""
    found = [NEVER_NS] * len(judged.touched)
    if len(found) == 1 and not judged.has_clock:
        found[0] = judged.clocks[judged.block.count - 1]
        return found
    place = {number: k for k, number in enumerate(judged.touched)}
    clocks = judged.clocks
    for i in range(judged.block.count):
        number = judged.block.symbol_at(i)
        if number >= 0:
            found[place[number]] = clocks[i]
    for m in range(len(judged.moves_number)):
        k = place[judged.moves_number[m]]
        if judged.moves_ns[m] > found[k]:
            found[k] = judged.moves_ns[m]
    return found


def _last_time(judged: JudgedBlock, clock_ns: i64) -> i64:
    newest = clock_ns
    for i in range(judged.block.count):
        if judged.effects[i] == TIME and judged.clocks[i] > newest:
            newest = judged.clocks[i]
    return newest


def _in_order(columns: list[Columns], values: list[ValueColumns]) -> tuple[list[BarClose], list[ValueState]]:
    """Return the closings of all timeframes in order of delivery, and the corresponding values."""
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
    ordered: list[BarClose] = []
    ordered_values: list[ValueState] = []
    for entry in keyed:
        ordered.append(columns[entry[2]].closings[entry[4]])
        if values:
            ordered_values.append(values[entry[2]].closings[entry[4]])
    return ordered, ordered_values
