"""Preparing a history to be written: its tables are created or converted, and it is cut to the end of the log.

Each step is one transaction, on its own connection, in a thread. Anything in the way raises sqlite3.Error, and can be
tried again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import attrs

from mtf.storage.history.book import EMPTY, Book, Statement
from mtf.storage.history.contents import Contents, Layout, fetched, read_contents
from mtf.storage.history.conversion import convert, is_former
from mtf.storage.history.pair import log_beside, new_log
from mtf.storage.history.rejected import fetched_rejects
from mtf.storage.history.rewriting import cut
from mtf.storage.history.schema import TABLES, VERSION

__all__ = ["Prepared", "carry_out", "prepared", "without_later"]


class Prepared(NamedTuple):
    """A history that is ready to be written."""

    book: Book
    series: dict[tuple[str, str], int]
    layouts: Mapping[int, Layout]
    notes: list[tuple[str, str]]  # what was changed: the event's name and a sentence


def prepared(path: Path, logged_seq: int, busy_ms: int) -> Prepared:
    """Prepare the history at *path* for a log that ends at *logged_seq*; wait *busy_ms* for other programs."""
    notes: list[tuple[str, str]] = []
    with closing(sqlite3.connect(path, timeout=busy_ms / 1000, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        if is_former(connection):
            book = convert(path, connection)
            bars = sum(run.bars for run in book.runs)
            if bars:
                sentence = (
                    f"the history had an earlier version and was converted; its {bars:,} bars have no "
                    "indicator values (to have them, delete it: the next start makes it from the log)"
                )
                notes.append(("history_converted", sentence))
        contents, known = read_contents(path, connection)
        assert contents is not None, "it was converted"
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            _create(path, connection)
        elif contents.seq > logged_seq:
            _take_back(path, connection, contents, logged_seq)
            sentence = f"bars after seq {logged_seq}, where the log ends, were removed"
            notes.append(("history_taken_back", sentence))
        contents, _ = read_contents(path, connection, known)  # reads what has changed
        assert contents is not None, "it is of the present version"
        return Prepared(contents.book(), dict(contents.series), contents.layouts, notes)


def carry_out(
    path: Path,
    connection: sqlite3.Connection,
    before: Book,
    book: Book,
    statements: Sequence[Statement] = (),
    first: Sequence[str] = (),
) -> None:
    """Execute *first* and *statements*, which lead from *before* to *book*, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        book = book.changed(None if log_beside(path) else new_log(), before)
        for sql in first:
            connection.execute(sql)
        for sql, rows in (*statements, book.position()):
            connection.executemany(sql, rows)
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def without_later(
    path: Path, connection: sqlite3.Connection, contents: Contents, seq: int
) -> tuple[Book, list[Statement]]:
    """Return the book of *contents* without results of events after *seq*, and the statements that lead there."""
    fetch = partial(fetched, path, connection, contents.layouts)
    removed = [run for run in contents.runs if run.last_seq > seq]
    added = [cut(run, fetch, last_seq=seq)._replace(last_seq=seq) for run in removed]
    book, statements = contents.book().replaced(removed, [run for run in added if run.packs])
    gone = [row for row in contents.rejects if row.last_seq > seq]
    kept = []
    for row in gone:
        rejects = fetched_rejects(path, connection, row)
        places = [k for k, each in enumerate(rejects.seqs) if each <= seq]
        if places:
            kept.append(rejects.chosen(places).stored(seq, row.level))
    book, more = book.with_rejects(gone, kept)
    rejects_after = min(book.rejects_after, seq)
    return attrs.evolve(book, seq=seq, rejects_after=rejects_after), [*statements, *more]


def _create(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # so that pruning can shorten the file
    connection.execute("PRAGMA journal_mode = WAL")
    carry_out(path, connection, EMPTY, EMPTY, first=(*TABLES.values(), f"PRAGMA user_version = {VERSION}"))


def _take_back(path: Path, connection: sqlite3.Connection, contents: Contents, seq: int) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    book, statements = without_later(path, connection, contents, seq)
    carry_out(path, connection, contents.book(), book, statements)
