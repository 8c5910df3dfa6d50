"""Which partition a symbol is in: by a table, else by a hash of its name. Fixed when the cluster is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
import orjson
from xxhash import xxh3_64_intdigest

from mtf.cluster.subjects import PARTITIONS_MAX
from mtf.config import Config
from mtf.errors import ConfigError, ConfigMismatch

__all__ = ["Definition", "Partitioning"]

FORMAT: Final = 1


@attrs.frozen
class Partitioning:
    """*count* partitions; symbols in *table* have theirs, patterns are not supported; ConfigError if that is wrong."""

    count: int
    table: Mapping[str, int] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.count <= PARTITIONS_MAX:
            raise ConfigError(f"partitions must be between 1 and {PARTITIONS_MAX:,}, got {self.count}")
        for symbol, partition in self.table.items():
            if not 0 <= partition < self.count:
                raise ConfigError(f"symbol {symbol!r}: its partition must be between 0 and {self.count - 1}")

    def of(self, symbol: str) -> int:
        """Return the partition of *symbol*."""
        found = self.table.get(symbol)
        return xxh3_64_intdigest(symbol.encode()) % self.count if found is None else found


@attrs.frozen
class Definition:
    """What is fixed when a cluster is created: its partitions, and the configuration of all of them."""

    partitioning: Partitioning
    config: Config
    replicas: int = 1

    def to_json(self) -> bytes:
        return orjson.dumps(
            {
                "format": FORMAT,
                "partitions": self.partitioning.count,
                "table": dict(self.partitioning.table),
                "replicas": self.replicas,
                "config": orjson.Fragment(self.config.to_json()),
            },
            option=orjson.OPT_SORT_KEYS,
        )

    @classmethod
    def from_json(cls, data: bytes, name: str) -> Definition:
        """Return the definition of the cluster *name*; ConfigError if a newer mtf made it."""
        fields: dict[str, Any] = orjson.loads(data)
        if fields["format"] != FORMAT:
            raise ConfigError(f"cluster {name}: made by a newer mtf (format {fields['format']}): use that one")
        config = Config.from_json(orjson.dumps(fields["config"]), name)
        return cls(Partitioning(fields["partitions"], fields["table"]), config, fields["replicas"])

    def check_same(self, wanted: Definition, name: str) -> None:
        """ConfigMismatch if *wanted* differs from this, which is the definition of the cluster *name*."""
        differences = wanted.config.differences(self.config)
        if wanted.partitioning.count != self.partitioning.count:
            differences.append(f"partitions: {self.partitioning.count}, now {wanted.partitioning.count}")
        if dict(wanted.partitioning.table) != dict(self.partitioning.table):
            differences.append("the table of symbols")
        if differences:
            raise ConfigMismatch(
                f"the cluster {name} was made with other settings ({'; '.join(differences)}): use the same ones, or "
                "another name"
            )
