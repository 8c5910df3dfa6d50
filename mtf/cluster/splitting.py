"""The rows of a block by partition, in their order; a clock event is in all of them, unless it is of one symbol."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from mtf.events.block import BY_IMPORT, ROW_BYTES, Block, heap_text
from mtf.sources.chunk import chunk_of, heap_offsets

__all__ = ["Splitter"]


class Splitter:
    """Splits blocks whose symbols are *names* by number, which may grow, into the partitions that *of* says."""

    def __init__(self, names: list[str], of: Callable[[str], int]) -> None:
        self._names: Final = names
        self._of: Final = of
        self._partitions: Final[list[int]] = []  # by number of the symbol

    def split(self, block: Block, since: Sequence[int]) -> list[tuple[int, Block]]:
        """Return each partition that has rows in *block*, with them: of each those from the row *since* on."""
        partitions = self._partitions
        partitions += [self._of(name) for name in self._names[len(partitions) :]]
        rows = block.rows
        chunk = chunk_of(block, [])
        offsets = heap_offsets(chunk)
        found: list[list[int]] = [[] for _ in since]
        numbers = memoryview(rows).cast("i")[2 :: ROW_BYTES // 4].tolist()
        for row, number in enumerate(numbers):
            if number >= 0:
                found[partitions[number]].append(row)
            elif rows[row * ROW_BYTES + 14] == BY_IMPORT:
                found[self._of(heap_text(chunk.heap, offsets[row]))].append(row)
            else:
                for each in found:
                    each.append(row)
        parts: list[tuple[int, Block]] = []
        for partition, of in enumerate(found):
            if since[partition] > 0:
                of = of[bisect_left(of, since[partition]) :]
            if of:
                own = b"".join([chunk.rows[row * ROW_BYTES : (row + 1) * ROW_BYTES] for row in of])
                heap = b"".join([chunk.heap[offsets[row] : offsets[row + 1]] for row in of]) if offsets else b""
                parts.append((partition, Block(1, len(of), own, heap)))
        return parts
