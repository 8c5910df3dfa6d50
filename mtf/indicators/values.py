"""Indicator values as frames carry them: live ones for each row, completed ones for each bar that closed.

Plain compiled containers of floats; NaN means not ready. What the columns mean follows from the names of the set that
made them.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

__all__ = ["Completed", "Numbers", "ValueColumns", "ValueState"]


@mypyc_attr(native_class=True)
class Completed:
    """The values after one completed bar, one a column."""

    __slots__ = ("values",)

    def __init__(self, values: vec[float]) -> None:
        self.values: vec[float] = values


@mypyc_attr(native_class=True)
class ValueState:
    """One symbol's values of one timeframe at one instant: live, completed, and the history in step with the bars.

    `live` is empty if no bar forms, or live values were not computed. `count` is how many completed bars the
    indicators have taken in since the log began, however few of them the history keeps.
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
class Numbers:
    """What a calculator found for one block: live values by place, and the completed ones of each closing, in order.

    `live[place * width + column]` is of meaning where a bar forms. With *rows* each row has its place; without, each
    touched symbol has one, for its last row. It is empty if live values are off. A calculator that shares symbols
    with others fills the places of its own, and has the closings of its own.
    """

    __slots__ = ("completed", "live", "rows")

    def __init__(self, live: vec[float], rows: bool, completed: list[Completed]) -> None:
        self.live: vec[float] = live
        self.rows: Final = rows
        self.completed: Final = completed


@mypyc_attr(native_class=True)
class ValueColumns:
    """What one timeframe's indicators made of one block.

    `live[row * width + column]` is a value as if the partial bar after that row closed then; of no meaning where no bar
    forms. Where *rows* is false, it is for each touched symbol's last row, by place of the symbol. `closings[k]` is the
    state just after the k-th closing of the timeframe's columns, `after[k]` that of the k-th touched symbol after the
    block. `fresh` is the state of a symbol that had no bar yet.
    """

    __slots__ = ("after", "closings", "fresh", "live", "rows", "width")

    def __init__(self, width: i64, numbers: Numbers, fresh: ValueState) -> None:
        self.width: Final[i64] = width
        self.fresh: Final = fresh
        self.live: vec[float] = numbers.live
        self.rows: Final = numbers.rows
        self.closings: list[ValueState] = []
        self.after: list[ValueState] = []


def _restored(live: list[float], completed: list[float], history: list[list[float]], count: int) -> ValueState:
    """Return the values that pickle took apart."""
    rows = [Completed(vec[float](row)) for row in history]
    return ValueState(vec[float](live), Completed(vec[float](completed)), rows, 0, len(rows), count)
