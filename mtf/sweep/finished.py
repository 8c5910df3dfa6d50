"""Finished jobs: the file in which a sweep keeps the outcome of each job as it comes, so that nothing is done twice.

A line of JSON a job, synced as it comes. A last line that a crash has cut off is removed; any other damage is an error
that says where. One sweep writes it at a time.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from mtf.errors import ConfigError, DataDirError, LogLocked
from mtf.log import OsFileSystem
from mtf.log.filesystem import open_plain

__all__ = ["Finished"]

FILE: Final = "jobs.jsonl"
LOCK: Final = "lock"


class Finished:
    """The outcomes of finished jobs by key, in the directory *folder*, which is created if it is missing."""

    def __init__(self, folder: Path) -> None:
        self.path: Final = folder / FILE
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"{folder} is a file: the results of a sweep are kept in a directory")
        if (folder / "log").exists():
            raise ConfigError(f"{folder} is a data directory: choose another one for the results of a sweep")
        folder.mkdir(parents=True, exist_ok=True)
        self._fs: Final = OsFileSystem()
        try:
            self._lock: Final = self._fs.lock(str(folder / LOCK))
        except LogLocked:
            raise ConfigError(
                f"{folder}: another sweep is writing there: wait for its end, or choose another"
            ) from None
        try:
            self._outcomes: Final = self._read()
            self._file: Final = open_plain(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        except BaseException:
            self._fs.close(self._lock)
            raise

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the outcome of the job *key*, or None if it is not done."""
        return self._outcomes.get(key)

    def add(self, key: str, outcome: dict[str, Any]) -> None:
        """Keep the *outcome* of the job *key*, for good once this returns."""
        line = json.dumps({"key": key, **outcome}).encode() + b"\n"
        while line:
            line = line[os.write(self._file, line) :]
        os.fsync(self._file)
        self._outcomes[key] = outcome

    def close(self) -> None:
        os.close(self._file)
        self._fs.close(self._lock)

    def _read(self) -> dict[str, dict[str, Any]]:
        if not self.path.exists():
            return {}
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self.path, whole)
        found: dict[str, dict[str, Any]] = {}
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                outcome = json.loads(line)
                found[outcome.pop("key")] = outcome
                _ = (outcome["summary"]["digest"], outcome["result"].items(), outcome["seconds"], outcome["attempts"])
            except (AttributeError, KeyError, TypeError, ValueError):
                raise DataDirError(
                    f"{self.path}: line {number} is damaged: remove the line, and its job is run again"
                ) from None
        return found
