"""Damage of a broker's files: a worker halts the partition by name and seq, and a mirror brings the old digest back.

MTF_CLUSTER_ROUNDS says whether it is tried with a few seeds or with a hundred.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from pathlib import Path

import orjson
import pytest

from mtf.cluster.broker import Broker
from mtf.cluster.broker_process import BrokerProcess
from mtf.cluster.keys import Keys
from mtf.cluster.membership import owner_answer
from mtf.cluster.mirror import Mirror, repair_partition, verify_partition
from mtf.cluster.partitioning import Partitioning
from mtf.cluster.subjects import ClusterNames
from tests.cluster.clusters import (
    connected,
    definition_in,
    expected_of,
    gateway_of,
    stored_bars,
    until,
    working,
    write_ticks,
)

pytestmark = pytest.mark.cluster

NAMES = ClusterNames("mtf")
PARTITIONS = 2
TICKS = 1_500
SEEDS = 100 if int(os.environ.get("MTF_CLUSTER_ROUNDS", "3")) > 3 else 6


def harm(server: BrokerProcess, partition: int, draw: random.Random) -> str:
    """Change the files of a partition's log with the server down, and return how."""
    how = draw.choice(["flip", "cut", "zeros"])
    clean = draw.random() < 0.5
    (server.stop if clean else server.kill)()
    [path] = (server.directory / "store").glob(f"**/mtf-LOG-{partition}/msgs/*.blk")
    data = bytearray(path.read_bytes())
    at = draw.randrange(len(data)) if draw.random() < 0.9 else 0
    if how == "flip":
        data[at] ^= 1 << draw.randrange(8)
    elif how == "cut":
        del data[at:]
    else:
        count = min(512, len(data) - at)
        data[at : at + count] = bytes(count)
    path.write_bytes(data)
    server.start()
    return f"{how} at {at} of {len(data)}, {'stopped' if clean else 'killed'}"


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_damaged_log_halts_its_partition_and_a_mirror_brings_it_back(
    server: BrokerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("mtf.cluster.gateway.FILL_EVENTS", 60)  # many small messages
    monkeypatch.setattr("mtf.cluster.gateway.SPARSE_EVENTS", 20)
    draw = random.Random(seed)
    ticks = write_ticks(tmp_path / "ticks.csv", TICKS, seed=seed + 1)
    harmed = draw.randrange(PARTITIONS)
    of = Partitioning(PARTITIONS).of
    expected = [
        await expected_of(tmp_path / str(partition), [tick for tick in ticks if of(tick.symbol) == partition])
        for partition in range(PARTITIONS)
    ]

    def write() -> None:
        with connected(server.url) as link:
            gateway_of(link, NAMES, definition_in(link, NAMES, PARTITIONS), tmp_path / "ticks.csv")
            with contextlib.closing(Mirror(link, NAMES, harmed, tmp_path / "mirror")) as mirror:
                assert mirror.copy() == expected[harmed].seq

    await asyncio.to_thread(write)
    how = await asyncio.to_thread(harm, server, harmed, draw)
    with connected(server.url) as link:
        definition = await asyncio.to_thread(definition_in, link, NAMES, PARTITIONS)
        async with Broker.connected(server.url) as broker, working(server.url, NAMES, definition, lease_s=0.3):

            async def halted() -> bytes:
                answer = await owner_answer(broker, NAMES, harmed)
                assert answer is None or answer["seq"] < expected[harmed].seq, how
                return (await Keys(broker, NAMES).get(f"halt.{harmed}")).value

            halt = orjson.loads(await until(halted, f"the halt after {how}"))
            assert f"partition {harmed}" in halt["error"], how
            assert 1 <= halt["seq"] <= expected[harmed].seq, (how, halt)
            seq = await asyncio.to_thread(
                repair_partition, link, NAMES, harmed, tmp_path / "mirror", replicas=1, lease_s=0.3
            )
            assert seq == expected[harmed].seq

            for partition, wanted in enumerate(expected):

                async def there(partition: int = partition, seq: int = wanted.seq) -> bool:
                    answer = await owner_answer(broker, NAMES, partition)
                    return answer is not None and (answer["seq"], answer["bars_outstanding"]) == (seq, 0)

                await until(there, f"partition {partition} at {wanted.seq} after {how}")
                answer = await owner_answer(broker, NAMES, partition)
                assert answer is not None
                assert answer["digest"] == wanted.digest, how
                bars = [
                    (each.seq, each.ordinal, repr(each.bar)) for each in await stored_bars(broker, NAMES, partition)
                ]
                assert bars == wanted.bars, how
        verified = await asyncio.to_thread(verify_partition, link, NAMES, harmed, tmp_path / "mirror")
        assert verified.error == ""
