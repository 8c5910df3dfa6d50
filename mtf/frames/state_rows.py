"""The whole state at each step of a log as rows in columns: what a consumer's view shows there, and nothing later.

A cursor that records instead of showing. Its columns are plain numbers, filled from the frame's columns; naming them is
up to the caller.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i32, i64, mypyc_attr

from mtf.bars.bar_history import BarHistory
from mtf.bars.columns import (
    AS_BEFORE,
    CLOSE,
    COUNT,
    HEADER,
    HEADER_END,
    HIGH,
    LOW,
    NO_BAR,
    OPEN,
    SHOWN,
    VOLUME,
    end_now,
)
from mtf.frames.cursor import Cursor
from mtf.frames.frame import Frame
from mtf.frames.joiner import Joiner
from mtf.frames.timeframe_state import Schema
from mtf.frames.walk import BAR, END, TICK
from mtf.units import NEVER_NS

__all__ = ["BAR_FLOATS", "BAR_WHOLES", "StatePage", "StateRows"]

BAR_FLOATS: Final = 5  # open, high, low, close, volume
BAR_WHOLES: Final = 3  # start, end, ticks
ON_TICKS: Final = -1
NAN: Final = float("nan")


@mypyc_attr(native_class=True)
class StatePage:
    """Up to *room* rows. Float column *k* is `floats[k * room : k * room + count]`; `wholes` likewise.

    For each timeframe, the float columns are those of the partial bar (`BAR_FLOATS`) and of the newest completed bar,
    then live values and completed values; the integer columns (`BAR_WHOLES`) are those of the two bars. For a bar that
    does not exist they hold NaN and NEVER_NS. `missing` counts the NaNs of each float column.
    """

    __slots__ = ("codes", "count", "floats", "missing", "room", "seqs", "times", "wholes")

    def __init__(self, room: i64, floats: i64, wholes: i64) -> None:
        self.room: Final[i64] = room
        self.count: i64 = 0
        self.codes: vec[i32] = vec[i32]([0] * room)  # symbol numbers
        self.seqs: vec[i64] = vec[i64]([0] * room)
        self.times: vec[i64] = vec[i64]([0] * room)
        self.floats: vec[float] = vec[float]([0.0] * (room * floats))
        self.wholes: vec[i64] = vec[i64]([0] * (room * wholes))
        self.missing: vec[i64] = vec[i64]([0] * floats)

    def leave_out_bar(self, to: i64, whole: i64, column: i64) -> None:
        """Write a missing bar at *to* and *whole*, whose first float column is *column*."""
        for k in range(BAR_FLOATS):
            self.floats[to + k * self.room] = NAN
            self.missing[column + k] += 1
        for k in range(BAR_WHOLES):
            self.wholes[whole + k * self.room] = NEVER_NS

    def write_bar(self, to: i64, whole: i64, table: BarHistory, row: i64) -> None:
        """Write the completed bar in a *row* of *table* at *to* and *whole*."""
        floats, wholes, room = self.floats, self.wholes, self.room
        for k in range(BAR_FLOATS):
            floats[to + k * room] = table.price(row, k)
        for k in range(BAR_WHOLES):
            wholes[whole + k * room] = table.mark(row, k)

    def write_values(self, to: i64, column: i64, values: vec[float], offset: i64, step: i64, width: i64) -> None:
        """Write *width* values at *to*, from `values[offset]` on, one each *step*; *column* is the first's column."""
        floats, missing, room = self.floats, self.missing, self.room
        for k in range(width):
            value = values[offset + k * step]
            if value != value:
                missing[column + k] += 1
            floats[to + k * room] = value


