"""Malformed rows of a run: reported, kept by the storage, and the first ones in memory."""

from __future__ import annotations

from typing import Final

from mtf.pipeline.reports import RunReports
from mtf.storage.storage import MalformedRows

__all__ = ["RowsAside"]

KEPT: Final = 20  # in memory too, of the rows that a storage keeps


class RowsAside:
    """Takes the malformed rows of a run; *kept* is what keeps them, None: only memory does, and all of them."""

    def __init__(self, kept: MalformedRows | None, reports: RunReports) -> None:
        self._kept: Final = kept
        self._reports: Final = reports
        self.rows: Final[list[tuple[str, int, str, str]]] = []  # place, line, reason and text of the first of them

    @property
    def before(self) -> int:
        """How many there were in earlier runs."""
        return 0 if self._kept is None else self._kept.before

    def keep(self, place: str, line: int, reason: str, raw: str) -> None:
        self._reports.malformed(place, line, reason)
        if self._kept is not None:
            self._kept.keep(place, line, reason, raw)
        if self._kept is None or len(self.rows) < KEPT:
            self.rows.append((place, line, reason, raw))
