"""A source of your own: trades from a table of SQLite, read at mtf's pace and resumed at the exact row.

    python examples/own_source.py trades.sqlite run/

The table is `trades(symbol, ts_ns, price, size)`, in order of time. Run it again once rows have been added: mtf gives
`seek` the position that is in its log, and only the new rows are read. `mtf.testing.SourceContract` tests what
every source promises; docs/plugins.md says how `mtf run` finds one by its name.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path
from typing import Any

import mtf
from mtf.errors import SourceError
from mtf.sources import BlockBuilder, hand_in


class TradesTable:
    """The rows of `trades` by rowid. Its position is the rowid of the newest one handed in."""

    def __init__(self, path: str) -> None:
        if not Path(path).is_file():
            raise SourceError(f"{path} does not exist", path=path)
        self.name = Path(path).name
        self._database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self._row: int = 0  # the newest row handed in; 0: none
        self._last: int = self._database.execute("SELECT coalesce(max(rowid), 0) FROM trades").fetchone()[0]

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        rows = self._database.execute(
            "SELECT rowid, symbol, ts_ns, price, size FROM trades WHERE rowid BETWEEN ? AND ? ORDER BY rowid LIMIT ?",
            (self._row + 1, self._last, limit),
        )
        for self._row, symbol, ts_ns, price, size in rows:
            hand_in(builder, mtf.Tick.trade(symbol, ts_ns, price, size), place=self.name, line=self._row)
        return self._row < self._last

    def identity(self) -> dict[str, Any]:
        return {"name": self.name, "format": ["sqlite trades"]}

    def position(self) -> dict[str, Any]:
        return {"row": self._row}

    def seek(self, position: dict[str, Any]) -> None:
        if position["row"] > self._last:
            raise SourceError(
                f"row {position['row']} was read before, and the table ends at {self._last}", path=self.name
            )
        self._row = position["row"]

    def progress(self) -> float | None:
        return self._row / self._last if self._last else None

    def close(self) -> None:
        self._database.close()


async def run(path: str, data: str) -> mtf.Summary:
    """Run the table into *data*, from where the run before ended."""
    async with mtf.Pipeline(data=data, calendar="crypto", timeframes="1m,1h", clock="ticks") as pipeline:
        return await pipeline.run(TradesTable(path))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python own_source.py DATABASE DATA")
    summary = asyncio.run(run(*sys.argv[1:]))
    print(f"{summary.new_events} new trades of {summary.events}, bars {summary.bars}")
