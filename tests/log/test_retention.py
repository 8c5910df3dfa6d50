"""What may go, goes, oldest first; what somebody needs stays; and what is missing without leave is damage."""

from __future__ import annotations

import pytest

from mtf.errors import CorruptLog, DataDirError
from mtf.log import FileLog, read_log, retain, verify_log
from tests.log.builders import DIRECTORY, blocks, events_of, small_log
from tests.log.disk import Disk

MADE = blocks(2, 1, 1, 2, 1, 1, 1)  # segments from 1, 4, 7 and 9


def closed() -> Disk:
    disk = Disk()
    small_log(disk, MADE).close()
    return disk


def starts(disk: Disk) -> list[int]:
    return sorted(int(path[-23:-4]) for path in disk.inodes if path.endswith(".log"))


@pytest.mark.parametrize(
    ("needed", "left"),
    [(0, [1, 4, 7, 9]), (1, [1, 4, 7, 9]), (3, [1, 4, 7, 9]), (4, [4, 7, 9]), (8, [7, 9]), (9, [9]), (1000, [9])],
)
def test_whole_segments_below_what_is_needed_go(needed: int, left: list[int]) -> None:
    disk = closed()
    gone = retain(DIRECTORY, needed, fs=disk)
    assert starts(disk) == left
    assert len(gone) == 4 - len(left)
    assert verify_log(DIRECTORY, fs=disk).clean
    first = min(left)
    assert events_of(read_log(DIRECTORY, first, fs=disk)) == [block for block in MADE if block.first_seq >= first]


def test_log_goes_on_after_retention_and_says_where_it_starts() -> None:
    disk = closed()
    retain(DIRECTORY, 7, fs=disk)
    log = FileLog.open(DIRECTORY, config=None, fs=disk)
    assert (log.first_seq, log.last_seq, log.symbols) == (7, 9, ["EURUSD", "GBPUSD"])
    with pytest.raises(DataDirError, match="the log starts at seq 7, and 1 is gone"):
        log.read()
    assert events_of(log.read(7)) == MADE[4:]
    assert retain(DIRECTORY, 9, fs=disk) == ["0000000000000000007.log"]
    log.close()


def test_segment_missing_beyond_the_mark_is_damage() -> None:
    """Retention gave leave up to a seq and no further."""
    disk = closed()
    retain(DIRECTORY, 4, fs=disk)
    del disk.inodes[f"{DIRECTORY}/0000000000000000004.log"]
    with pytest.raises(CorruptLog, match="the segment is missing"):
        FileLog.open(DIRECTORY, config=None, fs=disk)
    for path in [path for path in disk.inodes if path.endswith(".log")]:
        del disk.inodes[path]
    with pytest.raises(CorruptLog, match="are missing"):
        FileLog.open(DIRECTORY, config=b"{}", fs=disk)


def test_older_segments_than_the_mark_says_are_no_damage() -> None:
    """The power went between the mark and the removing: the next retention removes them."""
    disk = closed()
    before = dict(disk.inodes)
    retain(DIRECTORY, 7, fs=disk)
    disk.inodes.update({path: inode for path, inode in before.items() if path.endswith(".log")})
    log = FileLog.open(DIRECTORY, config=None, fs=disk)
    assert log.first_seq == 1
    log.close()
    assert len(retain(DIRECTORY, 7, fs=disk)) == 2


def test_mark_that_is_a_link_or_cut_short_is_refused() -> None:
    disk = closed()
    retain(DIRECTORY, 4, fs=disk)
    del disk.inodes[f"{DIRECTORY}/retained"].seen[10:]
    with pytest.raises(CorruptLog, match="mark"):
        FileLog.open(DIRECTORY, config=None, fs=disk)
    del disk.inodes[f"{DIRECTORY}/retained"]
    disk.links.add(f"{DIRECTORY}/retained")
    with pytest.raises(DataDirError, match="links"):
        FileLog.open(DIRECTORY, config=None, fs=disk)
