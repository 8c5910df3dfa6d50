"""Completed bars into a table of DuckDB, each exactly once, over stops and crashes.

    pip install duckdb
    python examples/duckdb_export.py eurusd.csv run/ bars.duckdb
    duckdb bars.duckdb 'SELECT timeframe, count(*) FROM bars GROUP BY timeframe'

Run it again, whenever and however it ended: no bar is there twice and none is missing. The bars of a block are one
transaction, and the table itself knows how far it is: `committed_seq` is the newest event in it. At a start mtf shows
the consumer everything from that event on; what the table has already is skipped. If a crash took the end of the log
that the table already had, `on_rollback` removes the same events from the table.
"""

from __future__ import annotations

import asyncio
import sys

import duckdb

import mtf

TABLE = """
CREATE TABLE IF NOT EXISTS bars (
    symbol TEXT, timeframe TEXT, start_ns BIGINT, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume DOUBLE,
    ticks BIGINT, seq BIGINT, PRIMARY KEY (symbol, timeframe, start_ns)
)
"""


class DuckDBExport(mtf.Consumer):
    """Writes each completed bar to the table `bars` of a database."""

    def __init__(self, path: str) -> None:
        self._database = duckdb.connect(path)
        self._database.execute(TABLE)
        self._rows: list[tuple[object, ...]] = []  # closed in the block that is being shown
        self._committed = self._newest()  # the newest event whose bars are in the table; 0: none

    def committed_seq(self) -> int:
        return self._committed

    def on_rollback(self, seq: int) -> None:
        self._database.execute("DELETE FROM bars WHERE seq > ?", [seq])
        self._committed = self._newest()

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        if view.seq > self._committed:
            values = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ticks)
            self._rows.append((bar.symbol, bar.timeframe.name, bar.start_ns, *values, view.seq))

    def on_frame(self, frame: mtf.Frame) -> None:
        if not self._rows:
            return
        self._database.begin()
        self._database.executemany("INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self._rows)
        self._database.commit()
        self._committed = frame.last_seq
        self._rows.clear()

    def on_stop(self) -> None:
        self._database.close()

    def _newest(self) -> int:
        row = self._database.execute("SELECT coalesce(max(seq), 0) FROM bars").fetchone()
        assert row is not None
        return int(row[0])


async def export(source: str, data: str, database: str) -> None:
    """Run *source* into *data*, and its bars into *database*."""
    async with mtf.Pipeline(data=data, timeframes="1m,5m,1h", clock="ticks") as pipeline:
        pipeline.add(DuckDBExport(database), thread=True)  # in a thread of its own, as the database blocks
        await pipeline.run(source)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python duckdb_export.py SOURCE DATA DATABASE")
    asyncio.run(export(*sys.argv[1:]))
