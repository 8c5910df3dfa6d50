"""Which part of a log was imported as history: its first events, and for each symbol the time up to which they reach.

Owns the entry that records it, among the positions in the log. An import is ordinary logged input: the entry does not
change any result, and replay does not need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from mtf.log import ReadableLog
from mtf.units import TS_MAX_NS, TS_MIN_NS

__all__ = ["IMPORTED", "NOTHING", "Imported", "imported_in", "imported_of", "moved_import"]

IMPORTED: Final = "\0imported"  # the entry among the positions in the log: no source can have this name


@attrs.frozen
class Imported:
    """The events up to *last_seq* were imported; bars of a symbol that start before `until_ns[symbol]` contain some."""

    last_seq: int  # the last of the clock events that end the import
    until_ns: Mapping[str, int]

    def record(self) -> dict[str, Any]:
        """Return the entry in the log that records this."""
        return {"last_seq": self.last_seq, "until_ns": dict(self.until_ns)}

    def holds(self, symbol: str, start_ns: int) -> bool:
        """Whether imported events are in the bar of *symbol* that starts at *start_ns*."""
        return start_ns < self.until_ns.get(symbol, TS_MIN_NS)


NOTHING: Final = Imported(0, {})


def imported_in(positions: Mapping[str, Any]) -> Imported:
    """Return what was imported according to the entries of a log; its `last_seq` is 0 if nothing was."""
    entry = positions.get(IMPORTED)
    if not isinstance(entry, Mapping):
        return NOTHING
    last_seq, until_ns = entry.get("last_seq"), entry.get("until_ns")
    if type(last_seq) is not int or last_seq < 1 or not isinstance(until_ns, Mapping):
        return NOTHING  # a directory may come from a stranger
    times = {name: ns for name, ns in until_ns.items() if type(ns) is int and TS_MIN_NS <= ns <= TS_MAX_NS}
    return Imported(last_seq, times)


def imported_of(log: ReadableLog) -> Imported:
    """Return what was imported into *log*, without reading more than its end.

    The entry is with the last event, if all of the log was imported, or else at the beginning of its newest segment:
    the first run after an import starts a new segment.
    """
    last_seq = log.last_seq
    if not last_seq:
        return NOTHING
    reader = log.read(last_seq, last_seq=last_seq)
    try:
        for _ in reader:
            pass
        return imported_in(reader.positions)
    finally:
        reader.close()


def moved_import(positions: dict[str, Any], now: Callable[[int], int]) -> dict[str, Any]:
    """Return *positions* for a copy of a log where the event *seq* has become `now(seq)`."""
    found = imported_in(positions)
    if not found.last_seq:
        return positions
    return {**positions, IMPORTED: Imported(now(found.last_seq), found.until_ns).record()}
