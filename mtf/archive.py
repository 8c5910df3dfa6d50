"""State as bytes: one method of a core both writes and reads its state, so that the two cannot disagree.

An `Archive` either collects the values it is given (saving) or returns collected ones (loading), always in the same
order and with the same widths: 8 bytes per number, floats as their bits. Loaded values are checked: whole numbers are
within their bounds, a window has the length that its owner allocated, nothing is missing and nothing is left over.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from librt.strings import BytesWriter, read_f64_le, read_i64_le, write_f64_le, write_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.errors import CorruptCheckpoint

__all__ = ["ANY_MAX", "ANY_MIN", "VERSION", "WITH_HISTORY", "Archive"]

VERSION: Final = 2  # of what cores save
WITH_HISTORY: Final = 1  # the version in which bars and values were saved with the state of their symbol

ANY_MIN: Final = -(1 << 63) + 1  # bounds for whole numbers that have no narrower ones: an i64's
ANY_MAX: Final = (1 << 63) - 1
COUNT_MAX: Final = 1 << 40
MANY: Final[i64] = 24 if sys.byteorder == "little" else COUNT_MAX  # numbers, from which on they are copied at once


@mypyc_attr(native_class=True)
class Archive:
    """Saves if it is made without bytes, loads if it is made with some, which have this *version*."""

    __slots__ = ("_at", "_data", "_writer", "loading", "version")

    def __init__(self, data: bytes | None = None, version: i64 = VERSION) -> None:
        self.loading: Final = data is not None
        self.version: Final[i64] = version
        self._data: Final = data if data is not None else b""
        self._at: i64 = 0  # next byte to load
        self._writer: Final = BytesWriter()

    def int64(self, value: i64, low: i64, high: i64) -> i64:
        """Save *value* and return it, or return the one loaded; it lies in `low..high`."""
        if not self.loading:
            write_i64_le(self._writer, value)
            return value
        found = read_i64_le(self._data, self._read_int64())
        if found < low or found > high:
            raise CorruptCheckpoint(f"saved state: {found} at byte {self._at - 8} is not in {low}..{high}")
        return found

    def float64(self, value: float) -> float:
        """Save *value* and return it, or return the one loaded, to the bit."""
        if not self.loading:
            write_f64_le(self._writer, value)
            return value
        return read_f64_le(self._data, self._read_int64())

    def numbers(self, values: vec[float]) -> None:
        """Save *values*, or fill them with what is loaded; the length is the owner's."""
        self.numbers_in(values, 0, len(values))

    def numbers_in(self, row: vec[float], at: i64, count: i64) -> None:
        """Save *count* numbers of *row* from `row[at]` on, or fill them with what is loaded."""
        self.int64(count, count, count)
        stop = at + count
        if self.loading:
            data = self._data
            place = self._read(8 * count)
            while at < stop:
                row[at] = read_f64_le(data, place)
                place += 8
                at += 1
        elif count >= MANY:
            view: Any = memoryview(row)  # of floats, for which memoryview has no type
            self._writer.write(view[at:stop].tobytes())
        else:
            while at < stop:
                write_f64_le(self._writer, row[at])
                at += 1

    def wholes_in(self, row: vec[i64], at: i64, count: i64) -> None:
        """Save *count* whole numbers of *row* from `row[at]` on, or fill them with what is loaded, whatever it is."""
        self.int64(count, count, count)
        stop = at + count
        if self.loading:
            data = self._data
            place = self._read(8 * count)
            while at < stop:
                row[at] = read_i64_le(data, place)
                place += 8
                at += 1
        elif count >= MANY:
            self._writer.write(memoryview(row)[at:stop].tobytes())
        else:
            while at < stop:
                write_i64_le(self._writer, row[at])
                at += 1

    def number_in(self, row: vec[float], at: i64) -> None:
        """Save `row[at]`, or fill it with what is loaded, to the bit."""
        row[at] = self.float64(row[at])

    def whole_in(self, row: vec[float], at: i64, low: i64, high: i64) -> None:
        """Save the whole number that `row[at]` is, or fill it with the one loaded; it lies in `low..high`."""
        row[at] = float(self.int64(i64(row[at]), low, high))

    def flag(self, value: bool) -> bool:
        """Save *value* and return it, or return the one loaded."""
        return self.int64(1 if value else 0, 0, 1) != 0

    def blob(self, value: bytes) -> bytes:
        """Save *value* and return it, or return the one loaded."""
        if not self.loading:
            write_i64_le(self._writer, len(value))
            self._writer.write(value)
            return value
        size = self.int64(0, 0, len(self._data) - self._at - 8)
        start = self._at
        self._at = start + size
        return self._data[start : start + size]

    def text(self, value: str) -> str:
        """Save *value* and return it, or return the one loaded."""
        try:
            return self.blob(value.encode()).decode()
        except UnicodeDecodeError as error:
            raise CorruptCheckpoint(f"saved state: no text before byte {self._at}") from error

    def count(self, value: i64, width: i64) -> i64:
        """Save the length of a list and return it, or return the one loaded; each item takes *width* bytes or more."""
        return self.int64(value, 0, (len(self._data) - self._at) // width if self.loading else COUNT_MAX)

    def finish(self) -> bytes:
        """Return what was saved; when loading, raise CorruptCheckpoint unless all of it was taken."""
        if self.loading and self._at != len(self._data):
            raise CorruptCheckpoint(f"saved state: {len(self._data) - self._at} extra bytes")
        return self._writer.getvalue()

    def size(self) -> i64:
        """Return how many bytes were saved."""
        return len(self._writer)

    def _read_int64(self) -> i64:
        return self._read(8)

    def _read(self, size: i64) -> i64:
        """Return where the next *size* bytes to load begin."""
        at = self._at
        if at + size > len(self._data):
            raise CorruptCheckpoint(f"saved state is cut short at byte {len(self._data)}")
        self._at = at + size
        return at
