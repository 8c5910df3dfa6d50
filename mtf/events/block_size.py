"""How many events a block has, if so many are waiting."""

from __future__ import annotations

from typing import Final

import attrs

__all__ = ["BLOCK_EVENTS", "BLOCK_EVENTS_MANY", "BlockSize"]

BLOCK_EVENTS: Final = 1024
BLOCK_EVENTS_MANY: Final = 4096  # with many symbols
EVENTS_PER_SYMBOL: Final = 3
TIMEFRAMES: Final = 6  # with more, an event takes longer


@attrs.frozen
class BlockSize:
    """The size of blocks: at least *least* events, and at most *most*.

    A block costs something for each symbol that it touches, however many events of it there are. So blocks of a market
    with many symbols are larger, but not so large that they would hold the event loop for more than ten milliseconds.
    """

    least: int = BLOCK_EVENTS
    most: int = BLOCK_EVENTS

    @classmethod
    def of(cls, given: int | None, timeframes: int, *, indicators: bool) -> BlockSize:
        """Return the size that somebody has *given*, or the default; with *indicators*, an event takes much longer."""
        if given is not None:
            return cls(given, given)
        if indicators:
            return cls()
        return cls(most=max(BLOCK_EVENTS, BLOCK_EVENTS_MANY * TIMEFRAMES // max(TIMEFRAMES, timeframes)))

    def events(self, symbols: int) -> int:
        """Return how many events a block has if there are so many *symbols*."""
        return min(max(self.least, EVENTS_PER_SYMBOL * symbols), self.most)
