"""A million ticks of a frame and of files to six timeframes, beside CSV, and polars' own resampling to the same six.

Polars makes bars by fixed lengths of time from midnight UTC, without trading days, verdicts, or a log: it is there to
say what the columns alone cost.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from market import head, in_turn, median, row

import mtf
from mtf.sources import SyntheticMarket

ROUNDS = 5
TICKS = 1_000_000
TIMEFRAMES = ("1m", "5m", "15m", "1h", "4h", "1d")


def ticks() -> pl.DataFrame:
    source = SyntheticMarket(seed=5, symbols=["EURUSD"], events=TICKS, pace_ms=400)
    rows = [(tick.ts_ns, tick.bid, tick.ask, tick.bid_size, tick.ask_size) for tick in source]
    names = ["ts_ns", "bid", "ask", "bid_size", "ask_size"]
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(symbol=pl.lit("EURUSD"))
    return frame.with_columns(time=pl.from_epoch("ts_ns", time_unit="ns")).drop("ts_ns")


def run_of(source: Any) -> Callable[[], float]:
    async def run() -> float:
        async with mtf.Pipeline(timeframes=",".join(TIMEFRAMES), clock="ticks") as pipeline:
            begun = time.perf_counter()
            summary = await pipeline.run(source)
            taken = time.perf_counter() - begun
            assert summary.events == TICKS, summary
            return taken

    return lambda: asyncio.run(run())


def grouped(frame: pl.DataFrame) -> float:
    begun = time.perf_counter()
    for timeframe in TIMEFRAMES:
        mid = (pl.col("bid") + pl.col("ask")) / 2
        bars = frame.group_by_dynamic("time", every=timeframe).agg(
            open=mid.first(), high=mid.max(), low=mid.min(), close=mid.last(), volume=pl.col("bid_size").sum()
        )
        assert len(bars)
    return time.perf_counter() - begun


def main() -> None:
    frame = ticks()
    head("1,000,000 ticks to six timeframes", "ns a tick")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "EURUSD")
        frame.write_parquet(path.with_suffix(".parquet"))
        frame.write_ipc(path.with_suffix(".feather"), compression="lz4")
        frame.write_csv(path.with_suffix(".csv"))
        works: dict[str, Callable[[], float]] = {
            "a frame of polars": run_of(frame),
            "a frame of polars, symbols as categories": run_of(
                frame.with_columns(pl.col("symbol").cast(pl.Categorical))
            ),
            "a frame of pandas": run_of(frame.to_pandas()),
            "a dict of NumPy arrays": run_of({name: frame[name].to_numpy() for name in frame.columns}),
            "Parquet": run_of(path.with_suffix(".parquet")),
            "Feather": run_of(path.with_suffix(".feather")),
            "CSV": run_of(path.with_suffix(".csv")),
            "polars' group_by_dynamic for the six": lambda: grouped(frame),
        }
        for name, figures in zip(works, in_turn(ROUNDS, *works.values()), strict=True):
            row(name, f"{median(figures) / TICKS * 1e9:.0f}")


if __name__ == "__main__":
    main()
