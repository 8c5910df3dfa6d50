"""Whether a history and the write-ahead log beside it belong together.

SQLite takes every log of the right name for that of the database: put back beside the log of a later copy, an older
database comes to hold pages of both, and nothing need look wrong. So the first transaction of a log marks the database
with the event up to which that was complete without the log, and whoever opens both compares the two. The mark is
SQLite's `application_id`, which no table has.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from mtf.errors import CorruptHistory
from mtf.storage.history.schema import FIND_SCHEMA, check_schema

__all__ = ["READ_MARK", "has_foreign_log", "log_beside", "mark_of"]

READ_MARK: Final = "PRAGMA application_id"
NONE: Final = 0  # the mark of a database that was made before there were any
MARK_BITS: Final = 0x7FFF_FFFF
LOOKS: Final = 3  # while a writer is at work, the two may be read on both sides of SQLite's copying of the log


class _Read(NamedTuple):
    seq: int
    mark: int


def mark_of(seq: int) -> int:
    """Return the mark of a log that began when the database was complete up to *seq*."""
    return 1 + seq % MARK_BITS


def log_beside(path: Path) -> int:
    """Return how many bytes the write-ahead log beside the database *path* has; 0 if there is none."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def has_foreign_log(path: Path) -> bool:
    """Return whether the write-ahead log beside the history *path* is that of another copy of it.

    What cannot be read is not judged here.
    """
    if not log_beside(path):
        return False
    for _ in range(LOOKS):
        together, alone = _read(path, "mode=ro"), _read(path, "mode=ro&immutable=1")
        if together is None or alone is None or together.mark == NONE:
            return False
        if together.mark == mark_of(alone.seq):  # the log began where the database ends
            return False
        if together.mark == alone.mark and together.seq >= alone.seq:  # SQLite has copied a part of this very log
            return False
    return True


def _read(path: Path, how: str) -> _Read | None:
    """Return what the database opened *how* is at; None if it cannot be read. Immutable, it is read without a log."""
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN")
            (mark,) = connection.execute(READ_MARK).fetchone()
            if not check_schema(path, connection.execute(FIND_SCHEMA).fetchall()):
                return _Read(0, mark)
            ((seq,),) = connection.execute("SELECT seq FROM position").fetchall()
    except (sqlite3.Error, CorruptHistory, ValueError):
        return None
    return _Read(seq, mark) if isinstance(seq, int) else None
