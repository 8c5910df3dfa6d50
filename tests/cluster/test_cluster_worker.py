"""Workers: the digest of one machine, each bar once and in order, whoever dies; shares, and halts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from mtf.cluster.broker import Broker
from mtf.cluster.broker_process import BrokerProcess
from mtf.cluster.cluster_worker import ClusterWorker
from mtf.cluster.keys import Keys
from mtf.cluster.membership import cluster_status, owner_answer
from mtf.cluster.partitioning import Partitioning
from mtf.cluster.subjects import ClusterNames
from mtf.tasks import ended
from tests.cluster.clusters import (
    Expected,
    connected,
    definition_in,
    expected_of,
    gateway_of,
    stored_bars,
    until,
    working,
    write_ticks,
)
from tests.cluster.servers import fresh_names, needs_server, shared_server

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True)
def server() -> str:
    needs_server()
    return shared_server().url


async def _reached(broker: Broker, names: ClusterNames, expected: dict[int, Expected]) -> None:
    """Wait for all partitions to be at their ends, and compare digest and bars with those of one machine."""
    for partition, wanted in expected.items():

        async def there(partition: int = partition, wanted: Expected = wanted) -> bool:
            answer = await owner_answer(broker, names, partition)
            return answer is not None and (answer["seq"], answer["bars_outstanding"]) == (wanted.seq, 0)

        await until(there, f"partition {partition} at seq {wanted.seq}")
        answer = await owner_answer(broker, names, partition)
        assert answer is not None
        assert answer["digest"] == wanted.digest
        bars = [(each.seq, each.ordinal, repr(each.bar)) for each in await stored_bars(broker, names, partition)]
        assert bars == wanted.bars


async def _written(server: str, names: ClusterNames, partitions: int, path: Path, count: int) -> dict[int, Expected]:
    """Write ticks into a cluster and return what each partition should give."""
    ticks = write_ticks(path / "ticks.csv", count)
    of = Partitioning(partitions).of

    def write() -> None:
        with connected(server) as link:
            gateway_of(link, names, definition_in(link, names, partitions), path / "ticks.csv")

    await asyncio.to_thread(write)
    return {
        partition: await expected_of(path / str(partition), [tick for tick in ticks if of(tick.symbol) == partition])
        for partition in range(partitions)
    }


@pytest.mark.parametrize("partitions", [1, 4])
async def test_digest_and_bars_are_those_of_one_machine(server: str, tmp_path: Path, partitions: int) -> None:
    names = fresh_names()
    expected = await _written(server, names, partitions, tmp_path, 6_000)
    broker = await Broker.connect(server)
    definition = await _definition(broker, names)
    async with working(server, names, definition):
        await _reached(broker, names, expected)
    assert sum(len(each.bars) for each in expected.values()) > 500
    await broker.close()


async def test_bars_that_fit_in_no_message_are_sent_in_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of a quiet market closes a bar with each event, and bars are bigger than events."""
    monkeypatch.setattr("mtf.cluster.broker_process.PAYLOAD_BYTES_MAX", 512 << 10)
    server, names = BrokerProcess(tmp_path / "nats", with_parent=True), fresh_names()
    server.start()
    try:
        expected = await _written(server.url, names, 1, tmp_path, 8_000)
        async with Broker.connected(server.url) as broker:
            async with working(server.url, names, await _definition(broker, names)):
                await _reached(broker, names, expected)
            sizes = [len(each.data) for each in await broker.messages(names.out_stream(0), 1, 64)]
            assert max(sizes) > 256 << 10
    finally:
        server.kill()


async def test_who_takes_over_sends_what_is_missing_and_nothing_twice(server: str, tmp_path: Path) -> None:
    """The first owner is stopped dead in the middle, after a checkpoint and before it; twice."""
    names = fresh_names()
    expected = await _written(server, names, 1, tmp_path, 9_000)
    broker = await Broker.connect(server)
    definition = await _definition(broker, names)
    for seq in (2_000, 5_000):
        async with _dying(server, names, definition) as worker:

            async def passed(seq: int = seq, worker: ClusterWorker = worker) -> bool:
                return any(each.owner.seq > seq for each in worker._owned.values() if hasattr(each.owner, "_kernel"))

            await until(passed, f"seq {seq}")
    async with working(server, names, definition):
        await _reached(broker, names, expected)
    await broker.close()


