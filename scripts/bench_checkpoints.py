"""How long checkpoints hold the event loop, and how fast a start is, of a market: `core`, six timeframes.

10,000 symbols that have just begun, and 1,000 with full histories (1,000 bars of each timeframe). Ticks come in small
groups, as from feeds; beside them a task sleeps a millisecond at a time and notes how late it is woken. So do three
loops, in turn: one in which nothing happens, one with ticks alone, and one that also takes a checkpoint each second.

A machine that is late itself shows in all of them. The last figure of lateness leaves that out: a sleep counts as late
by no more than the processor time that all threads of the process took meanwhile.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop
from market import START_NS, apart, head, median, quantile, row

import mtf

SECONDS = float(os.environ.get("SECONDS_EACH", "10"))
GROUP = 20  # ticks at once
GROUPS_S = 0.02  # between them
DAY_NS = 86_400 * 10**9
SETTINGS: dict[str, Any] = {"clock": "ticks", "indicators": "core", "calendar": "crypto", "history_values": False}

Late = list[tuple[float, float]]  # ms that a sleep was too long, and how many of them the process can have computed


def ticks(symbols: int, each: int, gap_ns: int, seed: int) -> Iterator[mtf.Tick]:
    """Yield *each* ticks of so many symbols in turn, *gap_ns* between those of one."""
    rng = random.Random(seed)
    prices = [100.0] * symbols
    ts_ns = START_NS - each * gap_ns
    for _ in range(each):
        for k in range(symbols):
            ts_ns += gap_ns // symbols
            prices[k] += rng.randrange(-50, 51) / 100
            yield mtf.Tick(f"SYM{k:05d}", ts_ns, prices[k], prices[k] + 0.01, 1.0, 1.0)


async def late(seconds: float) -> Late:
    """Return how late a sleep of one millisecond was, each time, until *seconds* are over."""
    found: Late = []
    until = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < until:
        computed = time.process_time()
        await asyncio.sleep(0.001)
        late_ms = (time.perf_counter() - begun) * 1e3 - 1.0
        found.append((late_ms, min(late_ms, (time.process_time() - computed) * 1e3)))
    return found


async def fill(data: Path, symbols: int, each: int, gap_ns: int) -> None:
    async with mtf.Pipeline(data=data, checkpoint_seconds=3_600, durability="os", **SETTINGS) as pipeline:
        await pipeline.run(ticks(symbols, each, gap_ns, 1))


async def live(data: Path, symbols: int, every: float | None) -> tuple[Late, float, Any]:
    """Return how late the loop was beside ticks, the seconds until the start was over, and figures of checkpoints."""
    begun = time.perf_counter()
    async with mtf.Pipeline(data=data, checkpoint_seconds=every, **SETTINGS) as pipeline:
        await pipeline.applied(pipeline.logged_seq)
        ready = time.perf_counter() - begun
        gc.collect()
        waiting = asyncio.create_task(late(SECONDS))
        after_ns = max(pipeline.snapshot(name).time_ns for name in itertools.islice(pipeline.symbols, 5))
        count = 0
        while not waiting.done():
            for _ in range(GROUP):
                count += 1
                price = 100.0 + count % 7
                tick = mtf.Tick(f"SYM{count % symbols:05d}", after_ns + count * 10**6, price, price + 0.01, 1.0, 1.0)
                pipeline.push_nowait(tick)
            await asyncio.sleep(GROUPS_S)
        return await waiting, ready, pipeline.statistics().checkpoints


def shown(found: Late) -> list[str]:
    late_ms = [each for each, _ in found]
    worst_computed = max(computed for _, computed in found)
    return [f"{median(late_ms):.2f}", f"{quantile(late_ms, 0.999):.1f}", f"{max(late_ms):.1f}", f"{worst_computed:.1f}"]


def measure(what: str, data: Path, symbols: int, *more: float) -> list[str]:
    """Return the cells of a row; of none for `fill`."""
    if what == "fill":
        asyncio.run(fill(data, symbols, int(more[0]), int(more[1])))
        return []
    if what == "nothing":
        return shown(uvloop.run(late(SECONDS)))
    found, ready, kept = uvloop.run(live(data, symbols, more[0] or None))
    return [
        *shown(found),
        str(kept.written),
        f"{kept.bytes / 1e6:.0f}",
        f"{kept.took_ns / 1e9:.2f}",
        f"{ready:.2f}",
    ]


def main() -> None:
    head(
        "", "median late, ms", "p99.9", "worst", "worst, computing", "checkpoints", "MB", "a checkpoint, s", "start, s"
    )
    for label, symbols, each, gap_ns in (
        ("10,000 symbols", 10_000, 3, 20 * 10**9),
        ("1,000 symbols, full histories", 1_000, 1_001, DAY_NS),
    ):
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            apart(__file__, "fill", data, symbols, each, gap_ns)
            row(f"{label}: nothing", *apart(__file__, "nothing", data, symbols), "", "", "", "")
            for kind, every in (("ticks", 0.0), ("a checkpoint each second", 1.0)):
                copy = Path(folder) / "copy"
                shutil.copytree(data, copy)
                os.sync()  # what is left to write of the copy is not what is measured
                row(f"{label}: {kind}", *apart(__file__, "live", copy, symbols, every))
                shutil.rmtree(copy)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(*measure(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), *map(float, sys.argv[4:])))
    else:
        main()
