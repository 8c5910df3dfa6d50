"""The reorder window: rows are held for some event time, and released in the order of their stamps. Compiled.

A unit is due once a row was read that is stamped at least the window's length later. A unit that comes after a later
one was released is released at once, in order of arrival; others decide whether it is late. The output depends only on
the rows read and their order, not on how they were cut into chunks.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.events.block import ROW_BYTES
from mtf.sources.chunk import Chunk, ChunkRows, heap_offsets, unit_end
from mtf.units import NEVER_NS

__all__ = ["WINDOW_ROWS", "ReorderWindow"]

WINDOW_ROWS: Final = 1 << 20  # the most rows read while a row is held; then it is released early


@mypyc_attr(native_class=True)
class _Held:
    """A chunk that was read, and which of its rows are out."""

    __slots__ = ("base", "chunk", "first", "offsets", "out")

    def __init__(self, base: i64, chunk: Chunk) -> None:
        self.base: Final[i64] = base  # the number of its first row, counted from the first one ever read
        self.chunk: Final = chunk
        self.offsets: Final[list[int]] = heap_offsets(chunk)
        self.out: Final = vec[u8]([0] * chunk.count)  # by row: whether it is out
        self.first: i64 = 0  # no row before it is held


@mypyc_attr(native_class=True)
class ReorderWindow:
    """Holds units stamped less than *window_ns* before the newest stamp, while at most *rows_max* more rows are read.

    This bounds memory, and what must be read again after a stop. *given_ns* is the latest stamp released before a stop.
    """

    __slots__ = (
        "_held",
        "_lengths",
        "_marks",
        "_numbers",
        "_oldest",
        "_read",
        "_rows_max",
        "_size",
        "_stamps",
        "_window_ns",
        "given_ns",
        "newest_ns",
    )

    def __init__(self, window_ns: i64, rows_max: i64 = WINDOW_ROWS, given_ns: i64 = NEVER_NS) -> None:
        self._window_ns: Final[i64] = window_ns
        self._rows_max: Final[i64] = rows_max
        self._held: list[_Held] = []  # chunks with rows that are held, oldest first
        self._read: i64 = 0  # rows read
        self._oldest: i64 = 0  # no row before this one is held
        # A heap of units by stamp, then by number: four columns of the same length, `_size` of which count.
        self._stamps = vec[i64]([0] * 64)
        self._numbers = vec[i64]([0] * 64)  # of its first row
        self._lengths = vec[u8]([0] * 64)
        self._marks = vec[u8]([0] * 64)  # whether a later stamp was read before it
        self._size: i64 = 0
        self.newest_ns: i64 = NEVER_NS  # the latest stamp read
        self.given_ns: i64 = given_ns  # the latest stamp released

    def add(self, chunk: Chunk) -> None:
        """Take the next rows, to be read by `read`."""
        self._held.append(_Held(self._read, chunk))

    def read(self, stop: i64, into: ChunkRows, passed: bytes) -> None:
        """Read the rows of the last added chunk up to the row *stop*, and write units that are due to *into*.

        *passed* has one byte for each of the chunk's first rows, 1 if it was released before a stop: it counts as read.
        """
        held = self._held[-1] if self._held else None
        if held is None or stop <= self._read - held.base:
            return
        chunk = held.chunk
        rows = chunk.rows
        known: i64 = len(passed)
        i: i64 = self._read - held.base
        while i < stop:
            end = unit_end(rows, i, chunk.count)
            ts_ns = read_i64_le(rows, i * ROW_BYTES)
            if i < known and passed[i]:
                for k in range(i, end):
                    held.out[k] = 1
            else:
                marked = self.given_ns <= ts_ns < self.newest_ns
                self._push(ts_ns, held.base + i, end - i, marked)
            last_ns = read_i64_le(rows, (end - 1) * ROW_BYTES)
            if last_ns > self.newest_ns:
                self.newest_ns = last_ns
            i = end
            self._read = held.base + i
            while self._size and self._stamps[0] <= self.newest_ns - self._window_ns:
                self._give(into)
            while self._read - self._oldest > self._rows_max and self._is_held_long():
                self._give(into)
        if i == chunk.count:
            self._drop()

    def flush(self, into: ChunkRows) -> None:
        """Write all held units to *into*: nothing comes after them."""
        while self._size:
            self._give(into)
        self._drop()

    @property
    def chunks(self) -> int:
        """The number of last added chunks that are still needed; the first of them has rows that are held."""
        return len(self._held)

    def skipped(self) -> int:
        """Return the number of first rows of the oldest such chunk that are out."""
        return self._held[0].first if self._held else 0

    def read_since(self, skip: i64, runs: list[int]) -> int:
        """Return the number of rows read after the first *skip* ones of the oldest such chunk, and after *runs*."""
        if not self._held:
            return 0
        count: i64 = self._read - self._held[0].base - skip
        for k in range(len(runs)):
            count -= runs[k]
        return int(count)

    def runs(self) -> list[int]:
        """Return the lengths of the runs after those that are held, out, held, and so on, up to the last one out."""
        lengths: list[int] = []
        length: i64 = 0
        state: i64 = 0
        for k in range(len(self._held)):
            held = self._held[k]
            for i in range(held.first, held.chunk.count):
                if i64(held.out[i]) != state:
                    lengths.append(int(length))
                    length = 0
                    state = 1 - state
                length += 1
        if state:
            lengths.append(int(length))
        return lengths

    def _give(self, into: ChunkRows) -> None:
        """Write the earliest unit to *into*."""
        number = self._numbers[0]
        length: i64 = i64(self._lengths[0])
        mark = self._marks[0]
        if self._stamps[0] > self.given_ns:
            self.given_ns = self._stamps[0]
        self._pop()
        held = self._find(number)
        chunk = held.chunk
        start = number - held.base
        end = start + length
        heap = b""
        if len(chunk.heap) > 0:
            heap = chunk.heap[held.offsets[start] : held.offsets[end]]
        into.add(chunk.rows[start * ROW_BYTES : end * ROW_BYTES], heap, length)
        into.mark(b"\x01\x01\x01\x01"[:length] if mark else b"\x00\x00\x00\x00"[:length])
        for i in range(start, end):
            held.out[i] = 1

    def _is_held_long(self) -> bool:
        """Whether a row is held that came more than `rows_max` rows before the next one."""
        self._drop()
        self._oldest = self._read
        if self._held:
            self._oldest = self._held[0].base + self._held[0].first
        return self._read - self._oldest > self._rows_max

    def _find(self, number: i64) -> _Held:
        """Return the chunk that holds the row *number*."""
        held = self._held
        low: i64 = 0
        high: i64 = len(held)
        while low + 1 < high:
            middle = (low + high) // 2
            if held[middle].base <= number:
                low = middle
            else:
                high = middle
        return held[low]

    def _drop(self) -> None:
        """Drop the first chunks that are completely out, and advance in the next one."""
        while self._held:
            held = self._held[0]
            while held.first < held.chunk.count and held.out[held.first]:
                held.first += 1
            if held.first < held.chunk.count:
                return
            del self._held[0]

    def _push(self, ts_ns: i64, number: i64, length: i64, marked: bool) -> None:
        if self._size == len(self._stamps):
            self._grow()
        at = self._size
        self._size += 1
        stamps, numbers, lengths, marks = self._stamps, self._numbers, self._lengths, self._marks
        while at > 0:
            above = (at - 1) // 2
            if stamps[above] <= ts_ns:  # among equal stamps, the one that came first is above
                break
            stamps[at] = stamps[above]
            numbers[at] = numbers[above]
            lengths[at] = lengths[above]
            marks[at] = marks[above]
            at = above
        stamps[at] = ts_ns
        numbers[at] = number
        lengths[at] = u8(length)
        marks[at] = u8(1) if marked else u8(0)

    def _pop(self) -> None:
        stamps, numbers, lengths, marks = self._stamps, self._numbers, self._lengths, self._marks
        self._size -= 1
        size = self._size
        ts_ns = stamps[size]
        number = numbers[size]
        at: i64 = 0
        while True:
            below = 2 * at + 1
            if below >= size:
                break
            right = below + 1
            if right < size and (
                stamps[right] < stamps[below] or (stamps[right] == stamps[below] and numbers[right] < numbers[below])
            ):
                below = right
            if ts_ns < stamps[below] or (ts_ns == stamps[below] and number < numbers[below]):
                break
            stamps[at] = stamps[below]
            numbers[at] = numbers[below]
            lengths[at] = lengths[below]
            marks[at] = marks[below]
            at = below
        stamps[at] = ts_ns
        numbers[at] = number
        lengths[at] = lengths[size]
        marks[at] = marks[size]

    def _grow(self) -> None:
        """Double the columns."""
        size: i64 = len(self._stamps)
        stamps, numbers = vec[i64]([0] * (2 * size)), vec[i64]([0] * (2 * size))
        lengths, marks = vec[u8]([0] * (2 * size)), vec[u8]([0] * (2 * size))
        for k in range(size):
            stamps[k] = self._stamps[k]
            numbers[k] = self._numbers[k]
            lengths[k] = self._lengths[k]
            marks[k] = self._marks[k]
        self._stamps, self._numbers, self._lengths, self._marks = stamps, numbers, lengths, marks
