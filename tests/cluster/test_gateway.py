"""The gateway gives a partition the log that one machine would have for its symbols, whatever interrupts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtf.cluster.broker_process import BrokerProcess
from mtf.cluster.gateway import Gateway
from mtf.cluster.partition_writer import PartitionWriter
from mtf.cluster.partitioning import Partitioning
from mtf.cluster.stream_storage import StreamStorage
from mtf.errors import ConfigMismatch, LogLocked
from mtf.sources.merge import MergedSource
from tests.cluster.clusters import (
    CONFIG,
    SYMBOLS,
    connected,
    definition_in,
    expected_of,
    gateway_of,
    merged,
    whole_log,
    write_ticks,
)
from tests.cluster.servers import fresh_names, needs_server, shared_server

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True)
def server() -> str:
    needs_server()
    return shared_server().url


@pytest.mark.parametrize("partitions", [1, 4])
async def test_each_log_is_that_of_its_symbols_alone(server: str, tmp_path: Path, partitions: int) -> None:
    """To the byte: seqs, numbers of symbols, and the flags of the order of time."""
    ticks = write_ticks(tmp_path / "ticks.csv", 5_000)
    names = fresh_names()
    of = Partitioning(partitions).of
    with connected(server) as link:
        definition = definition_in(link, names, partitions)
        read = gateway_of(link, names, definition, tmp_path / "ticks.csv")
        assert (read.rows, read.malformed) == (len(ticks), 5)
        used = {of(symbol) for symbol in SYMBOLS}
        assert len(used) > partitions / 2
        for partition in used:
            own = [tick for tick in ticks if of(tick.symbol) == partition]
            await expected_of(tmp_path / str(partition), own)
            assert whole_log(StreamStorage(link, names, partition)) == whole_log(tmp_path / str(partition))


class _Cut(MergedSource):
    """A source that breaks off after so many fills."""

    fills = 0

    def fill(self, builder: Any, limit: int) -> bool:
        self.fills -= 1
        if self.fills < 0:
            raise KeyboardInterrupt
        return super().fill(builder, 300)


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_gateway_that_dies_goes_on_with_the_row_that_each_partition_lacks(
    server: str, tmp_path: Path, partitions: int
) -> None:
    path = tmp_path / "ticks.csv"
    ticks = write_ticks(path, 4_000)
    names, whole = fresh_names(), fresh_names()
    with connected(server) as link:
        definition = definition_in(link, names, partitions)
        for fills in (3, 1, 4, 2):
            gateway = Gateway(link, names, definition, lease_s=0.2)
            source = _Cut(merged(path).parts)
            source.fills = fills
            with pytest.raises(KeyboardInterrupt):
                gateway.run(source)
            for writer in gateway._writers:
                writer.log.abandon()
            gateway._lease.abandon()
        assert gateway_of(link, names, definition, path).rows == len(ticks)
        gateway_of(link, whole, definition_in(link, whole, partitions), path)
        for partition in range(partitions):
            assert whole_log(StreamStorage(link, names, partition)) == whole_log(StreamStorage(link, whole, partition))
        again = gateway_of(link, names, definition, path)
        assert (again.rows, again.malformed) == (len(ticks), 4)


def test_rows_wait_while_others_are_on_their_way(tmp_path: Path) -> None:
    """So that messages get bigger, and cheaper, when a broker or a gateway has much to do."""
    server = BrokerProcess(tmp_path / "nats", with_parent=True)
    server.start()
    try:
        with connected(server.url) as link:
            writer = PartitionWriter(StreamStorage(link, fresh_names(), lease_s=None), CONFIG)
            found = [writer.is_sending]
            server.pause()
            assert not writer.builder.quote("S1", 1_700_000_000_000_000_000, 1.0, 1.5)
            writer.flush()
            found.append(writer.is_sending)
            server.go_on()
            writer.log.sync()
            found.append(writer.is_sending)
            writer.log.close()
            assert found == [False, True, False]
    finally:
        server.kill()


def test_a_second_gateway_is_refused(server: str, tmp_path: Path) -> None:
    names = fresh_names()
    with connected(server) as link:
        definition = definition_in(link, names, 2)
        first = Gateway(link, names, definition, lease_s=0.5)
        with pytest.raises(LogLocked, match="is written by"):
            Gateway(link, names, definition, lease_s=0.5)
        first.close()
        Gateway(link, names, definition, lease_s=0.5).close()


def test_a_cluster_is_made_once(server: str) -> None:
    names = fresh_names()
    with connected(server) as link:
        definition_in(link, names, 2)
        definition_in(link, names, 2)
        with pytest.raises(ConfigMismatch, match="partitions: 2, now 3"):
            definition_in(link, names, 3)
        with pytest.raises(ConfigMismatch, match="made with other settings"):
            definition_in(link, names, 2, CONFIG.changed(timeframes="1m"))
