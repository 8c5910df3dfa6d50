"""Trades as Binance publishes them, a CSV or its zip, to a Parquet file of bars for each timeframe.

    pip install 'mtf-engine[arrow]'
    curl -O https://data.binance.vision/data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-2024-03-06.zip
    python examples/parquet_bars.py BTCUSDT-trades-2024-03-06.zip 1m,1h

writes BTCUSDT-trades-2024-03-06.1m.parquet and ...1h.parquet. The archive is not extracted, and neither it nor the bars
need fit into memory: they are read and written a batch at a time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from arro3.io import write_parquet

import mtf


def convert(source: Path, timeframes: list[str]) -> list[Path]:
    """Write the completed bars of *source* beside it and return the files, one for each timeframe."""
    written: list[Path] = []
    for timeframe, bars in mtf.resample(str(source), timeframes, calendar="crypto").items():
        path = source.with_suffix(f".{timeframe}.parquet")
        write_parquet(bars, str(path))
        written.append(path)
    return written


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python parquet_bars.py TRADES TIMEFRAME,...")
    for path in convert(Path(sys.argv[1]), sys.argv[2].split(",")):
        print(path)
