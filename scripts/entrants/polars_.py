"""polars: all ticks at once, `group_by_dynamic` for each length; no state at a tick."""

from __future__ import annotations

import polars as pl
from contest import Cannot, Case, Entry, FullBar, Result, Ticks, answer_all

BAR = ["symbol", "rank", "ts", "open", "high", "low", "close", "volume", "ticks"]


def bars_of(frame: pl.DataFrame, rank: int, length: int) -> pl.DataFrame:
    """Return the complete bars of one length, by symbol and start."""
    price, size = pl.col("price"), pl.col("size")
    grouped = frame.group_by_dynamic("ts", every=f"{length}s", group_by="symbol").agg(
        price.first().alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        price.last().alias("close"),
        size.sum().alias("volume"),
        pl.len().alias("ticks"),
        pl.col("ts").last().alias("newest"),
    )
    newest = pl.col("newest").max().over("symbol")
    return grouped.with_columns(pl.lit(rank).alias("rank")).filter(pl.col("ts") + pl.duration(seconds=length) <= newest)


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare the frame."""
    if case.values == "live":
        raise Cannot("no values of bars that form")
    if case.values == "closed":
        raise Cannot("`ewm_mean` begins EMA, RSI and ATR with the first value, not with a plain mean")
    frame = pl.DataFrame(
        {
            "symbol": pl.Series(ticks.symbols, dtype=pl.Int32),
            "ts": pl.Series(ticks.ts_ns, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
            "price": pl.Series(ticks.prices),
            "size": pl.Series(ticks.sizes),
        }
    )
    made: list[pl.DataFrame] = []

    def run() -> None:
        made[:] = [bars_of(frame, rank, length) for rank, length in enumerate(case.lengths)]

    def result() -> Result:
        rows: list[FullBar] = []
        for bars in made:
            rows += bars.with_columns(pl.col("ts").cast(pl.Int64)).select(BAR).iter_rows()
        return Result(rows, {})

    return Entry(run, result)


if __name__ == "__main__":
    answer_all(f"polars {pl.__version__}", prepare)
