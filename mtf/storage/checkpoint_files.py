"""Checkpoints as files: written under another name, synced, renamed.

Owns the folder and its file names, which are never taken from the names of parts. Histories are in files of their own
beside the checkpoints (`mtf.storage.stored_histories`), each of which stays as long as a checkpoint may refer to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from weakref import WeakValueDictionary

from mtf.errors import CorruptCheckpoint, DataDirError
from mtf.gil import make_way
from mtf.image import StoredRows
from mtf.log.filesystem import FileSystem, OsFileSystem, join, make_directories, write_all
from mtf.loggers import report
from mtf.saved_parts import Part, WindowsPart
from mtf.storage.checkpoint_store import (
    HEADER_BYTES,
    KEEP,
    Checkpoint,
    checkpoint_bytes_max,
    decode_checkpoint,
    encoded_pieces,
)
from mtf.storage.row_file import PIECE_BYTES, Reference, RowFile, Scan, seq_in
from mtf.storage.stored_histories import Chain, open_histories, readable_histories, references_of, save_histories

__all__ = ["FileCheckpointStore"]

PREFIX: Final = "checkpoint-"
ROWS: Final = "rows-"
REFERENCES: Final = "stored histories"  # the part that says where they are
SUFFIX: Final = ".mtf"
FRESH: Final = ".new"
SEQ_DIGITS: Final = 19
READ_BYTES: Final = 16 << 20
WRITE_BYTES: Final = 1 << 20  # small writes end so soon that a waiting event loop does not get Python's global lock
SCRUB_BYTES: Final = 1 << 20  # that are checked again at a time, so many times with each checkpoint:
SCRUBS: Final = 16

# Within the class below, `list` is a method.
Seqs: TypeAlias = list[int]
Names: TypeAlias = list[str]


class FileCheckpointStore:
    """The checkpoints in one folder, which is created when the first is saved."""

    def __init__(
        self, directory: str | Path, *, fs: FileSystem | None = None, keep: int = KEEP, symbol_bytes: int = 0
    ) -> None:
        """*symbol_bytes* is the maximum size of the state of one symbol in its configuration."""
        assert keep > 0, "at least one checkpoint is kept"
        self._symbol_bytes: Final = symbol_bytes
        self.directory: Final = str(directory)
        self._fs: Final = fs or OsFileSystem()
        self._keep: Final = keep
        self._files_of: dict[int, Names] = {}  # to which checkpoints refer, of those that were read or written
        self._chains: Mapping[str, Chain] = {}  # of the checkpoint that was saved last
        self._seq = 0
        self._scans: dict[Reference, Scan] = {}  # of their files, those that are not yet over
        self._damaged: Final[set[str]] = set()  # names of files that turned out to be
        self._opened: Final[WeakValueDictionary[Reference, RowFile]] = WeakValueDictionary()

    def save(self, seq: int, meta: dict[str, Any], parts: Mapping[str, Part]) -> Path:
        """Write the checkpoint of *seq* and return its path once it is durable; then remove the oldest beyond `keep`.

        OSError if a write or sync fails, ValueError if it is larger than `read` accepts; existing checkpoints are
        unchanged.
        """
        fs = self._fs
        if fs.kind(self.directory) == "nothing":
            make_directories(fs, self.directory)
        path = self.place_of(seq)
        for name in self._names():
            if name.endswith(FRESH):
                fs.remove(join(self.directory, name))
        self._remove_unused()
        windows = {name: part for name, part in parts.items() if isinstance(part, WindowsPart)}
        chains = self._save_histories(seq, windows)
        files: Names = []
        others = {name: part for name, part in parts.items() if name not in windows}
        if chains:
            others[REFERENCES], files = references_of(chains)
        pieces = encoded_pieces(seq, meta, others, checkpoint_bytes_max(seq, self._symbol_bytes))
        file = fs.open(path + FRESH, "create")
        try:
            for group in _grouped(pieces):
                write_all(fs, file, path, group)
                make_way()
            fs.sync(file)
        finally:
            fs.close(file)
        fs.rename(path + FRESH, path)
        fs.sync_directory(self.directory)
        for name, part in windows.items():
            part.image.core.stored = chains[name]
        self._chains, self._seq = chains, seq
        if REFERENCES not in parts:  # with references from elsewhere it may refer to any file
            self._files_of[seq] = files
        for old in self.list()[: -self._keep]:
            fs.remove(self.place_of(old))
        self._remove_unused()
        return Path(path)

    def list(self) -> Seqs:
        """Return the seqs of the existing checkpoints, good or not, oldest first."""
        return sorted(seq for seq in map(_seq_of, self._names()) if seq >= 0)

    def read(self, seq: int) -> Checkpoint:
        """Return the checkpoint of *seq*; CorruptCheckpoint if it is damaged, DataDirError if it is not a file.

        NewerCheckpoint if it has a newer format.
        """
        path = self.place_of(seq)
        if self._fs.kind(path) != "file":
            raise DataDirError(f"{path}: not a plain file; links and devices are refused")
        limit = checkpoint_bytes_max(seq, self._symbol_bytes)
        found = decode_checkpoint(self._bytes_of(path, limit), path, limit)
        if found.seq != seq:
            raise CorruptCheckpoint(f"{path}: contains the checkpoint of seq {found.seq}", path=path)
        references = found.parts.get(REFERENCES, b"")
        files: Names = []
        if references:
            piece_max = self._piece_max(seq)
            histories, files = open_histories(self._fs, self.directory, references, path, piece_max, self._opened)
            found = found._replace(histories=histories)
        self._files_of[seq] = files
        return found

    def place_of(self, seq: int) -> str:
        """Return the path of the checkpoint of *seq*."""
        return join(self.directory, f"{PREFIX}{seq:0{SEQ_DIGITS}d}{SUFFIX}")

    def discard_after(self, seq: int) -> Seqs:
        """Remove and return the checkpoints of later seqs: the log now ends at *seq*."""
        ahead = [found for found in self.list() if found > seq]
        for found in ahead:
            self._fs.remove(self.place_of(found))
        if ahead:
            self._fs.sync_directory(self.directory)
            self._remove_unused()
        return ahead

    def histories(self) -> Mapping[str, StoredRows]:
        """Return the histories of the checkpoint that was saved last, by part, to be read later."""
        return readable_histories(self._fs, self._chains, self._piece_max(self._seq), self._opened)

    def _save_histories(self, seq: int, windows: Mapping[str, WindowsPart]) -> dict[str, Chain]:
        """Store what is new in histories, and return where all of them are."""
        self._scrub()
        names = set(self._names()) - self._damaged
        k = 0
        while self._fs.kind(join(self.directory, name := f"{ROWS}{seq:0{SEQ_DIGITS}d}-{k}{SUFFIX}")) != "nothing":
            k += 1
        images = {part: each.image for part, each in windows.items()}
        fresh = join(self.directory, name + FRESH)
        chains, size = save_histories(self._fs, self.directory, names, name, fresh, seq, images)
        for each in windows.values():
            each.size = 0
        if windows:
            next(iter(windows.values())).size = size  # of all: they are in one file
        return chains

    def _piece_max(self, seq: int) -> int:
        """Return how many bytes a piece of history rows may have: what was written before a symbol, and a symbol's."""
        return PIECE_BYTES + (self._symbol_bytes or checkpoint_bytes_max(seq, 0))

    def _scrub(self) -> None:
        """Check some more of the files to which the newest checkpoint refers: the next ones will refer to them, too.

        What is in a damaged one is written again.
        """
        links = [link for chain in self._chains.values() for link in chain.links]
        used = dict.fromkeys(link.reference for link in links if link.reference.name not in self._damaged)
        self._scans = {each: scan for each, scan in self._scans.items() if each in used} or {
            each: Scan(self._fs, join(self.directory, each.name), each) for each in used
        }
        for _ in range(SCRUBS):
            if not self._scans:
                break
            reference, scan = next(iter(self._scans.items()))
            path = join(self.directory, reference.name)
            try:
                file = self._fs.open(path, "read")
                try:
                    over = scan.advance(file, SCRUB_BYTES)
                finally:
                    self._fs.close(file)
            except (CorruptCheckpoint, OSError) as error:
                self._damaged.add(reference.name)
                report("histories_damaged", f"{error}: what is in it is stored again", path=path, reason=str(error))
                over = True
            if over:
                del self._scans[reference]
            make_way()

    def _remove_unused(self) -> None:
        """Remove the files of histories to which no checkpoint can refer."""
        seqs = self.list()
        used = {name for seq in seqs for name in self._files_of.get(seq, ())}
        # One that was never read or written here may refer to any file that is no later.
        unread = max((seq for seq in seqs if seq not in self._files_of), default=-1)
        for name in self._names():
            if name not in used and seq_in(name) > unread:
                self._fs.remove(join(self.directory, name))
        self._files_of = {seq: self._files_of[seq] for seq in seqs if seq in self._files_of}

    def _names(self) -> Names:
        kind = self._fs.kind(self.directory)
        if kind == "nothing":
            return []
        if kind != "directory":
            raise DataDirError(f"{self.directory}: not a plain directory; links are refused")
        return self._fs.names(self.directory)

    def _bytes_of(self, path: str, limit: int) -> bytes:
        file = self._fs.open(path, "read")
        try:
            size = self._fs.size(file)
            if size > limit + HEADER_BYTES:
                raise CorruptCheckpoint(f"{path}: {size} bytes, the limit is {limit}", path=path)
            parts = []
            at = 0
            while at < size and (part := self._fs.read(file, min(READ_BYTES, size - at), at)):
                parts.append(part)
                at += len(part)
            return b"".join(parts)
        finally:
            self._fs.close(file)


def _grouped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *pieces* joined to larger ones."""
    group = []
    size = 0
    for piece in pieces:
        group.append(piece)
        size += len(piece)
        if size >= WRITE_BYTES:
            yield b"".join(group)
            group, size = [], 0
    if group:
        yield b"".join(group)


def _seq_of(name: str) -> int:
    digits = name[len(PREFIX) : -len(SUFFIX)]
    fits = name.startswith(PREFIX) and name.endswith(SUFFIX) and len(digits) == SEQ_DIGITS
    return int(digits) if fits and digits.isascii() and digits.isdigit() else -1
