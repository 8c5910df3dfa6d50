"""The log of a partition on a stream: how readers see it, and its one writer.

A writer holds a lease while it is open, so that a second one is refused; should that fail, the numbers of the messages
let exactly one go on. What is appended is sent at once and acknowledged later. A *head* (what is known at some message)
is kept beside the stream, so that it need not be read from its start; it is used if that message agrees with it.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from mtf.cluster.appender import WINDOW, Appender
from mtf.cluster.broker import EXPECTED_SEQ, Broker, Refused
from mtf.cluster.keys import Key, Keys
from mtf.cluster.lease import Lease
from mtf.cluster.link import Caller
from mtf.cluster.stream_frames import FIRST_BLOCK, StreamChain, begin_log, frame_of
from mtf.cluster.stream_reader import StreamCursor, StreamReader, begun_chain, newest_frame, place_before
from mtf.cluster.streams import log_settings
from mtf.cluster.subjects import ClusterNames
from mtf.errors import CorruptLog, DataDirError, LogTaken, LogWriteFailed
from mtf.events.block import Block
from mtf.log.event_log import NO_POSITIONS, BlockReader, changed_positions
from mtf.log.recovery import TornTail
from mtf.log.segment_format import RUN_ID_BYTES

__all__ = [
    "PartitionPlace",
    "StreamLog",
    "StreamReading",
    "chain_at",
    "check_begun",
    "encoded_head",
    "epoch_of",
    "log_place",
    "make_log",
]

HEAD_EVERY: Final = 256  # messages
HEAD_BYTES_MAX: Final = 512 << 10


class PartitionPlace(NamedTuple):
    """Where the log of one partition is."""

    names: ClusterNames
    partition: int
    epoch: int
    name: str  # in messages

    @property
    def stream(self) -> str:
        return self.names.log_stream(self.partition, self.epoch)

    @property
    def subject(self) -> str:
        return self.names.log_subject(self.partition, self.epoch)


async def log_place(keys: Keys, names: ClusterNames, partition: int, name: str) -> PartitionPlace:
    """Return where the log of *partition* is at present: a repaired one is a stream of a later epoch."""
    return PartitionPlace(names, partition, epoch_of(await keys.get(f"epoch.{partition}")), name)


def epoch_of(key: Key) -> int:
    """Return the epoch that a partition's *key* says: 1 until the log is repaired."""
    return int(key.value or b"1")


async def chain_at(
    broker: Broker, place: PartitionPlace, begun: StreamChain, from_seq: int, last: int, names: Sequence[str] = ()
) -> StreamChain:
    """Return what is known before *from_seq* or earlier: at the head, or if *names* are known before its block."""
    head = await _head(broker, place, begun)
    if head is not None and head.number > last + 1:
        await check_reaches(broker, place, begun, head.number - 1)
    if head is not None and head.next_seq <= from_seq:
        return head
    chain = begun.copy()
    if not names or from_seq <= 1:
        return chain
    before = await place_before(broker, place.stream, begun, from_seq, last)
    behind = None if before is None else await broker.message(place.stream, before.number + 1)
    if before is not None and behind is not None:
        known, frame = frame_of(before.data, begun.seed), frame_of(behind.data, begun.seed)
        if known is not None and frame is not None and frame.symbols <= len(names):
            chain.move(behind.number, frame.first_seq, known.chain, list(names[: frame.symbols]))
    return chain


async def check_reaches(broker: Broker, place: PartitionPlace, begun: StreamChain, number: int) -> None:
    """CorruptLog unless the log has the message *number*, which was acknowledged."""
    last = 0

    async def is_short() -> bool:
        nonlocal last
        last = (await broker.last_message(place.stream))[0]
        return last < number

    if await broker.is_lasting(is_short):
        _, seq, _ = await newest_frame(broker, place.stream, begun)
        raise CorruptLog(
            f"{place.name}: the log had {number} messages, and ends at {last}, which is seq {seq}: acknowledged events "
            "are gone; repair the partition from a mirror with `mtf cluster repair`",
            path=place.name,
            seq=seq + 1,
        )


