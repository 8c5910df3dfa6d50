"""This tree against another commit of it, in turn in one run: an event's way through the cores, and files by format.

    make bench ARGS=commits COMMIT=686905b

The other commit is built, compiled, in `build/commits`, the first time with all that `make build` installs. Each figure
is CPU time, the smallest of several in one process; shown are the medians over processes in turn, and the median of
the ratios of neighbours.
"""

from __future__ import annotations

import asyncio
import functools
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from formats import File, all_files
from market import blocks, head, median, quotes, row

import mtf
from mtf.engine import Engine
from mtf.events.block import Block, SymbolTable
from mtf.events.block_builder import BlockBuilder

ROOT = Path(__file__).parents[1]
TURNS = 5
EVENTS = 100_000
ROWS = 300_000  # of a file that is made
REPEATS = 12  # of what is short
READS = 3  # of a file
EIGHT = [f"S{number}" for number in range(8)]
SEPARATOR = "\t"


def main() -> int:
    commit = os.environ.get("COMMIT", "")
    if not commit:
        print("say which commit: make bench ARGS=commits COMMIT=686905b", file=sys.stderr)
        return 2
    other = python_of(commit)
    then: dict[str, list[float]] = {}
    now: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        all_files(Path(folder), ROWS)
        for _ in range(TURNS):
            for python, figures in ((other, then), (Path(sys.executable), now)):
                for label, ns in measured_by(python, folder):
                    figures.setdefault(label, []).append(ns)
    head("ns of CPU per event", f"at {commit}", "here", "here over there")
    for label, found in now.items():
        if label in then:
            ratios = [ours / theirs for ours, theirs in zip(found, then[label], strict=True)]
            row(label, f"{median(then[label]):.1f}", f"{median(found):.1f}", f"{median(ratios):.2f}")
        else:
            row(label, "cannot read it", f"{median(found):.1f}", "")
    return 0


def python_of(commit: str) -> Path:
    """Return the interpreter that has *commit* installed, compiled."""
    sha = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--verify", f"{commit}^{{commit}}"], check=True, capture_output=True, text=True
    ).stdout.strip()
    tree = ROOT / "build" / "commits" / sha
    python = tree / ".venv" / "bin" / "python"
    done = tree / "built"
    if not done.exists():
        packed = subprocess.run(["git", "-C", ROOT, "archive", sha], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(tree, filter="data")
        # What this make was called with is not meant for the other one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        subprocess.run(["make", "-C", tree, "build"], check=True, stdout=sys.stderr, env=environment)
        done.touch()
    return python


def measured_by(python: Path, folder: str) -> Iterator[tuple[str, float]]:
    """Yield what *python* measures, by label."""
    done = subprocess.run([python, __file__, folder], check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        label, _, ns = line.partition(SEPARATOR)
        yield label, float(ns)


def measure(folder: str) -> None:
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
    for file in all_files(Path(folder), ROWS):
        try:
            events = asyncio.run(read(file))
        except mtf.MtfError:
            continue
        show(file.label, functools.partial(_run, file), READS, events)


def show(label: str, work: Callable[[], object], repeats: int, events: int) -> None:
    figures = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        figures.append(time.process_time() - begun)
    print(label, min(figures) / events * 1e9, sep=SEPARATOR, flush=True)


def trades(count: int) -> list[Block]:
    """Return trades with ids as blocks in memory."""
    builder = BlockBuilder(SymbolTable())
    seq, found = 1, []
    for number, (ts_ns, bid, _, size, _) in enumerate(quotes(count)):
        builder.trade("EURUSD", ts_ns, bid, size, str(100_000 + number))
        if builder.count == 1024:
            found.append(builder.take(seq))
            seq += 1024
    return found


def gate(feed: list[Block]) -> None:
    engine = Engine(mtf.Config.make())
    for block in feed:
        engine.gate.judge(block)


def cores(feed: list[Block]) -> None:
    engine = Engine(mtf.Config.make())
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


async def read(file: File) -> int:
    """Read *file* to its end and return how many events it had."""
    async with mtf.Pipeline(clock="ticks", **file.settings) as pipeline:
        return (await pipeline.run(file.path, **file.reading)).events


def _run(file: File) -> None:
    asyncio.run(read(file))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        sys.exit(main())
