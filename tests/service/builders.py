"""Configurations of services, and what they name: a feed that a test drives, and consumers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import mtf
from mtf.feeds import Backoff, Feed, Resume
from mtf.service.service_settings import ServiceSettings
from mtf.service.settings_file import settings_of

__all__ = ["BASE", "Counting", "Failing", "configured", "eventually", "feed", "line"]

BASE = """
[pipeline]
data = "{data}"
calendar = "crypto"
timeframes = ["1m", "5m"]
clock = "ticks"
[web]
enabled = false
"""

line: dict[str, asyncio.Queue[Any]] = {}  # by feed, what comes next; None: the connection ends


def configured(path: Path, more: str = "", environment: dict[str, str] | None = None) -> ServiceSettings:
    return settings_of(BASE.format(data=path / "run") + more, environment or {})


async def eventually(holds: Callable[[], bool]) -> None:
    """Return once *holds* is true; meanwhile others have their turns."""
    async with asyncio.timeout(60):
        while True:
            if holds():
                return
            await asyncio.sleep(0)


def feed(name: str, **options: Any) -> Feed:
    """Return a feed that brings what is put into its `line`."""
    line.setdefault(name, asyncio.Queue())

    @contextlib.asynccontextmanager
    async def connect(_resume: Resume) -> AsyncIterator[AsyncIterator[Any]]:
        yield messages()

    async def messages() -> AsyncIterator[Any]:
        while (message := await line[name].get()) is not None:
            if isinstance(message, Exception):
                raise message
            yield message

    return Feed(name, connect, backoff=Backoff(first_s=0.001, most_s=0.001, **options))


class Counting(mtf.Consumer):
    """Counts ticks, over restarts too."""

    made: list[Counting] = []  # noqa: RUF012 - all that were made

    def __init__(self, start: int = 0) -> None:
        self.count = start
        self.made.append(self)

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.count += 1

    def save(self) -> bytes:
        return str(self.count).encode()

    def load(self, state: bytes) -> None:
        self.count = int(state)


class Failing(mtf.Consumer):
    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        raise RuntimeError("on purpose")
