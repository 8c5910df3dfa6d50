"""The parts of a path, which are read one after another: files, or members of zip files.

A part knows one text's place, how to open it, and its start. Parts of a zip file are in natural order of their names;
those of a folder are found here, and sorted by time in `mtf.sources.opening`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Final

import xxhash

from mtf.errors import HostileFile, SourceError
from mtf.sources.limits import Limits
from mtf.sources.naming import stem_of, symbol_of, venue_of
from mtf.sources.natural import natural_key
from mtf.sources.streams import CHUNK_BYTES, MAGIC_BYTES, ZIP, Stream, compression, open_stream
from mtf.sources.zipped import ZipArchive

if TYPE_CHECKING:
    from mtf.sources.sniffing import SniffedTable

__all__ = ["GLANCE_BYTES", "HEAD_BYTES", "InputFile", "input_files_of"]

HEAD_BYTES: Final = 65_536  # of the text, to detect the format
GLANCE_BYTES: Final = 1_024


class InputFile:
    """One text: the file *path*, or its *member*. `name` is its path from *root* on, unlike that of any other part.

    That path is *relative* if it is known already; *begins* are the first bytes of the file, `MAGIC_BYTES` at most.
    """

    def __init__(
        self,
        path: Path,
        root: Path,
        limits: Limits,
        *,
        archive: ZipArchive | None = None,
        member: str = "",
        place: str = "",
        relative: str = "",
        begins: bytes = b"",
    ) -> None:
        self.path: Final = path
        self.root: Final = root
        self._head_bytes = HEAD_BYTES  # how much of a longer text `head` is
        self.member: Final = member
        self.limits: Final = limits
        self.begins: Final = begins
        relative = relative or (path.name if path == root else path.relative_to(root).as_posix())
        self.name: Final = f"{relative}!{member}" if member else relative
        self.place: Final = place or (f"{path}!{member}" if member else str(path))
        self._archive: Final = archive  # shared by the parts of one zip file
        self._head: bytes | None = None  # read once, on demand
        self._head_whole = False  # whether `_head` is the whole text
        self.returns = False  # lines end with only a carriage return, as far as known

    @property
    def names(self) -> tuple[str, ...]:
        """The names that describe it: the member's, then the file's, without folders."""
        return (self.member.rpartition("/")[2], self.path.name) if self.member else (self.path.name,)

    @property
    def symbol(self) -> str:
        """The symbol in its names, the member's first; "" for none."""
        symbols = [symbol_of(name, kinds=False) for name in self.names]
        return next(filter(None, symbols), "") or symbol_of(self.names[0])

    @property
    def stem(self) -> str:
        """The name of its content, without folders and suffixes."""
        return stem_of(self.names[0])

    @property
    def venue(self) -> str:
        """The venue or tool in its names, the member's first; "" for none."""
        return next(filter(None, map(venue_of, self.names)), "")

    @property
    def file_bytes(self) -> int:
        """The size of the file; for an archive, that of all its members."""
        try:
            return self.path.stat().st_size
        except OSError as error:
            raise SourceError(f"{self.path}: {error.strerror or error}", path=str(self.path)) from error

    @property
    def least_bytes(self) -> int:
        """The minimum size of the file once it has grown."""
        return self.file_bytes

    @property
    def endless(self) -> bool:
        """Whether its size is unknown."""
        return False

    @property
    def check_bytes(self) -> int:
        """The number of first bytes that identify the file; a growing file keeps them."""
        return min(HEAD_BYTES, self.file_bytes)

    def open(self) -> Stream:
        """Open the text at its start."""
        try:
            archive = self._archive
            if archive is not None:
                stream = open_stream(
                    self.place, archive.open(self.member), archive.size(self.member), self.limits, archived=True
                )
            else:
                stream = open_stream(self.place, self.path.open("rb"), self.file_bytes, self.limits)
        except OSError as error:
            raise SourceError(f"{self.place}: {error.strerror or error}", path=self.place) from error
        stream.returns = self.returns
        return stream

    @property
    def head(self) -> bytes:
        """The first `HEAD_BYTES` of the text, fewer for a `glance`."""
        if self._head is None:
            stream = self.open()
            try:
                head = b""
                while len(head) < self._head_bytes:
                    piece = stream.read(self._head_bytes - len(head))
                    if not piece:
                        self._head_whole = True
                        break
                    head += piece
            finally:
                stream.close()
            self._head = self._unreturned(head)
        return self._head

    @property
    def looked_at(self) -> bool:
        """Whether its `head` was needed: if not, what is known of it is from its path."""
        return self._head is not None

    def glance(self) -> InputFile:
        """Return the same text with a shorter `head`: for one of many that look alike."""
        found = copy(self)
        found._head, found._head_whole, found._head_bytes = None, False, GLANCE_BYTES
        return found

    @property
    def lines(self) -> list[str]:
        """The whole lines at the start of the text, without byte order mark and line breaks."""
        text = self.head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
        lines = text.split("\n")
        if not self._head_whole or not lines[-1]:
            lines.pop()
        return [line.removesuffix("\r") for line in lines] if "\r" in text else lines

    def _unreturned(self, head: bytes) -> bytes:
        """Return *head* with line breaks, even if its lines end with carriage returns, as the rest then does too."""
        self.returns = self.returns or (b"\n" not in head and b"\r" in head)
        return head.replace(b"\r", b"\n") if self.returns else head

    def table(self) -> SniffedTable | None:
        """Return the start of a table in columns; None for text."""
        return None

    @property
    def text_bytes(self) -> int:
        """The maximum of `Stream.raw_offset`."""
        return self.file_bytes if self._archive is None else self._archive.expanded(self.member)

    def forget(self) -> None:
        """Drop the head; it is read again when needed."""
        self._head = None

    def release(self) -> None:
        """Drop the head and close the archive; both are read again when needed."""
        self.forget()
        if self._archive is not None:
            self._archive.close()

    def close(self) -> None:
        """Close everything for good."""
        self.release()

    def check(self, head_bytes: int) -> str:
        """Return the xxh3 of the first *head_bytes* of the file itself, in hexadecimal."""
        try:
            with self.path.open("rb") as file:
                return xxhash.xxh3_64_hexdigest(file.read(min(head_bytes, CHUNK_BYTES)))
        except OSError as error:
            raise SourceError(f"{self.path}: {error.strerror or error}", path=str(self.path)) from error


