"""`mtf cluster dev` as its users run it: the digest of `mtf run`, whatever is killed meanwhile."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from mtf.build import COMPILED
from mtf.cluster.partitioning import Partitioning
from tests.cluster.clusters import expected_of, write_ticks
from tests.cluster.servers import needs_server
from tests.processes import children_of, gone

pytestmark = pytest.mark.cluster

SETTINGS = ["--indicators", "ema:3,rsi:5", "--timeframes", "1m,5m,1h", "--calendar", "crypto", "--history", "20"]
DEADLINE_S = 120.0
SYMBOLS = [f"S{k}" for k in range(24)]
TICKS = 1_000_000 if COMPILED and int(os.environ.get("MTF_CLUSTER_ROUNDS", "3")) > 3 else 4_000


@pytest.fixture(autouse=True)
def _server() -> None:
    needs_server()


def dev(path: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start the command on the file at *path*."""
    command = [sys.executable, "-P", "-m", "mtf", "cluster", "dev", str(path), *SETTINGS, "--json", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def result_of(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, err.decode()
    found: dict[str, Any] = orjson.loads(out.strip().split(b"\n")[-1])
    return found


def test_one_partition_has_the_digest_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    write_ticks(path, 5_000)
    found = result_of(dev(path))
    run = [sys.executable, "-P", "-m", "mtf", "run", str(path), *SETTINGS, "--json"]
    summary = orjson.loads(subprocess.run(run, check=True, capture_output=True).stdout)
    assert found["digest"] == summary["digest"] == found["digests"]["0"]
    for name in ("seq", "events", "ticks", "bars", "rejected"):
        assert found[name] == summary[name]
    assert len(found["pids"]["workers"]) == 2
    assert found["restarts"] == 0


async def test_several_partitions_have_the_digests_of_their_symbols_and_a_second_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    ticks = write_ticks(path, TICKS, SYMBOLS)
    found = result_of(dev(path, "--partitions", "16", "--data", str(tmp_path / "data")))
    of = Partitioning(16).of
    for partition in range(16):
        own = [tick for tick in ticks if of(tick.symbol) == partition]
        expected = await expected_of(tmp_path / str(partition), own, bars=False)
        assert found["digests"][str(partition)] == expected.digest
    assert len({of(symbol) for symbol in SYMBOLS}) > 8
    again = result_of(dev(path, "--partitions", "16", "--data", str(tmp_path / "data")))
    assert (again["digests"], again["seqs"]) == (found["digests"], found["seqs"])


@pytest.mark.parametrize("partitions", [1, 3])
async def test_whatever_is_killed_the_result_is_the_same(tmp_path: Path, partitions: int) -> None:
    """Workers and broker get SIGKILL, at moments that a seed decides."""
    path = tmp_path / "ticks.csv"
    ticks = write_ticks(path, 400_000 if COMPILED else 60_000)
    process = dev(path, "--partitions", str(partitions))
    draw = random.Random(partitions)
    kills = 0
    until = time.monotonic() + DEADLINE_S
    while process.poll() is None and time.monotonic() < until:
        living = [
            (pid, line)
            for pid, line in children_of(process.pid)
            if "nats-server" in line or "mtf cluster worker" in line
        ]
        if len(living) == 3 and kills < 5:
            with contextlib.suppress(ProcessLookupError):  # one that has ended meanwhile
                os.kill(draw.choice(living)[0], signal.SIGKILL)
            kills += 1
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(draw.uniform(0.1, 0.6))
    found = result_of(process)
    assert kills >= 2
    assert found["restarts"] >= 2
    of = Partitioning(partitions).of
    for partition in range(partitions):
        own = [tick for tick in ticks if of(tick.symbol) == partition]
        assert found["digests"][str(partition)] == (await expected_of(tmp_path / str(partition), own)).digest


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_children_end_with_a_command_that_is_killed(tmp_path: Path) -> None:
    """And another run in the same directory goes on, and comes to the same result."""
    path = tmp_path / "ticks.csv"
    write_ticks(path, 30_000)
    process = dev(path, "--data", str(tmp_path / "data"))
    until = time.monotonic() + DEADLINE_S
    children: list[tuple[int, str]] = []
    while len(children) < 3 and time.monotonic() < until:
        children = children_of(process.pid)
    process.kill()
    process.communicate()
    while not all(gone(pid) for pid, _ in children) and time.monotonic() < until:
        time.sleep(0.01)
    assert all(gone(pid) for pid, _ in children)
    found = result_of(dev(path, "--data", str(tmp_path / "data")))
    assert found["digests"] == result_of(dev(path))["digests"]
