"""The configuration file of a cluster: its broker, its partitions, what decides results, and how its parts work."""

# ruff: noqa: RUF009 - `_setting` makes a field of attrs

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import attrs

from mtf.bars.verdicts import PRICE_MAX
from mtf.cluster.owner import Cadence
from mtf.cluster.partitioning import Definition, Partitioning
from mtf.cluster.subjects import ClusterNames
from mtf.config import Config
from mtf.errors import ConfigError
from mtf.service.settings_file import WrongSettings, tables_in, text_in
from mtf.service.strict_values import error_lines, structured
from mtf.timeframe import DEFAULT_TIMEFRAMES

__all__ = ["TEMPLATE", "ClusterSettings", "read_cluster_settings"]

Texts = str | tuple[str, ...]
TEXT: Final = "text"  # in the metadata of a field: what it means


def _setting(text: str, **options: Any) -> Any:
    return attrs.field(metadata={TEXT: text}, **options)


@attrs.frozen(kw_only=True)
class ResultSettings:
    """`[results]`: what decides bars and values, as `mtf.Config.make` takes it; fixed when the cluster is made."""

    timeframes: Texts = _setting("the timeframes", default=tuple(str(each) for each in DEFAULT_TIMEFRAMES))
    calendar: str | dict[str, Any] = _setting("a calendar by name, or a table", default="fx")
    price: str = _setting("which side of quotes is the price", default="auto")
    closed: Literal["reject", "keep"] = _setting("what becomes of ticks in closed hours", default="reject")
    late: Literal["reject", "accept"] = _setting("what becomes of late ticks", default="reject")
    anchor: Literal["day", "utc"] = _setting("what intraday bars count from", default="day")
    history: int = _setting("completed bars in memory, a symbol and timeframe", default=1000)
    indicators: Texts | dict[str, Texts] | None = _setting("the indicators, also by timeframe", default=None)
    live: Literal["each", "asked", "off"] = _setting("for which rows live values are computed", default="each")
    prices: Literal["positive", "any"] = _setting("which numbers are prices", default="positive")
    price_max: float = _setting("a number this far from 0 is not a price", default=PRICE_MAX)
    delay_ns: int | dict[str, int] = _setting("how late ticks come, also by symbol or pattern", default=0)


@attrs.frozen(kw_only=True)
class WorkerSettings:
    """`[worker]`: how a worker owns partitions."""

    lease_s: float = _setting("so long after a worker's death its partitions are taken by others", default=5.0)
    checkpoint_seconds: float = _setting("time between checkpoints of a partition; 0: none by time", default=60.0)
    checkpoint_events: int = _setting("events between checkpoints of a partition; 0: none by count", default=1_000_000)
    live_per_second: float = _setting("how often a symbol's newest state is published; 0: never", default=10.0)

    def __attrs_post_init__(self) -> None:
        for name in ("checkpoint_seconds", "checkpoint_events", "live_per_second"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if not 0.1 <= self.lease_s <= 600:
            raise ConfigError(f"lease_s must be between 0.1 and 600, got {self.lease_s}")


@attrs.frozen(kw_only=True)
class ClusterSettings:
    """The file."""

    name: str = _setting("what the cluster is called on its broker", default="mtf")
    servers: str = _setting("addresses of NATS servers, separated by commas", default="nats://127.0.0.1:4222")
    partitions: int = _setting("how many partitions there are; fixed when the cluster is made", default=16)
    replicas: int = _setting("on how many servers each stream is", default=1)
    symbols: dict[str, int] = _setting("partitions of single symbols; of the others by a hash", factory=dict)
    results: ResultSettings = attrs.field(factory=ResultSettings)
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
        given = {each.name: getattr(self.results, each.name) for each in attrs.fields(ResultSettings)}
        if given["timeframes"] == tuple(str(each) for each in DEFAULT_TIMEFRAMES):
            del given["timeframes"]  # then they were not asked for
        return Definition(self.partitioning, Config.make(**given), self.replicas)


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
