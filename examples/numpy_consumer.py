"""A consumer of frames: it is handed whole blocks of events as columns, and counts with NumPy.

    pip install numpy
    python examples/numpy_consumer.py eurusd.csv

For every event it computes where in the range of its forming bar the price is, on each timeframe at once: 0 at the low,
1 at the high. The result is a histogram of ten bins for each timeframe. A callback for each tick would take a Python
call per event; a frame is one call for up to some thousand of them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import mtf

SYNTHETIC = "synthetic:seed=3,symbols=EURUSD+GBPUSD,events=40000,start=2024-03-06"
BINS = 10


class RangePosition(mtf.Consumer):
    """Counts in `counts`, a row for each timeframe, how often the price was in which tenth of its forming bar."""

    def __init__(self, timeframes: Sequence[str]) -> None:
        self.counts = np.zeros((len(timeframes), BINS), dtype=np.int64)

    def on_frame(self, frame: mtf.Frame) -> None:
        for rank, columns in enumerate(frame.columns):  # shortest timeframe first; row i is the bar after event i
            high, low, close = (array(each, len(frame)) for each in (columns.high, columns.low, columns.close))
            forming = array(columns.header, len(frame)) >= 0  # -1: no bar forms, as after a clock event
            wide = forming & (high > low)
            position = (close[wide] - low[wide]) / (high[wide] - low[wide])
            self.counts[rank] += np.histogram(position, bins=BINS, range=(0.0, 1.0))[0]


def array(column: Any, rows: int) -> Any:
    """Return a column of a frame as an array."""
    return np.fromiter(column, dtype=np.float64, count=rows)


async def count(source: str, timeframes: Sequence[str]) -> RangePosition:
    """Run *source* and return the consumer that has seen all of it."""
    consumer = RangePosition(timeframes)
    async with mtf.Pipeline(data=None, timeframes=timeframes, clock="ticks", live="off") as pipeline:
        pipeline.add(consumer)
        await pipeline.run(source)
    return consumer


def main() -> None:
    timeframes = ["1m", "15m", "1h", "4h"]
    consumer = asyncio.run(count(sys.argv[1] if len(sys.argv) > 1 else SYNTHETIC, timeframes))
    for timeframe, counts in zip(timeframes, consumer.counts, strict=True):
        shares = " ".join(f"{share:5.1%}" for share in counts / counts.sum())
        print(f"{timeframe:>4}  {shares}")


if __name__ == "__main__":
    main()
