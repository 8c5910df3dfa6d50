"""Checkpoints: the protocol of their stores, the search for the newest good one, and their format.

Owns the format, whether a checkpoint is a file or an object elsewhere. To it, a checkpoint is a JSON value and named
bytes. Checksums and limits are checked before anything of the stated size is allocated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from struct import Struct
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import orjson
import zstandard
from xxhash import xxh3_64, xxh3_64_intdigest

from mtf.config import Config
from mtf.errors import CorruptCheckpoint, NewerCheckpoint
from mtf.gil import make_way
from mtf.image import StoredRows
from mtf.log.pack import inflate
from mtf.saved_parts import Part, pieces_of

__all__ = [
    "CHECKPOINT_BYTES_MAX",
    "KEEP",
    "VERSION",
    "VERSION_WHOLE",
    "Checkpoint",
    "CheckpointStore",
    "Skipped",
    "checkpoint_bytes_max",
    "decode_checkpoint",
    "encode_checkpoint",
    "encoded_pieces",
    "newest_good",
    "symbol_bytes_max",
]

CHECKPOINT_BYTES_MAX: Final = 1 << 30  # before compression; more is allowed for symbols
SYMBOLS_MAX: Final = 1 << 20
META_BYTES_MAX: Final = 64 << 20
PARTS_MAX: Final = 100_000
NAME_BYTES_MAX: Final = 1_000
KEEP: Final = 3  # the newest ones
LEVEL: Final = 3
VERSION: Final = 3
VERSION_INLINE: Final = 2  # in which histories are parts like others; read, never written
VERSION_WHOLE: Final = 1  # in which each part is in one piece, with its bars and values; read, never written
GROUP_BYTES: Final = 1 << 17  # that are compressed together
MAGIC: Final = b"mtf-ckpt"

# The maximum size of each part of a symbol's state, rounded up.
IDS_BYTES: Final = 4 << 20  # 4,096 ids and the values that identify their ticks
BAR_BYTES: Final = 256
VALUES_BYTES: Final = 64  # of one indicator, per bar
INDICATOR_BYTES: Final = 16 << 10
PARAMETER_BYTES: Final = 256  # per unit of a period

# magic, version, flags, parts, seq, bytes stored, bytes before compression, checksum of the body
_HEADER: Final = Struct("<8sHHIQQQQ")
_SUM: Final = Struct("<Q")
_LENGTH: Final = Struct("<Q")
_NAME: Final = Struct("<H")  # length of the name of a part, whose pieces follow: a length and so many bytes, then a 0
_PART: Final = Struct("<HQ")  # in VERSION_WHOLE: length of the name, length of the part
HEADER_BYTES: Final = _HEADER.size + _SUM.size
_DIGITS: Final = re.compile(r"\d{1,9}")


class Checkpoint(NamedTuple):
    """What was passed to `save`, and where it is, for messages."""

    seq: int
    meta: dict[str, Any]
    parts: dict[str, bytes]
    path: str
    histories: Mapping[str, StoredRows] = MappingProxyType({})  # parts that are elsewhere, and read later


class Skipped(NamedTuple):
    """A checkpoint that could not be used."""

    path: str
    reason: str


# Within the class below, `list` is a method.
Skips: TypeAlias = list[Skipped]
Seqs: TypeAlias = list[int]


class CheckpointStore(Protocol):
    """The checkpoints of one log, wherever they are stored (`mtf.storage.checkpoint_files`: on disk).

    All methods may wait for a disk or a network, and are called in a thread if that matters: only one thread at a time
    saves or discards, any number read.
    """

    def save(self, seq: int, meta: dict[str, Any], parts: Mapping[str, Part]) -> object:
        """Save the checkpoint of *seq*, return once it is durable and readable, and remove all but the newest three.

        The *parts* may be read only until this returns.
        OSError if that fails, ValueError if it is larger than `read` accepts; existing ones are unchanged.
        """
        ...

    def list(self) -> Seqs:
        """Return the seqs of the existing checkpoints, good or not, oldest first."""
        ...

    def read(self, seq: int) -> Checkpoint:
        """Return the checkpoint of *seq*; CorruptCheckpoint if it is damaged, OSError if it cannot be read.

        NewerCheckpoint if it has a newer format."""
        ...

    def place_of(self, seq: int) -> str:
        """Return where the checkpoint of *seq* is, for messages; `Checkpoint.path` is the same."""
        ...

    def discard_after(self, seq: int) -> Seqs:
        """Remove and return the checkpoints of later seqs: the log now ends at *seq*."""
        ...

    def histories(self) -> Mapping[str, StoredRows]:
        """Return the histories of the checkpoint that was saved last, by part, to be read later.

        Empty if they can only be read with the checkpoint.
        """
        ...


def newest_good(store: CheckpointStore, limit: int | None = None) -> tuple[Checkpoint | None, Skips]:
    """Return the newest good checkpoint of a seq up to *limit*, and the newer ones that were skipped."""
    skipped: Skips = []
    for seq in reversed(store.list()):
        place = store.place_of(seq)
        if limit is not None and seq > limit:
            skipped.append(Skipped(place, f"its seq is {seq}, after {limit}"))
            continue
        try:
            return store.read(seq), skipped
        except (CorruptCheckpoint, OSError) as error:
            skipped.append(Skipped(place, str(error)))
    return None, skipped


def checkpoint_bytes_max(seq: int, symbol_bytes: int) -> int:
    """Return the size limit of the checkpoint of *seq*: so many events have at most as many symbols.

    *symbol_bytes* is the maximum size of the state of one symbol (`symbol_bytes_max`).
    """
    return CHECKPOINT_BYTES_MAX + min(seq, SYMBOLS_MAX) * symbol_bytes


def symbol_bytes_max(config: Config) -> int:
    """Return the maximum size of one symbol's state: its ids, and bars, values and indicators of each timeframe."""
    total = IDS_BYTES
    for specs in config.indicators:
        parameters = sum(int(digits) for spec in specs for digits in _DIGITS.findall(spec))
        total += config.history * (BAR_BYTES + VALUES_BYTES * len(specs))
        total += INDICATOR_BYTES * len(specs) + PARAMETER_BYTES * parameters
    return total


