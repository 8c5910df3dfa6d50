"""The history of one symbol's indicator values of one timeframe: columns, in step with its completed bars.

Rows are only appended, as in `mtf.bars.bar_history`.
"""

from __future__ import annotations

from typing import Any, Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.bars.growth import TAIL, flush_rows, kept_rows, next_room

__all__ = ["ValueRows", "rows_of"]


@mypyc_attr(native_class=True, acyclic=True)
class ValueRows:
    """A table of *width* columns, one after the other, with *room* for some rows.

    `first` is the number of rows before the first one, since the log began. Rows from `_flushed` on are in the tail
    (`mtf.bars.growth`).
    """

    __slots__ = ("_flushed", "_tail", "count", "first", "numbers", "room", "width")

    def __init__(self, width: i64, room: i64 = 0, first: i64 = 0) -> None:
        self.width: Final[i64] = width
        self.room: Final[i64] = room
        self.first: i64 = first
        self.count: i64 = 0
        self._tail: Final[i64] = TAIL
        self._flushed: i64 = 0
        rows: i64 = room + self._tail if room else 0
        self.numbers: vec[float] = vec[float]([0.0] * (rows * width))

    def larger(self, keep: i64, number: i64) -> ValueRows:
        """Return a table with the last *keep* rows of this one, which is full, and room for more.

        *number* is that of the symbol; see `next_room`.
        """
        count = self.count
        self.flush()
        kept = min(count, keep)
        room = next_room(count, keep, number)
        table = ValueRows(self.width, room, self.first + count - kept)
        table.count = kept
        table._flushed = kept
        kept_rows(self.numbers, self.width, count, table.numbers, room, kept)
        return table

    def add(self, values: vec[float], at: i64) -> i64:
        """Append the row that begins at `values[at]`, for which there is room, and return its place."""
        row = self.count
        numbers = self.numbers
        to = (self.room + row - self._flushed) * self.width
        for k in range(at, at + self.width):
            numbers[to] = values[k]
            to += 1
        self.count = row + 1
        if row + 1 - self._flushed == self._tail:
            self.flush()
        return row

    def flush(self) -> None:
        """Write the rows of the tail into the columns."""
        flush_rows(self.numbers, self.width, self.room, self._flushed, self.count)
        self._flushed = self.count

    def archive(self, archive: Archive, start: i64, stop: i64) -> None:
        """Save the rows from *start* up to *stop* as columns, or fill them with what is loaded."""
        if archive.loading:
            self._flushed = stop
        elif stop > self._flushed:
            self.flush()
        for column in range(self.width):
            archive.numbers_in(self.numbers, column * self.room + start, stop - start)

    def place(self, row: i64) -> tuple[i64, i64]:
        """Return where the first of a row's `numbers` is until the next row is added, and how far it is to the next."""
        if row < self._flushed:
            return row, self.room
        return (self.room + row - self._flushed) * self.width, 1

    def row(self, row: i64) -> vec[float]:
        """Return a copy of a row."""
        found = vec[float]([0.0] * self.width)
        numbers = self.numbers
        at, step = self.place(row)
        for column in range(self.width):
            found[column] = numbers[at]
            at += step
        return found

    def column(self, column: i64, start: i64, stop: i64) -> memoryview[float]:
        """Return a column from one row up to another, as a read-only buffer."""
        if stop > self._flushed:
            self.flush()
        at = column * self.room
        numbers: Any = memoryview(self.numbers)  # of floats, for which memoryview has no type
        found: memoryview[float] = numbers[at + start : at + stop]
        return found


def rows_of(rows: list[list[float]], width: i64, first: i64) -> ValueRows:
    """Return a table of *rows*, before which there were *first* others."""
    table = ValueRows(width, len(rows), first)
    for row in rows:
        table.add(vec[float](row), 0)
    return table
