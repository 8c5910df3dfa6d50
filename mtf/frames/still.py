"""Stills: the steps that a slow consumer has yet to be shown, kept without their frame.

A closing need not keep a frame of a thousand rows alive: its view needs only the symbols' states at that instant, and a
still stores only those that changed since the previous one.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.frames.cursor import Cursor
from mtf.frames.frame import Frame
from mtf.frames.passed import Passed, Still
from mtf.frames.selection import Selection
from mtf.frames.symbol_state import SymbolState
from mtf.frames.walk import BAR, CLOCK_ROW, END, OF_ALL, OF_RUN, REJECT, TICK
from mtf.units import NEVER_NS

__all__ = ["StillCamera"]


@mypyc_attr(native_class=True)
class StillCamera:
    """Makes stills of the steps in *selection*. It owns *cursor*, which has passed all earlier frames."""

    __slots__ = ("_behind", "_closing", "_cursor", "_moves", "_row", "_selection", "rest")

    def __init__(self, cursor: Cursor, selection: Selection) -> None:
        self._cursor = cursor
        self._behind = Passed()  # frames that the cursor still has to skip
        self.rest = Passed()  # changes since the last still
        self._selection: Final = selection
        self._row: i64 = -1  # in the current frame, the last one whose effects are in a still
        self._closing: i64 = 0  # likewise
        self._moves: i64 = 0

    def rewind(self, cursor: Cursor) -> None:
        """Continue from *cursor*."""
        self._cursor = cursor
        self._behind = Passed()

    def skip(self, passed: Passed) -> None:
        """Skip frames without a selected step."""
        self._behind.join(passed)

    def skip_frame(self, frame: Frame) -> None:
        """Skip a frame that is shown whole, or of which nothing needs to be kept."""
        self._behind.add(frame)

    def take(self, frame: Frame, row: i64, before: Passed) -> list[Still]:
        """Return stills of *frame*: each selected closing, and the row *row* (-1: no row).

        *before* sums up the frames skipped since the last still, and becomes part of the first one here.
        """
        cursor, selection = self._cursor, self._selection
        cursor.skip(self._behind)
        self._behind = Passed()
        cursor.enter(frame)
        self._row, self._closing, self._moves = -1, 0, 0
        made: list[Still] = []
        kinds = selection.wanted
        while True:
            kind = cursor.step(kinds)
            if kind == END:
                break
            if kind == BAR:
                if not selection.takes(frame.closings, cursor._closing):
                    continue
            elif cursor._row != row:
                continue
            self._note_changes(frame, before)
            made.append(self._still(kind, before))
            before = Passed()
        before.add(frame)
        self.rest = before
        return made

    def _still(self, kind: i64, passed: Passed) -> Still:
        cursor = self._cursor
        return Still(
            passed,
            kind,
            cursor.number,
            cursor.seq,
            cursor.clock_event_ns() if kind == CLOCK_ROW else cursor.time_ns,
            cursor.bar() if kind == BAR else None,
            cursor.tick() if kind == TICK or (kind == REJECT and cursor.number >= 0) else None,
            cursor.reason() if kind == REJECT else "",
            cursor.closing,
        )

    def _note_changes(self, frame: Frame, passed: Passed) -> None:
        """Add to *passed* the current state of each symbol that changed since the last still."""
        cursor = self._cursor
        judged = frame.judged
        changed: set[int] = set()
        shown = cursor._row + 1
        for i in range(self._row + 1, shown):
            number = judged.block.symbol_at(i)
            if number >= 0:
                changed.add(int(number))
        self._row = cursor._row
        closings = cursor._group_end if cursor._closing >= 0 else cursor._delivered
        for k in range(self._closing, closings):
            changed.add(int(frame.closings.numbers[k]))
        self._closing = closings
        moves: i64 = len(judged.moves_row)
        while self._moves < moves and judged.moves_row[self._moves] < shown:
            changed.add(int(judged.moves_number[self._moves]))
            self._moves += 1
        if cursor.closing:  # the row that reveals it moves its own symbol's clock, and maybe others
            changed.add(int(judged.block.symbol_at(shown)))
            k = self._moves
            while k < moves and judged.moves_row[k] == shown:
                changed.add(int(judged.moves_number[k]))
                k += 1
        if judged.joins_row >= 0:
            changed.add(0)
        clock_ns, run_ns = cursor._clock_ns, cursor._run_ns
        if cursor._instant != NEVER_NS:
            if cursor._instant_of == OF_ALL:
                clock_ns = max(clock_ns, cursor._instant)
            elif cursor._instant_of == OF_RUN:
                run_ns = max(run_ns, cursor._instant)
        for number in sorted(changed):
            if 0 <= number < len(cursor._numbers):  # else its first row is yet to come
                passed.states[number] = self._state(number)
        passed.reach(cursor.seq, clock_ns, run_ns)

    def _state(self, number: i64) -> SymbolState:
        cursor = self._cursor
        past = cursor._past
        bars, values = cursor._bars_and_values(number)
        time_ns = cursor.time_of(number)
        return SymbolState(
            past.instrument(number),
            NEVER_NS if time_ns < 0 else time_ns,
            cursor._counts(number),
            bars,
            values,
            cursor._is_ordered(number),
            past.is_live(number),
        )
