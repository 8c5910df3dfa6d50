"""The log's bytes, version 2: encodes and parses segment headers and frames; see docs/log-format.md.

Owns the layout, the checksums, the chain and the limits. Nothing here touches a file. Every length is checked against
its limit and the rest of the header before memory of that length is allocated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Any, Final, NamedTuple

import orjson
from xxhash import xxh3_64_intdigest

from mtf.errors import CorruptLog
from mtf.events.block import BAR_HEAD_BYTES, BLOCK_EVENTS_MAX, ROW_BYTES, TIME_BYTES, Block

__all__ = [
    "BLOCK",
    "FRAME_BYTES_MAX",
    "FRAME_MAGIC",
    "HEADER_BYTES",
    "META",
    "META_BYTES_MAX",
    "PACK",
    "PACKED",
    "POSITIONS_BYTES_MAX",
    "RAW",
    "RUN_ID_BYTES",
    "SEAL",
    "SEGMENT_BYTES_MAX",
    "SEGMENT_HEADER_BYTES",
    "SEQ_MAX",
    "VERSION",
    "FrameHeader",
    "SegmentHeader",
    "Skimmed",
    "decode_meta",
    "decode_positions",
    "encode_beginning",
    "encode_meta",
    "encode_positions",
    "encode_seal",
    "encode_segment_header",
    "first_chain",
    "frame_header",
    "parse_frame_header",
    "parse_segment_header",
    "run_seed",
    "skim_blocks",
    "split_block",
]

VERSION: Final = 2  # written
VERSIONS: Final = (1, 2)  # read: the events of version 1 are events of version 2 (`mtf.events.block`)
SEGMENT_MAGIC: Final = b"mtf-log\n"
FRAME_MAGIC: Final = b"\xf7\xb1"
RUN_ID_BYTES: Final = 16

# Kinds of frames.
META: Final = 1  # configuration, names and positions at the start of a segment
BLOCK: Final = 2  # one block of events
SEAL: Final = 3  # the end of a complete segment
PACK: Final = 4  # several blocks of a sealed segment, compressed together

# How the body of a frame is stored.
RAW: Final = 0
PACKED: Final = 1  # columns, then zstd: see mtf.log.pack

POSITIONS_BYTES_MAX: Final = 64 << 20  # enough for tens of thousands of sources
HEAP_BYTES_MAX: Final = BLOCK_EVENTS_MAX * (2 * 257 + BAR_HEAD_BYTES + TIME_BYTES)
META_BYTES_MAX: Final = 32 << 20
FRAME_BYTES_MAX: Final = POSITIONS_BYTES_MAX + BLOCK_EVENTS_MAX * ROW_BYTES + HEAP_BYTES_MAX
PACK_EVENTS_MAX: Final = 2 * BLOCK_EVENTS_MAX
SEGMENT_BYTES_MAX: Final = 2 << 30
SEQ_MAX: Final = (1 << 63) - 1
SYMBOLS_MAX: Final = (1 << 31) - 1

_SEGMENT: Final = Struct("<8sHHI16sQQ")  # magic, version, flags, number, run id, first seq, chain
_HEADER: Final = Struct("<2sBBIIIIIQQqqQQ")
_SUM: Final = Struct("<Q")
_U32: Final = Struct("<I")

SEGMENT_HEADER_BYTES: Final = _SEGMENT.size + 8
HEADER_BYTES: Final = _HEADER.size + 8


class SegmentHeader(NamedTuple):
    """The first bytes of a segment file; *version* is the format version of its events."""

    number: int  # 1 for the first segment of the log
    run_id: bytes
    first_seq: int  # of the first event in it
    chain: int  # the chain's value before it
    version: int = VERSION


class FrameHeader(NamedTuple):
    """The header of a frame, in the order of its bytes."""

    magic: bytes
    kind: int
    codec: int
    symbols: int  # the number of symbols known before it
    stored_bytes: int  # length of the body as stored
    events: int  # in it; of a SEAL: in the segment
    positions_bytes: int
    heap_bytes: int  # in a META: of the configuration and the names; in a PACK: of the body once unpacked
    first_seq: int
    durable_seq: int  # the highest seq known to be synced when it was written
    first_ns: int  # stamp of the first row
    last_ns: int  # stamp of the last row
    chain: int  # after it
    checksum: int  # of the body as stored

    @property
    def is_seal(self) -> bool:
        return self.kind == SEAL


def run_seed(run_id: bytes) -> int:
    """Return the seed of every checksum of a run, so that frames of other logs are invalid in this one."""
    return int.from_bytes(run_id[:8], "little")


def first_chain(run_id: bytes) -> int:
    """Return the chain's value before the first segment."""
    return xxh3_64_intdigest(run_id)


