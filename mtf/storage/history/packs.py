"""Packs: completed bars in columns, as bytes; and the pages of bars that readers get.

A pack has the bars of one symbol and timeframe in order, or of several, one after the other by number of the series.
Its columns are `gather.FIXED` of 8 bytes per bar (start, end, open, high, low, close, volume, ticks, seq, the gap
before it by reason), its indicator values, and three of 4 bytes (series, trading day, flags), each little-endian. A
long pack is stored compressed. It does not describe itself: the directory of its run does.
"""

from __future__ import annotations

import datetime
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import zstandard
from xxhash import xxh3_64_intdigest

from mtf.errors import CorruptHistory
from mtf.storage.history.gather import FIXED, NO_DAY, SMALL
from mtf.storage.history.schema import Row
from mtf.units import EPOCH_ORDINAL

__all__ = [
    "FLAGS",
    "PACK_BARS",
    "PACK_BARS_MAX",
    "BarPage",
    "Pack",
    "bars_a_pack",
    "data_sum",
    "packed_rows",
    "spans_of",
    "stored_form",
    "unpacked",
    "unstored",
]

PACK_BARS: Final = 4_096  # bars of one series in a pack
PACK_BARS_MAX: Final = 1 << 20  # bars in any pack: a frame of ten thousand symbols may close a bar of each timeframe
WIDTH_MAX: Final = 1 << 16  # values per bar
PACK_BYTES: Final = 2 << 20  # of a pack whose bars have many values: it has fewer bars
COMPRESSED_MIN: Final = 4_096  # bytes from which a pack is compressed
LEVEL: Final = 1
RAW: Final = b"r"  # the first byte of a stored pack
ZSTD: Final = b"z"
FLAGS: Final = ("first", "incomplete", "day_incomplete", "off_session", "from_bars")
BYTES_A_BAR: Final = FIXED * 8 + SMALL * 4

START, END, OPEN, HIGH, LOW, CLOSE, VOLUME, TICKS, SEQ, GAPS = range(10)
SERIES, DAY, FLAG = range(3)


class Pack:
    """A pack as it is read: *data* has *bars* bars with *width* values each."""

    __slots__ = ("bars", "data", "view", "width")

    def __init__(self, data: bytes, bars: int, width: int) -> None:
        self.data: Final = data
        self.bars: Final = bars
        self.width: Final = width
        self.view: Final = memoryview(data)

    def whole(self, column: int) -> memoryview[int]:
        """Return a column of 8-byte integers."""
        return self._eight(column).cast("q")

    def floats(self, column: int) -> memoryview[float]:
        """Return a column of floats; the values begin at `FIXED`."""
        return self._eight(column).cast("d")

    def small(self, column: int) -> memoryview[int]:
        """Return a column of 4-byte integers: series, trading day or flags."""
        at = ((FIXED + self.width) * 8 + column * 4) * self.bars
        return self.view[at : at + self.bars * 4].cast("i")

    def rows_of(self, series: int) -> tuple[int, int]:
        """Return the first row of *series* and the row after its last."""
        numbers = self.small(SERIES)
        return bisect_left(numbers, series), bisect_right(numbers, series)

    def _eight(self, column: int) -> memoryview[int]:
        at = column * 8 * self.bars
        return self.view[at : at + self.bars * 8]


class BarPage:
    """Some bars of one series in columns, not copied; iteration gives rows of `COLUMNS`."""

    __slots__ = ("first", "outputs", "pack", "stop", "symbol", "timeframe")

    def __init__(
        self, symbol: str, timeframe: str, pack: Pack, first: int, stop: int, outputs: Sequence[str] = ()
    ) -> None:
        self.symbol: Final = symbol
        self.timeframe: Final = timeframe
        self.pack: Final = pack
        self.first: Final = first  # its first row in the pack
        self.stop: Final = stop
        self.outputs: Final = outputs  # the names of the pack's values for this timeframe

    def __len__(self) -> int:
        return self.stop - self.first

    def __iter__(self) -> Iterator[Row]:
        size = len(self)
        days = [_day_text(day) for day in self.small(DAY)]
        flags = self.small(FLAG).tolist()
        return zip(
            [self.symbol] * size,
            [self.timeframe] * size,
            *(self.whole(column).tolist() for column in (START, END)),
            *(self.floats(column).tolist() for column in (OPEN, HIGH, LOW, CLOSE, VOLUME)),
            self.whole(TICKS).tolist(),
            days,
            *([flag >> bit & 1 for flag in flags] for bit in range(len(FLAGS))),
            *(self.whole(GAPS + k).tolist() for k in range(4)),
            self.whole(SEQ).tolist(),
            strict=True,
        )

    def without(self, rows: int) -> BarPage:
        """Return the page without its first *rows*."""
        return BarPage(self.symbol, self.timeframe, self.pack, self.first + rows, self.stop, self.outputs)

    def whole(self, column: int) -> memoryview[int]:
        return self.pack.whole(column)[self.first : self.stop]

    def floats(self, column: int) -> memoryview[float]:
        return self.pack.floats(column)[self.first : self.stop]

    def small(self, column: int) -> memoryview[int]:
        return self.pack.small(column)[self.first : self.stop]

    def values(self, output: str) -> memoryview[float] | None:
        """Return the values of an indicator's output, NaN if it was not ready; None if they are not stored."""
        if output not in self.outputs:
            return None
        return self.floats(FIXED + self.outputs.index(output))


