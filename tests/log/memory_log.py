"""A log in memory: the contract of logs as a second backend fulfils it, without files, locks of the system or a thread.

`Kept` is what outlives its writer, as a server's stream would; `MemoryLog` is one writer of it, and `MemoryReading` how
readers see it. With *events_max* about that many of the newest are kept.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from xxhash import xxh3_64_intdigest

from mtf.errors import CorruptLog, DataDirError, LogLocked, LogWriteFailed
from mtf.events.block import Block, SymbolTable
from mtf.log.event_log import NO_POSITIONS, LoggedBlock, changed_positions, join_blocks
from mtf.log.recovery import TornTail
from mtf.log.segment import learn_symbols
from mtf.log.segment_format import RUN_ID_BYTES, decode_positions, encode_positions, first_chain

__all__ = ["Kept", "MemoryLog", "MemoryReading"]

SEQ_MAX: Final = 1 << 62


class Kept:
    """The blocks of a log, whoever writes it."""

    def __init__(self, config: bytes = b"{}", run_id: bytes | None = None) -> None:
        self.config: Final = config
        self.run_id: Final = run_id or os.urandom(RUN_ID_BYTES)
        self.blocks: list[LoggedBlock] = []  # in order of their seqs, without a hole
        self.durable_seq = 0  # what a crash leaves
        self.names_before: list[str] = []  # of the symbols that had come before the first block that is kept
        self.positions_before: dict[str, Any] = {}  # likewise
        self.writer: object = None  # the only one that may append

    @property
    def first_seq(self) -> int:
        return self.blocks[0].block.first_seq if self.blocks else 1

    @property
    def last_seq(self) -> int:
        return self.blocks[-1].block.last_seq if self.blocks else 0

    def symbols(self, blocks: int | None = None) -> SymbolTable:
        """Return the names after the first so many *blocks*, or after all."""
        table = SymbolTable(list(self.names_before))
        for logged in self.blocks[:blocks]:
            learn_symbols(table, logged.block)
        return table

    def positions(self, blocks: int | None = None) -> dict[str, Any]:
        """Return the positions after the first so many *blocks*, or after all."""
        found = dict(self.positions_before)
        for logged in self.blocks[:blocks]:
            found.update(logged.positions)
        return found

    def append(self, writer: object, logged: LoggedBlock) -> None:
        """Append what *writer*, who must have the log, hands over; LogWriteFailed if another has it, or seqs differ."""
        if writer is not self.writer:
            raise LogWriteFailed("another writer has the log")
        if logged.block.first_seq != self.last_seq + 1:
            raise LogWriteFailed(f"wrong last seq: {self.last_seq}")
        self.blocks.append(logged)

    def drop(self, blocks: int) -> None:
        """Forget the first so many *blocks*."""
        self.names_before, self.positions_before = list(self.symbols(blocks).names), self.positions(blocks)
        del self.blocks[:blocks]

    def lose_power(self) -> None:
        """Lose the writer, and what it has not made durable."""
        self.writer = None
        while self.blocks and self.blocks[-1].block.last_seq > self.durable_seq:
            del self.blocks[-1]


class MemoryReader(Iterator[LoggedBlock]):
    """Reads what is *kept* from the block that contains *from_seq* on, up to that of *last_seq*."""

    def __init__(self, kept: Kept, from_seq: int, last_seq: int, block_events: int) -> None:
        if from_seq < kept.first_seq:
            raise DataDirError(f"the log in memory starts at seq {kept.first_seq}, and {from_seq} is gone")
        self._kept: Final = kept
        self._to_seq: Final = last_seq
        self._block_events: Final = block_events
        self._next_seq = from_seq
        self.last_seq = min(from_seq - 1, kept.last_seq)

    @property
    def symbols(self) -> list[str]:
        return list(self._kept.symbols(self._passed()).names)

    @property
    def positions(self) -> dict[str, Any]:
        return self._kept.positions(self._passed())

    def __next__(self) -> LoggedBlock:
        found = self.poll()
        if found is None:
            raise StopIteration
        return found

    def poll(self) -> LoggedBlock | None:
        parts: list[LoggedBlock] = []
        held = 0
        while held < self._block_events and self._next_seq <= min(self._to_seq, self._kept.last_seq):
            if self._next_seq < self._kept.first_seq:
                raise DataDirError(f"seq {self._next_seq} was removed before it was read")
            part = self._kept.blocks[bisect_right(self._kept.blocks, self._next_seq, key=_first_seq_of) - 1]
            if not part.block.first_seq <= self._next_seq <= part.block.last_seq:
                raise CorruptLog(f"seq {self._next_seq} is missing")
            parts.append(part)
            held += part.block.count
            self._next_seq = part.block.last_seq + 1
        if not parts:
            return None
        self.last_seq = self._next_seq - 1
        return join_blocks(parts)

    def close(self) -> None: ...

    def _passed(self) -> int:
        return bisect_right(self._kept.blocks, self.last_seq, key=_first_seq_of)


class MemoryReading:
    """What readers see of what is *kept*."""

    def __init__(self, kept: Kept) -> None:
        self._kept: Final = kept

    @property
    def config(self) -> bytes:
        return self._kept.config

    @property
    def run_id(self) -> bytes:
        return self._kept.run_id

    @property
    def first_seq(self) -> int:
        return self._kept.first_seq

    @property
    def last_seq(self) -> int:
        return self._kept.last_seq

    @property
    def positions(self) -> dict[str, Any]:
        return self._kept.positions()

    @property
    def symbols(self) -> list[str]:
        return list(self._kept.symbols().names)

    def read(
        self,
        from_seq: int = 1,
        *,
        last_seq: int | None = None,
        block_events: int = 1,
        names: Sequence[str] = (),
    ) -> MemoryReader:
        last_seq = self._kept.last_seq if last_seq is None else last_seq
        return MemoryReader(self._kept, from_seq, last_seq, block_events)

    def follow(self, from_seq: int = 1, *, block_events: int = 1) -> MemoryReader:
        return MemoryReader(self._kept, from_seq, SEQ_MAX, block_events)

    def find(self, symbols: int, start_ns: int, end_ns: int, last_seq: int) -> list[tuple[int, int]]:
        last_seq = min(last_seq, self.last_seq)
        return [(self.first_seq, last_seq)] if last_seq >= self.first_seq else []

    def close(self) -> None: ...


class MemoryLog(MemoryReading):
    """Writes to what is *kept*, or to a new log; `sync` makes it durable, as far as memory can be."""

    def __init__(
        self,
        *,
        config: bytes = b"{}",
        run_id: bytes | None = None,
        events_max: int | None = None,
        kept: Kept | None = None,
    ) -> None:
        kept = kept or Kept(config, run_id)
        if kept.writer is not None:
            raise LogLocked("another writer has the log in memory")
        kept.writer = self
        super().__init__(kept)
        self._events_max: Final = events_max
        self._positions = {name: orjson.dumps(value) for name, value in kept.positions().items()}
        self._symbols: Final = kept.symbols()
        self._closed = False
        self.chain = kept.blocks[-1].chain if kept.blocks else first_chain(kept.run_id)
        self.torn: TornTail | None = None  # nothing is ever half written
        self.sync()

    @property
    def durable_seq(self) -> int:
        return self._kept.durable_seq

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
        self._kept.append(self, LoggedBlock(block, decode_positions(encoded), self.durable_seq, self.chain))
        self._positions.update(changed)
        limit = self._events_max
        if limit is not None and self.last_seq - self.first_seq >= 2 * limit:
            self.retain(self.last_seq - limit)

    def sync(self) -> int:
        if self._kept.writer is self:
            self._kept.durable_seq = max(self._kept.durable_seq, self._kept.last_seq)
        return self._kept.durable_seq

    def retain(self, min_needed_seq: int) -> None:
        self._kept.drop(max(0, bisect_right(self._kept.blocks, min_needed_seq, key=_first_seq_of) - 1))

    def expired_seq(self, needed_seq: int, before_ns: int | None, max_bytes: int | None) -> int:
        return self.first_seq

    def maintain(
        self, *, compress: bool, noted: Callable[[str], object], damaged: Callable[[CorruptLog], object]
    ) -> None: ...

    def close(self) -> None:
        if not self._closed:
            self.sync()
            self._closed = True
            if self._kept.writer is self:
                self._kept.writer = None


def _first_seq_of(logged: LoggedBlock) -> int:
    return logged.block.first_seq