def encode_checkpoint(
    seq: int, meta: dict[str, Any], parts: Mapping[str, Part], limit: int = CHECKPOINT_BYTES_MAX
) -> bytes:
    """Return a checkpoint as the bytes of a file; ValueError if it exceeds a limit."""
    return b"".join(encoded_pieces(seq, meta, parts, limit))


def encoded_pieces(
    seq: int, meta: dict[str, Any], parts: Mapping[str, Part], limit: int = CHECKPOINT_BYTES_MAX
) -> list[bytes]:
    """Return what `encode_checkpoint` returns in pieces, without ever having all of it before compression.

    For a thread beside an event loop: pieces are small, so that it holds nobody up.
    """
    encoded = orjson.dumps(meta, option=orjson.OPT_SORT_KEYS)
    if len(encoded) > META_BYTES_MAX or len(parts) > PARTS_MAX:
        raise ValueError(f"the checkpoint has {len(encoded):,} bytes of metadata and {len(parts)} parts: too many")
    body = _Body(limit)
    body.add(_LENGTH.pack(len(encoded)))
    body.add(encoded)
    for name, part in parts.items():
        encoded_name = name.encode()
        if len(encoded_name) > NAME_BYTES_MAX:
            raise ValueError(f"the name of a part, {name[:80]!r}..., is longer than {NAME_BYTES_MAX} bytes")
        body.add(_NAME.pack(len(encoded_name)))
        body.add(encoded_name)
        for piece in pieces_of(part):
            if piece:
                body.add(_LENGTH.pack(len(piece)))
                body.add(piece, name)
        body.add(_LENGTH.pack(0))
    stored = body.finish()
    head = _HEADER.pack(MAGIC, VERSION, 0, len(parts), seq, sum(map(len, stored)), body.size, body.digest.intdigest())
    return [head, _SUM.pack(xxh3_64_intdigest(head)), *stored]


class _Body:
    """The body of a checkpoint of at most *limit* bytes, which is compressed as it comes."""

    def __init__(self, limit: int) -> None:
        self._limit: Final = limit
        self._zstd: Final = zstandard.ZstdCompressor(level=LEVEL).compressobj()
        self._waiting: list[memoryview] = []  # to be compressed together
        self._waiting_bytes = 0
        self._stored: Final[list[bytes]] = []
        self._sizes: Final[dict[str, int]] = {}  # by part
        self.size = 0  # before compression
        self.digest: Final = xxh3_64()  # of what is stored

    def add(self, piece: bytes, part: str = "") -> None:
        """Add *piece*, which is of *part*; ValueError if it is too much."""
        self.size += len(piece)
        if part:
            self._sizes[part] = self._sizes.get(part, 0) + len(piece)
        if self.size > self._limit:
            largest = max(self._sizes, key=lambda name: self._sizes[name], default="")
            raise ValueError(
                f"the checkpoint takes more than {self._limit:,} bytes, the limit; the largest part is {largest!r}: "
                "a consumer with that much state should keep it in a file of its own"
            )
        left = memoryview(piece)
        while left:
            room = GROUP_BYTES - self._waiting_bytes
            self._waiting.append(left[:room])
            self._waiting_bytes += min(len(left), room)
            left = left[room:]
            if self._waiting_bytes == GROUP_BYTES:
                self._compress()
                make_way()

    def finish(self) -> list[bytes]:
        """Return the whole body, compressed."""
        self._compress()
        self._store(self._zstd.flush())
        return self._stored

    def _compress(self) -> None:
        self._store(self._zstd.compress(b"".join(self._waiting)))
        self._waiting = []
        self._waiting_bytes = 0

    def _store(self, data: bytes) -> None:
        if data:
            self._stored.append(data)
            self.digest.update(data)


