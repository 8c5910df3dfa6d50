"""Clusters: events a second of processor time, written, read and computed, and from a push to a state elsewhere.

Needs the extra `cluster`. One broker on this machine that syncs each message, six timeframes, sma:20 and rsi:14. Two
markets: 64 symbols in 4 partitions, whose bars close all the time, and 10,000 symbols in 256 partitions, each event a
microsecond after the one before. Pushes come from this process, go through a gateway and a worker in processes of their
own, and come back as states.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import orjson
from busy_market import BusyMarket
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
from mtf.sources import Source, SyntheticMarket
from mtf.sources.merge import MergedSource

__all__ = ["FEW", "MANY", "Shape", "Trial", "trial"]

PUSHES: Final = 2_000
PER_SECOND: Final = 500
IDLE_S: Final = 5.0


class Shape(NamedTuple):
    """A market and how it is divided; of equal shapes the markets are equal."""

    partitions: int
    symbols: int
    events: int
    busy: bool

    @property
    def definition(self) -> Definition:
        return Definition(Partitioning(self.partitions), mtf.Config.make(indicators="sma:20,rsi:14"))

    def market(self) -> Source:
        if self.busy:
            return BusyMarket(self.symbols, self.events)
        return SyntheticMarket(3, [f"SYM{k:02d}" for k in range(self.symbols)], events=self.events)


FEW: Final = Shape(4, 64, 1_000_000, busy=False)
MANY: Final = Shape(256, 10_000, 2_000_000, busy=True)


class Written(NamedTuple):
    """What a gateway did."""

    per_second: float  # events, of processor time
    per_message: float  # events
    seqs: list[int]
    broker_s: float  # processor time of the broker


class Worked(NamedTuple):
    """What workers did."""

    per_second: float  # events, of the processor time of all of them
    megabytes: float  # the most memory that one had
    idle: float  # share of a core that all of them take while nothing comes


class Trial:
    """A broker, and one cluster on it for each trial."""

    def __init__(self, directory: Path, server: BrokerProcess, link: Link) -> None:
        self._directory: Final = directory
        self._server: Final = server
        self._link: Final = link
        self._count = 0
        self._names: ClusterNames

    def write(self, shape: Shape) -> Written:
        """Make a cluster of *shape*, and write its market into it."""
        self._count += 1
        self._names = ClusterNames(f"c{self._count}")
        made = self._link.call(make_cluster(self._link.broker, self._names, shape.definition))
        source = MergedSource([shape.market()])
        with contextlib.closing(Gateway(self._link, self._names, made)) as gateway:
            begun, of_broker = time.process_time(), _processor_s([self._server.pid])
            gateway.run(source)
            spent, of_broker = time.process_time() - begun, _processor_s([self._server.pid]) - of_broker
            seqs = gateway.seqs
        streams = [self._names.log_stream(partition, 1) for partition in range(shape.partitions)]
        states = [self._link.call(self._link.broker.stream_state(stream)) for stream in streams]
        messages = sum(state.last - 1 for state in states if state is not None)
        return Written(shape.events / spent, shape.events / messages, seqs, of_broker)

    def read(self, shape: Shape) -> float:
        """Read all partitions, with all checks, and return events a second of this process's time."""
        begun = time.process_time()
        count = 0
        for partition in range(shape.partitions):
            storage = StreamStorage(self._link, self._names, partition)
            count += sum(logged.block.count for logged in storage.read_log().read())
        assert count == shape.events
        return shape.events / (time.process_time() - begun)

    def work(self, shape: Shape, workers: int, seqs: list[int]) -> Worked:
        """Have so many *workers* play what was written last to *seqs*.

        Not counted: what it takes them to start, and to look for more where nothing comes.
        """
        begun = time.monotonic()
        with self._workers(workers) as processes:
            asyncio.run(self._reached(seqs))
            spent, most = _processor_s([each.pid for each in processes]), max(_megabytes(each) for each in processes)
            took = time.monotonic() - begun
        self._names = ClusterNames(f"{self._names.cluster}_start")
        made = self._link.call(make_cluster(self._link.broker, self._names, shape.definition))
        Gateway(self._link, self._names, made).close()
        with self._workers(workers) as processes:
            begun = time.monotonic()
            asyncio.run(self._reached([0] * shape.partitions))
            start_s, started = time.monotonic() - begun, _processor_s([each.pid for each in processes])
            time.sleep(IDLE_S)
            idle = (_processor_s([each.pid for each in processes]) - started) / IDLE_S
        spent -= started + idle * max(0.0, took - start_s)
        return Worked(shape.events / spent, most, idle)

    @contextlib.contextmanager
    def _workers(self, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
        path = settings(self._directory, self._server.url, self._names.cluster)
        processes = [start("worker", "--config", str(path)) for _ in range(count)]
        try:
            yield processes
        finally:
            end(processes)

    async def _reached(self, seqs: list[int]) -> None:
        """Return once each partition is at its end."""
        async with Broker.connected(self._server.url) as broker:
            for partition, seq in enumerate(seqs):
                while True:
                    answer = await owner_answer(broker, self._names, partition)
                    if answer is not None and (answer["seq"], answer["bars_outstanding"]) == (seq, 0):
                        break
                    await asyncio.sleep(0.02)

    async def push(self) -> tuple[float, float]:
        """Return the median and the 99th percentile of the time from a push to the state with it, in ms."""
        names, url = ClusterNames("pushed"), self._server.url
        sent: dict[int, float] = {}
        took: list[float] = []

        async def heard(message: object) -> None:
            now = time.perf_counter()
            state = orjson.loads(message.data)  # type: ignore[attr-defined]
            for ts_ns in [each for each in sent if each <= state["time_ns"]]:  # one state may answer several pushes
                took.append((now - sent.pop(ts_ns)) * 1e3)

        symbol = "EURUSD"
        subject = names.live_subject(FEW.definition.partitioning.of(symbol), symbol)
        async with Broker.connected(url) as broker, Broker.connected(url) as sending:
            await make_cluster(broker, names, FEW.definition)
            path = settings(self._directory, url, names.cluster, live_per_second=2_000.0)
            processes = [start("gateway", "--push", "--config", str(path)), start("worker", "--config", str(path))]
            try:
                async with mtf.Cluster(url, name=names.cluster) as cluster:
                    await cluster.seqs()  # once workers own all partitions
                async with broker.subscribed(subject, heard):
                    begun = asyncio.get_running_loop().time()
                    for k in range(PUSHES):
                        ts_ns = 1_700_000_000_000_000_000 + k * 1_000_000
                        tick = mtf.Tick(symbol, ts_ns, 1.0 + k % 7 / 100, 1.1)
                        sent[ts_ns] = time.perf_counter()
                        await sending.tell(names.push_subject, orjson.dumps(encoded_tick(tick)))
                        due = begun + (k + 1) / PER_SECOND
                        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
                    await asyncio.sleep(1.0)
            finally:
                end(processes)
        assert len(took) == PUSHES, f"{len(took)} of {PUSHES} pushes came back"
        return quantile(took, 0.5), quantile(took, 0.99)


@contextlib.contextmanager
def trial() -> Iterator[Trial]:
    """Within, a broker runs."""
    with tempfile.TemporaryDirectory() as temporary:
        server = BrokerProcess(Path(temporary) / "nats", with_parent=True)
        server.start()
        try:
            with contextlib.closing(Link(server.url)) as link:
                yield Trial(Path(temporary), server, link)
        finally:
            server.stop()


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
        process.kill()
    for process in processes:
        process.wait()


def _processor_s(pids: list[int]) -> float:
    """Return the processor time that the processes *pids* have used, on Linux."""
    used = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def _megabytes(process: subprocess.Popen[bytes]) -> float:
    """Return the most memory that *process* has had, on Linux."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    with trial() as running:
        head("events a second of processor time", "64 symbols, 4 partitions", "10,000 symbols, 256 partitions")
        written: list[str] = []
        sizes: list[str] = []
        read: list[str] = []
        worked: dict[int, list[str]] = {1: [], 2: []}
        memory: list[str] = []
        idle: list[str] = []
        for shape in (FEW, MANY):
            done = running.write(shape)
            written.append(f"{done.per_second:,.0f}")
            sizes.append(f"{done.per_message:,.0f}")
            read.append(f"{running.read(shape):,.0f}")
            for workers, figures in worked.items():
                if workers > 1:  # who plays a log again sends no bars
                    done = running.write(shape)
                found = running.work(shape, workers, done.seqs)
                figures.append(f"{found.per_second:,.0f}")
                if workers == 1:
                    memory.append(f"{found.megabytes:,.0f} MB")
                    idle.append(f"{found.idle:.3f}")
        row("gateway, each message synced", *written)
        row("events in a message", *sizes)
        row("reading with all checks", *read)
        row("one worker", *worked[1])
        row("two workers, each", *worked[2])
        row("the one worker: the most memory", *memory)
        row("and cores while nothing comes", *idle)
        median, most = asyncio.run(running.push())
        print()
        row("push to state in another process, median", f"{median:.2f} ms")
        row("99th percentile", f"{most:.2f} ms")


if __name__ == "__main__":
    main()
