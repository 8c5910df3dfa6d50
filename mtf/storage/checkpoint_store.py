"""Checkpoints as files: written under another name, synced, renamed; reading finds the newest good one.

Owns the format and the folder. Knows nothing of what is in a checkpoint: a JSON value and named bytes. A file is
checked against its checksums and limits before anything of its size is made; names of parts are never names of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from struct import Struct
from typing import Any, Final, NamedTuple, TypeAlias

import orjson
import zstandard
from xxhash import xxh3_64_intdigest

from mtf.errors import CorruptCheckpoint, DataDirError, NewerCheckpoint
from mtf.log.filesystem import FileSystem, OsFileSystem, join, make_directories
from mtf.log.pack import inflate

__all__ = ["CHECKPOINT_BYTES_MAX", "Checkpoint", "CheckpointStore", "Skipped"]

CHECKPOINT_BYTES_MAX: Final = 1 << 30  # before compression; the share of symbols is added
SYMBOLS_MAX: Final = 1 << 20
META_BYTES_MAX: Final = 64 << 20
PARTS_MAX: Final = 100_000
NAME_BYTES_MAX: Final = 1_000
KEEP: Final = 3
LEVEL: Final = 3
VERSION: Final = 1
MAGIC: Final = b"mtf-ckpt"
PREFIX: Final = "checkpoint-"
SUFFIX: Final = ".mtf"
FRESH: Final = ".new"
SEQ_DIGITS: Final = 19
READ_BYTES: Final = 16 << 20

# magic, version, flags, parts, seq, bytes stored, bytes before compression, checksum of the body
_HEADER: Final = Struct("<8sHHIQQQQ")
_SUM: Final = Struct("<Q")
_LENGTH: Final = Struct("<Q")
_PART: Final = Struct("<HQ")  # length of the name, length of the part
HEADER_BYTES: Final = _HEADER.size + _SUM.size


class Checkpoint(NamedTuple):
    """What `save` was given."""

    seq: int
    meta: dict[str, Any]
    parts: dict[str, bytes]
    path: str


class Skipped(NamedTuple):
    """A checkpoint that could not be used."""

    path: str
    reason: str


# Within the class below, `list` is a method.
Skips: TypeAlias = list[Skipped]
Seqs: TypeAlias = list[int]
Names: TypeAlias = list[str]


class CheckpointStore:
    """The checkpoints in one folder, which is made when the first is saved; one thread at a time."""

    def __init__(
        self, directory: str | Path, *, fs: FileSystem | None = None, keep: int = KEEP, symbol_bytes: int = 0
    ) -> None:
        """*symbol_bytes* is the most that the state of one symbol can take under its configuration."""
        assert keep > 0, "at least one checkpoint is kept"
        self._symbol_bytes: Final = symbol_bytes
        self.directory: Final = str(directory)
        self._fs: Final = fs or OsFileSystem()
        self._keep: Final = keep

    def save(self, seq: int, meta: dict[str, Any], parts: Mapping[str, bytes]) -> Path:
        """Write the checkpoint of *seq* and return its path once it is durable; then remove the oldest over `keep`.

        OSError if a write or sync fails, ValueError if it is larger than `read` takes; existing
        checkpoints stay as they were.
        """
        data = encode_checkpoint(seq, meta, parts, self._bytes_max(seq))
        fs = self._fs
        if fs.kind(self.directory) == "nothing":
            make_directories(fs, self.directory)
        path = join(self.directory, f"{PREFIX}{seq:0{SEQ_DIGITS}d}{SUFFIX}")
        for name in self._names():
            if name.endswith(FRESH):
                fs.remove(join(self.directory, name))
        file = fs.open(path + FRESH, "create")
        try:
            written = fs.write(file, data)
            if written != len(data):
                raise OSError(f"{path}: short write, {written} of {len(data)} bytes")
            fs.sync(file)
        finally:
            fs.close(file)
        fs.rename(path + FRESH, path)
        fs.sync_directory(self.directory)
        for old in self.list()[: -self._keep]:
            fs.remove(join(self.directory, f"{PREFIX}{old:0{SEQ_DIGITS}d}{SUFFIX}"))
        return Path(path)

    def list(self) -> Seqs:
        """Return the seqs of the existing checkpoints, good or not, oldest first."""
        return sorted(seq for seq in map(_seq_of, self._names()) if seq >= 0)

    def load(self, limit: int | None = None) -> tuple[Checkpoint | None, Skips]:
        """Return the newest good checkpoint of a seq that is not above *limit*, and those skipped on the way to it."""
        skipped: Skips = []
        for seq in reversed(self.list()):
            path = join(self.directory, f"{PREFIX}{seq:0{SEQ_DIGITS}d}{SUFFIX}")
            if limit is not None and seq > limit:
                skipped.append(Skipped(path, f"it stands at seq {seq}, after {limit}"))
                continue
            try:
                return self.read(seq), skipped
            except (CorruptCheckpoint, OSError) as error:
                skipped.append(Skipped(path, str(error)))
        return None, skipped

    def read(self, seq: int) -> Checkpoint:
        """Return the checkpoint of *seq*; CorruptCheckpoint if it is damaged, DataDirError if it is not a file.

        NewerCheckpoint if it is of a later format.
        """
        path = join(self.directory, f"{PREFIX}{seq:0{SEQ_DIGITS}d}{SUFFIX}")
        if self._fs.kind(path) != "file":
            raise DataDirError(f"{path}: not a plain file; links and devices are refused")
        limit = self._bytes_max(seq)
        found = decode_checkpoint(self._bytes_of(path, limit), path, limit)
        if found.seq != seq:
            raise CorruptCheckpoint(f"{path}: holds the checkpoint of seq {found.seq}", path=path)
        return found

    def discard_after(self, seq: int) -> Seqs:
        """Remove the checkpoints of later seqs and return which: their log ends at *seq* now."""
        ahead = [found for found in self.list() if found > seq]
        for found in ahead:
            self._fs.remove(join(self.directory, f"{PREFIX}{found:0{SEQ_DIGITS}d}{SUFFIX}"))
        if ahead:
            self._fs.sync_directory(self.directory)
        return ahead

    def _names(self) -> Names:
        kind = self._fs.kind(self.directory)
        if kind == "nothing":
            return []
        if kind != "directory":
            raise DataDirError(f"{self.directory}: not a plain directory; links are refused")
        return self._fs.names(self.directory)

    def _bytes_max(self, seq: int) -> int:
        """Return how many bytes the checkpoint of *seq* may have: that many events have at most that many symbols."""
        return CHECKPOINT_BYTES_MAX + min(seq, SYMBOLS_MAX) * self._symbol_bytes

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


def encode_checkpoint(
    seq: int, meta: dict[str, Any], parts: Mapping[str, bytes], limit: int = CHECKPOINT_BYTES_MAX
) -> bytes:
    """Return the file that holds a checkpoint; ValueError if it is past a limit."""
    encoded = orjson.dumps(meta, option=orjson.OPT_SORT_KEYS)
    pieces = [_LENGTH.pack(len(encoded)), encoded]
    for name, part in parts.items():
        encoded_name = name.encode()
        if len(encoded_name) > NAME_BYTES_MAX:
            raise ValueError(f"the name of a part, {name[:80]!r}..., is longer than {NAME_BYTES_MAX} bytes")
        pieces += (_PART.pack(len(encoded_name), len(part)), encoded_name, part)
    raw_bytes = sum(map(len, pieces))
    if raw_bytes > limit or len(encoded) > META_BYTES_MAX or len(parts) > PARTS_MAX:
        largest = max(parts, key=lambda name: len(parts[name]), default="")
        raise ValueError(
            f"the checkpoint takes {raw_bytes:,} bytes in {len(parts)} parts, the limit is {limit:,}; the largest is "
            f"{largest!r}: a consumer that has this much to save should keep it in a file of its own"
        )
    stored = zstandard.ZstdCompressor(level=LEVEL).compress(b"".join(pieces))
    head = _HEADER.pack(MAGIC, VERSION, 0, len(parts), seq, len(stored), raw_bytes, xxh3_64_intdigest(stored))
    return b"".join((head, _SUM.pack(xxh3_64_intdigest(head)), stored))


def decode_checkpoint(data: bytes, path: str, limit: int = CHECKPOINT_BYTES_MAX) -> Checkpoint:
    """Return the content of the file; CorruptCheckpoint if it is damaged or incomplete.

    NewerCheckpoint if it is of a later format: a header of which version, flags and checksum are where they are now.
    """
    if len(data) < HEADER_BYTES or data[:8] != MAGIC:
        raise CorruptCheckpoint(f"{path}: not a checkpoint", path=path)
    _, version, flags, count, seq, stored_bytes, raw_bytes, checksum = _HEADER.unpack_from(data)
    stored = memoryview(data)[HEADER_BYTES:]
    if xxh3_64_intdigest(data[: _HEADER.size]) != _SUM.unpack_from(data, _HEADER.size)[0]:
        raise CorruptCheckpoint(f"{path}: the header is damaged", path=path)
    if version > VERSION or (version == VERSION and flags):
        raise NewerCheckpoint(
            f"{path}: written by a newer mtf (format version {version}, flags {flags}; this one reads up to version "
            f"{VERSION})",
            path=path,
        )
    if version != VERSION:
        raise CorruptCheckpoint(f"{path}: there is no format version {version}", path=path)
    if len(stored) != stored_bytes or xxh3_64_intdigest(stored) != checksum:
        raise CorruptCheckpoint(f"{path}: the body is damaged or cut short", path=path)
    if raw_bytes > limit or count > PARTS_MAX:
        raise CorruptCheckpoint(f"{path}: {raw_bytes} bytes in {count} parts, which is past the limits", path=path)
    try:
        meta, parts = _split(inflate(bytes(stored), raw_bytes), count)
    except ValueError as error:
        raise CorruptCheckpoint(f"{path}: {error}", path=path) from error
    return Checkpoint(seq, meta, parts, path)


def _split(raw: bytes, count: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    meta_bytes = int.from_bytes(raw[: _LENGTH.size], "little")
    at = _LENGTH.size + meta_bytes
    if meta_bytes > META_BYTES_MAX or at > len(raw):
        raise ValueError("lengths that do not add up")
    meta = orjson.loads(raw[_LENGTH.size : at])
    if not isinstance(meta, dict):
        raise ValueError("not a JSON object")
    parts: dict[str, bytes] = {}
    for _ in range(count):
        if at + _PART.size > len(raw):
            raise ValueError("lengths that do not add up")
        name_bytes, part_bytes = _PART.unpack_from(raw, at)
        start = at + _PART.size + name_bytes
        at = start + part_bytes
        if name_bytes > NAME_BYTES_MAX or at > len(raw):
            raise ValueError("lengths that do not add up")
        parts[raw[start - name_bytes : start].decode()] = raw[start:at]
    if at != len(raw) or len(parts) != count:
        raise ValueError("lengths that do not add up")
    return meta, parts


def _seq_of(name: str) -> int:
    digits = name[len(PREFIX) : -len(SUFFIX)]
    fits = name.startswith(PREFIX) and name.endswith(SUFFIX) and len(digits) == SEQ_DIGITS
    return int(digits) if fits and digits.isascii() and digits.isdigit() else -1