def decode_checkpoint(data: bytes, path: str, limit: int = CHECKPOINT_BYTES_MAX) -> Checkpoint:
    """Return the content of the file; CorruptCheckpoint if it is damaged or incomplete.

    NewerCheckpoint if it has a newer format, whose version, flags and checksum are in the same place of the header.
    """
    if len(data) < HEADER_BYTES or data[:8] != MAGIC:
        raise CorruptCheckpoint(f"{path}: not a checkpoint", path=path)
    _, version, flags, count, seq, stored_bytes, raw_bytes, checksum = _HEADER.unpack_from(data)
    stored = memoryview(data)[HEADER_BYTES:]
    if xxh3_64_intdigest(data[: _HEADER.size]) != _SUM.unpack_from(data, _HEADER.size)[0]:
        raise CorruptCheckpoint(f"{path}: the header is damaged", path=path)
    if version > VERSION or flags:
        raise NewerCheckpoint(
            f"{path}: written by a newer mtf (format version {version}, flags {flags}; this one reads up to version "
            f"{VERSION})",
            path=path,
        )
    if version not in (VERSION, VERSION_INLINE, VERSION_WHOLE):
        raise CorruptCheckpoint(f"{path}: unknown format version {version}", path=path)
    if len(stored) != stored_bytes or xxh3_64_intdigest(stored) != checksum:
        raise CorruptCheckpoint(f"{path}: the body is damaged or cut short", path=path)
    if raw_bytes > limit or count > PARTS_MAX:
        raise CorruptCheckpoint(f"{path}: {raw_bytes} bytes in {count} parts exceed the limits", path=path)
    try:
        whole = version == VERSION_WHOLE
        raw = inflate(bytes(stored), raw_bytes, streamed=not whole)
        meta, parts = _split_whole(raw, count) if whole else _split(raw, count)
    except ValueError as error:
        raise CorruptCheckpoint(f"{path}: {error}", path=path) from error
    return Checkpoint(seq, meta, parts, path)


def _split(raw: bytes, count: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return metadata and parts of a body; each part is in pieces."""
    meta, at = _split_meta(raw)
    parts: dict[str, bytes] = {}
    for _ in range(count):
        name_bytes = int.from_bytes(_taken(raw, at, _NAME.size), "little")
        at += _NAME.size
        if name_bytes > NAME_BYTES_MAX:
            raise ValueError("lengths do not add up")
        name = _taken(raw, at, name_bytes).decode()
        at += name_bytes
        pieces: list[bytes] = []
        while True:
            size = int.from_bytes(_taken(raw, at, _LENGTH.size), "little")
            at += _LENGTH.size
            if not size:
                break
            pieces.append(_taken(raw, at, size))
            at += size
        parts[name] = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    if at != len(raw) or len(parts) != count:
        raise ValueError("lengths do not add up")
    return meta, parts


def _taken(raw: bytes, at: int, size: int) -> bytes:
    if size > len(raw) - at:
        raise ValueError("lengths do not add up")
    return raw[at : at + size]


def _split_meta(raw: bytes) -> tuple[dict[str, Any], int]:
    """Return the metadata of a body, and where it ends."""
    meta_bytes = int.from_bytes(raw[: _LENGTH.size], "little")
    at = _LENGTH.size + meta_bytes
    if meta_bytes > META_BYTES_MAX or at > len(raw):
        raise ValueError("lengths do not add up")
    meta = orjson.loads(raw[_LENGTH.size : at])
    if not isinstance(meta, dict):
        raise ValueError("not a JSON object")
    return meta, at


def _split_whole(raw: bytes, count: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return metadata and parts of a body of VERSION_WHOLE."""
    meta, at = _split_meta(raw)
    parts: dict[str, bytes] = {}
    for _ in range(count):
        if at + _PART.size > len(raw):
            raise ValueError("lengths do not add up")
        name_bytes, part_bytes = _PART.unpack_from(raw, at)
        start = at + _PART.size + name_bytes
        at = start + part_bytes
        if name_bytes > NAME_BYTES_MAX or at > len(raw):
            raise ValueError("lengths do not add up")
        parts[raw[start - name_bytes : start].decode()] = raw[start:at]
    if at != len(raw) or len(parts) != count:
        raise ValueError("lengths do not add up")
    return meta, parts
