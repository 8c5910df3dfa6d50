"""Three seconds of ticks out of a log of a million events and out of one of 50 million, wherever they lie in it.

The long log takes 2.4 GB and some minutes to make; it is read as it was written, and then compressed. MILLIONS=20 makes
a shorter one. Ten symbols, of which one is read, by a reader that was opened before; processor time, for a busy machine
makes more of a millisecond than the length of a log does.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow
from bench_reading import SETTINGS, SYMBOLS
from market import head, in_turn, median, row, timed

import mtf
from mtf.log import compress_sealed, survey_log
from mtf.sources import SyntheticMarket
from mtf.units import SECOND_NS

EVENTS = (1_000_000, int(os.environ.get("MILLIONS", "50")) * 1_000_000)
ROUNDS = 31
SHARES = (("start", 0.01), ("middle", 0.5), ("end", 0.99))


async def fill(path: Path, events: int) -> None:
    source = SyntheticMarket(seed=3, symbols=SYMBOLS, events=events, pace_ms=2_000)
    async with mtf.Pipeline(data=path, compress=False, **SETTINGS) as pipeline:  # type: ignore[arg-type]
        await pipeline.run(source)


def window(data: mtf.DataReader, start: int) -> object:
    return pyarrow.table(data.ticks(SYMBOLS[4], start=start, end=start + 3 * SECOND_NS))


def windows(data: mtf.DataReader, path: Path, what: str) -> dict[str, Callable[[], object]]:
    """Return the windows of one log by name."""
    found = survey_log(path / "log")
    assert found.first_ns is not None
    assert found.last_ns is not None
    span = found.last_ns - found.first_ns
    return {f"{what}, {where}": partial(window, data, found.first_ns + int(span * share)) for where, share in SHARES}


def bench(paths: dict[int, Path], kind: str) -> None:
    readers = {events: mtf.open(path) for events, path in paths.items()}
    works: dict[str, Callable[[], object]] = {}
    for events, data in readers.items():
        works |= windows(data, paths[events], f"three seconds of {events:,} ticks{kind}")
    for name, figures in zip(works, in_turn(ROUNDS, *map(timed, works.values())), strict=True):
        row(name, f"{median(figures) * 1e3:.2f}")
    for data in readers.values():
        data.close()


def main() -> None:
    head("", "ms")
    with tempfile.TemporaryDirectory() as folder:
        paths = {events: Path(folder) / f"{events}" for events in EVENTS}
        for events, path in paths.items():
            asyncio.run(fill(path, events))
        bench(paths, "")
        for path in paths.values():
            compress_sealed(path / "log")
        bench(paths, ", compressed")


if __name__ == "__main__":
    main()
