"""The walk: one consumer's place in the stream of frames, and how it moves on.

It steps through a frame in the order in which things happened: the instants at which bars closed, then the row that
revealed them. A row that fills bars of activity is visible when they are delivered, and is itself the step after them.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.bars.judged_block import NO_ROW, JudgedBlock
from mtf.bars.verdicts import ACCEPTED, LATE_ACCEPTED, TIME, TIMER
from mtf.events.block import (
    NEW_SYMBOL,
    ORDERED,
    ROW_BYTES,
    Block,
    heap_after,
    heap_length,
    heap_text,
)
from mtf.frames.frame import Frame
from mtf.frames.joiner import Joiner
from mtf.frames.passed import Passed, Still
from mtf.frames.past import KeptPast, Past, PublishedPast
from mtf.frames.tally import Tally
from mtf.frames.timeframe_state import Schema
from mtf.units import NEVER_NS

__all__ = ["BAR", "CLOCK_ROW", "END", "OF_ALL", "OF_RUN", "REJECT", "TICK", "Walk"]

# Kinds of steps, as bits, so that a consumer can select several.
END: Final = 0  # the end of the frame
BAR: Final = 1
TICK: Final = 2
CLOCK_ROW: Final = 4
REJECT: Final = 8

# The symbols whose clocks a closing instant moves.
OF_ONE: Final = 0  # the tick's own symbol
OF_RUN: Final = 1  # also those read in time order
OF_MOVED: Final = 2  # those whose clocks the row moves
OF_ALL: Final = 3

# Whether a symbol is read in time order: as before the frame, or by its newest row.
_AS_BEFORE: Final = 0
_NOT_ORDERED: Final = 1
_ORDERED: Final = 2


@mypyc_attr(native_class=True)
class Walk:
    """A place in the stream of frames. `step` moves it.

    State that the frame has not shown yet is in its past (`mtf.frames.past`). A walk that *keeps* states needs frames
    with `states_after`; the others need frames in flight.
    """

    __slots__ = (
        "_clock_ns",
        "_closed",
        "_closing",
        "_delivered",
        "_frame",
        "_group_end",
        "_heap_at",
        "_id_at",
        "_instant",
        "_instant_of",
        "_last_row",
        "_moved",
        "_moves",
        "_numbers",
        "_ordered",
        "_past",
        "_row",
        "_row_kind",
        "_run_ns",
        "_still",
        "_tallies",
        "alive",
        "generation",
        "is_over",
        "kind",
        "number",
        "recovered_seq",
        "schema",
        "seq",
    )

    def __init__(self, schema: Schema, joiner: Joiner, recovered_seq: i64, keeps: bool = False) -> None:
        """Begin at the newest state of *joiner*; events up to *recovered_seq* were logged before this start."""
        names = joiner.names()
        self.schema: Final = schema  # the pipeline's timeframes and outputs
        self._past: Past = KeptPast(joiner.states()) if keeps else PublishedPast(joiner)
        self._numbers: Final[dict[str, int]] = {name: number for number, name in enumerate(names)}
        self._clock_ns: i64 = joiner.clock_ns  # a user's newest clock event so far
        self._run_ns: i64 = joiner.run_ns  # the newest accepted event of sources read in time order so far
        self._ordered: vec[u8] = vec[u8]([_AS_BEFORE] * len(names))  # whether a symbol is read in time order
        self._moves: i64 = 0  # moves of other symbols' clocks by the rows so far
        self._moved: dict[int, int] = {}  # the times that they were moved to in this frame, by number
        self._frame: Frame | None = None
        self._still: Still | None = None  # shown instead of a step of a frame
        self._row: i64 = NO_ROW  # the newest row whose effects are visible
        self._last_row: vec[i64] = vec[i64]([NO_ROW] * len(names))  # newest visible row of each symbol
        self._closed: dict[int, int] = {}  # index of the newest visible closing, by number and rank
        self._tallies: dict[int, Tally] = {}  # counts requested in this frame, by number
        self._closing: i64 = -1  # index of the closing being delivered; -1 if none is
        self._delivered: i64 = 0  # closings delivered or visible so far
        self._group_end: i64 = 0  # end index of the closings of the current instant, or that the visible row has filled
        self._row_kind: i64 = END  # the kind of the visible row, while it is to be delivered after those
        self._instant: i64 = NEVER_NS  # the current closing instant; NEVER_NS outside of one
        self._instant_of: i64 = OF_ONE  # whose clocks it moves
        self._heap_at: i64 = 0  # in the heap, after the row's entries
        self._id_at: i64 = 0  # in the heap, the row's id, if it has one
        self.kind: i64 = END
        self.number: i64 = -1  # the step's symbol; -1 for a clock event
        self.seq: i64 = joiner.seq  # of the event shown
        self.recovered_seq: Final[i64] = recovered_seq
        self.generation: i64 = 0  # of the view that is alive; increased with each callback
        self.alive = False  # whether a callback is running
        self.is_over = False  # nothing more is shown

    @property
    def keeps(self) -> bool:
        """Whether it has states of its own."""
        return self._past.keeps

    def enter(self, frame: Frame) -> None:
        """Start *frame*; the previous one must have been walked to its end."""
        assert self._frame is None, "the previous frame must be walked to its end"
        self._frame = frame
        judged = frame.judged
        past = self._past
        past.enter(frame)
        if isinstance(past, PublishedPast):
            self._catch_up(past)
        self._make_room(len(judged.instruments))
        self._row = NO_ROW
        self._delivered = 0
        self._group_end = 0
        self._moves = 0
        self._heap_at = 0

    def step(self, wanted: i64) -> i64:
        """Move to the next step of a kind in *wanted* and return its kind; END after the last."""
        frame = self._frame
        assert frame is not None, "step needs a frame"
        judged = frame.judged
        block = judged.block
        rows = block.rows
        has_heap = len(block.heap) > 0
        closings = frame.closings
        total = closings.count
        closing_rows = closings.rows
        count = block.count
        verdicts, effects, clocks = judged.verdicts, judged.effects, judged.clocks
        while True:
            if self._row_kind != END:
                if self._delivered < self._group_end:
                    self._closing = self._delivered
                    self._delivered += 1
                    if wanted & BAR:
                        self.kind = BAR
                        return BAR
                    continue
                self._closing = -1
                row_kind, self._row_kind = self._row_kind, END
                if wanted & row_kind:
                    self.kind = row_kind
                    return row_kind
                continue
            upcoming = self._row + 1
            if (
                self._delivered < total
                and closing_rows[self._delivered] == upcoming
                and closings.ends[self._delivered] <= clocks[upcoming]
            ):
                if self._delivered >= self._group_end:
                    self._begin_instant(frame, upcoming)
                self._closing = self._delivered
                self._delivered += 1
                self.number = closings.numbers[self._closing]
                self.seq = block.first_seq + upcoming
                if wanted & BAR:
                    self.kind = BAR
                    return BAR
                continue
            if self._instant != NEVER_NS:
                self._instant = NEVER_NS
                self._group_end = 0
            self._closing = -1
            if upcoming >= count:
                self._leave(frame)
                return END
            self._row = upcoming
            self.seq = block.first_seq + upcoming
            number: i64 = i64(read_i32_le(rows, upcoming * ROW_BYTES + 8))
            self.number = number
            kind: i64 = CLOCK_ROW
            if has_heap:
                self._pass_heap(block)
            if len(judged.moves_row) > self._moves:
                self._pass_moves(judged, upcoming)
            if number < 0:
                if effects[upcoming] == TIME:
                    self._clock_ns = clocks[upcoming]
                elif verdicts[upcoming]:
                    kind = REJECT
            else:
                self._last_row[number] = upcoming
                if upcoming == judged.joins_row:
                    self._ordered[0] = _ORDERED
                kind = TICK if verdicts[upcoming] <= LATE_ACCEPTED else REJECT
                if verdicts[upcoming] == ACCEPTED:
                    if judged.has_ordered and read_i32_le(rows, upcoming * ROW_BYTES + 12) >> 8 & ORDERED != 0:
                        self._ordered[number] = _ORDERED
                        if clocks[upcoming] > self._run_ns:
                            self._run_ns = clocks[upcoming]
                    else:
                        self._ordered[number] = _NOT_ORDERED
            if self._delivered < total and closing_rows[self._delivered] == upcoming:
                self._complete_group(frame)  # what the row has filled ends with it
                self._row_kind = kind
                continue
            if wanted & kind:
                self.kind = kind
                return kind

    def skip(self, passed: Passed) -> None:
        """Move past the frames summed up in *passed*, between two frames; for a cursor that keeps states."""
        assert self._frame is None, "frames can be skipped only between two others"
        past = self._past
        assert isinstance(past, KeptPast), "other cursors find what they skipped in the published state"
        for number, state in passed.states.items():
            if past.put(number, state):
                self._numbers[state.instrument.name] = number
        self._make_room(len(past.states))
        self._clock_ns = max(self._clock_ns, passed.clock_ns)
        self._run_ns = max(self._run_ns, passed.run_ns)
        self.seq = max(self.seq, passed.seq)

    def move_to(self, seq: i64) -> None:
        """Move to after the event *seq*, the last one of a delivered block; only between two frames."""
        assert self._frame is None, "the previous frame must be walked to its end"
        past = self._past
        if isinstance(past, PublishedPast) and seq > self.seq:
            self.seq = seq
            past.move_to(seq)
            self._catch_up(past)

    def fall_behind(self) -> None:
        """Release the blocks in flight: nothing more is shown, and the callback that is running may never return."""
        self.is_over = True
        past = self._past
        if isinstance(past, PublishedPast):
            self._past = past.kept()

    def rest(self, still: Still) -> None:
        """Show *still*, which comes after everything shown so far, until `move_on`."""
        self.skip(still.passed)
        self._still = still
        self._closing = 0 if still.kind == BAR else -1
        self.kind = still.kind
        self.number = still.number
        self.seq = still.seq

    def move_on(self) -> None:
        """Move past the still being shown."""
        self._still = None
        self._closing = -1
        self.kind = END
        self.number = -1

    def _complete_group(self, frame: Frame) -> None:
        """Make the next bar that closes visible as completed, and all that close with it: same row, same end."""
        closings = frame.closings
        ranks: i64 = len(self.schema.timeframes)
        k = self._delivered
        row, end_ns = closings.rows[k], closings.ends[k]
        while k < closings.count and closings.rows[k] == row and closings.ends[k] == end_ns:
            self._closed[int(closings.numbers[k] * ranks + closings.ranks[k])] = int(k)
            k += 1
        self._group_end = k

    def _begin_instant(self, frame: Frame, row: i64) -> None:
        """Begin the instant in which the next bars close, because of *row*, which is not visible yet."""
        self._instant = frame.closings.ends[self._delivered]
        self._complete_group(frame)
        judged = frame.judged
        if judged.effects[row] == TIME:
            self._instant_of = OF_ALL
        elif judged.effects[row] == TIMER:
            self._instant_of = OF_MOVED
        elif judged.has_ordered and read_i32_le(judged.block.rows, row * ROW_BYTES + 12) >> 8 & ORDERED:
            self._instant_of = OF_RUN
        else:
            self._instant_of = OF_ONE

    def _instant_for(self, number: i64) -> i64:
        """Return the time to which the closing instant moves the clock of symbol *number*; NEVER_NS if it does not."""
        if number < 0 or self._instant_of == OF_ALL:
            return self._instant
        frame = self._frame
        assert frame is not None, "a closing instant belongs to a frame"
        judged = frame.judged
        row = self._row + 1  # the one that reveals it
        if self._instant_of == OF_MOVED:
            for m in range(self._moves, len(judged.moves_row)):
                if judged.moves_row[m] > row:
                    break
                if judged.moves_number[m] == number:
                    return min(self._instant, judged.moves_ns[m])
            return NEVER_NS
        if number == judged.block.symbol_at(row):
            return self._instant
        if self._instant_of == OF_RUN and (self._is_ordered(number) or (number == 0 and judged.joins_row == row)):
            return self._instant
        return NEVER_NS

    def _pass_moves(self, judged: JudgedBlock, row: i64) -> None:
        """Note the clocks of other symbols that *row* moves."""
        moves: i64 = len(judged.moves_row)
        while self._moves < moves and judged.moves_row[self._moves] == row:
            self._moved[judged.moves_number[self._moves]] = judged.moves_ns[self._moves]
            self._moves += 1

    def _pass_heap(self, block: Block) -> None:
        """Skip the row's heap entries, and remember the symbol name if there is one."""
        tag: i64 = i64(read_i32_le(block.rows, self._row * ROW_BYTES + 12))
        flags = tag >> 8
        self._id_at = self._heap_at
        if flags & NEW_SYMBOL:
            self._numbers[heap_text(block.heap, self._heap_at)] = self.number
            self._id_at += 2 + heap_length(block.heap, self._heap_at)
        self._heap_at = heap_after(block.heap, self._heap_at, tag)

    def _leave(self, frame: Frame) -> None:
        """Take over the states of the frame's symbols at its end."""
        touched = frame.judged.touched
        last_row, ordered = self._last_row, self._ordered
        for k in range(len(touched)):
            last_row[touched[k]] = NO_ROW
            ordered[touched[k]] = _AS_BEFORE
        self._past.leave(frame)
        if self._closed:
            self._closed.clear()
        if self._moved:
            self._moved.clear()
        if self._tallies:
            self._tallies.clear()
        self._frame = None
        self._row = NO_ROW
        self.kind = END
        self.number = -1

    def _catch_up(self, past: PublishedPast) -> None:
        """Take over changes by blocks that it was not shown: clocks, and names of new symbols."""
        self._clock_ns = past.clock_ns
        self._run_ns = past.run_ns
        while len(self._numbers) < past.count:
            number = len(self._numbers)
            self._numbers[past.instrument(number).name] = number
        self._make_room(len(self._numbers))

    def _make_room(self, symbols: i64) -> None:
        if symbols > len(self._last_row):
            self._last_row = vec[i64]([NO_ROW] * symbols)
            self._ordered = vec[u8]([_AS_BEFORE] * symbols)

    def _is_ordered(self, number: i64) -> bool:
        """Return whether a symbol is read in time order at this step."""
        ordered = self._ordered[number]
        return self._past.is_ordered(number) if ordered == _AS_BEFORE else ordered == _ORDERED
