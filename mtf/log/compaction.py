"""Compression of sealed segments: each is rewritten with its blocks in packs, synced, and renamed over the old file.

Owns the rewriting. Afterwards a segment gives the same blocks, byte for byte, and the chain and the names of the files
are unchanged. Readers that have the old file open keep reading it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from xxhash import xxh3_64_intdigest

from mtf.log.filesystem import FileSystem, OsFileSystem, join, write_all
from mtf.log.pack import PACK_BYTES, PACK_EVENTS, pack_frames
from mtf.log.retention import maintenance_lock
from mtf.log.segment import LogFrame, Segment, segment_names
from mtf.log.segment_format import (
    BLOCK,
    PACK,
    PACKED,
    FrameHeader,
    encode_segment_header,
    frame_header,
)

__all__ = ["Compressed", "Watch", "compress_sealed", "watched"]

COMPACTION_LOCK: Final = "compaction.lock"  # held while compressing
ASIDE: Final = ".aside"  # an unfinished rewritten segment
FRAMES: Final = 256  # after this many, or a pack, others get a turn

Pause = Callable[[], None]
Watch = Callable[[Segment], object]


class Compressed(NamedTuple):
    """A segment that was rewritten."""

    name: str
    bytes_before: int
    bytes_after: int
    events: int


def compress_sealed(
    directory: str | Path,
    *,
    newest_too: bool = True,
    pause: Pause = lambda: None,
    watch: Watch = lambda _: None,
    fs: FileSystem | None = None,
) -> list[Compressed]:
    """Rewrite each sealed segment that is not compressed yet; CorruptLog for a damaged one, which is left unchanged.

    Without *newest_too*, the newest, which a start reads, is left for later. *pause* is called after every millisecond
    or so of work; if it raises, the current segment stays unchanged. *watch* is called as often, with the segment,
    whose `offset` tells the progress. Safe beside a running writer, which never touches a sealed segment again, and
    beside retention. OSError if the disk fails: nothing is lost then.
    """
    fs = fs or OsFileSystem()
    directory = str(directory)
    lock = fs.lock(join(directory, COMPACTION_LOCK))
    try:
        names = segment_names(fs, directory)
        done = []
        for name in names if newest_too else names[:-1]:
            with suppress(FileNotFoundError):  # just removed
                done.append(_compress(fs, directory, name, pause, watch))
        return [compressed for compressed in done if compressed is not None]
    finally:
        fs.close(lock)


def watched(segment: Segment, pause: Pause, watch: Watch) -> Pause:
    """Return a *pause* that also calls *watch* with *segment*."""

    def turn() -> None:
        watch(segment)
        pause()

    return turn


def _compress(fs: FileSystem, directory: str, name: str, pause: Pause, watch: Watch) -> Compressed | None:
    path = join(directory, name)
    segment = Segment(fs, path)
    try:
        if not _is_plain_and_sealed(segment):
            return None
        if fs.kind(path + ASIDE) != "nothing":
            fs.remove(path + ASIDE)
        file = fs.open(path + ASIDE, "create")
        try:
            try:
                size = _rewrite(fs, segment, file, path + ASIDE, watched(segment, pause, watch))
                fs.sync(file)
            finally:
                fs.close(file)
            replaced = _replace(fs, directory, name)
        except BaseException:
            with suppress(OSError):
                if fs.kind(path + ASIDE) != "nothing":
                    fs.remove(path + ASIDE)
            raise
        return Compressed(name, segment.bytes, size, segment.events) if replaced else None
    finally:
        segment.close()


def _replace(fs: FileSystem, directory: str, name: str) -> bool:
    """Replace the old segment by the rewritten one, unless retention has removed it meanwhile."""
    path = join(directory, name)
    lock = maintenance_lock(fs, directory)
    try:
        there = fs.kind(path) == "file"
        if there:
            fs.rename(path + ASIDE, path)
        else:
            fs.remove(path + ASIDE)
        fs.sync_directory(directory)
        return there
    finally:
        fs.close(lock)


def _is_plain_and_sealed(segment: Segment) -> bool:
    last = segment.last_header()
    first = segment.peek()
    return last is not None and last.is_seal and first is not None and first.kind == BLOCK


def _rewrite(fs: FileSystem, segment: Segment, file: int, path: str, pause: Pause) -> int:
    """Write *segment*, which is read to its end, to *file*, and return the number of bytes written."""
    size = _put(fs, file, path, encode_segment_header(segment.header) + segment.meta_frame)
    group: list[tuple[FrameHeader, bytes]] = []
    events = held = 0
    while (frame := segment.next()) is not None:
        if frame.header.kind == BLOCK:
            group.append((frame.header, frame.body))
            events += frame.header.events
            held += len(frame.body)
            if events < PACK_EVENTS and held < PACK_BYTES:
                if len(group) % FRAMES == 0:
                    pause()
                continue
        if group:
            pause()
            size += _put(fs, file, path, _pack(segment.seed, group))
            group, events, held = [], 0, 0
            pause()
        if frame.header.is_seal:
            size += _put(fs, file, path, _seal(segment.seed, frame))
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


def _put(fs: FileSystem, file: int, path: str, data: bytes) -> int:
    write_all(fs, file, path, data)
    return len(data)
