"""Rounds: gateway, workers and brokers as processes, killed at moments that a seed decides, until all is done.

Digest and bars are those of one machine each time, every bar once and in order. MTF_CLUSTER_ROUNDS says how many rounds
there are; every third has three brokers, of which the leader of a stream is killed.
"""

from __future__ import annotations

import asyncio
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
from mtf.cluster.broker import Broker, Refused
from mtf.cluster.broker_process import BrokerProcess, free_port
from mtf.cluster.keys import Keys
from mtf.cluster.membership import cluster_status, make_cluster, owner_answer
from mtf.cluster.partitioning import Definition, Partitioning
from mtf.cluster.subjects import ClusterNames
from tests.cluster.clusters import CONFIG, expected_of, stored_bars, until, write_ticks
from tests.cluster.servers import needs_server

pytestmark = pytest.mark.cluster

ROUNDS = int(os.environ.get("MTF_CLUSTER_ROUNDS", "3"))
NAMES = ClusterNames("mtf")
PARTITIONS = 2
TICKS = 150_000 if COMPILED else 40_000  # some seconds of work
LEASE_S = 0.8
DEADLINE_S = 150.0
ALIVE = ("gateway", "worker 0", "worker 1")


class Round:
    """The processes of one round, and what befalls them."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path, self.draw = path, random.Random(seed)
        self.replicas = 3 if seed % 3 == 2 else 1
        routes = [free_port() for _ in range(3)] if self.replicas == 3 else []
        self.brokers = [
            BrokerProcess(path / f"nats{k}", name=f"n{k}", routes=routes[k:] + routes[:k], with_parent=True)
            for k in range(self.replicas)
        ]
        self.url = ",".join(each.url for each in self.brokers)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.did: list[str] = []
        self.heard: dict[str, Any] | None = None  # the newest answer of an owner
        (path / "cluster.toml").write_text(
            f'servers = "{self.url}"\n[worker]\nlease_s = {LEASE_S}\ncheckpoint_events = 5_000\nlive_per_second = 0.0\n'
        )

    def start(self, what: str) -> None:
        words = ["gateway", str(self.path / "ticks.csv")] if what == "gateway" else ["worker"]
        command = [sys.executable, "-P", "-m", "mtf", "cluster", *words, "--config", str(self.path / "cluster.toml")]
        with (self.path / "said").open("ab") as said:
            self.processes[what] = subprocess.Popen(command, stdout=said, stderr=said)

    def ended(self) -> bool:
        return self.processes["gateway"].poll() == 0

    def look(self) -> None:
        """Start again what was killed; whatever ends by itself, with an error, fails the round."""
        for what in ALIVE:
            code = self.processes[what].poll()
            if code is not None and not (what == "gateway" and code == 0):
                # A gateway that finds itself replaced, or its broker away for too long, ends with an error and is
                # started again; a worker never ends by itself.
                assert what == "gateway" or code < 0, (self.did, (self.path / "said").read_text())
                self.start(what)
        for each in self.brokers:
            if not each.runs:
                each.start(ready=False)

    async def harm(self, leader: str) -> None:
        """Kill one of them, or stop it for longer than its lease."""
        what = self.draw.choice([*ALIVE, "broker", "pause"])
        self.did.append(what)
        if what == "broker":
            [victim] = [each for each in self.brokers if each._name == leader] or [self.brokers[0]]
            victim.kill()
        elif what == "pause":
            process = self.processes[self.draw.choice(ALIVE[1:])]
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(2 * LEASE_S)
            process.send_signal(signal.SIGCONT)
        elif not (what == "gateway" and self.ended()):
            self.processes[what].kill()
            self.processes[what].wait()

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
        for each in self.brokers:
            each.kill()


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_digest_and_bars_are_those_of_one_machine_whatever_is_killed(tmp_path: Path, seed: int) -> None:
    needs_server()
    ticks = write_ticks(tmp_path / "ticks.csv", TICKS, seed=seed + 1)
    of = Partitioning(PARTITIONS).of
    expected = {
        partition: await expected_of(
            tmp_path / str(partition), [tick for tick in ticks if of(tick.symbol) == partition]
        )
        for partition in range(PARTITIONS)
    }
    this = Round(tmp_path, seed)
    broker: Broker | None = None
    try:
        for each in this.brokers:
            each.start(ready=False)
        for each in this.brokers:
            await asyncio.to_thread(each.wait_ready)
        broker = await Broker.connect(this.url, patience_s=60)
        await make_cluster(broker, NAMES, Definition(Partitioning(PARTITIONS), CONFIG, this.replicas))
        for what in ALIVE:
            this.start(what)
        end = time.monotonic() + DEADLINE_S
        harms = this.draw.randrange(4, 8)
        while not this.ended() or harms:
            assert time.monotonic() < end, (this.did, (tmp_path / "said").read_text())
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(this.processes["gateway"].wait, this.draw.uniform(0.1, 0.8))
            if harms:
                harms -= 1
                await this.harm(await _leader(broker))
            this.look()
        for partition, wanted in expected.items():

            async def there(partition: int = partition, seq: int = wanted.seq) -> bool:
                this.look()
                halt = (await Keys(broker, NAMES).get(f"halt.{partition}")).value
                assert not halt, (this.did, orjson.loads(halt))
                answer = await owner_answer(broker, NAMES, partition)
                this.heard = answer
                return answer is not None and (answer["seq"], answer["bars_outstanding"]) == (seq, 0)

            try:
                await until(there, f"partition {partition} at {wanted.seq}; {this.did}")
            except AssertionError as error:
                error.add_note(repr((this.heard, await cluster_status(broker, NAMES))))
                error.add_note((tmp_path / "said").read_text())
                raise
            assert this.heard is not None
            assert this.heard["digest"] == wanted.digest, this.did
            bars = [(each.seq, each.ordinal, repr(each.bar)) for each in await stored_bars(broker, NAMES, partition)]
            assert bars == wanted.bars, this.did
    finally:
        if broker is not None:
            await broker.close()
        this.end()


async def _leader(broker: Broker) -> str:
    """Return the server that leads the stream of partition 0; "" if there is just one, or none knows at the moment."""
    try:
        info = await broker.ask(f"$JS.API.STREAM.INFO.{NAMES.log_stream(0)}")
    except (TimeoutError, Refused):
        return ""
    return str(info.get("cluster", {}).get("leader", ""))
