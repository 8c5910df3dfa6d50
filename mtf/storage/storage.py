"""Storage: where a pipeline keeps its log, checkpoints and bars, and what readers open.

Owns the protocol. The data directory (`mtf.storage.datadir`) implements it with files; another storage must provide the
six methods here, a log (`mtf.log.event_log`) and a checkpoint store (`mtf.storage.checkpoint_store`), and nothing else
changes: what a start checks, restores and replays is the same for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

from mtf.actors.consumer import ClosingsOnly
from mtf.clock import WallClock
from mtf.config import Config
from mtf.log import EventLog, ReadableLog
from mtf.notes import Notes
from mtf.storage.checkpoint_store import CheckpointStore
from mtf.storage.history.pruning import KEEP_ALL, Keep

if TYPE_CHECKING:
    from mtf.storage.history.store import HistoryStore

__all__ = ["BarKeeper", "BarSettings", "MalformedRows", "Storage"]


class MalformedRows(Protocol):
    """Stores rows that are not valid events, with their place; they are not in the log."""

    @property
    def before(self) -> int:
        """The number of such rows in earlier runs."""
        ...

    def keep(self, place: str, line: int, reason: str, raw: str) -> None:
        """Store a row; called on the event loop, so it must return quickly."""
        ...

    def close(self, malformed: int) -> None:
        """End a run that had *malformed* such rows."""
        ...


@attrs.frozen(kw_only=True)
class BarSettings:
    """How completed bars are stored: with *wall* soon after their close by that clock, with *values* of indicators.

    What *keep* excludes is removed now and then.
    """

    wall: WallClock | None = None
    values: bool = True
    keep: Keep = KEEP_ALL


class BarKeeper(ClosingsOnly):
    """A consumer that stores completed bars up to `committed_seq`; the log must keep later events."""

    stored_seq: int = 0  # the newest event whose bars are durably stored

    async def close(self) -> None:
        """Close, whatever happened before. Safe to call twice."""


@runtime_checkable
class Storage(Protocol):
    """The log, the checkpoints and the bars of one pipeline. Nothing is opened before it is needed.

    Methods may wait, and are called in a thread whenever the caller can wait, as a starting pipeline always does.
    Several threads may call at once. A pipeline closes the log that it opened; what the storage itself holds open, such
    as a connection, is its own responsibility.
    """

    @property
    def name(self) -> str:
        """Its name in messages: a path, an address."""
        ...

    def open_log(self, config: bytes, notes: Notes) -> EventLog:
        """Return the log for writing; it is created with *config* if there is none.

        LogLocked if another writer has it, CorruptLog if it is damaged. Each change made by opening is a sentence in
        *notes*.
        """
        ...

    def read_log(self) -> ReadableLog:
        """Return the log for reading, beside its writer; DataDirError if there is none."""
        ...

    def checkpoints(self, config: Config) -> CheckpointStore:
        """Return the checkpoints of the log, which was made with *config*."""
        ...

    def keep_bars(self, config: Config, log: EventLog, notes: Notes, settings: BarSettings) -> BarKeeper | None:
        """Return the consumer that stores completed bars, which adds to *notes*; None if they are not stored.

        Called on the event loop, once per start; the consumer's `on_start` may wait.
        """
        ...

    def stored_bars(self, versions: dict[str, int]) -> HistoryStore | None:
        """Return the stored bars, with the values given by these *versions* of the formulas; None if there are none."""
        ...

    def malformed_rows(self) -> MalformedRows | None:
        """Return the store of malformed rows; None if only the pipeline keeps them, in memory."""
        ...
