"""A file's bytes as text: decompressed according to its first bytes, never its name, in bounded pieces.

gzip, xz, lzma (such as Dukascopy's .bi5) and zstd are decompressed, and UTF-16 and UTF-32 are converted. The output is
counted against the `Limits`. Seeking is a seek in a plain file; in a compressed one everything before is decompressed
again and dropped.
"""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import os
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Final, Protocol

import zstandard

from mtf.errors import HostileFile, SourceError
from mtf.sources.limits import Limits

if TYPE_CHECKING:
    from mtf.sources.row_reader import Reader

__all__ = ["CHUNK_BYTES", "MAGIC_BYTES", "ZIP", "Stream", "compression", "open_stream"]

CHUNK_BYTES: Final = 256 * 1024
MAGIC_BYTES: Final = 16
ZSTD_BLOCK_BYTES_MAX: Final = 128 * 1024

ZIP: Final = "zip"
_MAGIC: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"\x5d\x00\x00", "lzma"),
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
)


def compression(head: bytes) -> str:
    """Return the compression of a file, from *head*, its first `MAGIC_BYTES`; "" for none."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    return ""


_DAMAGE: Final = (
    EOFError,
    OSError,  # includes a bad gzip file
    UnicodeError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
    zstandard.ZstdError,
)


class Pieces(Protocol):
    """A source of bytes: `read` returns at most that many, and none at the end."""

    def read(self, size: int, /) -> bytes: ...


class Stream:
    """The bytes of one text. `offset` counts those read; `raw` is the open file, which it closes.

    With `returns`, lines end with only a carriage return, and are read as if with a line break.
    """

    def __init__(self, place: str, raw: IO[bytes], pieces: Pieces, limits: Limits, compressed_bytes: int) -> None:
        self.place: Final = place
        self.offset = 0
        self.returns = False
        self._raw: Final = raw
        self._pieces: Final = pieces
        self._limits: Final = limits
        self._compressed_bytes: Final = compressed_bytes  # 0 if the file is plain

    @property
    def seekable(self) -> bool:
        """Whether `skip_to` is a seek: the text is in the file uncompressed."""
        return not self._compressed_bytes and self._pieces is self._raw

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Return the next bytes, at most *size*, and none at the end; SourceError if they are damaged."""
        try:
            piece = self._pieces.read(size)
        except _DAMAGE as error:
            raise _damaged(self.place, self.offset, error) from error
        self.offset += len(piece)
        if self._compressed_bytes:
            self._check()
        return piece.replace(b"\r", b"\n") if self.returns else piece

    @property
    def grows(self) -> bool:
        """Whether it may grow while it is read, or later: it is a plain file."""
        return not self._compressed_bytes and not hasattr(self._raw, "ready")

    def ready(self) -> bool:
        """Whether there is something to read, or the end; for a pipe False after a moment without either."""
        ready = getattr(self._raw, "ready", None)
        return ready is None or ready()

    def skip_to(self, offset: int) -> None:
        """Continue at byte *offset* of the text; SourceError if it is shorter."""
        if self.seekable and self.grows:
            if offset > self._raw.seek(0, io.SEEK_END):
                raise self._too_short(offset)
            self._raw.seek(offset)
            self.offset = offset
            return
        assert offset >= self.offset, "decompressed text, or a pipe, can only be skipped forward"
        while self.offset < offset:
            if not self.read(min(CHUNK_BYTES, offset - self.offset)):
                raise self._too_short(offset)

    def serve(self, reader: Reader) -> None:
        """Give *reader* what it needs besides the bytes: for text, nothing."""

    def stat(self) -> os.stat_result:
        """Return the identity of the open file."""
        return os.fstat(self._raw.fileno())

    def start(self, size: int) -> bytes:
        """Return the first *size* bytes of the open file, wherever its position is."""
        at = self._raw.tell()
        self._raw.seek(0)
        try:
            return self._raw.read(size)
        finally:
            self._raw.seek(at)

    def raw_offset(self) -> int:
        """Return how far the file itself has been read."""
        return self._raw.tell()

    def close(self) -> None:
        self._raw.close()

    def _too_short(self, offset: int) -> SourceError:
        return SourceError(
            f"{self.place}: ends before byte {offset}, up to which it was read before, so it is now a different file",
            path=self.place,
        )

    def _check(self) -> None:
        limits = self._limits
        if self.offset > limits.expanded_bytes:
            raise HostileFile(
                f"{self.place}: {self._compressed_bytes} bytes expand to more than {limits.expanded_bytes}; "
                "if that is expected, raise {limit}",
                path=self.place,
                limit="expanded_bytes",
            )
        packed = max(self._compressed_bytes, self._raw.tell())  # for a pipe, only the bytes so far are known
        if self.offset > limits.ratio_from_bytes and self.offset > limits.ratio * packed:
            raise HostileFile(
                f"{self.place}: a decompression bomb: more than {limits.ratio} bytes expand from each of its "
                f"{packed}; if it is not one, raise {{limit}}",
                path=self.place,
                limit="ratio",
            )


