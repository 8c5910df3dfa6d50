"""A sweep on a Dask cluster gives what one on this machine gives, whoever is killed: jobs, workers, the scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from mtf.errors import ConfigError, MtfError
from mtf.sweep import sweep
from tests.cli.builders import command
from tests.processes import gone, parent_of
from tests.sweep.builders import (
    MODULE,
    check_hundred_jobs,
    check_serial,
    eventually,
    waiting,
    write_tokens,
)

pytest.importorskip("distributed", reason="distributed, the extra `sweep`, is not installed")
pytest.importorskip("arro3.io", reason="results are written as Parquet")
if not Path("/proc/self/stat").exists():
    pytest.skip("which worker has started a process is known from /proc", allow_module_level=True)

SPECS: Final = ["sma:2", "sma:3", "sma:4", "sma:5"]


class Cluster:
    """A scheduler and two workers of one thread each, as processes of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._file: Final = folder / "scheduler.json"
        self._processes: Final[list[subprocess.Popen[bytes]]] = []
        self.address = ""

    def start(self) -> None:
        self.scheduler = self._begun("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        asyncio.run(eventually(self._is_known))
        single = ("--nthreads", "1", "--no-nanny", "--local-directory", str(self._folder))
        self.workers = [self._begun("distributed.cli.dask_worker", *single) for _ in range(2)]

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _begun(self, module: str, *args: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, "--no-dashboard", "--scheduler-file", str(self._file), *args]
        begun = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._processes.append(begun)
        return begun

    def _is_known(self) -> bool:
        """Whether the scheduler has written its address, all of it."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            self.address = "dask://" + json.loads(self._file.read_text())["address"].removeprefix("tcp://")
        return self.address != ""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.end()


async def test_results_are_those_of_serial_replays_though_a_job_and_a_worker_are_killed(
    cluster: Cluster, log: Path, strategies: ModuleType, tmp_path: Path
) -> None:
    """The job is run again on its worker, and those of the worker on the other one."""
    tokens = write_tokens(tmp_path / "tokens", "sma_3", wait="sma_5")
    call: dict[str, Any] = {
        "settings": {"indicators": SPECS},
        "consumer": strategies.Crossings,
        "options": {"tokens": [tokens]},
        "out": tmp_path / "out",
        "on": cluster.address,
    }
    running = asyncio.create_task(sweep(log, **call))
    await eventually(lambda: len(waiting(tokens)) == 1 or running.done())
    (pid,) = waiting(tokens)
    (worker,) = (each for each in cluster.workers if each.pid == parent_of(pid))
    os.unlink(Path(tokens) / "sma_5.wait")
    worker.kill()
    report = await running
    assert gone(pid), "no job outlives its worker"
    assert (report.done, report.failed) == (4, 0), report.errors
    attempts = [row["attempts"] for row in report.rows]
    assert attempts[1] == 2
    assert set(attempts) <= {1, 2}, "the worker may have had another job, too"
    await check_serial(report, SPECS, log, strategies.Crossings)
    again = await sweep(log, **call)
    assert (again.done, again.skipped) == (0, 4)
    assert again.rows == report.rows


def test_sweep_that_is_stopped_ends_its_jobs_on_the_workers(
    cluster: Cluster, log: Path, folder: Path, tmp_path: Path
) -> None:
    tokens = write_tokens(tmp_path / "tokens", wait="sma_2")
    args = ["sweep", log, "--set", "indicators=sma:2", "--consumer", f"{MODULE}:Crossings"]
    args += ["--with", f"tokens={tokens}", "--out", tmp_path / "out", "--on", cluster.address]
    running = subprocess.Popen(command(*args), cwd=folder, stderr=subprocess.PIPE)
    asyncio.run(eventually(lambda: len(waiting(tokens)) == 1 or running.poll() is not None))
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1].decode()
    assert running.returncode == 130
    assert said.splitlines() == [
        f"mtf: 1 job: 1 log × 1 value of indicators × 1 value of tokens; 1 to run, on {cluster.address}",
        f"mtf: stopped: 0 of 1 jobs are done and kept in {tmp_path / 'out'}; run it again to go on",
    ]
    asyncio.run(eventually(lambda: all(map(gone, waiting(tokens)))))


async def test_sweep_whose_scheduler_is_lost_says_so(
    cluster: Cluster, log: Path, strategies: ModuleType, tmp_path: Path
) -> None:
    """It ends, and does not take the jobs for failed ones."""
    tokens = write_tokens(tmp_path / "tokens", wait="sma_2")
    call: dict[str, Any] = {"settings": {"indicators": ["sma:2"]}, "options": {"tokens": [tokens]}}
    running = asyncio.create_task(
        sweep(log, **call, consumer=strategies.Crossings, out=tmp_path / "out", on=cluster.address)
    )
    await eventually(lambda: len(waiting(tokens)) == 1 or running.done())
    cluster.scheduler.kill()
    with pytest.raises(MtfError, match="the Dask scheduler is gone; run the sweep again to go on"):
        await running


@pytest.mark.parametrize("address", ["localhost:8786", "dask://localhost", "tcp://localhost:8786"])
async def test_address_of_a_scheduler_is_written_as_dask(log: Path, tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match="write it as dask://host:port"):
        await sweep(log, out=tmp_path / "out", on=address)


@pytest.mark.slow
async def test_hundred_jobs_with_five_kills_give_what_serial_replays_give(
    cluster: Cluster, log: Path, strategies: ModuleType, tmp_path: Path
) -> None:
    """And run again, nothing is computed."""
    await check_hundred_jobs(log, strategies.Crossings, tmp_path, on=cluster.address)
