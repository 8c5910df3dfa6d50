"""Fifty million synthetic events through the pipeline, and the memory that it takes meanwhile."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from pathlib import Path

from market import head, row

import mtf
from mtf.sources import SyntheticMarket

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000_000
STEPS = 10


def resident_mib() -> float:
    """Return the memory that this process holds now."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Curve(mtf.Consumer):
    """Prints a line at each tenth of the events."""

    def __init__(self) -> None:
        self.next_seq = EVENTS // STEPS
        self.begun = time.perf_counter()

    def on_frame(self, frame: mtf.Frame) -> None:
        if frame.last_seq >= self.next_seq:
            seconds = time.perf_counter() - self.begun
            row(f"{frame.last_seq:,}", f"{resident_mib():.1f}", f"{frame.last_seq / seconds:,.0f}")
            self.next_seq += EVENTS // STEPS


async def main() -> None:
    head("events", "resident memory, MiB", "events/s so far")
    async with mtf.Pipeline(clock="ticks") as pipeline:
        pipeline.add(Curve())
        summary = await pipeline.run(SyntheticMarket(seed=1, symbols=["EURUSD", "USDJPY", "GBPUSD"], events=EVENTS))
    print(f"\n{summary.events:,} events, {summary.bars['1m']:,} minute bars, digest {summary.digest}")


if __name__ == "__main__":
    asyncio.run(main())
