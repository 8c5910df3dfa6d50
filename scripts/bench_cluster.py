"""Clusters: events a second of processor time, written, read and computed, and from a push to a state elsewhere.

Needs the extra `cluster`. One broker on this machine that syncs each message, 4 partitions of 16 symbols, six
timeframes, sma:20 and rsi:14. Pushes come from this process, go through a gateway and a worker in processes of their
own, and come back as states.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
from market import head, quantile, row

import mtf
from mtf.cluster.broker import Broker
from mtf.cluster.broker_process import BrokerProcess
from mtf.cluster.gateway import Gateway
from mtf.cluster.link import Link
from mtf.cluster.membership import make_cluster, owner_answer
from mtf.cluster.partitioning import Definition, Partitioning
from mtf.cluster.pushing import encoded_tick
from mtf.cluster.stream_storage import StreamStorage
from mtf.cluster.subjects import ClusterNames
from mtf.sources import SyntheticMarket
from mtf.sources.merge import MergedSource

EVENTS = 1_000_000
PARTITIONS = 4
SYMBOLS = [f"SYM{k:02d}" for k in range(64)]
PUSHES = 2_000
PER_SECOND = 500


def definition() -> Definition:
    table = {symbol: k % PARTITIONS for k, symbol in enumerate(SYMBOLS)}
    return Definition(Partitioning(PARTITIONS, table), mtf.Config.make(indicators="sma:20,rsi:14"))


def settings(directory: Path, url: str, name: str, live_per_second: float = 0.0) -> Path:
    path = directory / f"{name}.toml"
    path.write_text(
        f'name = "{name}"\nservers = "{url}"\n[worker]\nlease_s = 5.0\ncheckpoint_seconds = 0.0\n'
        f"checkpoint_events = 0\nlive_per_second = {live_per_second}\n"
    )
    return path


def start(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-P", "-m", "mtf", "cluster", *words], stdout=subprocess.DEVNULL)


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()


def written(link: Link, name: str) -> float:
    """Write the market into the cluster *name* and return events a second of this process's time."""
    names = ClusterNames(name)
    made = link.call(make_cluster(link.broker, names, definition()))
    gateway = Gateway(link, names, made)
    source = MergedSource([SyntheticMarket(seed=3, symbols=SYMBOLS, events=EVENTS)])
    begun = time.process_time()
    gateway.run(source)
    spent = time.process_time() - begun
    gateway.close()
    return EVENTS / spent


def read(link: Link, name: str) -> float:
    """Read all partitions, with all checks, and return events a second of this process's time."""
    begun = time.process_time()
    count = 0
    for partition in range(PARTITIONS):
        storage = StreamStorage(link, ClusterNames(name), partition)
        count += sum(logged.block.count for logged in storage.read_log().read())
    assert count == EVENTS
    return EVENTS / (time.process_time() - begun)


def processor_s(processes: list[subprocess.Popen[bytes]]) -> float:
    """Return the processor time that *processes* have used, on Linux."""
    used = 0
    for process in processes:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


async def worked(directory: Path, url: str, name: str, workers: int) -> float:
    """Have so many *workers* play the log of the cluster *name*; return events a second of their time."""
    broker = await Broker.connect(url)
    path = settings(directory, url, name)
    processes = [start("worker", "--config", str(path)) for _ in range(workers)]
    begun = 0.0
    first = 0
    try:
        while True:
            answers = [await owner_answer(broker, ClusterNames(name), partition) for partition in range(PARTITIONS)]
            done = sum(answer["seq"] for answer in answers if answer is not None)
            if not begun and all(answer is not None for answer in answers):
                begun, first = processor_s(processes), done
            if done == EVENTS:
                return (EVENTS - first) / (processor_s(processes) - begun)
            await asyncio.sleep(0.01)
    finally:
        end(processes)
        await broker.close()


async def pushed(directory: Path, url: str) -> tuple[float, float]:
    """Return the median and the 99th percentile of the time from a push to the state with it, in ms."""
    names = ClusterNames("pushed")
    broker, sending = await Broker.connect(url), await Broker.connect(url)
    await make_cluster(broker, names, definition())
    path = settings(directory, url, "pushed", live_per_second=2_000.0)
    processes = [start("gateway", "--push", "--config", str(path)), start("worker", "--config", str(path))]
    sent: dict[int, float] = {}
    took: list[float] = []

    async def heard(message: object) -> None:
        now = time.perf_counter()
        state = orjson.loads(message.data)  # type: ignore[attr-defined]
        for ts_ns in [each for each in sent if each <= state["time_ns"]]:  # one state may answer several pushes
            took.append((now - sent.pop(ts_ns)) * 1e3)

    symbol = SYMBOLS[0]
    partition = definition().partitioning.of(symbol)
    try:
        async with mtf.Cluster(url, name="pushed") as cluster:
            await cluster.seqs()  # once workers own all partitions
        async with broker.subscribed(names.live_subject(partition, symbol), heard):
            begun = asyncio.get_running_loop().time()
            for k in range(PUSHES):
                ts_ns = 1_700_000_000_000_000_000 + k * 1_000_000
                tick = mtf.Tick(symbol, ts_ns, 1.0 + k % 7 / 100, 1.1)
                sent[ts_ns] = time.perf_counter()
                await sending.tell(names.push_subject, orjson.dumps(encoded_tick(tick)))
                await asyncio.sleep(max(0.0, begun + (k + 1) / PER_SECOND - asyncio.get_running_loop().time()))
            await asyncio.sleep(1.0)
    finally:
        end(processes)
        await broker.close()
        await sending.close()
    assert len(took) == PUSHES, f"{len(took)} of {PUSHES} pushes came back"
    return quantile(took, 0.5), quantile(took, 0.99)


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        server = BrokerProcess(directory / "nats")
        server.start()
        link = Link(server.url)
        try:
            head("events a second of processor time, 4 partitions of 16 symbols", "")
            row("written by a gateway, each message synced", f"{written(link, 'c1'):,.0f}")
            row("read and checked", f"{read(link, 'c1'):,.0f}")
            for workers in (1, 2):
                name = f"c{workers}"
                if workers > 1:
                    written(link, name)
                rate = asyncio.run(worked(directory, server.url, name, workers))
                row(f"{workers} worker{'s' * (workers > 1)}", f"{rate:,.0f}")
            median, most = asyncio.run(pushed(directory, server.url))
            row("push to state in another process, median", f"{median:.2f} ms")
            row("99th percentile", f"{most:.2f} ms")
        finally:
            link.close()
            server.stop()


if __name__ == "__main__":
    main()
