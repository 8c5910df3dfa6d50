"""What a gateway has for each partition: its log, the rows that wait for their seqs, and the order of time in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from mtf.cluster.stream_log import StreamLog
from mtf.cluster.stream_storage import StreamStorage
from mtf.config import Config
from mtf.errors import ConfigMismatch
from mtf.events.block import Block, SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.kernel import bar_clock_of
from mtf.notes import Notes
from mtf.order import BY_LOG, BY_TIME, ORDER, TAIL_EVENTS, LogOrder
from mtf.storage.restore import restore

__all__ = ["READ", "PartitionWriter", "ReadSoFar"]

READ: Final = "\0gateway"  # the entry among the positions in the log: no source can have this name


class ReadSoFar(NamedTuple):
    """How much of a source was read: which one, how many rows of it were events, and how many were malformed."""

    source: str
    rows: int
    malformed: int

    @classmethod
    def of(cls, entries: Mapping[str, Any]) -> ReadSoFar | None:
        """Return what the *entries* of a log say; None if a gateway has not written there."""
        found = entries.get(READ)
        return None if found is None else cls(found["source"], found["rows"], found["malformed"])


class PartitionWriter:
    """Writes one partition of the cluster, *storage*; its log must be of *config*."""

    def __init__(self, storage: StreamStorage, config: Config) -> None:
        self.log: Final[StreamLog] = storage.open_log(config.current().to_json(), Notes())
        try:
            logged = Config.from_json(self.log.config, storage.name)
            differences = config.differences(logged)
            if differences:
                raise ConfigMismatch(
                    f"{storage.name} was made with a different configuration ({'; '.join(differences)}): use the same "
                    "one, or another name for the cluster"
                )
            self.entries: Final = self.log.positions  # as the log had them at the start
            self.builder: Final = BlockBuilder(SymbolTable(self.log.symbols), bar_clock=bar_clock_of(config))
            self.builder.one_kind = config.price == "auto"
            self.order: Final = LogOrder(self.entries.get(ORDER))
            self._moved: dict[str, Any] = {}  # positions for the next block
            self._begin_order(storage, config)
        except BaseException:
            self.log.close()
            raise
        self.had_rows = 0  # of the source that is read, at the start
        self._read: Final = ReadSoFar.of(self.entries)  # as the log has it
        self._source, self._source_order = "", BY_TIME
        self._reordered = 0  # before the source

    def _begin_order(self, storage: StreamStorage, config: Config) -> None:
        """Give the order what was logged before: from a checkpoint and what follows it, or from the start."""
        if self.order.kind is None or not self.log.last_seq:
            self.order.begin([], None)
        else:
            kernel, _, _ = restore(config, storage.checkpoints(config), self.log.last_seq, bars_only=True)
            self.builder.bar_kinds.update(kernel.gate.bar_kinds())
            after = kernel.joiner.seq
            first = min(after + 1, max(1, self.log.last_seq - TAIL_EVENTS + 1))
            self.order.begin(kernel.joiner.own_clocks(), self.log.read(first, block_events=TAIL_EVENTS))
        self.builder.alone_ordered = self.order.kind == BY_TIME

    def read_of(self, source: str) -> ReadSoFar | None:
        """Return how much of *source* the log has; None if another source was read last."""
        return self._read if self._read is not None and self._read.source == source else None

    def begin_source(self, source: str, entries: Mapping[str, Any], order: str) -> None:
        """Take rows of *source* from here on, in that *order*; *entries* are its positions before the first of them."""
        read = self.read_of(source)
        self.had_rows = 0 if read is None else read.rows
        self._source, self._source_order = source, order
        self._reordered = self.order.reordered
        self._moved.update(entries)
        self._moved.pop(ORDER, None)

    def take(self, block: Block, names: list[str]) -> None:
        """Add the rows of *block*, whose symbols are *names*, to those that wait for their seqs."""
        builder, log = self.builder, self.log
        first_seq = log.last_seq + builder.count + 1
        builder.ordered = self._source_order == BY_TIME and self.order.kind != BY_LOG
        try:
            builder.copy(block, names, 0, block.count)
        finally:
            builder.ordered = False
        self.order.given(self._source, self._source_order, first_seq, log.last_seq + builder.count, log.last_seq)

    def moved(self, entries: Mapping[str, Any], reordered: int) -> None:
        """Have *entries*, positions of the source after the rows that wait, logged with them.

        *reordered* is how many rows its reorder windows put before others.
        """
        self._moved.update(entries)
        self.order.reordered = self._reordered + reordered

    @property
    def is_sending(self) -> bool:
        """Whether the broker has not acknowledged all that was logged: rows that wait meanwhile make a bigger block."""
        return self.log.durable_seq < self.log.last_seq

    def flush(self, events: int = 1) -> None:
        """Log the rows that wait, if there are so many *events*."""
        if self.builder.count >= events:
            block = self.builder.take(self.log.last_seq + 1)
            positions, self._moved = self._moved, {}
            block = self.order.look(block, positions)
            self.log.append(block, positions)
