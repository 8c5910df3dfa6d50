"""The process that serves HTTP, seen from the service: started, answered, restarted if it dies.

The page follows the log in that process, so that visitors take no time from the pipeline's event loop. It requests,
over pipes, what only the pipeline knows; a missing answer shows that the pipeline hangs. Each line is a JSON object.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from mtf.clock import WallClock
from mtf.errors import ConfigError
from mtf.feeds.watchdog import sleep
from mtf.loggers import report
from mtf.tasks import cancelled
from mtf.units import SECOND_NS

__all__ = ["PageProcess"]

MODULE: Final = "mtf.service.page_child"
LINE_BYTES_MAX: Final = 64 << 20
AGAIN_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)  # waits before it is restarted
END_S: Final = 5.0

Answers = Mapping[str, Callable[[], Any]]


class PageProcess:
    """Serves HTTP with *setup* in a child process; *answers* has the answers to its requests."""

    def __init__(self, setup: dict[str, Any], answers: Answers, wall: WallClock) -> None:
        self._setup: Final = setup
        self._answers: Final = answers
        self._wall: Final = wall
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending = False
        self.url = ""
        self.token: str | None = None

    async def start(self) -> None:
        """Return once it listens; ConfigError if it cannot."""
        await self._begin()
        self._task = asyncio.create_task(self._keep(), name="mtf page")

    async def stop(self) -> None:
        """End the process: it exits when its input ends."""
        self._ending = True
        if self._task is not None:
            await cancelled(self._task)
        await self._end()

    async def _begin(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", MODULE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES_MAX,
        )
        try:
            await self._send(self._setup)
            first = await self._line()
            if first is None or "error" in first:
                raise ConfigError("web: " + ("it ended at its start" if first is None else str(first["error"])))
        except BaseException:
            await self._end()
            raise
        self.url, self.token = first["url"], first["token"]
        report("page_started", f"serving on {self.url}", url=self.url)

    async def _keep(self) -> None:
        failures = 0
        while True:
            begun_ns = self._wall.now_ns()
            while (asked := await self._line()) is not None:
                await self._send({"id": asked["id"], "answer": self._answer(str(asked["ask"]))})
            await self._end()
            if self._wall.now_ns() - begun_ns > AGAIN_S[-1] * SECOND_NS:
                failures = 0
            started = False
            while not started:
                wait_s = AGAIN_S[min(failures, len(AGAIN_S) - 1)]
                failures += 1
                report(
                    "page_ended", f"the process that serves HTTP has ended; restarting in {wait_s:g} s", seconds=wait_s
                )
                await sleep(self._wall, round(wait_s * SECOND_NS))
                with contextlib.suppress(ConfigError, OSError):
                    await self._begin()
                    started = True

    def _answer(self, what: str) -> Any:
        try:
            return self._answers[what]()
        except Exception as error:  # noqa: BLE001 - a failing request does not end the pipeline
            return {"error": f"{type(error).__name__}: {error}"}

    async def _line(self) -> dict[str, Any] | None:
        """Return the next line; None once it has ended."""
        assert self._process is not None, "it was started"
        assert self._process.stdout is not None, "its output is a pipe"
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        found: dict[str, Any] = orjson.loads(line)
        return found

    async def _send(self, message: dict[str, Any]) -> None:
        assert self._process is not None, "it was started"
        assert self._process.stdin is not None, "its input is a pipe"
        with contextlib.suppress(ConnectionError):  # reading reports that it has ended
            self._process.stdin.write(orjson.dumps(message) + b"\n")
            await self._process.stdin.drain()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None, "its input is a pipe"
        process.stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
