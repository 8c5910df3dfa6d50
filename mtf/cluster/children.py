"""The processes of a cluster on one machine: a broker and workers, children that are started again when they die."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from mtf.cluster.broker_process import BrokerProcess, end_with_parent
from mtf.errors import WorkerLost

__all__ = ["Children", "worker_command"]

RESTARTS_MAX: Final = 1_000  # of all workers
STOP_S: Final = 20.0


def worker_command(settings: Path) -> list[str]:
    """Return the command of a worker of the cluster in the file *settings*."""
    return [sys.executable, "-P", "-m", "mtf", "cluster", "worker", "--config", str(settings)]


class Children:
    """A *broker* and *count* workers by the file *settings*, from `start` to `stop`."""

    def __init__(self, broker: BrokerProcess, settings: Path, count: int, log: Path) -> None:
        self.broker: Final = broker
        self._settings: Final = settings
        self._count: Final = count
        self._log: Final = log
        self._workers: list[subprocess.Popen[bytes]] = []
        self.restarts = 0  # of workers and broker

    @property
    def worker_pids(self) -> list[int]:
        return [each.pid for each in self._workers]

    def start_workers(self) -> None:
        self._workers = [self._start_worker() for _ in range(self._count)]

    def look(self) -> None:
        """Start again whatever has died; WorkerLost if a worker ends by itself, which it never should."""
        if not self.broker.runs:
            self.restarts += 1
            self.broker.start(ready=False)
        for k, worker in enumerate(self._workers):
            code = worker.poll()
            if code is None:
                continue
            if code >= 0 or self.restarts >= RESTARTS_MAX:
                said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                raise WorkerLost(f"a worker of the cluster has ended with code {code}: {said[-1] if said else ''}")
            self.restarts += 1
            self._workers[k] = self._start_worker()

    def stop(self) -> None:
        """End all of them: workers cleanly, then the broker."""
        for worker in self._workers:
            if worker.poll() is None:
                worker.terminate()
        for worker in self._workers:
            try:
                worker.wait(STOP_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self.broker.stop()

    def _start_worker(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                worker_command(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - one system call
            )
