"""Removes old segments: whole sealed ones that nobody needs any more, and only on request.

Owns the file `retained`, which records where the log now starts. It is made durable before the first segment is
removed, so that any other missing segment is recognized as damage.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from xxhash import xxh3_64_hexdigest

from mtf.errors import CorruptLog, DataDirError, LogLocked
from mtf.log.filesystem import FileSystem, OsFileSystem, join, write_all
from mtf.log.index_file import index_path
from mtf.log.segment import segment_names, segment_seq

__all__ = ["MAINTENANCE_LOCK", "maintenance_lock", "retain", "retained_seq"]

MAINTENANCE_LOCK: Final = "maintenance.lock"
MARK: Final = "retained"
MARK_BYTES_MAX: Final = 64
LOCKED_WITHIN_S: Final = 1.0  # how long to wait for another process, which needs the lock for milliseconds
POLL_S: Final = 0.005


def retain(directory: str | Path, min_needed_seq: int, *, fs: FileSystem | None = None) -> list[str]:
    """Remove the segments that end before *min_needed_seq*, oldest first, and return their names.

    *min_needed_seq* is the first event that is still needed, by the oldest checkpoint or the slowest consumer. The
    newest segment always stays. Safe while a writer runs, and for readers that are past the removed events.
    """
    fs = fs or OsFileSystem()
    directory = str(directory)
    lock = maintenance_lock(fs, directory)
    try:
        names = segment_names(fs, directory)
        old = [name for i, name in enumerate(names[:-1]) if segment_seq(names[i + 1]) <= min_needed_seq]
        if old:
            _mark(fs, directory, segment_seq(names[len(old)]))
        for name in old:
            fs.remove(join(directory, name))
            if fs.kind(index_path(join(directory, name))) != "nothing":
                fs.remove(index_path(join(directory, name)))
        if old:
            fs.sync_directory(directory)
        return old
    finally:
        fs.close(lock)


def maintenance_lock(fs: FileSystem, directory: str, *, within_s: float = LOCKED_WITHIN_S) -> int:
    """Return the lock to hold while segments are removed or replaced, and not longer.

    LogLocked if it is not free within *within_s* seconds.
    """
    end_s = time.monotonic() + within_s
    while True:
        try:
            return fs.lock(join(directory, MAINTENANCE_LOCK))
        except LogLocked:
            if time.monotonic() >= end_s:
                raise
        time.sleep(POLL_S)


def retained_seq(fs: FileSystem, directory: str) -> int:
    """Return the first seq that must be present: 1, or that in the mark; CorruptLog if it cannot be read."""
    path = join(directory, MARK)
    kind = fs.kind(path)
    if kind == "nothing":
        return 1
    if kind != "file":
        raise DataDirError(f"{path}: not a plain file; links and devices are refused")
    file = fs.open(path, "read")
    try:
        data = fs.read(file, MARK_BYTES_MAX, 0)
    finally:
        fs.close(file)
    digits = data[:19]
    if not digits.isdigit() or data != _encode(int(digits)):
        raise CorruptLog(f"{path}: the mark of where the log starts is damaged; restore it from a copy", path=path)
    return int(digits)


def _mark(fs: FileSystem, directory: str, first_seq: int) -> None:
    path = join(directory, MARK)
    fresh = path + ".new"
    if fs.kind(fresh) != "nothing":
        fs.remove(fresh)
    data = _encode(first_seq)
    file = fs.open(fresh, "create")
    try:
        write_all(fs, file, fresh, data)
        fs.sync(file)
    finally:
        fs.close(file)
    fs.rename(fresh, path)
    fs.sync_directory(directory)


def _encode(first_seq: int) -> bytes:
    digits = b"%019d" % first_seq
    return b"%s %s\n" % (digits, xxh3_64_hexdigest(digits).encode())
