"""Replacing the log of a data directory: the new one is made beside it, and takes its place completely or not at all.

Owns the folder where it is made, and the order of renames. A crash at any moment leaves the old log or the new one.
Checkpoints and stored bars belong to the log beside them: those of the old log are moved away before it, those of the
new one are put in place after it, and the next start remakes what is missing.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from mtf.errors import DataDirError, LogLocked
from mtf.log.file_log import WRITER_LOCK
from mtf.log.filesystem import FileSystem, OsFileSystem, check_plain
from mtf.storage.datadir import ASIDE, CHECKPOINTS, HISTORY, IMPORTING, LOG, OLD_LOG, recover

__all__ = ["Generation"]

LOCK: Final = "import.lock"
BESIDE: Final = (f"{HISTORY}-wal", f"{HISTORY}-shm", HISTORY)  # in this order: a history may miss its newest bars


class Generation:
    """A context in which a new log for the data directory *path* is made; the directory is created if it is missing.

    Nobody else can write *path* inside of it. LogLocked if somebody does, DataDirError if *path* is something else.
    """

    def __init__(self, path: Path, *, fs: FileSystem | None = None) -> None:
        self.path: Final = path
        self._fs: Final = fs or OsFileSystem()
        self._folder: Final = path / IMPORTING
        self._locks: list[int] = []
        self._made = False  # the directory was not there before

    def __enter__(self) -> Generation:
        path = self.path
        if path.is_symlink() and not path.exists():
            raise DataDirError(f"{path}: broken link")
        if path.is_file():
            raise DataDirError(f"{path}: must be a directory, is a file")
        self._made = not path.exists()
        if self._folder.is_symlink() or (self._folder.exists() and not self._folder.is_dir()):
            raise DataDirError(f"{self._folder}: not a plain directory, and links are refused: move it away")
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._folder / LOCK
        try:
            self._lock(lock)
            if not lock.exists() or os.stat(lock).st_ino != os.fstat(self._locks[0]).st_ino:
                raise LogLocked(f"{path}: another import has just ended; try again")
            recover(path, self._fs)
            if (path / LOG).is_dir():
                self._lock(path / LOG / WRITER_LOCK)
            elif strays := [name for name in (HISTORY, CHECKPOINTS) if (path / name).exists()]:
                raise DataDirError(f"{path}: there is no log beside {' and '.join(strays)}: move these away")
            for name in os.listdir(self._folder):
                if name != LOCK:
                    _remove(self._folder / name)
        except BaseException:
            self._unlock()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            recover(self.path, self._fs)
            shutil.rmtree(self._folder)
            if self._made and not any(self.path.iterdir()):
                self.path.rmdir()
        finally:
            self._unlock()

    def folder(self, name: str) -> Path:
        """Return where a data directory called *name* can be made; it is removed at the end."""
        return self._folder / name

    def replace(self, new: Path) -> None:
        """Replace the log of the path by that of *new*, a data directory made in this folder that nobody has open."""
        fs, path = self._fs, self.path
        if (new / LOG).is_dir():
            self._lock(new / LOG / WRITER_LOCK)
        for name in (*BESIDE, CHECKPOINTS):
            if fs.kind(str(path / name)) != "nothing":
                fs.rename(str(path / name), str(self._folder / name))
        fs.sync_directory(str(path))
        if fs.kind(str(path / LOG)) != "nothing":
            fs.rename(str(path / LOG), str(self._folder / OLD_LOG))
        fs.rename(str(new / LOG), str(path / LOG))
        fs.sync_directory(str(path))
        for name in (*BESIDE, CHECKPOINTS):
            if fs.kind(str(new / name)) != "nothing":
                fs.rename(str(new / name), str(path / name))
        fs.sync_directory(str(path))

    def keep_malformed(self, new: Path) -> None:
        """Add the malformed rows that *new* has kept to those of the path."""
        if not (new / ASIDE).is_file():
            return
        check_plain(self.path / ASIDE)
        with (self.path / ASIDE).open("ab") as file:
            file.write((new / ASIDE).read_bytes())

    def _lock(self, path: Path) -> None:
        self._locks.append(self._fs.lock(str(path)))

    def _unlock(self) -> None:
        while self._locks:
            self._fs.close(self._locks.pop())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
