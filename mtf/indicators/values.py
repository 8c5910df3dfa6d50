"""Indicator values in frames: live values for each row, completed values for each bar that closed.

Plain compiled containers of floats; NaN means not ready. The columns are those of the indicator set that made them.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.closings import END, MARKS, Closings
from mtf.bars.growth import start_of
from mtf.bars.judged_block import JudgedBlock
from mtf.indicators.value_rows import ValueRows, rows_of

__all__ = ["Numbers", "Places", "ValueClosings", "ValueColumns", "ValueState", "completed_state", "places_of"]

NAN: Final = float("nan")


@mypyc_attr(native_class=True, acyclic=True)
class ValueState:
    """One symbol's values of one timeframe at one instant: live, and a history with one row per bar.

    `live` is empty if no bar is forming, or live values were not computed. The history are the rows from *start* up to
    *stop* of a table; the last one are the completed values.
    """

    __slots__ = ("live", "rows", "start", "stop")

    def __init__(self, live: vec[float], rows: ValueRows, start: i64, stop: i64) -> None:
        self.live: vec[float] = live
        self.rows: Final = rows  # only ever appended to
        self.start: Final[i64] = start
        self.stop: Final[i64] = stop

    @property
    def count(self) -> int:
        """How many completed bars the indicators have seen since the log began, those no longer kept included."""
        return self.rows.first + self.stop

    def completed(self) -> vec[float]:
        """Return the values after the newest completed bar; NaN before the first."""
        if self.stop == 0:
            return vec[float]([NAN] * self.rows.width)
        return self.rows.row(self.stop - 1)

    def __reduce__(self) -> tuple[object, ...]:
        history = [list(self.rows.row(k)) for k in range(self.start, self.stop)]
        return (_restored, (list(self.live), list(self.completed()), history, self.count))


@mypyc_attr(native_class=True, acyclic=True)
class Places:
    """The rows of a block to compute live values for, if not all: each row's place among them, or -1.

    The first places are the touched symbols' last rows, in the order of the symbols.
    """

    __slots__ = ("by_row", "count")

    def __init__(self, count: i64, by_row: vec[i64]) -> None:
        self.count: i64 = count
        self.by_row: vec[i64] = by_row


def places_of(judged: JudgedBlock, closings: Closings | None = None) -> Places:
    """Return places for each symbol's last row, and for a symbol's last row before each of its *closings*.

    *closings* are those of one timeframe; a bar of activity is shown with the row that fills it.
    """
    block = judged.block
    touched = judged.touched
    by_row = vec[i64]([-1] * block.count)
    places = Places(len(touched), by_row)
    last_rows = judged.last_rows
    for k in range(len(touched)):
        if last_rows[k] >= 0:
            by_row[last_rows[k]] = k
    if closings is not None and closings.count:
        rows: dict[int, int] = {int(touched[k]): -1 for k in range(len(touched))}
        closing: i64 = 0
        for i in range(block.count):
            while closing < closings.count and closings.row(closing) == i:
                row: i64 = rows[int(closings.number(closing))]
                if closings.marks[closing * MARKS + END] > judged.clocks[i]:
                    row = i
                if row >= 0 and by_row[row] < 0:
                    by_row[row] = places.count
                    places.count += 1
                closing += 1
            number = block.symbol_at(i)
            if number >= 0:
                rows[number] = i
    return places


@mypyc_attr(native_class=True, acyclic=True)
class Numbers:
    """A calculator's results for one block: live values by place, and a row of completed values for each closing.

    `live[place * width + column]` is valid if a bar is forming after that row. With *rows*, each row has a place;
    without, each touched symbol has one, for its last row, and so do the other rows in *places*. It is empty if live
    values are off. A calculator that shares the symbols with others fills only the places and closings of its own.
    """

    __slots__ = ("completed", "live", "places", "rows")

    def __init__(self, live: vec[float], rows: bool, completed: vec[float], places: Places | None = None) -> None:
        self.live: vec[float] = live
        self.places: Final = places
        self.rows: Final = rows
        self.completed: vec[float] = completed


@mypyc_attr(native_class=True, acyclic=True)
class ValueClosings:
    """The values that go with the closings of one timeframe in a block: *width* numbers of `completed` for each.

    *keep* is how many rows a history has at most.
    """

    __slots__ = ("_ats", "_keep", "_rows", "completed", "width")

    def __init__(self, width: i64, completed: vec[float], keep: i64) -> None:
        self.width: Final[i64] = width
        self.completed: vec[float] = completed
        self._keep: Final[i64] = keep
        self._rows: Final[list[ValueRows]] = []
        self._ats: vec[i64] = vec[i64]([])

    def add(self, rows: ValueRows) -> None:
        """Append the values of the next closing to *rows*, which have room."""
        at = rows.add(self.completed, len(self._rows) * self.width)
        self._rows.append(rows)
        self._ats = append(self._ats, at)

    def before(self, k: i64) -> ValueState:
        """Return the state just before the k-th closing, without live values."""
        return self._state(k, self._ats[k])

    def after(self, k: i64) -> ValueState:
        """Return the state just after the k-th closing: no bar is forming."""
        return self._state(k, self._ats[k] + 1)

    def _state(self, k: i64, stop: i64) -> ValueState:
        return completed_state(self._rows[k], stop, self._keep)


@mypyc_attr(native_class=True, acyclic=True)
class ValueColumns:
    """The results of one timeframe's indicators for one block.

    `live[row * width + column]` is a value as if the partial bar after that row closed then; it is undefined if no bar
    is forming. If *rows* is false, there are values only for each touched symbol's last row, by its place, and for
    the rows with a place in *places*. `closings` go with the closings of the timeframe's columns. `fresh` is the state
    of a symbol without bars.
    """

    __slots__ = ("closings", "fresh", "live", "places", "rows", "width")

    def __init__(self, width: i64, numbers: Numbers, fresh: ValueState) -> None:
        self.width: Final[i64] = width
        self.fresh: Final = fresh
        self.live: vec[float] = numbers.live
        self.rows: Final = numbers.rows
        self.places: Final = numbers.places
        self.closings: ValueClosings | None = None  # None if no bar closed


def completed_state(rows: ValueRows, stop: i64, keep: i64) -> ValueState:
    """Return the state of which the last *keep* rows before *stop* are the history, without live values."""
    return ValueState(vec[float]([]), rows, start_of(stop, keep), stop)


def _restored(live: list[float], completed: list[float], history: list[list[float]], count: int) -> ValueState:
    """Rebuild values for pickle."""
    rows = rows_of(history, len(completed), count - len(history))
    return ValueState(vec[float](live), rows, 0, len(history))
