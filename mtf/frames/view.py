"""The view: the state that a consumer sees inside a callback, and only there."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.errors import DeadView, LookAheadError, UnknownSymbol
from mtf.frames.cursor import Cursor
from mtf.frames.snapshot import Snapshot
from mtf.frames.timeframe_state import Schema, TimeframeState
from mtf.timeframe import Timeframe

__all__ = ["SymbolView", "View", "check_not_ahead"]

NO_SYMBOL: Final = "a clock event has no symbol of its own: use view.of(symbol)"
NO_COPY: Final = "a view cannot be copied or pickled, as it ends with its callback: use view.snapshot() inside it"


@mypyc_attr(native_class=True)
class SymbolView:
    """All timeframes of one symbol at one step; invalid after the callback."""

    __slots__ = ("_cursor", "_generation", "_number", "_schema")

    def __init__(self, cursor: Cursor, schema: Schema, number: i64) -> None:
        self._cursor: Final = cursor
        self._schema: Final = schema
        self._number: Final[i64] = number
        self._generation: Final[i64] = cursor.generation

    def __getitem__(self, timeframe: str | Timeframe) -> TimeframeState:
        """Return one timeframe's state; UnknownTimeframe if it is not kept."""
        return self._look().state(self._number, self._schema.rank(timeframe))

    @property
    def live(self) -> memoryview[float]:
        """All live values of the symbol, as `View.live` has them."""
        return _live(self._look(), self._number)

    @property
    def symbol(self) -> str:
        return self._look().name_of(self._number)

    @property
    def time_ns(self) -> int:
        """The symbol's clock."""
        return self._look().time_of(self._number)

    def snapshot(self) -> Snapshot:
        """Return the state that this view shows, as a value that stays valid after the callback."""
        return self._look().snapshot(self._number)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError(NO_COPY)

    def _look(self) -> Cursor:
        return _alive(self._cursor, self._generation)


@mypyc_attr(native_class=True)
class View:
    """The whole state at the step that a callback handles: `view["5m"]` for the event's symbol, `view.of(symbol)`.

    It is a cursor at one row of a frame and cannot reach a later one. After the callback, using it raises DeadView.
    """

    __slots__ = ("_cursor", "_generation", "_number", "_schema")

    def __init__(self, cursor: Cursor, schema: Schema) -> None:
        self._cursor: Final = cursor
        self._schema: Final = schema
        self._number: Final[i64] = cursor.number
        self._generation: Final[i64] = cursor.generation

    def __getitem__(self, timeframe: str | Timeframe) -> TimeframeState:
        """Return one timeframe of the event's symbol; UnknownTimeframe if it is not kept."""
        cursor = self._look()
        if self._number < 0:
            raise UnknownSymbol(NO_SYMBOL)
        return cursor.state(self._number, self._schema.rank(timeframe))

    @property
    def live(self) -> memoryview[float]:
        """All live values of the event's symbol in one read-only buffer, which stays valid after the callback.

        By timeframe, the shortest first, and for each in the order of its outputs: `live_index` says where one is.
        Several times as fast as `view[timeframe].live[output]` for each; NumPy takes it without a copy.
        """
        return _live(self._look(), self._number)

    def live_index(self, timeframe: str | Timeframe, output: str) -> int:
        """Return where in `live` the *output* of a *timeframe* is, in every view; UnknownIndicator if there is none."""
        return self._look().live_index(self._schema.rank(timeframe), output)

    def of(self, symbol: str) -> SymbolView:
        """Return the view of another symbol at the same step; UnknownSymbol if none of its events has been shown.

        LookAheadError if that symbol is ahead of this one, in a log that is not in time order.
        """
        cursor = self._look()
        number = cursor.number_of(symbol)
        check_not_ahead(cursor, self._schema, number)
        return SymbolView(cursor, self._schema, number)

    @property
    def seq(self) -> int:
        """The seq of the event shown; while `closing`, of the one that revealed the closing."""
        return self._look().seq

    @property
    def time_ns(self) -> int:
        """The symbol's clock; while `closing`, the end of the closing bars."""
        return self._look().time_of(self._number)

    @property
    def symbol(self) -> str:
        """The event's symbol; empty for a clock event."""
        cursor = self._look()
        return cursor.name_of(self._number) if self._number >= 0 else ""

    @property
    def symbols(self) -> list[str]:
        """The symbols seen so far, in order of appearance."""
        return self._look().symbols()

    @property
    def closing(self) -> bool:
        """True while time closes bars: the event that revealed the closing is not visible yet.

        False for a bar of activity: the event that filled it is in it, and visible.
        """
        return self._look().closing

    @property
    def recovering(self) -> bool:
        """True for events that were in the log before this start."""
        cursor = self._look()
        return cursor.seq <= cursor.recovered_seq

    def snapshot(self) -> Snapshot:
        """Return the state of the event's symbol, as a value that stays valid after the callback."""
        return self._look().snapshot(self._number)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError(NO_COPY)

    def _look(self) -> Cursor:
        return _alive(self._cursor, self._generation)


def check_not_ahead(cursor: Cursor, schema: Schema, number: i64) -> None:
    """Raise LookAheadError if the log is not in time order and symbol *number* is ahead of the current step."""
    if schema.disordered and schema.is_disordered(cursor.seq) and cursor.time_of(number) > cursor.time_ns:
        raise LookAheadError(
            f"{cursor.name_of(number)} is ahead of the event being shown, as this log is out of time order "
            f"from seq {schema.disordered[0][0]} on: read its sources in one run, merged by time"
        )


def _live(cursor: Cursor, number: i64) -> memoryview[float]:
    if number < 0:
        raise UnknownSymbol(NO_SYMBOL)
    found: memoryview[float] = memoryview(cursor.live(number))  # a vec is a buffer
    return found


def _alive(cursor: Cursor, generation: i64) -> Cursor:
    """Return *cursor* while the view's callback is running; DeadView after it."""
    if not cursor.alive or cursor.generation != generation:
        raise DeadView("this view's callback has returned: call view.snapshot() inside the callback to keep the state")
    return cursor
