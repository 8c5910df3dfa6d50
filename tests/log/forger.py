"""Writes a log whose checksums and chain are right, as a stranger can make it, and whose content need not be."""

from __future__ import annotations

from typing import Any

from xxhash import xxh3_64_intdigest

from mtf.log.segment_format import (
    BLOCK,
    META,
    FrameHeader,
    SegmentHeader,
    encode_meta,
    encode_segment_header,
    first_chain,
    frame_header,
    run_seed,
)
from tests.log.builders import CONFIG, DIRECTORY, RUN_ID, blocks
from tests.log.disk import Disk

SEED = run_seed(RUN_ID)


def header(**changes: Any) -> FrameHeader:
    """Return the header of a block of one event."""
    good = FrameHeader(b"\xf7\xb1", BLOCK, 0, 1, 48, 1, 0, 0, 7, 6, 0, 0, 0, 0)
    return good._replace(**changes)


def segment_header(**changes: Any) -> bytes:
    return encode_segment_header(SegmentHeader(1, RUN_ID, 1, first_chain(RUN_ID))._replace(**changes))


class Forger:
    """Writes segments whose checksums and chain are right, as a stranger can make them."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.disk.directories.add(DIRECTORY)
        self.chain = first_chain(RUN_ID)
        self.data = segment_header()
        self.frame(META, encode_meta(CONFIG, []), header(kind=META, events=0, heap_bytes=len(encode_meta(CONFIG, []))))

    def frame(self, kind: int, body: bytes, wanted: FrameHeader) -> Forger:
        self.chain = xxh3_64_intdigest(body, self.chain)
        wanted = wanted._replace(
            kind=kind, stored_bytes=len(body), chain=self.chain, checksum=xxh3_64_intdigest(body, SEED)
        )
        if kind == META:
            wanted = wanted._replace(first_seq=1, durable_seq=0)
        self.data += frame_header(SEED, *wanted[1:]) + body
        return self

    def block(self, rows: bytes, heap: bytes = b"", positions: bytes = b"", **changes: Any) -> Forger:
        first = int.from_bytes(rows[:8], "little", signed=True)
        last = int.from_bytes(rows[-48:-40], "little", signed=True)
        wanted = header(
            symbols=0,
            first_seq=1,
            durable_seq=0,
            events=len(rows) // 48,
            positions_bytes=len(positions),
            heap_bytes=len(heap),
            first_ns=first,
            last_ns=last,
        )
        return self.frame(BLOCK, positions + rows + heap, wanted._replace(**changes))

    def done(self) -> Disk:
        path = f"{DIRECTORY}/0000000000000000001.log"
        file = self.disk.open(path, "create")
        self.disk.write(file, self.data)
        self.disk.sync(file)
        self.disk.close(file)
        return self.disk


GOOD = blocks(1)[0]
