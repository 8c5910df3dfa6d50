"""A disk whose syncs a test lets through, and a log on it."""

from __future__ import annotations

import threading

from mtf.log import FileLog
from tests.log.builders import CONFIG, DIRECTORY, RUN_ID
from tests.log.disk import Disk, DiskSync


class GatedDisk(Disk):
    """Each sync of a file waits until it is let through."""

    def __init__(self, *, begins_syncs: bool = False) -> None:
        super().__init__(begins_syncs=begins_syncs)
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)
        self.threads: set[str] = set()

    def sync(self, file: int) -> None:
        self.threads.add(threading.current_thread().name)
        self.begun.release()
        assert self.gate.wait(60)
        super().sync(file)

    def begin_sync(self, file: int) -> GatedSync | None:
        if not self.begins_syncs:
            return None
        self.begun.release()
        return GatedSync(self, file)


class GatedSync(DiskSync):
    """A sync that was begun, and ends once it is let through."""

    def __init__(self, disk: GatedDisk, file: int) -> None:
        super().__init__(disk, file)
        self._gate = disk.gate

    def ended(self) -> bool:
        return self._gate.is_set() and super().ended()

    def wait(self) -> None:
        assert self._gate.wait(60)
        super().wait()


def open_log(disk: Disk, segment_bytes: int = 1 << 20) -> FileLog:
    return FileLog.open(DIRECTORY, config=CONFIG, fs=disk, segment_bytes=segment_bytes, run_id=RUN_ID)
