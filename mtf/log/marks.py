"""Marks: places in the newest segment at which reading can begin, kept in a file next to it.

A mark is made each megabyte, and at the seal. It holds what the part of the segment before it would have taught: the
chain's value, the names of symbols and the positions of sources. It is written only once everything before it is
synced, so that whoever begins there skips nothing that a crash can have torn.

Derived from the segment, and never trusted over it: the frame at a mark must follow the chain's value in it, which it
does only if every event before is the same. A file that is missing, damaged or of another log costs time and nothing
else. Its records, one after the other:

    0   u32  bytes of the body
    4   u64  xxh3 of the body, with the run's seed
    12       body: offset of a frame, its first seq, the chain's value before it (u64 each), then JSON: a list of the
             names introduced, and of the positions changed, since the mark before
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple

import orjson
from xxhash import xxh3_64_intdigest

from mtf.log.filesystem import FileSystem, join, write_all
from mtf.log.segment import Segment
from mtf.log.segment_format import BLOCK, HEADER_BYTES, SEAL, SEGMENT_HEADER_BYTES

__all__ = [
    "MARKS_SUFFIX",
    "MARK_BYTES",
    "Mark",
    "MarkWriter",
    "Marks",
    "encode_mark",
    "marks_path",
    "read_marks",
    "remove_marks",
    "skip_to_mark",
]

MARKS_SUFFIX: Final = ".mrk"
MARK_BYTES: Final = 1 << 20  # of a segment from one mark to the next: read in 10 ms if they are single events
FILE_BYTES_MAX: Final = 128 << 20  # more than positions and names can come to

_HEAD: Final = Struct("<IQ")
_PLACE: Final = Struct("<QQQ")


class Mark(NamedTuple):
    """A frame's place, and what is known before it."""

    offset: int  # of the frame
    next_seq: int  # the first event in it
    chain: int  # before it
    names: Sequence[str]  # introduced since the mark before, or since the segment's start
    positions: Mapping[str, Any]  # changed since then


class Marks(NamedTuple):
    """The marks in a file."""

    marks: list[Mark]
    ends: list[int]  # of each, in the file


class MarkWriter:
    """Makes the marks of the segment at *path*, and writes them once what they are of is synced.

    They are not synced themselves: those that a power failure takes cost the next start some milliseconds. `make` and
    `moved` belong to the thread that appends, the rest to the one that syncs. OSError if the disk fails.
    """

    def __init__(self, fs: FileSystem, path: str, seed: int, names: int, kept_bytes: int = 0) -> None:
        """The last mark is followed that ends at *kept_bytes* of the file; *names* symbols are known there."""
        self._fs: Final = fs
        self._path: Final = marks_path(path)
        self._seed: Final = seed
        self._names = names  # known at the newest mark
        self.moved: dict[str, bytes] = {}  # positions that have changed since then, as JSON
        self._kept_bytes = kept_bytes  # 0: the file begins with the next mark
        self._made: Final[deque[tuple[int, bytes]]] = deque()  # with their seqs: marks that are not written yet
        self._file = -1  # once it is open

    def make(self, offset: int, next_seq: int, chain: int, names: Sequence[str]) -> None:
        """Make a mark of *offset*, where the frame of *next_seq* will begin; *names* are the symbols known there."""
        mark = encode_mark(self._seed, Mark(offset, next_seq, chain, names[self._names :], self.moved))
        self._made.append((next_seq, mark))
        self._names, self.moved = len(names), {}

    def write(self, durable_seq: int) -> None:
        """Write the marks of frames that begin at or before *durable_seq*."""
        due = []
        while self._made and self._made[0][0] <= durable_seq:
            due.append(self._made.popleft()[1])
        if not due:
            return
        if self._file < 0:
            self._open()
        write_all(self._fs, self._file, self._path, b"".join(due))

    def close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            self._fs.close(file)

    def _open(self) -> None:
        there = self._fs.kind(self._path) != "nothing"
        if there and not self._kept_bytes:
            self._fs.remove(self._path)  # of another log, or invalid
            there = False
        self._file = self._fs.open(self._path, "append" if there else "create")
        if there:
            self._fs.truncate(self._file, self._kept_bytes)


