"""Fifty million synthetic events through the pipeline, and the memory and processor time that they take meanwhile.

First of three symbols, dense. Then of a thousand, with `core`, each of which ticks every two hours or so: by the end of
the first quarter each has a thousand bars, the most that it keeps, on all six timeframes, days included.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from pathlib import Path
from typing import Any

from market import head, row

import mtf
from mtf.sources import SyntheticMarket

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000_000
STEPS = 16
GAP_MS = 7_200  # between the events of a thousand symbols


def resident_mib() -> float:
    """Return the memory that this process holds now."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Curve(mtf.Consumer):
    """Prints a line at each sixteenth of the events, and keeps the processor time of each."""

    def __init__(self) -> None:
        self.next_seq = EVENTS // STEPS
        self.seq = 0
        self.begun = time.process_time()
        self.costs: list[float] = []  # ns an event
        self.memory: list[float] = []

    def on_frame(self, frame: mtf.Frame) -> None:
        if frame.last_seq >= self.next_seq:
            now = time.process_time()
            self.costs.append((now - self.begun) * 1e9 / (frame.last_seq - self.seq))
            self.memory.append(resident_mib())
            self.begun, self.seq = now, frame.last_seq
            row(f"{frame.last_seq:,}", f"{self.memory[-1]:.1f}", f"{self.costs[-1]:,.0f}")
            self.next_seq += EVENTS // STEPS


async def measure(source: SyntheticMarket, **settings: Any) -> None:
    head("events", "resident memory, MiB", "ns an event")
    curve = Curve()
    async with mtf.Pipeline(clock="ticks", **settings) as pipeline:
        pipeline.add(curve)
        summary = await pipeline.run(source)
    quarter = STEPS // 4
    second, last = sum(curve.costs[quarter : 2 * quarter]), sum(curve.costs[-quarter:])
    grown = curve.memory[-1] / curve.memory[quarter]
    print(f"\n{summary.events:,} events, {summary.bars['1m']:,} minute bars, digest {summary.digest}")
    print(f"last quarter over the second: processor time {last / second:.2f}, memory {grown:.2f}\n")


async def main() -> None:
    print("three symbols\n")
    await measure(SyntheticMarket(seed=1, symbols=["EURUSD", "USDJPY", "GBPUSD"], events=EVENTS))
    print("a thousand symbols, `core`\n")
    symbols = [f"SYM{k:04d}" for k in range(1_000)]
    await measure(SyntheticMarket(seed=1, symbols=symbols, events=EVENTS, pace_ms=GAP_MS), indicators="core")


if __name__ == "__main__":
    asyncio.run(main())
