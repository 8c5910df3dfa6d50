"""A market beside one symbol: what an event costs in the cores as the number of symbols grows.

    make bench ARGS=market                     this tree
    make bench ARGS=market COMMIT=686905b      beside another commit, in turn

Blocks of quotes from memory, six timeframes, each symbol in turn in an order that is new in each round. CPU time per
event, warm: the median over blocks, and the mean, which has the pauses of the garbage collector in it, and of both the
median of `ROUNDS` processes, in turn. Beside it, what a symbol takes in memory; then, of this tree alone, what a new
symbol costs, and how much memory a kept bar takes.
"""

from __future__ import annotations

import random
import resource
import statistics
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commits import python_of, wanted
from market import START_NS, apart, block_builder, head, row

import mtf
from mtf.events.block import Block

try:
    from mtf.kernel import Kernel
except ImportError:  # the other commit is of before it had that name
    from mtf.engine import Engine as Kernel  # type: ignore[assignment]

BLOCK = 1024
BLOCKS = 40
ROUNDS = 5
SECOND_NS = 1_000_000_000
SPARSE_S = 10.0
MEASURE = "measure"
NEW = "new"
KEPT = "kept"
NEW_SYMBOLS = 2_048
HISTORY = 1_000
CASES = (
    # symbols, seconds between two ticks of one, indicators
    (1, 0.5, ""),
    (100, 0.5, ""),
    (1_000, 0.5, ""),
    (10_000, 0.5, ""),
    (1, 20.0, ""),
    (1_000, 20.0, ""),
    (10_000, 20.0, ""),
    (1, 0.5, "core"),
    (1, 20.0, "core"),
    (1_000, 20.0, "core"),
    (10_000, 20.0, "core"),
)


def main() -> int:
    commit = wanted()
    pythons = [Path(sys.executable)]
    if commit:
        pythons.insert(0, python_of(commit))
        head("ns an event, median / mean", f"at {commit}", "here", "here over there (medians)")
    else:
        head("ns an event", "median", "mean", "KiB a symbol")
    for symbols, seconds, indicators in CASES:
        rounds = [
            [measured(python, MEASURE, symbols, seconds, indicators) for python in pythons] for _ in range(ROUNDS)
        ]
        found = [
            [statistics.median(figures) for figures in zip(*each, strict=True)] for each in zip(*rounds, strict=True)
        ]
        who = f"{symbols:,} symbols" if symbols > 1 else "1 symbol"
        label = f"{who}, a tick each {seconds:g} s{', core' if indicators else ''}"
        median, mean, kib = found[-1]
        if commit:
            before = found[0]
            ratio = statistics.median([here[0] / there[0] for there, here in rounds])
            row(
                label,
                f"{before[0]:,.0f} / {before[1]:,.0f}",
                f"{median:,.0f} / {mean:,.0f}",
                f"{ratio:.2f}",
            )
        else:
            row(label, f"{median:,.0f}", f"{mean:,.0f}", f"{kib:,.0f}" if symbols > 1 else "")
    print()
    head("a new symbol, six timeframes", "us", "KiB")
    for indicators in ("", "core"):
        tries = [measured(Path(sys.executable), NEW, indicators) for _ in range(ROUNDS)]
        us, kib = (statistics.median(figures) for figures in zip(*tries, strict=True))
        row(f"with {indicators}" if indicators else "without indicators", f"{us:.1f}", f"{kib:.1f}")
    print()
    head("a kept bar, with its values", "numbers", "bytes", "over 8 a number")
    for indicators in ("", "core"):
        numbers, size = measured(Path(sys.executable), KEPT, indicators)
        row(
            f"with {indicators}" if indicators else "alone",
            f"{numbers:.0f}",
            f"{size:.0f}",
            f"{size / 8 / numbers:.2f}",
        )
    return 0


def measured(python: Path, what: str, *given: object) -> list[float]:
    """Return what this program measures for *what* with *python*, in a process of its own."""
    return list(map(float, apart(__file__, what, *given, python=str(python))))