def marks_path(path: str) -> str:
    """Return the path of the marks of the segment at *path*."""
    return path.removesuffix(".log") + MARKS_SUFFIX


def encode_mark(seed: int, mark: Mark) -> bytes:
    """Return *mark* as bytes; its positions are JSON already."""
    learned = [list(mark.names), {name: orjson.Fragment(encoded) for name, encoded in mark.positions.items()}]
    body = _PLACE.pack(mark.offset, mark.next_seq, mark.chain) + orjson.dumps(learned)
    return _HEAD.pack(len(body), xxh3_64_intdigest(body, seed)) + body


def remove_marks(fs: FileSystem, directory: str) -> None:
    """Remove the marks of all segments."""
    for name in fs.names(directory):
        if name.endswith(MARKS_SUFFIX):
            fs.remove(join(directory, name))


def read_marks(fs: FileSystem, path: str, seed: int) -> Marks:
    """Return the marks of the segment at *path*, up to the first that is not intact."""
    marks = Marks([], [])
    target = marks_path(path)
    if fs.kind(target) != "file":
        return marks
    file = fs.open(target, "read")
    try:
        size = fs.size(file)
        data = fs.read(file, size, 0) if size <= FILE_BYTES_MAX else b""
    finally:
        fs.close(file)
    at = 0
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        start, at = at + _HEAD.size, at + _HEAD.size + length
        body = data[start:at]
        mark = _decode(body) if len(body) == length and xxh3_64_intdigest(body, seed) == checksum else None
        if mark is None:
            break
        marks.marks.append(mark)
        marks.ends.append(at)
    return marks


def skip_to_mark(segment: Segment, marks: Sequence[Mark], seq: int) -> int:
    """Move *segment*, which is at its start, to the last of *marks* up to *seq* that fits, and return its number.

    Names and positions are as if everything before it had been read. Returns -1, and moves nowhere, if none fits.
    """
    last = segment.last_header()
    for k in range(len(marks) - 1, -1, -1):
        mark = marks[k]
        if mark.next_seq > seq:
            continue
        offset = mark.offset
        if last is not None and last.is_seal and last.first_seq == mark.next_seq:
            offset = segment.bytes - HEADER_BYTES  # elsewhere in a segment that was compressed since
        names = [name for each in marks[: k + 1] for name in each.names]
        if not _fits(segment, offset, mark, len(names)):
            continue
        known = {*segment.symbols.names, *names}
        if len(known) != len(segment.symbols) + len(names):
            continue
        for name in names:
            segment.symbols.add(name)
        for each in marks[: k + 1]:
            segment.positions.update(each.positions)
        return k
    return -1


def _fits(segment: Segment, offset: int, mark: Mark, names: int) -> bool:
    """Return whether an intact frame at *offset* follows what *mark* holds; then *segment* is there, else as before."""
    if not SEGMENT_HEADER_BYTES < offset <= segment.bytes - HEADER_BYTES:
        return False
    before, there = segment.place(), (offset, mark.next_seq, mark.chain)
    segment.go_to(*there)
    frame = segment.next()
    fits = (
        frame is not None
        and frame.header.kind in (BLOCK, SEAL)  # the chain over a pack is checked only when it is unpacked
        and frame.header.symbols == len(segment.symbols) + names
    )
    segment.go_to(*(there if fits else before))
    return fits


def _decode(body: bytes) -> Mark | None:
    if len(body) < _PLACE.size:
        return None
    try:
        names, positions = orjson.loads(body[_PLACE.size :])
    except ValueError:
        return None
    if not isinstance(names, list) or not isinstance(positions, dict) or not all(isinstance(n, str) for n in names):
        return None
    offset, next_seq, chain = _PLACE.unpack_from(body)
    return Mark(offset, next_seq, chain, names, positions)
