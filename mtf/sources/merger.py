"""The k-way merge: rows of many chunks in the order of their stamps, equal ones in the order of their lanes. Compiled.

A heap of lanes by the stamp of each one's next row. Each lane keeps its own order, even if that goes back in time; a
unit (see `mtf.sources.chunk`) goes out whole. It copies rows and does not know where they come from.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le, read_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.events.block import FROM_BAR, ROW_BYTES
from mtf.sources.chunk import NOTHING, Chunk, ChunkRows, heap_end, unit_end

__all__ = ["Lane", "Merger"]


# If rows alternate between lanes, each object on the way to a row is a cache miss. So what the merge needs of a lane
# per row is contiguous in one column, and rows of all lanes are in one list.
NEXT: Final = 0  # rows of the chunk that are out; equal to COUNT if more must be read
STOP: Final = 1  # the merge stops before this row, so that the caller can do something first
COUNT: Final = 2  # rows in the chunk
FLAGS: Final = 3
PLACE_SIZE: Final = 4

PLAIN: Final = 1  # no row of the chunk has other data
MOVED: Final = 2  # rows went out since `Merger.take_moved`


@mypyc_attr(native_class=True, acyclic=True)
class Lane:
    """One source's place in the merge: its chunk read ahead, and how many of its rows are out."""

    __slots__ = ("_all_rows", "_places", "chunk", "heap_at", "number")

    def __init__(self, number: i64, places: vec[i64], all_rows: list[bytes]) -> None:
        self.number: Final[i64] = number
        self.chunk: Chunk = NOTHING
        self.heap_at: i64 = 0  # where the data of the next rows begins in the chunk's heap
        self._places: Final = places  # of all lanes
        self._all_rows: Final = all_rows  # those of each lane's chunk

    @property
    def next(self) -> i64:
        """The number of rows of `chunk` that are out; equal to `count` if more must be read."""
        return self._places[self.number * PLACE_SIZE + NEXT]

    @property
    def count(self) -> i64:
        """How many rows `chunk` has."""
        return self._places[self.number * PLACE_SIZE + COUNT]

    @property
    def stop(self) -> i64:
        """The row before which the merge stops, so that the caller can do something first."""
        return self._places[self.number * PLACE_SIZE + STOP]

    @stop.setter
    def stop(self, row: i64) -> None:
        self._places[self.number * PLACE_SIZE + STOP] = row

    def load(self, chunk: Chunk, skip: i64) -> None:
        """Continue with *chunk*, whose first *skip* rows are out already."""
        places = self._places
        at = self.number * PLACE_SIZE
        assert places[at + NEXT] == places[at + COUNT], "a chunk is read to its end before the next"
        self.chunk = chunk
        self._all_rows[self.number] = chunk.rows
        places[at + NEXT] = skip
        places[at + STOP] = chunk.count
        places[at + COUNT] = chunk.count
        flags = places[at + FLAGS] & ~PLAIN
        if len(chunk.heap) == 0 and len(chunk.marks) == 0:
            flags |= PLAIN
        places[at + FLAGS] = flags
        self.heap_at = 0
        if len(chunk.heap) > 0:
            self.heap_at = heap_end(chunk, 0, 0, skip)


