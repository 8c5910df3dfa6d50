"""The data directory: what a pipeline keeps on disk, and where.

    log/            the event log, the truth
    checkpoints/    states to start from
    history.sqlite  completed bars
    malformed.jsonl rows that were kept aside, the first 10,000 of each run

A directory may come from a stranger: nothing in it is followed out of it. Owns names and opening, and the agreement
between the configuration in the log and the one asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson

from mtf.config import Config
from mtf.errors import ConfigMismatch, DataDirError, LogWriteFailed, SourceError
from mtf.history.store import HistoryStore
from mtf.history.writer import HistoryWriter
from mtf.log import CheckpointStore, FileLog, FileSystem, Skipped, Writer, read_config, retain
from mtf.sources.source import Source

__all__ = ["DataDir", "history_of", "logged_config"]

LOG: Final = "log"
CHECKPOINTS: Final = "checkpoints"
HISTORY: Final = "history.sqlite"
SEGMENT_BYTES: Final = 32 << 20  # a whole one of single events is looked through in half a second
ASIDE: Final = "malformed.jsonl"

SIZES: Final = ("size", "bytes", "parts")  # of a source: may grow, and never shrink
GROWN: Final = (*SIZES, "head_bytes", "head_xxh3", "skipped", "events", "end")  # differ in one that has grown


class DataDir:
    """A data directory that is open for writing."""

    def __init__(self, path: Path, log: FileLog, checkpoints: CheckpointStore, discarded: list[Skipped]) -> None:
        self.path: Final = path
        self.log: Final = log
        self.checkpoints: Final = checkpoints
        self.discarded: Final = discarded  # checkpoints ahead of the log, which opening removed
        self._aside = -1  # the file of malformed rows, open from the first one on
        self._history: HistoryWriter | None = None

    @classmethod
    def open(cls, path: Path, config: Config, *, fs: FileSystem | None = None) -> DataDir:
        """Open *path* for *config*, making it where it is not; ConfigMismatch where it was made with another one.

        Log and checkpoints are written through *fs*.
        """
        if path.is_symlink() and not path.exists():
            raise DataDirError(f"{path}: is a link to nothing")
        if path.is_file():
            raise DataDirError(f"{path}: is a file: give a directory")
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in (HISTORY, ASIDE):
            if (path / name).is_symlink():
                raise DataDirError(f"{path / name}: is a link; links are refused: remove it")
            if (path / name).is_dir():
                raise DataDirError(f"{path / name}: is a folder, where a file belongs: move it away")
        log = FileLog.open(path / LOG, config=config.to_json(), segment_bytes=SEGMENT_BYTES, fs=fs)
        try:
            differences = config.differences(Config.from_json(log.config))
            if differences:
                raise ConfigMismatch(
                    f"{path} was made with another configuration ({'; '.join(differences)}): "
                    "ask for the same one, or use another directory"
                )
            checkpoints = CheckpointStore(path / CHECKPOINTS, fs=fs)
            folder, last_seq = str(path / CHECKPOINTS), log.last_seq
            discarded = [  # made from events that are no more
                Skipped(folder, f"the checkpoint of seq {seq} was discarded: the log ends at {last_seq}")
                for seq in checkpoints.discard_after(last_seq)
            ]
        except BaseException:
            log.close()
            raise
        return cls(path, log, checkpoints, discarded)

    def writer(self, durability: str, on_failure: Callable[[LogWriteFailed], None]) -> Writer:
        return Writer(self.log, durability, on_failure=on_failure)  # type: ignore[arg-type]

    def history(self) -> HistoryWriter:
        """Return the consumer that stores completed bars here."""
        self._history = HistoryWriter(self.path / HISTORY, self.log.last_seq)
        return self._history

    def resume(self, source: Source, identity: dict[str, Any]) -> bool:
        """Put *source* where the log says that it was; False where it was never read.

        What it is must be the same but for what grows with it; whether it begins as it did, `seek` says.
        """
        known = self.log.positions.get(source.name)
        if known is None:
            return False
        before, now = known["identity"].get("read_as", {}), identity.get("read_as", {})
        if before != now:
            raise ConfigMismatch(
                f"{source.name} was read into {self.path} before as {_said(before)}, and now as {_said(now)}: "
                "say the same of it, or use another directory"
            )
        if not _same(known["identity"], identity):
            raise SourceError(
                f"{source.name} was read into {self.path} before, and is another file now: "
                "use another directory, or restore the file",
                path=source.name,
            )
        source.seek(known["position"])
        return True

    def forget(self, before_seq: int) -> None:
        """Remove the segments of the log that hold only events before *before_seq*; to be called in a thread."""
        retain(self.path / LOG, before_seq)

    def keep_aside(self, place: str, line: int, reason: str, raw: str) -> None:
        """Append a malformed row."""
        if self._aside < 0:
            self._aside = os.open(self.path / ASIDE, _ASIDE_FLAGS, 0o600)
        # Written at once: the source's position, logged after it, says that the row was dealt with.
        os.write(self._aside, orjson.dumps({"place": place, "line": line, "reason": reason, "raw": raw}) + b"\n")

    async def close(self) -> None:
        if self._aside >= 0:
            os.close(self._aside)
            self._aside = -1
        if self._history is not None:
            await self._history.close()


def logged_config(path: Path) -> Config:
    """Return the configuration that *path* was made with; DataDirError where there is no data directory."""
    return Config.from_json(read_config(path / LOG))


def history_of(path: Path) -> HistoryStore:
    """Return the stored bars of *path*."""
    return HistoryStore(path / HISTORY)


_ASIDE_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


def _said(options: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items()) or "it tells itself"


def _same(known: dict[str, Any], identity: dict[str, Any]) -> bool:
    """Return whether *identity* can be that of the source that was *known*, which may have grown."""
    if {**known, **dict.fromkeys(GROWN)} != {**identity, **dict.fromkeys(GROWN)}:
        return False
    return all((identity.get(name) or 0) >= (known.get(name) or 0) for name in SIZES)
