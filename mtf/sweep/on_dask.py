"""Jobs on a Dask cluster: each worker starts them as processes of its own, as a sweep on one machine does.

So a job that is killed takes no worker along, and is tried again there. A worker that is lost is Dask's to replace: it
has its jobs run elsewhere. Imports distributed (the extra `sweep`), and is itself imported on first use, here and by
the workers, which must have this very mtf installed and see the same directories.
"""

from __future__ import annotations

import logging
import threading
import uuid
from typing import Any, Final

from distributed import Client
from distributed.client import FutureCancelledError

from mtf.errors import ConfigError, MtfError
from mtf.sweep.job_processes import JobProcesses

__all__ = ["OnDask"]

SCHEME: Final = "dask://"
ANSWER_S: Final = 10.0  # how long the scheduler may take to answer at the start
WIDTH: Final = 1_000  # jobs that the scheduler has at once

CLIENT_LOGGER: Final = logging.getLogger("distributed.client")

_LOCK: Final = threading.Lock()
_PROCESSES: Final[dict[str, JobProcesses]] = {}  # by sweep, of the worker that this process is


class OnDask:
    """Runs jobs on the cluster whose scheduler is at *address*, `dask://host:port`, in `async with`."""

    def __init__(self, address: str) -> None:
        if not address.startswith(SCHEME) or ":" not in address.removeprefix(SCHEME):
            raise ConfigError(f"invalid address of a Dask scheduler {address!r}: write it as dask://host:port")
        self.width: Final = WIDTH
        self.words: Final = f"on {address}"
        self._address: Final = address
        self._sweep: Final = uuid.uuid4().hex
        self._client: Any = None
        self._level = logging.NOTSET  # of the client's logger, before

    async def __aenter__(self) -> OnDask:
        self._level = CLIENT_LOGGER.level
        CLIENT_LOGGER.setLevel(logging.CRITICAL)  # what fails is the error of whoever waits for it
        url = f"tcp://{self._address.removeprefix(SCHEME)}"
        try:
            self._client = await Client(url, asynchronous=True, timeout=ANSWER_S, set_as_default=False)
        except (OSError, ValueError) as error:
            CLIENT_LOGGER.setLevel(self._level)
            raise ConfigError(f"{self._address}: no Dask scheduler answers there: {error}") from error
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is not None and self._client.status == "running":
                await self._client.run(end_on_worker, self._sweep, on_error="ignore")
        finally:
            await self._client.close()
            CLIENT_LOGGER.setLevel(self._level)

    async def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of *task*; an `error` if Dask gives up on it. MtfError if the cluster is gone."""
        future = self._client.submit(run_on_worker, self._sweep, task, pure=False)
        try:
            answer: dict[str, Any] = await future
        except FutureCancelledError as error:
            raise MtfError(f"{self._address}: the Dask scheduler is gone; run the sweep again to go on") from error
        except Exception as error:  # noqa: BLE001 - of the job, or of the worker that it ran on: its outcome
            return {"error": " ".join(f"Dask: {type(error).__name__}: {error}".split())}
        return answer


def run_on_worker(sweep: str, task: dict[str, Any]) -> dict[str, Any]:
    """Run *task*, in a thread of a worker, and return its answer."""
    return _processes_of(sweep).run(task)


def end_on_worker(sweep: str) -> None:
    """Kill the processes of *sweep* on this worker, and have it start no other."""
    _processes_of(sweep).end()


def _processes_of(sweep: str) -> JobProcesses:
    with _LOCK:
        return _PROCESSES.setdefault(sweep, JobProcesses())
