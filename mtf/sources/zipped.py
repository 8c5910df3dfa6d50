"""Members of a zip file: listed, checked and read in place, never extracted.

The size of the directory is checked before it is read; then every name in it, and the declared sizes. An archive with
paths outside itself, with another archive inside, or encrypted, is refused completely.
"""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, Final

from mtf.errors import HostileFile, SourceError
from mtf.sources.limits import Limits
from mtf.sources.natural import natural_key

__all__ = ["ZipArchive"]

END_BYTES: Final = 22
COMMENT_BYTES_MAX: Final = 65_535
DIRECTORY_BYTES_A_MEMBER_MAX: Final = 1_024
ENCRYPTED: Final = 0x1
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_DAMAGE: Final = (
    zipfile.BadZipFile,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    UnicodeError,
    EOFError,
)


class ZipArchive:
    """A zip file that has passed every check; `members` in natural order of their names."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path: Final = path
        self._size: Final = path.stat().st_size
        self._limits: Final = limits
        self._zip: zipfile.ZipFile | None = None  # open while members are being read
        try:
            self.members: Final = self._checked(self._opened().infolist())
        finally:
            self.close()

    def size(self, member: str) -> int:
        """Return the compressed size of *member*."""
        return self._opened().getinfo(member).compress_size

    def expanded(self, member: str) -> int:
        """Return the declared uncompressed size of *member*."""
        return self._opened().getinfo(member).file_size

    def open(self, member: str) -> IO[bytes]:
        """Open *member* for reading; the archive stays open with it, until `close`."""
        try:
            return self._opened().open(member)
        except _DAMAGE as error:
            raise SourceError(
                f"{self.path}!{member}: damaged ({error}): get a new copy of the file", path=str(self.path)
            ) from error

    def close(self) -> None:
        """Close the file. It is opened again when a member is needed."""
        if self._zip is not None:
            self._zip.close()
            self._zip = None

    def _opened(self) -> zipfile.ZipFile:
        if self._zip is None:
            path = self.path
            _check_directory(path, path.stat().st_size, self._limits)
            try:
                self._zip = zipfile.ZipFile(path)
            except _DAMAGE as error:
                raise SourceError(
                    f"{path}: cannot be read as a zip file ({error}): get a new copy", path=str(path)
                ) from error
        return self._zip

    def _checked(self, infos: list[zipfile.ZipInfo]) -> list[str]:
        limits = self._limits
        expanded = 0
        names: set[str] = set()
        for info in infos:
            place = f"{self.path}!{info.filename}"
            parts = PurePosixPath(info.filename.replace("\\", "/"))
            if (
                parts.is_absolute()
                or ".." in parts.parts
                or _DRIVE.match(info.filename)
                or "\x00" in info.orig_filename
            ):
                raise HostileFile(f"{place}: its path is outside of the archive: do not trust this file", path=place)
            if info.flag_bits & ENCRYPTED:
                raise HostileFile(f"{place}: encrypted: decrypt it first", path=place)
            if info.is_dir():
                continue
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise SourceError(f"{place}: compressed with an unsupported method: use deflate", path=place)
            if info.filename in names:
                raise HostileFile(f"{place}: twice in the archive: do not trust this file", path=place)
            names.add(info.filename)
            expanded += info.file_size
        large = expanded > limits.expanded_bytes
        if large or (expanded > limits.ratio_from_bytes and expanded > limits.ratio * self._size):
            raise HostileFile(
                f"{self.path}: a decompression bomb: {expanded} bytes in a file of {self._size}; "
                "if it is not one, raise {limit}",
                path=str(self.path),
                limit="expanded_bytes" if large else "ratio",
            )
        return sorted(names, key=natural_key)


def _check_directory(path: Path, size: int, limits: Limits) -> None:
    """Read the size of the directory before anything reads the directory."""
    with path.open("rb") as file:
        file.seek(max(0, size - END_BYTES - COMMENT_BYTES_MAX))
        tail = file.read(END_BYTES + COMMENT_BYTES_MAX)
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < END_BYTES:
            raise SourceError(f"{path}: the end of the zip file is missing: get a new copy", path=str(path))
        count, directory_bytes = struct.unpack_from("<H", tail, at + 10)[0], struct.unpack_from("<I", tail, at + 12)[0]
        if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
            file.seek(min(size, struct.unpack_from("<Q", tail, at - 12)[0]))
            record = file.read(56)
            if len(record) == 56 and record[:4] == b"PK\x06\x06":
                count, directory_bytes = struct.unpack_from("<QQ", record, 32)
    if count > limits.members or directory_bytes > limits.members * DIRECTORY_BYTES_A_MEMBER_MAX:
        raise HostileFile(
            f"{path}: {count} members in a directory of {directory_bytes} bytes are too many; "
            "if that is expected, raise {limit}",
            path=str(path),
            limit="members",
        )
