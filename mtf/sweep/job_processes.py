"""Job processes: each job in a new process of its own. One that is killed is started again, at most twice.

Blocking, and called in a thread each: by a sweep on this machine as by the workers of Dask.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any, Final

__all__ = ["RETRIES", "JobProcesses"]

MODULE: Final = "mtf.sweep.job_child"
RETRIES: Final = 2
STDERR_BYTES: Final = 2_000  # of the end of what a process that ended had to say


class JobProcesses:
    """The processes of the jobs that are running; `run` in a thread each, and `end` from any other."""

    def __init__(self) -> None:
        self._running: Final[set[subprocess.Popen[bytes]]] = set()
        self._lock: Final = threading.Lock()
        self._ended = False

    @property
    def pids(self) -> list[int]:
        """The processes that are running."""
        with self._lock:
            return [process.pid for process in self._running]

    def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of the job *task*, with `attempts`; it has an `error` if the process was killed each time.

        An error of the job itself would come again, and is its answer. After `end` the answer is an error.
        """
        why = ""
        for attempt in range(1, RETRIES + 2):
            answer, why = self._tried(task)
            if answer is not None:
                return {**answer, "attempts": attempt}
            if self._ended:
                return {"error": "the sweep was stopped", "attempts": attempt}
        return {"error": f"its process ended each of {RETRIES + 1} times: {why}", "attempts": RETRIES + 1}

    def end(self) -> None:
        """Kill every process that is running, and start no other."""
        with self._lock:
            self._ended = True
            for process in self._running:
                process.kill()

    def _tried(self, task: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
        """Run *task* once and return its answer, or None and how its process ended."""
        with tempfile.TemporaryFile() as stderr:
            with self._lock:
                if self._ended:
                    return None, ""
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", MODULE],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    start_new_session=True,  # a terminal's Ctrl-C is the sweep's to answer
                )
                self._running.add(process)
            assert process.stdin is not None, "it is a pipe"
            assert process.stdout is not None, "it is a pipe"
            try:
                with contextlib.suppress(OSError):  # it has ended, as its answer will show
                    process.stdin.write(json.dumps(task).encode() + b"\n")
                    process.stdin.flush()
                line = process.stdout.read()  # stdin stays open: its end would end the process
                code = process.wait()
            finally:
                process.kill()
                process.wait()
                with self._lock:
                    self._running.discard(process)
                process.stdout.close()
                with contextlib.suppress(OSError):
                    process.stdin.close()
            if line.endswith(b"\n"):
                answer: dict[str, Any] = json.loads(line)
                return answer, ""
            return None, _ending(code, stderr)


def _ending(code: int, stderr: IO[bytes]) -> str:
    """Return how a process without an answer has ended, with the last line of its stderr."""
    how = f"exit code {code}"
    if code < 0:
        with contextlib.suppress(ValueError):
            how = signal.Signals(-code).name
    stderr.seek(max(0, stderr.seek(0, 2) - STDERR_BYTES))
    lines = stderr.read().decode("utf-8", "replace").strip().splitlines()
    return f"{how} ({lines[-1].strip()})" if lines else how
