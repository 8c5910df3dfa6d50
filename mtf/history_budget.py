"""How much memory histories take: above a limit, rows that a checkpoint has stored are read again when somebody looks.

In turn by symbol, and not those of which somebody has looked at columns since the last turn. A window that was given
out keeps its rows as long as somebody has it. In pure Python nothing is released (`mtf.bars.growth`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from mtf.bars.aggregate import Aggregator
from mtf.image import Core, StoredRows
from mtf.indicators.value_history import ValueHistory
from mtf.kernel import Kernel
from mtf.saved_parts import history_of

__all__ = ["HistoryBudget"]

SLICE_NS: Final = 1_000_000  # how long the event loop is held at a time


class HistoryBudget:
    """Keeps the histories of *engine* in about *limit* bytes of memory."""

    def __init__(self, engine: Kernel, limit: int) -> None:
        self._engine: Final = engine
        self._limit: Final = limit
        self._next = 0  # of the histories of all symbols, where to go on

    def is_exceeded(self) -> bool:
        """Return whether histories take more."""
        return self._engine.history_bytes() > self._limit

    async def keep(self, stored: Mapping[str, StoredRows]) -> None:
        """Release rows, until the limit is kept, of histories that are *stored*, by the name of their part."""
        parts = self._engine.cores().items()
        for name, core in parts:
            if history_of(name) in stored:
                core.rebind(stored[history_of(name)])
                await asyncio.sleep(0)
        cores = [(core, stored[history_of(name)]) for name, core in parts if history_of(name) in stored]
        symbols = self._engine.joiner.count
        taken = self._engine.history_bytes()
        begun_ns = time.perf_counter_ns()
        for _ in range(2 * len(cores) * symbols):  # the first time round skips what somebody has looked at
            if taken <= self._limit:
                return
            number, k = divmod(self._next, len(cores))
            self._next = (self._next + 1) % (len(cores) * symbols)
            core, rows = cores[k]
            if number < len(rows.ends):
                taken -= self._release(core, number, rows)
            if time.perf_counter_ns() - begun_ns > SLICE_NS:
                await asyncio.sleep(0)
                begun_ns = time.perf_counter_ns()

    def _release(self, core: Core, number: int, stored: StoredRows) -> int:
        """Release the stored rows of a symbol; return how many bytes that frees."""
        if isinstance(core, ValueHistory):
            return int(core.release(number, stored.ends[number], stored))
        assert isinstance(core, Aggregator), "histories are those of bars and of values"
        table, published = core.table(number), self._engine.joiner.published
        start = published.first_row(number, core.rank, table)
        released = table.released(start, stored.ends[number], stored, number) if start >= 0 else None
        if released is None:
            return 0
        core.replace_table(number, released)
        published.replace_table(number, core.rank, released, start)
        return int(table.size() - released.size())
