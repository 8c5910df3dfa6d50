"""Runs: the bars of consecutive events, as packs by series, with a directory of what is in which pack.

Each transaction that stores bars adds a run. Adjacent runs of one level are merged into one of the next
(`mtf.storage.history.rewriting`), so that there are few, and the bars of a series are together. A pack is read only if
the directory of its run says that it may have requested bars, and must then have the sum that is recorded there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from xxhash import xxh3_64_intdigest

from mtf.storage.history.packs import SERIES, START, Pack, data_sum, stored_form

__all__ = ["Entry", "NewRun", "Run", "entry_of", "numbered", "record_sum", "run_of_row"]

_ENTRY: Final = struct.Struct("<6q")


class Entry(NamedTuple):
    """A pack in the directory of its run."""

    first_series: int
    last_series: int
    bars: int
    first_ns: int  # the earliest start of a bar
    last_ns: int  # the latest start
    sum: int  # of the stored bytes


class Run(NamedTuple):
    """A run as it is stored; its packs are numbered from `first_pack` on."""

    last_seq: int  # last event whose bars it has; the run before it ends where it begins
    level: int
    layout: int  # says which values its packs have; 0: none
    first_pack: int
    bars: int
    entries: tuple[Entry, ...]
    sum: int

    @property
    def packs(self) -> range:
        """The numbers of its packs."""
        return range(self.first_pack, self.first_pack + len(self.entries))

    def row(self) -> tuple[Any, ...]:
        """Return it as a row of the table."""
        directory = b"".join(_ENTRY.pack(*entry) for entry in self.entries)
        return (self.last_seq, self.level, self.layout, self.first_pack, self.bars, directory, self.sum)

    def with_series(self, series: int) -> Iterator[tuple[int, Entry]]:
        """Yield the packs that may have bars of *series*, each with its number."""
        for number, entry in zip(self.packs, self.entries, strict=True):
            if entry.first_series <= series <= entry.last_series:
                yield number, entry


class NewRun(NamedTuple):
    """A run to be stored: its packs as they will be stored, with their entries."""

    last_seq: int
    level: int
    layout: int
    packs: Sequence[tuple[Entry, bytes]]

    def numbered(self, first_pack: int) -> Run:
        """Return it as a run, with packs numbered from *first_pack* on."""
        return numbered(self.last_seq, self.level, self.layout, first_pack, tuple(entry for entry, _ in self.packs))


def numbered(last_seq: int, level: int, layout: int, first_pack: int, entries: tuple[Entry, ...]) -> Run:
    """Return a run whose packs, numbered from *first_pack* on, have *entries*."""
    values = (last_seq, level, layout, first_pack, sum(entry.bars for entry in entries), entries)
    return Run(*values, _run_sum(*values))


def entry_of(pack: Pack) -> tuple[Entry, bytes]:
    """Return *pack* as it is stored, and its entry."""
    stored = stored_form(pack.data)
    numbers, starts = pack.small(SERIES), pack.whole(START)
    return Entry(numbers[0], numbers[-1], pack.bars, min(starts), max(starts), data_sum(stored)), stored


def run_of_row(row: Sequence[Any]) -> Run | None:
    """Return a row of the table as a run; None if it is invalid or its sum does not match."""
    try:
        last_seq, level, layout, first_pack, bars, directory, sum = row
        entries = tuple(Entry(*entry) for entry in _ENTRY.iter_unpack(directory))
        values = (last_seq, level, layout, first_pack, bars, entries)
        found = Run(*values, sum)
        return found if sum == _run_sum(*values) else None
    except (struct.error, TypeError, ValueError):
        return None


def record_sum(*values: Any) -> int:
    """Return the sum of a record's values, which fits a column of SQLite."""
    return xxh3_64_intdigest(repr(values).encode("utf-8", "surrogatepass")) >> 1


def _run_sum(last_seq: int, level: int, layout: int, first_pack: int, bars: int, entries: tuple[Entry, ...]) -> int:
    directory = b"".join(_ENTRY.pack(*entry) for entry in entries)
    head = repr((last_seq, level, layout, first_pack, bars)).encode()
    return xxh3_64_intdigest(head + directory) >> 1
