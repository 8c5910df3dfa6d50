"""The owner of a partition: plays its log through the cores, and publishes what comes of it.

Owns the state of one partition, the bars that it has sent, and when it is checkpointed. A checkpoint is written once
all bars up to it are stored, so that whoever continues from it sends the rest and no bar is missing. Whether it may own
the partition is decided elsewhere; a broker refuses what it writes if it is not the only one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from mtf.cluster.appender import Appender
from mtf.cluster.bar_messages import NOTHING_SENT, BarId, encoded_bars, last_id
from mtf.cluster.broker import Broker
from mtf.cluster.keys import Keys
from mtf.cluster.link import LoopCaller
from mtf.cluster.partitioning import Definition
from mtf.cluster.stream_checkpoints import Pointers, StreamCheckpoints, pointers_of, save_blob
from mtf.cluster.stream_log import PartitionPlace, chain_at, check_begun, log_place
from mtf.cluster.stream_reader import StreamCursor, begun_chain, newest_frame
from mtf.cluster.streams import out_settings
from mtf.cluster.subjects import ClusterNames
from mtf.config import Config
from mtf.errors import ConfigMismatch, CorruptLog, MtfError
from mtf.events.block import ROW_BYTES, Block, cut
from mtf.frames.frame import Frame
from mtf.kernel import Kernel
from mtf.log.event_log import LoggedBlock, join_blocks
from mtf.storage.checkpoint_meta import checkpoint_meta
from mtf.storage.checkpoint_store import checkpoint_bytes_max, encode_checkpoint, symbol_bytes_max
from mtf.storage.restore import restore
from mtf.summary import Summary
from mtf.units import TS_MAX_NS

__all__ = ["Cadence", "PartitionOwner", "steps_of"]

IDLE_S: Final = 1.0  # between looks at a stream that says nothing
RETRY_S: Final = 0.0005  # a message that was heard of may not be stored yet
HEARD_S: Final = 0.5  # how long it is expected
STATE_BARS: Final = 5


class Cadence:
    """How often a partition is checkpointed, and how often the newest state of a symbol is published; 0: never."""

    def __init__(self, *, events: int = 1_000_000, seconds: float = 60.0, live_per_second: float = 10.0) -> None:
        self.events: Final = events
        self.seconds: Final = seconds
        self.live_s: Final = 1.0 / live_per_second if live_per_second else 0.0


class PartitionOwner:
    """Owns *partition* from `start` to `stop`; `run` returns when it was stopped, and raises what else ended it."""

    def __init__(
        self,
        broker: Broker,
        names: ClusterNames,
        partition: int,
        definition: Definition,
        cadence: Cadence,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.partition: Final = partition
        self._broker: Final = broker
        self._names: Final = names
        self._definition: Final = definition
        self._cadence: Final = cadence
        self._now: Final = now
        self._place: PartitionPlace
        self._cursor: StreamCursor
        self._kernel: Kernel
        self._out: Appender
        self._pointers: Pointers
        self._sent: BarId = NOTHING_SENT  # the newest bar in the stream of bars, by anybody
        self._oldest_ns = TS_MAX_NS  # the first stamp of any symbol
        self._checkpoint_seq = 0  # of the newest checkpoint
        self._checkpoint_at = now()
        self._touched: Final[set[int]] = set()  # symbols that have changed since their state was published
        self._live_at = 0.0  # when states may be published again
        self._heard: Final = asyncio.Event()  # something was sent to the log
        self._stopping = False  # it is to end
        self._lost = False  # another worker owns the partition
        self.name: Final = f"{broker.urls}/{names.cluster}/partition {partition}"

    @property
    def seq(self) -> int:
        """The newest event in its state."""
        return self._kernel.joiner.seq

    async def start(self) -> None:
        """Load the newest checkpoint, and find where log and bars go on; CorruptLog if the log is damaged there."""
        broker, names, partition = self._broker, self._names, self.partition
        self._place = await log_place(Keys(broker, names), names, partition, self.name)
        await check_begun(broker, self._place)
        begun = await begun_chain(broker, self._place.stream, self.name)
        config = Config.from_json(begun.config, self.name)
        differences = self._definition.config.differences(config)
        if differences:
            raise ConfigMismatch(f"{self.name}: its log was made with another configuration: {'; '.join(differences)}")
        self._pointers = await pointers_of(broker, names, partition)
        number, last_seq, _ = await newest_frame(broker, self._place.stream, begun)
        wanted = self._pointers.newest_seq

        async def is_short() -> bool:
            nonlocal number, last_seq
            number, last_seq, _ = await newest_frame(broker, self._place.stream, begun)
            return last_seq < wanted

        if last_seq < wanted and await broker.is_lasting(is_short):
            raise CorruptLog(
                f"{self.name}: a checkpoint is of seq {wanted}, and the log ends at {last_seq}: acknowledged events "
                "are gone; repair the partition from a mirror with `mtf cluster repair`",
                path=self.name,
                seq=last_seq + 1,
            )
        store = StreamCheckpoints(
            LoopCaller(broker), names, partition, name=self.name, symbol_bytes=symbol_bytes_max(config)
        )
        self._kernel, found, _ = await asyncio.to_thread(restore, config, store, last_seq)
        if found is not None:
            self._checkpoint_seq = found.seq
            self._oldest_ns = found.meta["zones"]["oldest_ns"]
        chain = await chain_at(broker, self._place, begun, self.seq + 1, number, self._kernel.joiner.names())
        self._cursor = StreamCursor(broker, self._place.stream, chain)
        await broker.make_stream(out_settings(names, partition, self._definition.replicas))
        out_number, newest = await broker.last_message(names.out_stream(partition))
        if newest is None and out_number > 0:
            raise CorruptLog(f"{self.name}: the last message of its bars, {out_number}, is gone", path=self.name)
        self._sent = NOTHING_SENT if newest is None else last_id(newest.data)
        self._out = Appender(
            broker,
            names.out_stream(partition),
            names.out_subject(partition),
            max(0, out_number),
            name=f"{self.name}, bars",
            alike=True,
        )

    async def run(self) -> None:
        """Play the log until `stop`; then a checkpoint is written."""
        subscribed = self._broker.subscribed
        reconnected = self._broker.reconnected
        reconnected.append(self._heard.set)  # what was sent meanwhile was not heard
        try:
            async with (
                subscribed(f"{self._place.subject}.*", self._hear),
                subscribed(self._names.query_subject(self.partition), self._answer),
            ):
                while not self._stopping:
                    await self._turn()
                if not self._lost:
                    await self._checkpoint()
        finally:
            reconnected.remove(self._heard.set)
            await self._out.close()

    def stop(self) -> None:
        """Make `run` end cleanly."""
        self._stopping = True
        self._heard.set()

    def lose(self) -> None:
        """Make `run` end at once: another worker owns the partition."""
        self._lost = True
        self.stop()

    async def _turn(self) -> None:
        self._heard.clear()
        blocks = await self._cursor.more()
        for block in steps_of(blocks):
            if block.last_seq <= self.seq:
                continue  # the checkpoint is of an event inside it, or behind it
            if block.first_seq <= self.seq:
                block = cut(block, self.seq + 1 - block.first_seq)[1]
            self._step(block)
            if self._out.error is not None:
                raise self._out.error
            await self._out.settled(OUT_WINDOW)
            await asyncio.sleep(0)
        if self._is_due():
            await self._checkpoint()
        await self._publish_states()
        if not blocks and not self._stopping:
            await self._wait()

    def _step(self, block: Block) -> None:
        frame = self._kernel.step(block, False)
        if block.heap:
            self._oldest_ns = min(self._oldest_ns, *memoryview(block.rows).cast("q")[:: ROW_BYTES // 8])
        if frame.closings.count:
            limit = self._broker.payload_bytes_max
            for message in encoded_bars(self._kernel, frame, self.partition, self._sent, limit):
                self._out.append(message)
        if self._cadence.live_s:
            self._note_touched(frame)

    def _note_touched(self, frame: Frame) -> None:
        touched = frame.judged.touched
        for k in range(len(touched)):
            self._touched.add(int(touched[k]))

    async def _wait(self) -> None:
        """Return when something was sent to the log, or it is time to look whether something was missed.

        What is heard of may not be stored yet: then it is looked for often, for a short while.
        """
        idle = IDLE_S
        if self._touched:
            idle = min(idle, max(0.0, self._live_at - self._now()))
        try:
            async with asyncio.timeout(idle):
                await self._heard.wait()
        except TimeoutError:
            if idle == IDLE_S:
                await self._cursor.check_end()
            return
        until = self._now() + HEARD_S
        while not self._stopping and self._now() < until:
            if await self._cursor.is_stored():
                return
            await asyncio.sleep(RETRY_S)

    async def _publish_states(self) -> None:
        if not self._touched or self._now() < self._live_at:
            return
        touched = sorted(self._touched)
        self._touched.clear()
        self._live_at = self._now() + self._cadence.live_s
        for number in touched:
            snapshot = self._kernel.snapshot(number)
            if self._kernel.joiner.is_seen(number):
                state = {"partition": self.partition, **snapshot.to_dict(1)}
                with contextlib.suppress(Exception):  # a state is worth nothing once the next one comes
                    await self._broker.tell(
                        self._names.live_subject(self.partition, snapshot.symbol), orjson.dumps(state)
                    )

    def _is_due(self) -> bool:
        new = self.seq - self._checkpoint_seq
        cadence = self._cadence
        by_time = bool(cadence.seconds) and self._now() - self._checkpoint_at >= cadence.seconds
        return bool(new) and (by_time or 0 < cadence.events <= new)

    async def _checkpoint(self) -> None:
        """Write a checkpoint of now, once all bars up to it are stored; LogTaken if another owner has written one."""
        await self._out.settled()
        self._checkpoint_at = self._now()
        if self.seq <= self._checkpoint_seq:
            return
        kernel, seq = self._kernel, self.seq
        config = kernel.config
        parts = kernel.save()
        meta = checkpoint_meta(
            config, seq, kernel.digest.value(), int(kernel.gate.newest_ns), [], oldest_ns=self._oldest_ns
        )
        limit = checkpoint_bytes_max(seq, symbol_bytes_max(config))
        data = await asyncio.to_thread(encode_checkpoint, seq, meta, parts, limit)
        self._pointers = await save_blob(self._broker, self._names, self.partition, seq, data, self._pointers)
        self._checkpoint_seq = seq

    async def _hear(self, message: Any) -> None:
        self._heard.set()

    async def _answer(self, message: Any) -> None:
        """Answer a question about the state of now."""
        try:
            asked = orjson.loads(message.data or b"{}")
            answer = self._state_of(asked) if asked.get("ask") == "state" else self._summary()
        except (MtfError, ValueError) as error:
            answer = {"partition": self.partition, "error": str(error)}
        data = orjson.dumps(answer)
        if len(data) > self._broker.payload_bytes_max:
            data = orjson.dumps({"partition": self.partition, "error": "the answer is too large: ask for one symbol"})
        await self._broker.tell(message.reply, data)

    def _summary(self) -> dict[str, Any]:
        found = Summary.of(self._kernel, 0).to_dict()
        for name in OF_A_RUN:
            del found[name]
        return {
            "partition": self.partition,
            "checkpoint_seq": self._checkpoint_seq,
            "bars_outstanding": self._out.outstanding,
            **found,
        }

    def _state_of(self, asked: dict[str, Any]) -> dict[str, Any]:
        kernel = self._kernel
        wanted = asked.get("symbol")
        bars = int(asked.get("bars", STATE_BARS))
        symbols = kernel.symbols() if wanted is None else [wanted]
        states = {name: kernel.number_of(name) for name in symbols}
        return {
            "partition": self.partition,
            "seq": self.seq,
            "symbols": {name: kernel.snapshot(number).to_dict(bars) for name, number in states.items() if number >= 0},
        }


def steps_of(blocks: list[LoggedBlock]) -> Iterator[Block]:
    """Yield consecutive *blocks* as fewer and bigger ones.

    Each step costs something for each symbol in it, so bigger ones are cheaper: an owner that is behind gets faster.
    """
    parts: list[LoggedBlock] = []
    count = 0
    for each in blocks:
        if parts and count + each.block.count > STEP_EVENTS:
            yield join_blocks(parts).block
            parts, count = [], 0
        parts.append(each)
        count += each.block.count
    if parts:
        yield join_blocks(parts).block


# Of a summary: what only whoever reads sources knows.
OF_A_RUN: Final = ("rows", "order", "out_of_order", "reordered", "seconds", "new_events", "events_per_second")
OUT_WINDOW: Final = 1_000  # messages of bars that may be on their way
STEP_EVENTS: Final = 1_024  # computed at once, if there are so many
