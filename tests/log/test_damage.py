"""What a damaged log gives: the longest valid prefix, or a refusal; never an invented or altered event."""

from __future__ import annotations

import pytest

from mtf.errors import CorruptLog, DataDirError
from mtf.log import FileLog, read_log, verify_log
from tests.log.builders import DIRECTORY, blocks, events_of, is_prefix, small_log
from tests.log.disk import Disk
from tests.log.forger import Forger, segment_header

MADE = blocks(2, 1, 1, 2, 1)


def crashed(sync_after: int | None = None) -> Disk:
    disk = Disk()
    small_log(disk, MADE, sync_after=sync_after)
    disk.kill()
    return disk


def closed() -> Disk:
    disk = Disk()
    small_log(disk, MADE).close()
    return disk


def segments(disk: Disk) -> list[str]:
    return sorted(path for path in disk.inodes if path.endswith(".log"))


def opened(disk: Disk) -> FileLog | None:
    """Return the log as it opens, or None if it is refused; then nothing is held, and nothing was changed."""
    before = {path: bytes(inode.seen) for path, inode in disk.inodes.items()}
    try:
        return FileLog.open(DIRECTORY, config=None, fs=disk)
    except CorruptLog:
        assert not disk.open_files
        assert {path: bytes(inode.seen) for path, inode in disk.inodes.items()} == before
        return None


def test_the_log_has_three_segments() -> None:
    assert len(segments(crashed())) == len(segments(closed())) == 3


@pytest.mark.parametrize("make", [crashed, closed])
def test_truncation_at_every_byte_gives_the_longest_valid_prefix_or_a_refusal(make: object) -> None:
    """A file that ends early is what a crash leaves; whatever is whole before the cut is kept."""
    assert callable(make)
    whole: Disk = make()
    names = segments(whole)
    for name in names:
        size = len(whole.inodes[name].seen)
        kept_before = -1
        for length in range(size):
            disk = whole.copy()
            del disk.inodes[name].seen[length:]
            log = opened(disk)
            if name != names[-1]:
                assert log is None
                continue
            if log is None:
                assert kept_before == -1  # only within the header and the configuration, which are synced before use
                continue
            found = events_of(log.read())
            assert is_prefix(found, MADE)
            assert len(found) >= kept_before
            kept_before = len(found)
            log.append(blocks(*[block.count for block in MADE])[len(found)]) if len(found) < len(MADE) else None
            log.close()
            assert is_prefix(events_of(read_log(DIRECTORY, fs=disk)), MADE)
        if name == names[-1]:
            assert kept_before >= len(MADE) - 1


