"""The log on disk: continuing it, rotation, the lock, and what a failure leaves."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mtf.errors import CorruptLog, DataDirError, LogLocked, LogWriteFailed
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.log import FileLog, OsFileSystem, read_log, verify_log
from mtf.log.checking import check_before
from mtf.log.filesystem import FileKind
from mtf.log.segment_format import META_BYTES_MAX, POSITIONS_BYTES_MAX
from tests.log.builders import CONFIG, DIRECTORY, RUN_ID, blocks, events_of, position, small_log
from tests.log.disk import Disk

MADE = blocks(2, 1, 1, 2, 1, 1, 1)


def test_reopened_log_goes_on_where_it_was(tmp_path: Path) -> None:
    """Closed cleanly or not: seq, names, positions and chain are those it had."""
    for closes in (True, False):
        directory = tmp_path / str(closes)
        chain = 0
        for i, block in enumerate(MADE):
            log = FileLog.open(directory, config=CONFIG, segment_bytes=400)
            assert log.last_seq == log.durable_seq == (MADE[i - 1].last_seq if i else 0)
            assert log.positions == (position(MADE[i - 1]) if i else {})
            assert log.symbols == ["EURUSD", "GBPUSD"][: min(i, 2)]
            log.append(block, position(block))
            chain = log.chain
            if closes:
                log.close()
            else:
                log._close_files()
        assert events_of(read_log(directory)) == MADE
        assert [found.chain for found in read_log(directory)][-1] == chain
        assert verify_log(directory).clean


def test_reopening_and_closing_makes_no_segment() -> None:
    disk = Disk()
    for _ in range(3):
        FileLog.open(DIRECTORY, config=CONFIG, fs=disk).close()
    log = FileLog.open(DIRECTORY, config=None, fs=disk)
    log.append(MADE[0])
    log.close()
    for _ in range(3):
        log = FileLog.open(DIRECTORY, config=None, fs=disk)
        assert log.full
        log.close()
    assert len([path for path in disk.inodes if path.endswith(".log")]) == 1


def test_segment_is_sealed_and_synced_before_the_next_is_made() -> None:
    disk = Disk()
    log = small_log(disk, MADE[:2], segment_bytes=1)
    disk.operations.clear()
    log.append(MADE[2])
    assert [name for name in disk.operations if name != "kind"] == [
        "sync",  # the events
        "write",  # the seal
        "sync",
        "close",
        "open",  # the mark of the seal, which the next segment makes useless
        "write",
        "close",
        "open",  # the next segment
        "write",
        "sync",
        "rename",
        "sync_directory",
        "names",
        "remove",
        "write",  # the block
    ]


def test_each_append_is_one_write() -> None:
    disk = Disk()
    log = small_log(disk, [], segment_bytes=1 << 20)
    disk.operations.clear()
    for block in MADE:
        log.append(block, position(block))
    assert disk.operations == ["write"] * len(MADE)


def test_config_of_an_existing_log_stays_what_it_was() -> None:
    """The caller compares, and says what differs."""
    disk = Disk()
    FileLog.open(DIRECTORY, config=b'{"a":1}', fs=disk).close()
    assert FileLog.open(DIRECTORY, config=b'{"a":2}', fs=disk).config == b'{"a":1}'


def test_opening_what_is_not_there_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="no log here"):
        FileLog.open(tmp_path / "log", config=None)
    assert not (tmp_path / "log").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataDirError, match="no log here"):
        FileLog.open(tmp_path / "empty", config=None)
    with pytest.raises(DataDirError, match="no log here"):
        read_log(tmp_path / "empty")
    with pytest.raises(DataDirError, match="no log here"):
        read_log(tmp_path / "nowhere")


def test_second_writer_fails_at_once_and_names_the_first(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log", config=CONFIG)
    with pytest.raises(LogLocked, match=f"pid {os.getpid()} "):
        FileLog.open(tmp_path / "log", config=CONFIG)
    log.close()
    FileLog.open(tmp_path / "log", config=CONFIG).close()


def test_second_process_fails_at_once_and_names_the_first(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log", config=CONFIG)
    code = "import sys; from mtf.log import FileLog; FileLog.open(sys.argv[1], config=None)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert f"LogLocked: {tmp_path}/log/writer.lock: the process with pid {os.getpid()} " in done.stderr
    log.close()


def test_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "data" / "log", config=CONFIG)
    log.append(MADE[0])
    log.close()
    directory = tmp_path / "data" / "log"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


@pytest.mark.parametrize("what", ["directory", "segment", "lock"])
def test_links_are_refused(tmp_path: Path, what: str) -> None:
    """A data directory from a stranger reaches nothing outside of itself."""
    log = FileLog.open(tmp_path / "real", config=CONFIG)
    log.append(MADE[0])
    log.close()
    outside = tmp_path / "outside"
    if what == "directory":
        (tmp_path / "log").symlink_to(tmp_path / "real")
    else:
        (tmp_path / "real").rename(tmp_path / "log")
        inside = tmp_path / "log" / ("writer.lock" if what == "lock" else "0000000000000000001.log")
        inside.rename(outside)
        inside.symlink_to(outside)
    before = outside.read_bytes() if outside.exists() else b""
    with pytest.raises(DataDirError):
        FileLog.open(tmp_path / "log", config=CONFIG)
    if what != "lock":
        with pytest.raises(DataDirError):
            read_log(tmp_path / "log")
        with pytest.raises(DataDirError):
            verify_log(tmp_path / "log")
    assert (outside.read_bytes() if outside.exists() else b"") == before


def test_names_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log", config=CONFIG)
    log.close()
    strangers = ["notes.txt", "1.log", "0000000000000000002.log.bak", "torn-1-1"]
    for name in strangers:
        (tmp_path / "log" / name).write_text("mine")
    (tmp_path / "log" / "0000000000000000009.log.new").write_text("not finished")
    FileLog.open(tmp_path / "log", config=None).close()
    assert [(tmp_path / "log" / name).read_text() for name in strangers] == ["mine"] * 4
    assert not (tmp_path / "log" / "0000000000000000009.log.new").exists()


@pytest.mark.parametrize("fault", [errno.ENOSPC, "short"])
def test_first_failure_is_the_last_word(fault: int) -> None:
    """Nothing is tried again; what was acknowledged stays readable; closing writes nothing more."""
    disk = Disk()
    log = small_log(disk, MADE[:2], segment_bytes=1 << 20)
    disk.operations.clear()
    disk.fail_at, disk.fault = 1, fault
    with pytest.raises(LogWriteFailed, match="safe up to seq 0, written up to 3: fix the disk") as first:
        log.append(MADE[2])
    for _ in range(2):
        with pytest.raises(LogWriteFailed) as again:
            log.append(MADE[2])
        assert again.value is first.value
    with pytest.raises(LogWriteFailed):
        log.sync()
    assert disk.operations == ["write"]
    assert log.failed is first.value
    assert events_of(log.read()) == MADE[:2]
    log.close()
    assert "sync" not in disk.operations
    assert events_of(FileLog.open(DIRECTORY, config=None, fs=disk).read()) == MADE[:2]


def test_failed_sync_stops_appends() -> None:
    disk = Disk()
    log = small_log(disk, MADE[:2], segment_bytes=1 << 20)
    disk.operations.clear()
    disk.fail_at = 1
    with pytest.raises(LogWriteFailed, match="a sync failed"):
        log.sync()
    with pytest.raises(LogWriteFailed, match="a sync failed"):
        log.append(MADE[2])
    assert log.durable_seq == 0


def test_appending_goes_on_while_a_sync_runs() -> None:
    """What was written before the call is durable after it, and no more is claimed."""
    disk = Disk()
    log = small_log(disk, MADE[:1], segment_bytes=1 << 20)
    running, go_on = threading.Event(), threading.Event()
    really_sync = disk.sync

    def slow_sync(file: int) -> None:
        running.set()
        assert go_on.wait(60)
        really_sync(file)

    disk.sync = slow_sync  # type: ignore[method-assign]
    thread = threading.Thread(target=log.sync)
    thread.start()
    assert running.wait(60)
    log.append(MADE[1])
    go_on.set()
    thread.join()
    assert (log.last_seq, log.durable_seq) == (3, 2)


def test_positions_past_their_limit_are_refused_and_nothing_is_written() -> None:
    log = small_log(Disk(), [])
    with pytest.raises(ValueError, match="the limit is"):
        log.append(MADE[0], {"a": "x" * POSITIONS_BYTES_MAX})
    log.append(MADE[0])
    assert events_of(log.read()) == MADE[:1]


def test_positions_that_come_to_too_much_together_are_refused() -> None:
    """They must fit into the first frame of the next segment."""
    log = small_log(Disk(), [])
    log.append(MADE[0], {"a": "x" * (POSITIONS_BYTES_MAX * 2 // 3)})
    with pytest.raises(ValueError, match="the limit is"):
        log.append(MADE[1], {"b": "x" * (POSITIONS_BYTES_MAX * 2 // 3)})


def test_configuration_past_its_limit_is_refused() -> None:
    with pytest.raises(DataDirError, match="the limit is"):
        FileLog.open(DIRECTORY, config=bytes(META_BYTES_MAX), fs=Disk())


def test_segments_that_are_not_needed_are_looked_at_from_the_outside_only() -> None:
    """A start that does not take longer as the log grows; `verify_log` reads it all."""
    disk = Disk()
    small_log(disk, MADE).close()
    first = min(path for path in disk.inodes if path.endswith(".log"))
    disk.inodes[first].seen[-100] ^= 1  # in its last block
    with pytest.raises(CorruptLog):
        FileLog.open(DIRECTORY, config=None, fs=disk)
    log = FileLog.open(DIRECTORY, config=None, fs=disk, check_from=7)
    assert log.last_seq == 9
    log.close()
    disk.inodes[first].seen[-1] ^= 1  # in its seal
    with pytest.raises(CorruptLog, match="no seal"):
        FileLog.open(DIRECTORY, config=None, fs=disk, check_from=7)


def test_opening_and_checking_look_up_no_segment_that_they_open_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening one refuses links and devices itself; a look-up of each makes the start of a long log slower."""
    disk = Disk()
    small_log(disk, MADE).close()
    looked: list[str] = []

    def kind(path: str) -> FileKind:
        looked.append(path)
        return Disk.kind(disk, path)

    monkeypatch.setattr(disk, "kind", kind)
    log = FileLog.open(DIRECTORY, config=None, fs=disk)
    check_before(disk, DIRECTORY, log.last_seq, lambda: None)
    assert [path for path in looked if path.endswith(".log")] == []


