"""Ctrl-C, or any other exception, in the middle of what the log does: nothing follows a frame that may be torn."""

from __future__ import annotations

from contextlib import suppress

import pytest

from mtf.errors import LogWriteFailed
from mtf.log import FileLog, read_log, verify_log
from tests.log.builders import CONFIG, DIRECTORY, RUN_ID, blocks, events_of, position
from tests.log.disk import Disk

MADE = blocks(2, 1, 1, 2, 1, 1, 1)


class InterruptedDisk(Disk):
    """Operation *at* is interrupted before it begins, or with *after*, if it is a write, once it is done."""

    def __init__(self, *, at: int, after: bool, error: type[BaseException] = KeyboardInterrupt) -> None:
        super().__init__()
        self.at = at
        self._after = after
        self._error = error

    def _put(self, file: int, data: bytes, offset: int, name: str) -> int:
        written = super()._put(file, data, offset, name)
        if self._after:
            self._interrupt(name)
        return written

    def _step(self, name: str) -> None:
        super()._step(name)
        if not self._after:
            self._interrupt(name)

    def _interrupt(self, name: str) -> None:
        if len(self.operations) == self.at:
            self.failed_in = name
            raise self._error


def append_rest(log: FileLog) -> None:
    """Append what *log* does not have, and sync now and then."""
    for block in MADE:
        if block.first_seq > log.last_seq:
            log.append(block, position(block))
            if block.last_seq % 2:
                log.sync()


def live(disk: Disk) -> None:
    """Append all of it, once more if that is interrupted, and close the log."""
    log = FileLog.open(DIRECTORY, config=CONFIG, fs=disk, segment_bytes=400, run_id=RUN_ID)
    try:
        append_rest(log)
    except KeyboardInterrupt:
        with suppress(LogWriteFailed):
            append_rest(log)
        raise
    finally:
        log.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_kth_operation_is_interrupted_and_the_next_start_goes_on(after: bool) -> None:
    interrupted = set()
    for k in range(1, 1000):
        disk = InterruptedDisk(at=k, after=after)
        try:
            live(disk)
        except KeyboardInterrupt:
            interrupted.add(disk.failed_in)
        if len(disk.operations) < k:
            break
        disk.kill()
        disk.at = 0
        live(disk)
        assert events_of(read_log(DIRECTORY, fs=disk)) == MADE
        assert verify_log(DIRECTORY, fs=disk).clean
    else:
        pytest.fail("no run was clean")
    assert interrupted >= ({"write"} if after else {"write", "sync", "rename", "close"})


@pytest.mark.parametrize("error", [KeyboardInterrupt, TypeError])
def test_nothing_follows_a_write_whose_end_is_unknown(error: type[BaseException]) -> None:
    disk = InterruptedDisk(at=0, after=True, error=error)
    log = FileLog.open(DIRECTORY, config=CONFIG, fs=disk, run_id=RUN_ID)
    log.append(MADE[0])
    assert log.sync() == 2
    log.append(MADE[1])
    disk.at = len(disk.operations) + 1
    with pytest.raises(error):
        log.append(MADE[2])
    assert log.last_seq == 3
    for _ in range(2):
        with pytest.raises(LogWriteFailed, match=r"a write was interrupted, .* safe up to seq 2, written up to 3 at"):
            log.append(MADE[2])
    log.close()
    assert log.durable_seq == 3, "what is known to be written is synced"
    disk.kill()
    assert events_of(FileLog.open(DIRECTORY, config=None, fs=disk).read()) == MADE[:3]
