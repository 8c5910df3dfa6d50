"""The k-way merge: rows of many chunks in the order of their stamps, equal ones in the order of their lanes. Compiled.

A heap of lanes by the stamp of each one's next row. Each lane keeps its own order, also where that goes back in time;
a unit (see `mtf.sources.chunk`) goes out whole. It copies rows and knows nothing of where they come from.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le, read_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.events.block import FROM_BAR, ROW_BYTES
from mtf.sources.chunk import Chunk, Rows, heap_end, unit_end

__all__ = ["Lane", "Merger"]


@mypyc_attr(native_class=True)
class Lane:
    """One source's place in the merge: the chunk that is read ahead of it, and how many of its rows are out."""

    __slots__ = ("chunk", "count", "heap_at", "moved", "next", "number", "stop")

    def __init__(self, number: i64) -> None:
        self.number: Final[i64] = number
        self.chunk: Chunk = Chunk(0, b"", b"", [])
        self.count: i64 = 0  # rows in `chunk`
        self.next: i64 = 0  # rows of `chunk` that are out; equal to `count` where more has to be read
        self.stop: i64 = 0  # no row from here on goes out before the caller has seen to something
        self.heap_at: i64 = 0  # in the chunk's heap, where what belongs to the next rows begins
        self.moved = False  # whether rows went out since `Merger.take_moved`

    def load(self, chunk: Chunk, skip: i64) -> None:
        """Continue at *chunk*, the first *skip* rows of which are out already."""
        assert self.next == self.count, "a chunk is read to its end before the next"
        self.chunk = chunk
        self.count = chunk.count
        self.next = skip
        self.stop = chunk.count
        self.heap_at = 0
        if len(chunk.heap) > 0:
            self.heap_at = heap_end(chunk, 0, 0, skip)


@mypyc_attr(native_class=True)
class Merger:
    """Merges *count* lanes; a lane is in the heap from `enter` to `leave`."""

    __slots__ = ("_heads", "_heap", "_moved", "lanes", "reordered", "size")

    def __init__(self, count: i64) -> None:
        self.lanes: Final[list[Lane]] = [Lane(number) for number in range(count)]
        self._heads: Final = vec[i64]([0] * count)  # by lane: the stamp of its next row
        self._heap: Final = vec[i64]([0] * count)  # numbers of lanes, the first `size` of which are a heap
        self._moved: list[int] = []
        self.size: i64 = 0  # lanes in the heap
        self.reordered: i64 = 0  # marked rows that went out

    @property
    def top(self) -> int:
        """The lane that comes next; -1 if there is none."""
        return self._heap[0] if self.size else -1

    def enter(self, number: i64, ts_ns: i64) -> None:
        """Let a lane take part, whose first row is stamped *ts_ns* or later."""
        self._heads[number] = ts_ns
        at: i64 = self.size
        self.size += 1
        while at > 0:
            above = (at - 1) // 2
            if self._before(self._heap[above], number):
                break
            self._heap[at] = self._heap[above]
            at = above
        self._heap[at] = number

    def go_on(self) -> None:
        """Put the top lane, which has new rows, in its place."""
        lane = self.lanes[self._heap[0]]
        self._heads[lane.number] = read_i64_le(lane.chunk.rows, lane.next * ROW_BYTES)
        self._sink()

    def leave(self) -> None:
        """Let the top lane go: it has come to its end."""
        self.size -= 1
        if self.size:
            self._heap[0] = self._heap[self.size]
            self._sink()

    def copy(self, out: Rows, limit: i64) -> None:
        """Copy rows to *out* until it holds *limit*, or the top lane is at its `stop`.

        Ends before a unit that does not fit; the first unit of all goes out whatever its length.
        """
        lanes = self.lanes
        heads = self._heads
        while self.size:
            lane = lanes[self._heap[0]]
            start = lane.next
            most = start + limit - out.count
            if start >= lane.stop or most <= start:
                return
            other = self._second()
            other_ns: i64 = 0
            if other >= 0:
                other_ns = heads[other]
            chunk = lane.chunk
            rows = chunk.rows
            i = start
            while True:
                end = i + 1
                if (read_i32_le(rows, i * ROW_BYTES + 12) >> 8) & FROM_BAR:
                    end = unit_end(rows, i, lane.count)
                    if end > most and (i > start or out.count):
                        break
                i = end
                if i >= lane.stop or i >= most:
                    break
                if other >= 0:
                    ts_ns = read_i64_le(rows, i * ROW_BYTES)
                    if ts_ns > other_ns or (ts_ns == other_ns and lane.number > other):
                        break
            if i == start:
                return
            self._give(lane, out, i)
            if i < lane.count:
                heads[lane.number] = read_i64_le(rows, i * ROW_BYTES)
                self._sink()

    def note_moved(self, number: i64) -> None:
        """Have `take_moved` name a lane."""
        lane = self.lanes[number]
        if not lane.moved:
            lane.moved = True
            self._moved.append(int(number))

    def take_moved(self) -> list[int]:
        """Return the lanes that rows went out of since the last call."""
        moved = self._moved
        self._moved = []
        for k in range(len(moved)):
            self.lanes[moved[k]].moved = False
        return moved

    def _give(self, lane: Lane, out: Rows, end: i64) -> None:
        """Copy the rows of *lane* up to *end*."""
        chunk = lane.chunk
        start = lane.next
        heap = b""
        if len(chunk.heap) > 0:
            at = lane.heap_at
            lane.heap_at = heap_end(chunk, at, start, end)
            heap = chunk.heap[at : lane.heap_at]
        out.add(chunk.rows[start * ROW_BYTES : end * ROW_BYTES], heap, end - start)
        if len(chunk.marks) > 0:
            for k in range(start, end):
                self.reordered += i64(chunk.marks[k])
        lane.next = end
        if not lane.moved:
            lane.moved = True
            self._moved.append(int(lane.number))

    def _before(self, left: i64, right: i64) -> bool:
        """Whether lane *left* goes before lane *right*."""
        left_ns = self._heads[left]
        right_ns = self._heads[right]
        return left_ns < right_ns or (left_ns == right_ns and left < right)

    def _second(self) -> i64:
        """Return the lane that comes after the top one; -1 if there is none."""
        if self.size < 2:
            return -1
        left = self._heap[1]
        if self.size > 2 and self._before(self._heap[2], left):
            return self._heap[2]
        return left

    def _sink(self) -> None:
        """Move the top lane down to its place."""
        heap = self._heap
        number = heap[0]
        at: i64 = 0
        while True:
            below = 2 * at + 1
            if below >= self.size:
                break
            if below + 1 < self.size and self._before(heap[below + 1], heap[below]):
                below += 1
            if self._before(number, heap[below]):
                break
            heap[at] = heap[below]
            at = below
        heap[at] = number
