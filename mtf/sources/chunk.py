"""Chunks: rows of one source, read ahead so that they can be merged in order with those of others. Compiled.

A row here is what the block builder writes, without names: merged sources share one table of symbols, and no row
introduces a symbol. A *unit* must stay together: one row, or the four rows of one bar.
"""

from __future__ import annotations

from typing import Any, Final

from librt.strings import BytesWriter, read_i32_le, read_i64_le, write_i64_le
from mypy_extensions import i64, mypyc_attr

from mtf.events.bar_rows import EVENTS_PER_BAR, PLACE
from mtf.events.block import NEW_SYMBOL, ROW_BYTES, Block, heap_after, heap_length, is_of_bar

__all__ = [
    "NOTHING",
    "Chunk",
    "ChunkRows",
    "Refused",
    "behind",
    "chunk_of",
    "gather",
    "heap_end",
    "heap_offsets",
    "pieces",
    "unit_end",
    "unit_stamps",
]

NEW_SYMBOL_BIT: Final[i64] = NEW_SYMBOL << 40  # in the eight bytes that hold symbol, kind and flags

# A malformed row: the number of rows before it in the chunk, then place, line, reason and text.
Refused = tuple[int, str, int, str, str]


@mypyc_attr(native_class=True, acyclic=True)
class Chunk:
    """*count* rows, their other data in *heap*, and the malformed rows between them; immutable."""

    __slots__ = ("count", "heap", "marks", "refused", "rows")

    def __init__(self, count: i64, rows: bytes, heap: bytes, refused: list[Any], marks: bytes = b"") -> None:
        self.count: Final[i64] = count
        self.rows: Final = rows
        self.heap: Final = heap
        self.refused: Final[list[Any]] = refused  # of `Refused`, in order
        self.marks: Final = marks  # one byte per row, 1 if it precedes rows that came earlier; or empty


NOTHING: Final = Chunk(0, b"", b"", [])


@mypyc_attr(native_class=True)
class ChunkRows:
    """Collects rows, to be taken as a chunk or as a block."""

    __slots__ = ("_heap", "_marks", "_rows", "count")

    def __init__(self) -> None:
        self._rows = BytesWriter()
        self._heap = BytesWriter()
        self._marks = BytesWriter()
        self.count: i64 = 0  # rows collected

    def add(self, rows: bytes, heap: bytes, count: i64) -> None:
        """Append *count* rows and their other data."""
        self._rows.write(rows)
        if len(heap) > 0:
            self._heap.write(heap)
        self.count += count

    def add_row(self, rows: bytes, i: i64) -> None:
        """Append row *i* of *rows*, which has no other data: like `add`, but without an intermediate object."""
        out = self._rows
        at = i * ROW_BYTES
        end = at + ROW_BYTES
        while at < end:
            write_i64_le(out, read_i64_le(rows, at))
            at += 8
        self.count += 1

    def mark(self, marks: bytes) -> None:
        """Append the marks of the last added rows."""
        self._marks.write(marks)

    def block(self) -> Block:
        """Return the collected rows as a block, and start over."""
        block = Block(1, self.count, self._rows.getvalue(), self._heap.getvalue())
        self._rows = BytesWriter()
        self._heap = BytesWriter()
        self.count = 0
        return block

    def chunk(self, refused: list[Any]) -> Chunk:
        """Return the collected rows, and those refused, as a chunk, and start over."""
        marks = self._marks.getvalue()
        if marks:
            self._marks = BytesWriter()
        block = self.block()
        return Chunk(block.count, block.rows, block.heap, refused, marks)


