"""The pipeline's side of one worker: its process, and the messages to and from it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from typing import Final

from mtf.errors import ConfigError, WorkerLost
from mtf.workers.wire import FAILED, LENGTH

__all__ = ["Worker"]

GOING_S: Final = 2.0  # how long a worker may take to end
KEEP_MEMORY: Final = {  # every block needs about the same memory: glibc should not release it in between
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
}


class Worker:
    """One process that computes the indicators of some shards."""

    def __init__(self) -> None:
        if os.name != "posix":
            raise ConfigError("workers need a POSIX system: use workers=0 here")
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None  # this end of the connection
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return 0 if self._process is None else self._process.pid

    async def start(self, memory_file: int, setup: bytes) -> None:
        """Start the process, which inherits *memory_file*, and send it its setup."""
        here, there = socket.socketpair()
        self._socket = here
        with there:
            self._process = _begin(there.fileno(), memory_file)
        here.setblocking(False)
        self._reader, self._writer = await asyncio.open_connection(sock=here)
        self.send(setup)

    def send(self, message: bytes) -> None:
        """Send *message*, whose first byte is its kind."""
        assert self._writer is not None, "a worker is started before messages are sent"
        self._writer.write(LENGTH.pack(len(message)) + message)

    async def receive(self) -> bytes:
        """Return the next answer; WorkerLost if the process is gone or reports a failure."""
        assert self._reader is not None, "a worker is started before answers are received"
        try:
            (size,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            answer = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            fate = await self._fate()
            raise WorkerLost(f"a worker {fate}, and its indicators are lost: restart from the log") from error
        if answer[:1] == FAILED:
            raise WorkerLost(f"a worker failed: {answer[1:].decode()}")
        return answer

    async def close(self) -> None:
        """End the process. Safe to call twice."""
        if self._writer is not None:
            self._writer.close()
        elif self._socket is not None:
            self._socket.close()
        if self._process is not None:
            await asyncio.to_thread(_end, self._process)

    async def _fate(self) -> str:
        assert self._process is not None, "only a started worker is lost"
        try:
            code = await asyncio.to_thread(self._process.wait, GOING_S)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _begin(*passed: int) -> subprocess.Popen[bytes]:
    """Start the process, which inherits the files *passed*.

    asyncio's own subprocesses are not used: it abandons a process if the loop ends while it is being started.
    """
    return subprocess.Popen(
        [
            sys.executable,
            "-P",  # import the mtf that runs here, not one in the working directory
            "-m",
            "mtf.workers.process",
            *map(str, passed),
        ],
        pass_fds=passed,
        stdin=subprocess.DEVNULL,
        env={
            **os.environ,
            **KEEP_MEMORY,
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        },
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for *process* to end; kill it if that takes too long."""
    try:
        process.wait(GOING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
