"""Mirrors: copies that every command reads, that show a broker's damage, and that a partition is repaired from."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import mtf
from mtf.cluster.broker import Broker
from mtf.cluster.broker_process import BrokerProcess
from mtf.cluster.gateway import Gateway
from mtf.cluster.membership import definition_of, owner_answer
from mtf.cluster.mirror import Mirror, Verified, mirror_path, repair_partition, verify_partition
from mtf.cluster.subjects import ClusterNames
from mtf.errors import ConfigError, CorruptLog, LogLocked
from mtf.storage.restore import engine_at
from tests.cluster.clusters import (
    connected,
    definition_in,
    expected_of,
    gateway_of,
    stored_bars,
    until,
    whole_log,
    working,
    write_ticks,
)

pytestmark = pytest.mark.cluster

NAMES = ClusterNames("mtf")


def mirrored(server: BrokerProcess, path: Path, partitions: int = 1) -> None:
    """Copy what the partitions have into mirrors."""
    with connected(server.url) as link:
        for partition in range(partitions):
            mirror = Mirror(link, NAMES, partition, path)
            mirror.copy()
            mirror.close()


def damage(server: BrokerProcess, share: float) -> None:
    """Flip a bit in the stream of partition 0, with the server down."""
    server.kill()
    [path] = (server.directory / "store").glob("**/mtf-LOG-0/msgs/*.blk")
    data = bytearray(path.read_bytes())
    data[int(len(data) * share)] ^= 16
    path.write_bytes(data)
    server.start()


async def test_a_mirror_is_a_data_directory_with_the_events_of_the_partition(
    server: BrokerProcess, tmp_path: Path
) -> None:
    """It goes on where it was, and has what one machine would have logged."""
    ticks: list[mtf.Tick] = []
    for count in (1_000, 3_000):
        ticks = write_ticks(tmp_path / "ticks.csv", count)
        with connected(server.url) as link:
            gateway_of(link, NAMES, definition_in(link, NAMES, 1), tmp_path / "ticks.csv")
        mirrored(server, tmp_path / "mirror")
    expected = await expected_of(tmp_path / "files", ticks)
    path = mirror_path(tmp_path / "mirror", 0)
    assert whole_log(path) == whole_log(tmp_path / "files")
    assert engine_at(path).digest.value() == expected.digest
    with connected(server.url) as link:
        assert verify_partition(link, NAMES, 0, tmp_path / "mirror") == Verified(0, expected.seq, "", expected.seq)
        assert verify_partition(link, NAMES, 0, None) == Verified(0, expected.seq, "", None)


@pytest.mark.parametrize("share", [0.05, 0.4, 0.8, 0.999])
async def test_a_damaged_partition_is_repaired_to_the_old_digest(
    server: BrokerProcess, tmp_path: Path, share: float
) -> None:
    """And goes on: the gateway writes more, workers send the bars that follow, and none twice."""
    ticks = write_ticks(tmp_path / "ticks.csv", 4_000)
    lines = (tmp_path / "ticks.csv").read_text().splitlines(keepends=True)
    (tmp_path / "ticks.csv").write_text("".join(lines[:3_001]))
    with connected(server.url) as link:
        definition = definition_in(link, NAMES, 1)
        gateway_of(link, NAMES, definition, tmp_path / "ticks.csv")
    mirrored(server, tmp_path / "mirror")
    async with working(server.url, NAMES, definition, events=700):
        await _at(server, 2_997)
    damage(server, share)
    with connected(server.url) as link:
        found = verify_partition(link, NAMES, 0, tmp_path / "mirror")
        assert found.error
        assert found.seq < 2_997
        with pytest.raises(CorruptLog, match="partition 0"):
            await asyncio.to_thread(gateway_of, link, NAMES, definition, tmp_path / "ticks.csv")
        assert repair_partition(link, NAMES, 0, tmp_path / "mirror", replicas=1, lease_s=0.3) == 2_997
        assert verify_partition(link, NAMES, 0, tmp_path / "mirror").error == ""
        (tmp_path / "ticks.csv").write_text("".join(lines))
        gateway_of(link, NAMES, definition, tmp_path / "ticks.csv")
    expected = await expected_of(tmp_path / "files", ticks)
    async with working(server.url, NAMES, definition):
        answer = await _at(server, expected.seq)
        assert answer["digest"] == expected.digest
    broker = await Broker.connect(server.url)
    bars = [(each.seq, each.ordinal, repr(each.bar)) for each in await stored_bars(broker, NAMES, 0)]
    assert bars == expected.bars
    await broker.close()


async def test_a_mirror_that_lacks_events_repairs_nothing(server: BrokerProcess, tmp_path: Path) -> None:
    write_ticks(tmp_path / "ticks.csv", 1_000)
    with connected(server.url) as link:
        definition = definition_in(link, NAMES, 1)
        gateway_of(link, NAMES, definition, tmp_path / "ticks.csv")
        mirrored(server, tmp_path / "mirror")
        write_ticks(tmp_path / "ticks.csv", 2_000)
        gateway = Gateway(link, NAMES, definition, lease_s=0.5)
        with pytest.raises(LogLocked, match="is written by"):
            repair_partition(link, NAMES, 0, tmp_path / "mirror", replicas=1, lease_s=0.5)
        gateway.close()
        gateway_of(link, NAMES, definition, tmp_path / "ticks.csv")
        with pytest.raises(ConfigError, match="ends at seq 999, and the partition had 1998"):
            repair_partition(link, NAMES, 0, tmp_path / "mirror", replicas=1, lease_s=0.5)


async def _at(server: BrokerProcess, seq: int) -> dict[str, object]:
    broker = await Broker.connect(server.url)
    _ = await definition_of(broker, NAMES)
    try:

        async def there() -> dict[str, object] | None:
            answer = await owner_answer(broker, NAMES, 0)
            return answer if answer and (answer["seq"], answer["bars_outstanding"]) == (seq, 0) else None

        found: dict[str, object] = await until(there, f"seq {seq}")
        return found
    finally:
        await broker.close()
