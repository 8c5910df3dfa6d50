"""The shards: which worker computes which symbol's indicators on which timeframe.

A shard is one symbol on one timeframe; its indicators depend only on its own bars. Shards are assigned round-robin, by
symbol in order of appearance and then by timeframe, so that enough of them keep any number of workers busy, and both
sides know the owner of each without communicating.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["Shards"]


class Shards:
    """The shards of the timeframes *ranks*, those with indicators, assigned to *workers*."""

    def __init__(self, ranks: Sequence[int], workers: int) -> None:
        self.ranks: Final = tuple(ranks)
        self.workers: Final = workers
        self._places: Final = {rank: place for place, rank in enumerate(ranks)}

    def owner(self, rank: int, number: int) -> int:
        """Return the worker that owns the symbol *number* on the timeframe *rank*."""
        return (number * len(self.ranks) + self._places[rank]) % self.workers

    def ranks_of(self, worker: int) -> list[int]:
        """Return the timeframes on which a worker owns some symbol, now or once there are more symbols."""
        numbers = range(self.workers)  # the assignment repeats after at most this many symbols
        return [rank for rank in self.ranks if any(self.owner(rank, number) == worker for number in numbers)]
