"""The history's writer: what a bar costs, of a thousand thin symbols and of one, with values and without.

A frame a minute of 1,000 symbols, so that each bar is of another series than the one before, stored by the writer in
transactions as they come in a run, with all merging that follows. Beside it, the same bars as rows of one table in the
order of its key, as they were stored before, in transactions of the same length.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench_reading import ROWS
from market import head, row

import mtf
from mtf.config import Config
from mtf.frames.frame import Frame
from mtf.kernel import Kernel
from mtf.sources import SyntheticMarket
from mtf.storage.history import writer
from mtf.storage.history.schema import bar_row
from mtf.storage.history.store import HistoryStore

EVENTS = 600_000
TRANSACTION = 4_096  # bars


def market(symbols: int) -> SyntheticMarket:
    names = [f"SYM{k:04d}" for k in range(symbols)]
    return SyntheticMarket(seed=5, symbols=names, events=EVENTS, pace_ms=60_000 // symbols)


def frames(path: Path, config: Config) -> Iterator[Frame]:
    """Yield the frames of the log in *path*."""
    engine = Kernel(config)
    for logged in mtf.log.read_log(path / "log"):
        yield engine.step(logged.block)


async def logged(path: Path, symbols: int) -> None:
    """Log the market, with nothing computed of it."""
    async with mtf.Pipeline(
        data=path, calendar="crypto", clock="ticks", durability="os", timeframes="1d", checkpoint_seconds=None
    ) as pipeline:
        await pipeline.run(market(symbols))


async def stored(path: Path, made: list[Frame], config: Config) -> tuple[float, float, int]:
    """Return seconds, CPU seconds and bars of storing *made* in *path*."""
    history = writer.HistoryWriter(path / "stored.sqlite", made[-1].last_seq, config=config)
    await history.on_start()
    begun, cpu = time.perf_counter(), time.process_time()
    for frame in made:
        await history.on_frame(frame)
    await history.on_stop()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return seconds, cpu, sum(HistoryStore(path / "stored.sqlite").counts().values())


def rows_stored(path: Path, made: list[Frame]) -> tuple[float, float, int]:
    with closing(sqlite3.connect(path / "rows.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(ROWS)
        begun, cpu = time.perf_counter(), time.process_time()
        rows: list[tuple[object, ...]] = []
        bars = 0
        for frame in made:
            rows += [bar_row(closing.bar, frame.first_seq + closing.row) for closing in frame.closings]
            if len(rows) >= TRANSACTION:
                bars += len(rows)
                connection.execute("BEGIN")
                connection.executemany(f"INSERT INTO bars VALUES ({', '.join('?' * 21)})", rows)
                connection.execute("COMMIT")
                rows = []
        return time.perf_counter() - begun, time.process_time() - cpu, bars


def bench(symbols: int, indicators: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        asyncio.run(logged(path, symbols))
        config = Config.make(calendar="crypto", indicators=indicators, history=1)
        made = list(frames(path, config))
        seconds, cpu, bars = asyncio.run(stored(path, made, config))
        size = sum(each.stat().st_size for each in path.glob("stored.sqlite*"))
        what = f"{symbols:,} symbols, {indicators}"
        row(what, f"{bars:,}", f"{seconds / bars * 1e6:.1f}", f"{cpu / bars * 1e6:.1f}", f"{size / bars:.0f}")
        if indicators == "none":
            seconds, cpu, bars = rows_stored(path, made)
            size = (path / "rows.sqlite").stat().st_size
            what = f"{symbols:,} symbols, as rows of a table"
            row(what, f"{bars:,}", f"{seconds / bars * 1e6:.1f}", f"{cpu / bars * 1e6:.1f}", f"{size / bars:.0f}")


def main() -> None:
    head("stored bars", "bars", "µs a bar", "µs of CPU a bar", "bytes a bar")
    for symbols in (1_000, 1):
        for indicators in ("none", "core"):
            bench(symbols, indicators)


if __name__ == "__main__":
    main()
