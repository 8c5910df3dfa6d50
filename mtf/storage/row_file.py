"""Files of history rows: what was new in the histories of a checkpoint, to which that refers.

Owns the format: a head, compressed pieces one after the other, and at the end what is where in them. A checkpoint has
the size and the checksum of each file that it refers to, so that nothing is believed that was not written for it.
"""

from __future__ import annotations

import contextlib
import re
import struct
import sys
from array import array
from bisect import bisect_left
from struct import Struct
from typing import Any, Final, NamedTuple

import zstandard
from librt.vecs import vec
from mypy_extensions import i64
from xxhash import xxh3_64

from mtf.archive import Archive
from mtf.errors import CorruptCheckpoint
from mtf.gil import make_way
from mtf.image import Image
from mtf.log.filesystem import FileSystem, write_all
from mtf.log.pack import inflate

__all__ = ["Reference", "RowFile", "Scan", "is_reference", "seq_in", "write_rows"]

MAGIC: Final = b"mtf-rows"
VERSION: Final = 1
LEVEL: Final = 3
PIECE_BYTES: Final = 1 << 16  # before compression, and the rest of a symbol's rows
READ_BYTES: Final = 4 << 20
_HEAD: Final = Struct("<8sHHIQ")  # magic, version, flags, nothing, seq
_TAIL: Final = Struct("<QQQ")  # where the index begins, bytes stored, bytes before compression
_COUNT: Final = Struct("<Q")
_NAME: Final = Struct("<H")  # bytes of the name of a part
INDEX_BYTES_MAX: Final = 1 << 30
NAME_BYTES_MAX: Final = 1_000
PARTS_MAX: Final = 100_000
COLUMNS: Final = 4  # of a part, in the index: number, rows, piece, start
ROWS_MAX: Final = 1 << 32  # of a symbol
NUMBER_MAX: Final = 1 << 31
FILE_NAME: Final = re.compile(r"rows-(\d{19})-\d{1,9}\.mtf", re.ASCII)


class Reference(NamedTuple):
    """A file as a checkpoint refers to it."""

    name: str
    size: int
    digest: str  # of all of its bytes


class _Part:
    """What is where, of one part: a place in each column for each symbol that has rows, by number."""

    def __init__(self) -> None:
        self.numbers = array("q")
        self.rows = array("q")
        self.pieces = array("q")
        self.starts = array("q")  # in the piece

    def columns(self) -> bytes:
        return _bytes_of(len(self.numbers), self.numbers, self.rows, self.pieces, self.starts)


def write_rows(
    fs: FileSystem, path: str, name: str, seq: int, images: list[tuple[str, Image, vec[i64]]]
) -> tuple[Reference, int, list[int]]:
    """Write the file *path*, called *name*, and sync it.

    Returns the reference to it, its bytes before compression, and how many rows it has of each part.

    Each of the *images* comes with the name of its part, and the ends of the histories that are already stored.
    OSError if a write or the sync fails.
    """
    file = fs.open(path, "create")
    try:
        writing = _Writing(fs, file, path)
        writing.write(_HEAD.pack(MAGIC, VERSION, 0, 0, seq))
        parts = {part: writing.rows(image, after) for part, image, after in images}
        at = writing.size
        index = _index_of(parts, writing.pieces)
        stored = zstandard.ZstdCompressor(level=LEVEL).compress(index)
        writing.write(stored)
        writing.write(_TAIL.pack(at, len(stored), len(index)))
        fs.sync(file)
    finally:
        fs.close(file)
    rows = [sum(part.rows) for part in parts.values()]
    return Reference(name, writing.size, writing.digest.hexdigest()), writing.raw_size, rows


