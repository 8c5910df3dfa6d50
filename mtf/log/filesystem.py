"""The few file operations that the log and the checkpoints use, so that tests can make each of them fail.

Owns no state: `OsFileSystem` is the operating system, and tests replace it with a simulated disk. A write or sync is
done once and its outcome reported; nothing here is retried. Symbolic links are never followed, and new files are only
readable by their owner.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, Protocol

from mtf.errors import DataDirError, LogLocked
from mtf.log.library_sync import begin_library_sync, load_library

__all__ = [
    "FileKind",
    "FileSystem",
    "OpenMode",
    "OsFileSystem",
    "PendingSync",
    "check_plain",
    "join",
    "make_directories",
    "open_plain",
    "write_all",
]

FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700
LOCK_BYTES_MAX: Final = 64  # how much of a lock file is read to find its owner

OpenMode = Literal["read", "create", "append"]
FileKind = Literal["file", "directory", "link", "other", "nothing"]


class PendingSync(Protocol):
    """A sync in the background; its file stays open until it has ended."""

    def ended(self) -> bool:
        """Return whether `wait` would return, or raise, at once."""
        ...

    def wait(self) -> None:
        """Return once what was written before it began would survive a power failure; OSError if it failed."""
        ...


class FileSystem(Protocol):
    """What the log needs from a disk; paths are strings, files are numbers; each call raises OSError if it fails."""

    @property
    def write(self) -> Callable[[int, bytes], int]:
        """Write bytes at the end of the file and return how many were written, which may be fewer."""
        ...

    def open(self, path: str, mode: OpenMode) -> int:
        """Open a file for reading, a new one that must not exist yet, or one to append to."""
        ...

    def read(self, file: int, length: int, offset: int) -> bytes: ...

    def write_at(self, file: int, data: bytes, offset: int) -> int: ...

    def size(self, file: int) -> int: ...

    def truncate(self, file: int, length: int) -> None: ...

    def sync(self, file: int) -> None:
        """Return once the file's bytes and its length would survive a power failure."""
        ...

    def begin_sync(self, file: int) -> PendingSync | None:
        """Begin what `sync` does, without waiting; None if only `sync` can do it, or can for now."""
        ...

    def close(self, file: int) -> None: ...

    def rename(self, old: str, new: str) -> None: ...

    def remove(self, path: str) -> None: ...

    def make_directory(self, path: str) -> None: ...

    def sync_directory(self, path: str) -> None:
        """Return once the names in *path* would survive a power failure."""
        ...

    def names(self, path: str) -> list[str]: ...

    def kind(self, path: str) -> FileKind: ...

    def lock(self, path: str) -> int:
        """Take the lock *path*, or raise LogLocked at once; it is held until the returned file is closed."""
        ...


class OsFileSystem:
    """The operating system's files."""

    write: Final = staticmethod(os.write)  # the builtin itself: the hot path calls it directly

    def open(self, path: str, mode: OpenMode) -> int:
        file = open_plain(path, _FLAGS[mode])
        if mode == "append":
            os.lseek(file, 0, os.SEEK_END)
        return file

    def read(self, file: int, length: int, offset: int) -> bytes:
        if not _HAS_PREAD:  # pragma: no cover - Windows
            os.lseek(file, offset, os.SEEK_SET)
            return os.read(file, length)
        return os.pread(file, length, offset)

    def write_at(self, file: int, data: bytes, offset: int) -> int:
        os.lseek(file, offset, os.SEEK_SET)
        written = os.write(file, data)
        os.lseek(file, 0, os.SEEK_END)
        return written

    def size(self, file: int) -> int:
        return os.fstat(file).st_size

    def truncate(self, file: int, length: int) -> None:
        os.ftruncate(file, length)
        os.lseek(file, 0, os.SEEK_END)

    def sync(self, file: int) -> None:
        _sync_file(file)

    def begin_sync(self, file: int) -> PendingSync | None:
        return begin_library_sync(file)

    def close(self, file: int) -> None:
        _locks.discard(file)
        os.close(file)

    def rename(self, old: str, new: str) -> None:
        os.replace(old, new)

    def remove(self, path: str) -> None:
        os.unlink(path)

    def make_directory(self, path: str) -> None:
        os.mkdir(path, DIRECTORY_MODE)

    def sync_directory(self, path: str) -> None:
        if sys.platform == "win32":  # pragma: no cover - directories cannot be synced there
            return
        file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def names(self, path: str) -> list[str]:
        return os.listdir(path)

    def kind(self, path: str) -> FileKind:
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return "nothing"
        if stat.S_ISREG(mode):
            return "file"
        if stat.S_ISDIR(mode):
            return "directory"
        return "link" if stat.S_ISLNK(mode) else "other"

    def lock(self, path: str) -> int:
        load_library()  # a writer comes, whose first sync is on its event loop
        file = open_plain(path, os.O_RDWR | os.O_CREAT)
        try:
            _lock_file(file, path)
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
            os.write(file, b"%d\n" % os.getpid())
        except BaseException:
            os.close(file)
            raise
        _locks.add(file)
        return file


