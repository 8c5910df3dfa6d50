"""A storage that is open for writing: its log, its checkpoints and its other files, for one run of a pipeline.

Owns what each start checks, for any storage: that the configuration in the log is the requested one, that no checkpoint
is ahead of the log, and where each source resumes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from mtf.config import Config
from mtf.errors import ConfigError, ConfigMismatch, MtfError
from mtf.indicators.catalogue import version_changes
from mtf.log import BlockReader, Durability, EventLog, Writer
from mtf.loggers import report
from mtf.notes import Notes
from mtf.sources.log import LogSource
from mtf.sources.merge import MergedSource
from mtf.storage.checkpoint_store import CheckpointStore, Skipped
from mtf.storage.resuming import known_parts
from mtf.storage.storage import BarKeeper, BarSettings, MalformedRows, Storage

__all__ = ["OpenStorage"]


class OpenStorage:
    """The open parts of *storage* during a run; created by `open`."""

    def __init__(
        self,
        storage: Storage,
        config: Config,
        log: EventLog,
        checkpoints: CheckpointStore,
        discarded: list[Skipped],
        malformed_rows: MalformedRows | None,
        notes: Notes,
        compress: bool,
    ) -> None:
        self.storage: Final = storage
        self.name: Final = storage.name
        self.config: Final = config  # as requested, except that calendars by name are those of the log
        self.log: Final = log
        self.checkpoints: Final = checkpoints
        self.discarded: Final = discarded  # checkpoints ahead of the log, which opening removed
        self.malformed_rows: Final = malformed_rows  # None if they are not stored
        self.notes: Final = notes  # what opening has changed, in sentences
        self._compress: Final = compress
        self._bars: BarKeeper | None = None  # stores completed bars, after a call of `keep_bars`

    @classmethod
    def open(cls, storage: Storage, config: Config, *, compress: bool = True) -> OpenStorage:
        """Open *storage* for *config*, which begins its log if there is none; ConfigMismatch if that has another.

        With *compress*, the log is compressed in the background. May wait; call it in a thread.
        """
        config = config.current()
        name, notes = storage.name, Notes()
        log = storage.open_log(config.to_json(), notes)
        try:
            logged = Config.from_json(log.config, name)
            config, kept = config.settled(logged)
            for sentence in kept:
                notes.note("configuration_kept", f"{name}: {sentence}", path=name)
            changed = version_changes(dict(logged.versions), dict(config.versions))
            if changed:
                notes.note(
                    "indicator_version",
                    f"{name}: its log began with {changed}: the values of all bars come from the installed version",
                    path=name,
                )
            differences = config.differences(logged)
            if differences:
                raise ConfigMismatch(
                    f"{name} was made with a different configuration ({'; '.join(differences)}): "
                    "use the same one, or another directory"
                )
            checkpoints = storage.checkpoints(config)
            discarded = _discard(name, checkpoints, log.last_seq)
            return cls(storage, config, log, checkpoints, discarded, storage.malformed_rows(), notes, compress)
        except BaseException:
            log.close()
            raise

    def writer(self, durability: Durability, on_failure: Callable[[MtfError], None]) -> Writer:
        """Return the writer of the log for the running event loop; the upkeep of the log begins.

        *on_failure* is called on that loop with what stops the log: a failed write, or damage in older events.
        """
        loop = asyncio.get_running_loop()
        self.log.maintain(
            compress=self._compress,
            noted=self._unkept,
            damaged=lambda error: loop.call_soon_threadsafe(on_failure, error),
        )
        return Writer(self.log, durability, on_failure=on_failure)

    def keep_bars(self, settings: BarSettings) -> BarKeeper | None:
        """Return the consumer that stores completed bars; None if they are not stored."""
        self._bars = self.storage.keep_bars(self.config, self.log, self.notes, settings)
        return self._bars

    def resume(self, source: MergedSource) -> set[str]:
        """Move each part of *source* to its position in the log; return the keys of those that were read before.

        The identity of a part must be the same, apart from sizes that grow; its `seek` checks that its beginning is.
        ConfigError if a part is the log that this run writes: it would never end.
        """
        for part in source.parts:
            if isinstance(part.source, LogSource) and part.source.run_id == self.log.run_id:
                raise ConfigError(
                    f"{part.source.path} is the log of {self.name}, which this run writes: use another directory for "
                    "this run, or another source"
                )
        positions = known_parts(self.name, self.log.positions, source)
        if positions:
            source.resume(positions)
        return set(positions)

    def tail(self, events: int) -> BlockReader:
        """Return a reader of the last *events* events of the log, or a few more."""
        log = self.log
        return log.read(max(log.first_seq, log.last_seq - events + 1), block_events=events)

    def forget(
        self, needed_seq: int, keep_events: int | None, before_ns: int | None = None, max_bytes: int | None = None
    ) -> None:
        """Remove events that need not be kept from the log, as far as possible; call it in a thread.

        Only events before *needed_seq* may go, and only if their bars are stored, if this storage stores bars. Of
        those, it removes the events before the last *keep_events*, those stamped before *before_ns*, and the oldest
        while the log is larger than *max_bytes*.
        """
        log = self.log
        if self._bars is not None:
            needed_seq = min(needed_seq, self._bars.stored_seq + 1)
        first_seq = 1 if keep_events is None else min(needed_seq, log.last_seq - keep_events + 1)
        if before_ns is not None or max_bytes is not None:
            first_seq = max(first_seq, log.expired_seq(needed_seq, before_ns, max_bytes))
        log.retain(first_seq)

    def _unkept(self, sentence: str) -> None:
        report("log_not_compressed", sentence, path=self.name)

    async def close(self, malformed: int = 0) -> None:
        """Close everything but the log; *malformed* is the number of malformed rows of this run."""
        try:
            if self.malformed_rows is not None:
                self.malformed_rows.close(malformed)
        finally:
            if self._bars is not None:
                await self._bars.close()


def _discard(name: str, checkpoints: CheckpointStore, last_seq: int) -> list[Skipped]:
    """Remove checkpoints that include events which no longer exist: the log ends at *last_seq*."""
    discarded = []
    for seq in checkpoints.discard_after(last_seq):
        place = checkpoints.place_of(seq)
        reason = f"the checkpoint of seq {seq} was discarded: the log ends at {last_seq}"
        discarded.append(Skipped(place, reason))
        report("checkpoint_discarded", f"{place}: {reason}", path=name, seq=seq, log_seq=last_seq)
    return discarded
