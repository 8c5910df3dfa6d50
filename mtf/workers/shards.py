"""The shards: who computes which symbol's indicators on which timeframe, the workers or the pipeline itself.

A shard is one symbol on one timeframe; its indicators depend only on its own bars. If there are enough timeframes,
whole ones are assigned, in turn: then no two workers make the same bars, and values are handed over as they are. If
there are more processes than timeframes, shards are assigned in turn, by symbol in order of appearance and then by
timeframe. All sides know the owner of each without communicating. The pipeline takes its turn after the workers: it
would otherwise wait for them, and what it computes need not be handed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mtf.indicators.transfer import Owners

__all__ = ["Shards"]


class Shards:
    """The shards of the timeframes *ranks*, those with indicators, assigned to *workers* and to the pipeline."""

    def __init__(self, ranks: Sequence[int], workers: int) -> None:
        self.ranks: Final = tuple(ranks)
        self.pipeline: Final = workers  # as an owner, after the workers 0 to workers - 1
        owners = workers + 1
        step = 0 if len(ranks) >= owners else len(ranks)
        self.owners: Final = {rank: Owners(place % owners, step, owners) for place, rank in enumerate(ranks)}

    def owner(self, rank: int, number: int) -> int:
        """Return the worker that owns the symbol *number* on the timeframe *rank*, or `pipeline`."""
        return self.owners[rank].of(number)

    def is_pipelines(self, rank: int, number: int) -> bool:
        """Return whether the pipeline owns the symbol *number* on the timeframe *rank*."""
        return self.owner(rank, number) == self.pipeline

    def ranks_of(self, owner: int) -> list[int]:
        """Return the timeframes on which *owner* owns some symbol, now or once there are more symbols."""
        return [rank for rank in self.ranks if owner in self.owners[rank].all()]
