"""Whether a history and the write-ahead log beside it belong together.

SQLite accepts any log with the right name as that of the database: if an older database is put back beside the log of a
later copy, it ends up with pages of both, and may not even look wrong. So the first transaction of a log gives it a
unique number, and stores the sum of the database's position without the log. Whoever opens both compares the two:
either the log began where the database ends, or SQLite has copied a part of this very log into it.
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

LOOKS: Final = 3  # while a writer is active, the two may be read before and after SQLite has copied the log
# In the former version the number of a log was that of the event up to which the database was complete without it.
READ_MARK: Final = "PRAGMA application_id"
NONE: Final = 0  # the mark of a database that was made before marks existed
MARK_BITS: Final = 0x7FFF_FFFF


class _Read(NamedTuple):
    changes: int  # transactions so far; events, in the former version
    log: int
    begun: int  # the sum of the position where the log began; 0 if there was none
    sum: int  # the sum of the position


def new_log() -> int:
    """Return a random number for a log."""
    return int.from_bytes(os.urandom(8), "big") >> 1


def log_beside(path: Path) -> int:
    """Return the size in bytes of the write-ahead log beside the database *path*; 0 if there is none."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def has_foreign_log(path: Path) -> bool:
    """Return whether the write-ahead log beside the history *path* belongs to another copy of it.

    False if one of them cannot be read, which is not judged here.
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
    """Return the state of the database opened *how*; None if it cannot be read. Immutable: without its log."""
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
    """Return the state of a database of the former version, where a mark stands for the sum of the position."""
    (mark,) = connection.execute(READ_MARK).fetchone()
    ((seq,),) = connection.execute("SELECT seq FROM position").fetchall()
    return _Read(seq, mark, mark, 1 + seq % MARK_BITS) if isinstance(seq, int) else None
