"""The digest: one hash of all results of a log, equal for equal logs however they are cut into blocks.

Four streams are hashed, each a plain concatenation in seq order: the events' rows, their verdicts, the heap (symbol
names and ids), and the completed bars with their completed indicator values. A stream is a chain over chunks of a fixed
length, `d = xxh3_128(d + chunk)`, so that it survives a restart. Floats are hashed as bits, with one bit pattern for
every NaN. Neither block boundaries nor wall time affect it.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, write_f64_le, write_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr
from xxhash import xxh3_128

from mtf.archive import ANY_MAX, Archive
from mtf.bars.bar_codes import DAY_SHIFT, FIRST, FROM_BARS, INCOMPLETE, OFF_SESSION
from mtf.bars.bar_history import PRICES
from mtf.bars.closings import CODE, END, MARKS, NUMBER, ROW, START, TICKS, Closings
from mtf.bars.judged_block import JudgedBlock
from mtf.errors import CorruptCheckpoint
from mtf.events.block import ROW_BYTES, canonical

__all__ = ["CHUNK", "Digest", "write_bar"]

ROWS_CHUNK: Final = 1024 * ROW_BYTES
CHUNK: Final = 16_384
HASH_BYTES: Final = 16
NAN: Final = float("nan")


@mypyc_attr(native_class=True)
class _Chain:
    """The hash of a stream of bytes, in chunks of a fixed length."""

    __slots__ = ("_chunk", "_hash", "_length", "_pending")

    def __init__(self, chunk: i64) -> None:
        self._chunk: Final[i64] = chunk
        self._hash = bytes(HASH_BYTES)  # of all whole chunks
        self._pending = BytesWriter()  # the bytes after them, fewer than a chunk
        self._length: i64 = 0  # bytes fed

    def feed(self, data: bytes) -> None:
        size: i64 = len(data)
        if size == 0:
            return
        self._length += size
        have: i64 = len(self._pending)
        if have + size < self._chunk:
            self._pending.write(data)
            return
        at = self._chunk - have
        self._hash = xxh3_128(self._hash + self._pending.getvalue() + data[:at]).digest()
        while at + self._chunk <= size:
            self._hash = xxh3_128(self._hash + data[at : at + self._chunk]).digest()
            at += self._chunk
        self._pending = BytesWriter()
        self._pending.write(data[at:])

    def value(self) -> bytes:
        return bytes(xxh3_128(self._hash + self._pending.getvalue() + int(self._length).to_bytes(8, "little")).digest())

    def archive(self, archive: Archive) -> None:
        self._length = archive.int64(self._length, 0, ANY_MAX)
        self._hash = archive.blob(self._hash)
        pending = archive.blob(self._pending.getvalue())
        self._pending = BytesWriter()
        self._pending.write(pending)
        if len(self._hash) != HASH_BYTES or len(self._pending) != self._length % self._chunk:
            raise CorruptCheckpoint("saved state: the digest does not match its length")


@mypyc_attr(native_class=True)
class Digest:
    """The running digest of a pipeline."""

    __slots__ = ("_bars", "_heap", "_rows", "_verdicts")

    def __init__(self) -> None:
        self._rows: Final = _Chain(ROWS_CHUNK)
        self._verdicts: Final = _Chain(1024)
        self._heap: Final = _Chain(CHUNK)
        self._bars: Final = _Chain(CHUNK)

    def events(self, judged: JudgedBlock) -> None:
        """Add the events of a block, with their verdicts."""
        block = judged.block
        if judged.has_private:
            block = canonical(block)
        self._rows.feed(block.rows)
        self._verdicts.feed(bytes(judged.verdicts))
        self._heap.feed(block.heap)

    def bars(self, data: bytes) -> None:
        """Add completed bars, as `write_bar` wrote them."""
        self._bars.feed(data)

    def value(self) -> str:
        """Return the digest of everything added so far, as 32 hexadecimal digits."""
        streams = (self._rows, self._verdicts, self._heap, self._bars)
        return str(xxh3_128(b"".join([stream.value() for stream in streams])).hexdigest())

    def archive(self, archive: Archive) -> None:
        """Save or load."""
        self._rows.archive(archive)
        self._verdicts.archive(archive)
        self._heap.archive(archive)
        self._bars.archive(archive)


def write_bar(
    out: BytesWriter, first_seq: i64, closings: Closings, k: i64, values: vec[float], at: i64, width: i64
) -> None:
    """Write the canonical bytes of a completed bar, and of its *width* values from `values[at]` on.

    The bar is the k-th of the *closings* of a block that begins with the event *first_seq*.
    """
    marks = closings.marks
    of = k * MARKS
    write_i64_le(out, first_seq + marks[of + ROW])
    write_i64_le(out, marks[of + NUMBER])
    if closings.timed:
        write_i64_le(out, closings.length_ns)
    else:
        timeframe = closings.timeframe
        write_i64_le(out, -i64(timeframe.kind))
        write_f64_le(out, timeframe.size)
    write_i64_le(out, marks[of + START])
    write_i64_le(out, marks[of + END])
    for price in range(k * PRICES, (k + 1) * PRICES):
        write_f64_le(out, closings.prices[price])
    write_i64_le(out, marks[of + TICKS])
    code = marks[of + CODE]
    write_i64_le(out, code >> DAY_SHIFT)
    flags: i64 = 0
    if code & FIRST:
        flags |= 1
    if code & INCOMPLETE:
        flags |= 2
    if code & OFF_SESSION:
        flags |= 4
    if code & FROM_BARS:
        flags |= 8
    write_i64_le(out, flags)
    gap = closings.gap(k)
    if gap is not None:
        write_i64_le(out, gap.closed_ns)
        write_i64_le(out, gap.holiday_ns)
        write_i64_le(out, gap.break_ns)
        write_i64_le(out, gap.silence_ns)
    for each in range(at, at + width):
        value = values[each]
        write_f64_le(out, value if value == value else NAN)
