"""Reading a history: short transactions on a file that may be written meanwhile, and their errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from mtf.errors import CorruptHistory, DataDirError
from mtf.log import check_plain
from mtf.storage.history.pair import has_foreign_log
from mtf.storage.history.schema import AFRESH

__all__ = ["check_history_files", "is_damage", "named", "read_history"]

BESIDE: Final = ("-wal", "-shm", "-journal")  # SQLite's own files beside a database
BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
PRIMARY: Final = 0xFF  # the part of an error code of SQLite that says what kind it is

Answer = TypeVar("Answer")


def check_history_files(path: Path) -> None:
    """Raise DataDirError unless there is a history at *path*, and all its files are plain files."""
    if not check_plain(path):
        raise DataDirError(f"{path}: no history here")
    for ending in BESIDE:
        check_plain(path.with_name(path.name + ending))


def read_history(path: Path, read: Callable[[sqlite3.Connection], Answer]) -> Answer:
    """Return what *read* finds in one transaction.

    A file without a write-ahead log is read as if nobody writes it. If a writer has begun meanwhile, the result may be
    partly from before and partly from after its first transaction: it is read again.
    """
    wal = path.with_name(f"{path.name}-wal")
    while True:
        quiet = not wal.exists()
        try:
            with _open(path, quiet) as connection:
                found = read(connection)
        except CorruptHistory:
            if not quiet or not wal.exists():
                raise
        else:
            if not quiet or not wal.exists():
                return found


@contextmanager
def _open(path: Path, quiet: bool) -> Iterator[sqlite3.Connection]:
    """A transaction, whose errors name the history; *quiet* if nobody writes."""
    if not quiet and has_foreign_log(path):
        raise CorruptHistory(f"{path}: the {path.name}-wal beside it belongs to another copy; {AFRESH}")
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if quiet else ''}"
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise named(path, error) from error


def named(path: Path, error: sqlite3.Error) -> DataDirError:
    """Return *error* as an error about the history at *path*: damaged, or not accessible now."""
    if is_damage(error):
        return CorruptHistory(f"{path}: the history cannot be read: {error}; {AFRESH}")
    if getattr(error, "sqlite_errorcode", 0) & PRIMARY in BUSY:
        return DataDirError(f"{path}: another program has locked the history ({error}): stop it, or wait")
    return DataDirError(f"{path}: the history cannot be read now: {error}")


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether *error* means that the file is damaged, rather than inaccessible now."""
    if isinstance(error, sqlite3.OperationalError):  # locked, full, no more files, a failing disk; or no such table
        return getattr(error, "sqlite_errorcode", 0) & PRIMARY in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA)
    return True
