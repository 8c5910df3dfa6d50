"""`mtf.Cluster`: what a cluster knows, for a program anywhere: states, bars as they close, ticks.

Reads only. What is atomic inside a partition is so here too; across partitions each answer says of which seq of which
partition it is. States of now come from a partition's owner, those of the past are computed here from checkpoints and
log, bars come from the stream in which workers store them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import orjson

from mtf.cluster.bar_messages import NOTHING_SENT, BarId, ClusterBar, bars_in, last_id
from mtf.cluster.broker import PATIENCE_S, Broker
from mtf.cluster.link import LoopCaller
from mtf.cluster.membership import definition_of, owner_answer
from mtf.cluster.partitioning import Definition
from mtf.cluster.pushing import encoded_tick
from mtf.cluster.stream_storage import StreamStorage
from mtf.cluster.subjects import ClusterNames
from mtf.config import Config
from mtf.data import LoggedTick, open_data
from mtf.errors import BrokerDown, CorruptLog, MalformedEvent, PipelineStopped, UnknownSymbol
from mtf.events.tick import Tick
from mtf.frames.snapshot import Snapshot
from mtf.storage.restore import state_at
from mtf.tasks import ended

__all__ = ["Cluster"]

ASK_AGAIN_S: Final = 0.1
LOOK_S: Final = 0.25  # at a stream of bars that says nothing
BATCH: Final = 64
QUEUE: Final = 1_000  # bars of several partitions that wait to be taken


class Cluster:
    """The cluster *name* on the broker at *url* (several addresses separated by commas); `async with` connects.

    What is asked waits up to *patience_s* seconds for the broker and for a partition's owner, then BrokerDown.
    """

    def __init__(
        self, url: str = "nats://127.0.0.1:4222", *, name: str = "mtf", patience_s: float = PATIENCE_S
    ) -> None:
        self._url: Final = url
        self._names: Final = ClusterNames(name)
        self._patience_s: Final = patience_s
        self._broker_: Broker | None = None
        self._made: Definition | None = None  # once connected

    async def __aenter__(self) -> Self:
        broker = await Broker.connect(self._url, name="mtf client", patience_s=self._patience_s)
        try:
            self._made = await definition_of(broker, self._names)
        except BaseException:
            await broker.close()
            raise
        self._broker_ = broker
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        broker, self._broker_ = self._broker_, None
        if broker is not None:
            await broker.close()

    @property
    def config(self) -> Config:
        """What decides the results of all partitions."""
        return self._definition.config

    @property
    def partitions(self) -> int:
        """How many partitions there are."""
        return self._definition.partitioning.count

    def partition_of(self, symbol: str) -> int:
        """Return the partition that *symbol* is in, whether it was seen or not."""
        return self._definition.partitioning.of(symbol)

    async def seqs(self) -> dict[int, int]:
        """Return how far each partition is: no seq of one stands in an order with that of another."""
        answers = await asyncio.gather(*(self._ask(partition, {}) for partition in range(self.partitions)))
        return {int(each["partition"]): int(each["seq"]) for each in answers}

    async def snapshot(self, symbol: str, *, bars: int = 5) -> dict[str, Any]:
        """Return the state of *symbol* now, as `Snapshot.to_dict` has it with so many *bars*, from its owner.

        UnknownSymbol if none of its events was seen.
        """
        partition = self.partition_of(symbol)
        answer = await self._ask(partition, {"ask": "state", "symbol": symbol, "bars": bars})
        found: dict[str, Any] | None = answer["symbols"].get(symbol)
        if found is None:
            raise UnknownSymbol(f"no event of {symbol!r} has been seen in partition {partition}")
        return found

    async def snapshots(self, *, bars: int = 1) -> dict[int, dict[str, Any]]:
        """Return the states of all symbols by partition, each with its `seq`: atomic inside a partition only."""
        asked = {"ask": "state", "bars": bars}
        answers = await asyncio.gather(*(self._ask(partition, asked) for partition in range(self.partitions)))
        return {int(each["partition"]): each for each in answers}

    async def push(self, tick: Tick) -> tuple[int, int]:
        """Send *tick* to a gateway, which logs it; return its partition and seq once it is stored.

        MalformedEvent if it cannot be an event, BrokerDown if no gateway takes pushes. Without an answer it is unknown
        whether it was stored: give ticks an `id`, and one that is pushed again is rejected as a duplicate.
        """
        try:
            answer = await self._broker.ask_once(self._names.push_subject, orjson.dumps(encoded_tick(tick)))
        except TimeoutError as error:
            raise BrokerDown(
                f"{self._names.cluster}: no gateway has answered: start one with `mtf cluster gateway --push`"
            ) from error
        found = answer["events"][0] if "events" in answer else answer
        if "error" in found:
            raise MalformedEvent(f"{tick!r}: {found['error']}")
        return int(found["partition"]), int(found["seq"])

    async def state_at(self, symbol: str, *, seq: int | None = None, time_ns: int | None = None) -> Snapshot:
        """Return the snapshot of *symbol* after the event *seq* of its partition, or at *time_ns*, computed here.

        As `Pipeline.state_at`; UnknownSymbol if none of its events had been seen then.
        """
        storage = self._storage(self.partition_of(symbol))
        found = await asyncio.to_thread(state_at, storage, symbol, seq=seq, time_ns=time_ns)
        if found is None:
            raise UnknownSymbol(f"no event of {symbol!r} had been seen then")
        return found

    async def ticks(self, symbol: str, start: Any = None, end: Any = None) -> list[LoggedTick]:
        """Return the ticks of *symbol* in `[start, end)`, accepted and rejected, as `mtf.open(...).ticks` does."""
        storage = self._storage(self.partition_of(symbol))

        def read() -> list[LoggedTick]:
            with open_data(storage) as reader:
                return list(reader.ticks(symbol, start=start, end=end))

        return await asyncio.to_thread(read)

    async def bars(
        self,
        timeframe: str | None = None,
        *,
        symbol: str | None = None,
        after: Mapping[int, tuple[int, int]] | None = None,
        follow: bool = True,
    ) -> AsyncGenerator[ClusterBar, None]:
        """Yield completed bars, the stored ones and then, with *follow*, those that close from now on.

        Of one *symbol* and *timeframe*, or of all. Bars of a partition come in their order, each once; of several
        partitions in no order among them. *after* is by partition the (seq, ordinal) of the last bar that you have.
        """
        known = {partition: BarId(*each) for partition, each in (after or {}).items()}
        wanted = range(self.partitions) if symbol is None else (self.partition_of(symbol),)
        parts = [self._partition_bars(each, known.get(each, NOTHING_SENT), follow=follow) for each in wanted]
        async with contextlib.aclosing(parts[0] if len(parts) == 1 else _together(parts)) as found:
            async for each in found:
                if symbol in (None, each.bar.symbol) and timeframe in (None, each.bar.timeframe.name):
                    yield each

    async def states(self, symbol: str) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the newest state of *symbol* as it changes, at most as often as the cluster publishes it.

        States are sent once and not stored: one that comes before the last was taken replaces it.
        """
        newest: list[dict[str, Any]] = []
        came = asyncio.Event()

        async def hear(message: Any) -> None:
            newest[:] = [orjson.loads(message.data)]
            came.set()

        subject = self._names.live_subject(self.partition_of(symbol), symbol)
        async with self._broker.subscribed(subject, hear):
            while True:
                await came.wait()
                came.clear()
                yield newest[0]

    # Inside.

    @property
    def _broker(self) -> Broker:
        if self._broker_ is None:
            raise PipelineStopped("this cluster is not connected: use it inside `async with`")
        return self._broker_

    @property
    def _definition(self) -> Definition:
        if self._made is None:
            raise PipelineStopped("this cluster is not connected: use it inside `async with`")
        return self._made

    def _storage(self, partition: int) -> StreamStorage:
        return StreamStorage(LoopCaller(self._broker), self._names, partition)

    async def _ask(self, partition: int, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of a partition's owner, waiting for one that takes it over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_s
        while (answer := await owner_answer(self._broker, self._names, partition, asked)) is None:
            if loop.time() > until:
                raise BrokerDown(
                    f"{self._names.cluster}, partition {partition}: no worker owns it: start one, or see "
                    "`mtf cluster status`"
                )
            await asyncio.sleep(ASK_AGAIN_S)
        if "error" in answer:
            raise CorruptLog(f"{self._names.cluster}, partition {partition}: {answer['error']}")
        return answer

    async def _partition_bars(self, partition: int, after: BarId, *, follow: bool) -> AsyncGenerator[ClusterBar, None]:
        broker, stream = self._broker, self._names.out_stream(partition)
        heard = asyncio.Event()

        async def hear(message: Any) -> None:
            heard.set()

        number = 1
        if after > NOTHING_SENT:
            number = await _number_after(broker, stream, after)
        is_made = False  # the stream, by the partition's first owner
        async with broker.subscribed(f"{self._names.out_subject(partition)}.*", hear):
            while True:
                heard.clear()
                is_made = is_made or await broker.stream_state(stream) is not None
                messages = await broker.messages(stream, number, BATCH) if is_made else []
                for each in messages:
                    if each.number != number:
                        raise CorruptLog(f"{stream}: message {number} of its bars is missing", path=stream)
                    number += 1
                    for bar in bars_in(each.data):
                        if (bar.seq, bar.ordinal) > after:
                            yield bar
                if messages:
                    continue
                if not follow:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await heard.wait()


async def _number_after(broker: Broker, stream: str, after: BarId) -> int:
    """Return the number of the first message with a bar behind *after*, found by halves."""
    state = await broker.stream_state(stream)
    low, high = 1, (0 if state is None else state.last) + 1
    while low < high:
        middle = (low + high) // 2
        found = await broker.message(stream, middle)
        if found is None:
            raise CorruptLog(f"{stream}: message {middle} of its bars is missing", path=stream)
        if last_id(found.data) > after:
            high = middle
        else:
            low = middle + 1
    return low


async def _together(parts: list[AsyncGenerator[ClusterBar, None]]) -> AsyncGenerator[ClusterBar, None]:
    """Yield what all *parts* yield, as it comes."""
    queue: asyncio.Queue[ClusterBar | BaseException | None] = asyncio.Queue(QUEUE)

    async def pour(part: AsyncGenerator[ClusterBar, None]) -> None:
        try:
            async for each in part:
                await queue.put(each)
        except Exception as error:  # noqa: BLE001 - it is raised where the bars are taken
            await queue.put(error)
        else:
            await queue.put(None)

    tasks = [asyncio.create_task(pour(part)) for part in parts]
    left = len(tasks)
    try:
        while left:
            found = await queue.get()
            if found is None:
                left -= 1
            elif isinstance(found, BaseException):
                raise found
            else:
                yield found
    finally:
        await ended(*tasks)
