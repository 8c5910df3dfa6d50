"""Clusters for tests: made on a server, fed from files, and what they should give."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from mtf.cluster.bar_messages import ClusterBar, bars_in
from mtf.cluster.broker import Broker
from mtf.cluster.cluster_worker import ClusterWorker
from mtf.cluster.gateway import Gateway
from mtf.cluster.link import Link
from mtf.cluster.membership import make_cluster
from mtf.cluster.owner import Cadence
from mtf.cluster.partition_writer import ReadSoFar
from mtf.cluster.partitioning import Definition, Partitioning
from mtf.cluster.subjects import ClusterNames
from mtf.config import Config
from mtf.events.tick import Tick
from mtf.pipeline import Pipeline
from mtf.sources.given import parts_given
from mtf.sources.merge import MergedSource
from mtf.storage.datadir import DataDir
from mtf.storage.restore import closed_between
from mtf.storage.storage import Storage

__all__ = [
    "CONFIG",
    "SYMBOLS",
    "Expected",
    "connected",
    "definition_in",
    "expected_of",
    "gateway_of",
    "merged",
    "stored_bars",
    "until",
    "until_pushes_are_taken",
    "whole_log",
    "working",
    "write_ticks",
]

CONFIG = Config.make(indicators=["ema:3", "rsi:5"], timeframes=["1m", "5m", "1h"], history=20, calendar="crypto")
SYMBOLS = [f"S{k}" for k in range(9)]
WAIT_S = 60.0


def write_ticks(path: Path, count: int, symbols: list[str] = SYMBOLS, seed: int = 1) -> list[Tick]:
    """Write quotes in order of time to a file at *path*, one malformed in each thousand, and return the others."""
    ticks: list[Tick] = []
    lines = ["time,symbol,bid,ask"]
    state, ts_ns = seed, 1_700_000_000_000_000_000
    for k in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        ts_ns += 1_000_000_000 * ((state >> 33) % 7)
        symbol = symbols[(state >> 45) % len(symbols)]
        bid = 1.0 + ((state >> 20) % 1000) / 1000
        if k % 1000 == 999:
            lines.append(f"{ts_ns},{symbol},abc,{bid + 0.5}")
            continue
        lines.append(f"{ts_ns},{symbol},{bid},{bid + 0.5}")
        ticks.append(Tick(symbol, ts_ns, bid, bid + 0.5))
    path.write_text("\n".join(lines) + "\n")
    return ticks


def merged(path: Path) -> MergedSource:
    """Return the file at *path* as a source."""
    return MergedSource(parts_given(str(path), {}, {"resumable": True}))


class Expected:
    """What one machine gives for the ticks of some symbols: digest, and each bar with its id."""

    def __init__(self, digest: str, seq: int, bars: list[tuple[int, int, str]]) -> None:
        self.digest, self.seq, self.bars = digest, seq, bars


async def expected_of(directory: Path, ticks: list[Tick], config: Config = CONFIG, *, bars: bool = True) -> Expected:
    """Return what a pipeline gives for *ticks*, logged in *directory*; without *bars* it names none."""
    async with Pipeline(data=directory, config=config, clock="ticks", checkpoint_seconds=None) as p:
        if ticks:
            await p.run(ticks, name="ticks")
        digest, seq = p.digest, p.seq
    found: list[tuple[int, int, str]] = []
    for bar, at, _ in closed_between(directory, 0, seq) if bars else ():
        found.append((at, found[-1][1] + 1 if found and found[-1][0] == at else 0, repr(bar)))
    return Expected(digest, seq, found)


def whole_log(storage: Storage | Path) -> tuple[bytes, bytes]:
    """Return all rows and heaps of a log."""
    opened = DataDir(storage) if isinstance(storage, Path) else storage
    found = list(opened.read_log().read())
    return b"".join(each.block.rows for each in found), b"".join(each.block.heap for each in found)


def connected(url: str) -> contextlib.closing[Link]:
    """Return a new connection, which `with` closes."""
    return contextlib.closing(Link(url))


def definition_in(link: Link, names: ClusterNames, partitions: int, config: Config = CONFIG) -> Definition:
    """Make a cluster and return its definition."""
    return link.call(make_cluster(link.broker, names, Definition(Partitioning(partitions), config)))


def gateway_of(link: Link, names: ClusterNames, definition: Definition, path: Path) -> ReadSoFar:
    """Write the file at *path* into a cluster."""
    with contextlib.closing(Gateway(link, names, definition, lease_s=0.5)) as gateway:
        return gateway.run(merged(path))


@contextlib.asynccontextmanager
async def working(
    url: str, names: ClusterNames, definition: Definition, *, lease_s: float = 0.5, **cadence: Any
) -> AsyncIterator[ClusterWorker]:
    """Have a worker of a cluster run on this loop."""
    async with Broker.connected(url) as broker:
        worker = ClusterWorker(broker, names, definition, lease_s=lease_s, cadence=Cadence(**cadence))
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            await task


async def until_pushes_are_taken(broker: Broker, names: ClusterNames) -> None:
    """Wait until a gateway answers a push, of no events."""

    async def answered() -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                return "events" in await broker.ask_once(names.push_subject, b"[]")
        return False

    await until(answered, "a gateway")


async def until(condition: Any, what: str) -> Any:
    """Wait until *condition*, a coroutine function, returns something true, and return it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + WAIT_S
    while not (found := await condition()):
        assert loop.time() < end, f"{what} did not happen in {WAIT_S} s"
        await asyncio.sleep(0.01)
    return found


async def stored_bars(broker: Broker, names: ClusterNames, partition: int) -> list[ClusterBar]:
    """Return all bars of a partition, in the order in which they are stored."""
    found: list[ClusterBar] = []
    number = 1
    while messages := await broker.messages(names.out_stream(partition), number, 64):
        for each in messages:
            assert each.number == number, "no message is missing"
            found += bars_in(each.data)
            number += 1
    return found
