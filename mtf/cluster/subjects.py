"""What a cluster is called on its broker: the names of its streams, subjects and keys."""

from __future__ import annotations

import re
from typing import Final

import attrs

from mtf.errors import ConfigError

__all__ = ["PARTITIONS_MAX", "ClusterNames", "symbol_token"]

PARTITIONS_MAX: Final = 4_096
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,32}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]")


def symbol_token(symbol: str) -> str:
    """Return *symbol* as one token of a subject: every character but letters, digits, - and _ as `=` and hex."""
    return "".join(each if _PLAIN.match(each) else f"={each.encode().hex()}=" for each in symbol) or "="


@attrs.frozen
class ClusterNames:
    """The names of the cluster *cluster*; ConfigError if it cannot be a part of them."""

    cluster: str = "mtf"

    def __attrs_post_init__(self) -> None:
        if not _NAME.fullmatch(self.cluster):
            raise ConfigError(f"cluster name {self.cluster!r}: use up to 32 letters, digits and _")

    def log_stream(self, partition: int, epoch: int = 1) -> str:
        """The stream with the log of a partition; a log that was repaired is a new one, of the next epoch."""
        return f"{self.cluster}-LOG-{partition}" + (f"-e{epoch}" if epoch > 1 else "")

    def log_subject(self, partition: int, epoch: int = 1) -> str:
        """What the subject of each message begins with; the rest is its writer."""
        return f"{self.cluster}.log.{partition}" + (f".e{epoch}" if epoch > 1 else "")

    def out_stream(self, partition: int) -> str:
        return f"{self.cluster}-OUT-{partition}"

    def out_subject(self, partition: int) -> str:
        """What the subject of completed bars begins with; the rest is their writer."""
        return f"{self.cluster}.out.{partition}"

    def live_subject(self, partition: int, symbol: str) -> str:
        """The subject of the newest state of *symbol*; `*` stands for all."""
        return f"{self.cluster}.live.{partition}.{symbol if symbol == '*' else symbol_token(symbol)}"

    def query_subject(self, partition: int) -> str:
        """The subject on which the owner of a partition answers."""
        return f"{self.cluster}.q.{partition}"

    @property
    def push_subject(self) -> str:
        """The subject on which a gateway takes events."""
        return f"{self.cluster}.push"

    @property
    def bucket(self) -> str:
        """The stream with a value a key: configuration, leases, pointers."""
        return f"{self.cluster}-KEYS"

    def key_subject(self, key: str) -> str:
        return f"{self.cluster}.key.{key}"

    @property
    def blobs(self) -> str:
        """The stream with checkpoints, in pieces."""
        return f"{self.cluster}-BLOBS"

    def blob_subject(self, partition: int, blob: str) -> str:
        return f"{self.cluster}.blob.{partition}.{blob}"
