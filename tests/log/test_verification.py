"""What is damaged, which seqs are safe, and a copy of what is good."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtf.errors import CorruptLog, DataDirError
from mtf.log import FileLog, compress_sealed, read_log, retain, salvage_log, verify_log
from tests.log.builders import CONFIG, DIRECTORY, blocks, events_of, position, small_log
from tests.log.disk import Disk

MADE = blocks(2, 1, 1, 2, 1, 1, 1)


def closed(*, compressed: bool = False) -> Disk:
    disk = Disk()
    small_log(disk, MADE).close()
    if compressed:
        compress_sealed(DIRECTORY, fs=disk)
    return disk


def segments(disk: Disk) -> list[str]:
    return sorted(path for path in disk.inodes if path.endswith(".log"))


def test_segments_of_the_log_in_these_tests() -> None:
    assert [int(path[-23:-4]) for path in segments(closed())] == [1, 4, 7, 9]


def test_good_log_is_clean() -> None:
    for compressed in (False, True):
        disk = closed(compressed=compressed)
        report = verify_log(DIRECTORY, fs=disk)
        assert report.clean
        assert (report.segments, report.events, report.first_seq, report.last_seq) == (4, 9, 1, 9)
        assert (report.durable_seq, report.sealed, report.safe, report.tail) == (9, True, [(1, 9)], None)
        assert report.bytes == sum(len(disk.inodes[path].seen) for path in segments(disk))


def test_log_that_is_being_written_is_clean() -> None:
    disk = Disk()
    log = small_log(disk, MADE)
    report = verify_log(DIRECTORY, fs=disk)
    assert report.clean
    assert (report.last_seq, report.sealed) == (9, False)
    log.close()


def test_empty_log_is_clean() -> None:
    disk = Disk()
    small_log(disk, []).close()
    report = verify_log(DIRECTORY, fs=disk)
    assert report.clean
    assert (report.events, report.last_seq, report.safe) == (0, 0, [])
    assert salvage_log(DIRECTORY, "copy", fs=disk).events == 0
    assert FileLog.open("copy", config=None, fs=disk).last_seq == 0


def test_no_log_cannot_be_opened() -> None:
    with pytest.raises(DataDirError, match="no log here"):
        verify_log(DIRECTORY, fs=Disk())
    disk = Disk()
    disk.directories.add(DIRECTORY)
    with pytest.raises(DataDirError, match="no log here"):
        verify_log(DIRECTORY, fs=disk)


def test_damage_in_the_middle_says_where_and_what_is_still_safe() -> None:
    disk = closed()
    path = segments(disk)[1]  # seqs 4 to 6, in blocks 4 and 5..6
    disk.inodes[path].seen[-100] ^= 1
    report = verify_log(DIRECTORY, fs=disk)
    assert not report.clean
    assert [(found.path, found.seq) for found in report.damage] == [(path, 5)]
    assert disk.inodes[path].seen[report.damage[0].offset :][:2] == b"\xf7\xb1"
    assert report.safe == [(1, 4), (7, 9)]
    assert report.events == 7


def test_damage_within_a_segment_is_passed_by_the_report() -> None:
    """One bad block of three: the ones before and after it are safe."""
    disk = Disk()
    small_log(disk, blocks(1, 1, 1, symbols=["EURUSD"]), segment_bytes=1 << 20).close()
    disk.inodes[segments(disk)[0]].seen[-80 - 200] ^= 1
    report = verify_log(DIRECTORY, fs=disk)
    assert report.safe == [(1, 1), (3, 3)]
    assert [found.seq for found in report.damage] == [2]
    assert report.sealed


def test_block_whose_names_are_lost_is_not_safe() -> None:
    """The damaged block had the name that a later one uses; the next segment names it again."""
    disk = Disk()
    log = small_log(disk, blocks(1, 1, 1, 1), segment_bytes=1 << 20)
    log.close()
    disk.inodes[segments(disk)[0]].seen[-80 - 2 * 151 - 60] ^= 1
    report = verify_log(DIRECTORY, fs=disk)
    assert report.safe == [(1, 1)]
    assert "1 symbols are known, not 2" in report.damage[1].what


def test_damaged_pack_is_found() -> None:
    disk = closed(compressed=True)
    path = segments(disk)[0]
    disk.inodes[path].seen[-100] ^= 1
    report = verify_log(DIRECTORY, fs=disk)
    assert report.safe == [(4, 9)]
    assert [found.seq for found in report.damage] == [1]


def test_damaged_header_loses_its_segment_only() -> None:
    disk = closed()
    disk.inodes[segments(disk)[1]].seen[9] ^= 1
    report = verify_log(DIRECTORY, fs=disk)
    assert report.safe == [(1, 3), (7, 9)]
    assert [found.seq for found in report.damage] == [4]


def test_missing_first_segment_is_damage() -> None:
    disk = closed()
    del disk.inodes[segments(disk)[0]]
    report = verify_log(DIRECTORY, fs=disk)
    assert report.damage[0].what == "the segment is gone"
    assert report.safe == [(4, 9)]


def test_torn_tail_is_told_and_is_no_damage() -> None:
    disk = Disk()
    small_log(disk, MADE[:2], segment_bytes=1 << 20)
    disk.kill()
    del disk.inodes[segments(disk)[0]].seen[-1:]
    report = verify_log(DIRECTORY, fs=disk)
    assert report.clean
    assert report.tail is not None
    assert (report.tail.seq, report.last_seq) == (3, 2)


def test_damage_known_synced_is_damage_in_an_unsealed_segment_too() -> None:
    disk = Disk()
    small_log(disk, blocks(1, 1, 1, symbols=["EURUSD"]), segment_bytes=1 << 20, sync_after=1)
    disk.kill()
    disk.inodes[segments(disk)[0]].seen[-200] ^= 1
    report = verify_log(DIRECTORY, fs=disk)
    assert [found.seq for found in report.damage] == [2]
    assert report.safe == [(1, 1), (3, 3)]


def test_salvage_keeps_everything_before_the_damage(tmp_path: Path) -> None:
    """The copy opens, goes on, and has the same chain; the old log is not touched."""
    log = FileLog.open(tmp_path / "log", config=CONFIG, segment_bytes=400)
    for block in MADE:
        log.append(block, position(block))
    log.close()
    chains = {found.block.last_seq: found.chain for found in read_log(tmp_path / "log")}
    path = sorted((tmp_path / "log").glob("*.log"))[1]
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    before = {entry.name: entry.read_bytes() for entry in (tmp_path / "log").iterdir()}
    done = salvage_log(tmp_path / "log", tmp_path / "copy")
    assert (done.events, done.last_seq, done.left) == (4, 4, [(7, 9)])
    assert {entry.name: entry.read_bytes() for entry in (tmp_path / "log").iterdir()} == before
    copy = FileLog.open(tmp_path / "copy", config=None)
    assert (copy.last_seq, copy.chain, copy.positions) == (4, chains[4], position(MADE[2]))
    for block in MADE[3:]:
        copy.append(block)
    copy.close()
    assert events_of(read_log(tmp_path / "copy")) == MADE
    with pytest.raises(DataDirError, match="only writes to a new directory"):
        salvage_log(tmp_path / "log", tmp_path / "copy")


def test_salvage_of_a_good_log_is_a_copy_of_it() -> None:
    disk = closed(compressed=True)
    done = salvage_log(DIRECTORY, "copy", fs=disk)
    assert (done.events, done.left) == (9, [])
    assert [bytes(disk.inodes[path].seen) for path in segments(disk) if path.startswith("copy")] == [
        bytes(disk.inodes[path].seen) for path in segments(disk) if path.startswith("log")
    ]
    assert events_of(read_log("copy", fs=disk)) == MADE


def test_salvage_stops_before_a_segment_whose_header_is_damaged() -> None:
    disk = closed()
    disk.inodes[segments(disk)[2]].seen[0] ^= 1
    assert salvage_log(DIRECTORY, "copy", fs=disk).last_seq == 6
    assert events_of(read_log("copy", fs=disk)) == MADE[:4]


def test_salvage_stops_before_a_missing_segment() -> None:
    disk = closed()
    del disk.inodes[segments(disk)[2]]
    assert salvage_log(DIRECTORY, "copy", fs=disk).last_seq == 6
    assert events_of(read_log("copy", fs=disk)) == MADE[:4]


def test_salvage_leaves_a_torn_tail_behind() -> None:
    disk = Disk()
    small_log(disk, MADE[:2], segment_bytes=1 << 20)
    disk.kill()
    del disk.inodes[segments(disk)[0]].seen[-1:]
    assert salvage_log(DIRECTORY, "copy", fs=disk).last_seq == 2
    assert FileLog.open("copy", config=None, fs=disk).torn is None


def test_salvage_of_a_log_with_retention_starts_where_it_does() -> None:
    disk = closed()
    retain(DIRECTORY, 4, fs=disk)
    disk.inodes[segments(disk)[-1]].seen[-100] ^= 1
    done = salvage_log(DIRECTORY, "copy", fs=disk)
    assert (done.events, done.last_seq) == (5, 8)
    assert FileLog.open("copy", config=None, fs=disk).first_seq == 4


def test_nothing_intact_cannot_be_salvaged() -> None:
    disk = closed()
    disk.inodes[segments(disk)[0]].seen[0] ^= 1
    with pytest.raises(CorruptLog, match="nothing is intact"):
        salvage_log(DIRECTORY, "copy", fs=disk)


def test_every_damage_of_many_is_reported() -> None:
    disk = Disk()
    small_log(disk, blocks(*[1] * 40, symbols=["EURUSD"]), segment_bytes=1 << 20).close()
    path = segments(disk)[0]
    frame = 80 + 48 + len(b'{"ticks.csv":{"row":10}}')
    end = len(disk.inodes[path].seen) - 80
    for i in range(10):
        disk.inodes[path].seen[end - (2 * i + 1) * frame + 100] ^= 1
    report = verify_log(DIRECTORY, fs=disk)
    assert [found.seq for found in report.damage] == list(range(22, 41, 2))
    assert report.safe == [(1, 21), *((seq, seq) for seq in range(23, 40, 2))]


def test_damaged_retention_mark_is_damage() -> None:
    disk = closed()
    retain(DIRECTORY, 4, fs=disk)
    disk.inodes[f"{DIRECTORY}/retained"].seen[18] ^= 1
    assert not verify_log(DIRECTORY, fs=disk).clean
    with pytest.raises(CorruptLog, match="mark"):
        FileLog.open(DIRECTORY, config=None, fs=disk)


def test_segment_of_another_run_is_told_after_damage_too() -> None:
    """Where the one before is damaged, the chain cannot be held against it; the run id can."""
    disk, other = closed(), Disk()
    log = FileLog.open(DIRECTORY, config=CONFIG, fs=other, segment_bytes=400, run_id=bytes(16))
    for block in MADE:
        log.append(block, position(block))
    log.close()
    names = segments(disk)
    disk.inodes[names[1]].seen[-100] ^= 1
    disk.inodes[names[2]] = other.inodes[names[2]]
    whats = [found.what for found in verify_log(DIRECTORY, fs=disk).damage]
    assert any("a segment of another log" in what for what in whats)


def test_segment_that_ends_early_before_another_is_damage() -> None:
    disk = closed()
    del disk.inodes[segments(disk)[0]].seen[-200:]
    report = verify_log(DIRECTORY, fs=disk)
    assert report.damage[0].path == segments(disk)[0]
    assert report.safe[-1] == (4, 9)
    assert salvage_log(DIRECTORY, "copy", fs=disk).last_seq == report.damage[0].seq - 1


def test_unsealed_segment_before_another_is_damage() -> None:
    disk = closed()
    del disk.inodes[segments(disk)[0]].seen[-80:]
    report = verify_log(DIRECTORY, fs=disk)
    assert [found.seq for found in report.damage] == [4]
    assert "no seal" in report.damage[0].what
    assert report.safe == [(1, 9)]


def test_short_write_of_a_copy_is_an_error() -> None:
    disk = closed()
    disk.fault = "short"
    disk.fail_at = len(disk.operations) + 1
    with pytest.raises(OSError, match="a short write"):
        salvage_log(DIRECTORY, "copy", fs=disk)


def test_frame_that_stands_twice_is_told_once() -> None:
    """After the damage comes a copy of an earlier frame, which cannot follow."""
    disk = Disk()
    small_log(disk, blocks(1, 1, 1, symbols=["EURUSD"]), segment_bytes=1 << 20).close()
    path = segments(disk)[0]
    frame = 80 + 48 + len(b'{"ticks.csv":{"row":3}}')
    data = bytes(disk.inodes[path].seen)
    third = len(data) - 80 - frame
    disk.inodes[path].seen[third + 100] ^= 1
    disk.inodes[path].seen[third + frame : third + frame] = data[third - frame : third]
    report = verify_log(DIRECTORY, fs=disk)
    assert report.safe == [(1, 2)]
    assert [found.seq for found in report.damage] == [3]


def test_log_without_its_first_segment_cannot_be_salvaged() -> None:
    disk = closed()
    del disk.inodes[segments(disk)[0]]
    with pytest.raises(CorruptLog, match="nothing is intact"):
        salvage_log(DIRECTORY, "copy", fs=disk)
