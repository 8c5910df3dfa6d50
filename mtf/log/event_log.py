"""The protocol of a log: events by seq, appended in blocks, readable from any seq on.

Owns the contract of every backend, and the value that reading returns. Seqs are 1, 2, 3 ... without a hole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

import orjson

from mtf.events.block import Block

__all__ = ["NO_POSITIONS", "EventLog", "LoggedBlock", "changed_positions", "join_blocks"]

NO_POSITIONS: Final[Mapping[str, Any]] = MappingProxyType({})


class LoggedBlock:
    """A block as it was appended, and what was written with it."""

    __slots__ = ("block", "chain", "durable_seq", "positions")

    def __init__(self, block: Block, positions: dict[str, Any], durable_seq: int, chain: int) -> None:
        self.block: Final = block
        self.positions: Final = positions  # of the sources whose position changed with this block
        self.durable_seq: Final = durable_seq  # the highest seq known synced when the block was written
        self.chain: Final = chain  # after the block: equal chains mean equal events, seqs and positions up to here

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, LoggedBlock)
            and self.block == other.block
            and self.positions == other.positions
            and self.chain == other.chain
        )

    def __hash__(self) -> int:
        return self.chain

    def __repr__(self) -> str:
        return f"LoggedBlock({self.block!r}, durable {self.durable_seq})"


class EventLog(Protocol):
    """One writer's log. `append` may run in one thread while `sync` runs in another; the rest is the writer's own."""

    @property
    def config(self) -> bytes:
        """The first record: the canonical JSON of the configuration, by value."""
        ...

    @property
    def run_id(self) -> bytes: ...

    @property
    def first_seq(self) -> int:
        """The oldest event still kept; 1 unless a retention has removed some."""
        ...

    @property
    def last_seq(self) -> int:
        """The newest event; 0 when there is none yet."""
        ...

    @property
    def durable_seq(self) -> int:
        """The highest seq known synced."""
        ...

    @property
    def chain(self) -> int:
        """The chain's value after the newest event."""
        ...

    @property
    def positions(self) -> dict[str, Any]:
        """The newest position of each named source."""
        ...

    @property
    def symbols(self) -> list[str]:
        """The names by number, as of `last_seq`."""
        ...

    @property
    def full(self) -> bool:
        """Whether the next append waits for the disk (it starts a segment): it is better done in a thread."""
        ...

    def append(self, block: Block, positions: Mapping[str, Any] = NO_POSITIONS) -> None:
        """Hand *block*, which starts at `last_seq + 1`, to the operating system, and the positions that changed.

        LogWriteFailed on the first write that fails or is short, and from then on.
        """
        ...

    def sync(self) -> int:
        """Make what was appended before the call durable and return `durable_seq`; LogWriteFailed as in `append`."""
        ...

    def read(self, from_seq: int = 1, *, block_events: int = 1) -> Iterator[LoggedBlock]:
        """Yield the blocks from the one that contains *from_seq* to the newest there is at the call.

        With *block_events*, blocks are joined until one holds that many or more.
        """
        ...

    def close(self) -> None:
        """Sync and seal (unless a write failed) and release the lock. Safe to call twice."""
        ...


def join_blocks(parts: list[LoggedBlock]) -> LoggedBlock:
    """Return *parts*, which follow each other, as one block; positions are the newest of each source."""
    if len(parts) == 1:
        return parts[0]
    first_seq, last_seq = parts[0].block.first_seq, parts[-1].block.last_seq
    rows = b"".join([part.block.rows for part in parts])
    heap = b"".join([part.block.heap for part in parts])
    positions: dict[str, Any] = {}
    for part in parts:
        positions.update(part.positions)
    block = Block(first_seq, last_seq + 1 - first_seq, rows, heap)
    return LoggedBlock(block, positions, parts[-1].durable_seq, parts[-1].chain)


def changed_positions(known: Mapping[str, bytes], positions: Mapping[str, Any]) -> dict[str, bytes]:
    """Return, as JSON, those of *positions* that differ from what is *known*."""
    changed: dict[str, bytes] = {}
    for name, position in positions.items():
        encoded = orjson.dumps(position)
        if known.get(name) != encoded:
            changed[name] = encoded
    return changed
