"""Jobs on this machine: so many processes at once, each watched by a thread."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from mtf.errors import ConfigError
from mtf.sweep.job_processes import JobProcesses

__all__ = ["OnProcesses", "cores"]

WIDTH_MAX: Final = 1_000


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class OnProcesses:
    """Runs jobs on this machine, *width* at once, in `async with`; its end kills those that are still running."""

    def __init__(self, width: int | None = None) -> None:
        self.width: Final = cores() if width is None else width
        if not 1 <= self.width <= WIDTH_MAX:
            raise ConfigError(f"jobs must be between 1 and {WIDTH_MAX}, got {self.width}")
        self.words: Final = f"{self.width} at a time"
        self.processes: Final = JobProcesses()
        self._threads: Final = ThreadPoolExecutor(self.width, "mtf sweep")

    async def __aenter__(self) -> OnProcesses:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.processes.end()
        self._threads.shutdown()  # at once: no process is left to wait for

    async def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of *task*."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.processes.run, task)
