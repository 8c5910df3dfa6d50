"""Checkpoints as files: the newest good one is found, whatever became of the others, and none can do harm."""

from __future__ import annotations

import random
import stat
from pathlib import Path
from struct import Struct
from typing import Any

import orjson
import pytest
import zstandard
from xxhash import xxh3_64_intdigest

from mtf.errors import CorruptCheckpoint, DataDirError, NewerCheckpoint
from mtf.log.filesystem import write_all
from mtf.storage import checkpoint_files, checkpoint_store
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_store import VERSION, VERSION_WHOLE, decode_checkpoint, encode_checkpoint, newest_good
from tests.log.disk import Disk

DIRECTORY = "checkpoints"
META = {"config": {"timeframes": ["1m"]}, "digest": "ab", "big": 1 << 53}
PARTS = {"aggregator 1m": b"\0\1\2" * 10, "consumer/../../etc/passwd": b"", "ü": b"x"}


def store(disk: Disk, *seqs: int) -> FileCheckpointStore:
    made = FileCheckpointStore(DIRECTORY, fs=disk)
    for seq in seqs:
        made.save(seq, {"seq": seq}, PARTS)
    return made


def path_of(seq: int) -> str:
    return f"{DIRECTORY}/checkpoint-{seq:019d}.mtf"


def test_checkpoint_is_read_as_it_was_saved(tmp_path: Path) -> None:
    checkpoints = FileCheckpointStore(tmp_path / "checkpoints")
    assert newest_good(checkpoints) == (None, [])
    assert checkpoints.list() == []
    path = checkpoints.save(7, META, PARTS)
    found, skipped = newest_good(checkpoints)
    assert found is not None
    assert (found.seq, found.meta, found.parts, found.path) == (7, META, PARTS, str(path))
    assert skipped == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in tmp_path.rglob("*")] == ["checkpoints", path.name]


def test_checkpoint_of_the_same_seq_takes_the_place_of_the_old() -> None:
    checkpoints = store(Disk(), 1, 2)
    checkpoints.save(2, {"again": True}, {})
    assert checkpoints.list() == [1, 2]
    assert checkpoints.read(2).meta == {"again": True}


