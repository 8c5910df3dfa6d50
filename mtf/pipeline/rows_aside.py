"""Malformed rows of a run: reported, stored by the storage, and the first ones kept in memory."""

from __future__ import annotations

from typing import Final

from mtf.pipeline.reports import RunReports
from mtf.storage.storage import MalformedRows

__all__ = ["RowsAside"]

KEPT: Final = 20  # rows kept in memory too, if a storage keeps all


class RowsAside:
    """Takes the malformed rows of a run; *kept* stores them; if None, all are kept in memory."""

    def __init__(self, kept: MalformedRows | None, reports: RunReports) -> None:
        self._kept: Final = kept
        self._reports: Final = reports
        self.rows: Final[list[tuple[str, int, str, str]]] = []  # place, line, reason and text of the first of them

    @property
    def before(self) -> int:
        """The number of malformed rows in earlier runs."""
        return 0 if self._kept is None else self._kept.before

    def keep(self, place: str, line: int, reason: str, raw: str) -> None:
        self._reports.malformed(place, line, reason)
        if self._kept is not None:
            self._kept.keep(place, line, reason, raw)
        if self._kept is None or len(self.rows) < KEPT:
            self.rows.append((place, line, reason, raw))