async def check_begun(broker: Broker, place: PartitionPlace) -> None:
    """CorruptLog if there is no log, or no message in it, though a head is known of one."""

    async def is_gone() -> bool:
        state = await broker.stream_state(place.stream)
        return state is None or not state.last

    if not await is_gone():
        return
    had = (await Keys(broker, place.names).get(f"head.{place.partition}")).value
    if had and await broker.is_lasting(is_gone):
        raise CorruptLog(
            f"{place.name}: the whole log is gone; repair the partition from a mirror with `mtf cluster repair`",
            path=place.name,
            seq=1,
        )


async def _head(broker: Broker, place: PartitionPlace, begun: StreamChain) -> StreamChain | None:
    """Return what the head knows, if the message that it is of agrees."""
    found = await Keys(broker, place.names).get(f"head.{place.partition}")
    if not found.value:
        return None
    head = orjson.loads(found.value)
    if head["run_id"] != begun.run_id.hex():
        return None
    chain = begun.copy()
    chain.move(head["number"], head["next_seq"], head["chain"], head["symbols"])
    chain.positions = {name: orjson.dumps(position) for name, position in head["positions"].items()}
    message = await broker.message(place.stream, chain.number - 1)
    frame = None if message is None else frame_of(message.data, chain.seed)
    if message is not None and (
        frame is None or (frame.first_seq + frame.events, frame.chain) != (chain.next_seq, chain.chain)
    ):
        return None
    return chain


def encoded_head(chain: StreamChain) -> bytes:
    """Return the head of a log of which *chain* is known."""
    return orjson.dumps(
        {
            "run_id": chain.run_id.hex(),
            "number": chain.number,
            "next_seq": chain.next_seq,
            "chain": chain.chain,
            "symbols": chain.symbols.names,
            "positions": {name: orjson.Fragment(encoded) for name, encoded in chain.positions.items()},
        }
    )


class StreamReading:
    """The log at *place* for readers (`mtf.log.event_log.ReadableLog`), beside its writer."""

    def __init__(self, link: Caller, place: PartitionPlace) -> None:
        self._link: Final = link
        self._place: Final = place
        self._begun: Final = link.call(begun_chain(link.broker, place.stream, place.name))
        self._end: StreamCursor | None = None  # was at the log's end when that was asked last
        self.config: Final = self._begun.config
        self.run_id: Final = self._begun.run_id
        self.first_seq: Final = 1

    @property
    def last_seq(self) -> int:
        return self._link.call(self._newest())[1]

    @property
    def positions(self) -> dict[str, Any]:
        return self._link.call(self._at_end()).decoded_positions()

    @property
    def symbols(self) -> list[str]:
        return list(self._link.call(self._at_end()).symbols.names)

    def read(
        self,
        from_seq: int = 1,
        *,
        last_seq: int | None = None,
        block_events: int = 1,
        names: Sequence[str] = (),
    ) -> BlockReader:
        if from_seq < 1:
            raise DataDirError(f"{self._place.name}: the log starts at seq 1, and {from_seq} is gone")
        number, newest_seq, _ = self._link.call(self._newest())
        bound = newest_seq if last_seq is None else min(last_seq, newest_seq)
        chain = self._link.call(
            chain_at(self._link.broker, self._place, self._begun, min(from_seq, newest_seq + 1), number, names)
        )
        cursor = StreamCursor(self._link.broker, self._place.stream, chain, number)
        reader = StreamReader(self._link, cursor, from_seq, bound, block_events)
        if from_seq > newest_seq:  # names and positions are those of the end all the same
            for _ in reader:
                raise AssertionError("what is past the end was read")
        return reader

    def find(self, symbols: int, start_ns: int, end_ns: int, last_seq: int) -> list[tuple[int, int]]:
        last_seq = min(last_seq, self.last_seq)
        return [(1, last_seq)] if last_seq else []

    def follow(self, from_seq: int = 1, *, block_events: int = 1) -> BlockReader:
        number, newest_seq, _ = self._link.call(self._newest())
        first = min(from_seq, newest_seq + 1)
        chain = self._link.call(chain_at(self._link.broker, self._place, self._begun, first, number))
        cursor = StreamCursor(self._link.broker, self._place.stream, chain)
        return StreamReader(self._link, cursor, from_seq, None, block_events)

    def close(self) -> None:
        """There is nothing to close: the connection is the storage's."""

    async def _newest(self) -> tuple[int, int, int]:
        broker, place = self._link.broker, self._place
        await broker.settled(place.stream)
        return await newest_frame(broker, place.stream, self._begun)

    async def _at_end(self) -> StreamChain:
        number, last_seq, _ = await self._newest()
        broker, place = self._link.broker, self._place
        if self._end is None:
            chain = await chain_at(broker, place, self._begun, last_seq + 1, number)
            self._end = StreamCursor(broker, place.stream, chain)
        while self._end.chain.number <= number:
            if not await self._end.more():
                await self._end.check_end()
        return self._end.chain


