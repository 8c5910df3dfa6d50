"""A list of segments that was made before is what listing them again gives, whatever befell the log meanwhile."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.errors import CorruptLog, DataDirError
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.log import ALL_SYMBOLS, FileLog, LogFiles, compress_sealed, index_sealed, retain
from mtf.log.segment import logged_segments
from mtf.log.segment_list import SegmentList
from tests.log.builders import CONFIG, DIRECTORY, RUN_ID, blocks, small_log
from tests.log.disk import Disk


def append(log: FileLog, symbols: SymbolTable, events: int) -> None:
    builder = BlockBuilder(symbols)
    for seq in range(log.last_seq + 1, log.last_seq + 1 + events):
        assert not builder.quote("EURUSD", seq * 1_000, 1.0, 1.5)
        log.append(builder.take(seq))


def opened(disk: Disk, run_id: bytes = RUN_ID) -> tuple[FileLog, SymbolTable]:
    log = FileLog.open(DIRECTORY, config=CONFIG, fs=disk, segment_bytes=900, run_id=run_id)
    return log, SymbolTable(log.symbols)


def replace_log(disk: Disk) -> None:
    """Put nothing in place of the log, as an import does before it puts another one there."""
    for path in list(disk.inodes):
        del disk.inodes[path]


@settings(max_examples=60)
@given(seed=st.integers(0, 1 << 32), steps=st.lists(st.integers(0, 5), min_size=1, max_size=14))
def test_a_kept_list_is_that_of_the_log_as_it_is(seed: int, steps: list[int]) -> None:
    """Over appends, restarts, crashes, compression, retention, and another log in this place, as long or longer."""
    disk = Disk()
    rng = random.Random(seed)
    log, symbols = opened(disk)
    kept = SegmentList(DIRECTORY, fs=disk)
    for number, step in enumerate(steps):
        append(log, symbols, rng.randrange(1, 40))
        if step == 1:
            log.close()
            log, symbols = opened(disk)
        elif step == 2:
            path = log._path
            disk.kill()
            del disk.inodes[path].seen[-rng.randrange(1, 60) :]
            log, symbols = opened(disk)
        elif step == 3:
            compress_sealed(DIRECTORY, newest_too=rng.random() < 0.5, fs=disk)
        elif step == 4:
            retain(DIRECTORY, rng.randrange(1, log.last_seq + 1), fs=disk)
        elif step == 5:
            log.close()
            replace_log(disk)
            log, symbols = opened(disk, number.to_bytes(16, "little"))
            append(log, symbols, rng.randrange(1, 80))
        if rng.random() < 0.7:
            assert list(kept.look()) == logged_segments(disk, DIRECTORY)
            assert kept.run_id == log.run_id
    log.close()
    assert list(kept.look()) == logged_segments(disk, DIRECTORY)


def operations(events: int) -> tuple[int, list[str]]:
    """Return how many segments a log of *events* has, and what the second question asks of the disk."""
    disk = Disk()
    log, symbols = opened(disk)
    append(log, symbols, events)
    log.close()
    index_sealed(DIRECTORY, fs=disk)
    reader = LogFiles(DIRECTORY, fs=disk)

    def ask() -> None:
        last_seq = reader.last_seq
        assert reader.run_id == RUN_ID
        assert reader.symbols == ["EURUSD"]
        runs = reader.find(ALL_SYMBOLS, 5_000, 6_000, last_seq)
        found = [logged.block.first_seq for first, last in runs for logged in reader.read(first, last_seq=first)]
        assert found[-1] <= 5

    ask()
    before = len(disk.operations)
    ask()
    asked = disk.operations[before:]
    reader.close()
    return len(logged_segments(disk, DIRECTORY)), asked


def test_a_question_costs_as_much_in_a_log_of_a_hundred_segments_as_in_one_of_a_few() -> None:
    """Listing is one operation too, but it grows with what there is."""
    few, asked_of_few = operations(20)
    many, asked_of_many = operations(1_000)
    assert few < 5
    assert many > 100
    assert asked_of_many == asked_of_few
    assert "names" not in asked_of_many


def test_damage_of_the_newest_header_hides_no_older_segment() -> None:
    """What it is that cannot be read is named by whoever reads it."""
    disk = Disk()
    small_log(disk, blocks(*[1] * 9)).close()
    kept = SegmentList(DIRECTORY, fs=disk)
    names = logged_segments(disk, DIRECTORY)
    assert list(kept.look()) == names
    disk.inodes[f"{DIRECTORY}/{names[-1]}"].seen[20] ^= 1
    assert list(kept.look()) == names
    with pytest.raises(CorruptLog, match="header is damaged"):
        _ = kept.run_id


def test_no_log_is_named(tmp_path: Path) -> None:
    kept = SegmentList(tmp_path / "log")
    with pytest.raises(DataDirError, match="there is no log here"):
        kept.look()


def test_a_log_that_is_gone_is_noticed() -> None:
    disk = Disk()
    small_log(disk, blocks(1, 1)).close()
    kept = SegmentList(DIRECTORY, fs=disk)
    assert kept.look()
    replace_log(disk)
    with pytest.raises(DataDirError, match="there is no log here"):
        kept.look()


def test_segments_whose_contents_were_exchanged_are_no_circle() -> None:
    """The newest file has the content of the one before it, whose seal names the newest."""
    disk = Disk()
    log, symbols = opened(disk)
    append(log, symbols, 60)
    log.close()
    kept = SegmentList(DIRECTORY, fs=disk)
    names = kept.look()
    assert len(names) > 2
    before, newest = (disk.inodes[f"{DIRECTORY}/{name}"] for name in names[-2:])
    before.seen, newest.seen = newest.seen, before.seen
    assert kept.look() == tuple(logged_segments(disk, DIRECTORY, look=False))
