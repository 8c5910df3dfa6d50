"""The spool: chunks set aside on disk, in one unnamed file, and read back in order.

For rows that cannot wait in memory: runs of an external sort, and compressed files if too many would be open at once.
The file disappears with the spool, even after a kill. It is in the folder for temporary files (`TMPDIR`), and takes 48
bytes per row.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from struct import Struct
from typing import IO, Any, Final

import orjson

from mtf.errors import SourceError
from mtf.events.block import ROW_BYTES
from mtf.sources.chunk import Chunk

__all__ = ["Region", "Spool", "no_room"]

_HEAD: Final = Struct("<IIII")  # rows, bytes of ids, bytes of marks, bytes of the note


class Spool:
    """Stores chunks, each with a note (any JSON value), and returns where they are."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None  # open from the first chunk on
        self._end = 0

    @property
    def end(self) -> int:
        """Where the next chunk begins."""
        return self._end

    def write(self, chunk: Chunk, note: Any) -> int:
        """Append *chunk* and return where it ends; SourceError if there is no room."""
        noted = orjson.dumps([note, chunk.refused])
        head = _HEAD.pack(chunk.count, len(chunk.heap), len(chunk.marks), len(noted))
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="mtf-")  # noqa: SIM115 - open as long as the spool is
            self._file.seek(self._end)
            self._file.write(b"".join((head, chunk.rows, chunk.heap, chunk.marks, noted)))
        except OSError as error:
            raise no_room("rows cannot be set aside here", error) from error
        self._end = self._file.tell()
        return self._end

    def read(self, at: int) -> tuple[Chunk, Any, int]:
        """Return the chunk that begins at *at*, its note, and where the next one begins."""
        assert self._file is not None, "what is read was written"
        self._file.seek(at)
        count, heap, marks, noted = _HEAD.unpack(self._file.read(_HEAD.size))
        rows = self._file.read(count * ROW_BYTES)
        ids, bits = self._file.read(heap), self._file.read(marks)
        note, refused = orjson.loads(self._file.read(noted))
        return Chunk(count, rows, ids, [tuple(each) for each in refused], bits), note, self._file.tell()

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Region(Iterator[tuple[Chunk, Any]]):
    """Chunks that are written one after another, with no other region in between, and read back once."""

    def __init__(self, spool: Spool) -> None:
        self._spool: Final = spool
        self._at = -1  # of the next chunk to read; -1 while there is none
        self._end = -1

    def write(self, chunk: Chunk, note: Any = None) -> None:
        """Append *chunk*."""
        if self._at < 0:
            self._at = self._spool.end
        else:
            assert self._end == self._spool.end, "regions are written one after the other"
        self._end = self._spool.write(chunk, note)

    def __next__(self) -> tuple[Chunk, Any]:
        if self._at == self._end:
            raise StopIteration
        chunk, note, self._at = self._spool.read(self._at)
        return chunk, note


def no_room(what: str, error: OSError) -> SourceError:
    """Return the error for a temporary file that cannot be written; *what* says what fails because of it."""
    folder = tempfile.gettempdir()
    return SourceError(
        f"{folder}: {what} ({error.strerror or error}): free some space, or set TMPDIR to a folder on another disk",
        path=folder,
    )
