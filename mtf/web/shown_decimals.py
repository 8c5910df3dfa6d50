"""The number of decimals for a symbol's prices: the same everywhere, and never fewer than before."""

from __future__ import annotations

from typing import Final

from mtf.frames.snapshot import Snapshot
from mtf.matrix import matrix_of

__all__ = ["ShownDecimals"]

AGAIN_TICKS: Final = 1_000  # a symbol's prices are checked again after this many ticks


class ShownDecimals:
    """Decimals by symbol. They are counted from the available prices, which costs more than a message."""

    def __init__(self) -> None:
        self._known: Final[dict[str, tuple[int, int]]] = {}  # decimals, and the ticks they were counted at

    def of(self, snapshot: Snapshot) -> int:
        """Return the decimals for the symbol of *snapshot*."""
        ticks = snapshot.counts.ticks
        decimals, counted = self._known.get(snapshot.symbol, (0, -1))
        if counted < 0 or ticks < 2 * counted < 2 * AGAIN_TICKS or abs(ticks - counted) >= min(counted, AGAIN_TICKS):
            decimals = max(decimals, matrix_of(snapshot).decimals)
            self._known[snapshot.symbol] = (decimals, ticks)
        return decimals
