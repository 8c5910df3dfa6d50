"""Syncs of the log that were begun, without a writer: what they make durable, and who waits for them."""

from __future__ import annotations

import threading

import pytest

from mtf.errors import LogWriteFailed
from mtf.log import FileLog
from tests.log.builders import blocks
from tests.log.disk import Disk
from tests.log.gated_disk import GatedDisk, open_log

MADE = blocks(2, 1)


def syncing(disk: Disk) -> FileLog:
    """Return a log of which a sync was begun between its two blocks."""
    log = open_log(disk)
    log.append(MADE[0])
    assert log.begin_sync()
    log.append(MADE[1])
    return log


def test_error_of_a_sync_that_was_begun_is_not_lost_to_another() -> None:
    """The operating system reports it once: the sync that follows would succeed, and promise what is not there."""
    disk = Disk(begins_syncs=True)
    log = syncing(disk)
    disk.fail_at = len(disk.operations) + 1
    with pytest.raises(LogWriteFailed, match=r"a sync failed.*safe up to seq 0, written up to 3"):
        log.sync()
    assert not log.begin_sync()
    with pytest.raises(LogWriteFailed):
        log.end_sync()
    log.close()


def test_sync_that_was_begun_makes_durable_what_came_before_it() -> None:
    disk = Disk(begins_syncs=True)
    log = syncing(disk)
    assert log.durable_seq == 0
    assert log.end_sync()
    assert log.durable_seq == 2
    assert log.end_sync()  # there is none
    assert log.sync() == 3
    log.close()


def test_sync_is_not_begun_while_a_thread_syncs() -> None:
    disk = GatedDisk(begins_syncs=True)
    log = open_log(disk)
    log.append(MADE[0])
    disk.begun = threading.Semaphore(0)
    disk.gate.clear()
    syncing = threading.Thread(target=log.sync)
    syncing.start()
    assert disk.begun.acquire(timeout=60)
    assert not log.begin_sync()
    assert not log.end_sync()
    disk.gate.set()
    syncing.join()
    assert log.end_sync()
    log.close()


def test_failed_log_waits_for_its_sync_before_the_file_is_closed() -> None:
    disk = GatedDisk(begins_syncs=True)
    log = open_log(disk)
    log.append(MADE[0])
    disk.gate.clear()
    assert log.begin_sync()
    disk.fail_at, disk.fault = len(disk.operations) + 1, "short"
    with pytest.raises(LogWriteFailed):
        log.append(MADE[1])
    closing = threading.Thread(target=log.close)
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    disk.gate.set()
    closing.join()
    assert disk.operations[-3:] == ["sync", "close", "close"]
