"""Pruning: removing the oldest bars and rejects from a history, by age or by size, and only on request.

Age is counted back from the end of the newest bar, so it does not depend on the machine's clock. The log is separate:
bars that it still has come back if the history is rebuilt from it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import attrs

from mtf.errors import CorruptHistory, DataDirError
from mtf.storage.history.access import check_history_files, named
from mtf.storage.history.book import Book, Statement
from mtf.storage.history.contents import Contents, fetched, read_contents
from mtf.storage.history.preparing import carry_out
from mtf.storage.history.rejected import NewRejects, RejectRow, fetched_rejects
from mtf.storage.history.rewriting import cut
from mtf.storage.history.runs import Run

__all__ = ["KEEP_ALL", "NOTHING_NS", "SPARE", "Keep", "Pruned", "prune_history", "pruned_book"]

NOTHING_NS: Final = -(1 << 63)  # nothing starts earlier
SPARE: Final = 32  # a run prunes once there is a 32nd more than it has to keep


class Keep(NamedTuple):
    """How much of the history stays; None: no limit."""

    age_ns: int | None = None
    bytes_max: int | None = None


KEEP_ALL: Final = Keep()


class Pruned(NamedTuple):
    """What pruning has removed."""

    bars: int
    rejects: int
    from_ns: int  # the history's new beginning; bars that start before it are gone
    bytes: int  # by which the file is shorter


def _age_cutoff(book: Book, age_ns: int) -> int:
    """Return the start from which bars stay if those older than *age_ns* are removed."""
    newest_ns = max((entry.last_ns for run in book.runs for entry in run.entries), default=NOTHING_NS)
    return max(newest_ns - age_ns, NOTHING_NS)


def _size_cutoff(book: Book, sizes: dict[int, int], bytes_max: int) -> int:
    """Return the start from which bars stay if the packs, with *sizes* by number, may take *bytes_max* in total."""
    packs = sorted(
        (entry.last_ns, sizes.get(number, 0))
        for run in book.runs
        for number, entry in zip(run.packs, run.entries, strict=True)
    )
    over = sum(size for _, size in packs) - bytes_max
    cutoff_ns = NOTHING_NS
    for last_ns, size in packs:
        if over <= 0:
            break
        over -= size
        cutoff_ns = last_ns + 1
    return cutoff_ns


def _outdated(book: Book, from_ns: int, spare_ns: int = 0) -> list[Run]:
    """Return the runs that have bars that start more than *spare_ns* before *from_ns*."""
    before_ns = from_ns - spare_ns
    return [run for run in book.runs if any(entry.first_ns < before_ns for entry in run.entries)]


def pruned_book(
    path: Path, connection: sqlite3.Connection, contents: Contents, keep: Keep, *, spare: int = 0
) -> tuple[Book, list[Statement]] | None:
    """Return the book without what *keep* excludes, and the statements that lead there; None if nothing is removed.

    With *spare*, nothing is removed until there is a *spare*-th more than has to be kept.
    """
    before = contents.book()
    from_ns = NOTHING_NS
    runs: list[Run] = []
    if keep.age_ns is not None:
        from_ns = _age_cutoff(before, keep.age_ns)
        runs = _outdated(before, from_ns, keep.age_ns // spare if spare else 0)
    if keep.bytes_max is not None:
        sizes = dict(connection.execute("SELECT id, length(data) FROM packs"))
        if sum(sizes.values()) > keep.bytes_max + (keep.bytes_max // spare if spare else 0):
            from_ns = max(from_ns, _size_cutoff(before, sizes, keep.bytes_max))
            runs = _outdated(before, from_ns)
    gone, kept = _rejects(path, connection, before, from_ns) if runs or not spare else ([], [])
    if not runs and not gone:
        return None
    runs = _outdated(before, from_ns)
    fetch = partial(fetched, path, connection, contents.layouts)
    book, statements = before.replaced(runs, [cut(run, fetch, from_ns=from_ns) for run in runs])
    book, more = book.with_rejects(gone, kept)
    return attrs.evolve(book, pruned_ns=max(book.pruned_ns, from_ns)), [*statements, *more]


def prune_history(path: Path, keep: Keep, *, busy_s: float = 5.0) -> Pruned:
    """Remove what is too old for *keep*, and the oldest bars until the rest is small enough; shorten the file.

    In one transaction: afterwards the history at *path*, which no run may have open, is unchanged or pruned.
    CorruptHistory if it is damaged or still has the former version; DataDirError if another program has it locked.
    """
    check_history_files(path)
    before_bytes = path.stat().st_size
    try:
        with closing(sqlite3.connect(path, timeout=busy_s, isolation_level=None)) as connection:
            contents, _ = read_contents(path, connection)
            if contents is None:
                raise CorruptHistory(f"{path}: has an earlier version: run on the directory once to convert it")
            before = contents.book()
            found = pruned_book(path, connection, contents, keep)
            book = before
            if found is not None:
                book, statements = found
                _carry_out(path, connection, before, book, statements)
    except sqlite3.Error as error:
        raise named(path, error) from error
    return Pruned(
        sum(run.bars for run in before.runs) - sum(run.bars for run in book.runs),
        sum(row.events for row in before.rejects) - sum(row.events for row in book.rejects),
        book.pruned_ns,
        before_bytes - path.stat().st_size,
    )


def _carry_out(
    path: Path, connection: sqlite3.Connection, before: Book, book: Book, statements: list[Statement]
) -> None:
    carry_out(path, connection, before, book, statements)
    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise DataDirError(
            f"{path}: pruned, but not shortened: another program is reading it; stop it, and prune again"
        )
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _rejects(
    path: Path, connection: sqlite3.Connection, book: Book, from_ns: int
) -> tuple[list[RejectRow], list[NewRejects]]:
    """Return the rows with rejects stamped before *from_ns*, and what stays of them."""
    gone = [row for row in book.rejects if row.first_ns < from_ns]
    kept = []
    for row in gone:
        rejects = fetched_rejects(path, connection, row)
        places = [k for k, ts_ns in enumerate(rejects.ts_ns) if ts_ns >= from_ns]
        if places:
            kept.append(rejects.chosen(places).stored(row.last_seq, row.level))
    return gone, kept