def new_symbol(indicators: str) -> tuple[float, float]:
    """Return how many us the first tick of a symbol takes more than the next, and how many KiB it takes."""
    kernel = Kernel(mtf.Pipeline(data=None, calendar="crypto", indicators=indicators or None, clock="ticks").config)
    made = list(blocks(NEW_SYMBOLS, 0.5, 2 * NEW_SYMBOLS // BLOCK))
    before = resident()
    begun = time.thread_time_ns()
    half = len(made) // 2
    for block in made[:half]:
        kernel.step(block)
    first = time.thread_time_ns()
    for block in made[half:]:
        kernel.step(block)
    took = (first - begun) - (time.thread_time_ns() - first)
    return took / NEW_SYMBOLS / 1e3, (resident() - before) / NEW_SYMBOLS / 1024


def kept_bar(indicators: str) -> tuple[int, float]:
    """Return the numbers of a bar and its values, and how many bytes each kept one takes, histories being full."""
    settings: Any = {"timeframes": ["1m"], "calendar": "crypto", "indicators": indicators or None, "history": HISTORY}
    kernel = Kernel(mtf.Pipeline(data=None, clock="ticks", **settings).config)
    symbols = 100
    rounds = HISTORY * 6 // 5
    made = list(blocks(symbols, 60.0, rounds * symbols // BLOCK))
    taken = 0
    tracemalloc.start()  # memory in use, without what the allocator holds back
    for k, block in enumerate(made):
        kernel.step(block)
        if k == 2 * symbols // BLOCK:
            taken = tracemalloc.get_traced_memory()[0]
    size = tracemalloc.get_traced_memory()[0] - taken
    width = kernel.calculators[0].width if kernel.calculators else 0
    return 9 + width, size / (symbols * HISTORY)


def resident() -> int:
    """Return how many bytes of memory this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def measure(symbols: int, seconds: float, indicators: str) -> None:
    """Print median and mean in ns, and KiB a symbol, of the mtf that is installed here.

    It may be an old one: what is used here is in both.
    """
    config = mtf.Pipeline(data=None, calendar="crypto", indicators=indicators or None, clock="ticks").config
    kernel = Kernel(config)
    rounds = 30 if seconds >= SPARSE_S else 2  # ten minutes, so that bars have closed before
    warm = max(20, rounds * symbols // BLOCK + 5)
    made = list(blocks(symbols, seconds, warm + BLOCKS))
    figures: list[float] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for turn, block in enumerate(made):
        begun = time.thread_time_ns()
        kernel.step(block)
        if turn >= warm:
            figures.append((time.thread_time_ns() - begun) / BLOCK)
    kib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / symbols
    print(statistics.median(figures), statistics.mean(figures), kib)


def blocks(symbols: int, seconds: float, count: int) -> Iterator[Block]:
    """Yield blocks of quotes; each symbol has one every *seconds*."""
    rng = random.Random(1)
    builder = block_builder()
    names = [f"S{number:05}" for number in range(symbols)]
    prices = [110_000] * symbols
    order = list(range(symbols))
    step_ns = int(seconds * SECOND_NS / symbols)
    at = symbols
    for i in range(count * BLOCK):
        if at >= symbols:
            rng.shuffle(order)
            at = 0
        symbol = order[at]
        at += 1
        prices[symbol] += rng.choice((-1, 0, 1))
        bid = prices[symbol] / 1e5
        sizes = rng.randrange(1, 64) / 8, rng.randrange(1, 64) / 8
        builder.quote(names[symbol], START_NS + i * step_ns, bid, bid + 1e-4, *sizes)
        if builder.count == BLOCK:
            yield builder.take(i + 2 - BLOCK)


if __name__ == "__main__":
    if sys.argv[1:2] == [MEASURE]:
        measure(int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
    elif sys.argv[1:2] == [NEW]:
        print(*new_symbol(sys.argv[2]))
    elif sys.argv[1:2] == [KEPT]:
        print(*kept_bar(sys.argv[2]))
    else:
        sys.exit(main())
