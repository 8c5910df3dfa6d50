"""The joiner: makes the parts of each block into a frame, and publishes what they have changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.bars.columns import Columns
from mtf.bars.judged_block import IS_LIVE, IS_ORDERED, Instrument, JudgedBlock
from mtf.bars.verdicts import TIME
from mtf.errors import CorruptCheckpoint
from mtf.frames.frame import Frame
from mtf.frames.frame_closings import FrameClosings
from mtf.frames.published import Published
from mtf.frames.snapshot import Snapshot
from mtf.frames.symbol_state import SymbolState
from mtf.frames.timeframe_state import Schema
from mtf.frames.undo import Undo
from mtf.indicators.value_history import ValueHistory
from mtf.indicators.values import Numbers, ValueColumns
from mtf.units import NEVER_NS

__all__ = ["Joiner"]


@mypyc_attr(native_class=True)
class Joiner:
    """Joins the parts of a block into a frame, and keeps the newest state of each symbol."""

    __slots__ = ("_no_closings", "_undos", "_version", "clock_ns", "published", "run_ns", "seq", "shown_seq")

    def __init__(self, ranks: i64, keep: i64, values: list[ValueHistory]) -> None:
        """There are *ranks* timeframes with at most *keep* completed bars each."""
        self.published: Final = Published(ranks, keep, values)  # as of `seq`
        self.seq: i64 = 0  # last event joined
        self.clock_ns: i64 = NEVER_NS  # the newest clock event of a user up to `seq`
        self.run_ns: i64 = NEVER_NS  # the newest accepted event of sources read in time order up to `seq`
        self.shown_seq: Callable[[], int] | None = None  # up to which event everybody has seen all; None: up to `seq`
        self._no_closings: Final = FrameClosings([], [])
        self._undos: list[Undo] = []  # of the blocks after that, in order
        self._version: i64 = 0  # odd while the state changes, for readers in other threads

    @property
    def count(self) -> int:
        """How many symbols there are, seen or not."""
        return self.published.count

    def names(self) -> list[str]:
        """Return all symbols, by number."""
        return [instrument.name for instrument in self.published.instruments]

    def name_of(self, number: i64) -> str:
        return self.published.instruments[number].name

    def clock_of(self, number: i64) -> i64:
        """Return the clock of a symbol, as of `seq`; NEVER_NS before its first accepted tick."""
        published = self.published
        clock_ns = self.clock_ns
        if published.is_ordered(number, None) and self.run_ns > clock_ns:
            clock_ns = self.run_ns
        own_ns = published.clock(number, None)
        return own_ns if own_ns > clock_ns else clock_ns

    def own_clocks(self) -> list[int]:
        """Return to what time each symbol's own events, and those that move its clock alone, have come, by number."""
        return [self.published.clock(number, None) for number in range(self.published.count)]

    def is_seen(self, number: i64) -> bool:
        """Return whether an event of a symbol has come, accepted or not."""
        return self.published.seen(number)

    def touched_seq(self, number: i64) -> int:
        """Return the last event of the newest block that may have changed a symbol; 0: none since the start."""
        return self.published.touched_seqs[number]

    def next_end_ns(self, frame: Frame | None) -> int:
        """Return the earliest end of a live symbol's bar, its feed's delay included; 0 if none forms.

        With *frame*, only of the symbols that it touches.
        """
        published = self.published
        return published.next_end_ns(published.numbers() if frame is None else frame.judged.touched)

    def snapshot(self, schema: Schema, number: i64, last: bool) -> Snapshot:
        """Return the newest state of a symbol as a snapshot; in any thread. See `Snapshot` for *last*."""
        while True:
            version = self._version
            found = Snapshot(schema, self.published.state(number, None), self.seq, self.clock_of(number), last)
            if version == self._version and version & 1 == 0:
                return found

    def states(self) -> list[SymbolState]:
        """Return everything of every symbol, by number, as of `seq`."""
        return [self.published.state(number, None) for number in range(self.published.count)]

    def states_after(self, frame: Frame) -> list[SymbolState]:
        """Return the state after *frame*, which is in flight, of each symbol that it touches."""
        if frame.states_after is None:
            later = self.undo_after(frame.last_seq)
            frame.states_after = [self.published.state(number, later) for number in frame.judged.touched]
        return frame.states_after

    def undo_after(self, seq: i64) -> Undo | None:
        """Return the undo of the first block that ends after the event *seq*, in flight; None if there is none."""
        found: Undo | None = None
        for k in range(len(self._undos) - 1, -1, -1):
            if self._undos[k].last_seq <= seq:
                break
            found = self._undos[k]
        return found

    def join(self, judged: JudgedBlock, columns: list[Columns], numbers: list[Numbers]) -> Frame:
        """Return the frame of *judged*, of which *columns* and *numbers* are the parts by rank."""
        block = judged.block
        assert block.first_seq == self.seq + 1, "blocks are joined in order, each once"
        self._version += 1
        self._forget()
        undo = self.published.apply(judged, columns)
        undo.clock_ns, undo.run_ns = self.clock_ns, self.run_ns
        values: list[ValueColumns] = []
        for rank in range(len(numbers)):
            history = self.published.values[rank]
            values.append(history.record(judged, columns[rank], numbers[rank], undo.values[rank]))
        closings = self._no_closings
        for part in columns:
            if part.closings.count:
                closings = FrameClosings(columns, values)
                undo.closings = closings
                break
        if self._undos:
            self._undos[len(self._undos) - 1].next = undo
        self._undos.append(undo)
        self.seq = block.first_seq + block.count - 1
        if judged.has_clock:
            self.clock_ns = _last_time(judged, self.clock_ns)
        if judged.run_ns > self.run_ns:
            self.run_ns = judged.run_ns
        self._version += 1
        return Frame(judged, columns, values, closings, self.clock_ns)

    def _forget(self) -> None:
        """Drop the undos that nobody needs any more."""
        undos = self._undos
        if not undos:
            return
        if self.shown_seq is None:
            self._undos = []
            return
        shown_seq: i64 = self.shown_seq()
        needless: i64 = 0
        while needless < len(undos) and undos[needless].last_seq <= shown_seq:
            needless += 1
        if needless:
            self._undos = undos[needless:]

    def begin(self, seq: i64, instruments: list[Instrument]) -> None:
        """Stand after the event *seq*, of which nothing is known but the symbols."""
        self.seq = seq
        for instrument in instruments:
            self.published.add_symbol(instrument)
        for history in self.published.values:
            history.make_room(instruments, len(instruments))

    def archive(self, archive: Archive, instruments: list[Instrument]) -> None:
        """Save the seq and the clocks, or load them; `Published.fill` then puts the rest in."""
        self.seq = archive.int64(self.seq, 0, ANY_MAX)
        self.clock_ns = archive.int64(self.clock_ns, ANY_MIN, ANY_MAX)
        self.run_ns = archive.int64(self.run_ns, ANY_MIN, ANY_MAX)
        published = self.published
        count = archive.count(published.count, 8)
        if count > len(instruments):
            raise CorruptCheckpoint(f"saved state: {count} symbols, but {len(instruments)} are known")
        for number in range(count):
            known = not archive.loading
            clock_ns = archive.int64(published.clock(number, None) if known else 0, ANY_MIN, ANY_MAX)
            ordered = archive.flag(known and published.is_ordered(number, None))
            live = archive.flag(known and published.is_live(number, None))
            if archive.loading:
                flags = (IS_ORDERED if ordered else 0) | (IS_LIVE if live else 0)
                published.restore(instruments[number], clock_ns, flags)


def _last_time(judged: JudgedBlock, clock_ns: i64) -> i64:
    newest = clock_ns
    for i in range(judged.block.count):
        if judged.effects[i] == TIME and judged.clocks[i] > newest:
            newest = judged.clocks[i]
    return newest
