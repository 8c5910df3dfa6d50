"""The data directory: what a pipeline keeps on disk, and where.

    log/            the event log, the truth
    checkpoints/    states to start from
    history.sqlite  completed bars
    malformed.jsonl rows that were kept aside, the first 10,000 of each run

Owns names and opening, and the agreement between the configuration in the log and the one asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

import orjson

from mtf.config import Config
from mtf.errors import ConfigMismatch, DataDirError, LogWriteFailed, SourceError
from mtf.history.store import HistoryStore
from mtf.history.writer import HistoryWriter
from mtf.log import CheckpointStore, FileLog, Writer, read_log
from mtf.sources.source import Source

__all__ = ["DataDir", "history_of", "logged_config"]

LOG: Final = "log"
CHECKPOINTS: Final = "checkpoints"
HISTORY: Final = "history.sqlite"
ASIDE: Final = "malformed.jsonl"


class DataDir:
    """A data directory that is open for writing."""

    def __init__(self, path: Path, log: FileLog) -> None:
        self.path: Final = path
        self.log: Final = log
        self.checkpoints: Final = CheckpointStore(path / CHECKPOINTS)
        self._aside: IO[bytes] | None = None
        self._history: HistoryWriter | None = None

    @classmethod
    def open(cls, path: Path, config: Config) -> DataDir:
        """Open *path* for *config*, making it where it is not; ConfigMismatch where it was made with another one."""
        if path.is_symlink() and not path.exists():
            raise DataDirError(f"{path}: is a link to nothing")
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = FileLog.open(path / LOG, config=config.to_json())
        try:
            differences = Config.from_json(log.config).differences(config)
            if differences:
                raise ConfigMismatch(
                    f"{path} was made with another configuration ({'; '.join(differences)}): "
                    "ask for the same one, or use another directory"
                )
        except BaseException:
            log.close()
            raise
        opened = cls(path, log)
        opened.checkpoints.discard_after(log.last_seq)  # made from events that a crash took back
        return opened

    def writer(self, durability: str, on_failure: Callable[[LogWriteFailed], None]) -> Writer:
        return Writer(self.log, durability, on_failure=on_failure)  # type: ignore[arg-type]

    def history(self) -> HistoryWriter:
        """Return the consumer that stores completed bars here."""
        self._history = HistoryWriter(self.path / HISTORY, self.log.last_seq)
        return self._history

    def resume(self, source: Source, identity: dict[str, Any]) -> bool:
        """Put *source* where the log says that it was; False where it was never read."""
        known = self.log.positions.get(source.name)
        if known is None:
            return False
        grown = {**known["identity"], "size": identity.get("size")}
        if grown != identity or (identity.get("size") or 0) < (known["identity"].get("size") or 0):
            raise SourceError(
                f"{source.name} was read into {self.path} before, and is another file now: "
                "use another directory, or restore the file",
                path=source.name,
            )
        source.seek(known["position"])
        return True

    def keep_aside(self, place: str, line: int, reason: str, raw: str) -> None:
        """Append a malformed row."""
        if self._aside is None:
            self._aside = (self.path / ASIDE).open("ab")
        self._aside.write(orjson.dumps({"place": place, "line": line, "reason": reason, "raw": raw}) + b"\n")

    async def close(self) -> None:
        if self._aside is not None:
            self._aside.close()
        if self._history is not None:
            await self._history.close()


def logged_config(path: Path) -> Config:
    """Return the configuration that *path* was made with; DataDirError where there is no data directory."""
    reader = read_log(path / LOG)
    reader.close()
    return Config.from_json(reader.config)


def history_of(path: Path) -> HistoryStore:
    """Return the stored bars of *path*."""
    return HistoryStore(path / HISTORY)
