"""A worker: takes partitions by lease, up to its share, and gives back what is above that at a checkpoint.

Every worker shows that it is there by a key of its own; how many there are decides the share of each. A partition whose
log is damaged is halted, by a key of its own, and no worker takes it until it is repaired or resumed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import secrets
from typing import Any, Final

import orjson

from mtf.cluster.broker import Broker
from mtf.cluster.keys import Key, Keys
from mtf.cluster.lease import Lease, LeaseWatch, holder_name, is_free
from mtf.cluster.owner import Cadence, PartitionOwner
from mtf.cluster.partitioning import Definition
from mtf.cluster.subjects import ClusterNames
from mtf.errors import BrokerDown, DataDirError, LogTaken, MtfError
from mtf.loggers import report

__all__ = ["LEASE_S", "ClusterWorker"]

LEASE_S: Final = 5.0
WAIT_S: Final = 1.0  # before a partition without a log is looked at again


class _Owned:
    """A partition that is owned here, or about to be."""

    def __init__(self, owner: PartitionOwner, lease: Lease, task: asyncio.Task[None]) -> None:
        self.owner: Final = owner
        self.lease: Final = lease
        self.task: Final = task


class ClusterWorker:
    """Owns its share of the partitions of the cluster *definition* while `run` runs."""

    def __init__(
        self,
        broker: Broker,
        names: ClusterNames,
        definition: Definition,
        *,
        lease_s: float = LEASE_S,
        cadence: Cadence | None = None,
    ) -> None:
        self._broker: Final = broker
        self._names: Final = names
        self._definition: Final = definition
        self._lease_s: Final = lease_s
        self._cadence: Final = cadence or Cadence()
        self._keys: Final = Keys(broker, names)
        self._id: Final = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._owned: Final[dict[int, _Owned]] = {}
        self._watch: Final = LeaseWatch(lease_s, asyncio.get_running_loop().time)
        self._wake: Final = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Make `run` give everything back and return."""
        self._stopping = True
        self._wake.set()

    @property
    def partitions(self) -> list[int]:
        """What it owns at the moment."""
        return sorted(self._owned)

    async def run(self) -> None:
        """Own partitions until `stop`."""
        try:
            while not self._stopping:
                try:
                    await self._balance()
                except BrokerDown as error:
                    report("cluster_waits", f"{self._names.cluster}: {error}: the worker waits")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._lease_s / 4):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            await self._give_back(list(self._owned))
            with contextlib.suppress(MtfError):
                _ = await self._keys.put(f"worker.{self._id}", b"{}")

    async def _balance(self) -> None:
        """Show that this worker is there, and take or give back partitions."""
        count = self._definition.partitioning.count
        presence = {"holder": holder_name(), "pid": os.getpid(), "partitions": self.partitions}
        _ = await self._keys.put(f"worker.{self._id}", orjson.dumps(presence))
        workers = await self._keys.all("worker")
        live = [
            name
            for name, key in workers.items()
            if not is_free(key) and not self._watch.is_stale(f"worker.{name}", key)
        ]
        share = math.ceil(count / max(1, len(live)))
        if len(self._owned) > share:
            await self._give_back(sorted(self._owned)[share:])
            return
        leases = await self._keys.many("lease", range(count))
        halts = await self._keys.many("halt", range(count))
        first = int(self._id.partition("-")[0]) % count  # workers that start together begin in different places
        for k in range(count):
            if len(self._owned) >= share or self._stopping:
                return
            partition = (first + k) % count
            key = leases.get(partition, Key())
            takeable = is_free(key) or self._watch.is_stale(f"lease.{partition}", key)
            if partition not in self._owned and takeable and not halts.get(partition, Key()).value:
                await self._take(partition, key)

    async def _take(self, partition: int, key: Key) -> None:
        lease = await Lease.try_take(
            self._keys, f"lease.{partition}", self._lease_s, key, lost=lambda: self._lost(partition), pid=os.getpid()
        )
        if lease is None:
            return
        owner = PartitionOwner(self._broker, self._names, partition, self._definition, self._cadence)
        task = asyncio.create_task(self._own(owner, lease), name=f"mtf partition {partition}")
        self._owned[partition] = _Owned(owner, lease, task)

    async def _own(self, owner: PartitionOwner, lease: Lease) -> None:
        partition = owner.partition
        try:
            await owner.start()
            report("partition_taken", f"{owner.name}: taken at seq {owner.seq}", partition=partition, seq=owner.seq)
            await owner.run()
        except DataDirError:  # no gateway has begun its log yet
            await asyncio.sleep(WAIT_S if not self._stopping else 0.0)
        except (LogTaken, BrokerDown) as error:
            report("partition_lost", f"{error}", partition=partition)
        except Exception as error:  # noqa: BLE001 - whatever it is halts this partition, and no other
            await self._halt(owner, error)
        finally:
            self._owned.pop(partition, None)
            with contextlib.suppress(BrokerDown):
                await lease.release()
            self._wake.set()

    async def _halt(self, owner: PartitionOwner, error: Exception) -> None:
        sentence = str(error) if isinstance(error, MtfError) else repr(error)
        report("partition_halted", f"{owner.name} is halted: {sentence}", error=error, partition=owner.partition)
        halt = {"error": sentence, "seq": getattr(error, "seq", 0), "kind": type(error).__name__}
        with contextlib.suppress(BrokerDown):
            _ = await self._keys.put(f"halt.{owner.partition}", orjson.dumps(halt))

    def _lost(self, partition: int) -> None:
        """Stop at once: another worker owns it."""
        owned = self._owned.get(partition)
        if owned is not None:
            owned.owner.lose()
            owned.task.cancel()

    async def _give_back(self, partitions: list[int]) -> None:
        """End the owners of *partitions*, each with a checkpoint."""
        ending: list[asyncio.Task[Any]] = []
        for partition in partitions:
            owned = self._owned.get(partition)
            if owned is not None:
                owned.owner.stop()
                ending.append(owned.task)
        if ending:
            await asyncio.wait(ending)
