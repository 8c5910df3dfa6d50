"""Closings: the bars of one timeframe that a block completes, packed: a few numbers each, no objects."""

from __future__ import annotations

from typing import Final

from librt.vecs import extend, vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar
from mtf.bars.bar_history import PRICES, BarHistory
from mtf.bars.bar_window import BarWindow, newest_bars
from mtf.calendars.day import Gap
from mtf.timeframe import Timeframe

__all__ = ["AT", "CODE", "END", "MARKS", "NUMBER", "ROW", "START", "TICKS", "BarClose", "Closings"]

# Whole numbers of a closing.
ROW: Final = 0  # of the block: that which revealed it
NUMBER: Final = 1  # of the symbol
AT: Final = 2  # row of the bar in the history
START: Final = 3
END: Final = 4
TICKS: Final = 5
CODE: Final = 6
MARKS: Final = 8
ROOM: Final[i64] = 16  # closings for which a table has room at first


@mypyc_attr(native_class=True, acyclic=True)
class Closings:
    """Closings in the order of their rows: `prices` has PRICES numbers of each (open, high, low, close, volume).

    `keep` is how many bars a window has at most, *expected* about how many closings there will be.
    """

    __slots__ = (
        "_bars",
        "_gaps",
        "_histories",
        "_more",
        "_room",
        "count",
        "keep",
        "length_ns",
        "marks",
        "prices",
        "timed",
        "timeframe",
    )

    def __init__(self, timeframe: Timeframe, keep: i64, expected: i64 = 0) -> None:
        self.timeframe: Final = timeframe
        self.keep: Final[i64] = keep
        self.count: i64 = 0
        self.prices: vec[float] = vec[float]([])
        self.marks: vec[i64] = vec[i64]([])  # MARKS of each
        self._room: i64 = 0
        self._more: i64 = expected if expected > ROOM else ROOM  # closings that there is room for with the next one
        self._histories: Final[list[BarHistory]] = []
        self._gaps: Final[list[Gap | None]] = []
        self.timed: Final = timeframe.timed
        self.length_ns: Final[i64] = timeframe.length_ns
        self._bars: list[Bar | None] | None = None  # those that were asked for

    def add(
        self,
        row: i64,
        number: i64,
        start_ns: i64,
        end_ns: i64,
        open: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        ticks: i64,
        code: i64,
        gap: Gap | None,
        history: BarHistory,
    ) -> None:
        """Append a bar to *history*, which has room, and to the closings."""
        k = self.count
        if k == self._room:
            self._grow()
        at = history.add(start_ns, end_ns, open, high, low, close, volume, ticks, code, gap)
        marks, prices = self.marks, self.prices
        to = k * MARKS
        marks[to + ROW] = row
        marks[to + NUMBER] = number
        marks[to + AT] = at
        marks[to + START] = start_ns
        marks[to + END] = end_ns
        marks[to + TICKS] = ticks
        marks[to + CODE] = code
        to = k * PRICES
        prices[to] = open
        prices[to + 1] = high
        prices[to + 2] = low
        prices[to + 3] = close
        prices[to + 4] = volume
        self._histories.append(history)
        self._gaps.append(gap)
        self.count = k + 1

    def _grow(self) -> None:
        more = self._more
        marks, prices = vec[i64]([0] * (more * MARKS)), vec[float]([0.0] * (more * PRICES))
        self.marks = marks if self._room == 0 else extend(self.marks, marks)
        self.prices = prices if self._room == 0 else extend(self.prices, prices)
        self._room += more
        self._more = self._room

    def __len__(self) -> int:
        return self.count

    def row(self, k: i64) -> i64:
        return self.marks[k * MARKS + ROW]

    def number(self, k: i64) -> i64:
        """Return the number of the symbol."""
        return self.marks[k * MARKS + NUMBER]

    def numbers(self) -> list[int]:
        """Return the numbers of the symbols, in order."""
        return [self.marks[k * MARKS + NUMBER] for k in range(self.count)]

    def gap(self, k: i64) -> Gap | None:
        return self._gaps[k]

    def history(self, k: i64) -> BarHistory:
        """Return the table in which the bar was written."""
        return self._histories[k]

    def bar(self, k: i64) -> Bar:
        """Return the bar of a closing; the same object each time."""
        bars = self._bars
        if bars is None:
            bars = [None] * self.count
            self._bars = bars
        found = bars[k]
        if found is None:
            found = self._histories[k].bar(self.marks[k * MARKS + AT])
            bars[k] = found
        return found

    def window_before(self, k: i64) -> BarWindow:
        """Return the symbol's completed bars just before."""
        # A table that had just been replaced has `keep` rows before this bar: this window is whole too.
        return newest_bars(self._histories[k], self.marks[k * MARKS + AT], self.keep)

    def window_after(self, k: i64) -> BarWindow:
        """Return the symbol's completed bars just after, of which the one that closed is the last."""
        return newest_bars(self._histories[k], self.marks[k * MARKS + AT] + 1, self.keep)


@mypyc_attr(native_class=True, acyclic=True)
class BarClose:
    """One of a frame's closings, for those who want it as an object."""

    __slots__ = ("_closings", "_k", "rank")

    def __init__(self, closings: Closings, k: i64, rank: i64) -> None:
        self._closings: Final = closings
        self._k: Final[i64] = k
        self.rank: Final[i64] = rank  # of the timeframe, 0 for the shortest

    @property
    def row(self) -> int:
        """The row of the block that revealed it."""
        return self._closings.row(self._k)

    @property
    def number(self) -> int:
        """The number of the symbol."""
        return self._closings.number(self._k)

    @property
    def bar(self) -> Bar:
        return self._closings.bar(self._k)
