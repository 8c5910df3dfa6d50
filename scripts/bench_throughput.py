"""Events through the actors from memory: six timeframes, all rows of the frames; a plain-Python loop beside it."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from market import START_NS, blocks, head, in_turn, median, quotes, row
from peers import Row, talib_handles

import mtf
from mtf.actors.sequencer import Sequencer
from mtf.events.block import Block
from mtf.kernel import Kernel

EVENTS = 200_000
ROUNDS = 7
LENGTHS_NS = tuple(minutes * 60_000_000_000 for minutes in (1, 5, 15, 60, 240, 1440))
SHORT = ("1s", "2s", "5s", "10s", "15s", "30s")
EIGHT = [f"S{number}" for number in range(8)]
HUNDRED = [f"S{number}" for number in range(100)]
WORKERS = (0, 1, 2, 3)

ROWS = quotes(EVENTS)
BLOCKS = blocks(ROWS, 1024)


def source_of(pipeline: mtf.Pipeline) -> Sequencer:
    """Return where blocks that are in memory already go into a pipeline that runs."""
    run = pipeline._alive
    assert run is not None, "the pipeline was started"
    return run.source


def cpu(workers: int) -> tuple[float, float]:
    """Return microseconds of CPU an event for `core`: of the pipeline's process, and of each worker; Linux only."""

    def used_ns(pid: int) -> int:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])

    async def run() -> tuple[float, float]:
        async with mtf.Pipeline(clock="ticks", indicators="core", workers=workers) as pipeline:
            pids = [os.getpid(), *pipeline.worker_pids]
            await source_of(pipeline).replay(BLOCKS[0])
            await pipeline.drain()
            before = [used_ns(pid) for pid in pids]
            for block in BLOCKS[1:]:
                await source_of(pipeline).replay(block)
            await pipeline.drain()
            used = [(used_ns(pid) - start) / EVENTS / 1e3 for pid, start in zip(pids, before, strict=True)]
            return used[0], sum(used[1:]) / max(1, workers)

    return asyncio.run(run())


class Reader(mtf.Consumer):
    """Reads every live value of every row, a timeframe at a time."""

    def __init__(self) -> None:
        self.total = 0.0

    def on_frame(self, frame: mtf.Frame) -> None:
        for values in frame.values:
            self.total += float(np.nansum(np.asarray(memoryview(values.live))))


def actors(*consumers: mtf.Consumer, feed: Sequence[Block] = BLOCKS, **settings: object) -> float:
    """Return nanoseconds an event through a pipeline without a log."""

    async def run() -> float:
        async with mtf.Pipeline(clock="ticks", **settings) as pipeline:  # type: ignore[arg-type]
            for consumer in consumers:
                pipeline.add(consumer)
            source = source_of(pipeline)
            await source.replay(feed[0])
            await pipeline.drain()  # workers, if there are some, have started
            begun = time.perf_counter()
            for block in feed[1:]:
                await source.replay(block)
            await pipeline.drain()
            return (time.perf_counter() - begun) / (EVENTS - int(feed[0].count)) * 1e9

    return asyncio.run(run())


def cores() -> float:
    """Return nanoseconds an event through the same cores without actors."""
    engine = Kernel(mtf.Config.make())
    begun = time.perf_counter()
    for block in BLOCKS:
        engine.step(block)
    return (time.perf_counter() - begun) / EVENTS * 1e9


def talib() -> float:
    """Return nanoseconds an event where TA-Lib's handles of six timeframes are asked at each."""
    bars: list[Row] = [(bid, ask, bid, ask, size, 0, 0) for _, bid, ask, size, _ in ROWS[:5_500]]
    calls = [(handle.peek, columns) for _ in LENGTHS_NS for handle, columns in talib_handles(bars[:500])]
    begun = time.perf_counter()
    for bar in bars[500:]:
        for peek, columns in calls:
            peek(*[bar[k] for k in columns])
    return (time.perf_counter() - begun) / (len(bars) - 500) * 1e9


def plain_loop() -> float:
    """Return nanoseconds an event of six timeframes in the plainest Python: lists, no calendar, no log, no frames."""
    bars: list[list[float]] = [[0.0] * 6 for _ in LENGTHS_NS]
    ends = [START_NS] * len(LENGTHS_NS)
    done: list[list[list[float]]] = [[] for _ in LENGTHS_NS]
    begun = time.perf_counter()
    for ts_ns, bid, ask, bid_size, ask_size in ROWS:
        price, volume = (bid + ask) * 0.5, bid_size + ask_size
        for k, length_ns in enumerate(LENGTHS_NS):
            bar = bars[k]
            if ts_ns >= ends[k]:
                if bar[5]:
                    done[k].append(bar)
                ends[k] = (ts_ns // length_ns + 1) * length_ns
                bars[k] = [price, price, price, price, volume, 1.0]
                continue
            if price > bar[1]:
                bar[1] = price
            elif price < bar[2]:
                bar[2] = price
            bar[3] = price
            bar[4] += volume
            bar[5] += 1
    return (time.perf_counter() - begun) / EVENTS * 1e9


def main() -> None:
    head("six timeframes, one symbol", "ns per event", "times the plain loop")
    everything, pure_cores, plain = in_turn(ROUNDS, actors, cores, plain_loop)
    base = median(plain)
    for label, figures in (
        ("through the actors, blocks of 1,024, digest, all rows of the frames", everything),
        ("the same cores without actors", pure_cores),
        ("a plain-Python loop: six lists, no calendar, no frames, no log", plain),
    ):
        row(label, f"{median(figures):,.0f}", f"{median(figures) / base:.2f}")
    time_indicators()
    time_workers()


def time_indicators() -> None:
    print()
    row("`core`, live on six timeframes at each event", "µs per event")
    row("---", "---")
    figures = in_turn(5, lambda: actors(indicators="core"), lambda: actors(Reader(), indicators="core"), talib)
    for label, found in zip(
        (
            "mtf, through the actors, each value stored",
            "the same, each value read back by a consumer, as arrays",
            "TA-Lib, twenty stream handles for each timeframe, `peek`",
        ),
        figures,
        strict=True,
    ):
        row(label, f"{median(found) / 1e3:.2f}")


def time_workers() -> None:
    print()
    row("live on each event; µs per event with so many workers", *map(str, WORKERS))
    row("---", *("---" for _ in WORKERS))
    cci = [f"cci:{period}" for period in range(300, 310)]
    for label, feed, settings in (
        ("`core` on six timeframes, one symbol", BLOCKS, {"indicators": "core"}),
        ("the same, a hundred symbols", blocks(ROWS, 1024, HUNDRED), {"indicators": "core"}),
        (
            "ten that need each of 300 bars at each tick (CCI) on six, 1s to 30s",
            BLOCKS,
            {"timeframes": SHORT, "indicators": cci},
        ),
        ("the same on 10s alone, eight symbols", blocks(ROWS, 1024, EIGHT), {"timeframes": ["10s"], "indicators": cci}),
    ):
        works = [functools.partial(actors, feed=feed, workers=workers, **settings) for workers in WORKERS]
        row(label, *(f"{median(found) / 1e3:.2f}" for found in in_turn(3, *works)))
    if Path("/proc/self/schedstat").exists():
        used = [[cpu(workers) for _ in range(3)] for workers in WORKERS]
        for place, label in enumerate(("CPU for `core`: the pipeline's process", "CPU for `core`: each worker")):
            row(label, *(f"{median([each[place] for each in found]):.2f}" for found in used))


if __name__ == "__main__":
    main()
