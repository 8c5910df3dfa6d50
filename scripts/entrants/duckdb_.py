"""DuckDB: all ticks at once, a GROUP BY for each length, into a table; no state at a tick, no recursive indicators."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy
from contest import SECOND_NS, Cannot, Case, Entry, Result, Ticks, answer_all

SQL = """
    SELECT symbol, {rank}, ts - ts % {ns} AS start, arg_min(price, row), max(price), min(price), arg_max(price, row),
           sum(size), count(*)
    FROM ticks GROUP BY symbol, start
    HAVING start + {ns} <= (SELECT newest FROM newest WHERE newest.symbol = ticks.symbol)
"""


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare the table of ticks."""
    if case.values != "none":
        raise Cannot("bars alone: window functions cannot express recursive indicators")
    database: Any = duckdb.connect()
    columns = {
        "symbol": numpy.frombuffer(ticks.symbols, dtype=numpy.int32),
        "ts": numpy.frombuffer(ticks.ts_ns, dtype=numpy.int64),
        "price": numpy.frombuffer(ticks.prices),
        "size": numpy.frombuffer(ticks.sizes),
        "row": numpy.arange(len(ticks.ts_ns)),
    }
    database.register("given", columns)
    database.execute("CREATE TABLE ticks AS SELECT * FROM given")
    made: list[list[Any]] = []

    def run() -> None:
        database.execute(
            "CREATE OR REPLACE TEMP TABLE newest AS SELECT symbol, max(ts) AS newest FROM ticks GROUP BY symbol"
        )
        made[:] = [
            database.execute(SQL.format(rank=rank, ns=length * SECOND_NS)).fetchall()
            for rank, length in enumerate(case.lengths)
        ]

    return Entry(run, lambda: Result([bar for bars in made for bar in bars], {}))


if __name__ == "__main__":
    answer_all(f"DuckDB {duckdb.__version__}", prepare)
