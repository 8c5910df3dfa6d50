"""The value history: the values of one timeframe's indicators, for every symbol, one row per bar.

Owns the history of completed values and each symbol's newest state; turns a block's numbers into value columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.bars.columns import Columns
from mtf.bars.judged_block import JudgedBlock
from mtf.errors import CorruptCheckpoint
from mtf.indicators.values import Completed, Numbers, ValueColumns, ValueState

__all__ = ["ValueHistory"]

NAN: Final = float("nan")


@mypyc_attr(native_class=True)
class _SymbolValues:
    """One symbol's history of completed values."""

    __slots__ = ("after", "completed", "count", "history", "last_row")

    def __init__(self, fresh: ValueState) -> None:
        self.completed: Completed = fresh.completed
        self.count: i64 = 0  # completed bars since the log began
        self.history: list[Completed] = []  # one per bar; only appended to, replaced at twice the limit
        self.after: ValueState = fresh  # the state after the newest block that touched it
        self.last_row: i64 = -1  # its last row in the current block


@mypyc_attr(native_class=True)
class ValueHistory:
    """Keeps the values of one timeframe: *width* per bar, for the last *history* bars of each symbol."""

    __slots__ = ("_fresh", "_history", "_pages", "width")

    def __init__(self, width: i64, history: i64) -> None:
        self.width: Final[i64] = width
        self._history: Final[i64] = history
        self._pages: list[_SymbolValues] = []  # by symbol number
        none = Completed(vec[float]([NAN] * width))
        self._fresh: Final = ValueState(vec[float]([]), none, [], 0, 0, 0)

    def record(self, judged: JudgedBlock, columns: Columns, numbers: Numbers) -> ValueColumns:
        """Record a block's *numbers* and return its value columns."""
        assert len(numbers.completed) == len(columns.closings), "each bar that closed must have values"
        values = ValueColumns(self.width, numbers, self._fresh)
        while len(self._pages) < len(judged.instruments):
            self._pages.append(_SymbolValues(self._fresh))
        pages = self._pages
        for number in judged.touched:
            pages[number].last_row = -1
        for k in range(len(columns.closings)):
            values.closings.append(self._append(pages[columns.closings[k].number], numbers.completed[k]))
        block = judged.block
        if len(judged.touched) == 1 and not judged.has_clock:
            pages[judged.touched[0]].last_row = block.count - 1
        else:
            for i in range(block.count):
                number = block.symbol_at(i)
                if number >= 0:
                    pages[number].last_row = i
        for k in range(len(judged.touched)):
            values.after.append(self._after(judged.touched[k], columns, numbers, k))
        return values

    @property
    def fresh(self) -> ValueState:
        """The state of a symbol before its first event."""
        return self._fresh

    def after(self, number: i64) -> ValueState:
        """Return the newest state of a symbol."""
        return self._pages[number].after

    def recount(self, counts: Sequence[int]) -> None:
        """After a load, set each symbol's number of bars, which only the indicators' own state contains."""
        for page, count in zip(self._pages, counts, strict=False):
            old = page.after
            page.count = count
            page.after = ValueState(old.live, old.completed, old.history, old.start, old.stop, count)

    def archive(self, archive: Archive, symbols: i64) -> None:
        """Save all state, or load it into a new history; *symbols* is the gate's number of symbols."""
        count = archive.count(len(self._pages), 8)
        if count > symbols:
            raise CorruptCheckpoint(f"saved state: values of {count} symbols, but {symbols} are known")
        for number in range(count):
            if archive.loading:
                self._pages.append(_SymbolValues(self._fresh))
            self._archive_page(archive, self._pages[number])

    def _archive_page(self, archive: Archive, page: _SymbolValues) -> None:
        kept: i64 = len(page.history)
        start = kept - self._history if kept > self._history else 0
        count = archive.count(kept - start, 8)
        if archive.loading and count > self._history:
            raise CorruptCheckpoint(f"saved state: {count} indicator values, but {self._history} are kept")
        for k in range(count):
            if archive.loading:
                page.history.append(Completed(vec[float]([NAN] * self.width)))
            archive.numbers(page.history[start + k].values)
        live = page.after.live
        if archive.flag(len(live) > 0):
            if archive.loading:
                live = vec[float]([NAN] * self.width)
            archive.numbers(live)
        if archive.loading:
            if count:
                page.completed = page.history[count - 1]
            page.after = ValueState(live, page.completed, page.history, 0, count, page.count)

    def _append(self, page: _SymbolValues, completed: Completed) -> ValueState:
        """Append to the history and return the state just after."""
        page.completed = completed
        page.count += 1
        history = page.history
        if len(history) >= 2 * self._history:
            history = history[len(history) - self._history + 1 :] if self._history > 1 else []
            page.history = history
        history.append(completed)
        stop: i64 = len(history)
        start = stop - self._history if stop > self._history else 0
        page.after = ValueState(vec[float]([]), completed, history, start, stop, page.count)
        return page.after

    def _after(self, number: i64, columns: Columns, numbers: Numbers, k: i64) -> ValueState:
        """Return the *k*-th touched symbol's state after the block, with live values unless its bar has closed."""
        page = self._pages[number]
        live = numbers.live
        row = page.last_row
        if row < 0 or columns.header[row] < 0 or len(live) == 0 or _closed_since(number, row, columns):
            return page.after
        old = page.after
        at = (row if numbers.rows else k) * self.width
        page.after = ValueState(live[at : at + self.width], page.completed, old.history, old.start, old.stop, old.count)
        return page.after


def _closed_since(number: i64, row: i64, columns: Columns) -> bool:
    """Return whether the symbol's bar closed after its last row, because its clock was moved."""
    closings = columns.closings
    for k in range(len(closings) - 1, -1, -1):
        if closings[k].row <= row:
            return False
        if closings[k].number == number:
            return True
    return False
