"""Readers without a lock: beside the writer, behind it, and from another process."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from mtf.errors import CorruptLog, DataDirError
from mtf.log import FileLog, compress_sealed, read_log, retain
from tests.log.builders import CONFIG, DIRECTORY, blocks, events_of, position, small_log
from tests.log.disk import Disk
from tests.log.forger import GOOD, Forger

MADE = blocks(2, 1, 1, 2, 1, 1, 1)


def test_reader_knows_what_the_log_is() -> None:
    disk = Disk()
    log = small_log(disk, MADE)
    reader = read_log(DIRECTORY, fs=disk)
    assert (reader.config, reader.run_id, reader.first_seq) == (CONFIG, log.run_id, 1)
    assert (reader.last_seq, reader.symbols, reader.positions) == (0, [], {})
    next(reader)
    assert (reader.last_seq, reader.symbols, reader.positions) == (2, ["EURUSD"], position(MADE[0]))
    assert events_of(reader) == MADE[1:]
    assert (reader.last_seq, reader.symbols, reader.tail) == (9, ["EURUSD", "GBPUSD"], None)
    assert len(disk.open_files) == 2  # the writer's own: the reader closed its files


def test_reader_that_starts_late_knows_all_names() -> None:
    disk = Disk()
    small_log(disk, blocks(1, 1, 1, 1), segment_bytes=1 << 20)
    reader = read_log(DIRECTORY, 4, fs=disk)
    assert [found.block.first_seq for found in reader] == [4]
    assert reader.symbols == ["EURUSD", "GBPUSD"]


def test_frame_at_every_stage_of_its_writing_is_not_yet() -> None:
    """Another process sees a prefix of the frame: neither an end nor damage."""
    disk = Disk()
    small_log(disk, MADE[:2], segment_bytes=1 << 20)
    disk.kill()
    path = f"{DIRECTORY}/0000000000000000001.log"
    whole = bytes(disk.inodes[path].seen)
    single = Disk()
    small_log(single, MADE[:1], segment_bytes=1 << 20)
    start = len(single.inodes[path].seen)
    del disk.inodes[path].seen[start:]
    reader = read_log(DIRECTORY, fs=disk)
    first = reader.poll()
    assert first is not None
    assert first.block == MADE[0]
    for end in range(start, len(whole)):
        disk.inodes[path].seen[:] = whole[:end]
        assert reader.poll() is None
        assert reader.tail is None
    disk.inodes[path].seen[:] = whole
    second = reader.poll()
    assert second is not None
    assert second.block == MADE[1]
    assert reader.poll() is None


def test_reader_follows_from_segment_to_segment() -> None:
    disk = Disk()
    log = small_log(disk, [])
    reader = read_log(DIRECTORY, fs=disk)
    for block in MADE:
        assert reader.poll() is None
        log.append(block)
        found = reader.poll()
        assert found is not None
        assert found.block == block
    log.close()
    assert reader.poll() is None
    FileLog.open(DIRECTORY, config=None, fs=disk).close()
    assert reader.poll() is None
    reader.close()
    assert reader.poll() is None


def test_torn_tail_ends_the_reading_and_is_told() -> None:
    """Just where the next writer will cut; the reader itself changes nothing."""
    disk = Disk()
    small_log(disk, MADE[:3], segment_bytes=1 << 20)
    disk.kill()
    path = f"{DIRECTORY}/0000000000000000001.log"
    disk.inodes[path].seen[-1] ^= 1
    before = bytes(disk.inodes[path].seen)
    reader = read_log(DIRECTORY, fs=disk)
    assert events_of(reader) == MADE[:2]
    assert reader.tail is not None
    assert (reader.tail.path, reader.tail.seq, reader.tail.kept) == (path, 4, "")
    assert bytes(disk.inodes[path].seen) == before
    follower = read_log(DIRECTORY, 3, fs=disk)
    assert follower.poll() is not None
    assert follower.poll() is None
    log = FileLog.open(DIRECTORY, config=None, fs=disk)
    assert follower.poll() is None
    log.append(MADE[2])
    found = follower.poll()
    assert found is not None
    assert found.block == MADE[2]


def test_damage_is_raised_where_it_is_reached() -> None:
    disk = Disk()
    small_log(disk, MADE).close()
    names = sorted(path for path in disk.inodes if path.endswith(".log"))
    disk.inodes[names[1]].seen[-100] ^= 1
    reader = read_log(DIRECTORY, fs=disk)
    with pytest.raises(CorruptLog) as caught:
        list(reader)
    assert caught.value.path == names[1]
    assert caught.value.seq == reader.last_seq + 1


def test_missing_segment_is_damage_not_an_end() -> None:
    disk = Disk()
    small_log(disk, MADE).close()
    names = sorted(path for path in disk.inodes if path.endswith(".log"))
    del disk.inodes[names[1]]
    with pytest.raises(CorruptLog, match="should follow but is missing"):
        list(read_log(DIRECTORY, fs=disk))


def test_unsealed_segment_before_another_is_damage() -> None:
    disk = Disk()
    small_log(disk, MADE).close()
    first = min(path for path in disk.inodes if path.endswith(".log"))
    del disk.inodes[first].seen[-80:]
    with pytest.raises(CorruptLog, match="no seal before a later segment"):
        list(read_log(DIRECTORY, fs=disk))


def test_bytes_after_a_seal_are_damage() -> None:
    disk = Disk()
    small_log(disk, MADE).close()
    last = max(path for path in disk.inodes if path.endswith(".log"))
    disk.inodes[last].seen.extend(b"more")
    with pytest.raises(CorruptLog, match="bytes after the seal"):
        list(read_log(DIRECTORY, fs=disk))
    with pytest.raises(CorruptLog, match="bytes after the seal"):
        FileLog.open(DIRECTORY, config=None, fs=disk)


def test_reader_goes_on_through_compression_and_retention(tmp_path: Path) -> None:
    """What it has open stays open; what it opens next is there under the same name."""
    log = FileLog.open(tmp_path / "log", config=CONFIG, segment_bytes=400)
    for block in MADE:
        log.append(block)
    reader = read_log(tmp_path / "log")
    assert next(reader).block == MADE[0]
    assert compress_sealed(tmp_path / "log")
    assert retain(tmp_path / "log", 4)
    assert events_of(reader) == MADE[1:]
    with pytest.raises(DataDirError, match="and 1 is gone"):
        read_log(tmp_path / "log")
    log.close()


def test_log_is_followed_from_another_process(tmp_path: Path) -> None:
    """Each event arrives, in order, across segments, while it is being written."""
    made = blocks(*[1, 7, 2, 30] * 25)
    log = FileLog.open(tmp_path / "log", config=CONFIG, segment_bytes=4000)
    code = (
        "import sys, time\n"
        "from mtf.log import read_log\n"
        "reader = read_log(sys.argv[1])\n"
        "while reader.last_seq < 1000:\n"
        "    found = reader.poll()\n"
        "    if found is None:\n"
        "        time.sleep(0.001)\n"
        "    else:\n"
        "        block = found.block\n"
        "        print(block.first_seq, block.count, hash(block.rows), flush=True)\n"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONHASHSEED": "0"},
    )
    assert reader.stdout is not None
    seen = []
    try:
        for i, block in enumerate(made):
            log.append(block)
            if i % 10 == 9:
                seen += [reader.stdout.readline() for _ in range(10)]
        assert reader.wait(60) == 0
    finally:
        reader.kill()
        reader.stdout.close()
        reader.wait()
    log.close()
    assert [line.split()[:2] for line in seen] == [[str(block.first_seq), str(block.count)] for block in made]


def test_position_in_a_frame_is_not_passed_over_when_it_is_no_json() -> None:
    """Frames that are read ahead are taken in quickly, and what is wrong with one is reported all the same."""
    forger = Forger().block(GOOD.rows, GOOD.heap)
    row = GOOD.rows[:13] + b"\3" + GOOD.rows[14:]
    for seq, positions in ((2, b"{}"), (3, b"{")):
        forger.block(row, positions=positions, symbols=1, first_seq=seq)
    disk = forger.done()
    for block_events in (1, 100):
        with pytest.raises(CorruptLog) as caught:
            list(read_log(DIRECTORY, block_events=block_events, fs=disk))
        assert caught.value.seq == 3
    with pytest.raises(CorruptLog) as caught:
        FileLog.open(DIRECTORY, config=None, fs=disk)
    assert caught.value.seq == 3


def test_row_that_is_no_event_is_told_however_blocks_are_put_together() -> None:
    forger = Forger().block(GOOD.rows, GOOD.heap)
    row = GOOD.rows[:13] + b"\3" + GOOD.rows[14:]
    forger.block(row, symbols=1, first_seq=2).block(row[:12] + b"\7" + row[13:], symbols=1, first_seq=3)
    disk = forger.done()
    for block_events in (1, 100):
        with pytest.raises(CorruptLog) as caught:
            list(read_log(DIRECTORY, block_events=block_events, fs=disk))
        assert caught.value.seq == 3
    assert len(list(read_log(DIRECTORY, block_events=100, check=False, fs=disk))) == 1


def test_retention_that_overtakes_a_reader_is_told_apart_from_damage() -> None:
    disk = Disk()
    small_log(disk, MADE)
    reader = read_log(DIRECTORY, fs=disk)
    next(reader)
    retain(DIRECTORY, 9, fs=disk)
    with pytest.raises(DataDirError, match="seq 4 was removed before it was read"):
        list(reader)


def test_segment_that_does_not_follow_is_damage_and_is_closed() -> None:
    disk = Disk()
    small_log(disk, MADE).close()
    names = sorted(path for path in disk.inodes if path.endswith(".log"))
    disk.inodes[names[1]] = disk.inodes[names[0]]
    with pytest.raises(CorruptLog, match="under the wrong name"):
        list(read_log(DIRECTORY, fs=disk))
    assert not disk.open_files


def test_segment_sealed_between_two_looks_is_no_damage() -> None:
    """The writer seals it and makes the next while the reader is looking."""
    log: FileLog

    class Racing(Disk):
        racing = False

        def names(self, path: str) -> list[str]:
            if self.racing:
                self.racing = False
                log.append(MADE[2])  # begins a segment
            return super().names(path)

    disk = Racing()
    log = small_log(disk, MADE[:2])
    reader = read_log(DIRECTORY, fs=disk)
    disk.racing = True
    assert events_of(reader) == MADE[:3]


def test_idle_follower_lists_the_directory_once() -> None:
    """Listing takes longer the more segments there are, and a follower looks many times a second."""

    class Counting(Disk):
        listed = 0

        def names(self, path: str) -> list[str]:
            self.listed += 1
            return super().names(path)

    disk = Counting()
    log = small_log(disk, MADE[:1], segment_bytes=1 << 20)
    reader = read_log(DIRECTORY, fs=disk)
    for made in MADE[1:3]:
        while reader.poll() is not None:
            pass
        before = disk.listed
        assert [reader.poll() for _ in range(10)] == [None] * 10
        assert disk.listed == before
        log.append(made)
        found = reader.poll()
        assert found is not None
        assert found.block.last_seq == log.last_seq


def test_reader_that_is_dropped_leaves_no_file_open() -> None:
    disk = Disk()
    small_log(disk, MADE).close()
    reader = read_log(DIRECTORY, fs=disk)
    next(reader)
    assert disk.open_files
    del reader
    gc.collect()
    assert not disk.open_files


@pytest.mark.parametrize("block_events", [1, 1000])
def test_reading_stops_at_the_seq_that_is_named(block_events: int) -> None:
    disk = Disk()
    small_log(disk, MADE, segment_bytes=1 << 20)
    found = list(read_log(DIRECTORY, last_seq=4, block_events=block_events, fs=disk))
    assert found[-1].block.last_seq == 4
