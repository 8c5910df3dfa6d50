"""Blocks of a sealed segment packed together: as columns, times as differences, then zstd; unpacked to the same bytes.

Owns the body of a PACK frame. It runs at the speed of C in plain Python: columns are strides of a memoryview, and the
differences and sums of a whole column are computed at once, on one long integer with 64-bit lanes.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

import zstandard

from mtf.events.block import ROW_BYTES
from mtf.log.segment_format import BLOCK, RAW, FrameHeader

__all__ = ["PACK_BYTES", "PACK_EVENTS", "inflate", "pack_frames", "unpack_frames", "unpack_joined"]

PACK_EVENTS: Final = 8_192  # a pack is complete once it has this many events
PACK_BYTES: Final = 4 << 20  # or this many bytes
LEVEL: Final = 3
LANE_BITS: Final = 64
LANES: Final = ROW_BYTES // 8
WINDOW_BYTES_MAX: Final = 128 << 20

_ENTRY: Final = Struct("<IIIIQ")  # count, positions, heap, symbols, events not known to be synced when it was written
_COUNT: Final = Struct("<I")


def pack_frames(frames: list[tuple[FrameHeader, bytes]]) -> tuple[bytes, int]:
    """Return the body of a PACK of these BLOCK frames, and its length before compression."""
    table, positions, rows, heaps = [], [], [], []
    for header, body in frames:
        start, end = header.positions_bytes, len(body) - header.heap_bytes
        lag = header.first_seq - 1 - header.durable_seq
        table.append(_ENTRY.pack(header.events, start, header.heap_bytes, header.symbols, lag))
        positions.append(body[:start])
        rows.append(body[start:end])
        heaps.append(body[end:])
    columns = _columns(b"".join(rows))
    raw = b"".join((_COUNT.pack(len(frames)), *table, *positions, columns, *heaps))
    return zstandard.ZstdCompressor(level=LEVEL).compress(raw), len(raw)


def unpack_frames(pack: FrameHeader, stored: bytes) -> list[tuple[FrameHeader, bytes]]:
    """Return header and body of each BLOCK frame in *stored*, with chains 0; ValueError if it is not a valid pack."""
    raw, table, at, rows_at, heap_at = _opened(pack, stored)
    rows = _rows(raw[rows_at:heap_at])
    out = []
    seq, row = pack.first_seq, 0
    for count, positions, heap, symbols, lag in table:
        if not count or lag >= seq:
            raise ValueError("a pack with an impossible block")
        end = row + count * ROW_BYTES
        body = b"".join((raw[at : at + positions], rows[row:end], raw[heap_at : heap_at + heap]))
        first = int.from_bytes(rows[row : row + 8], "little", signed=True)
        last = int.from_bytes(rows[end - ROW_BYTES : end - ROW_BYTES + 8], "little", signed=True)
        header = FrameHeader(
            pack.magic, BLOCK, RAW, symbols, len(body), count, positions, heap, seq, seq - 1 - lag, first, last, 0, 0
        )
        out.append((header, body))
        at, row, heap_at, seq = at + positions, end, heap_at + heap, seq + count
    return out


def unpack_joined(pack: FrameHeader, stored: bytes) -> tuple[bytes, bytes, list[bytes], int, int]:
    """Return the joined rows and heap of all BLOCK frames in *stored*, and the positions of those that have any.

    Then the number of symbols known before the first, and that of events not known to be synced when the last was
    written. ValueError if it is not a valid pack.
    """
    raw, table, at, rows_at, heap_at = _opened(pack, stored)
    positions = []
    for entry in table:
        if entry[1]:
            positions.append(raw[at : at + entry[1]])
            at += entry[1]
    last = table[-1]
    return _rows(raw[rows_at:heap_at]), raw[heap_at:], positions, table[0][3], last[0] - 1 + last[4]


def _opened(pack: FrameHeader, stored: bytes) -> tuple[bytes, list[tuple[int, ...]], int, int, int]:
    """Return a decompressed pack, its table, and where positions, rows and heap begin; ValueError if it is invalid."""
    raw = inflate(stored, pack.heap_bytes)
    table, at = _table(pack, raw)
    rows_at = at + sum(entry[1] for entry in table)
    heap_at = rows_at + pack.events * ROW_BYTES
    if heap_at + sum(entry[2] for entry in table) != len(raw):
        raise ValueError("a pack whose lengths do not add up")
    return raw, table, at, rows_at, heap_at


def _table(pack: FrameHeader, raw: bytes) -> tuple[list[tuple[int, ...]], int]:
    """Return the table of a pack's blocks, and where it ends; ValueError if it does not fit *pack*."""
    if len(raw) < _COUNT.size:
        raise ValueError("a pack cut short")
    frames: int = _COUNT.unpack_from(raw)[0]
    at = _COUNT.size + frames * _ENTRY.size
    if not 0 < frames <= pack.events or at > len(raw):
        raise ValueError("a pack with an impossible number of blocks")
    table = list(_ENTRY.iter_unpack(raw[_COUNT.size : at]))
    if sum(entry[0] for entry in table) != pack.events:
        raise ValueError("a pack whose lengths do not add up")
    return table, at


def inflate(stored: bytes, raw_bytes: int, *, streamed: bool = False) -> bytes:
    """Return *stored* decompressed to *raw_bytes*; ValueError, before memory is allocated, if the length differs.

    If *streamed*, it was compressed piece by piece, and need not contain its length; no more memory than that is used.
    """
    try:
        parameters = zstandard.get_frame_parameters(stored)
        untold = streamed and parameters.content_size == zstandard.CONTENTSIZE_UNKNOWN
        if not (untold or parameters.content_size == raw_bytes) or parameters.window_size > WINDOW_BYTES_MAX:
            raise ValueError(f"compressed data whose size is not {raw_bytes} bytes")
        if not raw_bytes:  # zstandard takes 0 for "unknown"
            raise ValueError("compressed data without content")
        raw = zstandard.ZstdDecompressor().decompress(stored, max_output_size=raw_bytes, allow_extra_data=False)
        if len(raw) != raw_bytes:
            raise ValueError(f"compressed data whose size is not {raw_bytes} bytes")
        return raw
    except zstandard.ZstdError as error:
        raise ValueError(f"compressed data that cannot be read: {error}") from error


def _columns(rows: bytes) -> bytes:
    lanes = memoryview(rows).cast("Q")
    columns = [lanes[lane::LANES].tobytes() for lane in range(LANES)]
    mask = (1 << (len(rows) // LANES * 8)) - 1
    times = int.from_bytes(columns[0], "little")
    differences = ((times - (times << LANE_BITS)) & mask).to_bytes(len(rows) // LANES, "little")
    columns[0] = b"".join([differences[byte::8] for byte in range(8)])
    return b"".join(columns)


def _rows(columns: bytes) -> bytes:
    length = len(columns) // LANES
    count = length // 8
    differences = bytearray(length)
    for byte in range(8):
        differences[byte::8] = columns[byte * count : (byte + 1) * count]
    times = int.from_bytes(differences, "little")
    mask = (1 << (length * 8)) - 1
    shift = LANE_BITS
    while shift < length * 8:  # sums over 2, 4, 8 ... lanes: a running sum in a logarithmic number of steps
        times = (times + (times << shift)) & mask
        shift *= 2
    rows = bytearray(len(columns))
    lanes = memoryview(rows).cast("Q")
    lanes[0::LANES] = memoryview(times.to_bytes(length, "little")).cast("Q")
    for lane in range(1, LANES):
        lanes[lane::LANES] = memoryview(columns[lane * length : (lane + 1) * length]).cast("Q")
    return bytes(rows)
