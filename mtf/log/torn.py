"""Torn tails that were cut off a log and kept next to it: which there are, and which events they contain.

Owns the names of such files. Reads only, in bounded memory, and assumes nothing: a tail is damaged by nature, so each
frame header in it is checked by its own checksum, while its events are not checked.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from mtf.errors import CorruptLog, DataDirError
from mtf.log.filesystem import FileSystem, OsFileSystem, join
from mtf.log.segment import Segment, segment_names
from mtf.log.segment_format import BLOCK, FRAME_MAGIC, HEADER_BYTES, PACK, parse_frame_header

__all__ = ["KeptTail", "kept_tails", "torn_name"]

READ_BYTES: Final = 1 << 20
TAILS_MAX: Final = 1_000  # reported one by one; further ones are ignored

_NAME: Final = re.compile(r"torn-(\d+)-(\d+)")


class KeptTail(NamedTuple):
    """A file with bytes that were cut off the end of the log."""

    path: str
    bytes: int
    events: int  # according to its frame headers
    first_seq: int  # of those; 0: none is readable
    last_seq: int


def torn_name(offset: int, number: int) -> str:
    """Return the name of the *number*th tail that was cut off at the byte *offset* of a segment."""
    return f"torn-{offset}-{number}"


def kept_tails(directory: str | Path, *, fs: FileSystem | None = None) -> list[KeptTail]:
    """Return the torn tails kept in the log's *directory*, in order of their names."""
    fs = fs or OsFileSystem()
    directory = str(directory)
    names = sorted(name for name in fs.names(directory) if _NAME.fullmatch(name))[:TAILS_MAX]
    if not names:
        return []
    seed = _seed_of(fs, directory)
    return [_look(fs, join(directory, name), seed) for name in names if fs.kind(join(directory, name)) == "file"]


def _seed_of(fs: FileSystem, directory: str) -> int | None:
    """Return the seed of the checksums of this log's frames; None if no segment is readable."""
    for name in reversed(segment_names(fs, directory)):
        try:
            segment = Segment(fs, join(directory, name))
        except (CorruptLog, DataDirError):
            continue
        segment.close()
        return segment.seed
    return None


def _look(fs: FileSystem, path: str, seed: int | None) -> KeptTail:
    file = fs.open(path, "read")
    try:
        size = fs.size(file)
        events = first_seq = last_seq = at = 0
        while seed is not None and at < size:
            window = fs.read(file, READ_BYTES, at)
            found = window.find(FRAME_MAGIC)
            while found >= 0:
                header = parse_frame_header(window, found, seed)
                if header is not None and header.kind in (BLOCK, PACK) and header.first_seq > last_seq:
                    events += header.events
                    first_seq = first_seq or header.first_seq
                    last_seq = header.first_seq + header.events - 1
                found = window.find(FRAME_MAGIC, found + 1)
            if len(window) < READ_BYTES:
                break
            at += READ_BYTES - HEADER_BYTES + 1
        return KeptTail(path, size, events, first_seq, last_seq)
    finally:
        fs.close(file)
