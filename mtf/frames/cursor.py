"""The cursor: one consumer's place in the stream of frames.

It steps through a frame in the order in which things happened: the instants at which bars closed, then the row that
revealed them. It gives access to the state at its step, and to no later one.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar
from mtf.bars.columns import BarClose, BarState
from mtf.bars.judged_block import JudgedBlock
from mtf.bars.verdicts import ACCEPTED, LATE_ACCEPTED, REASONS, TIME, TIMER, Counts
from mtf.errors import UnknownSymbol
from mtf.events.block import (
    BOTH_SIDES,
    HAS_ID,
    NEW_SYMBOL,
    ORDERED,
    RECEIVED,
    ROW_BYTES,
    Block,
    heap_after,
    heap_length,
    heap_text,
    received_at,
    tick_at,
)
from mtf.events.tick import Tick
from mtf.frames.frame import Frame, Joiner, SymbolState
from mtf.frames.passed import Passed, Still
from mtf.frames.snapshot import Snapshot
from mtf.frames.tally import Tally
from mtf.frames.timeframe_state import Schema, TimeframeState
from mtf.indicators.values import ValueState
from mtf.units import NEVER_NS

__all__ = ["BAR", "CLOCK_ROW", "END", "REJECT", "TICK", "Cursor"]

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

_NO_ROW: Final = -1


@mypyc_attr(native_class=True)
class Cursor:
    """Walks frames for one consumer. `step` moves it; everything else reads the state at its current step."""

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
        "_row",
        "_run_ns",
        "_states",
        "_still",
        "_tallies",
        "alive",
        "generation",
        "kind",
        "number",
        "recovered_seq",
        "schema",
        "seq",
    )

    def __init__(self, schema: Schema, joiner: Joiner, recovered_seq: i64) -> None:
        """Begin at the newest state of *joiner*; events up to *recovered_seq* were logged before this start."""
        states = joiner.states
        self.schema: Final = schema  # the pipeline's timeframes and outputs
        self._states: Final = list(states)  # each symbol's state before the frame, by number
        self._numbers: Final[dict[str, int]] = {s.instrument.name: k for k, s in enumerate(states)}
        self._clock_ns: i64 = joiner.clock_ns  # a user's newest clock event so far
        self._run_ns: i64 = joiner.run_ns  # the newest accepted event of sources read in time order so far
        self._ordered: Final[list[bool]] = [state.ordered for state in states]  # whether a symbol is read in time order
        self._moves: i64 = 0  # moves of other symbols' clocks by the rows so far
        self._moved: dict[int, int] = {}  # the times that they were moved to in this frame, by number
        self._frame: Frame | None = None
        self._still: Still | None = None  # shown instead of a step of a frame
        self._row: i64 = _NO_ROW  # the newest row whose effects are visible
        self._last_row: vec[i64] = vec[i64]([_NO_ROW] * len(states))  # newest visible row of each symbol
        self._closed: dict[int, int] = {}  # index of the newest visible closing, by number and rank
        self._tallies: dict[int, Tally] = {}  # counts requested in this frame, by number
        self._closing: i64 = -1  # index of the closing being delivered; -1 if none is
        self._delivered: i64 = 0  # closings delivered or visible so far
        self._group_end: i64 = 0  # end index of the closings of the current instant
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

    def enter(self, frame: Frame) -> None:
        """Start *frame*; the previous one must have been walked to its end."""
        assert self._frame is None, "the previous frame must be walked to its end"
        self._frame = frame
        states = self._states
        for k in range(len(frame.judged.touched)):
            if frame.judged.touched[k] == len(states):
                states.append(frame.before[k])  # new in this frame: nobody can name it before its first row
                self._ordered.append(False)
        if len(states) > len(self._last_row):
            self._last_row = vec[i64]([_NO_ROW] * len(states))
        self._row = _NO_ROW
        self._delivered = 0
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
        total: i64 = len(closings)
        count = block.count
        verdicts, effects, clocks = judged.verdicts, judged.effects, judged.clocks
        while True:
            upcoming = self._row + 1
            if self._delivered < total and closings[self._delivered].row == upcoming:
                closing = closings[self._delivered]
                if self._delivered >= self._group_end:
                    self._begin_instant(closing)
                self._closing = self._delivered
                self._delivered += 1
                self.number = closing.number
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
                    self._ordered[0] = True
                kind = TICK if verdicts[upcoming] <= LATE_ACCEPTED else REJECT
                if verdicts[upcoming] == ACCEPTED and (judged.has_ordered or self._ordered[number]):
                    ordered = read_i32_le(rows, upcoming * ROW_BYTES + 12) >> 8 & ORDERED != 0
                    self._ordered[number] = ordered
                    if ordered and clocks[upcoming] > self._run_ns:
                        self._run_ns = clocks[upcoming]
            if wanted & kind:
                self.kind = kind
                return kind

    def skip(self, passed: Passed) -> None:
        """Move past the frames that were skipped, summed up in *passed*; only between two frames."""
        assert self._frame is None, "frames can be skipped only between two others"
        states = self._states
        for number, state in passed.states.items():
            if number < len(states):
                states[number] = state
                self._ordered[number] = state.ordered
                continue
            assert number == len(states), "symbols must appear in order"
            states.append(state)
            self._ordered.append(state.ordered)
            self._numbers[state.instrument.name] = number
        if len(states) > len(self._last_row):
            self._last_row = vec[i64]([_NO_ROW] * len(states))
        self._clock_ns = max(self._clock_ns, passed.clock_ns)
        self._run_ns = max(self._run_ns, passed.run_ns)
        self.seq = max(self.seq, passed.seq)

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

    def _begin_instant(self, closing: BarClose) -> None:
        """Make all bars that close with *closing* (same row, same end) visible as completed."""
        frame = self._frame
        assert frame is not None
        closings = frame.closings
        end_ns: i64 = closing.bar.end_ns
        ranks: i64 = len(self.schema.timeframes)
        k = self._delivered
        while k < len(closings) and closings[k].row == closing.row and closings[k].bar.end_ns == end_ns:
            self._closed[closings[k].number * ranks + closings[k].rank] = k
            k += 1
        self._group_end = k
        self._instant = end_ns
        row = closing.row
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
        if self._instant_of == OF_RUN and (self._ordered[number] or (number == 0 and judged.joins_row == row)):
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
        states = self._states
        last_row = self._last_row
        for k in range(len(touched)):
            number = touched[k]
            states[number] = frame.after[k]
            last_row[number] = _NO_ROW
            self._ordered[number] = frame.after[k].ordered
        if self._closed:
            self._closed.clear()
        if self._moved:
            self._moved.clear()
        if self._tallies:
            self._tallies.clear()
        self._frame = None
        self._row = _NO_ROW
        self.kind = END
        self.number = -1

    # The step itself.

    @property
    def closing(self) -> bool:
        """True at a closing instant: the tick that revealed it is not visible yet."""
        return self._closing >= 0

    @property
    def time_ns(self) -> i64:
        """The time of the step: the end of the closing bars, or the clock after the row."""
        return self.time_of(self.number)

    @property
    def row(self) -> i64:
        """The newest row of the frame whose effects are visible; -1 before the first."""
        return self._row

    def bar(self) -> Bar:
        """Return the bar that just closed."""
        if self._still is not None and self._still.bar is not None:
            return self._still.bar
        frame = self._frame
        assert frame is not None, "no bar is being delivered"
        assert self._closing >= 0, "no bar is being delivered"
        return frame.closings[self._closing].bar

    def tick(self) -> Tick:
        """Return the tick of the row."""
        if self._still is not None and self._still.tick is not None:
            return self._still.tick
        frame = self._frame
        assert frame is not None, "no tick is being delivered"
        assert self.number >= 0, "no tick is being delivered"
        block = frame.judged.block
        flags = read_i32_le(block.rows, self._row * ROW_BYTES + 12) >> 8
        id: str | None = None
        received_ns: int | None = None
        if flags & HAS_ID:
            id = heap_text(block.heap, self._id_at)
        if flags & RECEIVED:
            received_ns = received_at(block.heap, self._heap_at)
        name = self._states[self.number].instrument.name
        sides = frame.judged.one_sided.get(int(self._row), BOTH_SIDES)
        return tick_at(block.rows, self._row, name, id, sides, received_ns)

    def reason(self) -> str:
        """Return the reason why the row's event was rejected; empty if it was accepted."""
        if self._still is not None:
            return self._still.reason
        frame = self._frame
        assert frame is not None, "no row is being delivered"
        assert self._row >= 0, "no row is being delivered"
        return REASONS[frame.judged.verdicts[self._row]]

    def clock_event_ns(self) -> i64:
        """Return the time of the row's clock event."""
        if self._still is not None:
            return self._still.time_ns
        frame = self._frame
        assert frame is not None, "no clock event is being delivered"
        assert self.number < 0, "no clock event is being delivered"
        return frame.judged.clocks[self._row]

    # The state at this step.

    def number_of(self, symbol: str) -> i64:
        """Return the number of *symbol*; UnknownSymbol if none of its events has been shown."""
        found = self._numbers.get(symbol)
        if found is None:
            raise UnknownSymbol(
                f"no event of {symbol!r} has been seen; known symbols: {', '.join(self._numbers) or 'none'}"
            )
        return found

    def name_of(self, number: i64) -> str:
        return self._states[number].instrument.name

    def symbols(self) -> list[str]:
        """Return the symbols seen so far, in order of appearance."""
        return list(self._numbers)

    def time_of(self, number: i64) -> i64:
        """Return a symbol's clock at this step (for -1, that of clock events); -1 before its first event."""
        time_ns = self._clock_ns
        frame = self._frame
        if number >= 0:
            row = self._last_row[number]
            own = frame.judged.clocks[row] if row >= 0 and frame is not None else self._states[number].clock_ns
            if own > time_ns:
                time_ns = own
            if self._ordered[number] and self._run_ns > time_ns:
                time_ns = self._run_ns
            if self._moved:
                moved = self._moved.get(int(number))
                if moved is not None and moved > time_ns:
                    time_ns = moved
        elif self._still is not None:
            return self._still.time_ns
        elif frame is not None and self._row >= 0:
            judged = frame.judged
            if judged.verdicts[self._row] == ACCEPTED and judged.block.symbol_at(self._row) < 0:
                time_ns = max(time_ns, judged.clocks[self._row])
        if self._instant != NEVER_NS:
            time_ns = max(time_ns, self._instant_for(number))
        return -1 if time_ns == NEVER_NS else time_ns

    def state(self, number: i64, rank: i64) -> TimeframeState:
        """Return one timeframe of one symbol at this step."""
        schema = self.schema
        frame = self._frame
        row = self._last_row[number]
        known = self._states[number]
        values: ValueState | None = None
        live = vec[float]([])
        offset: i64 = 0
        found: i64 = -1
        if self._closed:
            index = self._closed.get(int(number * len(schema.timeframes) + rank))
            if index is not None:
                found = index
        bars = known.bars[rank]
        if known.values:
            values = known.values[rank]
            live = values.live
        if frame is not None:
            if found >= 0:
                bars = frame.closings[found].state()
                if frame.values:
                    values = frame.closing_values[found]
                    live = values.live
            if row >= 0 and (found < 0 or frame.closings[found].row <= row):
                bars = frame.columns[rank].state(row, bars)
                if frame.values:
                    shown = frame.values[rank]
                    live = shown.live if shown.rows else vec[float]([])
                    offset = row * shown.width
        return TimeframeState(
            known.instrument.name,
            schema,
            rank,
            self.time_of(number),
            bars,
            values,
            live,
            offset,
            False,
        )

    def snapshot(self, number: i64) -> Snapshot:
        """Return every timeframe of a symbol at this step, as an independent value."""
        frame = self._frame
        known = self._states[number]
        if frame is None:
            return Snapshot(self.schema, known, self.seq, self.time_of(number))
        bars, values = self._bars_and_values(number)
        time_ns = self.time_of(number)
        return Snapshot(
            self.schema, SymbolState(known.instrument, time_ns, self._counts(number), bars, values), self.seq, time_ns
        )

    def _bars_and_values(self, number: i64) -> tuple[list[BarState], list[ValueState]]:
        """Return a symbol's bars and values of every timeframe at this step."""
        states = [self.state(number, rank) for rank in range(len(self.schema.timeframes))]
        values = [value for state in states if (value := state.value_state()) is not None]
        return [state.bar_state() for state in states], values

    def _counts(self, number: i64) -> Counts:
        """Return a symbol's counts up to the visible row, continuing from the previous call."""
        frame = self._frame
        if frame is None or self._row < 0:
            return self._states[number].counts
        tally = self._tallies.get(int(number))
        if tally is None:
            tally = Tally(self._states[number].counts.numbers[:])
            self._tallies[int(number)] = tally
        tally.count(frame, number, self._row)
        return Counts(tally.numbers[:])
