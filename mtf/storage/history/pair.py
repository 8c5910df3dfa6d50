"""Whether a history and the write-ahead log beside it belong together.

SQLite takes every log of the right name for that of the database: put back beside the log of a later copy, an older
database comes to hold pages of both, and nothing need look wrong. So the first transaction of a log gives it a number
that no other has, and writes down the sum of the position at which the database was without it. Whoever opens both
compares the two: the log began where the database ends, or SQLite has copied a part of this very log into it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from mtf.errors import CorruptHistory
from mtf.storage.history.schema import FIND_SCHEMA, FORMER_VERSION, check_schema

__all__ = ["MARK_BITS", "has_foreign_log", "log_beside", "new_log"]

LOOKS: Final = 3  # while a writer is at work, the two may be read on both sides of SQLite's copying of the log
# In the former version the number of a log was that of the event up to which the database was complete without it.
READ_MARK: Final = "PRAGMA application_id"
NONE: Final = 0  # the mark of a database that was made before there were any
MARK_BITS: Final = 0x7FFF_FFFF


class _Read(NamedTuple):
    changes: int  # transactions so far; events, in the former version
    log: int
    begun: int  # the sum of the position where the log began; 0: there was none
    sum: int  # that of the position


def new_log() -> int:
    """Return a number for a log."""
    return int.from_bytes(os.urandom(8), "big") >> 1


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
        if together is None or alone is None or together.log == NONE:
            return False
        if together.begun == alone.sum:  # the log began where the database ends
            return False
        if together.log == alone.log and together.changes >= alone.changes:  # SQLite has copied a part of this very log
            return False
    return True


def _read(path: Path, how: str) -> _Read | None:
    """Return what the database opened *how* is at; None if it cannot be read. Immutable, it is read without a log."""
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN")
            version = check_schema(path, connection.execute(FIND_SCHEMA).fetchall())
            if not version:
                return _Read(0, NONE, 0, 0)
            if version == FORMER_VERSION:
                return _former(connection)
            ((changes, log, begun, sum),) = connection.execute("SELECT changes, log, begun, sum FROM position")
    except (sqlite3.Error, CorruptHistory, ValueError):
        return None
    found = _Read(changes, log, begun, sum)
    return found if all(isinstance(value, int) for value in found) else None


def _former(connection: sqlite3.Connection) -> _Read | None:
    """Return what a database of the former version is at: a mark stands for the sum of the position."""
    (mark,) = connection.execute(READ_MARK).fetchone()
    ((seq,),) = connection.execute("SELECT seq FROM position").fetchall()
    return _Read(seq, mark, mark, 1 + seq % MARK_BITS) if isinstance(seq, int) else None
