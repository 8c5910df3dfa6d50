"""This tree against another commit of it, in turn in one run: an event's way through gate, cores and actors.

    make bench ARGS=commits COMMIT=686905b

The other commit is built, compiled, in `build/commits`, the first time with all that `make build` installs. Each figure
is CPU time, the smallest of several in one process; shown are the medians over processes in turn, and the median of
the ratios of neighbours. `bench_formats.py` does the same for files.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from commits import python_of, wanted
from market import block_builder, blocks, head, median, quotes, row

import mtf
from mtf.events.block import Block

try:
    from mtf.kernel import Kernel
except ImportError:  # the other commit is of before it had that name
    from mtf.engine import Engine as Kernel  # type: ignore[assignment]

TURNS = 5
EVENTS = 100_000
REPEATS = 12  # of what is short
EIGHT = [f"S{number}" for number in range(8)]
SEPARATOR = "\t"
MEASURE = "measure"


def main() -> int:
    commit = wanted()
    if not commit:
        print("say which commit: make bench ARGS=commits COMMIT=686905b", file=sys.stderr)
        return 2
    other = python_of(commit)
    then: dict[str, list[float]] = {}
    now: dict[str, list[float]] = {}
    for _ in range(TURNS):
        for python, figures in ((other, then), (Path(sys.executable), now)):
            for label, ns in measured_by(python):
                figures.setdefault(label, []).append(ns)
    head("ns of CPU per event", f"at {commit}", "here", "here over there")
    for label, found in now.items():
        ratios = [ours / theirs for ours, theirs in zip(found, then[label], strict=True)]
        row(label, f"{median(then[label]):.1f}", f"{median(found):.1f}", f"{median(ratios):.2f}")
    return 0


def measured_by(python: Path) -> Iterator[tuple[str, float]]:
    """Yield what *python* measures, by label."""
    done = subprocess.run([python, __file__, MEASURE], check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        label, _, ns = line.partition(SEPARATOR)
        yield label, float(ns)


def measure() -> None:
    """Print the figures of the mtf that is installed here. It may be an old one: what is used here is in both."""
    walk = quotes(EVENTS)
    one, eight, traded = blocks(walk, 1024), blocks(walk, 1024, EIGHT), trades(EVENTS)
    for label, work in (
        ("the gate, quotes of one symbol", lambda: gate(one)),
        ("the gate, quotes of eight symbols", lambda: gate(eight)),
        ("the gate, trades with ids", lambda: gate(traded)),
        ("the cores, quotes of one symbol", lambda: cores(one)),
        ("the cores, quotes of eight symbols", lambda: cores(eight)),
        ("through the actors, quotes of one symbol", lambda: actors(one)),
    ):
        show(label, work, REPEATS, EVENTS)


def show(label: str, work: Callable[[], object], repeats: int, events: int) -> None:
    figures = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        figures.append(time.process_time() - begun)
    print(label, min(figures) / events * 1e9, sep=SEPARATOR, flush=True)


def trades(count: int) -> list[Block]:
    """Return trades with ids as blocks in memory."""
    builder = block_builder()
    seq, found = 1, []
    for number, (ts_ns, bid, _, size, _) in enumerate(quotes(count)):
        builder.trade("EURUSD", ts_ns, bid, size, str(100_000 + number))
        if builder.count == 1024:
            found.append(builder.take(seq))
            seq += 1024
    return found


def gate(feed: list[Block]) -> None:
    engine = Kernel(mtf.Config.make())
    for block in feed:
        engine.gate.judge(block)


def cores(feed: list[Block]) -> None:
    engine = Kernel(mtf.Config.make())
    for block in feed:
        engine.step(block)


def actors(feed: list[Block]) -> None:
    async def run() -> None:
        async with mtf.Pipeline(clock="ticks") as pipeline:
            inside: Any = pipeline  # where a commit has its sequencer
            source = inside._alive.source if hasattr(inside, "_alive") else inside._source
            for block in feed:
                await source.replay(block)
            await pipeline.drain()

    asyncio.run(run())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure()
    else:
        sys.exit(main())
