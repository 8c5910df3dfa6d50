"""The cursor: what one consumer is shown at its step in the stream of frames, and nothing of a later one."""

from __future__ import annotations

from librt.strings import read_i32_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar
from mtf.bars.columns import AS_BEFORE, BarState
from mtf.bars.verdicts import ACCEPTED, REASONS, Counts
from mtf.errors import UnknownIndicator, UnknownSymbol
from mtf.events.block import (
    BOTH_SIDES,
    HAS_ID,
    RECEIVED,
    ROW_BYTES,
    heap_text,
    received_at,
    tick_at,
)
from mtf.events.tick import Tick
from mtf.frames.frame import Frame
from mtf.frames.snapshot import Snapshot
from mtf.frames.symbol_state import SymbolState
from mtf.frames.tally import Tally
from mtf.frames.timeframe_state import TimeframeState
from mtf.frames.walk import Walk
from mtf.indicators.values import ValueState
from mtf.units import NEVER_NS

__all__ = ["Cursor"]


@mypyc_attr(native_class=True)
class Cursor(Walk):
    """Walks frames for one consumer; everything here reads the state at the current step."""

    __slots__ = ()

    # The step itself.

    @property
    def closing(self) -> bool:
        """True at a closing instant: the tick that revealed it is not visible yet."""
        if self._still is not None:
            return self._still.closing
        return self._closing >= 0 and self._instant != NEVER_NS

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
        return frame.closings.bar(self._closing)

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
        name = frame.judged.instruments[self.number].name
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
        return self._past.instrument(number).name

    def symbols(self) -> list[str]:
        """Return the symbols seen so far, in order of appearance."""
        return list(self._numbers)

    def time_of(self, number: i64) -> i64:
        """Return a symbol's clock at this step (for -1, that of clock events); -1 before its first event."""
        time_ns = self._clock_ns
        frame = self._frame
        if number >= 0:
            row = self._last_row[number]
            own = frame.judged.clocks[row] if row >= 0 and frame is not None else self._past.clock(number)
            if own > time_ns:
                time_ns = own
            if self._run_ns > time_ns and self._is_ordered(number):
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
        values: ValueState | None = None
        live = vec[float]([])
        offset: i64 = 0
        found = self._closing_of(number, rank)
        past = self._past
        has_values = self.schema.has_values
        if frame is not None and _of_row(frame, row, found):
            window = past.window(number, rank) if found < 0 else frame.closings.window(found)
            columns = frame.columns[rank]
            before = past.header(number, rank) if columns.header[row] == AS_BEFORE else None
            bars = columns.state(row, window, before)
            if has_values:
                values = past.completed(number, rank) if found < 0 else frame.closings.values(found)
                shown = frame.values[rank]
                live = shown.live if shown.rows else vec[float]([])
                offset = row * shown.width
        elif frame is not None and found >= 0:
            bars = frame.closings.state(found)
            if has_values:
                values = frame.closings.values(found)
                live = values.live
        else:
            bars = past.bars(number, rank)
            if has_values:
                values = past.values(number, rank)
                live = values.live
        return TimeframeState(
            self.name_of(number),
            schema,
            rank,
            self.time_of(number),
            bars,
            values,
            live,
            offset,
            False,
        )

    def live(self, number: i64) -> vec[float]:
        """Return all live values of a symbol at this step: by timeframe, and for each in the order of its outputs."""
        schema = self.schema
        frame = self._frame
        row = self._last_row[number]
        total: i64 = 0
        for outputs in schema.outputs:
            total += len(outputs)
        found = vec[float]([0.0] * total)
        at: i64 = 0
        for rank in range(len(schema.outputs)):
            width: i64 = len(schema.outputs[rank])
            if not width:
                continue
            closing = self._closing_of(number, rank)
            if frame is not None and frame.values[rank].rows and _of_row(frame, row, closing):
                header = frame.columns[rank].header[row]
                values = frame.values[rank].live
                forms = header > AS_BEFORE or (header == AS_BEFORE and self._past.header(number, rank) is not None)
                if forms and len(values) > 0:
                    for k in range(width):
                        found[at + k] = values[row * width + k]
                    at += width
                    continue
            for value in self.state(number, rank).live.values():
                found[at] = value
                at += 1
        return found

    def _closing_of(self, number: i64, rank: i64) -> i64:
        """Return the index of the newest visible closing of a symbol's timeframe in this frame; -1 if there is none."""
        if self._closed:
            index = self._closed.get(int(number * len(self.schema.timeframes) + rank))
            if index is not None:
                return index
        return -1

    def live_index(self, rank: i64, output: str) -> int:
        """Return where in `live` an output of a timeframe is; UnknownIndicator if it is not kept."""
        columns = self.schema.columns
        column = columns[rank].get(output)
        if column is None:
            raise UnknownIndicator(
                f"indicator output {output!r} is not kept here; choose from {', '.join(columns[rank]) or 'none'}"
            )
        before: i64 = 0
        for k in range(rank):
            before += len(columns[k])
        return int(before) + column

    def snapshot(self, number: i64) -> Snapshot:
        """Return every timeframe of a symbol at this step, as an independent value."""
        time_ns = self.time_of(number)
        bars, values = self._bars_and_values(number)
        state = SymbolState(self._past.instrument(number), time_ns, self._counts(number), bars, values)
        return Snapshot(self.schema, state, self.seq, time_ns)

    def _bars_and_values(self, number: i64) -> tuple[list[BarState], list[ValueState]]:
        """Return a symbol's bars and values of every timeframe at this step."""
        states = [self.state(number, rank) for rank in range(len(self.schema.timeframes))]
        values = [value for state in states if (value := state.value_state()) is not None]
        return [state.bar_state() for state in states], values

    def _counts(self, number: i64) -> Counts:
        """Return a symbol's counts up to the visible row, continuing from the previous call."""
        frame = self._frame
        if frame is None or self._row < 0:
            return self._past.counts(number)
        tally = self._tallies.get(int(number))
        if tally is None:
            tally = Tally(self._past.counts(number).numbers[:])
            self._tallies[int(number)] = tally
        tally.count(frame, number, self._row)
        return Counts(tally.numbers[:])


def _of_row(frame: Frame, row: i64, closing: i64) -> bool:
    """Whether a timeframe's state is that after *row*, and not that of the newest visible *closing* (-1: none)."""
    return row >= 0 and (closing < 0 or frame.closings.rows[closing] <= row)
