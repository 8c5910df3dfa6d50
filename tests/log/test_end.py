"""Where a log ends, at every stage of its life."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtf.errors import DataDirError
from mtf.log import FileLog, LogEnd, compress_sealed, first_logged_seq, retain
from tests.log.builders import DIRECTORY, blocks, small_log
from tests.log.disk import Disk

MADE = blocks(2, 1, 1, 2, 1, 1, 1)


def test_the_end_is_seen_after_each_append() -> None:
    """From segment to segment, and with the names that each block brings."""
    disk = Disk()
    log = small_log(disk, [])
    end = LogEnd(DIRECTORY, fs=disk)
    assert end.look() == 0
    for block in MADE:
        log.append(block)
        assert end.look() == block.last_seq
        assert end.symbols == log.symbols
    end.close()


def test_a_sealed_log_says_where_it_ends() -> None:
    """Compressed or not, and if old segments are gone; and it is followed once another writer goes on."""
    disk = Disk()
    log = small_log(disk, MADE)
    log.close()
    end = LogEnd(DIRECTORY, fs=disk)
    assert (end.look(), end.symbols) == (9, ["EURUSD", "GBPUSD"])
    list(compress_sealed(DIRECTORY, fs=disk))
    assert (end.look(), LogEnd(DIRECTORY, fs=disk).look()) == (9, 9)
    retain(DIRECTORY, 6, fs=disk)
    assert LogEnd(DIRECTORY, fs=disk).look() == 9
    again = FileLog.open(DIRECTORY, config=None, fs=disk)
    assert end.look() == 9
    again.append(blocks(2, 1, 1, 2, 1, 1, 1, 3)[-1])
    assert end.look() == 12
    end.close()


def test_the_end_is_seen_although_what_comes_before_it_was_removed_since_the_last_look() -> None:
    disk = Disk()
    log = small_log(disk, MADE[:1])
    end = LogEnd(DIRECTORY, fs=disk)
    assert end.look() == 2
    for block in MADE[1:]:
        log.append(block)
    retain(DIRECTORY, 8, fs=disk)
    assert first_logged_seq(DIRECTORY, fs=disk) > 3
    assert (end.look(), end.symbols) == (9, ["EURUSD", "GBPUSD"])
    end.close()


def test_no_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="there is no log here"):
        LogEnd(tmp_path / "log").look()
