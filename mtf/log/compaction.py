"""Compression of sealed segments: each is rewritten with its blocks in packs, synced, and renamed over the old file.

Owns the rewriting. Reading a segment afterwards gives the same blocks, byte by byte, and the chain and the names of the
files stay the same. Readers that have the old file open keep reading it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from xxhash import xxh3_64_intdigest

from mtf.log.filesystem import FileSystem, OsFileSystem, join
from mtf.log.pack import PACK_BYTES, PACK_EVENTS, pack_frames
from mtf.log.retention import MAINTENANCE_LOCK
from mtf.log.segment import LogFrame, Segment, segment_names
from mtf.log.segment_format import (
    BLOCK,
    PACK,
    PACKED,
    FrameHeader,
    encode_segment_header,
    frame_header,
)

__all__ = ["Compressed", "compress_sealed"]

ASIDE: Final = ".aside"  # an unfinished rewritten segment


class Compressed(NamedTuple):
    """A segment that was rewritten."""

    name: str
    bytes_before: int
    bytes_after: int
    events: int


def compress_sealed(directory: str | Path, *, fs: FileSystem | None = None) -> list[Compressed]:
    """Rewrite each sealed segment that is not compressed yet; CorruptLog for a damaged one, which is left as it is.

    Safe beside a running writer, which never touches a sealed segment again. OSError if the disk fails: what was
    there is still there.
    """
    fs = fs or OsFileSystem()
    directory = str(directory)
    lock = fs.lock(join(directory, MAINTENANCE_LOCK))
    try:
        names = segment_names(fs, directory)
        done = [_compress(fs, directory, name) for name in names]
        return [compressed for compressed in done if compressed is not None]
    finally:
        fs.close(lock)


def _compress(fs: FileSystem, directory: str, name: str) -> Compressed | None:
    path = join(directory, name)
    segment = Segment(fs, path)
    try:
        if not _is_plain_and_sealed(segment):
            return None
        if fs.kind(path + ASIDE) != "nothing":
            fs.remove(path + ASIDE)
        file = fs.open(path + ASIDE, "create")
        try:
            size = _rewrite(fs, segment, file)
            fs.sync(file)
        finally:
            fs.close(file)
        fs.rename(path + ASIDE, path)
        fs.sync_directory(directory)
        return Compressed(name, segment.bytes, size, segment.events)
    finally:
        segment.close()


def _is_plain_and_sealed(segment: Segment) -> bool:
    last = segment.last_header()
    first = segment.peek()
    return last is not None and last.is_seal and first is not None and first.kind == BLOCK


def _rewrite(fs: FileSystem, segment: Segment, file: int) -> int:
    """Write *segment*, which is read to its end, to *file*, and return how many bytes that took."""
    size = _put(fs, file, encode_segment_header(segment.header) + segment.meta_frame)
    group: list[tuple[FrameHeader, bytes]] = []
    events = held = 0
    while (frame := segment.next()) is not None:
        if frame.header.kind == BLOCK:
            group.append((frame.header, frame.body))
            events += frame.header.events
            held += len(frame.body)
            if events < PACK_EVENTS and held < PACK_BYTES:
                continue
        if group:
            size += _put(fs, file, _pack(segment.seed, group))
            group, events, held = [], 0, 0
        if frame.header.is_seal:
            size += _put(fs, file, _seal(segment.seed, frame))
    if segment.why:
        raise segment.damage(segment.offset, segment.next_seq, segment.why)
    return size


def _pack(seed: int, group: list[tuple[FrameHeader, bytes]]) -> bytes:
    body, raw_bytes = pack_frames(group)
    first, last = group[0][0], group[-1][0]
    head = frame_header(
        seed,
        PACK,
        PACKED,
        first.symbols,
        len(body),
        last.first_seq + last.events - first.first_seq,
        0,
        raw_bytes,
        first.first_seq,
        first.first_seq - 1,
        first.first_ns,
        last.last_ns,
        last.chain,
        xxh3_64_intdigest(body, seed),
    )
    return head + body


def _seal(seed: int, frame: LogFrame) -> bytes:
    return frame_header(seed, *frame.header[1:])


def _put(fs: FileSystem, file: int, data: bytes) -> int:
    written = fs.write(file, data)
    if written != len(data):
        raise OSError(f"short write, {written} of {len(data)} bytes")
    return written