def chunk_of(block: Block, refused: list[Any]) -> Chunk:
    """Return the rows of *block*, which a block builder wrote, as a chunk."""
    rows, heap = block.rows, block.heap
    if not heap:
        return Chunk(block.count, rows, heap, refused)
    out = BytesWriter()
    kept = BytesWriter()
    at: i64 = 0
    done: i64 = 0  # rows up to here are in `out`
    for i in range(block.count):
        if at == len(heap):
            break
        base: i64 = i * ROW_BYTES
        tag: i64 = i64(read_i32_le(rows, base + 12))
        end = heap_after(heap, at, tag)
        if (tag >> 8) & NEW_SYMBOL:
            at += 2 + heap_length(heap, at)
            out.write(rows[done * ROW_BYTES : base + 8])
            write_i64_le(out, read_i64_le(rows, base + 8) - NEW_SYMBOL_BIT)
            out.write(rows[base + 16 : base + ROW_BYTES])
            done = i + 1
        if end > at:
            kept.write(heap[at:end])
        at = end
    out.write(rows[done * ROW_BYTES :])
    return Chunk(block.count, out.getvalue(), kept.getvalue(), refused)


def unit_end(rows: bytes, i: i64, count: i64) -> i64:
    """Return the row after the unit that starts at row *i* of *count*; a bar's rows follow each other."""
    tag: i64 = i64(read_i32_le(rows, i * ROW_BYTES + 12))
    if not is_of_bar(tag):
        return i + 1
    end = i + EVENTS_PER_BAR - ((tag >> 16) & PLACE)
    return end if end < count else count


def unit_stamps(chunk: Chunk) -> list[int]:
    """Return for each row the stamp at which its unit begins: a stable sort by it keeps units together."""
    rows = chunk.rows
    stamps: list[int] = []
    i: i64 = 0
    while i < chunk.count:
        end = unit_end(rows, i, chunk.count)
        ts_ns = int(read_i64_le(rows, i * ROW_BYTES))
        while i < end:
            stamps.append(ts_ns)
            i += 1
    return stamps


def heap_offsets(chunk: Chunk) -> list[int]:
    """Return where in the heap the data of each row begins, and the heap's length; nothing if it is empty."""
    offsets: list[int] = []
    if not chunk.heap:
        return offsets
    at: i64 = 0
    for i in range(chunk.count):
        offsets.append(int(at))
        at = heap_after(chunk.heap, at, i64(read_i32_le(chunk.rows, i * ROW_BYTES + 12)))
    offsets.append(int(at))
    return offsets


def heap_end(chunk: Chunk, at: i64, start: i64, end: i64) -> i64:
    """Return where in the heap the data of the rows from *start* to *end* ends; it begins at *at*."""
    for i in range(start, end):
        at = heap_after(chunk.heap, at, i64(read_i32_le(chunk.rows, i * ROW_BYTES + 12)))
    return at


def gather(chunk: Chunk, order: list[int]) -> Chunk:
    """Return the rows of *chunk* in the given *order*, each once."""
    rows, heap = chunk.rows, chunk.heap
    out = BytesWriter()
    kept = BytesWriter()
    offsets = heap_offsets(chunk)
    for k in range(len(order)):
        i: i64 = order[k]
        out.write(rows[i * ROW_BYTES : (i + 1) * ROW_BYTES])
        if len(heap) > 0:
            kept.write(heap[offsets[i] : offsets[i + 1]])
    return Chunk(chunk.count, out.getvalue(), kept.getvalue(), [], b"")


def pieces(chunk: Chunk, rows: i64) -> list[Chunk]:
    """Return *chunk* cut into pieces of *rows* rows, or a few more if a unit would be cut."""
    found: list[Chunk] = []
    offsets = heap_offsets(chunk)
    start: i64 = 0
    while start < chunk.count:
        stop: i64 = start
        while stop < chunk.count and stop - start < rows:
            stop = unit_end(chunk.rows, stop, chunk.count)
        found.append(_slice(chunk, offsets, start, stop))
        start = stop
    return found


def behind(chunk: Chunk, skip: i64) -> Chunk:
    """Return the rows of *chunk* after the first *skip* ones."""
    return _slice(chunk, heap_offsets(chunk), skip, chunk.count)


def _slice(chunk: Chunk, offsets: list[int], start: i64, stop: i64) -> Chunk:
    heap = chunk.heap[offsets[start] : offsets[stop]] if offsets else b""
    return Chunk(stop - start, chunk.rows[start * ROW_BYTES : stop * ROW_BYTES], heap, [], chunk.marks[start:stop])