def bars_a_pack(width: int, bytes_max: int = PACK_BYTES) -> int:
    """Return the number of bars of one series, with *width* values each, that go into a pack."""
    return min(PACK_BARS, max(1, bytes_max // (BYTES_A_BAR + 8 * width)))


def packed_rows(rows: Sequence[Row], series: int) -> bytes:
    """Return a pack, without values, of rows of `COLUMNS` that all belong to *series*, in order."""
    columns = list(zip(*rows, strict=True))
    start, end, *prices = columns[2:9]
    ticks, day, *flags = columns[9:16]
    gaps, seq = columns[16:20], columns[20]
    codes = [sum(bool(flag) << bit for bit, flag in enumerate(each)) for each in zip(*flags, strict=True)]
    codes = [code | (any(gap) << len(FLAGS)) for code, gap in zip(codes, zip(*gaps, strict=True), strict=True)]
    return b"".join(
        [
            array("q", start),
            array("q", end),
            *(array("d", column) for column in prices),
            array("q", ticks),
            array("q", seq),
            *(array("q", column) for column in gaps),
            array("i", [series]) * len(rows),
            array("i", [_day_number(text) for text in day]),
            array("i", codes),
        ]
    )


def spans_of(pack: Pack) -> list[tuple[int, int, int]]:
    """Return the series of a pack, each with its first row and the one after its last."""
    numbers = pack.small(SERIES)
    found = []
    at = 0
    while at < pack.bars:
        stop = bisect_right(numbers, numbers[at], at)
        found.append((numbers[at], at, stop))
        at = stop
    return found


def stored_form(data: bytes) -> bytes:
    """Return *data* as it is stored: a byte that says whether it is compressed, then *data*, compressed if worth it."""
    if len(data) < COMPRESSED_MIN:
        return RAW + data
    return ZSTD + zstandard.ZstdCompressor(level=LEVEL).compress(data)


def data_sum(stored: bytes) -> int:
    """Return the sum of what is stored, which fits a column of SQLite."""
    return xxh3_64_intdigest(stored) >> 1


def unpacked(stored: bytes, bars: int, width: int, what: str) -> Pack:
    """Return *data* as a pack of *bars* bars, *width* values each; CorruptHistory, naming *what*, if it is not one."""
    size = bars * (BYTES_A_BAR + 8 * width)
    if not 0 < bars <= PACK_BARS_MAX or not 0 <= width <= WIDTH_MAX:
        raise CorruptHistory(f"{what} has a size of {bars} bars with {width} values")
    data = unstored(stored, size, what)
    if len(data) != size:
        raise CorruptHistory(f"{what} has {len(data)} bytes, but {bars} bars take {size}")
    return Pack(data, bars, width)


def unstored(stored: bytes, size_max: int, what: str) -> bytes:
    """Return the data passed to `stored_form`, up to *size_max* bytes; CorruptHistory, naming *what*, if that fails."""
    if stored[:1] == RAW:
        return stored[1:]
    try:
        size = zstandard.frame_content_size(stored[1:])
        if not 0 <= size <= size_max:
            raise CorruptHistory(f"{what} would have {size} bytes when decompressed")
        return zstandard.ZstdDecompressor().decompress(stored[1:])
    except zstandard.ZstdError as error:
        raise CorruptHistory(f"{what} cannot be decompressed: {error}") from error


def _day_text(day: int) -> str:
    return "" if day == NO_DAY else datetime.date.fromordinal(day + EPOCH_ORDINAL).isoformat()


def _day_number(text: str) -> int:
    return datetime.date.fromisoformat(text).toordinal() - EPOCH_ORDINAL if text else NO_DAY
