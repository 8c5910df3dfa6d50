"""Checkpoints of a partition on a broker: their bytes in pieces, and one key that says which there are.

A checkpoint is there once that key names it. Only whoever knows the key's present revision may change it, so that an
owner that was replaced cannot: it finds another checkpoint there, and ends.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from mtf.cluster.broker import CHUNK_BYTES, Broker
from mtf.cluster.keys import Key, Keys
from mtf.cluster.link import Caller
from mtf.cluster.subjects import ClusterNames
from mtf.errors import CorruptCheckpoint, LogTaken
from mtf.image import StoredRows
from mtf.saved_parts import Part
from mtf.storage.checkpoint_store import (
    KEEP,
    Checkpoint,
    checkpoint_bytes_max,
    decode_checkpoint,
    encode_checkpoint,
)

__all__ = ["Pointers", "StreamCheckpoints", "pointers_of", "read_blob", "save_blob"]

# Within a class below, `list` is a method.
Seqs: TypeAlias = list[int]


class Pointer(NamedTuple):
    """Where the bytes of the checkpoint of *seq* are."""

    seq: int
    blob: str
    pieces: int


class Pointers:
    """Which checkpoints of a *partition* there are, as of the key's revision."""

    def __init__(self, key: Key) -> None:
        self.revision: Final = key.revision
        self.each: Final = [Pointer(*each) for each in orjson.loads(key.value or b"[]")]  # oldest first

    @property
    def newest_seq(self) -> int:
        """The event of the newest checkpoint; 0 if there is none."""
        return self.each[-1].seq if self.each else 0

    def find(self, seq: int) -> Pointer | None:
        return next((each for each in self.each if each.seq == seq), None)


async def pointers_of(broker: Broker, names: ClusterNames, partition: int) -> Pointers:
    return Pointers(await Keys(broker, names).get(f"checkpoints.{partition}"))


async def save_blob(
    broker: Broker, names: ClusterNames, partition: int, seq: int, data: bytes, known: Pointers, *, keep: int = KEEP
) -> Pointers:
    """Store *data* as the checkpoint of *seq*, remove all but the newest *keep*; LogTaken if *known* is out of date."""
    blob = f"{seq}-{secrets.token_hex(6)}"
    pieces = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
    for k, piece in enumerate(pieces):
        subject = f"{names.blob_subject(partition, blob)}.{k}"
        await broker.patiently(lambda subject=subject, piece=piece: broker.publish(subject, piece))  # type: ignore[misc]
    made = Pointer(seq, blob, len(pieces))
    kept = sorted([*(each for each in known.each if each.seq != seq), made])[-keep:]
    return await change_pointers(broker, names, partition, known, kept, made)


async def change_pointers(
    broker: Broker,
    names: ClusterNames,
    partition: int,
    known: Pointers,
    kept: list[Pointer],
    made: Pointer | None = None,
) -> Pointers:
    """Make the key name those that are *kept*, and remove the bytes of the others."""
    value = orjson.dumps([list(each) for each in kept])
    revision = await Keys(broker, names).change(f"checkpoints.{partition}", value, known.revision)
    dropped = [each for each in known.each if each not in kept]
    if revision is None:
        dropped = [] if made is None else [made]
    for each in dropped:
        await broker.purge(names.blobs, f"{names.blob_subject(partition, each.blob)}.*")
    if revision is None:
        raise LogTaken(f"{names.cluster}, partition {partition}: another owner has written a checkpoint: this one ends")
    return Pointers(Key(value, revision))


async def read_blob(broker: Broker, names: ClusterNames, partition: int, pointer: Pointer) -> bytes:
    """Return the bytes that *pointer* names; CorruptCheckpoint if some are gone."""
    pieces: list[bytes] = []
    for k in range(pointer.pieces):
        found = await broker.newest(names.blobs, f"{names.blob_subject(partition, pointer.blob)}.{k}")
        if found is None:
            raise CorruptCheckpoint(
                f"{names.cluster}, partition {partition}: piece {k} of the checkpoint of seq {pointer.seq} is gone",
                path=pointer.blob,
            )
        pieces.append(found.data)
    return b"".join(pieces)


class StreamCheckpoints:
    """The checkpoints of *partition* (`mtf.storage.checkpoint_store.CheckpointStore`); *name* is that of its storage.

    *symbol_bytes* is the most that the state of one symbol can take.
    """

    def __init__(self, link: Caller, names: ClusterNames, partition: int, *, name: str, symbol_bytes: int) -> None:
        self._link: Final = link
        self._names: Final = names
        self._partition: Final = partition
        self._name: Final = name
        self._symbol_bytes: Final = symbol_bytes

    def save(self, seq: int, meta: dict[str, Any], parts: Mapping[str, Part]) -> None:
        data = encode_checkpoint(seq, meta, parts, checkpoint_bytes_max(seq, self._symbol_bytes))
        self._link.call(save_blob(self._link.broker, self._names, self._partition, seq, data, self._pointers()))

    def list(self) -> Seqs:
        return [each.seq for each in self._pointers().each]

    def read(self, seq: int) -> Checkpoint:
        pointer = self._pointers().find(seq)
        if pointer is None:
            raise CorruptCheckpoint(f"{self.place_of(seq)}: there is no such checkpoint", path=self.place_of(seq))
        data = self._link.call(read_blob(self._link.broker, self._names, self._partition, pointer))
        return decode_checkpoint(data, self.place_of(seq), checkpoint_bytes_max(seq, self._symbol_bytes))

    def place_of(self, seq: int) -> str:
        return f"{self._name}/checkpoints/{seq}"

    def discard_after(self, seq: int) -> Seqs:
        known = self._pointers()
        ahead = [each.seq for each in known.each if each.seq > seq]
        if ahead:
            kept = [each for each in known.each if each.seq <= seq]
            self._link.call(change_pointers(self._link.broker, self._names, self._partition, known, kept))
        return ahead

    def histories(self) -> Mapping[str, StoredRows]:
        return {}  # they are parts of the checkpoints

    def _pointers(self) -> Pointers:
        return self._link.call(pointers_of(self._link.broker, self._names, self._partition))
