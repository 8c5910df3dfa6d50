"""A whole cluster on one machine: broker and workers as processes, the gateway in a thread, until a source has ended.

Owns the order of start and end, and the answer: once the source is written, each partition is waited for until its
owner has come to the end of its log and has sent all of its bars.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson

from mtf.cluster.broker import Broker
from mtf.cluster.broker_process import PROGRAM, BrokerProcess
from mtf.cluster.children import Children
from mtf.cluster.gateway import Gateway
from mtf.cluster.keys import Keys
from mtf.cluster.link import Link
from mtf.cluster.membership import make_cluster, owner_answer
from mtf.cluster.partition_writer import ReadSoFar
from mtf.cluster.partitioning import Definition, Partitioning
from mtf.cluster.subjects import ClusterNames
from mtf.config import Config
from mtf.errors import CorruptLog
from mtf.sources.merge import MergedSource

__all__ = ["DevCluster"]

LOOK_S: Final = 0.05  # between looks at the children
LEASE_S: Final = 1.5
PATIENCE_S: Final = 60.0
BROKER: Final = "nats"  # in its directory
NAMES: Final = ClusterNames("mtf")


class DevCluster:
    """A cluster in *directory* with so many *partitions* of *config*, and so many *workers*; to be run once."""

    def __init__(self, directory: Path, config: Config, partitions: int, workers: int) -> None:
        self._directory: Final = directory.absolute()
        self._definition: Final = Definition(Partitioning(partitions), config)
        self._workers: Final = workers
        self._children: Children

    async def run(self, source: MergedSource, order: str) -> dict[str, Any]:
        """Run *source* to its end, and return the summary, with the digest of each partition."""
        self._directory.mkdir(parents=True, exist_ok=True)
        server = BrokerProcess(self._directory / BROKER, with_parent=True)
        _end_orphan(self._directory / "broker.json")
        server.start(ready=False)
        (self._directory / "broker.json").write_bytes(orjson.dumps({"pid": server.pid}))
        settings = self._directory / "cluster.toml"
        settings.write_text(_settings_text(server.url), encoding="utf-8")
        self._children = Children(server, settings, self._workers, self._directory / "workers.log")
        try:
            found: dict[str, Any] = await self._watched(self._run(server.url, source, order))
            return found
        finally:
            await asyncio.to_thread(self._children.stop)
            (self._directory / "broker.json").unlink(missing_ok=True)

    async def _run(self, url: str, source: MergedSource, order: str) -> dict[str, Any]:
        async with Broker.connected(url, name="mtf dev", patience_s=PATIENCE_S) as broker:
            definition = await make_cluster(broker, NAMES, self._definition)
            self._children.start_workers()
            read, seqs = await asyncio.to_thread(self._write, url, definition, source, order)
            return await self._summary(broker, read, seqs)

    def _write(self, url: str, definition: Definition, source: MergedSource, order: str) -> tuple[ReadSoFar, list[int]]:
        with (
            closing(Link(url, name="mtf gateway", patience_s=PATIENCE_S)) as link,
            closing(Gateway(link, NAMES, definition, lease_s=LEASE_S)) as gateway,
        ):
            return gateway.run(source, order), gateway.seqs

    async def _watched(self, work: Any) -> Any:
        """Return what *work* returns, and start again what dies meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.wait([task], timeout=LOOK_S)
                self._children.look()
        except BaseException:
            task.cancel()
            raise
        return task.result()

    async def _summary(self, broker: Broker, read: ReadSoFar, seqs: list[int]) -> dict[str, Any]:
        partitions = [await self._answer(broker, partition, seq) for partition, seq in enumerate(seqs)]
        found: dict[str, Any] = {
            "events": sum(each["events"] for each in partitions),
            "ticks": sum(each["ticks"] for each in partitions),
            "bars": _total(each["bars"] for each in partitions),
            "rejected": _total([*(each["rejected"] for each in partitions), _malformed(read)]),
            "seqs": seqs,
            "digests": {str(each["partition"]): each["digest"] for each in partitions},
            "partitions": partitions,
            "pids": {"broker": self._children.broker.pid, "workers": self._children.worker_pids},
            "restarts": self._children.restarts,
        }
        if len(partitions) == 1:
            found["digest"] = partitions[0]["digest"]
            found["seq"] = seqs[0]
        return found

    async def _answer(self, broker: Broker, partition: int, seq: int) -> dict[str, Any]:
        """Return the summary of *partition* once its owner stands at *seq*, and its bars are stored."""
        keys = Keys(broker, NAMES)
        while True:
            halt = (await keys.get(f"halt.{partition}")).value
            if halt:
                raise CorruptLog(f"partition {partition} is halted: {orjson.loads(halt)['error']}")
            answer = await owner_answer(broker, NAMES, partition)
            if answer is not None and answer.get("seq") == seq and answer.get("bars_outstanding") == 0:
                return answer
            await asyncio.sleep(LOOK_S)


def _total(counts: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            found[name] = found.get(name, 0) + count
    return found


def _malformed(read: ReadSoFar) -> dict[str, int]:
    return {"malformed": read.malformed} if read.malformed else {}


def _settings_text(url: str) -> str:
    return (
        f'name = "{NAMES.cluster}"\nservers = "{url}"\n\n'
        f"[worker]\nlease_s = {LEASE_S}\ncheckpoint_seconds = 5.0\ncheckpoint_events = 200_000\n"
    )


def _end_orphan(note: Path) -> None:
    """End the broker of a run that was killed here: it would write the same files."""
    try:
        pid = int(orjson.loads(note.read_bytes())["pid"])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return
    if PROGRAM.encode() in command and str(note.parent).encode() in command:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(pid, signal.SIGKILL)
