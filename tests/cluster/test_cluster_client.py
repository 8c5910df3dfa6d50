"""`mtf.Cluster`: what a program elsewhere learns of a cluster is what one machine would say."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from pathlib import Path

import orjson
import pytest

import mtf
from mtf.cluster.broker import Broker
from mtf.cluster.gateway import Gateway
from mtf.cluster.membership import definition_of, owner_answer
from mtf.cluster.partitioning import Partitioning
from mtf.errors import BrokerDown, ConfigError, MalformedEvent, PipelineStopped, UnknownSymbol
from mtf.storage.restore import closed_between, state_at
from tests.cluster.clusters import (
    CONFIG,
    connected,
    definition_in,
    expected_of,
    gateway_of,
    until,
    until_pushes_are_taken,
    working,
    write_ticks,
)
from tests.cluster.servers import fresh_names, needs_server, shared_server
from tests.storage.builders import whole_bits

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True)
def server() -> str:
    needs_server()
    return shared_server().url


async def test_states_bars_and_ticks_are_those_of_one_machine(server: str, tmp_path: Path) -> None:
    names, partitions = fresh_names(), 3
    ticks = write_ticks(tmp_path / "ticks.csv", 3_000)
    of = Partitioning(partitions).of

    def write() -> None:
        with connected(server) as link:
            gateway_of(link, names, definition_in(link, names, partitions), tmp_path / "ticks.csv")

    await asyncio.to_thread(write)
    partition = of("S3")
    own = [tick for tick in ticks if of(tick.symbol) == partition]
    expected = await expected_of(tmp_path / "files", own)
    broker = await Broker.connect(server)
    definition = await definition_of(broker, names)
    async with working(server, names, definition), mtf.Cluster(server, name=names.cluster) as cluster:
        assert (cluster.partitions, cluster.partition_of("S3")) == (partitions, partition)
        assert cluster.config == CONFIG

        async def there_yet() -> bool:
            return (await cluster.seqs())[partition] == expected.seq

        await until(there_yet, "the end of the log")
        snapshot = await cluster.snapshot("S3", bars=3)
        wanted = state_at(tmp_path / "files", "S3")
        assert wanted is not None
        assert snapshot["seq"] == expected.seq
        assert snapshot["timeframes"] == orjson.loads(orjson.dumps(wanted.to_dict(3)))["timeframes"]
        everything = await cluster.snapshots()
        assert sum(len(each["symbols"]) for each in everything.values()) == 9
        for seq in (len(own) // 2, len(own)):
            past = await cluster.state_at("S3", seq=seq)
            there = state_at(tmp_path / "files", "S3", seq=seq)
            assert there is not None
            assert whole_bits(past) == whole_bits(there)
        found = await cluster.ticks("S3")
        assert [each.tick.ts_ns for each in found] == [tick.ts_ns for tick in own if tick.symbol == "S3"]
        bars = [each async for each in cluster.bars("1m", symbol="S3", follow=False)]
        whole = [
            (bar, seq, values)
            for bar, seq, values in closed_between(tmp_path / "files", 0, expected.seq)
            if bar.symbol == "S3" and bar.timeframe.name == "1m"
        ]
        assert [(each.bar, each.seq) for each in bars] == [(bar, seq) for bar, seq, _ in whole]
        assert list(bars[-1].values.values()) == whole[-1][2]
        middle = bars[len(bars) // 2]
        rest = cluster.bars("1m", symbol="S3", follow=False, after={partition: (middle.seq, middle.ordinal)})
        assert [each async for each in rest] == bars[len(bars) // 2 + 1 :]
        every = [each async for each in cluster.bars(follow=False)]
        assert len(every) == len({each[:3] for each in every}) > len(bars)
        with pytest.raises(UnknownSymbol, match="no event of 'XYZ'"):
            await cluster.snapshot("XYZ")
    await broker.close()


async def test_bars_and_states_come_as_events_do(server: str, tmp_path: Path) -> None:
    names = fresh_names()
    first, second = tmp_path / "a" / "ticks.csv", tmp_path / "b" / "ticks.csv"
    first.parent.mkdir()
    second.parent.mkdir()
    write_ticks(second, 2_000)
    lines = second.read_text().splitlines(keepends=True)
    first.write_text("".join(lines[:500]))

    def write(path: Path) -> None:
        with connected(server) as link:
            gateway_of(link, names, definition_in(link, names, 1), path)

    await asyncio.to_thread(write, first)
    broker = await Broker.connect(server)
    async with (
        working(server, names, await definition_of(broker, names)),
        mtf.Cluster(server, name=names.cluster) as cluster,
        aclosing(cluster.bars("1m", symbol="S2")) as bars,
        aclosing(cluster.states("S2")) as states,
    ):
        earlier = [each async for each in cluster.bars("1m", symbol="S2", follow=False)]
        state = asyncio.ensure_future(anext(states))
        await asyncio.to_thread(write, second)
        found = [await asyncio.wait_for(anext(bars), 20) for _ in range(len(earlier) + 5)]
        assert found[: len(earlier)] == earlier
        assert [each.seq for each in found] == sorted(each.seq for each in found)
        assert (await asyncio.wait_for(state, 20))["symbol"] == "S2"
    await broker.close()


async def test_what_is_pushed_is_what_a_pipeline_makes_of_it(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each push has its seq, in the order of the calls; an invalid event is refused with the reason."""
    monkeypatch.setattr("mtf.cluster.broker.ASK_S", 30.0)  # no push is made again
    names = fresh_names()
    ticks = write_ticks(tmp_path / "ticks.csv", 400)
    over = threading.Event()

    def serve() -> int:
        with connected(server) as link:
            gateway = Gateway(link, names, definition_in(link, names, 2), lease_s=0.5)
            try:
                return gateway.take_pushes(over.is_set)
            finally:
                gateway.close()

    serving = asyncio.ensure_future(asyncio.to_thread(serve))
    broker = await Broker.connect(server)

    async def made() -> bool:
        state = await broker.stream_state(names.log_stream(1))
        return state is not None and state.last > 0

    await until(made, "the cluster")
    async with (
        working(server, names, await definition_of(broker, names)),
        mtf.Cluster(server, name=names.cluster) as cluster,
    ):
        await until_pushes_are_taken(broker, names)
        given = [await cluster.push(tick) for tick in ticks]
        with pytest.raises(MalformedEvent, match="negative"):
            await cluster.push(mtf.Tick("S1", ticks[-1].ts_ns, 1.0, 1.5, bid_size=-1.0))
        for partition in range(2):
            own = [tick for tick in ticks if cluster.partition_of(tick.symbol) == partition]
            assert [seq for of, seq in given if of == partition] == list(range(1, len(own) + 1))
            async with mtf.Pipeline(config=CONFIG, clock="ticks") as p:
                for tick in own:
                    await p.push(tick)
                await p.drain()

                async def there(partition: int = partition, seq: int = p.seq) -> bool:
                    return (await cluster.seqs())[partition] == seq

                await until(there, "all that was pushed")
                answer = await owner_answer(broker, names, partition)
                assert answer is not None
                assert answer["digest"] == p.digest
    over.set()
    assert await serving == len(ticks)
    await broker.close()


async def test_what_is_not_there_is_an_error_that_says_what_to_do(server: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no cluster nowhere.*mtf cluster init"):
        async with mtf.Cluster(server, name="nowhere"):
            pass
    with pytest.raises(PipelineStopped, match="async with"):
        await mtf.Cluster(server).snapshot("EURUSD")
    with pytest.raises(BrokerDown, match="no NATS server answers"):
        async with mtf.Cluster("nats://127.0.0.1:1", patience_s=0.2):
            pass
