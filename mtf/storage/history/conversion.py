"""Converting a history of the former version, in one transaction: nothing has changed until that is committed.

Bars become packs, and their indicator values stay unknown. Events rejected up to its position were not stored: readers
still look for them in the log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from mtf.storage.history.book import EMPTY, INSERT_PACK, INSERT_RUN, Book
from mtf.storage.history.former import former_rows, read_series
from mtf.storage.history.packs import Pack, packed_rows
from mtf.storage.history.pair import MARK_BITS, new_log
from mtf.storage.history.rewriting import Part, packed
from mtf.storage.history.runs import numbered
from mtf.storage.history.schema import FORMER_TABLES, FORMER_VERSION, TABLES, VERSION

__all__ = ["convert", "is_former"]

LEVEL: Final = 30  # of the one run of all bars: it is not merged with later runs


def is_former(connection: sqlite3.Connection) -> bool:
    """Return whether the database of *connection* is a history of the former version."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version == FORMER_VERSION)


def convert(path: Path, connection: sqlite3.Connection) -> Book:
    """Convert the history at *path* in a transaction of *connection* and return its contents.

    CorruptHistory, and nothing is changed, if a bar was altered or is missing.
    """
    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:  # a write-ahead log may only have transactions of one version
        raise sqlite3.OperationalError("a program that reads the history has not ended its transaction")
    connection.execute("BEGIN IMMEDIATE")
    try:
        series, seq, zones = read_series(path, connection)
        keys = sorted(series)
        connection.execute(TABLES["packs"])  # the only table that the former version does not have
        entries = []
        for number, (entry, stored) in enumerate(packed(_parts(path, connection, keys)), EMPTY.next_pack):
            connection.execute(INSERT_PACK, (number, stored))
            entries.append(entry)
        for table in FORMER_TABLES:
            connection.execute(f"DROP TABLE {table}")
        for table, statement in TABLES.items():
            if table != "packs":
                connection.execute(statement)
        book = attrs.evolve(EMPTY, seq=seq, zones=zones, rejects_after=seq)
        book, statements = book.with_series([(number, *key) for number, key in enumerate(keys, 1)])
        if entries:
            run = numbered(seq, LEVEL, 0, EMPTY.next_pack, tuple(entries))
            statements.append((INSERT_RUN, [run.row()]))
            book = attrs.evolve(book, runs=(run,), next_pack=run.packs.stop)
        book = attrs.evolve(book, changes=1, log=new_log(), begun=1 + seq % MARK_BITS)
        for sql, rows in (*statements, book.position()):
            connection.executemany(sql, rows)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    return book


def _parts(path: Path, connection: sqlite3.Connection, keys: list[tuple[str, str]]) -> Iterator[Part]:
    for number, key in enumerate(keys, 1):
        for rows in former_rows(path, connection, *key):
            yield number, Pack(packed_rows(rows, number), len(rows), 0), 0, len(rows)
