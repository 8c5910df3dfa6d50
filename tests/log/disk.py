"""A disk in memory that fails on demand, and forgets what was never synced when the power goes."""

from __future__ import annotations

import errno
from collections.abc import Callable
from random import Random
from typing import Final, Literal

from mtf.errors import LogLocked
from mtf.log.filesystem import FileKind, OpenMode

SECTOR_BYTES: Final = 512


class Inode:
    """A file's bytes, as programs see them and as they stand on the platter."""

    def __init__(self) -> None:
        self.seen = bytearray()
        self.durable = b""
        self.unsynced: list[tuple[int, bytes]] = []  # writes since the last sync, in order; (length, b"") truncates


class Disk:
    """Implements `mtf.log.FileSystem`.

    With *fail_at* k the k-th operation that can fail does so, by *fault*: an error, or for a write a short one. A
    failed sync leaves what it should have written looking clean, as Linux does: a later sync does not write it. If it
    *begins_syncs*, one that was begun does its work when it is first looked at.
    """

    def __init__(
        self, *, fail_at: int = 0, fault: int | Literal["short"] = errno.EIO, begins_syncs: bool = False
    ) -> None:
        self.begins_syncs = begins_syncs  # of a copy, too
        self.fail_at = fail_at
        self.fault = fault
        self.operations: list[str] = []  # what was asked of it, so far
        self.failed_in = ""  # the operation that was made to fail
        self.inodes: dict[str, Inode] = {}  # by path, as programs see it
        self.durable_inodes: dict[str, Inode] = {}
        self.name_changes: list[Callable[[dict[str, Inode]], None]] = []  # not synced, in order
        self.directories: set[str] = set()
        self.links: set[str] = set()
        self.open_files: dict[int, tuple[str, Inode]] = {}
        self.locks: dict[int, str] = {}
        self.write: Callable[[int, bytes], int] = self._write
        self._next_file = 3

    # What a test does to the disk.

    def copy(self) -> Disk:
        """Return a disk with the same bytes, all of them durable, and nothing open."""
        other = Disk(begins_syncs=self.begins_syncs)
        for path, inode in self.inodes.items():
            twin = Inode()
            twin.seen = bytearray(inode.seen)
            twin.durable = bytes(inode.seen)
            other.inodes[path] = other.durable_inodes[path] = twin
        other.directories = set(self.directories)
        return other

    def kill(self) -> None:
        """End the process: files and locks are released, and what was written stays."""
        self.open_files.clear()
        self.locks.clear()
        self.fail_at = 0

    def lose_power(self, random: Random) -> None:
        """Forget unsynced writes: all, none, a suffix, or sector by sector; names alike."""
        self.kill()
        names = dict(self.durable_inodes)
        survival = random.choice((0.0, 0.5, 0.9, 1.0))
        for change in self.name_changes:
            if random.random() < survival:
                change(names)
        self.name_changes.clear()
        self.inodes = names
        for inode in set(names.values()):
            self._tear(inode, random)
            inode.durable = bytes(inode.seen)
            inode.unsynced.clear()
        self.durable_inodes = dict(names)

    def _tear(self, inode: Inode, random: Random) -> None:
        survival = random.choice((0.0, 0.3, 0.7, 0.95, 1.0))
        in_order = random.random() < 0.3
        after = bytearray(inode.durable)
        gone = False
        for at, data in inode.unsynced:
            if not data:
                if random.random() < survival:
                    del after[at:]
                continue
            if random.random() < max(survival, 0.2) and at + len(data) > len(after):
                after += bytes(at + len(data) - len(after))  # the length reached the disk, whatever the bytes did
            start = at
            while start < at + len(data):
                end = min((start // SECTOR_BYTES + 1) * SECTOR_BYTES, at + len(data))
                gone = (gone and in_order) or random.random() >= survival
                if not gone and end <= len(after):
                    after[start:end] = data[start - at : end - at]
                start = end
        inode.seen = after

    # What the log asks of it.

    def open(self, path: str, mode: OpenMode) -> int:
        self._step("open")
        if mode == "create":
            if path in self.inodes:
                raise FileExistsError(errno.EEXIST, "exists", path)
            inode = Inode()
            self._rename_in(path, inode)
        elif path not in self.inodes:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        return self._hold(path, self.inodes[path])

    def _write(self, file: int, data: bytes) -> int:
        return self._put(file, data, len(self.open_files[file][1].seen), "write")

    def write_at(self, file: int, data: bytes, offset: int) -> int:
        return self._put(file, data, offset, "write_at")

    def read(self, file: int, length: int, offset: int) -> bytes:
        self._step("read")
        return bytes(self.open_files[file][1].seen[offset : offset + length])

    def size(self, file: int) -> int:
        self._step("size")
        return len(self.open_files[file][1].seen)

    def truncate(self, file: int, length: int) -> None:
        self._step("truncate")
        inode = self.open_files[file][1]
        del inode.seen[length:]
        inode.unsynced.append((length, b""))

    def sync(self, file: int) -> None:
        self.sync_first(file, len(self.open_files[file][1].unsynced))

    def sync_first(self, file: int, count: int) -> None:
        """Sync the first *count* of the writes that are not synced."""
        inode = self.open_files[file][1]
        try:
            self._step("sync")
        except OSError:
            inode.unsynced.clear()
            raise
        durable = bytearray(inode.durable)
        for at, data in inode.unsynced[:count]:
            if data:
                durable[len(durable) :] = bytes(max(at + len(data) - len(durable), 0))
                durable[at : at + len(data)] = data
            else:
                del durable[at:]
        inode.durable = bytes(durable)
        del inode.unsynced[:count]

    def begin_sync(self, file: int) -> DiskSync | None:
        return DiskSync(self, file) if self.begins_syncs else None

    def close(self, file: int) -> None:
        self.open_files.pop(file, None)  # after a kill, what the dead process held is gone
        self.locks.pop(file, None)
        self._step("close")

    def rename(self, old: str, new: str) -> None:
        self._step("rename")
        inode = self.inodes[old]

        def change(names: dict[str, Inode]) -> None:
            names.pop(old, None)
            names[new] = inode

        self._change_names(change)

    def remove(self, path: str) -> None:
        self._step("remove")
        assert path in self.inodes
        self._change_names(lambda names: names.pop(path, None))

    def make_directory(self, path: str) -> None:
        self._step("make_directory")
        if path in self.directories:
            raise FileExistsError(errno.EEXIST, "exists", path)
        self.directories.add(path)

    def sync_directory(self, path: str) -> None:
        self._step("sync_directory")
        self.durable_inodes = dict(self.inodes)
        self.name_changes.clear()

    def names(self, path: str) -> list[str]:
        self._step("names")
        return [name[len(path) + 1 :] for name in [*self.inodes, *self.links] if name.startswith(path + "/")]

    def kind(self, path: str) -> FileKind:
        self._step("kind")
        if path in self.links:
            return "link"
        if path in self.directories:
            return "directory"
        return "file" if path in self.inodes else "nothing"

    def lock(self, path: str) -> int:
        self._step("lock")
        if path in self.locks.values():
            raise LogLocked(f"{path}: the process with pid 1 is writing this log")
        if path not in self.inodes:
            self._rename_in(path, Inode())
        file = self._hold(path, self.inodes[path])
        self.locks[file] = path
        return file

    def _put(self, file: int, data: bytes, offset: int, name: str) -> int:
        inode = self.open_files[file][1]
        try:
            self._step(name)
        except ShortWrite:
            data = data[: len(data) // 2]
        if data:
            inode.seen[offset : offset + len(data)] = data
            inode.unsynced.append((offset, bytes(data)))
        return len(data)

    def _step(self, name: str) -> None:
        self.operations.append(name)
        if len(self.operations) != self.fail_at:
            return
        if self.fault != "short":
            self.failed_in = name
            raise OSError(self.fault, f"the disk failed in {name}")
        if name in ("write", "write_at"):
            self.failed_in = name
            raise ShortWrite
        self.fail_at += 1  # only a write can be short: the next one

    def _hold(self, path: str, inode: Inode) -> int:
        self._next_file += 1
        self.open_files[self._next_file] = (path, inode)
        return self._next_file

    def _rename_in(self, path: str, inode: Inode) -> None:
        def change(names: dict[str, Inode]) -> None:
            names[path] = inode

        self._change_names(change)

    def _change_names(self, change: Callable[[dict[str, Inode]], object]) -> None:
        def apply(names: dict[str, Inode]) -> None:
            change(names)

        apply(self.inodes)
        self.name_changes.append(apply)


class DiskSync:
    """A sync of what was written before, which is done when it is first looked at, and not sooner."""

    def __init__(self, disk: Disk, file: int) -> None:
        self._disk: Final = disk
        self._file: Final = file
        self._count: Final = len(disk.open_files[file][1].unsynced)
        self._done = False
        self._error: OSError | None = None

    def ended(self) -> bool:
        if not self._done:
            self._done = True
            try:
                self._disk.sync_first(self._file, self._count)
            except OSError as error:
                self._error = error
        return True

    def wait(self) -> None:
        self.ended()
        if self._error is not None:
            raise self._error


class ShortWrite(Exception):
    """Half of the bytes are taken."""
