"""Indicator values in frames: live values for each row, completed values for each bar that closed.

Plain compiled containers of floats; NaN means not ready. The columns are those of the indicator set that made them.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.columns import BarClose
from mtf.bars.judged_block import JudgedBlock

__all__ = ["Completed", "Numbers", "Places", "ValueColumns", "ValueState", "places_of"]


@mypyc_attr(native_class=True)
class Completed:
    """The values after one completed bar, one per column."""

    __slots__ = ("values",)

    def __init__(self, values: vec[float]) -> None:
        self.values: vec[float] = values


@mypyc_attr(native_class=True)
class ValueState:
    """One symbol's values of one timeframe at one instant: live, completed, and a history with one row per bar.

    `live` is empty if no bar is forming, or live values were not computed. `count` is the number of completed bars that
    the indicators have seen since the log began, including those no longer in the history.
    """

    __slots__ = ("completed", "count", "history", "live", "start", "stop")

    def __init__(
        self, live: vec[float], completed: Completed, history: list[Completed], start: i64, stop: i64, count: i64
    ) -> None:
        self.live: vec[float] = live
        self.completed: Final = completed
        self.history: Final = history  # only ever appended to; the window is [start, stop)
        self.start: Final[i64] = start
        self.stop: Final[i64] = stop
        self.count: Final[i64] = count

    def __reduce__(self) -> tuple[object, ...]:
        history = [list(self.history[k].values) for k in range(self.start, self.stop)]
        return (_restored, (list(self.live), list(self.completed.values), history, self.count))


@mypyc_attr(native_class=True)
class Places:
    """The rows of a block to compute live values for, if not all: each row's place among them, or -1.

    The first places are the touched symbols' last rows, in the order of the symbols.
    """

    __slots__ = ("by_row", "count")

    def __init__(self, count: i64, by_row: vec[i64]) -> None:
        self.count: i64 = count
        self.by_row: vec[i64] = by_row


def places_of(judged: JudgedBlock, closings: list[BarClose] | None = None) -> Places:
    """Return places for each symbol's last row, and for a symbol's last row before each of its *closings*.

    *closings* are those of one timeframe.
    """
    block = judged.block
    touched = judged.touched
    by_row = vec[i64]([-1] * block.count)
    places = Places(len(touched), by_row)
    last_rows = judged.last_rows
    for k in range(len(touched)):
        if last_rows[k] >= 0:
            by_row[last_rows[k]] = k
    if closings:
        rows: dict[int, int] = {int(touched[k]): -1 for k in range(len(touched))}
        closing: i64 = 0
        for i in range(block.count):
            while closing < len(closings) and closings[closing].row == i:
                row: i64 = rows[closings[closing].number]
                if row >= 0 and by_row[row] < 0:
                    by_row[row] = places.count
                    places.count += 1
                closing += 1
            number = block.symbol_at(i)
            if number >= 0:
                rows[number] = i
    return places


@mypyc_attr(native_class=True)
class Numbers:
    """A calculator's results for one block: live values by place, and completed values of each closing, in order.

    `live[place * width + column]` is valid if a bar is forming after that row. With *rows*, each row has a place;
    without, each touched symbol has one, for its last row, and so do the other rows in *places*. It is empty if live
    values are off. A calculator that shares the symbols with others fills only the places and closings of its own.
    """

    __slots__ = ("completed", "live", "places", "rows")

    def __init__(self, live: vec[float], rows: bool, completed: list[Completed], places: Places | None = None) -> None:
        self.live: vec[float] = live
        self.places: Final = places
        self.rows: Final = rows
        self.completed: Final = completed


@mypyc_attr(native_class=True)
class ValueColumns:
    """The results of one timeframe's indicators for one block.

    `live[row * width + column]` is a value as if the partial bar after that row closed then; it is undefined if no bar
    is forming. If *rows* is false, there are values only for each touched symbol's last row, by its place, and for
    the rows with a place in *places*. `closings[k]` is the state just after the k-th closing of the timeframe's
    columns. `fresh` is the state of a symbol without bars.
    """

    __slots__ = ("closings", "fresh", "live", "places", "rows", "width")

    def __init__(self, width: i64, numbers: Numbers, fresh: ValueState) -> None:
        self.width: Final[i64] = width
        self.fresh: Final = fresh
        self.live: vec[float] = numbers.live
        self.rows: Final = numbers.rows
        self.places: Final = numbers.places
        self.closings: list[ValueState] = []


def _restored(live: list[float], completed: list[float], history: list[list[float]], count: int) -> ValueState:
    """Rebuild values for pickle."""
    rows = [Completed(vec[float](row)) for row in history]
    return ValueState(vec[float](live), Completed(vec[float](completed)), rows, 0, len(rows), count)
