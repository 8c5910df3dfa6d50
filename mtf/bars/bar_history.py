"""The history of one symbol and timeframe: completed bars as columns.

Rows are only appended: what was written never changes, so that a window stays what it was.
"""

from __future__ import annotations

from typing import Any, Final

from librt.vecs import append, extend, vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.bars.bar import Bar, check_bar
from mtf.bars.bar_codes import (
    DAY_INCOMPLETE,
    DAY_SHIFT,
    FIRST,
    FROM_BARS,
    HAS_GAP,
    INCOMPLETE,
    MAX_ORDINAL,
    OFF_SESSION,
    date_of,
)
from mtf.bars.growth import copied_numbers, copied_wholes, copy_rows, copy_wholes, flush_rows
from mtf.bars.history_table import HistoryTable
from mtf.calendars.day import Gap
from mtf.errors import CorruptCheckpoint
from mtf.image import StoredRows
from mtf.timeframe import Timeframe
from mtf.units import NEVER_NS

__all__ = ["CODE", "END", "PRICES", "START", "TICKS", "BarHistory"]

# Columns of floats: open, high, low, close and volume.
PRICES: Final = 5
# Columns of whole numbers.
START: Final = 0
END: Final = 1
TICKS: Final = 2
CODE: Final = 3  # see `mtf.bars.bar_codes`
MARKS: Final = 4
FEW: Final = 64  # bars up to which tables, which are small then, grow in larger steps
GAPS_ROOM: Final = 8  # gaps that there is room for with the first
GAP_NUMBERS: Final = 5  # of a gap: the place of its bar, counted from the symbol's first one, and four lengths


