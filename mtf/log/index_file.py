"""The index of a sealed segment, as a file next to it: the spans of its events, for finding ticks.

Derived from the segment, and never trusted over it: it contains the run id and the chain's value at the segment's seal,
which only matches if every event does. It has no file offsets, so it remains valid when the segment is compressed. An
index that is missing, damaged or of another segment is made again by reading the segment.

    0   8s   magic
    8   u16  version
    10  u16  0
    12  u32  bytes of the rest, decompressed
    16  16s  run id
    32  u64  first seq
    40  u64  events
    48  u64  chain's value after the seal
    56  i64  least stamp
    64  i64  greatest stamp
    72  u64  xxh3 of the bytes before and after, with the run's seed
    80       zstd: counts of spans and sets; first seq, least and greatest stamp (i64), and set (u32) of each span, by
             column; length (u32) and bits of each set
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

import zstandard
from xxhash import xxh3_64_intdigest

from mtf.log.filesystem import FileSystem, write_all
from mtf.log.pack import inflate
from mtf.log.segment import Segment
from mtf.log.segment_format import HEADER_BYTES, FrameHeader, parse_frame_header, run_seed
from mtf.log.spans import SpanMaker, Spans
from mtf.units import TS_MAX_NS, TS_MIN_NS

__all__ = ["INDEX_SUFFIX", "StoredSpans", "index_path", "made_spans", "read_spans", "take_rest", "write_spans"]

INDEX_SUFFIX: Final = ".idx"
MAGIC: Final = b"mtf-idx\n"
VERSION: Final = 1
LEVEL: Final = 1
RAW_BYTES_MAX: Final = 1 << 28
FRESH: Final = ".new"  # suffix of an incomplete file
JOINED: Final = 4096  # events that are read together

_HEAD: Final = Struct("<8sHHI16sQQQqq")
_SUM: Final = Struct("<Q")
_COUNTS: Final = Struct("<II")
_LENGTH: Final = Struct("<I")
HEAD_BYTES: Final = _HEAD.size + _SUM.size
FILE_BYTES_MAX: Final = RAW_BYTES_MAX


def index_path(path: str) -> str:
    """Return the path of the index of the segment at *path*."""
    return path.removesuffix(".log") + INDEX_SUFFIX


class SealedSpans(NamedTuple):
    """The spans of a segment that was just sealed, for its index."""

    path: str
    run_id: bytes
    seal: FrameHeader
    spans: Spans


class StoredSpans:
    """The spans of a sealed segment in its index; decoded when they are needed."""

    def __init__(
        self, data: bytes, raw_bytes: int, first_seq: int, events: int, least_ns: int, greatest_ns: int
    ) -> None:
        self._data: Final = data  # compressed
        self._raw_bytes: Final = raw_bytes
        self._first_seq: Final = first_seq
        self._events: Final = events
        self.least_ns: Final = least_ns
        self.greatest_ns: Final = greatest_ns
        self._spans: Spans | None = None  # once decoded

    def find(self, symbols: int, start_ns: int, end_ns: int) -> list[tuple[int, int]]:
        """Return the result of `Spans.find`; all events if the index is invalid, so that they are read."""
        if self.greatest_ns < start_ns or self.least_ns >= end_ns:
            return []
        try:
            return self.spans().find(symbols, start_ns, end_ns)
        except (ValueError, struct.error):
            return [(self._first_seq, self._first_seq + self._events - 1)]

    def spans(self) -> Spans:
        """Return all spans; ValueError or struct's error if they are invalid."""
        if self._spans is None:
            self._spans = _decode(inflate(self._data, self._raw_bytes), self._first_seq, self._events)
        return self._spans


def write_spans(fs: FileSystem, sealed: SealedSpans) -> None:
    """Write the index of a segment; OSError if that fails.

    It is not synced: an index damaged by a power failure is recognized by its checksum.
    """
    target = index_path(sealed.path)
    data = _encode(sealed.run_id, sealed.spans.first_seq, sealed.seal, sealed.spans)
    if fs.kind(target + FRESH) != "nothing":
        fs.remove(target + FRESH)
    file = fs.open(target + FRESH, "create")
    try:
        write_all(fs, file, target, data)
    finally:
        fs.close(file)
    fs.rename(target + FRESH, target)