def _damaged(place: str, offset: int, error: Exception) -> SourceError:
    return SourceError(
        f"{place}: damaged after {offset} bytes of text ({error}): get a new copy of the file", path=place
    )


def open_stream(place: str, raw: IO[bytes], size: int, limits: Limits, *, archived: bool = False) -> Stream:
    """Return the text of *raw*, an open file of *size* bytes, at its start; takes *raw* over.

    With *archived*, *raw* is a member of an archive whose compressed size is *size*, and must be plain.
    """
    try:
        return _opened(place, raw, size, limits, archived=archived)
    except _DAMAGE as error:
        raw.close()
        raise _damaged(place, 0, error) from error
    except BaseException:
        raw.close()
        raise


def _opened(place: str, raw: IO[bytes], size: int, limits: Limits, *, archived: bool) -> Stream:
    head = raw.read(MAGIC_BYTES)
    raw.seek(0)
    name = compression(head)
    if not name:
        return Stream(place, raw, _as_utf8(raw, head), limits, max(1, size) if archived else 0)
    if archived:
        raise HostileFile(f"{place}: {name} inside an archive is not supported: decompress it first", path=place)
    pieces = _decompressor(name, place, raw, limits)
    stream = Stream(place, raw, pieces, limits, max(1, size))
    first = stream.read(MAGIC_BYTES)
    inner = compression(first)
    if inner and inner != "lzma":
        raise HostileFile(f"{place}: {inner} inside {name} is not supported: decompress it first", path=place)
    raw.seek(0)
    return Stream(place, raw, _as_utf8(_decompressor(name, place, raw, limits), first), limits, max(1, size))


def _decompressor(name: str, place: str, raw: IO[bytes], limits: Limits) -> Pieces:
    if name == "gzip":
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if name in {"xz", "lzma"}:
        return _Lzma(raw, limits.window_bytes)
    if name == "zstd":
        return _Zstd(raw, limits.window_bytes)
    raise SourceError(f"{place}: {name} is not supported: decompress it, or use gzip, xz, zstd or zip", path=place)


def _as_utf8(pieces: Pieces, head: bytes) -> Pieces:
    """Return *pieces* as UTF-8, if *head*, its first bytes, says that it is UTF-16 or UTF-32."""
    encoding = _encoding(head)
    return _Decoded(pieces, encoding) if encoding else pieces


