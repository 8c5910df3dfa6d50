"""The k-th operation fails, for each k until a run is clean: stop or recover, never silence."""

from __future__ import annotations

import errno
from typing import Literal

import pytest

from mtf.errors import LogWriteFailed
from mtf.log import FileLog, compress_sealed, read_log, retain, verify_log
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_store import newest_good
from tests.log.builders import CONFIG, DIRECTORY, RUN_ID, blocks, events_of, is_prefix, position
from tests.log.disk import Disk

MADE = blocks(2, 1, 1, 2, 1, 1, 1)
FAULTS: list[int | Literal["short"]] = [errno.EIO, errno.ENOSPC, "short"]


class Run:
    """One life of a log: what was promised before it ended."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.durable_seq = 0
        self.written_seq = 0
        self.error: OSError | None = None

    def go(self) -> None:
        try:
            log = FileLog.open(DIRECTORY, config=CONFIG, fs=self.disk, segment_bytes=400, run_id=RUN_ID)
        except OSError as error:
            self.error = error
            return
        try:
            for block in MADE:
                if block.first_seq > log.last_seq:
                    log.append(block, position(block))
                    self.written_seq = log.last_seq
                    self.durable_seq = log.sync() if block.last_seq % 2 else log.durable_seq
            log.close()
            self.durable_seq = log.durable_seq
        except OSError as error:
            self.error = error
            self.durable_seq = max(self.durable_seq, log.durable_seq)
            failed = log.failed
            if failed is not None:
                with pytest.raises(LogWriteFailed) as again:
                    log.append(MADE[-1])
                assert again.value is failed
                with pytest.raises(LogWriteFailed):
                    log.sync()
                if log.last_seq:
                    assert is_prefix(events_of(log.read()), MADE)
                    assert list(log.read())[-1].block.last_seq == log.last_seq
            log.close()
        assert not [path for path, _ in self.disk.open_files.values() if not path.endswith("lock")]


@pytest.mark.parametrize("fault", FAULTS)
def test_kth_operation_of_a_log_fails_until_a_run_is_clean(fault: int | Literal["short"]) -> None:
    """What was acknowledged is there after a restart, even where a failed sync left pages that only look clean."""
    failed_in = set()
    for k in range(1, 1000):
        disk = Disk(fail_at=k, fault=fault)
        run = Run(disk)
        run.go()
        if not disk.failed_in:
            break
        failed_in.add(disk.failed_in)
        assert run.error is not None or disk.failed_in == "close", f"{disk.failed_in} failed silently"
        disk.kill()
        again = Run(disk)
        again.go()
        assert again.error is None
        found = events_of(read_log(DIRECTORY, fs=disk))
        assert found == MADE
        assert verify_log(DIRECTORY, fs=disk).clean
        for path, inode in disk.inodes.items():  # and all of it has reached the platter
            if path.endswith(".mrk"):
                continue  # marks are made of the segment, and checked against it
            assert not inode.unsynced
            assert inode.durable == inode.seen
    else:
        pytest.fail("no run was clean")
    if fault != "short":
        assert {"open", "write", "sync", "rename", "sync_directory", "lock"} <= failed_in


@pytest.mark.parametrize("fault", FAULTS)
def test_kth_operation_of_opening_fails_and_the_next_start_recovers(fault: int | Literal["short"]) -> None:
    """With a torn tail to cut: it is kept aside, and never lost between two files."""
    whole = Disk()
    log = FileLog.open(DIRECTORY, config=CONFIG, fs=whole, segment_bytes=400, run_id=RUN_ID)
    for block in MADE:
        log.append(block, position(block))
    whole.kill()
    newest = max(path for path in whole.inodes if path.endswith(".log"))
    del whole.inodes[newest].seen[-1:]
    for k in range(1, 1000):
        disk = whole.copy()
        disk.fail_at, disk.fault = k, fault
        run = Run(disk)
        run.go()
        if not disk.failed_in:
            break
        assert run.error is not None or disk.failed_in == "close"
        disk.kill()
        again = Run(disk)
        again.go()
        assert again.error is None
        assert events_of(read_log(DIRECTORY, fs=disk)) == MADE
        assert any("/torn-" in path for path in disk.inodes)
    else:
        pytest.fail("no run was clean")


@pytest.mark.parametrize("fault", FAULTS)
def test_kth_operation_of_a_checkpoint_fails_and_the_one_before_is_still_good(fault: int | Literal["short"]) -> None:
    for k in range(1, 200):
        disk = Disk()
        store = FileCheckpointStore("checkpoints", fs=disk)
        for seq in (1, 2, 3):
            store.save(seq, {"n": seq}, {"a": b"x" * seq})
        disk.operations.clear()
        disk.fail_at, disk.fault = k, fault
        error = None
        try:
            store.save(4, {"n": 4}, {"a": b"xxxx"})
        except OSError as caught:
            error = caught
        if not disk.failed_in:
            break
        assert error is not None
        disk.kill()
        found, _ = newest_good(store)
        assert found is not None
        assert found.seq in (3, 4)
        assert found.parts == {"a": b"x" * found.seq}
        store.save(5, {"n": 5}, {})
        assert store.list()[-1] == 5
    else:
        pytest.fail("no run was clean")


@pytest.mark.parametrize("fault", FAULTS)
def test_kth_operation_of_compressing_or_retaining_fails_and_nothing_is_lost(fault: int | Literal["short"]) -> None:
    whole = Disk()
    Run(whole).go()
    for k in range(1, 1000):
        disk = whole.copy()
        disk.fail_at, disk.fault = k, fault
        try:
            compress_sealed(DIRECTORY, fs=disk)
            retain(DIRECTORY, 5, fs=disk)
        except OSError:
            assert disk.failed_in
        if not disk.failed_in:
            break
        disk.kill()
        report = verify_log(DIRECTORY, fs=disk)
        assert report.clean
        assert report.first_seq <= 5
        assert events_of(read_log(DIRECTORY, report.first_seq, fs=disk))[-1] == MADE[-1]
        compress_sealed(DIRECTORY, fs=disk)
        retain(DIRECTORY, 5, fs=disk)
        FileLog.open(DIRECTORY, config=None, fs=disk).close()
    else:
        pytest.fail("no run was clean")
