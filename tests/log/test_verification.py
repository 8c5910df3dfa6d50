"""What is damaged, which seqs are safe, and a copy of what is good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtf.errors import CorruptLog, DataDirError
from mtf.events.block import Block, heap_after, heap_text, id_place
from mtf.log import FileLog, Moved, compress_sealed, read_log, retain, salvage_log, verify_log
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


def with_lost_names() -> Disk:
    """A log of one segment, the second block of which, that introduces GBPUSD, makes no sense any more."""
    disk = Disk()
    log = small_log(disk, blocks(1, 1, 1, 1), segment_bytes=1 << 20)
    log.close()
    data = disk.inodes[segments(disk)[0]].seen
    at = data.index(b"GBPUSD")
    data[at - 2 : at + 6] = bytes(range(8))  # with the length
    return disk


def test_names_that_are_lost_are_one_complaint() -> None:
    """The damaged block had the name that all later ones may use: they are not safe, and that is one complaint."""
    report = verify_log(DIRECTORY, fs=with_lost_names())
    assert report.safe == [(1, 1)]
    assert [damage.seq for damage in report.damage] == [2, 3]
    assert "the names of their symbols were in the damaged part" in report.damage[1].what
    assert salvage_log(DIRECTORY, "copy", fs=with_lost_names()).events == 1


def test_lost_names_that_are_known_from_elsewhere_save_the_rest() -> None:
    disk = with_lost_names()
    report = verify_log(DIRECTORY, names=["EURUSD", "GBPUSD", "USDJPY"], fs=disk)
    assert (report.safe, [damage.seq for damage in report.damage], report.unsure) == ([(1, 1), (3, 4)], [2], [])
    assert verify_log(DIRECTORY, names=["another", "log", "than", "this"], fs=disk).safe == [(1, 1)]
    done = salvage_log(DIRECTORY, "copy", names=["EURUSD", "GBPUSD"], fs=disk)
    assert (done.events, done.same_seq, done.moved) == (3, 1, [Moved(3, 4, 2)])
    log = FileLog.open("copy", config=None, fs=disk)
    assert log.symbols == ["EURUSD", "GBPUSD"]
    log.close()


def test_names_in_a_later_segment_save_the_rest_of_a_damaged_one() -> None:
    disk = Disk()
    small_log(disk, blocks(1, 1, 1, 1, 1), segment_bytes=600).close()
    assert len(segments(disk)) > 1
    data = disk.inodes[segments(disk)[0]].seen
    at = data.index(b"EURUSD", 200)
    data[at - 2 : at + 6] = bytes(range(8))
    report = verify_log(DIRECTORY, fs=disk)
    assert (report.safe, [damage.seq for damage in report.damage]) == ([(2, 5)], [1])


@pytest.mark.parametrize("compressed", [False, True])
def test_one_damaged_byte_anywhere_costs_no_more_than_its_block(compressed: bool) -> None:
    """Whichever byte: one complaint or two, everything else intact, and all of that is in the copy, in order."""
    made = blocks(3, 2, 2, 3, symbols=["EURUSD", "GBPUSD", "AUDUSD", "USDJPY"], ids=True)
    disk = Disk()
    small_log(disk, made, segment_bytes=1 << 20).close()
    if compressed:
        compress_sealed(DIRECTORY, fs=disk)
    path = segments(disk)[0]
    good = bytes(disk.inodes[path].seen)
    ids = [f"t{seq}" for seq in range(1, 11)]
    start = good.index(b"EURUSD") - 3 * 48 - 80 if not compressed else 300
    costs = []
    for at in range(start, len(good)):
        disk = Disk()
        small_log(disk, [], segment_bytes=1 << 20).close()
        disk.inodes[path].seen[:] = good
        disk.inodes[path].seen[at] ^= 0x10
        report = verify_log(DIRECTORY, fs=disk)
        assert 1 <= len(report.damage) + (report.tail is not None) <= 2, at
        if report.safe:
            done = salvage_log(DIRECTORY, "copy", fs=disk)
            copied = [id for logged in read_log("copy", fs=disk) for id in ids_of(logged.block)]
            kept = [ids[seq - 1] for first, last in report.safe for seq in range(first, last + 1)]
            assert copied == kept, at
            assert verify_log("copy", fs=disk).clean
            assert done.events == len(copied)
        costs.append(10 - report.events)
    assert set(costs) <= ({0, 10} if compressed else {0, 2, 3, 5, 7, 8, 10})
    assert compressed or sum(cost > 3 for cost in costs) < 0.4 * len(costs)


def ids_of(block: Block) -> list[str]:
    found = []
    at = 0
    for base in range(0, len(block.rows), 48):
        tag = int.from_bytes(block.rows[base + 12 : base + 16], "little")
        found.append(heap_text(block.heap, id_place(block.heap, at, tag >> 8)))
        at = heap_after(block.heap, at, tag)
    return found


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
    assert report.damage[0].what == "the segment is missing"
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


def test_salvage_keeps_everything_that_is_intact(tmp_path: Path) -> None:
    """The copy opens, goes on, and has the same chain up to the damage; the old log is not touched."""
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
    assert (done.events, done.last_seq, done.same_seq, done.moved) == (7, 7, 4, [Moved(7, 9, 5)])
    assert {entry.name: entry.read_bytes() for entry in (tmp_path / "log").iterdir()} == before
    copy = FileLog.open(tmp_path / "copy", config=None)
    assert (copy.last_seq, copy.positions, copy.symbols) == (7, position(MADE[-1]), ["EURUSD", "GBPUSD"])
    found = list(read_log(tmp_path / "copy"))
    assert {logged.block.last_seq: logged.chain for logged in found[:3]} == {seq: chains[seq] for seq in (2, 3, 4)}
    copy.append(Block(8, 1, MADE[-1].rows, b""))
    copy.close()
    rows = [logged.block.rows for logged in read_log(tmp_path / "copy")]
    assert rows == [block.rows for block in [*MADE[:3], *MADE[4:], MADE[-1]]]
    with pytest.raises(DataDirError, match="only writes to a new directory"):
        salvage_log(tmp_path / "log", tmp_path / "copy")


def test_salvage_of_a_good_log_is_a_copy_of_it() -> None:
    disk = closed(compressed=True)
    done = salvage_log(DIRECTORY, "copy", fs=disk)
    assert (done.events, done.moved) == (9, [])
    assert [bytes(disk.inodes[path].seen) for path in segments(disk) if path.startswith("copy")] == [
        bytes(disk.inodes[path].seen) for path in segments(disk) if path.startswith("log")
    ]
    assert events_of(read_log("copy", fs=disk)) == MADE


@pytest.mark.parametrize("missing", [True, False])
def test_salvage_goes_on_after_a_segment_that_is_damaged_or_missing(missing: bool) -> None:
    disk = closed()
    if missing:
        del disk.inodes[segments(disk)[2]]
    else:
        disk.inodes[segments(disk)[2]].seen[0] ^= 1
    done = salvage_log(DIRECTORY, "copy", fs=disk)
    assert (done.last_seq, done.moved) == (7, [Moved(9, 9, 7)])
    assert [block.rows for block in events_of(read_log("copy", fs=disk))] == [
        block.rows for block in [*MADE[:4], MADE[-1]]
    ]


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
    for path in segments(disk):
        disk.inodes[path].seen[0] ^= 1
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
    done = salvage_log(DIRECTORY, "copy", fs=disk)
    assert (done.same_seq, done.moved) == (report.damage[0].seq - 1, [Moved(4, 9, report.damage[0].seq)])


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
    with pytest.raises(OSError, match="short write"):
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


def test_log_without_its_first_segment_is_salvaged_from_the_next() -> None:
    """Symbols are introduced by their first events in the copy, and numbered as they come."""
    disk = closed()
    del disk.inodes[segments(disk)[0]]
    done = salvage_log(DIRECTORY, "copy", fs=disk)
    assert (done.events, done.same_seq, done.moved) == (6, 0, [Moved(4, 9, 1)])
    log = FileLog.open("copy", config=None, fs=disk)
    assert (log.symbols, log.config, log.first_seq) == (["GBPUSD", "EURUSD"], CONFIG, 1)
    log.close()
    stamps = [block.rows[:8] for block in events_of(read_log("copy", fs=disk))]
    assert stamps == [block.rows[:8] for block in MADE[2:]]


def test_positions_that_name_seqs_are_adapted_to_the_copy() -> None:
    disk = closed()
    disk.inodes[segments(disk)[1]].seen[-100] ^= 1  # seqs 5 and 6
    asked = []

    def adapt(positions: dict[str, Any], now: Callable[[int], int]) -> dict[str, Any]:
        asked.append([now(seq) for seq in range(1, 10)])
        return positions

    salvage_log(DIRECTORY, "copy", adapt=adapt, fs=disk)
    assert asked[-1] == [1, 2, 3, 4, 5, 5, 5, 6, 7]
