"""The shards: which worker computes which symbol's indicators of which timeframe.

A shard is one symbol on one timeframe; its indicators depend on nothing but its own bars. Shards are dealt out in turn,
by symbol in order of appearance and then by timeframe, so that any number of workers is kept busy by enough of them,
and both sides know the owner of each without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["Shards"]


class Shards:
    """The shards of the timeframes *ranks*, those that have indicators, among *workers*."""

    def __init__(self, ranks: Sequence[int], workers: int) -> None:
        self.ranks: Final = tuple(ranks)
        self.workers: Final = workers
        self._places: Final = {rank: place for place, rank in enumerate(ranks)}

    def owner(self, rank: int, number: int) -> int:
        """Return the worker that owns a timeframe, by rank, of a symbol, by number."""
        return (number * len(self.ranks) + self._places[rank]) % self.workers

    def ranks_of(self, worker: int) -> list[int]:
        """Return the timeframes of which a worker owns some symbol, now or once there are more of them."""
        numbers = range(self.workers)  # the deal comes round after so many symbols at the latest
        return [rank for rank in self.ranks if any(self.owner(rank, number) == worker for number in numbers)]
