"""Events through the actors from memory: six timeframes, all rows of the frames; a plain-Python loop beside it."""

from __future__ import annotations

import asyncio
import functools
import time

from market import START_NS, blocks, head, in_turn, median, quotes, row

import mtf
from mtf.engine import Engine

EVENTS = 200_000
ROUNDS = 7
LENGTHS_NS = tuple(minutes * 60_000_000_000 for minutes in (1, 5, 15, 60, 240, 1440))

ROWS = quotes(EVENTS)
BLOCKS = blocks(ROWS, 1024)


def actors(**settings: object) -> float:
    """Return nanoseconds an event through a pipeline without a log."""

    async def run() -> float:
        async with mtf.Pipeline(clock="ticks", **settings) as pipeline:  # type: ignore[arg-type]
            source = pipeline._source  # blocks that are in memory already go in here
            await source.replay(BLOCKS[0])
            await pipeline.drain()  # workers, where there are some, have started
            begun = time.perf_counter()
            for block in BLOCKS[1:]:
                await source.replay(block)
            await pipeline.drain()
            return (time.perf_counter() - begun) / (EVENTS - int(BLOCKS[0].count)) * 1e9

    return asyncio.run(run())


def cores() -> float:
    """Return nanoseconds an event through the same cores without actors."""
    engine = Engine(mtf.Config.make())
    begun = time.perf_counter()
    for block in BLOCKS:
        engine.step(block)
    return (time.perf_counter() - begun) / EVENTS * 1e9


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
    print()
    row("indicators on six timeframes, live on each event", "no workers, µs", "1", "2", "3")
    row("---", "---", "---", "---", "---")
    heavy = {
        "timeframes": ("1s", "2s", "5s", "10s", "15s", "30s"),
        "indicators": [f"cci:{period}" for period in range(300, 310)],
    }
    for label, settings in (
        ("the twenty", {"indicators": "all"}),
        ("ten that need each bar of 300 at each tick (CCI), 1s to 30s", heavy),
    ):
        works = [functools.partial(actors, workers=workers, **settings) for workers in (0, 1, 2, 3)]
        row(label, *(f"{median(figures) / 1e3:.2f}" for figures in in_turn(3, *works)))


if __name__ == "__main__":
    main()