@mypyc_attr(native_class=True)
class StateRows(Cursor):
    """Writes a row for each accepted tick or, with *on_rank*, for each bar that closes on that timeframe.

    *live* and *completed* select the indicator values in it; *widths* are their numbers by timeframe.
    """

    def __init__(
        self, schema: Schema, joiner: Joiner, widths: list[int], room: i64, on_rank: i64, live: bool, completed: bool
    ) -> None:
        super().__init__(schema, joiner, joiner.seq)
        self._room: Final[i64] = room
        self._on_rank: Final[i64] = on_rank
        self._live: Final = live
        self._completed: Final = completed
        self._widths: vec[i64] = vec[i64]([i64(width) for width in widths])
        self._none: vec[float] = vec[float]([NAN] * (max(widths) if widths else 0))
        floats: i64 = 0
        for width in widths:
            floats += 2 * BAR_FLOATS + (width if live else 0) + (width if completed else 0)
        self._floats: Final[i64] = floats
        self._page: StatePage = self._new_page()

    def write(self, frame: Frame) -> list[StatePage]:
        """Write the rows of the next *frame*; return the pages that are full."""
        full: list[StatePage] = []
        wanted: i64 = TICK if self._on_rank == ON_TICKS else BAR
        self.enter(frame)
        while True:
            kind = self.step(wanted)
            if kind == END:
                return full
            if kind == BAR and frame.closings.ranks[self._closing] != self._on_rank:
                continue
            self._write(frame)
            if self._page.count == self._room:
                full.append(self._page)
                self._page = self._new_page()

    def last(self) -> StatePage:
        """Return the current page, which may be empty, and start another."""
        page = self._page
        self._page = self._new_page()
        return page

    def _new_page(self) -> StatePage:
        return StatePage(self._room, self._floats, 2 * BAR_WHOLES * len(self._widths))

    def _write(self, frame: Frame) -> None:
        """Write the row of the current step."""
        page = self._page
        at = page.count
        number = self.number
        page.codes[at] = i32(number)
        page.seqs[at] = self.seq
        page.times[at] = self.time_of(number)
        row = self._last_row[number]
        past = self._past
        ranks: i64 = len(self._widths)
        floats = page.floats
        wholes = page.wholes
        room = self._room
        to: i64 = at  # of the next column of floats
        whole: i64 = at
        column: i64 = 0
        anything_closed = len(self._closed) > 0
        for rank in range(ranks):
            width = self._widths[rank]
            found: i64 = -1
            if anything_closed:
                index = self._closed.get(int(number * ranks + rank))
                if index is not None:
                    found = index
            # The forming bar, and its live values.
            start_ns: i64 = NEVER_NS
            end_ns: i64 = NEVER_NS  # while no bar forms
            live = self._none
            offset: i64 = 0
            if row >= 0 and (found < 0 or frame.closings.rows[found] <= row):
                columns = frame.columns[rank]
                place = columns.header[row]
                if place != NO_BAR:
                    if place == AS_BEFORE:
                        start_ns, end_ns = past.bounds(number, rank)
                    else:
                        start_ns = columns.headers[place * HEADER]
                        end_ns = columns.headers[place * HEADER + HEADER_END]
                    numbers, own = columns.numbers, row * SHOWN
                    floats[to] = numbers[own + OPEN]
                    floats[to + room] = numbers[own + HIGH]
                    floats[to + 2 * room] = numbers[own + LOW]
                    floats[to + 3 * room] = numbers[own + CLOSE]
                    floats[to + 4 * room] = numbers[own + VOLUME]
                    wholes[whole + 2 * room] = i64(numbers[own + COUNT])
                    if self._live and width:
                        shown = frame.values[rank]
                        if shown.rows:
                            offset = row * width
                        elif shown.places is not None:
                            offset = shown.places.by_row[row] * width
                        if len(shown.live):
                            assert offset >= 0, "live values must have been computed for this row"
                            live = shown.live
            elif found < 0:
                bars = past.bars(number, rank)
                header = bars.header
                if header is not None:
                    start_ns, end_ns = header.start_ns, header.end_ns
                    floats[to] = bars.open
                    floats[to + room] = bars.high
                    floats[to + 2 * room] = bars.low
                    floats[to + 3 * room] = bars.close
                    floats[to + 4 * room] = bars.volume
                    wholes[whole + 2 * room] = bars.ticks
                    if self._live and width:
                        before = past.values(number, rank).live
                        if len(before):
                            live = before
            if end_ns == NEVER_NS:
                page.leave_out_bar(to, whole, column)
            else:
                wholes[whole] = start_ns
                wholes[whole + room] = end_ns if frame.columns[rank].timed else end_now(start_ns, page.times[at])
            to += BAR_FLOATS * room
            column += BAR_FLOATS
            whole += BAR_WHOLES * room
            # The newest completed bar, and its values.
            completed = self._none
            at_values: i64 = 0
            step: i64 = 1
            window = past.window(number, rank) if found < 0 else frame.closings.window(found)
            if width:
                values = frame.closings.values(found) if found >= 0 else past.completed(number, rank)
                if values.stop > 0:
                    at_values, step = values.rows.place(values.stop - 1)
                    completed = values.rows.numbers
            table, stop = window.table(), i64(window.stop())
            if table is None or stop == 0:
                page.leave_out_bar(to, whole, column)
            else:
                page.write_bar(to, whole, table, stop - 1)
            to += BAR_FLOATS * room
            column += BAR_FLOATS
            whole += BAR_WHOLES * room
            if self._live:
                if end_ns == NEVER_NS:
                    page.write_values(to, column, completed, at_values, step, width)
                else:
                    page.write_values(to, column, live, offset, 1, width)
                to += width * room
                column += width
            if self._completed:
                page.write_values(to, column, completed, at_values, step, width)
                to += width * room
                column += width
        page.count = at + 1