def open_plain(path: str | Path, flags: int) -> int:
    """Open the plain file at *path*; DataDirError for anything else.

    If *flags* create it, only its owner can access it. A link is not followed, and a pipe, socket or device is refused
    without waiting for its other end.
    """
    if not flags & os.O_EXCL:
        check_plain(path)
    file = os.open(path, flags | _PLAIN, FILE_MODE)
    if not stat.S_ISREG(os.fstat(file).st_mode):  # it was created just now
        os.close(file)
        raise _not_plain(path)
    return file


def check_plain(path: str | Path) -> bool:
    """Return whether there is a file at *path*; DataDirError for anything but a plain file."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        raise _not_plain(path)
    return True


def join(directory: str, name: str) -> str:
    """Return the path of *name* in *directory*; DataDirError if the name could point outside it."""
    if not name or name.startswith(".") or "/" in name or "\\" in name or "\0" in name:
        raise DataDirError(f"{name!r} is not a valid name for a file in {directory}")
    return os.path.join(directory, name)


def make_directories(fs: FileSystem, path: str) -> None:
    """Create *path* and its missing parents, making each durable before the next."""
    parent = os.path.dirname(path)
    if parent and fs.kind(parent) == "nothing":
        make_directories(fs, parent)
    fs.make_directory(path)
    fs.sync_directory(parent or os.curdir)


def write_all(fs: FileSystem, file: int, path: str, data: bytes) -> None:
    """Write *data* at the end of *file*, which is at *path*; OSError if not all of it was written."""
    written = fs.write(file, data)
    if written != len(data):
        raise OSError(f"{path}: short write, {written} of {len(data)} bytes")


def _not_plain(path: str | Path) -> DataDirError:
    return DataDirError(f"{path}: not a plain file; links, folders, pipes and devices are refused: move it away")


_locks: Final[set[int]] = set()  # files that hold a lock of this process


def _let_go_in_child() -> None:
    """Close a forked child's copies of its parent's locks, since a lock lasts while any copy of its file is open."""
    for file in _locks:
        os.close(file)
    _locks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)

_HAS_PREAD: Final = hasattr(os, "pread")
_PLAIN: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_FLAGS: Final[dict[OpenMode, int]] = {
    "read": os.O_RDONLY,
    "create": os.O_RDWR | os.O_CREAT | os.O_EXCL,
    "append": os.O_RDWR,
}


def _sync_file(file: int) -> None:
    if sys.platform == "darwin":  # pragma: no cover - fsync leaves the bytes in the drive's own cache there
        import fcntl

        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(file)  # includes the length, but not the time stamps
    else:  # pragma: no cover - Windows
        os.fsync(file)


def _lock_file(file: int, path: str) -> None:
    try:
        if sys.platform == "win32":  # pragma: no cover
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        owner = os.read(file, LOCK_BYTES_MAX).decode("ascii", "replace").strip() or "unknown"
        raise LogLocked(
            f"{path}: the process with pid {owner} is writing this log: end it first, or read it with `mtf tail`"
        ) from None
