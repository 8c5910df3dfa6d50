"""What logging an event costs, by durability and block size; a plain write and an event store on SQLite beside it.

Also: events replayed a second, bytes an event in the log, raw and compressed.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import uuid
from pathlib import Path

from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteAggregateRecorder, SQLiteDatastore
from market import blocks, head, in_turn, median, quotes, row

import mtf
from mtf.events.block import Block
from mtf.log import FileLog, Writer, compress_sealed

EVENTS = 100_000
FEW = 2_000  # where each append waits for the disk
ROUNDS = 5
CONFIG = mtf.Config.make()


def count_of(chosen: list[Block]) -> int:
    return sum(int(block.count) for block in chosen)


def plain_write(chosen: list[Block]) -> float:
    """Return nanoseconds an event of writing the same rows to a file, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.open(f"{folder}/plain", os.O_CREAT | os.O_WRONLY)
        begun = time.perf_counter()
        for block in chosen:
            os.write(file, block.rows)
        spent = time.perf_counter() - begun
        os.close(file)
    return spent / count_of(chosen) * 1e9


def logged(chosen: list[Block], mode: str) -> float:
    """Return nanoseconds an event of appending through the writer, as the pipeline does."""

    async def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            log = FileLog.open(f"{folder}/log", config=CONFIG.to_json())
            writer = Writer(log, mode)  # type: ignore[arg-type]
            begun = time.perf_counter()
            for block in chosen:
                if not writer.try_append(block):
                    await writer.append(block)
            spent = time.perf_counter() - begun
            await writer.close()
            return spent / count_of(chosen) * 1e9

    return asyncio.run(run())


def stored(chosen: list[Block]) -> float:
    """Return nanoseconds an event of the `eventsourcing` package on SQLite, a transaction a block."""
    with tempfile.TemporaryDirectory() as folder:
        recorder = SQLiteAggregateRecorder(SQLiteDatastore(f"{folder}/events.sqlite"))
        recorder.create_table()
        origin, version = uuid.uuid4(), 0
        begun = time.perf_counter()
        for block in chosen:
            stored_events = []
            for i in range(block.count):
                version += 1
                stored_events.append(StoredEvent(origin, version, "Tick", block.rows[i * 48 : i * 48 + 48]))
            recorder.insert_events(stored_events)
        spent = time.perf_counter() - begun
        recorder.datastore.close()
    return spent / count_of(chosen) * 1e9


def main() -> None:
    rows = quotes(EVENTS)
    head("ns per event", "1 a block", "32 a block", "1,000 a block")
    sizes = (1, 32, 1000)
    many = {size: blocks(rows if size > 1 else rows[: EVENTS // 5], size) for size in sizes}
    few = {size: blocks(rows[: FEW if size == 1 else EVENTS // 5], size) for size in sizes}
    cells: dict[str, list[str]] = {}
    for size in sizes:
        works = {
            "plain `write`": lambda size=size: plain_write(many[size]),
            "mtf, `os`": lambda size=size: logged(many[size], "os"),
            "mtf, `group`": lambda size=size: logged(many[size], "group"),
            "mtf, `each`": lambda size=size: logged(few[size], "each"),
            "`eventsourcing` on SQLite": lambda size=size: stored(few[size]),
        }
        for label, figures in zip(works, in_turn(ROUNDS, *works.values()), strict=True):
            cells.setdefault(label, []).append(f"{median(figures):,.0f}")
    for label, texts in cells.items():
        row(label, *texts)
    sizes_and_replay(rows)


def sizes_and_replay(rows: list[tuple[int, float, float, float, float]]) -> None:
    """Print what an event takes on disk, and how fast a log is played."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"

        async def fill() -> None:
            async with mtf.Pipeline(data=data, clock="ticks", durability="os") as pipeline:
                ticks = (mtf.Tick("EURUSD", *quote) for quote in rows)
                await pipeline.run(ticks)

        async def play() -> float:
            async with mtf.Pipeline() as pipeline:
                summary = await pipeline.replay(data)
                return summary.events / summary.seconds

        asyncio.run(fill())
        raw = sum(path.stat().st_size for path in (data / "log").iterdir()) / len(rows)
        rates = [asyncio.run(play()) for _ in range(ROUNDS)]
        compress_sealed(data / "log")
        small = sum(path.stat().st_size for path in (data / "log").iterdir()) / len(rows)
        packed = [asyncio.run(play()) for _ in range(ROUNDS)]
    print()
    row("quotes with sizes, a random walk", "bytes per event", "replayed, events/s")
    row("---", "---", "---")
    row("raw", f"{raw:.1f}", f"{median(rates):,.0f}")
    row("sealed segments compressed", f"{small:.1f}", f"{median(packed):,.0f}")


if __name__ == "__main__":
    main()
