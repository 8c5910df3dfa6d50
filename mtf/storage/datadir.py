"""The data directory: what a pipeline stores on disk, and where.

    log/            the event log, the truth
    checkpoints/    states from which to start
    history.sqlite  completed bars
    malformed.jsonl malformed rows, the first 10,000 of each run, and how many there were

A directory may come from a stranger: nothing in it is followed out of it. Owns names and opening, and checks that the
configuration in the log is the requested one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from mtf.config import Config
from mtf.errors import ConfigError, ConfigMismatch, DataDirError, LogWriteFailed, SourceError
from mtf.indicators.catalogue import version_changes
from mtf.log import FileLog, FileSystem, LogReader, TornTail, Writer, check_plain, read_config, read_log, retain
from mtf.loggers import report
from mtf.notes import Notes
from mtf.sources.log import LogSource
from mtf.sources.merge import SKIPPED, MergedSource, part_key, part_position, shown_key, source_position
from mtf.sources.source import Source
from mtf.storage.checkpoint_store import CheckpointStore, Skipped
from mtf.storage.history.store import HistoryStore
from mtf.storage.history.unusable import set_aside
from mtf.storage.history.writer import HistoryWriter
from mtf.storage.malformed_rows import Aside

__all__ = ["DataDir", "check_has_log", "checkpoints_of", "history_of", "known_parts", "logged_config"]

LOG: Final = "log"
CHECKPOINTS: Final = "checkpoints"
HISTORY: Final = "history.sqlite"
SEGMENT_BYTES: Final = 32 << 20  # one full of single events is read in half a second
ASIDE: Final = "malformed.jsonl"

# The most that the state of a symbol can take for each, rounded up.
IDS_BYTES: Final = 4 << 20  # 4,096 ids and the values that identify their ticks
BAR_BYTES: Final = 256
VALUES_BYTES: Final = 64  # of one indicator, per bar
INDICATOR_BYTES: Final = 16 << 10
PARAMETER_BYTES: Final = 256  # per unit of a period

_DIGITS: Final = re.compile(r"\d{1,9}")

SIZES: Final = ("size", "bytes", "parts")  # of a source: may grow, and never shrink
# Differ in a source that has grown.
GROWN: Final = (*SIZES, "head_bytes", "head_xxh3", "skipped", "reading", "events", "end")


class DataDir:
    """A data directory that is open for writing."""

    def __init__(
        self,
        path: Path,
        config: Config,
        log: FileLog,
        checkpoints: CheckpointStore,
        discarded: list[Skipped],
        notes: Notes,
    ) -> None:
        self.path: Final = path
        self.config: Final = config  # as requested, except that calendars by name are those of the log
        self.log: Final = log
        self.checkpoints: Final = checkpoints
        self.discarded: Final = discarded  # checkpoints ahead of the log, which opening removed
        self.aside: Final = Aside(path / ASIDE)  # malformed rows
        self._history: HistoryWriter | None = None
        self.notes: Final = notes  # what opening has changed, in sentences

    @classmethod
    def open(cls, path: Path, config: Config, *, fs: FileSystem | None = None) -> DataDir:
        """Open *path* for *config*, creating it if necessary; ConfigMismatch if it was made with another one.

        Log and checkpoints are written through *fs*.
        """
        if path.is_symlink() and not path.exists():
            raise DataDirError(f"{path}: is a broken link")
        if path.is_file():
            raise DataDirError(f"{path}: is a file: give a directory")
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in (HISTORY, ASIDE):
            check_plain(path / name)
        config = config.current()
        log = FileLog.open(path / LOG, config=config.to_json(), segment_bytes=SEGMENT_BYTES, fs=fs)
        notes = Notes()
        try:
            if log.torn is not None:
                tail = log.torn
                facts = {"path": str(path), "seq": tail.seq, "bytes": tail.bytes, "reason": tail.why, "kept": tail.kept}
                notes.note("log_torn", _cut(path, tail), **facts)
            logged = Config.from_json(log.config, str(path))
            config, kept = config.settled(logged)
            for sentence in kept:
                notes.note("configuration_kept", f"{path}: {sentence}", path=str(path))
            changed = version_changes(dict(logged.versions), dict(config.versions))
            if changed:
                notes.note(
                    "indicator_version",
                    f"{path}: its log began with {changed}: the values of all its bars are those of the installed one",
                    path=str(path),
                )
            differences = config.differences(logged)
            if differences:
                raise ConfigMismatch(
                    f"{path} was made with a different configuration ({'; '.join(differences)}): "
                    "use the same one, or another directory"
                )
            checkpoints = checkpoints_of(path, config, fs=fs)
            folder, last_seq = str(path / CHECKPOINTS), log.last_seq
            discarded = []
            for seq in checkpoints.discard_after(last_seq):  # made from events that no longer exist
                reason = f"the checkpoint of seq {seq} was discarded: the log ends at {last_seq}"
                discarded.append(Skipped(folder, reason))
                report("checkpoint_discarded", f"{folder}: {reason}", path=str(path), seq=seq, log_seq=last_seq)
            return cls(path, config, log, checkpoints, discarded, notes)
        except BaseException:
            log.close()
            raise

    def writer(self, durability: str, on_failure: Callable[[LogWriteFailed], None]) -> Writer:
        return Writer(self.log, durability, on_failure=on_failure)  # type: ignore[arg-type]

    def history(self) -> HistoryWriter:
        """Return the consumer that stores completed bars here, after moving an unusable history out of the way."""
        moved = set_aside(self.path / HISTORY)
        if moved:
            first_seq = self.log.first_seq
            gone = f"; the log begins at seq {first_seq}: earlier bars are only there" if first_seq > 1 else ""
            self.notes.note("history_set_aside", f"{self.path}: {moved}{gone}", path=str(self.path), reason=moved)
        self._history = HistoryWriter(self.path / HISTORY, self.log.last_seq, config=self.config, noted=self.notes.note)
        return self._history

    def resume(self, source: MergedSource) -> set[str]:
        """Move each part of *source* to its position in the log; return the keys of those that were read before.

        The identity of a part must be the same, apart from what grows; its `seek` checks whether its start is.
        ConfigError if a part is the log that is being written here: it would never end.
        """
        for part in source.parts:
            if isinstance(part.source, LogSource) and part.source.run_id == self.log.run_id:
                raise ConfigError(
                    f"{part.source.path} is the log of {self.path}, which this run writes: give another directory to "
                    "write to, or another source"
                )
        positions = known_parts(self.path, self.log.positions, source)
        if positions:
            source.resume(positions)
        return set(positions)

    def tail(self, events: int) -> LogReader:
        """Return a reader of the last *events* events of the log, or a few more."""
        log = self.log
        return read_log(self.path / LOG, max(log.first_seq, log.last_seq - events + 1), block_events=events)

    def forget(self, before_seq: int) -> None:
        """Remove the segments of the log that hold only events before *before_seq*; to be called in a thread.

        Events whose bars are not stored yet stay.
        """
        assert self._history is not None, "what runs has a history"
        retain(self.path / LOG, min(before_seq, self._history.stored_seq + 1))

    async def close(self, malformed: int = 0) -> None:
        """Close everything; *malformed* is how many rows of this run were malformed."""
        try:
            self.aside.close(malformed)
        finally:
            if self._history is not None:
                await self._history.close()


def known_parts(path: Path, entries: Mapping[str, Any], source: MergedSource) -> dict[str, dict[str, Any]]:
    """Return the position of each part of *source* that *path* knows, by key; *entries* are those in its log.

    Each part is set to be read as it was at first. ConfigError, ConfigMismatch or SourceError if that is impossible.
    """
    positions: dict[str, dict[str, Any]] = {}
    for part in source.parts:
        entry = {} if part.key is None else entries.get(part.key, {})
        recall(part.source, {**entry, "position": source_position(entry.get("position", {}))})
        if part.key is not None and entry:
            check_same(path, part.source.name, entry["identity"], part.source.identity())
            positions[part.key] = part_position(entry["position"], entries.get(part.key + SKIPPED, 0))
    keys = {part.key for part in source.parts}
    folders = tuple({part_key(part.folder, "") for part in source.parts if part.folder})
    for key in entries:
        if key.startswith(folders) and not key.endswith(SKIPPED) and key not in keys:
            raise SourceError(
                f"{shown_key(key)} was read into {path} before, and is missing now: put it back, or use another "
                "directory",
                path=shown_key(key),
            )
    return positions


def check_same(path: Path, name: str, known: dict[str, Any], identity: dict[str, Any]) -> None:
    """Raise if the source *name* with *identity* cannot be the one that is *known* in *path*.

    ConfigMismatch if it is read in another way, SourceError if it is another one.
    """
    before, now = known.get("read_as", {}), identity.get("read_as", {})
    if before != now:
        raise ConfigMismatch(
            f"{name} was read into {path} before as {_describe(before)}, and now as {_describe(now)}: "
            "use the same options, or another directory"
        )
    if not _is_same_source(known, identity):
        raise SourceError(
            f"{name} was read into {path} before, and is another file now: use another directory, or restore the file",
            path=name,
        )


def recall(source: Source, known: dict[str, Any]) -> None:
    """Have *source*, if it is a file, read in the same way as at first; *known* has what was inferred then.

    ConfigError if an option that it needs is missing.
    """
    recalled = getattr(source, "recall", None)
    if recalled is not None:
        recalled(known.get("identity", {}), known.get("position", {}))


def checkpoints_of(path: Path, config: Config, *, fs: FileSystem | None = None) -> CheckpointStore:
    """Return the checkpoints of *path*, with room for the largest state of *config*."""
    return CheckpointStore(path / CHECKPOINTS, fs=fs, symbol_bytes=_symbol_bytes(config))


def check_has_log(path: Path) -> None:
    """DataDirError if *path* is not a data directory."""
    if not (path / LOG).is_dir():
        what = "there is no such directory" if not path.exists() else "this is not a data directory of mtf"
        raise DataDirError(f"{path}: {what}")


def logged_config(path: Path) -> Config:
    """Return the configuration that *path* was made with; DataDirError if there is no data directory."""
    return Config.from_json(read_config(path / LOG), str(path))


def history_of(path: Path) -> HistoryStore:
    """Return the stored bars of *path*."""
    return HistoryStore(path / HISTORY)


def _cut(path: Path, tail: TornTail) -> str:
    """Return the sentence that says what opening the log of *path* cut off."""
    return (
        f"{path}: the log was torn ({tail.why}): {tail.bytes} bytes, from seq {tail.seq} on, were cut off and are kept "
        f"as {LOG}/{Path(tail.kept).name}; a source that is read again goes on before them"
    )


def _symbol_bytes(config: Config) -> int:
    """Return the most that the state of one symbol can take: its ids, and by timeframe bars, values and indicators."""
    total = IDS_BYTES
    for specs in config.indicators:
        parameters = sum(int(digits) for spec in specs for digits in _DIGITS.findall(spec))
        total += config.history * (BAR_BYTES + VALUES_BYTES * len(specs))
        total += INDICATOR_BYTES * len(specs) + PARAMETER_BYTES * parameters
    return total


def _describe(options: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items()) or "detected"


def _is_same_source(known: dict[str, Any], identity: dict[str, Any]) -> bool:
    """Return whether *identity* can be that of the source that was *known*, which may have grown."""
    if {**known, **dict.fromkeys(GROWN)} != {**identity, **dict.fromkeys(GROWN)}:
        return False
    return all((identity.get(name) or 0) >= (known.get(name) or 0) for name in SIZES)
