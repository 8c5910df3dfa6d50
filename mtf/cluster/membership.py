"""Creating a cluster on its broker, looking it up there, and its status, from its keys and streams."""

from __future__ import annotations

from typing import Any, Final

import orjson

from mtf.cluster.broker import Broker
from mtf.cluster.keys import Key, Keys
from mtf.cluster.lease import holder_of, is_free
from mtf.cluster.partitioning import Definition
from mtf.cluster.stream_checkpoints import Pointers
from mtf.cluster.stream_log import epoch_of
from mtf.cluster.streams import make_shared
from mtf.cluster.subjects import ClusterNames
from mtf.errors import ConfigError, MtfError

__all__ = ["cluster_status", "definition_of", "make_cluster", "owner_answer"]

DEFINITION: Final = "cluster"


async def make_cluster(broker: Broker, names: ClusterNames, wanted: Definition) -> Definition:
    """Create the cluster *names* unless it exists; return its definition. ConfigMismatch if that is not *wanted*."""
    await make_shared(broker, names, wanted.replicas)
    keys = Keys(broker, names)
    _ = await keys.change(DEFINITION, wanted.to_json(), 0)
    made = await definition_of(broker, names)
    made.check_same(wanted, names.cluster)
    return made


async def definition_of(broker: Broker, names: ClusterNames) -> Definition:
    """Return the definition of the cluster *names*; ConfigError if no such cluster exists."""
    found = Key()
    if await broker.stream_state(names.bucket) is not None:
        found = await Keys(broker, names).get(DEFINITION)
    if not found.value:
        raise ConfigError(f"there is no cluster {names.cluster} at {broker.urls}: make it with `mtf cluster init`")
    return Definition.from_json(found.value, names.cluster)


async def cluster_status(broker: Broker, names: ClusterNames) -> dict[str, Any]:
    """Return the status of the cluster: its workers, and the log, owner and checkpoint of each partition."""
    definition = await definition_of(broker, names)
    keys = Keys(broker, names)
    count = definition.partitioning.count
    leases, halts = await keys.many("lease", range(count)), await keys.many("halt", range(count))
    checkpoints, epochs = await keys.many("checkpoints", range(count)), await keys.many("epoch", range(count))
    workers = [orjson.loads(key.value) for key in (await keys.all("worker")).values() if not is_free(key)]
    none = Key()
    partitions: list[dict[str, Any]] = []
    for partition in range(count):
        epoch = epoch_of(epochs.get(partition, none))
        state = await broker.stream_state(names.log_stream(partition, epoch))
        lease, halt = leases.get(partition, none), halts.get(partition, none)
        owner = holder_of(lease)
        answer = None if owner is None else await owner_answer(broker, names, partition)
        partitions.append(
            {
                "partition": partition,
                "epoch": epoch,
                "messages": 0 if state is None else state.last,
                "bytes": 0 if state is None else state.bytes,
                "owner": owner,
                "seq": None if answer is None else answer.get("seq"),
                "digest": None if answer is None else answer.get("digest"),
                "checkpoint_seq": Pointers(checkpoints.get(partition, none)).newest_seq,
                "halted": orjson.loads(halt.value)["error"] if halt.value else None,
            }
        )
    return {
        "cluster": names.cluster,
        "servers": broker.urls,
        "replicas": definition.replicas,
        "gateway": holder_of(await keys.get("writer.gateway")),
        "workers": workers,
        "partitions": partitions,
    }


async def owner_answer(
    broker: Broker, names: ClusterNames, partition: int, asked: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return the answer of the owner of *partition*; None if it has no owner at the moment, or that does not answer."""
    try:
        return await broker.ask_once(names.query_subject(partition), orjson.dumps(asked or {"ask": "summary"}))
    except (TimeoutError, MtfError):
        return None