@mypyc_attr(native_class=True)
class Merger:
    """Merges *count* lanes; a lane is in the heap from `enter` to `leave`."""

    __slots__ = ("_heap", "_moved", "_places", "_rows", "_stamps", "lanes", "reordered", "size")

    def __init__(self, count: i64) -> None:
        self._places: Final = vec[i64]([0] * (count * PLACE_SIZE))  # by lane
        self._rows: Final[list[bytes]] = [b""] * count  # by lane
        self.lanes: Final[list[Lane]] = [Lane(number, self._places, self._rows) for number in range(count)]
        # Two columns whose first `size` places are a heap: the stamp of a lane's next row, and its number.
        self._stamps: Final = vec[i64]([0] * count)
        self._heap: Final = vec[i64]([0] * count)
        self._moved: list[int] = []
        self.size: i64 = 0  # lanes in the heap
        self.reordered: i64 = 0  # marked rows that went out

    @property
    def top(self) -> int:
        """The lane that comes next; -1 if there is none."""
        return self._heap[0] if self.size else -1

    def enter(self, number: i64, ts_ns: i64) -> None:
        """Add a lane whose first row is stamped *ts_ns* or later."""
        stamps, heap = self._stamps, self._heap
        at = self.size
        self.size += 1
        while at > 0:
            above = (at - 1) // 2
            if stamps[above] < ts_ns or (stamps[above] == ts_ns and heap[above] < number):
                break
            stamps[at] = stamps[above]
            heap[at] = heap[above]
            at = above
        stamps[at] = ts_ns
        heap[at] = number

    def go_on(self) -> None:
        """Put the top lane, which has new rows, in its place."""
        number = self._heap[0]
        self._sink(number, read_i64_le(self._rows[number], self._places[number * PLACE_SIZE + NEXT] * ROW_BYTES))

    def leave(self) -> None:
        """Remove the top lane, which has ended."""
        self.size -= 1
        if self.size:
            self._sink(self._heap[self.size], self._stamps[self.size])

    def copy(self, out: ChunkRows, limit: i64) -> None:
        """Copy rows to *out* until it has *limit*, or the top lane is at its `stop`.

        Ends before a unit that does not fit; the first unit always goes out, whatever its length.
        """
        places = self._places
        stamps, heap = self._stamps, self._heap
        while self.size:
            number = heap[0]
            place = number * PLACE_SIZE
            start = places[place + NEXT]
            stop = places[place + STOP]
            most = start + limit - out.count
            if start >= stop or most <= start:
                return
            second = self._second()
            other: i64 = -1
            other_ns: i64 = 0
            if second:
                other = heap[second]
                other_ns = stamps[second]
            rows = self._rows[number]
            count = places[place + COUNT]
            ts_ns: i64 = 0
            i = start
            while True:
                end = i + 1
                if (read_i32_le(rows, i * ROW_BYTES + 12) >> 8) & FROM_BAR:
                    end = unit_end(rows, i, count)
                    if end > most and (i > start or out.count):
                        break
                i = end
                if i >= count:
                    break
                ts_ns = read_i64_le(rows, i * ROW_BYTES)
                if i >= stop or i >= most:
                    break
                if second and (ts_ns > other_ns or (ts_ns == other_ns and number > other)):
                    break
            if i == start:
                return
            if not places[place + FLAGS] & PLAIN:
                self._give(self.lanes[number], out, start, i)
            elif i - start == 1:
                out.add_row(rows, start)
            else:
                out.add(rows[start * ROW_BYTES : i * ROW_BYTES], b"", i - start)
            places[place + NEXT] = i
            self.note_moved(number)
            if i < count:
                self._sink(number, ts_ns)

    def note_moved(self, number: i64) -> None:
        """Note a lane for `take_moved`."""
        places = self._places
        at = number * PLACE_SIZE + FLAGS
        if not places[at] & MOVED:
            places[at] |= MOVED
            self._moved.append(int(number))

    def take_moved(self) -> list[int]:
        """Return the lanes whose rows went out since the last call."""
        moved, places = self._moved, self._places
        self._moved = []
        for k in range(len(moved)):
            places[moved[k] * PLACE_SIZE + FLAGS] &= ~MOVED
        return moved

    def _give(self, lane: Lane, out: ChunkRows, start: i64, end: i64) -> None:
        """Copy rows of *lane* with their data, and count those that are marked."""
        chunk = lane.chunk
        at = lane.heap_at
        if len(chunk.heap) > 0:
            lane.heap_at = heap_end(chunk, at, start, end)
        out.add(chunk.rows[start * ROW_BYTES : end * ROW_BYTES], chunk.heap[at : lane.heap_at], end - start)
        if len(chunk.marks) > 0:
            for k in range(start, end):
                self.reordered += i64(chunk.marks[k])

    def _second(self) -> i64:
        """Return the place in the heap of the lane that comes after the top one; 0 if there is none."""
        if self.size < 3:
            return self.size // 2
        stamps, heap = self._stamps, self._heap
        return 2 if stamps[2] < stamps[1] or (stamps[2] == stamps[1] and heap[2] < heap[1]) else 1

    def _sink(self, number: i64, ts_ns: i64) -> None:
        """Put lane *number*, whose next row is stamped *ts_ns*, in its place; the top place is free."""
        stamps, heap = self._stamps, self._heap
        size = self.size
        at: i64 = 0
        while True:
            below = 2 * at + 1
            if below >= size:
                break
            below_ns = stamps[below]
            if below + 1 < size:
                right_ns = stamps[below + 1]
                if right_ns < below_ns or (right_ns == below_ns and heap[below + 1] < heap[below]):
                    below += 1
                    below_ns = right_ns
            if ts_ns < below_ns or (ts_ns == below_ns and number < heap[below]):
                break
            stamps[at] = below_ns
            heap[at] = heap[below]
            at = below
        stamps[at] = ts_ns
        heap[at] = number
