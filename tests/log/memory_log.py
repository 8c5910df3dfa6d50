"""A log in memory: the same contract as one on disk, and nothing that outlives the process. For tests of the contract.

Owns the blocks. With *events_max* it keeps about that many of the newest, so that memory does not grow with the ticks.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from xxhash import xxh3_64_intdigest

from mtf.errors import DataDirError, LogWriteFailed
from mtf.events.block import Block, SymbolTable
from mtf.log.event_log import NO_POSITIONS, LoggedBlock, changed_positions, join_blocks
from mtf.log.segment import learn_symbols
from mtf.log.segment_format import RUN_ID_BYTES, decode_positions, encode_positions, first_chain

__all__ = ["MemoryLog"]


class MemoryLog:
    """Keeps blocks in a list; `sync` makes them durable, as far as memory can be."""

    def __init__(self, *, config: bytes = b"{}", run_id: bytes | None = None, events_max: int | None = None) -> None:
        self.config: Final = config
        self.run_id: Final = run_id or os.urandom(RUN_ID_BYTES)
        self._events_max: Final = events_max
        self._symbols: Final = SymbolTable()
        self._blocks: list[LoggedBlock] = []  # in order of their seqs, without a hole
        self._starts: list[int] = []  # the first seq of each block
        self._positions: dict[str, bytes] = {}  # the newest of each source, as JSON
        self._closed = False
        self.chain = first_chain(self.run_id)
        self.last_seq = 0
        self.durable_seq = 0

    @property
    def first_seq(self) -> int:
        return self._starts[0] if self._starts else 1

    @property
    def positions(self) -> dict[str, Any]:
        return {name: orjson.loads(encoded) for name, encoded in self._positions.items()}

    @property
    def symbols(self) -> list[str]:
        return list(self._symbols.names)

    @property
    def full(self) -> bool:
        return False

    def append(self, block: Block, positions: Mapping[str, Any] = NO_POSITIONS) -> None:
        if self._closed:
            raise LogWriteFailed("the log is closed")
        if block.first_seq != self.last_seq + 1 or not block.count:
            raise AssertionError(f"{block!r} does not follow seq {self.last_seq}")
        changed = changed_positions(self._positions, positions)
        encoded = encode_positions(changed)
        learn_symbols(self._symbols, block)
        self.chain = xxh3_64_intdigest(b"".join((encoded, block.rows, block.heap)), self.chain)
        self._blocks.append(LoggedBlock(block, decode_positions(encoded), self.durable_seq, self.chain))
        self._starts.append(block.first_seq)
        self._positions.update(changed)
        self.last_seq = block.last_seq
        limit = self._events_max
        if limit is not None and self.last_seq - self._starts[0] >= 2 * limit:
            keep = bisect_right(self._starts, self.last_seq - limit) - 1
            del self._blocks[:keep], self._starts[:keep]

    def sync(self) -> int:
        self.durable_seq = max(self.durable_seq, self.last_seq)
        return self.durable_seq

    def read(self, from_seq: int = 1, *, block_events: int = 1) -> Iterator[LoggedBlock]:
        if from_seq < self.first_seq:
            raise DataDirError(f"the log in memory starts at seq {self.first_seq}, and {from_seq} is gone")
        at = max(bisect_right(self._starts, from_seq) - 1, 0)
        return _joined(self._blocks[at:] if from_seq <= self.last_seq else [], block_events)

    def close(self) -> None:
        if not self._closed:
            self.sync()
            self._closed = True


def _joined(blocks: list[LoggedBlock], block_events: int) -> Iterator[LoggedBlock]:
    parts: list[LoggedBlock] = []
    held = 0
    for block in blocks:
        parts.append(block)
        held += block.block.count
        if held >= block_events:
            yield join_blocks(parts)
            parts, held = [], 0
    if parts:
        yield join_blocks(parts)
