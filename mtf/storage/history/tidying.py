"""Tidying: merges runs and rejects of a history, and finds what need not be kept, in a thread.

Reads in its own transaction and changes nothing: the writer replaces the originals by the results.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mtf.storage.history.access import read_history
from mtf.storage.history.book import Book, Statement
from mtf.storage.history.contents import Layout, fetched, read_contents
from mtf.storage.history.pruning import SPARE, Keep, pruned_book
from mtf.storage.history.rejected import NewRejects, RejectRow, mergeable_rejects, merged_rejects
from mtf.storage.history.rewriting import mergeable, merged
from mtf.storage.history.runs import NewRun, Run

__all__ = ["Untidy", "merged_of", "pruned_of", "untidy"]


class Untidy(NamedTuple):
    """Runs to be merged into one, and rows of rejects to be merged into one."""

    runs: Sequence[Run]
    rejects: Sequence[RejectRow]


def untidy(book: Book) -> Untidy | None:
    """Return what to merge next in *book*; None if there is nothing."""
    found = Untidy(mergeable(book.runs), mergeable_rejects(book.rejects))
    return found if found.runs or found.rejects else None


def merged_of(path: Path, layouts: Mapping[int, Layout], found: Untidy) -> tuple[list[NewRun], list[NewRejects]]:
    """Return the run and the row that *found* become."""

    def read(connection: sqlite3.Connection) -> tuple[list[NewRun], list[NewRejects]]:
        fetch = partial(fetched, path, connection, layouts)
        runs = [merged(found.runs, fetch)] if found.runs else []
        return runs, merged_rejects(path, connection, found.rejects) if found.rejects else []

    return read_history(path, read)


def pruned_of(path: Path, keep: Keep) -> tuple[Book, list[Statement]] | None:
    """Return the book without what *keep* excludes, and the statements that lead there; None if all is kept."""

    def read(connection: sqlite3.Connection) -> tuple[Book, list[Statement]] | None:
        contents, _ = read_contents(path, connection)
        assert contents is not None, "the writer has converted it"
        return pruned_book(path, connection, contents, keep, spare=SPARE)

    return read_history(path, read)