def encode_segment_header(header: SegmentHeader) -> bytes:
    head = _SEGMENT.pack(SEGMENT_MAGIC, header.version, 0, header.number, header.run_id, header.first_seq, header.chain)
    return head + _SUM.pack(xxh3_64_intdigest(head))


def parse_segment_header(data: bytes, path: str) -> SegmentHeader:
    """Return the header in the first bytes of the segment *path*; CorruptLog if it is invalid."""
    if len(data) < SEGMENT_HEADER_BYTES or data[:8] != SEGMENT_MAGIC:
        raise CorruptLog(f"{path}: not a segment of an mtf log; restore it from a copy", path=path)
    _, version, flags, number, run_id, first_seq, chain = _SEGMENT.unpack_from(data)
    if xxh3_64_intdigest(data[: _SEGMENT.size]) != _SUM.unpack_from(data, _SEGMENT.size)[0]:
        raise CorruptLog(f"{path}: the segment's header is damaged; restore it from a copy", path=path)
    if version not in VERSIONS or flags:
        raise CorruptLog(
            f"{path}: written in format version {version}, flags {flags}; this mtf reads up to version {VERSION}: use "
            "a newer mtf",
            path=path,
        )
    if not 0 < first_seq <= SEQ_MAX:
        raise CorruptLog(f"{path}: no segment starts at seq {first_seq}", path=path)
    return SegmentHeader(number, run_id, first_seq, chain, version)


def frame_header(
    seed: int,
    kind: int,
    codec: int,
    symbols: int,
    stored_bytes: int,
    events: int,
    positions_bytes: int,
    heap_bytes: int,
    first_seq: int,
    durable_seq: int,
    first_ns: int,
    last_ns: int,
    chain: int,
    checksum: int,
) -> bytes:
    """Return the `HEADER_BYTES` that precede a body."""
    head = _HEADER.pack(
        FRAME_MAGIC,
        kind,
        codec,
        symbols,
        stored_bytes,
        events,
        positions_bytes,
        heap_bytes,
        first_seq,
        durable_seq,
        first_ns,
        last_ns,
        chain,
        checksum,
    )
    return head + _SUM.pack(xxh3_64_intdigest(head, seed))


def encode_beginning(header: SegmentHeader, positions: bytes, meta: bytes, durable_seq: int) -> tuple[bytes, int]:
    """Return the first bytes of a segment, its header and its META frame, and the chain's value after them."""
    body = positions + meta
    seed = run_seed(header.run_id)
    chain = xxh3_64_intdigest(body, header.chain)
    frame = frame_header(
        seed,
        META,
        RAW,
        0,
        len(body),
        0,
        len(positions),
        len(meta),
        header.first_seq,
        durable_seq,
        0,
        0,
        chain,
        xxh3_64_intdigest(body, seed),
    )
    return b"".join((encode_segment_header(header), frame, body)), chain


def encode_seal(
    seed: int, *, symbols: int, events: int, next_seq: int, durable_seq: int, chain: int
) -> tuple[bytes, int]:
    """Return the SEAL of a segment with *events*, before which the chain's value is *chain*, and its value after it."""
    after = xxh3_64_intdigest(b"", chain)
    checksum = xxh3_64_intdigest(b"", seed)
    return frame_header(seed, SEAL, RAW, symbols, 0, events, 0, 0, next_seq, durable_seq, 0, 0, after, checksum), after


def parse_frame_header(data: bytes, offset: int, seed: int) -> FrameHeader | None:
    """Return the header at *offset* of *data*; None if there is no intact and plausible one."""
    if len(data) - offset < HEADER_BYTES:
        return None
    end = offset + _HEADER.size
    if xxh3_64_intdigest(data[offset:end], seed) != _SUM.unpack_from(data, end)[0]:
        return None
    header = FrameHeader._make(_HEADER.unpack_from(data, offset))
    return header if _is_possible(header) else None


class Skimmed(NamedTuple):
    """The result of skimming a plain BLOCK frame."""

    events: int
    symbols: int
    positions_bytes: int
    heap_bytes: int
    durable_seq: int
    chain: int
    end: int  # in the window
    body: bytes


