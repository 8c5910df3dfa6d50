"""Checkpoints and recovery: time and size of a checkpoint, what one every second costs, how fast a start is.

Six timeframes, indicators `core`, 1,000 bars of history; for 1 and for 10 symbols. A start is timed as a user would see
it: from opening the directory until the state is that of the log's end. Then starts by the length of the log, in blocks
and as single pushes, in turn, after a stop cleanly; `MILLIONS=100` makes the longest log that long.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

from market import head, in_turn, median, row

import mtf
from mtf.events.block import ROW_BYTES, Block
from mtf.log import FileLog, read_log
from mtf.sources import SyntheticMarket
from mtf.storage.datadir import SEGMENT_BYTES

ROUNDS = 5
EVENTS_PER_SYMBOL = 150_000
REST = 60_000  # events after the last checkpoint: a minute of a busy market


def market(symbols: int, events: int) -> SyntheticMarket:
    return SyntheticMarket(seed=3, symbols=[f"SYM{k:02d}" for k in range(symbols)], events=events, pace_ms=2_000)


async def fill(data: Path, symbols: int) -> tuple[float, int]:
    """Make a directory with one checkpoint and a rest of log; return the seconds of the checkpoint and its bytes."""
    source = market(symbols, EVENTS_PER_SYMBOL * symbols)
    settings = {"clock": "ticks", "indicators": "core", "durability": "os", "checkpoint_seconds": None}
    async with mtf.Pipeline(data=data, **settings) as pipeline:  # type: ignore[arg-type]
        await pipeline.run(source)
        begun = time.perf_counter()
        await pipeline.checkpoint()
        spent = time.perf_counter() - begun
    return spent, sum(path.stat().st_size for path in (data / "checkpoints").iterdir())


async def start(data: Path) -> float:
    """Return the seconds until the state is that of the log's end."""
    begun = time.perf_counter()
    settings = {"clock": "ticks", "indicators": "core", "durability": "os", "checkpoint_seconds": None}
    async with mtf.Pipeline(data=data, **settings) as pipeline:  # type: ignore[arg-type]
        await pipeline.applied(pipeline.logged_seq)
        return time.perf_counter() - begun


async def add_rest(data: Path, symbols: int) -> None:
    """Log another minute of market without a checkpoint."""
    source = market(symbols, EVENTS_PER_SYMBOL * symbols + REST)
    settings = {"clock": "ticks", "indicators": "core", "durability": "os", "checkpoint_seconds": None}
    async with mtf.Pipeline(data=data, **settings) as pipeline:  # type: ignore[arg-type]
        await pipeline.run(source)


async def run_with(every: float | None, symbols: int) -> float:
    """Return the seconds of a run with a checkpoint *every* so many seconds."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"clock": "ticks", "indicators": "core", "durability": "os", "checkpoint_seconds": every}
        async with mtf.Pipeline(data=Path(folder) / "data", **settings) as pipeline:  # type: ignore[arg-type]
            summary = await pipeline.run(market(symbols, 1_500_000))
            return summary.seconds


async def fill_quietly(data: Path, events: int) -> None:
    """Make a directory of one symbol, closed cleanly with a checkpoint at its end."""
    settings = {"clock": "ticks", "indicators": "core", "durability": "os", "compress": False}
    async with mtf.Pipeline(data=data, **settings) as pipeline:  # type: ignore[arg-type]
        await pipeline.run(market(1, events))


def as_single_pushes(data: Path) -> None:
    """Write the log in *data* again, a frame for each event: states do not depend on blocks."""
    reader = read_log(data / "log", block_events=1)
    log = FileLog.open(data / "single", config=reader.config, run_id=reader.run_id, segment_bytes=SEGMENT_BYTES)
    for logged in reader:
        rows, heap, first_seq = logged.block.rows, logged.block.heap, logged.block.first_seq
        for k in range(logged.block.count):
            log.append(Block(first_seq + k, 1, rows[k * ROW_BYTES : (k + 1) * ROW_BYTES], heap if k == 0 else b""))
    log.close()
    shutil.rmtree(data / "log")
    (data / "single").rename(data / "log")


def start_seconds(data: Path) -> float:
    return asyncio.run(start(data))


def lengths() -> None:
    """Time starts by the length of the log."""
    sizes = sorted({100_000, 1_000_000, 1_000_000 * int(os.environ.get("MILLIONS", "10"))})
    print()
    head("start after that many events, ms", *(f"{size:,}" for size in sizes))
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("in blocks", "as single pushes"):
            made = [Path(folder) / f"{kind} {size}" for size in sizes]
            for data, size in zip(made, sizes, strict=True):
                asyncio.run(fill_quietly(data, size))
                if kind != "in blocks":
                    as_single_pushes(data)
            found = in_turn(4 * ROUNDS, *(partial(start_seconds, data) for data in made))
            row(kind, *(f"{median(seconds) * 1e3:.0f}" for seconds in found))
            for data in made:
                shutil.rmtree(data)


def main() -> None:
    head("", "1 symbol", "10 symbols")
    cells: dict[str, list[str]] = {}

    def note(label: str, text: str) -> None:
        cells.setdefault(label, []).append(text)

    for symbols in (1, 10):
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            spent, size = asyncio.run(fill(data, symbols))
            note("checkpoint, ms", f"{spent * 1e3:.0f}")
            note("checkpoint, KiB", f"{size / 1024:,.0f}")
            starts = [asyncio.run(start(data)) for _ in range(ROUNDS)]
            note("start with an empty rest of log, ms", f"{median(starts) * 1e3:.0f}")
            asyncio.run(add_rest(data, symbols))
            starts = []
            for k in range(ROUNDS):
                copy = Path(folder) / f"copy{k}"
                shutil.copytree(data, copy)
                starts.append(asyncio.run(start(copy)))
            note(f"start with {REST:,} events after the checkpoint, ms", f"{median(starts) * 1e3:.0f}")
        without, each_second = [], []
        for _ in range(3):
            without.append(asyncio.run(run_with(None, symbols)))
            each_second.append(asyncio.run(run_with(1.0, symbols)))
        share = median([b / a - 1 for a, b in zip(without, each_second, strict=True)])
        note("a checkpoint every second: more time, %", f"{share * 100:.1f}")
    for label, figures in cells.items():
        row(label, *figures)
    lengths()


if __name__ == "__main__":
    main()