@pytest.mark.parametrize("make", [crashed, closed])
def test_every_bit_flip_is_detected(make: object) -> None:
    """Opening refuses, or cuts the unsealed end from the flip on and keeps it aside; no event is ever altered."""
    assert callable(make)
    whole: Disk = make()
    names = segments(whole)
    refused = cut = 0
    for name in names:
        size = len(whole.inodes[name].seen)
        for bit in range(size * 8):
            disk = whole.copy()
            disk.inodes[name].seen[bit // 8] ^= 1 << bit % 8
            report = verify_log(DIRECTORY, fs=disk)
            assert report.damage or report.tail
            log = opened(disk)
            assert bool(report.damage) == (log is None)
            if log is None:
                refused += 1
                continue
            cut += 1
            assert name == names[-1]
            assert log.torn is not None
            assert log.torn.offset <= bit // 8
            torn = bytes(disk.inodes[log.torn.kept].seen)
            flipped = bytearray(torn)
            flipped[bit // 8 - log.torn.offset] ^= 1 << bit % 8
            assert bytes(whole.inodes[name].seen[log.torn.offset :]) == bytes(flipped)
            assert is_prefix(events_of(log.read()), MADE)
    assert refused > cut > 0


def test_flip_in_events_known_synced_is_refused() -> None:
    """A later frame that knew them synced tells damage from a torn tail."""
    disk = Disk()
    log = small_log(disk, blocks(1, 1, 1), segment_bytes=1 << 20, sync_after=0)
    disk.kill()
    path = segments(disk)[0]
    frame = len(disk.inodes[path].seen) - 2 * 140  # well within the first block
    disk.inodes[path].seen[frame - 60] ^= 1
    with pytest.raises(CorruptLog, match="the log was synced up to seq 1") as caught:
        FileLog.open(DIRECTORY, config=None, fs=disk)
    assert (caught.value.path, caught.value.seq) == (path, 1)
    assert log.last_seq == 3


def test_flip_in_events_not_known_synced_cuts_from_there() -> None:
    """A loss of power may leave later frames whole and an earlier one torn: nothing was promised for either."""
    disk = Disk()
    made = blocks(1, 1, 1)
    small_log(disk, made, segment_bytes=1 << 20)
    disk.kill()
    path = segments(disk)[0]
    disk.inodes[path].seen[-200] ^= 1
    log = FileLog.open(DIRECTORY, config=None, fs=disk)
    assert events_of(log.read()) == made[:1]
    assert log.torn is not None
    assert log.torn.seq == 2
    assert disk.kind(log.torn.kept) == "file"
    for block in blocks(1, 1, 1)[1:]:
        log.append(block)
    log.close()
    assert events_of(read_log(DIRECTORY, fs=disk)) == made


def test_each_torn_tail_is_kept() -> None:
    """Cut twice at the same byte, both ends are still there."""
    disk = Disk()
    made = blocks(1, 1)
    small_log(disk, made, segment_bytes=1 << 20)
    disk.kill()
    path = segments(disk)[0]
    kept = []
    for _ in range(2):
        del disk.inodes[path].seen[-1:]
        log = FileLog.open(DIRECTORY, config=None, fs=disk)
        assert log.torn is not None
        kept.append(log.torn.kept)
        log.append(made[1])
        disk.kill()
    assert [name.rsplit("-", 1)[1] for name in kept] == ["1", "2"]
    assert all(disk.kind(name) == "file" for name in kept)


def swap(disk: Disk, first: str, second: str) -> None:
    disk.inodes[first], disk.inodes[second] = disk.inodes[second], disk.inodes[first]


def test_missing_segment_is_refused() -> None:
    for i in range(2):
        disk = closed()
        del disk.inodes[segments(disk)[i]]
        assert opened(disk) is None
        assert verify_log(DIRECTORY, fs=disk).damage


def test_swapped_segments_are_refused() -> None:
    disk = closed()
    names = segments(disk)
    swap(disk, names[0], names[1])
    assert opened(disk) is None
    assert verify_log(DIRECTORY, fs=disk).damage


def test_segment_of_another_log_is_refused() -> None:
    """Its frames are whole, its seqs fit, and it belongs to another run."""
    disk = closed()
    other = Disk()
    log = FileLog.open(DIRECTORY, config=b'{"timeframes":["1m"]}', fs=other, segment_bytes=400, run_id=bytes(16))
    for block in MADE:
        log.append(block)
    log.close()
    name = segments(disk)[1]
    disk.inodes[name] = other.inodes[segments(other)[1]]
    assert opened(disk) is None
    assert verify_log(DIRECTORY, fs=disk).damage


def test_frames_of_a_segment_in_another_order_are_refused() -> None:
    """Each frame's own checksum is right; the chain and the seqs say that they do not follow."""
    disk = Disk()
    made = blocks(1, 1, 1, symbols=["EURUSD"])
    log = small_log(disk, made, segment_bytes=1 << 20)
    log.sync()
    log.close()
    path = segments(disk)[0]
    data = bytes(disk.inodes[path].seen)
    frame = 80 + 48 + len(b'{"ticks.csv":{"row":3}}')
    seal = len(data) - 80
    second, third = data[seal - 2 * frame : seal - frame], data[seal - frame : seal]
    disk.inodes[path].seen[seal - 2 * frame : seal] = third + second
    assert opened(disk) is None
    assert verify_log(DIRECTORY, fs=disk).safe == [(1, 2)]
    disk.inodes[path].seen[seal - 2 * frame : seal] = third
    assert opened(disk) is None


def test_segment_under_the_name_of_another_is_refused() -> None:
    disk = closed()
    names = segments(disk)
    disk.inodes[names[0]] = disk.inodes[names[1]]
    with pytest.raises(CorruptLog, match="under the wrong name"):
        FileLog.open(DIRECTORY, config=None, fs=disk)


def test_log_that_does_not_begin_at_its_beginning_is_refused() -> None:
    """Its first segment says that it starts at seq 1, as the second of a run."""
    forger = Forger()
    forger.data = segment_header(number=2) + forger.data[56:]
    with pytest.raises(CorruptLog, match="not the beginning of a log"):
        FileLog.open(DIRECTORY, config=None, fs=forger.done())


def test_segment_whose_chain_does_not_go_on_is_refused() -> None:
    """Another log of the same run id, seqs and configuration, as a copy that was continued would be."""
    disk, other = closed(), Disk()
    log = small_log(other, [])
    for block in MADE:
        log.append(block)
    log.close()
    names = segments(disk)
    fitting = [name for name in segments(other) if name in names[1:]]
    disk.inodes[fitting[0]] = other.inodes[fitting[0]]
    with pytest.raises(CorruptLog, match="does not follow the one before"):
        FileLog.open(DIRECTORY, config=None, fs=disk)


def test_ten_thousand_torn_tails_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtf.log.recovery.TORN_MAX", 0)
    disk = crashed()
    disk.inodes[segments(disk)[-1]].seen[-1] ^= 1
    with pytest.raises(DataDirError, match="torn tails are kept here already; move them away"):
        FileLog.open(DIRECTORY, config=None, fs=disk)


def test_short_write_while_opening_is_refused() -> None:
    """What opening writes once more must be all there before it counts as synced."""
    disk = crashed()

    def half(file: int, data: bytes, offset: int) -> int:
        return len(data) // 2

    disk.write_at = half  # type: ignore[method-assign]
    with pytest.raises(DataDirError, match="a short write at byte"):
        FileLog.open(DIRECTORY, config=None, fs=disk)
