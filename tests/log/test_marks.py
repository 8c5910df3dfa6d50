"""Marks: a start reads the newest segment from the last one on, and is never misled by one."""

from __future__ import annotations

from random import Random

import pytest

from mtf.errors import CorruptLog
from mtf.events.block import Block
from mtf.log import FileLog, compress_sealed
from mtf.log.marks import marks_path
from tests.log.builders import CONFIG, DIRECTORY, RUN_ID, blocks, events_of, position
from tests.log.disk import Disk

MADE = blocks(*[1] * 20, 5, *[1] * 15)
FIRST = f"{DIRECTORY}/0000000000000000001.log"


@pytest.fixture(autouse=True)
def small_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark each 700 bytes, some five frames."""
    monkeypatch.setattr("mtf.log.file_log.MARK_BYTES", 700)


def written(disk: Disk, *, close: bool, sync_after: int = 1 << 30) -> FileLog:
    """Return the log of MADE in one segment; its events are synced up to *sync_after*."""
    log = FileLog.open(DIRECTORY, config=CONFIG, fs=disk, run_id=RUN_ID)
    for block in MADE:
        log.append(block, position(block))
        if block.last_seq <= sync_after:
            log.sync()
    if close:
        log.close()
    else:
        disk.kill()
    return log


def facts(disk: Disk, check_from: int) -> tuple[object, ...]:
    """Open the log and return all that a writer continues from."""
    log = FileLog.open(DIRECTORY, config=None, fs=disk, check_from=check_from)
    try:
        return log.last_seq, log.chain, log.symbols, log.positions, log.full
    finally:
        disk.kill()


def flipped(disk: Disk, at: int) -> Disk:
    disk = disk.copy()
    disk.inodes[FIRST].seen[at] ^= 1
    return disk


@pytest.mark.parametrize("close", [True, False])
def test_start_from_a_mark_knows_what_reading_everything_teaches(close: bool) -> None:
    disk = Disk()
    written(disk, close=close)
    expected = facts(disk.copy(), 1)
    assert expected[0] == 40
    assert expected[2] == ["EURUSD", "GBPUSD"]
    for check_from in range(1, 43):
        assert facts(disk.copy(), check_from) == expected


@pytest.mark.parametrize("close", [True, False])
def test_start_does_not_read_what_comes_before_the_mark(close: bool) -> None:
    """Damage there does not stop it, though a start that checks everything finds it."""
    disk = Disk()
    written(disk, close=close)
    damaged = flipped(disk, 1500)
    with pytest.raises(CorruptLog, match="altered"):
        facts(damaged.copy(), 1)
    with pytest.raises(CorruptLog, match="altered"):
        facts(damaged.copy(), 9)  # the mark comes before what is to be checked
    log = FileLog.open(DIRECTORY, config=None, fs=damaged, check_from=41)
    assert log.last_seq == 40
    assert log.checked_from > 30
    log.close()


def test_damage_after_the_mark_is_found() -> None:
    disk = Disk()
    written(disk, close=False)
    with pytest.raises(CorruptLog, match="the log was synced up to seq 35"):
        facts(flipped(disk, len(disk.inodes[FIRST].seen) - 900), 30)


def test_no_mark_is_written_before_what_it_is_of_is_synced() -> None:
    """A crash can tear what is not, before a place that is intact."""
    disk = Disk()
    written(disk, close=False, sync_after=0)
    assert marks_path(FIRST) not in disk.inodes
    disk = Disk()
    written(disk, close=False, sync_after=20)
    assert FileLog.open(DIRECTORY, config=None, fs=disk, check_from=1 << 40).checked_from <= 20


def test_damaged_or_foreign_marks_change_nothing() -> None:
    disk, other = Disk(), Disk()
    written(disk, close=False)
    log = FileLog.open(DIRECTORY, config=CONFIG, fs=other, run_id=bytes(16))
    for block in MADE:
        log.append(block)
        log.sync()
    expected = facts(disk.copy(), 1)
    marks = disk.inodes[marks_path(FIRST)].seen
    replaced = disk.copy()
    replaced.inodes[marks_path(FIRST)].seen[:] = other.inodes[marks_path(FIRST)].seen
    assert facts(replaced, 41) == expected
    random = Random(4)
    for _ in range(300):
        damaged = disk.copy()
        into = damaged.inodes[marks_path(FIRST)].seen
        at = random.randrange(len(marks))
        if random.random() < 0.5:
            into[at] ^= 1 << random.randrange(8)
        else:
            del into[at:]
        assert facts(damaged, 41) == expected


def test_marks_of_another_history_of_the_same_log_are_not_used() -> None:
    """As when a copy of the log was put back, and written on, beside newer marks."""
    disk = Disk()
    log = written(disk, close=False)
    older = disk.copy()
    other = FileLog.open("other", config=CONFIG, fs=older, run_id=RUN_ID)
    for block in blocks(*[1] * 5, 8, *[1] * 27):
        other.append(block, position(block))
    older.kill()
    older.inodes[FIRST] = older.inodes.pop(FIRST.replace(DIRECTORY, "other", 1))
    again = FileLog.open(DIRECTORY, config=None, fs=older, check_from=1 << 40)
    assert (again.last_seq, again.chain) == (40, other.chain)
    assert again.chain != log.chain
    again.append(Block(41, 1, MADE[3].rows, b""))
    again.close()
    assert facts(older, 1 << 40) == facts(older, 1)


def test_log_goes_on_with_marks_after_a_kill() -> None:
    disk = Disk()
    written(disk, close=False)
    log = FileLog.open(DIRECTORY, config=None, fs=disk, check_from=41)
    for seq in range(41, 71):
        log.append(Block(seq, 1, MADE[3].rows, b""))
        log.sync()
    disk.kill()
    expected = facts(disk.copy(), 1)
    again = FileLog.open(DIRECTORY, config=None, fs=disk, check_from=71)
    assert again.checked_from > 60
    disk.kill()
    assert facts(disk, 71) == expected


def test_start_on_a_compressed_segment_uses_the_mark_of_its_seal() -> None:
    disk = Disk()
    written(disk, close=True)
    expected = facts(disk.copy(), 1)
    assert compress_sealed(DIRECTORY, fs=disk)
    log = FileLog.open(DIRECTORY, config=None, fs=disk, check_from=41)
    assert log.checked_from == 41
    log.close()
    assert facts(disk, 41) == expected
    assert events_of(log.read(30))[-1] == MADE[-1]


def test_only_the_newest_segment_has_marks() -> None:
    disk = Disk()
    log = FileLog.open(DIRECTORY, config=CONFIG, fs=disk, run_id=RUN_ID, segment_bytes=1500)
    for block in MADE:
        log.append(block)
    log.close()
    newest = max(path for path in disk.inodes if path.endswith(".log"))
    assert [path for path in disk.inodes if path.endswith(".mrk")] == [marks_path(newest)]
