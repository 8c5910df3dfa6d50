"""The configuration file of a cluster: its broker, its partitions, what decides results, and how its parts work."""

# ruff: noqa: RUF009 - `setting` makes a field of attrs

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs

from mtf.cluster.owner import Cadence
from mtf.cluster.partitioning import Definition, Partitioning
from mtf.cluster.subjects import ClusterNames
from mtf.config import Config
from mtf.errors import ConfigError
from mtf.service.result_settings import ResultSettings, setting
from mtf.service.settings_file import WrongSettings, tables_in, text_in
from mtf.service.strict_values import error_lines, structured

__all__ = ["TEMPLATE", "ClusterSettings", "read_cluster_settings"]


@attrs.frozen(kw_only=True)
class WorkerSettings:
    """`[worker]`: how a worker owns partitions."""

    lease_s: float = setting("so long after a worker's death its partitions are taken by others", default=5.0)
    checkpoint_seconds: float = setting("time between checkpoints of a partition; 0: none by time", default=60.0)
    checkpoint_events: int = setting("events between checkpoints of a partition; 0: none by count", default=1_000_000)
    live_per_second: float = setting("how often a symbol's newest state is published; 0: never", default=10.0)

    def __attrs_post_init__(self) -> None:
        for name in ("checkpoint_seconds", "checkpoint_events", "live_per_second"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if not 0.1 <= self.lease_s <= 600:
            raise ConfigError(f"lease_s must be between 0.1 and 600, got {self.lease_s}")


@attrs.frozen(kw_only=True)
class ClusterSettings:
    """The file."""

    name: str = setting("what the cluster is called on its broker", default="mtf")
    servers: str = setting("addresses of NATS servers, separated by commas", default="nats://127.0.0.1:4222")
    partitions: int = setting("how many partitions there are; fixed when the cluster is made", default=16)
    replicas: int = setting("on how many servers each stream is", default=1)
    symbols: dict[str, int] = setting("partitions of single symbols; of the others by a hash", factory=dict)
    results: ResultSettings = attrs.field(factory=ResultSettings)  # fixed when the cluster is made
    worker: WorkerSettings = attrs.field(factory=WorkerSettings)

    def __attrs_post_init__(self) -> None:
        if self.replicas not in (1, 3, 5):
            raise ConfigError(f"replicas must be 1, 3 or 5, got {self.replicas}")
        _ = self.names, self.partitioning

    @property
    def names(self) -> ClusterNames:
        return ClusterNames(self.name)

    @property
    def partitioning(self) -> Partitioning:
        return Partitioning(self.partitions, self.symbols)

    @property
    def cadence(self) -> Cadence:
        worker = self.worker
        return Cadence(
            events=worker.checkpoint_events, seconds=worker.checkpoint_seconds, live_per_second=worker.live_per_second
        )

    def definition(self) -> Definition:
        """Return the definition that the file describes; ConfigError if a setting is invalid."""
        return Definition(self.partitioning, Config.make(**self.results.given), self.replicas)


def read_cluster_settings(path: Path) -> ClusterSettings:
    """Return what the file at *path* sets; WrongSettings names everything that is wrong."""
    tables = tables_in(text_in(path), str(path))
    try:
        return structured(tables, ClusterSettings)
    except Exception as error:
        raise WrongSettings(str(path), error_lines(error)) from error


TEMPLATE: Final = """\
name = "mtf"
servers = "nats://127.0.0.1:4222"
partitions = 16
replicas = 1

[symbols]            # symbols that are compared belong in one partition: "EURUSD" = 0
[results]
timeframes = ["1m", "5m", "15m", "1h", "4h", "1d"]
calendar = "fx"
indicators = ["sma:20", "rsi:14"]

[worker]
lease_s = 5.0
checkpoint_seconds = 60.0
live_per_second = 10.0
"""
