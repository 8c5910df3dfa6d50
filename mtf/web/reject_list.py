"""The rejected ticks of a log as its events are replayed: the newest ones, and the time of each symbol's last one.

Adding and reading may happen in different threads.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from mtf.bars.judged_block import JudgedBlock
from mtf.web.market import Reject, rejects_in

__all__ = ["RejectList"]

KEPT: Final = 20_000


class RejectList:
    """The newest *kept* rejected ticks, in order. From the event `since_seq` on, none is missing."""

    def __init__(self, kept: int = KEPT) -> None:
        self.since_seq = 1
        self.last_ns: Final[dict[str, int]] = {}  # by symbol, the market's time at its newest rejected tick
        self._kept: Final = kept
        self._all: list[Reject] = []

    def note(self, judged: JudgedBlock, now_ns: int) -> int:
        """Add those of a block, after which the market's time is *now_ns*, and return their number."""
        found = rejects_in(judged)
        for reject in found:
            self.last_ns[reject.symbol] = now_ns
        if found:
            kept = [*self._all, *found] if len(self._all) < self._kept else [*self._all[self._kept // 2 :], *found]
            if len(kept) < len(self._all) + len(found):
                self.since_seq = kept[0].seq
            self._all = kept  # replaced as one, so that a reader in another thread sees one or the other
        return len(found)

    def up_to(self, seq: int, last: int, symbol: str | None = None) -> list[Reject]:
        """Return the newest *last* ones up to the event *seq*, oldest first; of *symbol* only, if one is given."""
        known = self._all
        found: list[Reject] = []
        for k in range(bisect_right(known, seq, key=lambda reject: reject.seq) - 1, -1, -1):
            if len(found) == last:
                break
            if symbol is None or known[k].symbol == symbol:
                found.append(known[k])
        return found[::-1]
