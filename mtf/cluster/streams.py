"""The streams of a cluster, as the broker is asked for them."""

from __future__ import annotations

from typing import Any, Final

from mtf.cluster.broker import Broker
from mtf.cluster.subjects import ClusterNames

__all__ = ["log_settings", "make_shared", "out_settings"]

DUPLICATES_NS: Final = 100_000_000  # the shortest: nothing relies on the server's duplicate window
MESSAGE_BYTES_MAX: Final = -1  # what the server takes


def _settings(name: str, subjects: list[str], replicas: int, **others: Any) -> dict[str, Any]:
    return {
        "name": name,
        "subjects": subjects,
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": 0,
        "max_msg_size": MESSAGE_BYTES_MAX,
        "num_replicas": replicas,
        "duplicate_window": DUPLICATES_NS,
        "allow_direct": True,
    } | others


def log_settings(names: ClusterNames, partition: int, epoch: int, replicas: int) -> dict[str, Any]:
    """The stream of a log: nothing can be removed from it."""
    stream, subject = names.log_stream(partition, epoch), names.log_subject(partition, epoch)
    return _settings(stream, [f"{subject}.*"], replicas, deny_delete=True, deny_purge=True)


def out_settings(names: ClusterNames, partition: int, replicas: int) -> dict[str, Any]:
    """The stream of bars, which can be made again from the log."""
    return _settings(names.out_stream(partition), [f"{names.out_subject(partition)}.*"], replicas, deny_delete=True)


async def make_shared(broker: Broker, names: ClusterNames, replicas: int) -> None:
    """Make the streams that all partitions share, unless they exist: the newest value of each key, and checkpoints."""
    subjects = [names.key_subject(">")]
    await broker.make_stream(_settings(names.bucket, subjects, replicas, max_msgs_per_subject=1, deny_delete=True))
    await broker.make_stream(_settings(names.blobs, [f"{names.cluster}.blob.>"], replicas))
