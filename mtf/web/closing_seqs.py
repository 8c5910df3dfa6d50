"""At which events the newest bars of activity were completed: what a client that has the state of a seq is missing.

Bars of activity may share start and end, so times do not tell which of them a client has. The log's own order does: a
client with the state after the event S has exactly the bars that events up to S closed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Final

from mtf.frames.frame import Frame
from mtf.timeframe import TimeframeSet

__all__ = ["ClosingSeqs"]


class ClosingSeqs:
    """The seqs at which bars of activity closed after *first_seq*, up to *keep* or twice as many of each series."""

    def __init__(self, timeframes: TimeframeSet, first_seq: int, keep: int) -> None:
        self._ranks: Final = [rank for rank, each in enumerate(timeframes) if not each.timed]
        self._timeframes: Final = timeframes
        self._keep: Final = keep
        self._first_seq: Final = first_seq
        self._seqs: Final[dict[tuple[int, int], array[int]]] = {}  # by rank and number of the symbol, ascending
        self._since: Final[dict[tuple[int, int], int]] = {}  # `_seqs` has all after this one; `_first_seq` if missing

    def note(self, frame: Frame) -> None:
        """Take in the bars that closed in *frame*, the next one."""
        for rank in self._ranks:
            closings = frame.columns[rank].closings
            for k in range(len(closings)):
                key = (rank, int(closings.number(k)))
                seqs = self._seqs.setdefault(key, array("q"))
                if len(seqs) == 2 * self._keep:
                    self._since[key] = seqs[self._keep - 1]
                    del seqs[: self._keep]
                seqs.append(frame.first_seq + int(closings.row(k)))

    def after(self, number: int, seq: int) -> dict[str, int | None]:
        """Return by timeframe how many bars of the symbol events after *seq* closed; None if they are not all kept."""
        return {self._timeframes[rank].name: self._count((rank, number), seq) for rank in self._ranks}

    def _count(self, key: tuple[int, int], seq: int) -> int | None:
        if seq < self._since.get(key, self._first_seq):
            return None
        seqs = self._seqs.get(key, array("q"))
        return len(seqs) - bisect_right(seqs, seq)
