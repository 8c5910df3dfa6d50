"""The book: the contents of a history as values, and the statements that turn one book into the next.

A writer (a run, a conversion, pruning) makes a book of the next state and the statements that lead there, executes them
in one transaction, and continues from the new book once that is committed. Readers check the sums of what they read
against the position, which has a sum of each table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from mtf.storage.history.rejected import NewRejects, RejectRow
from mtf.storage.history.runs import NewRun, Run, record_sum

__all__ = [
    "EMPTY",
    "INSERT_PACK",
    "INSERT_RUN",
    "Book",
    "Statement",
    "layout_sum",
    "position_sum",
    "series_sum",
]

Statement = tuple[str, Sequence[Sequence[Any]]]  # for `executemany`

INSERT_SERIES: Final = "INSERT INTO series (id, symbol, timeframe, sum) VALUES (?, ?, ?, ?)"
INSERT_LAYOUT: Final = "INSERT INTO layouts (id, outputs, sum) VALUES (?, ?, ?)"
INSERT_PACK: Final = "INSERT INTO packs (id, data) VALUES (?, ?)"
INSERT_RUN: Final = (
    "INSERT INTO runs (last_seq, level, layout, first_pack, bars, directory, sum) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
INSERT_REJECTS: Final = (
    "INSERT INTO rejects (last_seq, level, first_ns, last_ns, events, data, sum) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
DELETE_PACK: Final = "DELETE FROM packs WHERE id = ?"
DELETE_RUN: Final = "DELETE FROM runs WHERE last_seq = ?"
DELETE_REJECTS: Final = "DELETE FROM rejects WHERE last_seq = ?"
SET_POSITION: Final = (
    "INSERT OR REPLACE INTO position (one, seq, changes, log, begun, zones, rejects_after, pruned_ns, names, runs, "
    "rejects, sum) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@attrs.frozen(kw_only=True)
class Book:
    """The contents of a history between two transactions."""

    seq: int = 0  # the newest event whose bars are all stored
    changes: int = 0  # transactions so far
    log: int = 0  # the write-ahead log they are in, and where it began (`mtf.storage.history.pair`)
    begun: int = 0
    zones: str = ""  # see `mtf.zones`; "" if there are no bars
    rejects_after: int = 0  # rejected events up to this one are only in the log
    pruned_ns: int = attrs.field(default=-(1 << 63))  # bars that start before it were removed on request
    names: int = 0  # XOR of the sums of all series and layouts
    runs: tuple[Run, ...] = ()  # in order
    rejects: tuple[RejectRow, ...] = ()
    next_pack: int = 1

    @property
    def sum(self) -> int:
        """The sum of the position; 0 if nothing was ever stored."""
        return position_sum(*self._values()) if self.changes else 0

    def changed(self, log: int | None, before: Book) -> Book:
        """Return the book after one more transaction than *before*; *log* numbers a log that begins with it."""
        if log is None:
            return attrs.evolve(self, changes=before.changes + 1)
        return attrs.evolve(self, changes=before.changes + 1, log=log, begun=before.sum)

    def position(self) -> Statement:
        """Return the statement that stores the position."""
        values = self._values()
        return SET_POSITION, [(*values, position_sum(*values))]

    def with_series(self, fresh: Sequence[tuple[int, str, str]]) -> tuple[Book, list[Statement]]:
        """Return the book with new series, each a number, symbol and timeframe."""
        rows = [(*each, series_sum(*each)) for each in fresh]
        return attrs.evolve(self, names=self.names ^ _all(row[-1] for row in rows)), [(INSERT_SERIES, rows)]

    def with_layout(self, number: int, outputs: str) -> tuple[Book, list[Statement]]:
        """Return the book with a new layout."""
        sum = layout_sum(number, outputs)
        return attrs.evolve(self, names=self.names ^ sum), [(INSERT_LAYOUT, [(number, outputs, sum)])]

    def replaced(self, removed: Sequence[Run], added: Sequence[NewRun]) -> tuple[Book, list[Statement]]:
        """Return the book with *added* in place of *removed*; a run without packs is not added."""
        statements: list[Statement] = []
        if removed:
            statements.append((DELETE_PACK, [(number,) for run in removed for number in run.packs]))
            statements.append((DELETE_RUN, [(run.last_seq,) for run in removed]))
        gone = {run.last_seq for run in removed}
        runs = [run for run in self.runs if run.last_seq not in gone]
        next_pack = self.next_pack
        packs: list[tuple[int, bytes]] = []
        rows = []
        for new in added:
            if not new.packs:
                continue
            run = new.numbered(next_pack)
            packs += zip(run.packs, (stored for _, stored in new.packs), strict=True)
            rows.append(run.row())
            runs.append(run)
            next_pack += len(new.packs)
        statements += [(INSERT_PACK, packs), (INSERT_RUN, rows)] if rows else []
        runs.sort()
        return attrs.evolve(self, runs=tuple(runs), next_pack=next_pack), statements

    def with_rejects(self, removed: Sequence[RejectRow], added: Sequence[NewRejects]) -> tuple[Book, list[Statement]]:
        """Return the book with *added* rejects in place of *removed*."""
        statements: list[Statement] = []
        if removed:
            statements.append((DELETE_REJECTS, [(each.last_seq,) for each in removed]))
        gone = {each.last_seq for each in removed}
        rows = [each for each in self.rejects if each.last_seq not in gone]
        rows += [each.row() for each in added]
        if added:
            statements.append((INSERT_REJECTS, [each.record() for each in added]))
        return attrs.evolve(self, rejects=tuple(sorted(rows))), statements

    def _values(self) -> tuple[Any, ...]:
        return (
            *(self.seq, self.changes, self.log, self.begun, self.zones, self.rejects_after, self.pruned_ns, self.names),
            *(_all(run.sum for run in self.runs), _all(each.sum for each in self.rejects)),
        )


EMPTY: Final = Book()


def series_sum(number: Any, symbol: Any, timeframe: Any) -> int:
    return record_sum("series", number, symbol, timeframe)


def layout_sum(number: Any, outputs: Any) -> int:
    return record_sum("layout", number, outputs)


def position_sum(*values: Any) -> int:
    return record_sum("position", *values)


def _all(sums: Any) -> int:
    found = 0
    for sum in sums:
        found ^= sum
    return found
