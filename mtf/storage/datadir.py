"""The data directory: storage in files, and where everything is in it.

    log/            the event log, the truth
    checkpoints/    states from which to start
    history.sqlite  completed bars
    malformed.jsonl malformed rows, the first 10,000 of each run, and their total
    importing/      another log that is being made (`mtf.storage.generation`)

A directory may come from a stranger: no link in it is followed out of it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

from mtf.config import Config
from mtf.errors import ConfigError, DataDirError
from mtf.log import Check, EventLog, FileLog, FileSystem, LogFiles, OsFileSystem, TornTail, check_plain
from mtf.notes import Notes
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_store import symbol_bytes_max
from mtf.storage.history.store import HistoryStore
from mtf.storage.history.unusable import set_aside
from mtf.storage.history.writer import HistoryWriter
from mtf.storage.malformed_rows import Aside
from mtf.storage.storage import BarSettings, Storage

__all__ = [
    "DataDir",
    "Place",
    "bytes_of",
    "check_has_log",
    "checkpoints_of",
    "history_of",
    "logged_config",
    "recover",
    "storage_of",
]

LOG: Final = "log"
CHECKPOINTS: Final = "checkpoints"
HISTORY: Final = "history.sqlite"
SEGMENT_BYTES: Final = 32 << 20  # one that is full of single events is read in half a second
ASIDE: Final = "malformed.jsonl"
IMPORTING: Final = "importing"
OLD_LOG: Final = "before"  # in it: the old log, until the new one has replaced it

Place: TypeAlias = str | os.PathLike[str] | Storage  # a data directory, or another storage


class DataDir:
    """The directory *path*, as a storage (`mtf.storage.storage.Storage`); it is made when its log is opened.

    Log and checkpoints are read and written through *fs*. *check* is how much of the log opening it checks: `all`, or
    what follows the newest checkpoint; with `background` the rest is checked while it is written.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, fs: FileSystem | None = None, check: Check = "background"
    ) -> None:
        self.path: Final = Path(path)
        self._fs: Final = fs
        self._check: Final = check

    def checked(self, check: Check) -> DataDir:
        """Return the same directory, its log checked as *check* says."""
        return DataDir(self.path, fs=self._fs, check=check)

    @property
    def name(self) -> str:
        return str(self.path)

    def open_log(self, config: bytes, notes: Notes) -> FileLog:
        path = self.path
        if path.is_symlink() and not path.exists():
            raise DataDirError(f"{path}: broken link")
        if path.is_file():
            raise DataDirError(f"{path}: must be a directory, is a file")
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        recover(path, self._fs or OsFileSystem())
        for name in (HISTORY, ASIDE):
            check_plain(path / name)
        log = FileLog.open(
            path / LOG,
            config=config,
            segment_bytes=SEGMENT_BYTES,
            fs=self._fs,
            check_from=1 if self._check == "all" else self._checkpoint_seq() + 1,
            check_rest=self._check == "background",
        )
        if log.torn is not None:
            tail = log.torn
            facts = {"path": str(path), "seq": tail.seq, "bytes": tail.bytes, "reason": tail.why, "kept": tail.kept}
            notes.note("log_torn", _cut(path, tail), **facts)
        return log

    def read_log(self) -> LogFiles:
        check_has_log(self.path)
        return LogFiles(self.path / LOG, fs=self._fs)

    def _checkpoint_seq(self) -> int:
        """Return where the newest checkpoint is, good or not: what is played from an earlier one is checked then."""
        return max(FileCheckpointStore(self.path / CHECKPOINTS, fs=self._fs).list(), default=0)

    def checkpoints(self, config: Config) -> FileCheckpointStore:
        return FileCheckpointStore(self.path / CHECKPOINTS, fs=self._fs, symbol_bytes=symbol_bytes_max(config))

    def keep_bars(self, config: Config, log: EventLog, notes: Notes, settings: BarSettings) -> HistoryWriter:
        """Return the consumer that stores completed bars here, after moving an unusable history out of the way."""
        moved = set_aside(self.path / HISTORY)
        if moved:
            gone = f"; the log begins at seq {log.first_seq}: earlier bars are only there" if log.first_seq > 1 else ""
            notes.note("history_set_aside", f"{self.path}: {moved}{gone}", path=str(self.path), reason=moved)
        return HistoryWriter(
            self.path / HISTORY,
            log.last_seq,
            config=config,
            noted=notes.note,
            wall=settings.wall,
            values=settings.values,
            keep=settings.keep,
        )

    def stored_bars(self, versions: dict[str, int]) -> HistoryStore | None:
        return history_of(self.path, versions) if (self.path / HISTORY).exists() else None

    def malformed_rows(self) -> Aside:
        return Aside(self.path / ASIDE)


def storage_of(place: Place) -> Storage:
    """Return *place* as a storage: a path is a data directory. ConfigError if it is neither."""
    if isinstance(place, str | os.PathLike):
        return DataDir(place)
    if not isinstance(place, Storage):
        raise ConfigError(f"{place!r} must be a directory or a storage")
    return place


def recover(path: Path, fs: FileSystem) -> None:
    """Put the old log back if a crash came between moving it away and putting the new one in place."""
    old = path / IMPORTING / OLD_LOG
    if fs.kind(str(path / LOG)) == "nothing" and fs.kind(str(old)) == "directory":
        fs.rename(str(old), str(path / LOG))
        fs.sync_directory(str(path))


def checkpoints_of(path: Path, config: Config) -> FileCheckpointStore:
    """Return the checkpoints of *path*, with room for the largest state of *config*."""
    return DataDir(path).checkpoints(config)


def bytes_of(paths: Iterable[Path]) -> int:
    """Return the size of all these files; one that a writer has removed meanwhile counts as 0."""
    total = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total


def check_has_log(path: Path) -> None:
    """DataDirError if *path* is not a data directory."""
    if not (path / LOG).is_dir():
        what = "no such directory" if not path.exists() else "not a data directory of mtf"
        if (path / IMPORTING / OLD_LOG).is_dir():
            what = "an import was interrupted at its last step; the next import or run here restores the log"
        raise DataDirError(f"{path}: {what}")


def logged_config(place: Place) -> Config:
    """Return the configuration that the log in *place* was made with; DataDirError if there is none."""
    storage = storage_of(place)
    return Config.from_json(storage.read_log().config, storage.name)


def history_of(path: Path, versions: dict[str, int] | None = None) -> HistoryStore:
    """Return the history of *path*, without indicator values of other *versions* of the formulas."""
    return HistoryStore(path / HISTORY, versions)


def _cut(path: Path, tail: TornTail) -> str:
    """Return a sentence about what was cut off when the log of *path* was opened."""
    return (
        f"{path}: the log was torn ({tail.why}): {tail.bytes} bytes, from seq {tail.seq} on, were cut off and are kept "
        f"as {LOG}/{Path(tail.kept).name}; a source that is read again resumes before them"
    )
