"""The operating system's files, which fail on demand."""

from __future__ import annotations

import errno
from collections.abc import Callable
from threading import Lock
from typing import Final, Literal

from mtf.log.filesystem import FileKind, OpenMode, OsFileSystem

Fault = int | Literal["short"]


class FaultyFileSystem:
    """Implements `mtf.log.FileSystem` on real files: the k-th operation that can fail does, by *fault*.

    An error number, or "short": a write that takes half of its bytes. Reads and closes do not fail.
    """

    def __init__(self, fail_at: int = 0, fault: Fault = errno.EIO) -> None:
        self._os: Final = OsFileSystem()
        self._one: Final = Lock()
        self.fail_at = fail_at
        self.fault = fault
        self.count = 0  # of operations that can fail
        self.failed_in = ""  # the one that did
        self.write: Callable[[int, bytes], int] = self._write

    def open(self, path: str, mode: OpenMode) -> int:
        if mode != "read":
            self._step("open", path)
        return self._os.open(path, mode)

    def _write(self, file: int, data: bytes) -> int:
        return self._os.write(file, data[: len(data) // 2] if self._step("write") else data)

    def write_at(self, file: int, data: bytes, offset: int) -> int:
        return self._os.write_at(file, data[: len(data) // 2] if self._step("write_at") else data, offset)

    def read(self, file: int, length: int, offset: int) -> bytes:
        return self._os.read(file, length, offset)

    def size(self, file: int) -> int:
        return self._os.size(file)

    def truncate(self, file: int, length: int) -> None:
        self._step("truncate")
        self._os.truncate(file, length)

    def sync(self, file: int) -> None:
        self._step("sync")

    def begin_sync(self, file: int) -> BegunSync:
        return BegunSync(lambda: self.sync(file))

    def close(self, file: int) -> None:
        self._os.close(file)

    def rename(self, old: str, new: str) -> None:
        self._step("rename", new)
        self._os.rename(old, new)

    def remove(self, path: str) -> None:
        self._step("remove", path)
        self._os.remove(path)

    def make_directory(self, path: str) -> None:
        self._step("make_directory", path)
        self._os.make_directory(path)

    def sync_directory(self, path: str) -> None:
        self._step("sync_directory", path)

    def names(self, path: str) -> list[str]:
        return self._os.names(path)

    def kind(self, path: str) -> FileKind:
        return self._os.kind(path)

    def lock(self, path: str) -> int:
        self._step("lock", path)
        return self._os.lock(path)

    def _step(self, name: str, path: str = "") -> bool:
        """Count one operation; raise where it is to fail, return whether it is to be short."""
        with self._one:
            self.count += 1
            if self.count != self.fail_at:
                return False
            if self.fault == "short" and not name.startswith("write"):
                self.fail_at += 1  # only a write can be short: the next one
                return False
            self.failed_in = name
        if self.fault == "short":
            return True
        raise OSError(self.fault, f"the disk failed in {name}", path)


class BegunSync:
    """Calls *sync* once somebody waits for it."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync: Final = sync

    def ended(self) -> bool:
        return True

    def wait(self) -> None:
        self._sync()
