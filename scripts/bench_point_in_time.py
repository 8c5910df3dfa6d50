"""`mtf.point_in_time` of a million ticks of one symbol, six timeframes, with and without the twenty indicators.

CPU time of reading the file and making Arrow batches of all rows, which nobody keeps.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mtf

EVENTS = 1_000_000
FEW = 100_000
MINUTES_S_MAX = 2.0
TICKS_US_MAX = 3.0


def ticks(path: Path, events: int) -> Path:
    """Write a file of *events* quotes, five seconds between two of them."""
    with path.open("w") as file:
        file.write("symbol,time,bid,ask,bid_size,ask_size\n")
        for tick in mtf.open_source(f"synthetic:seed=7,symbols=EURUSD,events={events},start=2024-03-06"):
            file.write(f"{tick.symbol},{tick.ts_ns},{tick.bid},{tick.ask},{tick.bid_size},{tick.ask_size}\n")
    return path


def timed(path: Path, **settings: Any) -> tuple[float, int]:
    """Return the seconds that reading a table took, and its rows."""
    import arro3.core

    begun = time.process_time()
    table = mtf.point_in_time(path, **settings)
    rows = sum(batch.num_rows for batch in arro3.core.RecordBatchReader.from_stream(table))
    return time.process_time() - begun, rows


def main() -> int:
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        many, few = ticks(Path(folder) / "many.csv", EVENTS), ticks(Path(folder) / "few.csv", FEW)
        print(f"| on | indicators | values | rows | seconds, aim {MINUTES_S_MAX} | a row, µs, aim {TICKS_US_MAX} |")
        print("| --- | --- | --- | --- | --- | --- |")
        for indicators in ("none", "core"):
            for values in ("live", "both"):
                seconds, rows = timed(many, on="1m", indicators=indicators, values=values)
                slow |= seconds > MINUTES_S_MAX
                print(f"| 1m, of {EVENTS:,} ticks | {indicators} | {values} | {rows:,} | {seconds:.2f} | |")
        for indicators in ("none", "core"):
            for values in ("live", "both"):
                seconds, rows = timed(few, on="tick", indicators=indicators, values=values)
                each_us = seconds / rows * 1e6
                slow |= indicators == "none" and each_us > TICKS_US_MAX
                print(f"| tick | {indicators} | {values} | {rows:,} | {seconds:.2f} | {each_us:.2f} |")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
