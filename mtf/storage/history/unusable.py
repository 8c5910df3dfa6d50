"""Moving an unusable history aside, where it is kept; bars are then rebuilt from the log.

Owns the decision at a start, and the names: `history-damaged-1.sqlite`, `history-before-1.sqlite`,
`history-newer-1.sqlite`.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from mtf.errors import CorruptHistory, DataDirError
from mtf.log import check_plain, open_plain
from mtf.storage.history.schema import AFRESH, FIND_SCHEMA, FORMER_VERSION, VERSION, check_schema
from mtf.storage.history.store import HistoryStore
from mtf.zones import other_instants

__all__ = ["is_of_before", "move_aside", "set_aside"]

KEPT_MAX: Final = 10_000
MAKING_BYTES_MAX: Final = 4_096  # size of a database without tables
MAGIC: Final = b"SQLite format 3\0"
VERSION_AT: Final = 60  # where SQLite keeps `user_version`
HEAD_BYTES: Final = 64


def set_aside(path: Path) -> str:
    """Move the history at *path* aside if it cannot be continued, and return why, as a sentence; "" if it can.

    It cannot if it is damaged, was made by an earlier version, whose bars may differ from what the log gives now, or
    with other time zones, or by a newer mtf with the same tables. CorruptHistory if a newer mtf has other tables;
    DataDirError if it is not a plain file.
    """
    if not check_plain(path):
        return ""
    journal = path.with_name(f"{path.name}-journal")
    if check_plain(journal):
        # Only a database that was being created has a journal, and SQLite would apply it to any file.
        journal.unlink()
        if path.stat().st_size > MAKING_BYTES_MAX:
            return f"the journal beside the history belongs to another database: {_rebuilt(path, 'damaged')}"
        path.unlink()
        return ""
    if is_of_before(path):
        return f"the history was made by an earlier mtf: {_rebuilt(path, 'before')}"
    try:
        zones = HistoryStore(path).stored().zones
    except CorruptHistory as error:
        version = _version(path)
        if version > VERSION and _has_other_tables(path):
            what = f"{path}: written by a newer mtf (version {version}): use that one, or {AFRESH}"
            raise CorruptHistory(what) from error
        if version > VERSION:  # the next release may have these tables too, with different results
            other = f"the history was written by a newer mtf (version {version}), or is damaged"
            return f"{other}: {_rebuilt(path, 'newer')}"
        return f"the history is damaged: {_rebuilt(path, 'damaged')} ({_reason(path, error)})"
    other = other_instants(zones) if zones is not None else ""
    return f"the history was {other}: {_rebuilt(path, 'before')}" if other else ""


def is_of_before(path: Path) -> bool:
    """Return whether the history at *path* is so old that the next start moves it aside and rebuilds it."""
    version = _version(path) if check_plain(path) else 0
    return 0 < version < VERSION and version != FORMER_VERSION


def move_aside(path: Path, word: str) -> str:
    """Rename the history at *path*, which nobody may have open, and SQLite's files beside it; return its new name."""
    for number in range(1, KEPT_MAX):
        kept = path.with_name(f"{path.stem}-{word}-{number}{path.suffix}")
        if not kept.exists() and not kept.is_symlink():
            break
    else:
        raise DataDirError(f"{path.parent}: already has {KEPT_MAX} histories that were moved aside; move them away")
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)  # SQLite recreates it from the -wal
    beside = path.with_name(f"{path.name}-wal")
    if check_plain(beside):
        beside.rename(kept.with_name(f"{kept.name}-wal"))
    path.rename(kept)
    return kept.name


def _rebuilt(path: Path, word: str) -> str:
    return f"it is rebuilt from the log, and kept as {move_aside(path, word)}"


def _version(path: Path) -> int:
    """Return the version in the file's header; 0 if it has none (yet)."""
    file = open_plain(path, os.O_RDONLY)
    try:
        head = os.read(file, HEAD_BYTES)
    finally:
        os.close(file)
    return int.from_bytes(head[VERSION_AT:HEAD_BYTES], "big") if head.startswith(MAGIC) else 0


def _has_other_tables(path: Path) -> bool:
    """Return whether SQLite can read a schema at *path* that is not the present one."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute(FIND_SCHEMA).fetchall()
    except sqlite3.Error:
        return False
    try:
        return check_schema(path, found) != VERSION
    except CorruptHistory:
        return True


def _reason(path: Path, error: CorruptHistory) -> str:
    return str(error).removeprefix(f"{path}: ").removesuffix(f"; {AFRESH}")
