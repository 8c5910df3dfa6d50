"""Storage: what a pipeline is given to keep its log, checkpoints and bars in, and what readers open.

Owns the protocol. The data directory is the one for files (`mtf.storage.datadir`); another has to bring the six methods
here, a log (`mtf.log.event_log`) and a store of checkpoints (`mtf.storage.checkpoint_store`), and nothing else changes:
what a start checks, restores and replays is the same for all.
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
    """Keeps rows that could not be events, with their place; they are in no log."""

    @property
    def before(self) -> int:
        """How many there were in earlier runs."""
        ...

    def keep(self, place: str, line: int, reason: str, raw: str) -> None:
        """Keep a row; on the event loop, so at once."""
        ...

    def close(self, malformed: int) -> None:
        """End a run that had *malformed* of them."""
        ...


@attrs.frozen(kw_only=True)
class BarSettings:
    """How completed bars are stored: with *wall* soon after their close by that clock, with *values* of indicators.

    What *keep* does not keep is removed now and then.
    """

    wall: WallClock | None = None
    values: bool = True
    keep: Keep = KEEP_ALL


class BarKeeper(ClosingsOnly):
    """A consumer that stores completed bars; `committed_seq` says how far, and the log keeps what comes after that."""

    stored_seq: int = 0  # the newest event whose bars are stored, for good

    async def close(self) -> None:
        """End, whatever happened before. Safe to call twice."""


@runtime_checkable
class Storage(Protocol):
    """Where the log, the checkpoints and the bars of one pipeline are. Nothing is open until it is asked for.

    Methods may wait, and are called in a thread wherever the caller can wait; a pipeline that starts waits for all of
    them in a thread. Several threads may ask at once. A pipeline closes the log that it has opened; what the storage
    itself holds open, such as a connection, is its own.
    """

    @property
    def name(self) -> str:
        """What messages call it: a path, an address."""
        ...

    def open_log(self, config: bytes, notes: Notes) -> EventLog:
        """Return the log to be written; it is made with *config* if there is none.

        LogLocked if somebody else writes it, CorruptLog if it is damaged. What opening changes is a sentence in
        *notes*.
        """
        ...

    def read_log(self) -> ReadableLog:
        """Return the log to be read, beside its writer; DataDirError if there is none."""
        ...

    def checkpoints(self, config: Config) -> CheckpointStore:
        """Return the checkpoints of the log, which was made with *config*."""
        ...

    def keep_bars(self, config: Config, log: EventLog, notes: Notes, settings: BarSettings) -> BarKeeper | None:
        """Return the consumer that stores completed bars, what it has to say going to *notes*; None: they are not.

        Called on the event loop, once a start; the consumer's `on_start` may wait.
        """
        ...

    def stored_bars(self, versions: dict[str, int]) -> HistoryStore | None:
        """Return the bars that are stored, with values of these *versions* of the formulas; None if there are none."""
        ...

    def malformed_rows(self) -> MalformedRows | None:
        """Return what keeps malformed rows; None: only the pipeline does, in memory."""
        ...
