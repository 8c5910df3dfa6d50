"""The history of one symbol's indicator values of one timeframe: columns, in step with its completed bars.

Rows are only appended, as in `mtf.bars.bar_history`.
"""

from __future__ import annotations

from typing import Any, Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, Archive
from mtf.bars.growth import LATER, TAIL, copy_rows, flush_rows, next_room, start_of
from mtf.errors import CorruptCheckpoint
from mtf.image import StoredRows

__all__ = ["ValueRows", "rows_of"]


@mypyc_attr(native_class=True, acyclic=True)
class ValueRows:
    """A table of *width* columns, one after the other, with *room* for some rows.

    `first` is the number of rows before the first one, since the log began. Rows from `_flushed` on are in the tail
    (`mtf.bars.growth`). The first `_absent` rows are the last ones of a *stored* history.
    """

    __slots__ = (
        "_absent",
        "_flushed",
        "_looked",
        "_number",
        "_stored",
        "_stride",
        "_tail",
        "count",
        "first",
        "numbers",
        "room",
        "width",
    )

    def __init__(
        self,
        width: i64,
        room: i64 = 0,
        first: i64 = 0,
        absent: i64 = 0,
        stored: StoredRows | None = None,
        number: i64 = 0,
    ) -> None:
        self.width: Final[i64] = width
        self.room: Final[i64] = room
        self.first: i64 = first
        self.count: i64 = absent
        self._tail: Final[i64] = TAIL
        self._flushed: i64 = absent
        self._absent: i64 = absent
        self._stored: StoredRows | None = stored
        self._number: Final[i64] = number  # of the symbol in it
        self._stride: i64 = room - absent  # from a column to the next
        self._looked = False  # somebody has since `released`
        rows: i64 = self._stride + self._tail if self._stride else 0
        self.numbers: vec[float] = vec[float]([0.0] * (rows * width))

    def larger(self, keep: i64, number: i64) -> ValueRows:
        """Return a table with the last *keep* rows of this one, which is full, and room for more.

        *number* is that of the symbol; see `next_room`.
        """
        count = self.count
        self.flush()
        start = start_of(count, keep)
        absent = max(self._absent - start, 0)
        stored = self._stored if absent else None
        room = next_room(count, keep, number)
        table = ValueRows(self.width, room, self.first + start, absent, stored, self._number)
        table._take_last(self, count - start - absent)
        table._looked = self._looked
        return table

    def size(self) -> i64:
        """Return how many bytes of memory the rows take."""
        return 8 * len(self.numbers)

    def released(self, start: i64, end: i64, stored: StoredRows, number: i64) -> ValueRows | None:
        """Return a table with the rows from *start* on, without those up to the place *end*, which are *stored*.

        None if there are none, or somebody has looked since the last time.
        """
        absent = end - self.first - start
        if self._looked or absent <= 0 or end - self.first <= self._absent or not LATER:
            self._looked = False
            return None
        count = self.count - start
        table = ValueRows(self.width, count, self.first + start, absent, stored, number)
        self.flush()
        table._take_last(self, count - absent)
        return table

    def rebind(self, end: i64, stored: StoredRows) -> None:
        """Read absent rows from here, if they are the last ones up to the place *end*: older files can be closed."""
        if self._stored is not None and end - self.first == self._absent:
            self._stored = stored

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
        at = table._begin(start, stop)
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
        at = self._begin(start, stop) + column * self._stride
        numbers: Any = memoryview(self.numbers)  # of floats, for which memoryview has no type
        found: memoryview[float] = numbers[at : at + stop - start]
        return found

    def _begin(self, start: i64, stop: i64) -> i64:
        """Return where the row *start* is in each column, after which the rows up to *stop* follow."""
        if start < self._absent and start < stop:
            self.fill()
        if stop > self._flushed:
            self.flush()
        return start - self._absent

    def _copy_to(self, table: ValueRows, start: i64, to: i64, count: i64) -> None:
        """Copy *count* present rows from the one at *start* on into the columns of *table*, at *to*."""
        copy_rows(self.numbers, self.width, self._stride, start, table.numbers, table._stride, to, count)

    def _take_last(self, table: ValueRows, count: i64) -> None:
        """Copy the last *count* rows of *table*, which are in its columns, after the absent ones of this new table."""
        table._copy_to(self, table.count - table._absent - count, 0, count)
        self.count += count
        self._flushed = self.count

    def fill(self) -> None:
        """Read the absent rows; in any thread."""
        stored = self._stored
        if stored is None:
            return
        with stored.reading:
            whole = self._whole()
            if whole is not self:
                self.numbers = whole.numbers
                self._stride = whole._stride
                self._stored = None
                self._absent = 0
                self._looked = True

    def _whole(self) -> ValueRows:
        """Return a table with all rows, also the absent ones, which are read; in any thread."""
        stored = self._stored
        if stored is None:
            return self
        absent = self._absent
        pieces = [_loaded_rows(data, self.width) for data in stored.read(self._number, absent)]
        if self._stored is None:
            return self  # another thread has read them
        # From here on no other thread can add a row: see LATER.
        whole = ValueRows(self.width, self.room)
        self.flush()
        to = absent
        for piece in pieces:
            to -= piece.count
        if to > 0:
            raise CorruptCheckpoint(f"a stored history lacks {to} rows of indicator values")
        for piece in pieces:
            skipped = min(max(-to, 0), piece.count)
            piece._copy_to(whole, skipped, to + skipped, piece.count - skipped)
            to += piece.count
        self._copy_to(whole, 0, absent, self.count - absent)
        whole.count = self.count
        whole._flushed = self.count
        return whole


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