def test_saving_makes_way_for_the_loop_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the state is: between two rests, little is compressed or written."""
    compressed, stored = [0], [0]  # bytes between two rests
    compressor = zstandard.ZstdCompressor

    def rest() -> None:
        compressed.append(0)
        stored.append(0)

    class Compressor:
        def __init__(self, level: int) -> None:
            self._work = compressor(level=level).compressobj()

        def compressobj(self) -> Compressor:
            return self

        def compress(self, data: bytes) -> bytes:
            compressed[-1] += len(data)
            return self._work.compress(data)

        def flush(self) -> bytes:
            return self._work.flush()

    def written(*arguments: Any) -> None:
        stored[-1] += len(arguments[-1])
        write_all(*arguments)

    for module in (checkpoint_files, checkpoint_store):
        monkeypatch.setattr(module, "make_way", rest)
    monkeypatch.setattr(zstandard, "ZstdCompressor", Compressor)
    monkeypatch.setattr(checkpoint_files, "write_all", written)
    pieces = [random.Random(k).randbytes(size) for k, size in enumerate([20_000] * 200 + [5_000_000])]
    checkpoints = FileCheckpointStore(DIRECTORY, fs=Disk())
    checkpoints.save(1, {}, {"state": pieces})
    assert checkpoints.read(1).parts == {"state": b"".join(pieces)}
    assert sum(compressed) > sum(map(len, pieces))
    assert sum(stored) > sum(map(len, pieces))
    assert max(compressed) <= 1 << 17
    assert max(stored) < 1_200_000


def test_newest_three_are_kept() -> None:
    assert store(Disk(), 1, 2, 3, 4, 5).list() == [3, 4, 5]


def test_empty_checkpoint_of_seq_zero() -> None:
    checkpoints = FileCheckpointStore(DIRECTORY, fs=Disk())
    checkpoints.save(0, {}, {})
    found, _ = newest_good(checkpoints)
    assert found is not None
    assert (found.seq, found.meta, found.parts) == (0, {}, {})


def test_one_that_is_ahead_of_the_limit_is_skipped_and_told() -> None:
    checkpoints = store(Disk(), 10, 20, 30)
    found, skipped = newest_good(checkpoints, 29)
    assert found is not None
    assert found.seq == 20
    assert [(s.path, s.reason) for s in skipped] == [(path_of(30), "its seq is 30, after 29")]
    assert newest_good(checkpoints, 9)[0] is None


def test_bad_one_falls_back_to_the_one_before() -> None:
    disk = Disk()
    checkpoints = store(disk, 10, 20, 30)
    disk.inodes[path_of(30)].seen[-1] ^= 1
    disk.inodes[path_of(20)].seen[:] = b""
    found, skipped = newest_good(checkpoints)
    assert found is not None
    assert found.seq == 10
    assert [s.path for s in skipped] == [path_of(30), path_of(20)]
    assert "damaged or cut short" in skipped[0].reason
    assert "not a checkpoint" in skipped[1].reason


def test_those_of_a_lost_end_of_the_log_are_discarded() -> None:
    """A log that continues from an earlier seq would grow past them with other events."""
    disk = Disk()
    checkpoints = store(disk, 10, 20, 30)
    assert checkpoints.discard_after(30) == []
    assert checkpoints.discard_after(15) == [20, 30]
    assert checkpoints.list() == [10]
    assert not disk.name_changes


def test_every_bit_flip_and_every_truncation_is_detected() -> None:
    data = encode_checkpoint(7, META, PARTS)
    assert decode_checkpoint(data, "p").parts == PARTS
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptCheckpoint):
            decode_checkpoint(bytes(flipped), "p")
    for end in range(len(data)):
        with pytest.raises(CorruptCheckpoint):
            decode_checkpoint(data[:end], "p")
    with pytest.raises(CorruptCheckpoint):
        decode_checkpoint(data + b"\0", "p")


def test_checkpoint_under_the_name_of_another_is_refused() -> None:
    disk = Disk()
    checkpoints = store(disk, 1, 2)
    disk.inodes[path_of(2)] = disk.inodes[path_of(1)]
    with pytest.raises(CorruptCheckpoint, match="contains the checkpoint of seq 1"):
        checkpoints.read(2)


def forged(
    raw: bytes,
    *,
    version: int = VERSION,
    flags: int = 0,
    count: int = 0,
    raw_bytes: int | None = None,
    stored: bytes | None = None,
) -> bytes:
    """Return a file whose checksums are right, as a stranger can make it."""
    stored = zstandard.ZstdCompressor().compress(raw) if stored is None else stored
    raw_bytes = len(raw) if raw_bytes is None else raw_bytes
    head = Struct("<8sHHIQQQQ").pack(
        b"mtf-ckpt", version, flags, count, 1, len(stored), raw_bytes, xxh3_64_intdigest(stored)
    )
    return head + Struct("<Q").pack(xxh3_64_intdigest(head)) + stored


def whole(raw: bytes, count: int = 0) -> bytes:
    """Return a file of the version in which each part is in one piece."""
    return forged(raw, count=count, version=VERSION_WHOLE)


def meta(value: object = None) -> bytes:
    encoded = orjson.dumps({} if value is None else value)
    return len(encoded).to_bytes(8, "little") + encoded


BOMB = zstandard.ZstdCompressor().compress(bytes(50 << 20))
UNSIZED_BOMB = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(50 << 20))
UNSIZED = zstandard.ZstdCompressor(write_content_size=False).compress(meta())
HOSTILE = {
    "another version": (forged(meta(), version=VERSION + 1), "format version 4"),
    "no version": (forged(meta(), version=0), "unknown format version 0"),
    "unknown flags": (forged(meta(), flags=1), "flags 1"),
    "a size past the limit": (forged(b"", raw_bytes=1 << 40), "exceed the limits"),
    "too many parts": (forged(meta(), count=1 << 30), "exceed the limits"),
    "a bomb that says it is small": (forged(b"", stored=BOMB, raw_bytes=100), "size is not 100 bytes"),
    "a bomb that does not say its size": (forged(b"", stored=UNSIZED_BOMB, raw_bytes=100), "cannot be read"),
    "data that is shorter than it should be": (forged(b"", stored=UNSIZED, raw_bytes=11), "size is not 11 bytes"),
    "whole data that does not say its size": (
        forged(b"", stored=UNSIZED, raw_bytes=10, version=VERSION_WHOLE),
        "size is not 10 bytes",
    ),
    "no zstd at all": (forged(b"", stored=b"rubbish", raw_bytes=7), "cannot be read"),
    "nothing": (forged(b""), "without content"),
    "meta past the end": (forged(b"\xff" * 8), "do not add up"),
    "meta that is not an object": (forged(meta([1])), "not a JSON object"),
    "meta that is not JSON": (forged((1).to_bytes(8, "little") + b"{"), "unexpected|EOF"),
    "deep meta": (forged((100_000).to_bytes(8, "little") + b"[" * 100_000), "recursion|depth|nest"),
    "a name past the end": (forged(meta() + b"\xff\0n", count=1), "do not add up"),
    "a name that is too long": (forged(meta() + b"\xff\xffn", count=1), "do not add up"),
    "a piece past the end": (forged(meta() + b"\1\0n" + b"\xff" * 8, count=1), "do not add up"),
    "pieces without an end": (forged(meta() + b"\1\0n" + b"\1" + bytes(7) + b"p", count=1), "do not add up"),
    "a part cut short": (forged(meta() + b"\1", count=1), "do not add up"),
    "bytes too many": (forged(meta() + b"x"), "do not add up"),
    "a part twice": (forged(meta() + (b"\1\0n" + bytes(8)) * 2, count=2), "do not add up"),
    "a whole part past the end": (whole(meta() + b"\1\0" + b"\xff" * 8 + b"n", count=1), "do not add up"),
    "a whole part cut short": (whole(meta() + b"\1", count=1), "do not add up"),
    "whole parts with bytes too many": (whole(meta() + b"x"), "do not add up"),
    "a whole part twice": (whole(meta() + (b"\1\0" + bytes(8) + b"n") * 2, count=2), "do not add up"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_stranger_s_checkpoint_is_refused(name: str) -> None:
    """Its checksums are right; its lengths are believed only as far as the file and the limits go."""
    data, why = HOSTILE[name]
    with pytest.raises(CorruptCheckpoint, match=why):
        decode_checkpoint(data, "p")


@pytest.mark.parametrize(
    ("version", "flags"), [(VERSION + 1, 0), (VERSION + 1, 1), (VERSION, 1), (VERSION_WHOLE, 1), (65_535, 0)]
)
def test_a_checkpoint_of_a_later_format_is_newer_and_not_damaged(version: int, flags: int) -> None:
    """Who went back to an earlier mtf for a day need not fear for the disk."""
    with pytest.raises(NewerCheckpoint, match=r"^p: written by a newer mtf \(format version"):
        decode_checkpoint(forged(meta(), version=version, flags=flags), "p")


def test_file_past_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    checkpoints = store(disk, 1)
    monkeypatch.setattr("mtf.storage.checkpoint_store.CHECKPOINT_BYTES_MAX", 10)
    disk.operations.clear()
    with pytest.raises(CorruptCheckpoint, match="the limit is 10"):
        checkpoints.read(1)
    assert "read" not in disk.operations


def test_checkpoint_past_the_limits_is_not_written() -> None:
    with pytest.raises(ValueError, match="longer than 1000 bytes"):
        encode_checkpoint(1, {}, {"x" * 1001: b""})
    with pytest.raises(ValueError, match="the limit; the largest part is 'a'"):
        encode_checkpoint(1, {}, {"b": b"", "a": bytes(100)}, 50)


@pytest.mark.parametrize("what", ["file", "directory"])
def test_links_are_refused(tmp_path: Path, what: str) -> None:
    real = FileCheckpointStore(tmp_path / "real")
    path = real.save(1, {}, {})
    if what == "directory":
        (tmp_path / "link").symlink_to(tmp_path / "real")
        with pytest.raises(DataDirError, match="links are refused"):
            newest_good(FileCheckpointStore(tmp_path / "link"))
        return
    path.rename(tmp_path / "outside")
    path.symlink_to(tmp_path / "outside")
    found, skipped = newest_good(real)
    assert found is None
    assert "links and devices are refused" in skipped[0].reason


def test_unfinished_files_are_swept_by_the_next_save() -> None:
    disk = Disk()
    checkpoints = store(disk, 1)
    disk.close(disk.open(path_of(2) + ".new", "create"))
    disk.close(disk.open(f"{DIRECTORY}/notes.txt", "create"))
    assert checkpoints.list() == [1]
    checkpoints.save(3, {}, {})
    assert sorted(disk.names(DIRECTORY)) == [
        "checkpoint-0000000000000000001.mtf",
        "checkpoint-0000000000000000003.mtf",
        "notes.txt",
    ]


def test_file_that_shrinks_while_it_is_read_is_cut_short() -> None:
    class Shrinking(Disk):
        def read(self, file: int, length: int, offset: int) -> bytes:
            return super().read(file, 100, 0) if not offset else b""

    disk = Shrinking()
    with pytest.raises(CorruptCheckpoint, match="cut short"):
        store(disk, 1).read(1)
    assert not disk.open_files
