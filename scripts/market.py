"""What the benchmarks feed on: a seeded walk of quotes, as blocks in memory, and how figures are printed."""

from __future__ import annotations

import gc
import importlib.util
import itertools
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from mtf.build import COMPILED
from mtf.events.block import Block, SymbolTable

START_NS = 1_709_719_200_000_000_000  # Wednesday 2024-03-06 10:00 UTC
TICK_NS = 100_000_000


def quotes(count: int, seed: int = 1) -> list[tuple[int, float, float, float, float]]:
    """Return *count* quotes of one symbol: time, bid, ask and sizes."""
    rng = random.Random(seed)
    price = 110_000
    found = []
    for i in range(count):
        price += rng.choice((-1, 0, 1))
        bid, ask = price / 1e5, (price + 10) / 1e5
        found.append((START_NS + i * TICK_NS, bid, ask, rng.randrange(1, 64) / 8, rng.randrange(1, 64) / 8))
    return found


def blocks(
    rows: list[tuple[int, float, float, float, float]], size: int, symbols: Sequence[str] = ("EURUSD",)
) -> list[Block]:
    """Return *rows*, of *symbols* in turn, as blocks of *size* events, from seq 1."""
    builder = block_builder()
    seq, found = 1, []
    for (ts_ns, bid, ask, bid_size, ask_size), symbol in zip(rows, itertools.cycle(symbols), strict=False):
        builder.quote(symbol, ts_ns, bid, ask, bid_size, ask_size)
        if builder.count == size:
            found.append(builder.take(seq))
            seq += size
    if builder.count:
        found.append(builder.take(seq))
    return found


def block_builder() -> Any:
    """Return what takes events, with a table of symbols of its own; in another commit it may have another name."""
    names = {"mtf.events.block_builder": "BlockBuilder", "mtf.events.door": "Door"}
    module = next(name for name in names if importlib.util.find_spec(name))
    return getattr(importlib.import_module(module), names[module])(SymbolTable())


def in_turn(rounds: int, *works: Callable[[], float]) -> list[list[float]]:
    """Return what each of *works* gave in each round; they are run in turn, so that drifts of the machine hit all."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, figures in zip(works, found, strict=True):
            figures.append(work())
    return found


def apart(program: str, *given: object, python: str = sys.executable) -> list[str]:
    """Return the words that *program* prints for *given*, in a process of *python* whose memory holds nothing else."""
    command = [python, program, *map(str, given)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """Return what gives the seconds of CPU time that *work* takes, each time it is called.

    What was timed before may have left cycles: they are collected first.
    """

    def once() -> float:
        gc.collect()
        begun = time.process_time()
        work()
        return time.process_time() - begun

    return once


def median(figures: list[float]) -> float:
    return statistics.median(figures)


def quantile(figures: list[float], share: float) -> float:
    """Return the figure below which *share* of all lie."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def head(*columns: str) -> None:
    """Print which build this is and the head of a table."""
    print(f"{'compiled' if COMPILED else 'pure'} build, Python {sys.version.split()[0]}\n")
    row(*columns)
    row(*("---" for _ in columns))


def row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)
