"""The frame of one block: the bytes that are appended to the log for every tick, or for every block of them.

Owns nothing: the layout of these and of all other frames is that of `mtf.log.segment_format`. Compiled, since it runs
for each tick that is pushed.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i64_le, write_i32_le, write_i64_le
from mypy_extensions import i32, i64
from xxhash import xxh3_64_intdigest

from mtf.events.block import ROW_BYTES, Block
from mtf.log.segment_format import BLOCK, FRAME_MAGIC, RAW

__all__ = ["block_frame"]

_BEGINNING: Final = FRAME_MAGIC + bytes((BLOCK, RAW))


def block_frame(
    block: Block, positions: bytes, symbols: i64, durable_seq: i64, seed: int, chain: int
) -> tuple[bytes, int]:
    """Return the frame of *block* with the encoded *positions*, and the chain's value after it.

    *symbols* are known before it, *durable_seq* is the highest seq known to be synced, *seed* is that of the run, and
    *chain* the chain's value before the frame.
    """
    rows, heap = block.rows, block.heap
    body = b"".join((positions, rows, heap)) if positions or heap else rows
    after: int = xxh3_64_intdigest(body, chain)
    checksum: int = xxh3_64_intdigest(body, seed)
    header = BytesWriter()
    header.write(_BEGINNING)
    write_i32_le(header, i32(symbols))
    write_i32_le(header, i32(len(body)))
    write_i32_le(header, i32(block.count))
    write_i32_le(header, i32(len(positions)))
    write_i32_le(header, i32(len(heap)))
    write_i64_le(header, block.first_seq)
    write_i64_le(header, durable_seq)
    write_i64_le(header, read_i64_le(rows, 0))
    write_i64_le(header, read_i64_le(rows, len(rows) - ROW_BYTES))
    header.write(after.to_bytes(8, "little"))
    header.write(checksum.to_bytes(8, "little"))
    head = header.getvalue()
    of_head: int = xxh3_64_intdigest(head, seed)
    return b"".join((head, of_head.to_bytes(8, "little"), body)), after
