"""Bars of six timeframes from a frame of a million quotes: `mtf.resample` beside pandas and polars. CPU time.

The frame libraries cut by the clock in UTC and know of no trading day, no gap and no bar that is still forming; so the
intraday bars are the same rows, and the days are not. What is compared is the price of that.
"""

from __future__ import annotations

import time

import pandas as pd
import polars as pl
from market import head, in_turn, median, quotes, row

import mtf

EVENTS = 1_000_000
ROUNDS = 5
TIMEFRAMES = ("1m", "5m", "15m", "1h", "4h", "1d")
PANDAS = ("1min", "5min", "15min", "1h", "4h", "1D")

COLUMNS = list(zip(*quotes(EVENTS), strict=True))
FRAME = pl.DataFrame(
    {"symbol": "EURUSD", "ts_ns": COLUMNS[0], "bid": COLUMNS[1], "ask": COLUMNS[2]},
)
MID = FRAME.select(time=pl.from_epoch("ts_ns", time_unit="ns"), price=(pl.col("bid") + pl.col("ask")) / 2)
SERIES = pd.Series(MID["price"].to_numpy(), pd.to_datetime(FRAME["ts_ns"].to_numpy(), utc=True))


def with_mtf() -> float:
    begun = time.process_time()
    tables = mtf.resample(FRAME, TIMEFRAMES)
    assert len(tables["1m"].to_polars()) > EVENTS // 1_000
    for timeframe in TIMEFRAMES[1:]:
        tables[timeframe].to_polars()
    return time.process_time() - begun


def with_polars() -> float:
    begun = time.process_time()
    price = pl.col("price")
    for every in TIMEFRAMES:
        MID.group_by_dynamic("time", every=every).agg(
            price.first().alias("open"), price.max().alias("high"), price.min().alias("low"),
            price.last().alias("close"), pl.len().alias("ticks"),
        )  # fmt: skip
    return time.process_time() - begun


def with_pandas() -> float:
    begun = time.process_time()
    for rule in PANDAS:
        SERIES.resample(rule).ohlc()
        SERIES.resample(rule).count()
    return time.process_time() - begun


def main() -> None:
    ours, theirs, others = (median(figures) for figures in in_turn(ROUNDS, with_mtf, with_polars, with_pandas))
    head(f"six timeframes of {EVENTS:,} quotes, open to close and ticks", "s of CPU", "times mtf")
    row("`mtf.resample`, every tick judged, all timeframes at once", f"{ours:.2f}", "1.00")
    row("polars, `group_by_dynamic`, one after the other", f"{theirs:.2f}", f"{theirs / ours:.2f}")
    row("pandas, `resample`, one after the other", f"{others:.2f}", f"{others / ours:.2f}")


if __name__ == "__main__":
    main()
