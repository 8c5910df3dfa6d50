"""Rejected events, as the history stores them: in columns, as bytes, many per row of the table.

A row has the rejects among consecutive events in order, with everything known about each.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from mtf.bars.picking import Picked
from mtf.errors import CorruptHistory
from mtf.events.block import HAS_ASK, HAS_BID, QUOTE, TRADE
from mtf.storage.history.packs import data_sum, stored_form, unstored
from mtf.storage.history.runs import record_sum
from mtf.units import NEVER_NS

__all__ = ["NewRejects", "RejectRow", "Rejects", "fetched_rejects", "mergeable_rejects", "merged_rejects", "rejects_of"]

REJECTS_MAX: Final = 1 << 20  # in a row
MERGED_MAX: Final = 1 << 14  # in a row that is made of others
FAN: Final = 8  # the number of rows of one level that are merged
NAMES_BYTES_MAX: Final = 1 << 30  # of all symbols and ids of a row


class RejectRow(NamedTuple):
    """A row of the table, without its data."""

    last_seq: int
    level: int
    first_ns: int
    last_ns: int
    events: int
    sum: int


class NewRejects(NamedTuple):
    """Rejects that are to be stored."""

    last_seq: int
    level: int
    first_ns: int
    last_ns: int
    events: int
    data: bytes

    def row(self) -> RejectRow:
        values = (self.last_seq, self.level, self.first_ns, self.last_ns, self.events)
        return RejectRow(*values, record_sum("rejects", *values, data_sum(self.data)))

    def record(self) -> tuple[Any, ...]:
        """Return it as a row of the table."""
        return (*self[:5], self.data, self.row().sum)


class Rejects:
    """Rejected events in columns, named as those of `Picked`; `codes` are positions among `symbols`."""

    def __init__(self, symbols: Sequence[str], columns: Sequence[array[Any]], ids: list[str | None]) -> None:
        self.symbols: Final = symbols
        self.ids: Final = ids
        self.columns: Final = columns
        self.seqs, self.ts_ns, self.received_ns, self.first, self.second, self.third, self.fourth = columns[:7]
        self.codes, self.kinds, self.flags, self.verdicts = columns[7:]
        self.bids = self.asks = self.trades = self.named = self.timed = 0
        for kind, flags, id, received_ns in zip(self.kinds, self.flags, ids, self.received_ns, strict=True):
            self.trades += kind == TRADE
            self.bids += kind == QUOTE and bool(flags & HAS_BID)
            self.asks += kind == QUOTE and bool(flags & HAS_ASK)
            self.named += id is not None
            self.timed += received_ns != NEVER_NS

    def __len__(self) -> int:
        return len(self.seqs)

    def chosen(self, places: Sequence[int]) -> Rejects:
        """Return those at *places*."""
        columns = [array(each.typecode, [each[k] for k in places]) for each in self.columns]
        return Rejects(self.symbols, columns, [self.ids[k] for k in places])

    def called(self, symbols: Sequence[str], codes: Sequence[int]) -> Rejects:
        """Return the same events, with their symbols as *codes* into *symbols*."""
        columns = list(self.columns)
        columns[7] = array("i", codes)
        return Rejects(symbols, columns, self.ids)

    def stored(self, last_seq: int, level: int = 0) -> NewRejects:
        """Return the row to store; it covers events up to *last_seq*."""
        names = orjson.dumps([list(self.symbols), self.ids])
        parts = [array("q", [len(self), len(names)]), *self.columns]
        data = stored_form(b"".join(parts) + names)
        return NewRejects(last_seq, level, min(self.ts_ns), max(self.ts_ns), len(self), data)


TYPES: Final = "qqqddddiBBB"


def rejects_of(picked: Picked, name_of: Callable[[int], str], after_seq: int) -> Rejects | None:
    """Return the ticks of *picked* after *after_seq*, whose symbols are numbers there; None if there are none."""
    places = [
        k for k, (seq, code) in enumerate(zip(picked.seqs, picked.codes, strict=True)) if seq > after_seq and code >= 0
    ]
    if not places:
        return None
    codes = [picked.codes[k] for k in places]
    used = sorted(set(codes))
    place = {code: k for k, code in enumerate(used)}
    found: list[Any] = [
        *(picked.seqs, picked.ts_ns, picked.received_ns),
        *(picked.first, picked.second, picked.third, picked.fourth),
    ]
    columns = [array(kind, [each[k] for k in places]) for kind, each in zip(TYPES, found, strict=False)]
    columns.append(array("i", [place[code] for code in codes]))
    columns += [array("B", [each[k] for k in places]) for each in (picked.kinds, picked.flags, picked.verdicts)]
    return Rejects([name_of(code) for code in used], columns, [picked.ids[k] for k in places])


def mergeable_rejects(rows: Sequence[RejectRow]) -> list[RejectRow]:
    """Return adjacent rows of one level to merge now; none if there are few enough."""
    start = len(rows)
    while start > 0:
        stop, level = start, rows[start - 1].level
        while start > 0 and rows[start - 1].level == level:
            start -= 1
        group = list(rows[start:stop][:FAN])
        if len(group) == FAN and sum(row.events for row in group) <= MERGED_MAX:
            return group
    return []


def merged_rejects(path: Path, connection: sqlite3.Connection, rows: Sequence[RejectRow]) -> list[NewRejects]:
    """Return the row that adjacent *rows* of the history at *path* make together."""
    parts = [fetched_rejects(path, connection, row) for row in rows]
    return [_joined(parts).stored(rows[-1].last_seq, rows[-1].level + 1)]


def fetched_rejects(path: Path, connection: sqlite3.Connection, row: RejectRow) -> Rejects:
    """Return the rejects of *row* of the history at *path*; CorruptHistory if they were altered."""
    data = connection.execute("SELECT data FROM rejects WHERE last_seq = ?", (row.last_seq,)).fetchone()
    return _read_rejects(row, None if data is None else data[0], f"{path}: rejects up to seq {row.last_seq}")


def _joined(parts: Sequence[Rejects]) -> Rejects:
    """Return all of *parts* as one."""
    symbols = list(dict.fromkeys(symbol for part in parts for symbol in part.symbols))
    place = {symbol: k for k, symbol in enumerate(symbols)}
    columns = [array(kind) for kind in TYPES]
    ids: list[str | None] = []
    for part in parts:
        for k, (into, each) in enumerate(zip(columns, part.columns, strict=True)):
            into.extend(each if k != 7 else array("i", [place[part.symbols[code]] for code in each]))
        ids += part.ids
    return Rejects(symbols, columns, ids)


def _read_rejects(row: RejectRow, data: Any, what: str) -> Rejects:
    """Return the rejects of a row with *data*; CorruptHistory, naming *what*, if they were altered."""
    if not isinstance(data, bytes) or record_sum("rejects", *row[:5], data_sum(data)) != row.sum:
        raise CorruptHistory(f"{what} were altered")
    plain = unstored(data, NAMES_BYTES_MAX, what)
    columns = []
    at = 16
    try:
        count, size = array("q", plain[:at])
        if count != row.events or not 0 < count <= REJECTS_MAX:
            raise ValueError(f"{count} events")
        for kind in TYPES:
            column = array(kind)
            column.frombytes(plain[at : at + count * column.itemsize])
            columns.append(column)
            at += count * column.itemsize
        symbols, ids = orjson.loads(plain[at : at + size])
        if {len(column) for column in columns} != {count} or len(ids) != count or max(columns[7]) >= len(symbols):
            raise ValueError("columns of different lengths")
    except (ValueError, TypeError) as error:
        raise CorruptHistory(f"{what} cannot be read: {error}") from error
    return Rejects(symbols, columns, ids)
