"""The protocol between a pipeline and its workers: short messages over sockets, rows and values in shared memory.

Both sides are the same mtf on the same machine, one started by the other, so there is no version to agree on. A message
is its length, its kind, and its body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Final

from mtf.events.block import ROW_BYTES

__all__ = [
    "BLOCK",
    "BLOCK_HEAD",
    "DONE",
    "DONE_HEAD",
    "FAILED",
    "LENGTH",
    "LOAD",
    "SAVE",
    "SAVED",
    "SETUP",
    "SLOTS",
    "MemoryLayout",
    "decode_parts",
    "encode_parts",
]

LENGTH: Final = Struct("<Q")  # of kind and body together
SLOTS: Final = 3  # blocks in flight at the workers

SETUP: Final = b"c"  # JSON: configuration, users' classes, which worker of how many, events per block
LOAD: Final = b"l"  # parts to start from
BLOCK: Final = b"b"  # BLOCK_HEAD, heap; its rows are in the slot
SAVE: Final = b"s"
DONE: Final = b"d"  # DONE_HEAD, then the completed values of each of the worker's ranks; live ones are in the slot
SAVED: Final = b"p"  # parts
FAILED: Final = b"f"  # what went wrong, as text

# Slot, first seq, count, the gate's horizon, whether to compute live values of all rows.
BLOCK_HEAD: Final = Struct("<qqqq?")
DONE_HEAD: Final = Struct("<q")  # slot

_PART: Final = Struct("<QQ")  # length of the name, length of the part


class MemoryLayout:
    """The layout of the shared memory: slots, each with the rows of a block and the live values of each rank.

    All workers read the same rows. The values of a timeframe that one worker owns are where their places are. If
    several processes share it, each worker's follow those of the workers before it, without gaps.
    """

    def __init__(self, block_events: int, widths: Sequence[int]) -> None:
        self.widths: Final = tuple(widths)
        self._rows: Final = block_events * ROW_BYTES
        sizes = [width * block_events * 8 for width in widths]
        self._starts: Final = [self._rows + sum(sizes[:rank]) for rank in range(len(sizes))]
        self._slot: Final = self._rows + sum(sizes)
        self.bytes: Final = SLOTS * self._slot

    def rows(self, slot: int, count: int) -> slice:
        """Return where the rows of a block of *count* events are, in bytes."""
        start = slot * self._slot
        return slice(start, start + count * ROW_BYTES)

    def live(self, slot: int, rank: int, start: int, stop: int) -> slice:
        """Return where the live values from *start* to *stop* of a rank are, in floats."""
        width = self.widths[rank]
        base = (slot * self._slot + self._starts[rank]) // 8
        return slice(base + start * width, base + stop * width)


def encode_parts(parts: Mapping[str, bytes]) -> bytes:
    return b"".join(_PART.pack(len(name.encode()), len(part)) + name.encode() + part for name, part in parts.items())


def decode_parts(data: bytes) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        name_bytes, part_bytes = _PART.unpack_from(data, at)
        at += _PART.size
        name = data[at : at + name_bytes].decode()
        at += name_bytes
        parts[name] = data[at : at + part_bytes]
        at += part_bytes
    return parts