class _Writing:
    """A file while it is written."""

    def __init__(self, fs: FileSystem, file: int, path: str) -> None:
        self._fs: Final = fs
        self._file: Final = file
        self._path: Final = path
        self._zstd: Final = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self.size = 0
        self.raw_size = 0
        self.digest: Final = xxh3_64()
        self.pieces: Final = array("q")  # of each where it begins, bytes stored, bytes before compression

    def write(self, data: bytes) -> None:
        write_all(self._fs, self._file, self._path, data)
        self.digest.update(data)
        self.size += len(data)

    def rows(self, image: Image, after: vec[i64]) -> _Part:
        """Write the rows of all symbols from the places *after* on."""
        part = _Part()
        number = 0
        while number < len(image.windows):
            archive = Archive()
            found: list[int] = []
            number = image.save_rows(archive, number, PIECE_BYTES, after, found)
            if found:
                part.numbers.extend(found[::3])
                part.rows.extend(found[1::3])
                part.starts.extend(found[2::3])
                part.pieces.extend([len(self.pieces) // 3] * (len(found) // 3))
                self._piece(archive.finish())
            make_way()
        return part

    def _piece(self, raw: bytes) -> None:
        stored = self._zstd.compress(raw)
        self.pieces.extend((self.size, len(stored), len(raw)))
        self.raw_size += len(raw)
        self.write(stored)


class RowFile:
    """A file at *path* to which a checkpoint refers: all of it is checked now, and rows are read when asked for.

    Without *check*, only what is where in it: for a file that was just written. A piece has at most *piece_max* bytes.
    CorruptCheckpoint if it is damaged or missing. It stays readable if it is removed meanwhile.
    """

    def __init__(self, fs: FileSystem, path: str, reference: Reference, piece_max: int, *, check: bool = True) -> None:
        self.path: Final = path
        self.reference: Final = reference
        self._fs: Final = fs
        self._piece_max: Final = piece_max
        self._last: tuple[int, bytes] = (-1, b"")  # the piece that was read last
        if fs.kind(path) != "file":
            raise CorruptCheckpoint(f"{path}: missing, or not a plain file", path=path)
        self._file = fs.open(path, "read")
        self._scan = Scan(fs, path, reference)
        try:
            if check:
                self.check()
            self._parts, self._pieces = self._index()
        except BaseException:
            self._close()
            raise

    def __del__(self) -> None:
        self._close()

    def check(self) -> None:
        """Compare all bytes with what the checkpoint knows of them, if that was not done yet."""
        while not self._scan.advance(self._file, READ_BYTES):
            pass

    def numbers(self, part: str) -> array[int]:
        """Return the symbols that have rows in *part*, in order."""
        return self._parts[part].numbers if part in self._parts else array("q")

    def rows(self, part: str) -> array[int]:
        """Return how many rows each of these symbols has."""
        return self._parts[part].rows if part in self._parts else array("q")

    def read(self, part: str, number: int) -> tuple[bytes, int]:
        """Return the rows of a symbol, as they were saved, and how many these are; empty if there are none.

        CorruptCheckpoint if they are damaged, or cannot be read.
        """
        found = self._parts.get(part)
        if found is None:
            return b"", 0
        k = bisect_left(found.numbers, number)
        if k == len(found.numbers) or found.numbers[k] != number:
            return b"", 0
        piece = found.pieces[k]
        raw = self._piece(piece)
        last = k + 1 == len(found.numbers) or found.pieces[k + 1] != piece
        return raw[found.starts[k] : len(raw) if last else found.starts[k + 1]], found.rows[k]

    def _piece(self, k: int) -> bytes:
        last, raw = self._last
        if last == k:
            return raw
        try:
            at, stored, size = self._pieces[3 * k : 3 * k + 3]
            if not 0 < size <= self._piece_max:
                raise ValueError(f"a piece of {size} bytes")
            raw = inflate(self._bytes(at, stored), size)
        except (ValueError, OSError) as error:
            raise CorruptCheckpoint(f"{self.path}: {error}", path=self.path) from error
        self._last = (k, raw)
        return raw

    def _bytes(self, at: int, size: int) -> bytes:
        if at < 0 or size < 0 or at + size > self.reference.size:
            raise ValueError("lengths do not add up")
        return self._fs.read(self._file, size, at)

    def _index(self) -> tuple[dict[str, _Part], array[int]]:
        try:
            magic, version, flags, _, _ = _HEAD.unpack(self._bytes(0, _HEAD.size))
            if magic != MAGIC or version != VERSION or flags:
                raise ValueError(f"not a file of history rows, or of an unknown version ({version}, flags {flags})")
            at, stored, size = _TAIL.unpack(self._bytes(self.reference.size - _TAIL.size, _TAIL.size))
            if size > INDEX_BYTES_MAX:
                raise ValueError(f"an index of {size:,} bytes")
            return _split(inflate(self._bytes(at, stored), size))
        except (ValueError, struct.error) as error:
            raise CorruptCheckpoint(f"{self.path}: {error}", path=self.path) from error

    def _close(self) -> None:
        file, self._file = getattr(self, "_file", -1), -1
        if file >= 0:
            with contextlib.suppress(OSError):
                self._fs.close(file)


class Scan:
    """The comparison of a file with what a checkpoint knows of it, some bytes at a time."""

    def __init__(self, fs: FileSystem, path: str, reference: Reference) -> None:
        self._fs: Final = fs
        self._path: Final = path
        self._reference: Final = reference
        self._digest: Final = xxh3_64()
        self._at = 0
        self._over = False

    def advance(self, file: int, size: int) -> bool:
        """Read so many more bytes of *file*; return whether all were. CorruptCheckpoint if it is another file."""
        whole = self._reference.size
        if self._over:
            return True
        if self._at == 0 and self._fs.size(file) != whole:
            raise CorruptCheckpoint(f"{self._path}: not the {whole:,} bytes that the checkpoint knows", path=self._path)
        data = self._fs.read(file, min(size, whole - self._at), self._at)
        self._digest.update(data)
        self._at += len(data)
        if data and self._at < whole:
            return False
        if self._digest.hexdigest() != self._reference.digest:
            raise CorruptCheckpoint(f"{self._path}: damaged, or not the one that the checkpoint knows", path=self._path)
        self._over = True
        return True


def seq_in(name: str) -> int:
    """Return the seq in the name of such a file; -1 if it is not one."""
    found = FILE_NAME.fullmatch(name)
    return int(found[1]) if found else -1


def is_reference(found: Any) -> bool:
    """Return whether *found* is a list with the fields of a `Reference`, whose name is one of such files."""
    return (
        isinstance(found, list)
        and len(found) == 3
        and isinstance(found[0], str)
        and seq_in(found[0]) >= 0
        and isinstance(found[1], int)
        and found[1] > 0
        and isinstance(found[2], str)
    )


def _bytes_of(count: int, *columns: array[int]) -> bytes:
    """Return columns of whole numbers, with how many rows they have before them."""
    if sys.byteorder == "big":  # pragma: no cover - no such machine here
        columns = tuple(array("q", column) for column in columns)
        for column in columns:
            column.byteswap()
    return b"".join([_COUNT.pack(count), *(column.tobytes() for column in columns)])


def _index_of(parts: dict[str, _Part], pieces: array[int]) -> bytes:
    """Return what is where in a file."""
    found = [_COUNT.pack(len(parts))]
    for name, part in parts.items():
        encoded = name.encode()
        found += [_NAME.pack(len(encoded)), encoded, part.columns()]
    return b"".join([*found, _bytes_of(len(pieces) // 3, pieces)])


def _split(index: bytes) -> tuple[dict[str, _Part], array[int]]:
    """Return the parts and the pieces in an index; ValueError or struct.error if it is invalid."""
    (count,) = _COUNT.unpack_from(index)
    if count > PARTS_MAX:
        raise ValueError(f"{count} parts")
    at = _COUNT.size
    parts: dict[str, _Part] = {}
    for _ in range(count):
        (size,) = _NAME.unpack_from(index, at)
        at += _NAME.size
        if size > NAME_BYTES_MAX:
            raise ValueError(f"a name of {size} bytes")
        name = index[at : at + size].decode()
        at += size
        part = _Part()
        columns, at = _columns(index, at, COLUMNS)
        part.numbers, part.rows, part.pieces, part.starts = columns
        _check(part)
        parts[name] = part
    (pieces,), at = _columns(index, at, 1, 3)
    if at != len(index) or len(parts) != count:
        raise ValueError("lengths do not add up")
    return parts, pieces


def _columns(index: bytes, at: int, count: int, width: int = 1) -> tuple[list[array[int]], int]:
    """Return *count* columns of an index, and where they end."""
    (rows,) = _COUNT.unpack_from(index, at)
    at += _COUNT.size
    size = 8 * rows * width
    if count * size > len(index) - at:
        raise ValueError("lengths do not add up")
    found = []
    for _ in range(count):
        column = array("q", index[at : at + size])
        if sys.byteorder == "big":  # pragma: no cover - no such machine here
            column.byteswap()
        found.append(column)
        at += size
    return found, at


def _check(part: _Part) -> None:
    """Raise ValueError if the columns of *part* cannot be what was written."""
    if not part.numbers:
        return
    if part.numbers[0] < 0 or part.numbers[-1] > NUMBER_MAX:
        raise ValueError("a symbol without a number")
    if min(part.rows) < 1 or max(part.rows) > ROWS_MAX:
        raise ValueError("a symbol with no rows, or too many")
    if any(a >= b for a, b in zip(part.numbers, part.numbers[1:], strict=False)):
        raise ValueError("symbols in no order")
    if min(part.pieces) < 0 or min(part.starts) < 0:
        raise ValueError("a place before the beginning")