@mypyc_attr(native_class=True, acyclic=True)
class BarHistory(HistoryTable):
    """A table of completed bars, column after column."""

    __slots__ = ("_marks", "_prices", "gaps", "symbol", "timeframe")

    def __init__(
        self,
        symbol: str,
        timeframe: Timeframe,
        room: i64 = 0,
        first: i64 = 0,
        absent: i64 = 0,
        stored: StoredRows | None = None,
        number: i64 = 0,
        blank: bool = True,
    ) -> None:
        super().__init__(room, first, absent, stored, number)
        self.symbol: Final = symbol
        self.timeframe: Final = timeframe
        rows: i64 = self._stride + self._tail if self._stride and blank else 0
        self._prices: vec[float] = vec[float]([0.0] * (rows * PRICES))
        self._marks: vec[i64] = vec[i64]([0] * (rows * MARKS))
        self.gaps: vec[i64] = vec[i64]([])  # GAP_NUMBERS for each present bar that has a gap before it, in order

    def _empty(self, room: i64, first: i64, absent: i64, stored: StoredRows | None, number: i64) -> HistoryTable:
        return BarHistory(self.symbol, self.timeframe, room, first, absent, stored, number, False)

    def _begin(self, table: HistoryTable, start: i64, count: i64) -> None:
        assert isinstance(table, BarHistory)
        if self._stride:
            room, tail, stride = self._stride, self._tail, table._stride
            self._prices = copied_numbers(table._prices, PRICES, stride, start, count, room, tail)
            self._marks = copied_wholes(table._marks, MARKS, stride, start, count, room, tail)
            table._copy_gaps(self, start, 0, count)

    def larger(self, keep: i64, number: i64) -> BarHistory:
        """Return a table with the last *keep* bars of this one, which is full; *number* is that of the symbol."""
        table = self._larger(keep, number, 4 if self.count < FEW else 2)
        assert isinstance(table, BarHistory)
        return table

    def released(self, start: i64, end: i64, stored: StoredRows, number: i64) -> BarHistory | None:
        """Return a table from *start* on, without the bars up to the place *end*, which are *stored*, or None."""
        table = self._released(start, end, stored, number)
        assert table is None or isinstance(table, BarHistory)
        return table

    def add(
        self,
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
    ) -> i64:
        """Append a bar, for which there is room, and return its row."""
        row = self.count
        slot = self._stride + row - self._flushed
        prices, marks = self._prices, self._marks
        at = slot * PRICES
        prices[at] = open
        prices[at + 1] = high
        prices[at + 2] = low
        prices[at + 3] = close
        prices[at + 4] = volume
        at = slot * MARKS
        marks[at + START] = start_ns
        marks[at + END] = end_ns
        marks[at + TICKS] = ticks
        marks[at + CODE] = code
        if gap is not None:
            gaps = self.gaps
            if len(gaps) == 0:
                gaps = vec[i64](capacity=GAPS_ROOM * GAP_NUMBERS)
            gaps = append(gaps, self.first + row)
            gaps = append(gaps, gap.closed_ns)
            gaps = append(gaps, gap.holiday_ns)
            gaps = append(gaps, gap.break_ns)
            self.gaps = append(gaps, gap.silence_ns)
        self.count = row + 1
        if row + 1 - self._flushed == self._tail:
            self.flush()
        return row

    def end(self) -> float:
        """Read where the next row will be written (`mtf.bars.read_ahead`)."""
        slot = self._stride + self.count - self._flushed
        if self._stride == 0:
            return 0.0
        last: i64 = len(self.gaps) - 1
        at = slot * MARKS
        if self._marks[at] < NEVER_NS or self._marks[at + MARKS - 1] < 0 or (last >= 0 and self.gaps[last] < 0):
            return 0.0
        at = slot * PRICES
        return self._prices[at] + self._prices[at + PRICES - 1]  # a row may lie in two lines

    def flush(self) -> None:
        """Write the rows of the tail into the columns."""
        stride, absent = self._stride, self._absent
        flush_rows(self._prices, PRICES, stride, self._flushed - absent, self.count - absent)
        marks = self._marks
        at = stride * MARKS
        for row in range(self._flushed - absent, self.count - absent):
            for column in range(MARKS):
                marks[row + column * stride] = marks[at + column]
            at += MARKS
        self._flushed = self.count

    def price(self, row: i64, column: i64) -> float:
        """Return a number of a row: open, high, low, close or volume."""
        if row < self._absent:
            self.fill()
        if row < self._flushed:
            return self._prices[row - self._absent + column * self._stride]
        return self._prices[(self._stride + row - self._flushed) * PRICES + column]

    def mark(self, row: i64, column: i64) -> i64:
        """Return a whole number of a row: START, END, TICKS or CODE."""
        if row < self._absent:
            self.fill()
        if row < self._flushed:
            return self._marks[row - self._absent + column * self._stride]
        return self._marks[(self._stride + row - self._flushed) * MARKS + column]

    def price_column(self, column: i64, start: i64, stop: i64) -> memoryview[float]:
        """Return a column from one row up to another, as a read-only buffer."""
        self._looked = True
        at = self._place(start, stop) + column * self._stride
        prices: Any = memoryview(self._prices)  # of floats, for which memoryview has no type
        found: memoryview[float] = prices[at : at + stop - start]
        return found

    def mark_column(self, column: i64, start: i64, stop: i64) -> memoryview[int]:
        """Return a column of whole numbers likewise."""
        self._looked = True
        at = self._place(start, stop) + column * self._stride
        return memoryview(self._marks)[at : at + stop - start]

    def save(self, archive: Archive, start: i64, stop: i64) -> None:
        """Save the rows from *start* up to *stop* as columns, and their gaps."""
        table = self if start >= self._absent else self._whole()
        assert isinstance(table, BarHistory)
        at = table._place(start, stop)
        for column in range(PRICES):
            archive.numbers_in(table._prices, at + column * table._stride, stop - start)
        for column in range(MARKS):
            archive.wholes_in(table._marks, at + column * table._stride, stop - start)
        gaps = _gaps_between(table.gaps, self.first + start, self.first + stop)
        for at in range(0, len(gaps), GAP_NUMBERS):
            gaps[at] -= self.first + start
        archive.wholes_in(gaps, 0, archive.count(len(gaps), 8))

    def load(self, archive: Archive, count: i64) -> None:
        """Load *count* rows that `save` saved, for which a new table has room."""
        for column in range(PRICES):
            archive.numbers_in(self._prices, column * self._stride, count)
        for column in range(MARKS):
            archive.wholes_in(self._marks, column * self._stride, count)
        gaps = vec[i64]([0] * archive.count(0, 8))
        archive.wholes_in(gaps, 0, len(gaps))
        self.gaps = gaps
        self.count = count
        self._flushed = count
        self._check()

    def _check(self) -> None:
        """Raise CorruptCheckpoint if what was loaded cannot be bars: a file may come from a stranger."""
        gaps = self.gaps
        at: i64 = 0
        for row in range(self.count):
            code = self.mark(row, CODE)
            if not 1 <= code >> DAY_SHIFT <= MAX_ORDINAL:
                raise CorruptCheckpoint(f"saved state: {code} is not the code of a bar")
            if code & HAS_GAP:
                if at >= len(gaps) or gaps[at] != row:
                    raise CorruptCheckpoint("saved state: a bar lacks the gap before it")
                for k in range(at + 1, at + GAP_NUMBERS):
                    if gaps[k] < 0:
                        raise CorruptCheckpoint(f"saved state: a gap of {gaps[k]} ns")
                at += GAP_NUMBERS
            check_bar(
                self.mark(row, START),
                self.mark(row, END),
                self.price(row, 0),
                self.price(row, 1),
                self.price(row, 2),
                self.price(row, 3),
                self.price(row, 4),
                self.mark(row, TICKS),
            )
        if at != len(gaps):
            raise CorruptCheckpoint("saved state: a gap is before no bar")

    def _copy_to(self, table: HistoryTable, start: i64, to: i64, count: i64) -> None:
        assert isinstance(table, BarHistory)
        copy_rows(self._prices, PRICES, self._stride, start, table._prices, table._stride, to, count)
        copy_wholes(self._marks, MARKS, self._stride, start, table._marks, table._stride, to, count)
        self._copy_gaps(table, start, to, count)

    def _copy_gaps(self, table: BarHistory, start: i64, to: i64, count: i64) -> None:
        """Copy the gaps of rows that are copied; after those of earlier rows."""
        first = self.first + self._absent + start
        moved = table.first + table._absent + to - first
        gaps = _gaps_between(self.gaps, first, first + count)
        if len(gaps) == 0:
            return
        if moved:
            for at in range(0, len(gaps), GAP_NUMBERS):
                gaps[at] += moved
        if len(table.gaps) == 0:  # room for as many a row as there are in these
            table.gaps = vec[i64](capacity=len(gaps) * table.room // count)
        table.gaps = extend(table.gaps, gaps)

    def _loaded(self, data: bytes) -> HistoryTable:
        return loaded_bars(data, self.symbol, self.timeframe)

    def _take(self, whole: HistoryTable) -> None:
        assert isinstance(whole, BarHistory)
        self._prices, self._marks, self.gaps = whole._prices, whole._marks, whole.gaps

    def size(self) -> i64:
        """Return how many bytes of memory the bars take."""
        return 8 * (len(self._prices) + len(self._marks))

    def gap(self, row: i64) -> Gap | None:
        """Return the gap before the bar of a row; None if there is none."""
        if self.mark(row, CODE) & HAS_GAP == 0:
            return None
        gaps = self.gaps
        at = _gap_from(gaps, self.first + row)
        return Gap(closed_ns=gaps[at + 1], holiday_ns=gaps[at + 2], break_ns=gaps[at + 3], silence_ns=gaps[at + 4])

    def bar(self, row: i64) -> Bar:
        """Return the bar of a row."""
        code = self.mark(row, CODE)
        return Bar(
            symbol=self.symbol,
            timeframe=self.timeframe,
            start_ns=self.mark(row, START),
            end_ns=self.mark(row, END),
            open=self.price(row, 0),
            high=self.price(row, 1),
            low=self.price(row, 2),
            close=self.price(row, 3),
            volume=self.price(row, 4),
            ticks=self.mark(row, TICKS),
            trading_day=date_of(code),
            first=code & FIRST != 0,
            incomplete=code & INCOMPLETE != 0,
            day_incomplete=code & DAY_INCOMPLETE != 0,
            off_session=code & OFF_SESSION != 0,
            from_bars=code & FROM_BARS != 0,
            gap=self.gap(row),
        )


def loaded_bars(data: bytes, symbol: str, timeframe: Timeframe) -> BarHistory:
    """Return a table of the bars in *data*, which begins with their number; CorruptCheckpoint if it cannot be bars."""
    archive = Archive(data)
    try:
        count = archive.count(0, 8 * (PRICES + MARKS))
        table = BarHistory(symbol, timeframe, max(count, 1))
        table.load(archive, count)
        archive.finish()
    except (IndexError, ValueError, OverflowError) as error:
        raise CorruptCheckpoint(f"the stored history of {symbol} is invalid: {error}") from error
    return table


def _gaps_between(gaps: vec[i64], first: i64, stop: i64) -> vec[i64]:
    """Return the gaps of bars from the place *first* up to *stop*."""
    begin = _gap_from(gaps, first)
    return gaps[begin : max(begin, _gap_from(gaps, stop))]


def _gap_from(gaps: vec[i64], place: i64) -> i64:
    """Return where the first gap of a bar from *place* on begins."""
    low: i64 = 0
    high: i64 = len(gaps) // GAP_NUMBERS
    while low < high:
        middle = (low + high) >> 1
        if gaps[middle * GAP_NUMBERS] < place:
            low = middle + 1
        else:
            high = middle
    return low * GAP_NUMBERS
