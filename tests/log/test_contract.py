"""What every log backend promises: one suite for files on two disks, for memory, and for what is as on a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from mtf.errors import DataDirError, LogLocked, LogWriteFailed
from mtf.events.block import Block
from mtf.log import SEGMENT_BYTES, EventLog, FileLog, LogFiles, ReadableLog
from mtf.notes import Notes
from tests.cluster.servers import stream_storage
from tests.log.builders import CONFIG, DIRECTORY, RUN_ID, blocks, events_of
from tests.log.disk import Disk
from tests.log.memory_log import Kept, MemoryLog, MemoryReading
from tests.storage.remote_storage import RemoteStorage

MADE = blocks(3, 1, 4, 1, 5, ids=True)


ON_A_SERVER = pytest.param("stream", marks=pytest.mark.cluster)
KINDS = ("memory", "remote", "simulated", "files", "files, tiny segments", ON_A_SERVER)


class Backend(NamedTuple):
    """A log that is being written, how to open it again once it is closed, and how readers see it."""

    log: EventLog
    again: Callable[[], EventLog]
    reading: Callable[[], ReadableLog]


@contextmanager
def backend_of(kind: str, path: Path) -> Iterator[Backend]:
    if kind == "memory":
        kept = Kept(CONFIG, RUN_ID)
        yield Backend(MemoryLog(kept=kept), lambda: MemoryLog(kept=kept), lambda: MemoryReading(kept))
    elif kind == "remote":
        storage = RemoteStorage()
        storage.log = Kept(CONFIG, RUN_ID)
        yield Backend(storage.open_log(CONFIG, Notes()), lambda: storage.open_log(CONFIG, Notes()), storage.read_log)
        storage.close()
    elif kind == "stream":
        with stream_storage(RUN_ID) as stored:
            yield Backend(stored.open_log(CONFIG, Notes()), lambda: stored.open_log(CONFIG, Notes()), stored.read_log)
    else:
        directory = DIRECTORY if kind == "simulated" else str(path / "log")
        fs = Disk() if kind == "simulated" else None
        segment_bytes = 300 if "tiny" in kind else SEGMENT_BYTES

        def opened() -> FileLog:
            return FileLog.open(directory, config=CONFIG, run_id=RUN_ID, segment_bytes=segment_bytes, fs=fs)

        yield Backend(opened(), opened, lambda: LogFiles(directory, fs=fs))


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with backend_of(request.param, tmp_path) as backend:
        yield backend
        backend.log.close()


@pytest.fixture
def log(backend: Backend) -> EventLog:
    return backend.log


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


def test_log_goes_on_where_it_was_closed(backend: Backend) -> None:
    backend.log.append(MADE[0], {"a": 1, "b": 1})
    backend.log.append(MADE[1], {"a": 2})
    backend.log.close()
    again = backend.again()
    assert (again.config, again.run_id) == (CONFIG, RUN_ID)
    assert (again.first_seq, again.last_seq, again.durable_seq) == (1, 4, 4)
    assert (again.positions, again.symbols, again.torn) == ({"a": 2, "b": 1}, ["EURUSD", "GBPUSD"], None)
    again.append(MADE[2])
    again.close()
    assert events_of(again.read()) == MADE[:3]


def test_second_writer_is_refused(backend: Backend) -> None:
    with pytest.raises(LogLocked):
        backend.again()
    backend.log.append(MADE[0])
    assert events_of(backend.log.read()) == MADE[:1]


def test_nothing_after_the_last_seq_asked_for_is_read(log: EventLog) -> None:
    for block in MADE:
        log.append(block)
    for reading_to in (1, 3, 4, 6, 14):
        read = events_of(log.read(last_seq=reading_to))
        assert read == [block for block in MADE if block.first_seq <= reading_to]


def test_retention_keeps_what_is_needed(log: EventLog) -> None:
    """And perhaps more: a backend removes what it can. Names and positions stay known."""
    for block in MADE:
        log.append(block, {"a": block.last_seq})
    log.retain(9)
    assert log.first_seq <= 9
    kept = log.read(log.first_seq)
    assert kept.symbols == (["EURUSD", "GBPUSD"] if log.first_seq > 4 else ["EURUSD"] if log.first_seq == 4 else [])
    assert events_of(kept) == [block for block in MADE if block.first_seq >= log.first_seq]
    assert (log.symbols, log.positions) == (["EURUSD", "GBPUSD"], {"a": 14})
    if log.first_seq > 1:
        with pytest.raises(DataDirError, match="and 1 is gone"):
            log.read(1)


def test_readers_see_what_the_writer_has_appended(backend: Backend) -> None:
    reading = backend.reading()
    assert (reading.config, reading.run_id) == (CONFIG, RUN_ID)
    assert (reading.first_seq, reading.last_seq, reading.symbols, reading.positions) == (1, 0, [], {})
    for block in MADE:
        backend.log.append(block, {"a": block.last_seq})
        assert reading.last_seq == block.last_seq
        assert reading.symbols == backend.log.symbols
        assert reading.positions == {"a": block.last_seq}
    assert events_of(reading.read()) == MADE
    assert events_of(reading.read(5, last_seq=9)) == MADE[2:4]
    assert [part.block.count for part in reading.read(block_events=100)] == [14]
    backend.log.close()
    assert (reading.last_seq, reading.symbols) == (14, ["EURUSD", "GBPUSD"])
    reading.close()
    reading.close()


def test_reader_knows_names_and_positions_as_of_where_it_is(backend: Backend) -> None:
    for block in MADE:
        backend.log.append(block, {"a": block.last_seq})
    backend.log.sync()
    reader = backend.reading().read(14)
    assert events_of(reader) == MADE[4:]
    assert (reader.last_seq, reader.symbols, reader.positions) == (14, ["EURUSD", "GBPUSD"], {"a": 14})
    past_the_end = backend.reading().read(20, last_seq=20)
    assert (list(past_the_end), past_the_end.last_seq) == ([], 14)


def test_follower_gets_what_comes_later(backend: Backend) -> None:
    follower = backend.reading().follow()
    assert follower.poll() is None
    for block in MADE[:4]:
        backend.log.append(block)
        found = follower.poll()
        assert found is not None
        assert found.block == block
        assert follower.poll() is None
    backend.log.close()
    again = backend.again()
    again.append(MADE[4])
    joined = backend.reading().follow(4, block_events=100).poll()
    last = follower.poll()
    assert joined is not None
    assert (joined.block.first_seq, joined.block.last_seq) == (4, 14)
    assert last is not None
    assert last.block == MADE[4]
    again.close()


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
