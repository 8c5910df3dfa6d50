"""The gateway: takes a source, splits it into partitions, gives events their seqs, and writes them. It has no engine.

Owns where in the source each partition is. Each log has, beside its events, the position of the source behind them and
how many rows that were, so that a gateway that dies in between goes on with the row that each partition lacks: what is
read again is left out where it was written. Only one gateway writes; a second one is refused.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from mtf.cluster.keys import Keys
from mtf.cluster.lease import Lease
from mtf.cluster.link import Caller
from mtf.cluster.partition_writer import READ, PartitionWriter, ReadSoFar
from mtf.cluster.partitioning import Definition
from mtf.cluster.pushing import Pushes
from mtf.cluster.splitting import Splitter
from mtf.cluster.stream_storage import StreamStorage
from mtf.cluster.subjects import ClusterNames
from mtf.errors import CorruptLog, OutOfOrder
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.kernel import bar_clock_of
from mtf.order import BY_TIME
from mtf.sources.merge import MergedSource
from mtf.storage.resuming import known_parts

__all__ = ["Gateway"]

LEASE_S: Final = 2.0
FILL_EVENTS: Final = 8_192  # rows of a source read at once
FLUSH_S: Final = 0.02  # rows wait for others at most so long
SPARSE_EVENTS: Final = 512  # rows that wait for no others
PROGRESS_S: Final = 2.0  # between two notes of how far all partitions are
PROGRESS_BYTES_MAX: Final = 512 << 10
PROGRESS: Final = "gateway"  # the key with that note


class Gateway:
    """Writes the partitions of the cluster *definition* until `close`.

    LogLocked if another gateway does; as long as *waits* returns True its end is waited for instead.
    """

    def __init__(
        self,
        link: Caller,
        names: ClusterNames,
        definition: Definition,
        *,
        lease_s: float = LEASE_S,
        aside: Callable[[str, int, str, str], None] | None = None,
        waits: Callable[[], bool] = lambda: False,
    ) -> None:
        self._link: Final = link
        self._names: Final = names
        self._definition: Final = definition
        self._keys: Final = Keys(link.broker, names)
        self._aside: Final = aside
        self._writers: Final[list[PartitionWriter]] = []
        what = f"the cluster {names.cluster}"
        self._lease: Final = link.call(
            Lease.take(self._keys, "writer.gateway", lease_s, lost=self._lost, what=what, waits=waits)
        )
        try:
            for partition in range(definition.partitioning.count):
                storage = StreamStorage(link, names, partition, replicas=definition.replicas, lease_s=None)
                self._writers.append(PartitionWriter(storage, definition.config))
        except BaseException:
            self.close()
            raise

    @property
    def seqs(self) -> list[int]:
        """The newest event of each partition."""
        return [writer.log.last_seq for writer in self._writers]

    def run(self, source: MergedSource, order: str = BY_TIME) -> ReadSoFar:
        """Write *source* to its end, from where the logs have it; return how much of it was read in all runs.

        OutOfOrder if it begins before what another source has brought other symbols to.
        """
        base, entries = self._resume(source)
        config, writers = self._definition.config, self._writers
        bar_clock = bar_clock_of(config)
        bar_clock.strict = config.asked and not any(self.seqs)
        builder = BlockBuilder(SymbolTable(), aside=self._aside, bar_clock=bar_clock)
        builder.one_kind = config.price == "auto"
        for writer in writers:
            builder.bar_kinds.update(writer.builder.bar_kinds)
            writer.begin_source(source.name, entries, order)
        if order == BY_TIME and not base.rows:
            self._check_begin(source, builder, set(entries))
        splitter = Splitter(builder.symbols.names, self._definition.partitioning.of)
        read = base
        flushed = noted = time.monotonic()
        more = True
        while more:
            more = source.fill(builder, FILL_EVENTS)
            count = int(builder.count)
            if count:
                block = builder.take(1)
                since = [writer.had_rows - read.rows for writer in writers]
                for partition, part in splitter.split(block, since):
                    writers[partition].take(part, builder.symbols.names)
            read = ReadSoFar(source.name, read.rows + count, base.malformed + int(builder.malformed))
            moved = {**source.moved(), READ: read._asdict()}
            entries.update(moved)
            now = time.monotonic()
            flushing = now - flushed > FLUSH_S
            for writer in writers:
                writer.moved(moved, int(source.reordered))
                writer.flush(1 if flushing and not writer.is_sending else SPARSE_EVENTS)
            if flushing:
                flushed = now
            if len(writers) > 1 and now - noted > PROGRESS_S:
                noted = now
                self._note(entries, ended=False)
        self._note(entries, ended=True)
        return read

    def take_pushes(self, stopped: Callable[[], bool]) -> int:
        """Write what is pushed until *stopped* says so; return how many events that were."""
        of = self._definition.partitioning.of
        return Pushes(self._link, self._names, self._writers, of, stopped).run()

    def close(self) -> None:
        """Make everything durable, and let others write. Safe to call twice."""
        with contextlib.ExitStack() as closing:
            closing.callback(lambda: self._link.call(self._lease.release()))
            while self._writers:
                closing.callback(self._writers.pop().log.close)

    def _resume(self, source: MergedSource) -> tuple[ReadSoFar, dict[str, Any]]:
        """Move *source* to where the partition is that is furthest behind; return how much of it that is.

        And the entries of the log that say so.
        """
        base, entries = ReadSoFar(source.name, 0, 0), {}
        reads = [writer.read_of(source.name) for writer in self._writers]
        if len(self._writers) == 1:
            base, entries = reads[0] or base, dict(self._writers[0].entries)
        else:
            least = min(range(len(reads)), key=lambda partition: (reads[partition] or base).rows)
            if (found := reads[least]) is not None:
                base, entries = found, dict(self._writers[least].entries)
            noted = self._noted()
            found = ReadSoFar.of(noted)
            if found is not None and found.source == source.name and found.rows > base.rows:
                base, entries = found, dict(noted)
        positions = known_parts(self._names.cluster, entries, source)
        if positions:
            source.resume(positions)
        return base, entries

    def _noted(self) -> Mapping[str, Any]:
        found = self._link.call(self._keys.get(PROGRESS))
        note: dict[str, Any] = orjson.loads(found.value or b"{}")
        for partition, seq in enumerate(note.get("seqs", ())):
            if self._writers[partition].log.last_seq < seq:
                raise CorruptLog(
                    f"{self._names.cluster}, partition {partition}: the log ends at seq {self.seqs[partition]}, and "
                    f"{seq} was acknowledged: repair the partition from a mirror with `mtf cluster repair`",
                    path=f"partition {partition}",
                    seq=self.seqs[partition] + 1,
                )
        entries: Mapping[str, Any] = note.get("entries", {})
        return entries

    def _note(self, entries: Mapping[str, Any], *, ended: bool) -> None:
        """Note how far all partitions are, once that is stored: a start need not read what came before again."""
        for writer in self._writers:
            writer.flush()
        for writer in self._writers:
            _ = writer.log.sync()
        note = orjson.dumps({"seqs": self.seqs, "ended": ended, "entries": entries})
        if len(note) > PROGRESS_BYTES_MAX:
            note = orjson.dumps({"seqs": self.seqs, "ended": ended})
        _ = self._link.call(self._keys.put(PROGRESS, note))

    def _check_begin(self, source: MergedSource, builder: BlockBuilder, known: set[str]) -> None:
        """Raise OutOfOrder where a part that is not *known* begins before what other symbols have come to."""
        for number, part in enumerate(source.parts):
            first = None if part.key in known else source.first(number, builder)
            if first is None or not first[0]:
                continue
            writer = self._writers[self._definition.partitioning.of(first[0])]
            if writer.order.has_finite and not writer.had_rows:
                symbols = writer.builder.symbols
                try:
                    writer.order.check(part.source.name, symbols.find(first[0]), first[1], symbols.names)
                except OutOfOrder as error:
                    raise OutOfOrder(error.what, "run both in one command, which merges them by time") from error

    def _lost(self) -> None:
        for writer in self._writers:
            writer.log.lose()