def _encoding(head: bytes) -> str:
    """Return UTF-16 or UTF-32 if *head* has its mark, or no mark and every other byte zero; else nothing."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) == MAGIC_BYTES:
        for encoding, zeros, text in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
            if not any(zeros) and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in text):
                return encoding
    return ""


class _Lzma:
    """xz and lzma, any number of streams one after another, with a bound on the window."""

    def __init__(self, raw: IO[bytes], window_bytes: int) -> None:
        self._raw: Final = raw
        self._window_bytes: Final = window_bytes
        self._decoder = self._new()

    def _new(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=self._window_bytes)

    def read(self, size: int, /) -> bytes:
        while True:
            decoder = self._decoder
            if decoder.eof:
                rest = decoder.unused_data.lstrip(b"\x00") or self._raw.read(CHUNK_BYTES).lstrip(b"\x00")
                if not rest:
                    return b""
                self._decoder = decoder = self._new()
                piece = decoder.decompress(rest, size)
            elif decoder.needs_input:
                more = self._raw.read(CHUNK_BYTES)
                if not more:
                    raise EOFError("the compressed data is cut short")
                piece = decoder.decompress(more, size)
            else:
                piece = decoder.decompress(b"", size)
            if piece:
                return piece


class _Zstd:
    """zstd, any number of frames one after another, a block at a time.

    Walks the frames itself (RFC 8878, section 3.1), so that the output of one step is bounded, and a truncated file is
    an error, which the library's own reader would take for a shorter file.
    """

    def __init__(self, raw: IO[bytes], window_bytes: int) -> None:
        self._raw: Final = raw
        self._library: Final = zstandard.ZstdDecompressor(max_window_size=window_bytes)
        self._decoder: zstandard.ZstdDecompressionObj | None = None  # of the frame being read
        self._checksum = False  # whether four bytes follow its last block
        self._ready = b""  # decompressed, but not read yet

    def read(self, size: int, /) -> bytes:
        while not self._ready:
            if self._decoder is None:
                if not self._next_frame():
                    return b""
            else:
                self._ready = self._block(self._decoder)
        piece, self._ready = self._ready[:size], self._ready[size:]
        return piece

    def _next_frame(self) -> bool:
        """Read the header of a frame, skipping skippable frames; False at the end of the file."""
        while True:
            magic = self._raw.read(4)
            if not magic:
                return False
            if magic[1:] != b"\x2a\x4d\x18" or magic[0] & 0xF0 != 0x50:
                break
            left = int.from_bytes(self._exactly(4), "little")
            while left > 0:
                left -= len(self._exactly(min(left, CHUNK_BYTES)))
        if magic != b"\x28\xb5\x2f\xfd":
            raise EOFError("what follows is not zstd")
        descriptor = self._exactly(1)
        single = descriptor[0] >> 5 & 1
        rest = (0 if single else 1) + (0, 1, 2, 4)[descriptor[0] & 3] + (single, 2, 4, 8)[descriptor[0] >> 6]
        self._checksum = bool(descriptor[0] & 4)
        self._decoder = self._library.decompressobj()
        self._ready = self._decoder.decompress(magic + descriptor + self._exactly(rest))
        return True

    def _block(self, decoder: zstandard.ZstdDecompressionObj) -> bytes:
        header = self._exactly(3)
        word = int.from_bytes(header, "little")
        size = 1 if word >> 1 & 3 == 1 else word >> 3  # a run is one byte, and the size is its length
        if size > ZSTD_BLOCK_BYTES_MAX:
            raise EOFError(f"a block of {size} bytes")
        data = header + self._exactly(size)
        if word & 1:
            self._decoder = None
            if self._checksum:
                data += self._exactly(4)
        return decoder.decompress(data)

    def _exactly(self, size: int) -> bytes:
        data = self._raw.read(size)
        if len(data) < size:
            raise EOFError("the compressed data is cut short")
        return data


class _Decoded:
    """Text in another *encoding*, as UTF-8; a byte order mark is removed."""

    def __init__(self, pieces: Pieces, encoding: str) -> None:
        self._pieces: Final = pieces
        self._decoder: Final = codecs.getincrementaldecoder(encoding)()

    def read(self, size: int, /) -> bytes:
        while True:
            raw = self._pieces.read(max(2, size // 2))
            text = self._decoder.decode(raw, final=not raw)
            if text or not raw:
                return text.encode()