def read_spans(fs: FileSystem, path: str, first_seq: int) -> StoredSpans | None:
    """Return the spans of the sealed segment at *path* from its index; None if there is no valid one."""
    target = index_path(path)
    try:
        if fs.kind(target) != "file":
            return None
        data = _whole(fs, target)
        if len(data) < HEAD_BYTES or data[:8] != MAGIC:
            return None
        _, version, _, raw_bytes, run_id, known_seq, events, chain, least_ns, greatest_ns = _HEAD.unpack_from(data)
        total = _SUM.unpack_from(data, _HEAD.size)[0]
        if (
            version != VERSION
            or known_seq != first_seq
            or raw_bytes > RAW_BYTES_MAX
            or xxh3_64_intdigest(data[: _HEAD.size] + data[HEAD_BYTES:], run_seed(run_id)) != total
        ):
            return None
        seal = _seal_of(fs, path, run_seed(run_id))
        if seal is None or (seal.chain, seal.events, seal.first_seq) != (chain, events, first_seq + events):
            return None
        return StoredSpans(data[HEAD_BYTES:], raw_bytes, first_seq, events, least_ns, greatest_ns)
    except (OSError, ValueError, struct.error):
        return None


def made_spans(segment: Segment) -> SpanMaker:
    """Read *segment* to its end, and return the maker of its spans; the segment's `why` is set if it is damaged."""
    maker = SpanMaker(segment.header.first_seq)
    take_rest(segment, maker)
    return maker


def take_rest(segment: Segment, maker: SpanMaker, pause: Callable[[], None] = lambda: None) -> None:
    """Add the rest of *segment* to *maker*; *pause* is called regularly."""
    while True:
        pause()
        run = segment.run(JOINED, check=False)
        if run is not None:
            maker.take(run.block.rows, run.block.count)
            continue
        frame = segment.next()
        if frame is None:
            return
        for logged in segment.joined(frame, check=False):
            maker.take(logged.block.rows, logged.block.count)


def _encode(run_id: bytes, first_seq: int, seal: FrameHeader, spans: Spans) -> bytes:
    columns = [array("q", each) for each in (spans.seqs, spans.min_ns, spans.max_ns)] + [array("I", spans.kinds)]
    if sys.byteorder == "big":  # pragma: no cover
        for column in columns:
            column.byteswap()
    sets = []
    for mask in spans.sets:
        bits = mask.to_bytes((mask.bit_length() + 7) // 8, "little")
        sets += [_LENGTH.pack(len(bits)), bits]
    raw = b"".join([_COUNTS.pack(len(spans), len(spans.sets)), *(each.tobytes() for each in columns), *sets])
    bounds = (spans.least_ns, spans.greatest_ns)
    head = _HEAD.pack(MAGIC, VERSION, 0, len(raw), run_id, first_seq, seal.events, seal.chain, *bounds)
    body = zstandard.ZstdCompressor(level=LEVEL).compress(raw)
    return head + _SUM.pack(xxh3_64_intdigest(head + body, run_seed(run_id))) + body


def _decode(raw: bytes, first_seq: int, events: int) -> Spans:
    """Return the spans in *raw*; ValueError or struct's error if it is not the result of `_encode`."""
    count, sets = _COUNTS.unpack_from(raw)
    if count > events or sets > count:
        raise ValueError("more spans than events")
    spans = Spans(first_seq)
    at = _COUNTS.size
    for into, kind in ((spans.seqs, "q"), (spans.min_ns, "q"), (spans.max_ns, "q"), (spans.kinds, "I")):
        column = array(kind)
        size = column.itemsize
        column.frombytes(raw[at : at + count * size])
        if sys.byteorder == "big":  # pragma: no cover
            column.byteswap()
        into += column
        at += count * size
    for _ in range(sets):
        (length,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size + length
        spans.sets.append(int.from_bytes(raw[at - length : at], "little"))
    spans.next_seq = first_seq + events
    spans.least_ns, spans.greatest_ns = min(spans.min_ns, default=TS_MAX_NS), max(spans.max_ns, default=TS_MIN_NS)
    ends = [*spans.seqs[1:], spans.next_seq]
    if (
        at != len(raw)
        or len(spans.kinds) != count
        or any(kind >= sets for kind in spans.kinds)
        or (spans.seqs[:1] != [first_seq] if events else count)
        or any(start >= end for start, end in zip(spans.seqs, ends, strict=True))
    ):
        raise ValueError("spans that do not follow each other")
    return spans


def _whole(fs: FileSystem, path: str) -> bytes:
    file = fs.open(path, "read")
    try:
        size = fs.size(file)
        if size > FILE_BYTES_MAX:
            raise ValueError(f"{size} bytes")
        return fs.read(file, size, 0)
    finally:
        fs.close(file)


def _seal_of(fs: FileSystem, path: str, seed: int) -> FrameHeader | None:
    """Return the seal at the end of the segment at *path*; None if there is none."""
    file = fs.open(path, "read")
    try:
        size = fs.size(file)
        header = parse_frame_header(fs.read(file, HEADER_BYTES, max(size - HEADER_BYTES, 0)), 0, seed)
    finally:
        fs.close(file)
    return header if header is not None and header.is_seal else None