def test_os_errors_while_opening_say_which_log(tmp_path: Path) -> None:
    class Broken(OsFileSystem):
        def names(self, path: str) -> list[str]:
            raise OSError(errno.EIO, "broken")

    with pytest.raises(DataDirError, match=f"{tmp_path}/log: cannot be opened"):
        FileLog.open(tmp_path / "log", config=CONFIG, fs=Broken())
    FileLog.open(tmp_path / "log", config=CONFIG, run_id=RUN_ID).close()


def test_names_past_their_limit_are_refused_and_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """They must fit into the first frame of the next segment; ids of ticks do not count."""
    monkeypatch.setattr("mtf.log.file_log.META_BYTES_MAX", 200)
    disk = Disk()
    log = small_log(disk, [])
    for block in blocks(*[10] * 4, ids=True):
        log.append(block)
    seq = log.last_seq
    builder = BlockBuilder(SymbolTable(["EURUSD", "GBPUSD"]))
    assert not builder.quote("x" * 200, 1, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"names take .* bytes; the limit is 200"):
        log.append(builder.take(seq + 1))
    assert log.last_seq == seq
    assert log.symbols == ["EURUSD", "GBPUSD"]


def test_segment_holds_a_block_however_small_it_is_to_be() -> None:
    """Else an empty one would be sealed, and the next would take its name."""
    disk = Disk()
    small_log(disk, MADE, segment_bytes=1).close()
    assert len([path for path in disk.inodes if path.endswith(".log")]) == len(MADE)
    FileLog.open("other", config=CONFIG, fs=disk, segment_bytes=1).close()
    log = FileLog.open("other", config=None, fs=disk, segment_bytes=1)
    log.append(MADE[0])
    log.close()
    assert events_of(read_log("other", fs=disk)) == MADE[:1]


def test_a_directory_of_too_many_segments_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    small_log(disk, MADE).close()
    monkeypatch.setattr("mtf.log.segment.SEGMENTS_MAX", 2)
    with pytest.raises(DataDirError, match="the limit is 2"):
        FileLog.open(DIRECTORY, config=None, fs=disk)


def test_error_while_opening_lets_go_of_a_lock_that_was_never_taken() -> None:
    disk = Disk()
    small_log(disk, MADE).close()
    disk.fail_at = len(disk.operations) + disk_operations_until(disk, "lock")
    with pytest.raises(DataDirError, match="cannot be opened"):
        FileLog.open(DIRECTORY, config=None, fs=disk)
    assert not disk.locks
    FileLog.open(DIRECTORY, config=None, fs=disk).close()


def disk_operations_until(disk: Disk, name: str) -> int:
    """Return how many operations an opening of a copy of *disk* takes up to the first *name*."""
    copy = disk.copy()
    FileLog.open(DIRECTORY, config=None, fs=copy).close()
    return copy.operations.index(name) + 1
