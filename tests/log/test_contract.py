"""What every log backend promises: one suite for the file log on two disks, and for the log in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mtf.errors import DataDirError, LogWriteFailed
from mtf.events.block import Block
from mtf.log import EventLog, FileLog
from tests.log.builders import CONFIG, DIRECTORY, RUN_ID, blocks, events_of
from tests.log.disk import Disk
from tests.log.memory_log import MemoryLog

MADE = blocks(3, 1, 4, 1, 5, ids=True)


@pytest.fixture(params=["memory", "simulated", "files", "files, tiny segments"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    made: dict[str, Callable[[], EventLog]] = {
        "memory": lambda: MemoryLog(config=CONFIG, run_id=RUN_ID),
        "simulated": lambda: FileLog.open(DIRECTORY, config=CONFIG, run_id=RUN_ID, fs=Disk()),
        "files": lambda: FileLog.open(tmp_path / "log", config=CONFIG, run_id=RUN_ID),
        "files, tiny segments": lambda: FileLog.open(tmp_path / "log", config=CONFIG, run_id=RUN_ID, segment_bytes=300),
    }
    opened = made[request.param]()
    yield opened
    opened.close()


def test_new_log_is_empty(log: EventLog) -> None:
    assert (log.config, log.run_id) == (CONFIG, RUN_ID)
    assert (log.first_seq, log.last_seq, log.durable_seq) == (1, 0, 0)
    assert (log.positions, log.symbols, list(log.read())) == ({}, [], [])


def test_blocks_are_read_as_they_were_appended(log: EventLog) -> None:
    for block in MADE:
        log.append(block)
    assert events_of(log.read()) == MADE
    assert log.last_seq == 14
    assert log.symbols == ["EURUSD", "GBPUSD"]


def test_reading_starts_with_the_block_that_contains_the_seq(log: EventLog) -> None:
    for block in MADE:
        log.append(block)
    starts = {seq: [found.first_seq for found in events_of(log.read(seq))] for seq in (1, 3, 4, 8, 9, 10, 14, 15, 99)}
    assert starts == {
        1: [1, 4, 5, 9, 10],
        3: [1, 4, 5, 9, 10],
        4: [4, 5, 9, 10],
        8: [5, 9, 10],
        9: [9, 10],
        10: [10],
        14: [10],
        15: [],
        99: [],
    }


@pytest.mark.parametrize("events", [2, 3, 5, 1000])
def test_small_blocks_are_put_together_for_a_replay(log: EventLog, events: int) -> None:
    """The same events, names and positions, in fewer blocks; none is cut."""
    made = blocks(*[1, 3, 1, 1] * 10, ids=True)
    for block in made:
        log.append(block, {"a": {"row": block.last_seq}, "b": {"row": block.first_seq // 9}})
    found = list(log.read(block_events=events))
    assert b"".join(part.block.rows for part in found) == b"".join(block.rows for block in made)
    assert b"".join(part.block.heap for part in found) == b"".join(block.heap for block in made)
    assert all(part.block.count >= events for part in found[:-1])
    assert len(found) < len(made)
    seq = 0
    for part in found:
        assert part.block.first_seq == seq + 1
        seq = part.block.last_seq
        assert part.positions["a"] == {"row": seq}
    assert found[-1].chain == log.chain
    late = next(iter(log.read(20, block_events=events))).block
    assert late.first_seq <= 20 <= late.last_seq


def test_reading_stops_at_what_was_there_at_the_call(log: EventLog) -> None:
    log.append(MADE[0])
    reader, replay = log.read(), log.read(block_events=1000)
    log.append(MADE[1])
    assert events_of(reader) == events_of(replay) == MADE[:1]
    assert events_of(log.read()) == MADE[:2]


def test_reading_before_the_first_event_kept_is_refused(log: EventLog) -> None:
    """Never a shorter history than was asked for."""
    log.append(MADE[0])
    with pytest.raises(DataDirError, match="starts at seq 1, and 0 is gone"):
        log.read(0)


def test_position_is_written_only_when_it_changed(log: EventLog) -> None:
    log.append(MADE[0], {"a": {"row": 3}, "b": {"row": 0}})
    log.append(MADE[1], {"a": {"row": 4}, "b": {"row": 0}})
    log.append(MADE[2], {"a": {"row": 4}, "b": {"row": 0}})
    log.append(MADE[3])
    assert [found.positions for found in log.read()] == [
        {"a": {"row": 3}, "b": {"row": 0}},
        {"a": {"row": 4}},
        {},
        {},
    ]
    assert log.positions == {"a": {"row": 4}, "b": {"row": 0}}


def test_position_that_is_changed_in_place_counts_as_changed(log: EventLog) -> None:
    """A source may hand over the same dict each time."""
    position = {"row": 3}
    log.append(MADE[0], {"a": position})
    position["row"] = 4
    log.append(MADE[1], {"a": position})
    position["row"] = 5
    assert [found.positions for found in log.read()] == [{"a": {"row": 3}}, {"a": {"row": 4}}]
    assert log.positions == {"a": {"row": 4}}


def test_position_that_is_no_json_writes_nothing(log: EventLog) -> None:
    log.append(MADE[0])
    with pytest.raises(TypeError):
        log.append(MADE[1], {"a": object()})
    log.append(MADE[1], {"a": 1})
    assert events_of(log.read()) == MADE[:2]


def test_sync_makes_what_was_appended_durable(log: EventLog) -> None:
    log.append(MADE[0])
    assert log.sync() == log.durable_seq == 3
    log.append(MADE[1])
    assert log.sync() == log.sync() == log.durable_seq == 4


def test_block_knows_what_was_durable_when_it_was_written(log: EventLog) -> None:
    log.append(MADE[0])
    log.sync()
    log.append(MADE[1])
    assert [found.durable_seq for found in log.read()] == [0, 3]


def test_seq_must_go_on_without_a_hole(log: EventLog) -> None:
    log.append(MADE[0])
    for wrong in (MADE[0], MADE[2], Block(4, 0, b"", b"")):
        with pytest.raises(AssertionError):
            log.append(wrong)
    log.append(MADE[1])
    assert events_of(log.read()) == MADE[:2]


def test_closed_log_is_durable_and_takes_nothing(log: EventLog) -> None:
    log.append(MADE[0])
    log.close()
    log.close()
    assert log.durable_seq == 3
    with pytest.raises(LogWriteFailed, match="closed"):
        log.append(MADE[1])
    assert events_of(log.read()) == MADE[:1]


def test_equal_appends_give_equal_chains_within_a_segment(log: EventLog) -> None:
    for block in MADE:
        log.append(block)
    chains = [found.chain for found in log.read()]
    assert len(set(chains)) == len(MADE)
    assert chains[-1] == log.chain


class TestMemoryLog:
    def test_keeps_about_the_newest_events_when_told_to(self) -> None:
        """Memory does not grow with the number of ticks."""
        log = MemoryLog(events_max=10)
        made = blocks(*[1] * 100)
        for block in made:
            log.append(block)
            assert log.last_seq - log.first_seq <= 20
        assert log.first_seq > 80
        assert events_of(log.read(log.first_seq)) == made[log.first_seq - 1 :]
        with pytest.raises(DataDirError):
            log.read()

    def test_each_has_a_run_id_of_its_own(self) -> None:
        assert MemoryLog().run_id != MemoryLog().run_id


def test_logged_blocks_compare_by_content() -> None:
    log, other = MemoryLog(run_id=RUN_ID), MemoryLog(run_id=RUN_ID)
    for each in (log, other):
        each.append(MADE[0], {"a": 1})
    first, second = next(log.read()), next(other.read())
    assert first == second
    assert hash(first) == hash(second)
    assert first != MADE[0]
    assert repr(first) == "LoggedBlock(Block(seq 1..3), durable 0)"