class _dying:  # noqa: N801 - used as a context manager
    """A worker that ends as a killed process does: it gives nothing back."""

    def __init__(self, server: str, names: ClusterNames, definition: object) -> None:
        self.arguments = (server, names, definition)

    async def __aenter__(self) -> ClusterWorker:
        server, names, definition = self.arguments
        from mtf.cluster.owner import Cadence

        self.broker = await Broker.connect(server)
        self.worker = ClusterWorker(self.broker, names, definition, lease_s=0.4, cadence=Cadence(events=1_000))  # type: ignore[arg-type]
        self.task = asyncio.create_task(self.worker.run())
        return self.worker

    async def __aexit__(self, *error: object) -> None:
        owned = list(self.worker._owned.values())
        for each in owned:
            each.lease.abandon()
            each.lease.is_lost = True
        await ended(self.task, *(each.task for each in owned))
        await self.broker.close()


async def test_a_second_worker_gets_its_share_and_a_third_what_is_left(server: str, tmp_path: Path) -> None:
    names = fresh_names()
    expected = await _written(server, names, 4, tmp_path, 2_000)
    broker = await Broker.connect(server)
    definition = await _definition(broker, names)
    async with working(server, names, definition) as first:
        await _reached(broker, names, expected)
        assert first.partitions == [0, 1, 2, 3]
        async with working(server, names, definition) as second:

            async def shared() -> bool:
                return len(first.partitions) == len(second.partitions) == 2

            await until(shared, "an equal share")
            await _reached(broker, names, expected)
            assert not set(first.partitions) & set(second.partitions)

        async def alone() -> bool:
            return first.partitions == [0, 1, 2, 3]

        await until(alone, "all partitions again")
        await _reached(broker, names, expected)
    await broker.close()


async def test_a_damaged_partition_is_halted_by_name_and_the_others_go_on(tmp_path: Path) -> None:
    needs_server()
    own = BrokerProcess(tmp_path / "nats", with_parent=True)
    own.start()
    names = ClusterNames("mtf")
    expected = await _written(own.url, names, 4, tmp_path, 4_000)
    own.kill()
    [path] = (own.directory / "store").glob("**/mtf-LOG-1/msgs/*.blk")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    own.start()
    broker = await Broker.connect(own.url)
    definition = await _definition(broker, names)
    async with working(own.url, names, definition):

        async def halted() -> bool:
            return bool((await Keys(broker, names).get("halt.1")).value)

        await until(halted, "the halt of partition 1")
        del expected[1]
        await _reached(broker, names, expected)
        status = await cluster_status(broker, names)
        assert [bool(each["halted"]) for each in status["partitions"]] == [False, True, False, False]
        assert "partition 1" in status["partitions"][1]["halted"]
        assert status["partitions"][1]["owner"] is None
        assert len(status["workers"]) == 1
    await broker.close()
    own.kill()


async def test_the_newest_state_is_published_and_can_be_asked_for(server: str, tmp_path: Path) -> None:
    names = fresh_names()
    expected = await _written(server, names, 1, tmp_path, 300)
    broker = await Broker.connect(server)
    heard: dict[str, dict[str, object]] = {}

    async def hear(message: object) -> None:
        state = orjson.loads(message.data)  # type: ignore[attr-defined]
        heard[state["symbol"]] = state

    async with (
        broker.subscribed(names.live_subject(0, "*"), hear),
        working(server, names, await _definition(broker, names)),
    ):
        await _reached(broker, names, expected)
        answer = await owner_answer(broker, names, 0, {"ask": "state", "symbol": "S3", "bars": 1})
        assert answer is not None
        assert answer["seq"] == expected[0].seq

        async def published() -> bool:
            return bool(heard.get("S3", {}).get("timeframes") == answer["symbols"]["S3"]["timeframes"])

        await until(published, "the newest state of S3")
    await broker.close()


async def _definition(broker: Broker, names: ClusterNames):  # type: ignore[no-untyped-def]
    from mtf.cluster.membership import definition_of

    return await definition_of(broker, names)
