"""A market that never rests, for benchmarks of clusters: quotes of many symbols in turn, a microsecond apart."""

from __future__ import annotations

import random
from typing import Any, Final

from market import START_NS

from mtf.events.block import Block, SymbolTable
from mtf.events.block_builder import BlockBuilder

__all__ = ["BusyMarket"]

BLOCK_EVENTS: Final = 8_192
TICK_NS: Final = 1_000


class BusyMarket:
    """So many *events* of so many *symbols*, drawn by *seed* (a `mtf.sources.Source`); made at once, so that reading it
    costs next to nothing.
    """

    name: Final = "busy"

    def __init__(self, symbols: int, events: int, seed: int = 1) -> None:
        draw = random.Random(seed)
        self.symbols: Final = [f"S{number:05d}" for number in range(symbols)]
        self._events: Final = events
        self._at = 0
        self._blocks: Final[list[Block]] = []
        builder = BlockBuilder(SymbolTable())
        for k in range(events):
            bid = 1.0 + draw.randrange(1_000) / 1e5
            builder.quote(draw.choice(self.symbols), START_NS + k * TICK_NS, bid, bid + 0.0001, 1.0, 2.0)
            if builder.count == BLOCK_EVENTS:
                self._blocks.append(builder.take(1))
        if builder.count:
            self._blocks.append(builder.take(1))
        self._names: Final = list(builder.symbols.names)

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        while limit and self._at < self._events:
            number, row = divmod(self._at, BLOCK_EVENTS)
            block = self._blocks[number]
            count = min(limit, block.count - row)
            builder.copy(block, self._names, row, row + count)
            self._at += count
            limit -= count
        return self._at < self._events

    def identity(self) -> dict[str, Any]:
        return {"symbols": len(self.symbols), "events": self._events}

    def position(self) -> dict[str, Any]:
        return {"at": self._at}

    def seek(self, position: dict[str, Any]) -> None:
        self._at = position["at"]

    def progress(self) -> float:
        return self._at / self._events

    def close(self) -> None:
        """There is nothing to close."""
