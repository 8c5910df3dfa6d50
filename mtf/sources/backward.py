"""A text read from its last line to its first, for files that have the newest row first.

The header lines come first, then the others from the end, each with its line break: rows added at the top of such a
file are added at the end of what is read here. The text is first copied, decompressed, into a temporary file, so that
memory is limited to one block and one line.
"""

from __future__ import annotations

import tempfile
from typing import IO, Final

import xxhash

from mtf.errors import HostileFile
from mtf.sources.input_files import InputFile
from mtf.sources.spool import no_room
from mtf.sources.streams import CHUNK_BYTES, Stream

__all__ = ["BackwardStream", "open_backward"]

BLOCK_BYTES: Final = 1 << 20
MARK: Final = b"\xef\xbb\xbf"
NO_ROOM: Final = "the text cannot be copied to a temporary file to be read backward"


def open_backward(part: InputFile, header_lines: int) -> BackwardStream:
    """Return the text of *part* backward, after its first *header_lines* lines."""
    try:
        file = tempfile.TemporaryFile(prefix="mtf-")  # noqa: SIM115 - the stream closes it
    except OSError as error:
        raise no_room(NO_ROOM, error) from error
    try:
        lines = _copy(part, file)
        return BackwardStream(part, file, header_lines, lines)
    except BaseException:
        file.close()
        raise


def _copy(part: InputFile, file: IO[bytes]) -> int:
    """Write the text of *part* to *file*, with a line break after its last line; return the number of lines."""
    stream = part.open()
    lines = 0
    last = b"\n"
    try:
        while piece := stream.read(CHUNK_BYTES):
            lines += piece.count(b"\n")
            last = piece[-1:]
            file.write(piece)
        if last != b"\n":
            lines += 1
            file.write(b"\n")
        file.flush()
    except OSError as error:
        raise no_room(NO_ROOM, error) from error
    finally:
        stream.close()
    return lines


class BackwardStream(Stream):
    """The text in *file*, a temporary copy, from its end; `lines` is its number of lines."""

    def __init__(self, part: InputFile, file: IO[bytes], header_lines: int, lines: int) -> None:
        self.lines: Final = lines
        self._backward: Final = _Backward(part, file, header_lines)
        super().__init__(part.place, file, self._backward, part.limits, 0)

    @property
    def grows(self) -> bool:
        """False: it ends with the newest line of the file, which is complete."""
        return False

    def raw_offset(self) -> int:
        """Return how much has been read, counted from the end of the file."""
        return self.offset

    def check(self, head_bytes: int) -> str:
        """Return the xxh3 of the first *head_bytes* of the text in the order in which it is read, in hexadecimal."""
        return xxhash.xxh3_64_hexdigest(self._backward.start(head_bytes))


class _Backward:
    """Pieces of the lines of *file*, the first *header_lines* lines first, then the others from the last one."""

    def __init__(self, part: InputFile, file: IO[bytes], header_lines: int) -> None:
        self._part: Final = part
        self._file: Final = file
        self._header_lines: Final = header_lines
        self._stop = 0  # where the rows begin
        self._at = 0  # the text before it is still to be read
        self._rest = b""  # the end, in the last block read, of a line that begins before it
        self._ready = b""  # lines in their order, to be handed out
        self._restart()

    def start(self, size: int) -> bytes:
        """Return the first *size* bytes, and begin again."""
        found = b""
        while len(found) < size and (piece := self.read(size - len(found))):
            found += piece
        self._restart()
        return found

    def read(self, size: int, /) -> bytes:
        while not self._ready:
            if self._at <= self._stop:
                self._ready, self._rest = self._rest, b""
                break
            begin = max(self._stop, self._at - BLOCK_BYTES)
            self._file.seek(begin)
            block = self._file.read(self._at - begin) + self._rest
            self._at = begin
            first = 0 if begin == self._stop else block.find(b"\n") + 1
            if first == 0 and begin > self._stop:
                self._check(len(block))
                self._rest = block  # the line begins further up
                continue
            self._rest = block[:first]
            self._ready = b"".join(line + b"\n" for line in reversed(block[first:-1].split(b"\n")))
        piece, self._ready = self._ready[:size], self._ready[size:]
        return piece

    def _check(self, size: int) -> None:
        if size > self._part.limits.line_bytes:
            raise HostileFile(
                f"{self._part.place}: a line longer than {self._part.limits.line_bytes} bytes is not market data; "
                "if this one is, raise {limit}",
                path=self._part.place,
                limit="line_bytes",
            )

    def _restart(self) -> None:
        self._file.seek(0)
        head = b"".join(self._file.readline() for _ in range(self._header_lines))
        self._stop = len(head)
        if not head and self._file.read(len(MARK)) == MARK:
            self._stop = len(MARK)
        self._at = self._file.seek(0, 2)
        self._rest = b""
        self._ready = head