class StreamLog(StreamReading):
    """The log at *place* for its one writer (`mtf.log.event_log.EventLog`); made by `open`."""

    def __init__(self, link: Caller, place: PartitionPlace, lease_s: float | None) -> None:
        """Internal: use `open`, which makes the log first."""
        super().__init__(link, place)
        self._chain: StreamChain  # as far as was sent
        self._sent: Final[deque[tuple[int, int]]] = deque()  # number and last seq of what is not acknowledged
        self._heads: Final[deque[tuple[int, bytes]]] = deque()  # likewise: to be put once that number is
        self._failed: LogWriteFailed | None = None  # the first failure
        self._closed = False
        self.durable_seq = 0
        self.torn: TornTail | None = None
        self._lease: Lease | None = None
        self._appender: Appender
        link.call(self._begin(lease_s))

    @classmethod
    def open(
        cls,
        link: Caller,
        names: ClusterNames,
        partition: int,
        *,
        name: str,
        config: bytes,
        replicas: int = 1,
        lease_s: float | None,
        run_id: bytes | None = None,
    ) -> StreamLog:
        """Create the log with *config*, or continue an existing one; LogLocked if another process writes it.

        With *lease_s* None the caller keeps others from writing, by a lease over many logs.
        """
        keys = Keys(link.broker, names)
        place = link.call(log_place(keys, names, partition, name))
        link.call(check_begun(link.broker, place))
        link.call(make_log(link.broker, place, config, replicas, run_id))
        return cls(link, place, lease_s)

    @property
    def last_seq(self) -> int:
        return self._chain.last_seq

    @property
    def chain(self) -> int:
        return self._chain.chain

    @property
    def positions(self) -> dict[str, Any]:
        return self._chain.decoded_positions()

    @property
    def symbols(self) -> list[str]:
        return list(self._chain.symbols.names)

    @property
    def full(self) -> bool:
        return self._failed is None and self._chain.number - 1 - self._appender.stored >= WINDOW

    def append(self, block: Block, positions: Mapping[str, Any] = NO_POSITIONS) -> None:
        self._check()
        if block.first_seq != self.last_seq + 1 or not block.count:
            raise AssertionError(f"{block!r} does not follow seq {self.last_seq}")
        if self.full:
            self._link.call(self._appender.settled(WINDOW - 1))
            self._check()
        chain = self._chain
        changed = changed_positions(chain.positions, positions)
        size = len(block.rows) + len(block.heap) + sum(map(len, changed.values()))
        if size > self._link.broker.payload_bytes_max - OVERHEAD:
            self._failed = LogWriteFailed(
                f"{self._place.name}: a block of {block.count} events takes {size:,} bytes, and the broker takes "
                f"{self._link.broker.payload_bytes_max:,} a message: use smaller blocks (block_events), or raise "
                "max_payload of the NATS server"
            )
            raise self._failed
        payload = chain.write(block, changed, self.durable_seq)
        number = chain.number - 1
        self._sent.append((number, chain.last_seq))
        if number == FIRST_BLOCK or not number % HEAD_EVERY:
            self._heads.append((number, encoded_head(chain)))
        self._link.post(self._appender.append, payload)

    def sync(self) -> int:
        self._check(closing=True)
        target = self.last_seq
        self._link.call(self._settle(self._chain.number - 1))
        self._check(closing=True)
        assert self.durable_seq >= target, "all of it is acknowledged"
        return self.durable_seq

    def retain(self, min_needed_seq: int) -> None:
        """Keep everything: only a mirror may outlive events of a stream."""

    def expired_seq(self, needed_seq: int, before_ns: int | None, max_bytes: int | None) -> int:
        return 1

    def maintain(
        self, *, compress: bool, noted: Callable[[str], object], damaged: Callable[[CorruptLog], object]
    ) -> None:
        """There is no such work: a stream keeps itself, and is checked as it is read."""

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if self._failed is None:
                self.sync()
        finally:
            self._link.call(self._finish())

    def abandon(self) -> None:
        """Leave everything as a crash would: nothing is waited for, and the lease ends by itself."""
        self._closed = True
        if self._lease is not None:
            self._lease.abandon()
        self._link.call(self._appender.close())

    async def _begin(self, lease_s: float | None) -> None:
        broker, place = self._link.broker, self._place
        if lease_s is not None:
            key, what = f"writer.{place.partition}", f"{place.name}: the log"
            self._lease = await Lease.take(Keys(broker, place.names), key, lease_s, lost=self.lose, what=what)
        try:
            number, last_seq, _ = await newest_frame(broker, place.stream, self._begun)
            known = await chain_at(broker, place, self._begun, last_seq + 1, number)
            while known.number <= number:
                await StreamCursor(broker, place.stream, known, number).pass_all()
                number, _, _ = await newest_frame(broker, place.stream, self._begun)
        except BaseException:
            if self._lease is not None:
                await self._lease.release()
            raise
        self._chain = known
        self.durable_seq = known.last_seq
        self._appender = Appender(
            broker,
            place.stream,
            place.subject,
            number,
            name=place.name,
            acknowledged=self._acknowledged,
            failed=self._fail,
        )
        broker.appending[place.stream] = self._appender

    async def _settle(self, number: int) -> None:
        while self._appender.stored < number and self._appender.error is None:
            await self._appender.settled()

    async def _finish(self) -> None:
        broker, place = self._link.broker, self._place
        if broker.appending.get(place.stream) is self._appender:
            del broker.appending[place.stream]
        await self._appender.close()
        if self._failed is None and self._chain.number > 2 and len(head := encoded_head(self._chain)) <= HEAD_BYTES_MAX:
            _ = await Keys(broker, place.names).put(f"head.{place.partition}", head)
        if self._lease is not None:
            await self._lease.release()

    def _acknowledged(self, number: int) -> None:
        while self._sent and self._sent[0][0] <= number:
            self.durable_seq = self._sent.popleft()[1]
        head = b""
        while self._heads and self._heads[0][0] <= number:
            head = self._heads.popleft()[1]
        if head and len(head) <= HEAD_BYTES_MAX:
            self._link.broker.spawn(
                Keys(self._link.broker, self._place.names).put(f"head.{self._place.partition}", head)
            )

    def lose(self) -> None:
        """Write no more: another process has the lease."""
        self._fail(LogTaken(f"{self._place.name}: another writer has taken the log's lease: this one writes no more"))

    def _fail(self, error: LogWriteFailed) -> None:
        if self._failed is None:
            self._failed = error

    def _check(self, *, closing: bool = False) -> None:
        if self._failed is not None:
            raise self._failed
        if self._closed and not closing:
            raise LogWriteFailed(f"{self._place.name}: the log is closed")


OVERHEAD: Final = 4 << 10  # of a message: its frame's header, and headers


async def make_log(
    broker: Broker, place: PartitionPlace, config: bytes, replicas: int, run_id: bytes | None = None
) -> None:
    """Create the log at *place* unless it exists, with *config* and *run_id*, or a random one."""
    state = await broker.stream_state(place.stream)
    if state is None:
        await broker.make_stream(log_settings(place.names, place.partition, place.epoch, replicas))
    elif state.last:
        return
    first = begin_log(config, run_id or secrets.token_bytes(RUN_ID_BYTES))

    async def attempt() -> None:
        try:
            _ = await broker.publish(f"{place.subject}.begin", first, {EXPECTED_SEQ: "0"})
        except Refused as error:
            if not error.is_wrong_seq:
                raise

    await broker.patiently(attempt)