def skim_blocks(
    window: bytes, at: int, seed: int, chain: int, seq: int, *, headers_only: bool = False
) -> Iterator[Skimmed]:
    """Yield each BLOCK frame of *window* from *at* on.

    Makes the checks of `parse_frame_header` and the chain in a third of the time, since most of a log is such frames.
    Stops at the first frame that is not intact, not completely in *window*, or of another kind. With *headers_only*,
    bodies are not checked against the chain, which halves the time again.
    """
    last = len(window) - HEADER_BYTES
    while at <= last:
        magic, kind, codec, symbols, stored, events, positions, heap, first_seq, durable_seq, _, _, after, _ = (
            _HEADER.unpack_from(window, at)
        )
        start = at + HEADER_BYTES
        end = start + stored
        body = NOTHING if headers_only and not positions else window[start:end]
        if (
            kind != BLOCK
            or codec != RAW
            or magic != FRAME_MAGIC
            or first_seq != seq
            or durable_seq >= seq
            or not 0 < events <= BLOCK_EVENTS_MAX
            or stored != positions + events * ROW_BYTES + heap
            or end > len(window)
            or xxh3_64_intdigest(window[at : start - 8], seed) != _SUM.unpack_from(window, start - 8)[0]
            or (not headers_only and xxh3_64_intdigest(body, chain) != after)
        ):
            return
        chain, at = after, end
        seq += events
        yield Skimmed(events, symbols, positions, heap, durable_seq, chain, end, body)


NOTHING: Final = b""


def _is_possible(header: FrameHeader) -> bool:
    """Return whether all lengths are within limits and consistent: checksums only catch accidental damage."""
    if (
        header.magic != FRAME_MAGIC
        or header.positions_bytes > POSITIONS_BYTES_MAX
        or header.symbols > SYMBOLS_MAX
        or not 0 < header.first_seq <= SEQ_MAX
        or header.durable_seq >= header.first_seq
    ):
        return False
    positions, heap, stored = header.positions_bytes, header.heap_bytes, header.stored_bytes
    if header.kind == BLOCK:
        return (
            header.codec == RAW
            and 0 < header.events <= BLOCK_EVENTS_MAX
            and heap <= HEAP_BYTES_MAX
            and stored == positions + header.events * ROW_BYTES + heap
        )
    if header.kind == META:
        return header.codec == RAW and header.events == 0 and heap <= META_BYTES_MAX and stored == positions + heap
    if header.kind == SEAL:
        return header.codec == RAW and positions == heap == stored == 0
    return (
        header.kind == PACK
        and header.codec == PACKED
        and 0 < header.events <= PACK_EVENTS_MAX
        and positions == 0
        and heap <= 2 * FRAME_BYTES_MAX
        and stored <= 2 * FRAME_BYTES_MAX
    )


def encode_meta(config: bytes, symbols: list[str]) -> bytes:
    """Return the part of a META frame's body that follows the positions."""
    parts = [_U32.pack(len(config)), config, _U32.pack(len(symbols))]
    for name in symbols:
        encoded = name.encode()
        parts.append(len(encoded).to_bytes(2, "little"))
        parts.append(encoded)
    return b"".join(parts)


def decode_meta(data: bytes) -> tuple[bytes, list[str]]:
    """Return configuration and names; ValueError if *data* is not the result of `encode_meta`."""
    config_end = 4 + _u32(data, 0)
    config = data[4:config_end]
    at = config_end + 4
    symbols: list[str] = []
    for _ in range(_u32(data, config_end)):
        end = at + 2 + int.from_bytes(data[at : at + 2], "little")
        if not at + 2 < end <= len(data):
            raise ValueError("the list of names is cut short")
        symbols.append(data[at + 2 : end].decode())
        at = end
    if at != len(data):
        raise ValueError("bytes after the list of names")
    if len(set(symbols)) != len(symbols):
        raise ValueError("a name occurs twice in the list of names")
    return config, symbols


def encode_positions(positions: Mapping[str, bytes]) -> bytes:
    """Return *positions*, whose values are JSON already, as a JSON object; no bytes if there are none."""
    if not positions:
        return b""
    return orjson.dumps({name: orjson.Fragment(encoded) for name, encoded in positions.items()})


def decode_positions(data: bytes) -> dict[str, Any]:
    """Return the positions by source; ValueError if *data* is not a JSON object."""
    if not data:
        return {}
    positions = orjson.loads(data)
    if not isinstance(positions, dict):
        raise ValueError("positions are not a JSON object")
    return positions


def split_block(header: FrameHeader, body: bytes) -> tuple[bytes, Block]:
    """Return the positions, as bytes, and the block in the body of a BLOCK frame."""
    start = header.positions_bytes
    end = start + header.events * ROW_BYTES
    rows = body if not start and end == len(body) else body[start:end]
    return body[:start], Block(header.first_seq, header.events, rows, body[end:])


def _u32(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise ValueError("cut short")
    value: int = _U32.unpack_from(data, at)[0]
    return value
