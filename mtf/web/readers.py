"""Readers of the directory for requests, each in a thread: one that is free is used again.

A reader that has answered before knows the market as of its last answer, and continues from there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Final

from mtf.data import DataReader, open_data
from mtf.errors import DataDirError

__all__ = ["Readers"]

FREE_MAX: Final = 2  # that are kept: each may hold the state of the market


class Readers:
    """Opens readers of *path*; the one that was used last is taken first."""

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._lock: Final = Lock()
        self._free: list[DataReader] = []
        self._keeps = FREE_MAX

    @contextlib.contextmanager
    def one(self) -> Iterator[DataReader]:
        """A context with a reader for the calling thread."""
        reader = self._taken() or open_data(self._path)
        try:
            yield reader
        finally:
            with self._lock:
                keeps = len(self._free) < self._keeps
                if keeps:
                    self._free.append(reader)
            if not keeps:
                reader.close()

    def close(self) -> None:
        """Keep none from now on."""
        with self._lock:
            self._keeps, free, self._free = 0, self._free, []
        for reader in free:
            reader.close()

    def _taken(self) -> DataReader | None:
        """Return a free reader; None if there is none, or if another log has taken the place of its own."""
        with self._lock:
            reader = self._free.pop() if self._free else None
        if reader is None:
            return None
        try:
            _ = reader.seq
        except DataDirError:
            reader.close()
            return None
        return reader
