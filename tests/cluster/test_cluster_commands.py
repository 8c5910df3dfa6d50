"""The commands of a cluster as its users type them, from the file to the repaired partition."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from mtf.cluster.broker import Broker
from mtf.cluster.broker_process import BrokerProcess
from mtf.cluster.cluster_client import Cluster
from mtf.cluster.subjects import ClusterNames
from mtf.events.tick import Tick
from tests.cli.builders import mtf
from tests.cluster.clusters import until_pushes_are_taken, write_ticks

pytestmark = pytest.mark.cluster


def test_a_cluster_from_its_file_to_a_repaired_partition(
    server: BrokerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    missing = mtf("cluster", "status")
    assert (missing.exit_code, "make one with mtf cluster init" in missing.output) == (2, True)
    assert mtf("cluster", "init").exit_code == 0
    file = tmp_path / "cluster.toml"
    text = file.read_text().replace("nats://127.0.0.1:4222", server.url).replace("partitions = 16", "partitions = 2")
    file.write_text(text.replace('"fx"', '"crypto"').replace("lease_s = 5.0", "lease_s = 0.5"))
    made = mtf("cluster", "init")
    assert (made.exit_code, made.output) == (0, f"mtf at {server.url}: 2 partitions, replicas 1\n")
    write_ticks(tmp_path / "ticks.csv", 2_000)
    written = mtf("cluster", "gateway", "ticks.csv", "--json")
    assert written.exit_code == 0, written.output
    read = orjson.loads(written.output)
    assert (read["events"], read["malformed"], sum(read["seqs"])) == (1_998, 2, 1_998)
    assert mtf("cluster", "mirror", "mirror", "--once").exit_code == 0
    checked = mtf("cluster", "verify", "--mirror", "mirror")
    assert (checked.exit_code, checked.output) == (0, "2 partitions, 1,998 events, 0 damaged\n")
    worker = subprocess.Popen([sys.executable, "-P", "-m", "mtf", "cluster", "worker"], stderr=subprocess.PIPE)
    try:
        asked = mtf("cluster", "query", "--symbol", "S3", "--json")
        assert asked.exit_code == 0, asked.output
        [answer] = orjson.loads(asked.output)["partitions"]
        past = mtf("cluster", "query", "--symbol", "S3", "--at", str(answer["seq"] // 2 or 1), "--json")
        assert past.exit_code == 0, past.output
        assert "S3" in mtf("cluster", "query").output
        status = orjson.loads(mtf("cluster", "status", "--json").output)
        assert [each["halted"] for each in status["partitions"]] == [None, None]
        assert [each["pid"] for each in status["workers"]] == [worker.pid]
    finally:
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=30)
    assert worker.returncode == 128 + signal.SIGTERM, said.decode()
    server.kill()
    [path] = (server.directory / "store").glob("**/mtf-LOG-0/msgs/*.blk")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    server.start()
    damaged = mtf("cluster", "verify", "--mirror", "mirror")
    assert (damaged.exit_code, "partition 0" in damaged.output, "1 damaged" in damaged.output) == (1, True, True)
    repaired = mtf("cluster", "repair", "0", "mirror")
    assert repaired.exit_code == 0, repaired.output
    assert mtf("cluster", "verify", "--mirror", "mirror").exit_code == 0


def test_a_gateway_on_standby_takes_over_from_one_that_dies(
    server: BrokerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was acknowledged is there, and seqs go on; one that is stopped while it waits ends."""
    monkeypatch.setattr("mtf.cluster.broker.ASK_S", 30.0)  # no push is made again
    file = tmp_path / "cluster.toml"
    file.write_text(f'servers = "{server.url}"\npartitions = 2\n[results]\ncalendar = "crypto"\n')
    assert mtf("cluster", "init", "--config", str(file)).exit_code == 0
    ticks = write_ticks(tmp_path / "ticks.csv", 20)
    words = [sys.executable, "-P", "-m", "mtf", "cluster", "gateway", "--push", "--config", str(file)]
    gateways: list[subprocess.Popen[bytes]] = []

    def start(*more: str) -> subprocess.Popen[bytes]:
        gateways.append(subprocess.Popen([*words, *more], stderr=subprocess.PIPE))
        return gateways[-1]

    try:
        first = start()
        given = asyncio.run(_pushed(server.url, ticks[:5]))
        refused = subprocess.run(words, capture_output=True, check=False)
        assert (refused.returncode, b"is written by" in refused.stderr) == (2, True)
        second, third = start("--standby"), start("--standby")
        for waiting in (second, third):
            assert waiting.stderr is not None
            assert b"waiting for its end" in waiting.stderr.readline()
        third.send_signal(signal.SIGTERM)
        assert third.wait(30) == 128 + signal.SIGTERM
        first.kill()
        given += asyncio.run(_pushed(server.url, ticks[5:]))
        assert second.poll() is None
    finally:
        for each in gateways:
            each.kill()
            each.communicate()
    for partition in range(2):
        seqs = [seq for of, seq in given if of == partition]
        assert seqs[0] == 1
        assert seqs == sorted(set(seqs))


async def _pushed(url: str, ticks: list[Tick]) -> list[tuple[int, int]]:
    """Push *ticks* once a gateway takes them, and return what they are given."""
    async with Broker.connected(url) as broker, Cluster(url) as cluster:
        await until_pushes_are_taken(broker, ClusterNames())
        return [await cluster.push(tick) for tick in ticks]
