"""The history of one symbol's indicator values of one timeframe: columns, in step with its completed bars.

Rows are only appended, as those of bars are.
"""

from __future__ import annotations

from typing import Any, Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, Archive
from mtf.bars.growth import copied_numbers, copy_rows, flush_rows
from mtf.bars.history_table import HistoryTable
from mtf.errors import CorruptCheckpoint
from mtf.image import StoredRows

__all__ = ["ValueRows", "rows_of"]


@mypyc_attr(native_class=True, acyclic=True)
class ValueRows(HistoryTable):
    """A table of *width* columns, one after the other."""

    __slots__ = ("numbers", "width")

    def __init__(
        self,
        width: i64,
        room: i64 = 0,
        first: i64 = 0,
        absent: i64 = 0,
        stored: StoredRows | None = None,
        number: i64 = 0,
        blank: bool = True,
    ) -> None:
        super().__init__(room, first, absent, stored, number)
        self.width: Final[i64] = width
        rows: i64 = self._stride + self._tail if self._stride and blank else 0
        self.numbers: vec[float] = vec[float]([0.0] * (rows * width))

    def _empty(self, room: i64, first: i64, absent: i64, stored: StoredRows | None, number: i64) -> HistoryTable:
        return ValueRows(self.width, room, first, absent, stored, number, False)

    def _begin(self, table: HistoryTable, start: i64, count: i64) -> None:
        assert isinstance(table, ValueRows)
        if self._stride:
            self.numbers = copied_numbers(
                table.numbers, self.width, table._stride, start, count, self._stride, self._tail
            )

    def larger(self, keep: i64, number: i64) -> ValueRows:
        """Return a table with the last *keep* rows of this one, which is full; *number* is that of the symbol."""
        table = self._larger(keep, number, 2)
        assert isinstance(table, ValueRows)
        return table

    def released(self, start: i64, end: i64, stored: StoredRows, number: i64) -> ValueRows | None:
        """Return a table from *start* on, without the rows up to the place *end*, which are *stored*, or None."""
        table = self._released(start, end, stored, number)
        assert table is None or isinstance(table, ValueRows)
        return table

    def _copy_to(self, table: HistoryTable, start: i64, to: i64, count: i64) -> None:
        assert isinstance(table, ValueRows)
        copy_rows(self.numbers, self.width, self._stride, start, table.numbers, table._stride, to, count)

    def _loaded(self, data: bytes) -> HistoryTable:
        return _loaded_rows(data, self.width)

    def _take(self, whole: HistoryTable) -> None:
        assert isinstance(whole, ValueRows)
        self.numbers = whole.numbers

    def size(self) -> i64:
        """Return how many bytes of memory the rows take."""
        return 8 * len(self.numbers)

    def add(self, values: vec[float], at: i64) -> i64:
        """Append the row that begins at `values[at]`, for which there is room, and return its place."""
        row = self.count
        numbers = self.numbers
        to = (self._stride + row - self._flushed) * self.width
        for k in range(at, at + self.width):
            numbers[to] = values[k]
            to += 1
        self.count = row + 1
        if row + 1 - self._flushed == self._tail:
            self.flush()
        return row

    def flush(self) -> None:
        """Write the rows of the tail into the columns."""
        absent = self._absent
        flush_rows(self.numbers, self.width, self._stride, self._flushed - absent, self.count - absent)
        self._flushed = self.count

    def save(self, archive: Archive, start: i64, stop: i64) -> None:
        """Save the rows from *start* up to *stop* as columns."""
        table = self if start >= self._absent else self._whole()
        assert isinstance(table, ValueRows)
        at = table._place(start, stop)
        for column in range(self.width):
            archive.numbers_in(table.numbers, at + column * table._stride, stop - start)

    def load(self, archive: Archive, count: i64) -> None:
        """Load *count* rows that `save` saved, for which a new table has room."""
        for column in range(self.width):
            archive.numbers_in(self.numbers, column * self._stride, count)
        self.count = count
        self._flushed = count

    def place(self, row: i64) -> tuple[i64, i64]:
        """Return where the first of a row's `numbers` is until the next row is added, and how far it is to the next."""
        if row < self._absent:
            self.fill()
        if row < self._flushed:
            return row - self._absent, self._stride
        return (self._stride + row - self._flushed) * self.width, 1

    def row(self, row: i64) -> vec[float]:
        """Return a copy of a row."""
        self._looked = True
        found = vec[float]([0.0] * self.width)
        at, step = self.place(row)
        numbers = self.numbers
        for column in range(self.width):
            found[column] = numbers[at]
            at += step
        return found

    def column(self, column: i64, start: i64, stop: i64) -> memoryview[float]:
        """Return a column from one row up to another, as a read-only buffer."""
        self._looked = True
        at = self._place(start, stop) + column * self._stride
        numbers: Any = memoryview(self.numbers)  # of floats, for which memoryview has no type
        found: memoryview[float] = numbers[at : at + stop - start]
        return found


def _loaded_rows(data: bytes, width: i64) -> ValueRows:
    """Return a table of the rows in *data*, which begins with their number; CorruptCheckpoint if it is invalid."""
    archive = Archive(data)
    try:
        count = archive.count(0, 8 * width) if width else archive.int64(0, 0, ANY_MAX)
        table = ValueRows(width, max(count, 1))
        table.load(archive, count)
        archive.finish()
    except (IndexError, ValueError, OverflowError) as error:
        raise CorruptCheckpoint(f"a stored history of indicator values is invalid: {error}") from error
    return table


def rows_of(rows: list[list[float]], width: i64, first: i64) -> ValueRows:
    """Return a table of *rows*, before which there were *first* others."""
    table = ValueRows(width, len(rows), first)
    for row in rows:
        table.add(vec[float](row), 0)
    return table
