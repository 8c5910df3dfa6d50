"""The process that serves HTTP: the page of the data directory, and its requests to the pipeline's process.

It exits when its input ends, so that it never outlives the service, and ignores the signals that the service also gets:
health can be requested until the last checkpoint is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

import orjson

from mtf.errors import MtfError
from mtf.tasks import cancelled
from mtf.web.server import Probe, Server

__all__ = ["main"]

ANSWER_S: Final = 5.0  # a pipeline that is silent for longer is not healthy
HEALTH_EVERY_S: Final = 1.0
PLAIN: Final = "text/plain; charset=utf-8"
IGNORED: Final = ("SIGINT", "SIGTERM", "SIGHUP")


class _Service:
    """The pipeline's process, to which requests are sent."""

    def __init__(self) -> None:
        self.health: dict[str, Any] = {}  # the newest report
        self._ids: Final = itertools.count(1)
        self._waiting: Final[dict[int, asyncio.Future[Any]]] = {}

    async def ask(self, what: str) -> Any:
        """Return the answer; TimeoutError if none comes."""
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        _write({"id": number, "ask": what})
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        finally:
            self._waiting.pop(number, None)

    def answered(self, message: dict[str, Any]) -> None:
        waiting = self._waiting.get(message["id"])
        if waiting is not None and not waiting.done():
            waiting.set_result(message["answer"])

    async def follow_health(self) -> None:
        while True:
            try:
                self.health = await self.ask("health")
            except TimeoutError:
                silent = f"The pipeline does not answer for {ANSWER_S:g} s."
                self.health = {**self.health, "sentence": silent, "failure": silent}
            await asyncio.sleep(HEALTH_EVERY_S)

    # Responses: status, content type and body.

    async def healthz(self) -> tuple[int, str, bytes]:
        """Answer whether the pipeline's event loop runs."""
        try:
            await self.ask("ready")
        except TimeoutError:
            return 503, PLAIN, b"the pipeline does not answer\n"
        return 200, PLAIN, b"ok\n"

    async def readyz(self) -> tuple[int, str, bytes]:
        try:
            reasons = await self.ask("ready")
        except TimeoutError:
            reasons = ["the pipeline does not answer"]
        return (503, PLAIN, ("\n".join(reasons) + "\n").encode()) if reasons else (200, PLAIN, b"ready\n")

    async def metrics(self) -> tuple[int, str, bytes]:
        try:
            answer = await self.ask("metrics")
        except TimeoutError:
            return 503, PLAIN, b"the pipeline does not answer\n"
        if answer is None:
            return 404, PLAIN, b"there are no metrics: set enabled = true in [metrics]\n"
        if "error" in answer:
            return 500, PLAIN, f"{answer['error']}\n".encode()
        return 200, answer["type"], answer["text"].encode()


async def _serve(setup: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    service, ended = _Service(), asyncio.Event()

    def read() -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(service.answered, orjson.loads(line))
        loop.call_soon_threadsafe(ended.set)

    probes: dict[str, Probe] = {"/healthz": service.healthz, "/readyz": service.readyz, "/metrics": service.metrics}
    server = Server(
        Path(setup["data"]),
        host=setup["host"],
        port=setup["port"],
        token=setup["token"],
        allow_hosts=setup["allow_hosts"],
        more_health=lambda: service.health,
        probes=probes,
        page=setup["page"],
    )
    async with server:
        _write({"url": server.url, "token": server.token})
        threading.Thread(target=read, name="mtf page input", daemon=True).start()
        asking = asyncio.create_task(service.follow_health(), name="mtf health")
        await ended.wait()
        await cancelled(asking)


def _write(message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the input ends, too
        sys.stdout.buffer.write(orjson.dumps(message) + b"\n")
        sys.stdout.buffer.flush()


def main() -> int:
    for name in IGNORED:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    setup = orjson.loads(sys.stdin.buffer.readline() or b"null")
    if setup is None:
        return 0
    try:
        asyncio.run(_serve(setup))
    except MtfError as error:
        _write({"error": str(error)})
    return 0


if __name__ == "__main__":
    status = main()
    os._exit(status)  # the thread that reads the input may still be waiting
