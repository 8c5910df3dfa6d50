"""Files of history rows: what was new in the histories of a checkpoint, to which that refers.

Owns the format: a head, compressed pieces one after the other, and at the end what is where in them. A checkpoint has
the size and the checksum of each file that it refers to, so that nothing is believed that was not written for it.
"""

from __future__ import annotations

import contextlib
from array import array
from bisect import bisect_left
from struct import Struct
from typing import Any, Final, NamedTuple

import orjson
import zstandard
from librt.vecs import vec
from mypy_extensions import i64
from xxhash import xxh3_64

from mtf.archive import Archive
from mtf.errors import CorruptCheckpoint
from mtf.image import Image
from mtf.log.filesystem import FileSystem
from mtf.log.pack import inflate

__all__ = ["Reference", "RowFile", "is_reference", "write_rows"]

MAGIC: Final = b"mtf-rows"
VERSION: Final = 1
LEVEL: Final = 3
PIECE_BYTES: Final = 1 << 16  # before compression, and the rest of a symbol's rows
READ_BYTES: Final = 4 << 20
_HEAD: Final = Struct("<8sHHIQ")  # magic, version, flags, nothing, seq
_TAIL: Final = Struct("<QQQ")  # where the index begins, bytes stored, bytes before compression


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

    def columns(self) -> list[list[int]]:
        return [each.tolist() for each in (self.numbers, self.rows, self.pieces, self.starts)]


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
        columns = {name: part.columns() for name, part in parts.items()}
        index = orjson.dumps({"parts": columns, "pieces": writing.pieces})
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
        self._zstd: Final = zstandard.ZstdCompressor(level=LEVEL)
        self.size = 0
        self.raw_size = 0
        self.digest: Final = xxh3_64()
        self.pieces: Final[list[tuple[int, int, int]]] = []  # where each begins, bytes stored, bytes before compression

    def write(self, data: bytes) -> None:
        written = self._fs.write(self._file, data)
        if written != len(data):
            raise OSError(f"{self._path}: short write, {written} of {len(data)} bytes")
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
                part.pieces.extend([len(self.pieces)] * (len(found) // 3))
                self._piece(archive.finish())
        return part

    def _piece(self, raw: bytes) -> None:
        stored = self._zstd.compress(raw)
        self.pieces.append((self.size, len(stored), len(raw)))
        self.raw_size += len(raw)
        self.write(stored)


class RowFile:
    """A file at *path* to which a checkpoint refers: all of it is checked now, and rows are read when asked for.

    Without *check*, only what is where in it: for a file that was just written. CorruptCheckpoint if it is damaged or
    missing. It stays readable if it is removed meanwhile.
    """

    def __init__(self, fs: FileSystem, path: str, reference: Reference, raw_max: int, *, check: bool = True) -> None:
        self.path: Final = path
        self.reference: Final = reference
        self._fs: Final = fs
        if fs.kind(path) != "file":
            raise CorruptCheckpoint(f"{path}: missing, or not a plain file", path=path)
        self._file = fs.open(path, "read")
        try:
            if check:
                self._check()
            self._parts, self._pieces = self._index(raw_max)
        except BaseException:
            self._close()
            raise
        self._raw_max: Final = raw_max

    def __del__(self) -> None:
        self._close()

    def numbers(self, part: str) -> array[int]:
        """Return the symbols that have rows in *part*, in order."""
        return self._parts[part].numbers if part in self._parts else array("q")

    def rows(self, part: str) -> array[int]:
        """Return how many rows each of these symbols has."""
        return self._parts[part].rows if part in self._parts else array("q")

    def read(self, part: str, number: int) -> bytes:
        """Return the rows of a symbol, as they were saved; empty if there are none.

        CorruptCheckpoint if they are damaged, OSError if they cannot be read.
        """
        found = self._parts.get(part)
        if found is None:
            return b""
        k = bisect_left(found.numbers, number)
        if k == len(found.numbers) or found.numbers[k] != number:
            return b""
        piece = found.pieces[k]
        raw = self._piece(piece)
        last = k + 1 == len(found.numbers) or found.pieces[k + 1] != piece
        return raw[found.starts[k] : len(raw) if last else found.starts[k + 1]]

    def _piece(self, k: int) -> bytes:
        try:
            at, stored, size = self._pieces[k]
            if not 0 < size <= self._raw_max:
                raise ValueError(f"a piece of {size} bytes")
            return inflate(self._bytes(at, stored), size)
        except (IndexError, ValueError) as error:
            raise CorruptCheckpoint(f"{self.path}: {error}", path=self.path) from error

    def _bytes(self, at: int, size: int) -> bytes:
        if at < 0 or size < 0 or at + size > self.reference.size:
            raise ValueError("lengths do not add up")
        return self._fs.read(self._file, size, at)

    def _check(self) -> None:
        """Compare all bytes with what the checkpoint knows of them."""
        size = self.reference.size
        if self._fs.size(self._file) != size:
            raise CorruptCheckpoint(f"{self.path}: not the {size:,} bytes that the checkpoint knows", path=self.path)
        digest = xxh3_64()
        at = 0
        while at < size and (data := self._fs.read(self._file, min(READ_BYTES, size - at), at)):
            digest.update(data)
            at += len(data)
        if digest.hexdigest() != self.reference.digest:
            raise CorruptCheckpoint(f"{self.path}: damaged, or not the one that the checkpoint knows", path=self.path)

    def _index(self, raw_max: int) -> tuple[dict[str, _Part], list[tuple[int, int, int]]]:
        try:
            magic, version, flags, _, _ = _HEAD.unpack(self._bytes(0, _HEAD.size))
            if magic != MAGIC or version != VERSION or flags:
                raise ValueError(f"not a file of history rows, or of an unknown version ({version}, flags {flags})")
            at, stored, size = _TAIL.unpack(self._bytes(self.reference.size - _TAIL.size, _TAIL.size))
            if size > raw_max:
                raise ValueError(f"an index of {size:,} bytes")
            index = orjson.loads(inflate(self._bytes(at, stored), size))
            parts = {str(name): _part_of(columns) for name, columns in index["parts"].items()}
            return parts, [(int(at), int(stored), int(size)) for at, stored, size in index["pieces"]]
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
            raise CorruptCheckpoint(f"{self.path}: {error}", path=self.path) from error

    def _close(self) -> None:
        file, self._file = getattr(self, "_file", -1), -1
        if file >= 0:
            with contextlib.suppress(OSError):
                self._fs.close(file)


def is_reference(found: Any) -> bool:
    """Return whether *found* is a list with the fields of a `Reference`, whose name names no other folder."""
    return (
        isinstance(found, list)
        and len(found) == 3
        and isinstance(found[0], str)
        and found[0].startswith("rows-")
        and "/" not in found[0]
        and isinstance(found[1], int)
        and isinstance(found[2], str)
    )


def _part_of(columns: list[list[int]]) -> _Part:
    """Return what is where, from its columns; ValueError if they do not fit."""
    part = _Part()
    part.numbers, part.rows, part.pieces, part.starts = (array("q", column) for column in columns)
    count = len(part.numbers)
    if any(len(each) != count for each in (part.rows, part.pieces, part.starts)):
        raise ValueError("columns of different lengths")
    if any(number < 0 or rows <= 0 for number, rows in zip(part.numbers, part.rows, strict=True)):
        raise ValueError("a symbol without a number or without rows")
    if any(a >= b for a, b in zip(part.numbers, part.numbers[1:], strict=False)):
        raise ValueError("symbols in no order")
    return part