def input_files_of(path: Path, limits: Limits, *, pattern: str = "*") -> Iterator[InputFile]:
    """Yield the parts of *path*, a file or a folder, in natural order; hidden files of a folder are skipped.

    *pattern* selects files of a folder by name. An archive stays open while its parts are yielded.
    """
    if not path.is_dir():
        yield from _input_files_of(path, path, limits, path.name)
        return
    count = 0
    for relative, file in _files(path, limits):
        if not file.match(pattern):
            continue
        for part in _input_files_of(file, path, limits, relative):
            count += 1
            if count > limits.members:
                raise HostileFile(
                    f"{path}: more than {limits.members} files; if that is expected, raise {{limit}}",
                    path=str(path),
                    limit="members",
                )
            yield part


def _files(root: Path, limits: Limits) -> list[tuple[str, Path]]:
    """Return the files in *root*, each with its path from there on; one more than allowed if there are more."""
    found: dict[str, Path] = {}
    _gather(root, "", found, limits.members + 1)
    return [(relative, found[relative]) for relative in sorted(found, key=natural_key)]


def _gather(folder: Path, relative: str, found: dict[str, Path], most: int) -> None:
    """Add the files in *folder*, whose path is *relative*, to *found*, until it has *most*; links to folders are not
    followed.
    """
    try:
        with os.scandir(folder) as entries:
            seen = [entry for entry in entries if not entry.name.startswith(".")]
    except PermissionError:
        return
    for entry in seen:
        if entry.is_file(follow_symlinks=False) or (entry.is_symlink() and Path(entry.path).is_file()):
            found[relative + entry.name] = folder / entry.name
            if len(found) >= most:
                return
    for entry in seen:
        if entry.is_dir(follow_symlinks=False):
            _gather(folder / entry.name, f"{relative}{entry.name}/", found, most)
            if len(found) >= most:
                return


def _input_files_of(path: Path, root: Path, limits: Limits, relative: str) -> Iterator[InputFile]:
    try:
        with path.open("rb") as file:
            head = file.read(MAGIC_BYTES)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}", path=str(path)) from error
    if compression(head) != ZIP:
        yield InputFile(path, root, limits, relative=relative, begins=head)
        return
    archive = ZipArchive(path, limits)
    try:
        for member in archive.members:
            yield InputFile(path, root, limits, archive=archive, member=member, relative=relative)
    finally:
        archive.close()
