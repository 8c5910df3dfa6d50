"""A pipe: bytes that come only once, from start to end. The first ones are kept until the format is known.

Once there are rows, it waits only briefly for more of the start, so that a slow feed is read as it comes.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import stat
import sys
from pathlib import Path
from typing import IO, Any, Final

import xxhash

from mtf.errors import SourceError
from mtf.sources.input_files import HEAD_BYTES, InputFile
from mtf.sources.limits import Limits
from mtf.sources.streams import MAGIC_BYTES, ZIP, Stream, compression, open_stream

__all__ = ["STDIN", "PipedFile", "is_pipe"]

STDIN: Final = "stdin"  # the name of standard input in messages and in the log
PIPE: Final = "pipe"  # and that of a pipe made by a shell, `<(zcat file.gz)`
PIECE_BYTES: Final = 65_536
HEAD_WAIT_S: Final = 1.0  # how long to wait for more of the start once there are rows
TURN_WAIT_S: Final = 0.05  # how long to wait for rows before other tasks get their turn
HEAD_LINES: Final = 2  # a header and a row

_STANDARD: Final = frozenset(("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"))


def is_pipe(path: str | os.PathLike[str]) -> bool:
    """Whether *path* can only be read once: standard input (`-`), a pipe, a socket, a device."""
    if os.fspath(path) in _STANDARD:
        return True
    with contextlib.suppress(OSError, ValueError):
        mode = os.stat(path).st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)
    return False


class PipedFile(InputFile):
    """The text that comes through the pipe *path*. It can be opened once; examining its start does not count."""

    def __init__(self, path: str | os.PathLike[str], limits: Limits) -> None:
        self._standard: Final = os.fspath(path) in _STANDARD
        self._file_path: Final = path
        label = Path(_label(path))
        super().__init__(label, label, limits)
        self._once: _Once | None = None  # set at the first look
        self._opened = False

    @property
    def endless(self) -> bool:
        return True

    @property
    def file_bytes(self) -> int:
        """0: unknown."""
        return 0

    @property
    def text_bytes(self) -> int:
        return 0

    @property
    def check_bytes(self) -> int:
        """The number of first bytes that identify the text."""
        return min(HEAD_BYTES, len(self._source().kept))

    def open(self) -> Stream:
        if self._opened:
            raise SourceError(f"{self.place}: a pipe can only be read once: start its writer again", path=self.place)
        stream = self._stream()
        self._opened = True
        self._source().keep = False
        return stream

    @property
    def head(self) -> bytes:
        if self._head is None:
            stream = self._stream()
            head = b""
            source = self._source()
            while len(head) < HEAD_BYTES:
                if not source.whole and source.at == len(source.kept):
                    break  # everything so far
                piece = stream.read(HEAD_BYTES - len(head))
                if not piece:
                    break
                head += piece
            self._head_whole = source.ended and source.at == len(source.kept) and len(head) < HEAD_BYTES
            self._head = self._unreturned(head)
        return self._head

    def check(self, head_bytes: int) -> str:
        source = self._source()
        if len(source.kept) < head_bytes:
            source.gather(head_bytes, lines=0)
        return xxhash.xxh3_64_hexdigest(bytes(source.kept[:head_bytes]))

    def hurry(self) -> None:
        """Make reads return at once: the caller asks again, and does other things meanwhile."""
        self._source().turn_wait_s = 0.0

    def forget(self) -> None:
        """Keep the head: the start does not come again."""

    def close(self) -> None:
        if self._once is not None:
            self._once.close()

    def _stream(self) -> Stream:
        """Return the text from its start, unless that has been consumed."""
        source = self._source()
        source.at = 0
        kind = compression(bytes(source.kept[:MAGIC_BYTES]))
        if kind == ZIP:
            raise SourceError(
                f"{self.place}: a zip file has its directory at the end, so it cannot be read from a pipe: use the "
                "file itself",
                path=self.place,
            )
        source.whole = bool(kind)
        stream = open_stream(self.place, source, 0, self.limits)  # type: ignore[arg-type]
        stream.returns = self.returns
        return stream

    def _source(self) -> _Once:
        if self._once is None:
            try:
                file = _standard_input() if self._standard else open(self._file_path, "rb", buffering=0)  # noqa: SIM115
            except OSError as error:
                raise SourceError(f"{self.place}: {error.strerror or error}", path=self.place) from error
            self._once = _Once(file, owned=not self._standard)
            self._once.gather(MAGIC_BYTES, lines=0)
            if not compression(bytes(self._once.kept[:MAGIC_BYTES])):
                self._once.gather(HEAD_BYTES, lines=HEAD_LINES)
        return self._once


def _label(path: str | os.PathLike[str]) -> str:
    """Return the name of the pipe *path* in messages and in the log."""
    text = os.fspath(path)
    if text in _STANDARD:
        return STDIN
    return PIPE if re.fullmatch(r"/(dev|proc/[^/]+)/fd/\d+", text) else text


def _standard_input() -> Any:
    """Return standard input without its buffer, so that only the system holds back data."""
    return getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)


class _Once:
    """A file that is read once, which can return to its start as long as everything is kept."""

    def __init__(self, file: IO[bytes], *, owned: bool) -> None:
        self._file: Final = file
        self._owned: Final = owned  # to be closed here
        self.kept: Final = bytearray()  # from the start on
        self.keep = True  # keep what comes
        self.whole = False  # a read returns as much as requested, or everything; otherwise what has arrived
        self.ended = False
        self.turn_wait_s = TURN_WAIT_S
        self.at = 0  # the next byte to return

    def read(self, size: int = -1, /) -> bytes:
        piece = self._read_some(size)
        while self.whole and len(piece) < size:
            more = self._read_some(size - len(piece))
            if not more:
                break
            piece += more
        return piece

    def _read_some(self, size: int) -> bytes:
        piece = bytes(self.kept[self.at : self.at + size]) or self._next(size)
        self.at += len(piece)
        return piece

    def _next(self, size: int) -> bytes:
        if self.ended:
            return b""
        piece = self._file.read(size) or b""
        self.ended = not piece
        if self.keep:
            self.kept.extend(piece)
        return piece

    def gather(self, size: int, *, lines: int) -> None:
        """Wait for *size* bytes or the end; once there are *lines* lines, only as long as more arrives."""
        assert self.keep, "data that was read finally is not kept"
        while len(self.kept) < size and not self.ended:
            if lines and self.kept.count(b"\n") >= lines and not self._comes(HEAD_WAIT_S):
                return
            self._next(PIECE_BYTES)

    def ready(self) -> bool:
        """Whether a read does not have to wait."""
        return self.ended or self.at < len(self.kept) or self._comes(self.turn_wait_s)

    def _comes(self, seconds: float) -> bool:
        try:
            return bool(select.select([self._file], [], [], seconds)[0])
        except (OSError, ValueError, TypeError):  # it cannot be waited for
            return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        assert offset == 0, "a pipe can only be read again from its start"
        assert whence == os.SEEK_SET, "its end is not known"
        self.at = 0
        return 0

    def tell(self) -> int:
        return self.at

    def close(self) -> None:
        if self._owned:
            self._file.close()
