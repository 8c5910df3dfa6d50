"""The bank: one timeframe's indicators, of every symbol, fed from the aggregator's columns.

Owns a set of indicators and a history of completed values for each symbol. Each bar that closed is committed, each row
previewed; the values go into columns beside the bars'. Never is a history computed again.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.bars.columns import Closing, Columns
from mtf.bars.gate import Judged
from mtf.errors import CorruptCheckpoint
from mtf.events.block import ROW_BYTES
from mtf.indicators.indicator import INCOMPLETE
from mtf.indicators.set import IndicatorSet
from mtf.indicators.values import Completed, ValueColumns, ValueState

__all__ = ["Bank"]

NAN: Final = float("nan")


@mypyc_attr(native_class=True)
class _Symbol:
    """One symbol's indicators and their history."""

    __slots__ = ("after", "completed", "history", "items", "last_row")

    def __init__(self, items: IndicatorSet, fresh: ValueState) -> None:
        self.items: Final = items
        self.completed: Completed = fresh.completed
        self.history: list[Completed] = []  # in step with the bars; only appended to, replaced when twice too long
        self.after: ValueState = fresh  # after the newest block that touched it
        self.last_row: i64 = -1  # its last row in the present block


@mypyc_attr(native_class=True)
class Bank:
    """Keeps the indicators of one timeframe, for all symbols. *live* is False where rows are not previewed."""

    __slots__ = ("_fresh", "_history", "_live", "_symbols", "items", "names", "width")

    def __init__(self, items: IndicatorSet, history: i64, live: bool) -> None:
        self.items: Final = items  # never fed: each symbol has a fresh one
        self.names: Final[list[str]] = list(items.names)
        self.width: Final[i64] = items.width
        self._history: Final[i64] = history  # completed values kept a symbol
        self._live: Final = live
        self._symbols: list[_Symbol] = []  # by number
        none = Completed(vec[float]([NAN] * items.width))
        self._fresh: Final = ValueState(vec[float]([]), none, [], 0, 0)

    def compute(self, judged: Judged, columns: Columns) -> ValueColumns:
        """Return the values for the rows and closings of *columns*."""
        block = judged.block
        width = self.width
        values = ValueColumns(width, block.count if self._live else 0, self._fresh)
        while len(self._symbols) < len(judged.instruments):
            self._symbols.append(_Symbol(self.items.fresh(), self._fresh))
        symbols = self._symbols
        for number in judged.touched:
            symbols[number].last_row = -1
        closings = columns.closings
        total: i64 = len(closings)
        told: i64 = 0
        rows = block.rows
        live = values.live
        opens, highs, lows, closes = columns.open, columns.high, columns.low, columns.close
        sums, slots = columns.volume, columns.slot
        slot_index: i64 = -1  # of which `day` and `flags` are
        day: i64 = 0
        flags: i64 = 0
        for i in range(block.count):
            while told < total and closings[told].row == i:
                values.closings.append(self._commit(symbols[closings[told].number], closings[told]))
                told += 1
            index = slots[i]
            if index < 0:
                number = i64(read_i32_le(rows, i * ROW_BYTES + 8))
                if number >= 0:
                    symbols[number].last_row = i
                continue
            symbol = symbols[i64(read_i32_le(rows, i * ROW_BYTES + 8))]
            symbol.last_row = i
            if not self._live:
                continue
            if index != slot_index:
                slot = columns.slots[index]
                slot_index = index
                day = slot.day.number
                flags = INCOMPLETE if slot.incomplete else 0
            symbol.items.preview(opens[i], highs[i], lows[i], closes[i], sums[i], day, flags, live, i * width)
        for number in judged.touched:
            values.after.append(self._after(symbols[number], columns, live))
        return values

    def after(self, number: i64) -> ValueState:
        """Return the newest state of a symbol."""
        return self._symbols[number].after

    def archive(self, archive: Archive, symbols: i64) -> None:
        """Save all state, or load it into a bank that has seen nothing, of a gate that knows *symbols*."""
        count = archive.count(len(self._symbols), 8)
        if count > symbols:
            raise CorruptCheckpoint(f"saved state: indicators of {count} symbols, where {symbols} are known")
        for number in range(count):
            if archive.loading:
                self._symbols.append(_Symbol(self.items.fresh(), self._fresh))
            self._archive_symbol(archive, self._symbols[number])

    def _archive_symbol(self, archive: Archive, symbol: _Symbol) -> None:
        state = archive.blob(b"" if archive.loading else symbol.items.save())
        if archive.loading:
            symbol.items.load(state)
        kept: i64 = len(symbol.history)
        start = kept - self._history if kept > self._history else 0
        count = archive.count(kept - start, 8)
        if archive.loading and count > self._history:
            raise CorruptCheckpoint(f"saved state: {count} indicator values, where {self._history} are kept")
        for k in range(count):
            if archive.loading:
                symbol.history.append(Completed(vec[float]([NAN] * self.width)))
            archive.numbers(symbol.history[start + k].values)
        live = symbol.after.live
        if archive.flag(len(live) > 0):
            if archive.loading:
                live = vec[float]([NAN] * self.width)
            archive.numbers(live)
        if archive.loading:
            if count:
                symbol.completed = symbol.history[count - 1]
            symbol.after = ValueState(live, symbol.completed, symbol.history, 0, count)

    def _commit(self, symbol: _Symbol, closing: Closing) -> ValueState:
        """Take in a completed bar and return the state just after."""
        bar = closing.bar
        symbol.items.commit(
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            closing.day.number,
            INCOMPLETE if bar.incomplete else 0,
        )
        row = vec[float]([NAN] * self.width)
        symbol.items.current(row, 0)
        completed = Completed(row)
        symbol.completed = completed
        history = symbol.history
        if len(history) >= 2 * self._history:
            history = history[len(history) - self._history + 1 :] if self._history > 1 else []
            symbol.history = history
        history.append(completed)
        stop: i64 = len(history)
        start = stop - self._history if stop > self._history else 0
        state = ValueState(vec[float]([]), completed, history, start, stop)
        symbol.after = state
        return state

    def _after(self, symbol: _Symbol, columns: Columns, live: vec[float]) -> ValueState:
        """Return the state after the block: the last row's live values, unless the bar closed since."""
        row = symbol.last_row
        if row < 0 or columns.slot[row] < 0 or not self._live:
            return symbol.after
        if self._closed_since(symbol, row, columns):
            return symbol.after
        old = symbol.after
        at = row * self.width
        symbol.after = ValueState(live[at : at + self.width], symbol.completed, old.history, old.start, old.stop)
        return symbol.after

    def _closed_since(self, symbol: _Symbol, row: i64, columns: Columns) -> bool:
        """True where a clock event closed the symbol's bar after its last row."""
        closings = columns.closings
        for k in range(len(closings) - 1, -1, -1):
            if closings[k].row <= row:
                return False
            if self._symbols[closings[k].number] is symbol:
                return True
        return False
