"""A storage in memory: a second backend, complete, which outlives its pipelines as a server would.

It stores no bars, so that all of them come from the log. Checkpoints are kept as the bytes of a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from mtf.config import Config
from mtf.errors import DataDirError
from mtf.image import StoredRows
from mtf.log import EventLog, ReadableLog
from mtf.notes import Notes
from mtf.saved_parts import Part
from mtf.storage.checkpoint_store import KEEP, Checkpoint, decode_checkpoint, encode_checkpoint
from mtf.storage.storage import BarSettings
from tests.log.memory_log import Kept, MemoryLog, MemoryReading

__all__ = ["MemoryCheckpoints", "MemoryRows", "MemoryStorage", "off_loop"]

# Within a class below, `list` is a method.
Seqs: TypeAlias = list[int]


def off_loop() -> None:
    """Fail if this is called in the turn of an event loop, which it would hold up."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise AssertionError("what may wait was called on the event loop")


class MemoryCheckpoints:
    """Checkpoints as bytes by seq."""

    def __init__(self, saved: dict[int, bytes], name: str, *, aloof: bool = False) -> None:
        self._saved: Final = saved
        self._name: Final = name
        self._aloof: Final = aloof  # nothing may be asked on an event loop

    def save(self, seq: int, meta: dict[str, Any], parts: Mapping[str, Part]) -> None:
        self._look()
        self._saved[seq] = encode_checkpoint(seq, meta, parts)
        for old in self.list()[:-KEEP]:
            del self._saved[old]

    def list(self) -> Seqs:
        self._look()
        return sorted(self._saved)

    def read(self, seq: int) -> Checkpoint:
        self._look()
        return decode_checkpoint(self._saved[seq], self.place_of(seq))

    def place_of(self, seq: int) -> str:
        return f"{self._name}/checkpoints/{seq}"

    def discard_after(self, seq: int) -> Seqs:
        ahead = [saved for saved in self.list() if saved > seq]
        for saved in ahead:
            del self._saved[saved]
        return ahead

    def histories(self) -> dict[str, StoredRows]:
        return {}

    def _look(self) -> None:
        if self._aloof:
            off_loop()


class MemoryRows:
    """Malformed rows in a list, those of all runs."""

    def __init__(self, rows: list[tuple[str, int, str, str]]) -> None:
        self._rows: Final = rows
        self.before: Final = len(rows)

    def keep(self, place: str, line: int, reason: str, raw: str) -> None:
        self._rows.append((place, line, reason, raw))

    def close(self, malformed: int) -> None: ...


class MemoryStorage:
    """What a pipeline and its readers find under *name*; if *aloof*, nothing that may wait is asked on a loop."""

    def __init__(self, name: str = "memory", *, aloof: bool = False) -> None:
        self.name: Final = name
        self.aloof = aloof
        self.log: Kept | None = None
        self.saved: dict[int, bytes] = {}
        self.rows: list[tuple[str, int, str, str]] = []

    def lose_power(self) -> None:
        """Lose the writer, and what it has not made durable."""
        assert self.log is not None, "there is a log"
        self.log.lose_power()

    def close(self) -> None: ...

    def open_log(self, config: bytes, notes: Notes) -> EventLog:
        self._look()
        if self.log is None:
            self.log = Kept(config)
        return MemoryLog(kept=self.log)

    def read_log(self) -> ReadableLog:
        self._look()
        if self.log is None:
            raise DataDirError(f"{self.name}: there is no log here")
        return MemoryReading(self.log)

    def checkpoints(self, config: Config) -> MemoryCheckpoints:
        self._look()
        return MemoryCheckpoints(self.saved, self.name, aloof=self.aloof)

    def keep_bars(self, config: Config, log: EventLog, notes: Notes, settings: BarSettings) -> None:
        return None

    def stored_bars(self, versions: dict[str, int]) -> None:
        self._look()

    def malformed_rows(self) -> MemoryRows:
        self._look()
        return MemoryRows(self.rows)

    def _look(self) -> None:
        if self.aloof:
            off_loop()
