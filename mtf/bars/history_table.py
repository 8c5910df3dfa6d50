"""What tables of completed bars and of indicator values share: rows that are appended, and may be absent at first.

Owns how a table is replaced as it grows (`mtf.bars.growth`), and how the rows that are stored are read back.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.bars.growth import LATER, TAIL, next_room, start_of
from mtf.errors import CorruptCheckpoint
from mtf.image import StoredRows

__all__ = ["HistoryTable"]


@mypyc_attr(native_class=True, acyclic=True)
class HistoryTable:
    """Rows in columns, with *room* for some: the owner appends, others read.

    `first` is the number of rows before the first one, since the log began or the state was loaded. Rows from
    `_flushed` on are in the tail. The first `_absent` rows are the last ones of a *stored* history.
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
        "room",
    )

    def __init__(self, room: i64, first: i64, absent: i64, stored: StoredRows | None, number: i64) -> None:
        self.room: Final[i64] = room
        self.first: i64 = first
        self.count: i64 = absent  # rows
        self._tail: Final[i64] = TAIL
        self._flushed: i64 = absent
        self._absent: i64 = absent
        self._stored: StoredRows | None = stored
        self._number: Final[i64] = number  # of the symbol in it
        self._stride: i64 = room - absent  # from a column to the next
        self._looked = False  # somebody has since `_released`

    def size(self) -> i64:
        """Return how many bytes of memory the rows take."""
        raise NotImplementedError

    def flush(self) -> None:
        """Write the rows of the tail into the columns."""
        raise NotImplementedError

    def _empty(self, room: i64, first: i64, absent: i64, stored: StoredRows | None, number: i64) -> HistoryTable:
        """Return a new table of the same columns, which have no memory before `_begin`."""
        raise NotImplementedError

    def _begin(self, table: HistoryTable, start: i64, count: i64) -> None:
        """Make the columns, with *count* present rows of *table* from the one at *start* on as the first."""
        raise NotImplementedError

    def _copy_to(self, table: HistoryTable, start: i64, to: i64, count: i64) -> None:
        """Copy *count* present rows from the one at *start* on into the columns of *table*, at *to*."""
        raise NotImplementedError

    def _loaded(self, data: bytes) -> HistoryTable:
        """Return a table of the rows in *data*, which begins with their number; CorruptCheckpoint if it is invalid."""
        raise NotImplementedError

    def _take(self, whole: HistoryTable) -> None:
        """Have the columns of *whole* from now on, in which no row is absent."""
        raise NotImplementedError

    def rebind(self, end: i64, stored: StoredRows) -> None:
        """Read absent rows from here, if they are the last ones up to the place *end*: older files can be closed."""
        if self._stored is not None and end - self.first == self._absent:
            self._stored = stored

    def fill(self) -> None:
        """Read the absent rows; in any thread."""
        stored = self._stored
        if stored is None:
            return
        with stored.reading:
            whole = self._whole()
            if whole is not self:
                self._take(whole)
                self._stride = whole._stride
                self._stored = None
                self._absent = 0
                self._looked = True

    def _larger(self, keep: i64, number: i64, times: i64) -> HistoryTable:
        """Return a table with the last *keep* rows of this one, which is full, and room for so many *times* as many.

        *number* is that of the symbol; see `next_room`.
        """
        count = self.count
        self.flush()
        start = start_of(count, keep)
        absent = max(self._absent - start, 0)
        stored = self._stored if absent else None
        table = self._empty(next_room(count, keep, number, times), self.first + start, absent, stored, self._number)
        table._take_last(self, count - start - absent)
        table._looked = self._looked
        return table

    def _released(self, start: i64, end: i64, stored: StoredRows, number: i64) -> HistoryTable | None:
        """Return a table with the rows from *start* on, without those up to the place *end*, which are *stored*.

        None if there are none, or somebody has looked since the last time.
        """
        absent = end - self.first - start
        if self._looked or absent <= 0 or end - self.first <= self._absent or not LATER:
            self._looked = False
            return None
        count = self.count - start
        table = self._empty(count, self.first + start, absent, stored, number)
        self.flush()
        table._take_last(self, count - absent)
        return table

    def _whole(self) -> HistoryTable:
        """Return a table with all rows, also the absent ones, which are read; in any thread."""
        stored = self._stored
        if stored is None:
            return self
        absent = self._absent
        pieces = [self._loaded(data) for data in stored.read(self._number, absent)]
        if self._stored is None:
            return self  # another thread has read them
        # From here on no other thread can add a row: see LATER.
        whole = self._empty(self.room, self.first, 0, None, 0)
        whole._begin(self, 0, 0)
        self.flush()
        to = absent
        for piece in pieces:
            to -= piece.count
        if to > 0:
            raise CorruptCheckpoint(f"the stored history of the symbol with number {self._number} lacks {to} rows")
        for piece in pieces:
            skipped = min(max(-to, 0), piece.count)
            piece._copy_to(whole, skipped, to + skipped, piece.count - skipped)
            to += piece.count
        self._copy_to(whole, 0, absent, self.count - absent)
        whole.count = self.count
        whole._flushed = self.count
        return whole

    def _take_last(self, table: HistoryTable, count: i64) -> None:
        """Copy the last *count* rows of *table*, which are in its columns, after the absent ones of this new table."""
        self._begin(table, table.count - table._absent - count, count)
        self.count += count
        self._flushed = self.count

    def _place(self, start: i64, stop: i64) -> i64:
        """Return where the row *start* is in each column, after which the rows up to *stop* follow."""
        if start < self._absent and start < stop:
            self.fill()
        if stop > self._flushed:
            self.flush()
        return start - self._absent
