"""Exchanges in memory: connections that bring what a script says, and fail when it says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import mtf
from mtf.feeds import Resume
from tests.builders import at

__all__ = ["Exchange", "message", "parse", "sequence", "settle"]

HANG: Final = object()  # nothing more comes, and the connection stays


class Exchange:
    """Each connection brings the next list of *scripts*: messages, and an exception to end with, or `HANG`.

    A script that ends closes the connection; after the last one, connections hang. With *resends* a connection brings
    first what the feed asks for, of all that was sent before.
    """

    def __init__(self, *scripts: Sequence[Any] | Exception, resends: bool = False) -> None:
        self._scripts: Final = list(scripts)
        self._resends: Final = resends
        self.sent: list[Any] = []
        self.asked: list[Resume] = []
        self.acknowledged: list[Any] = []
        self.open = 0
        self.connected: Final = asyncio.Event()  # somebody has tried to
        self._script: Sequence[Any] = ()

    @contextlib.asynccontextmanager
    async def connect(self, resume: Resume) -> AsyncIterator[Exchange]:
        self.asked.append(resume)
        script = self._scripts.pop(0) if self._scripts else [HANG]
        self.connected.set()
        if isinstance(script, Exception):
            raise script
        self._script = script
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    async def __aiter__(self) -> AsyncIterator[Any]:
        if self._resends:
            resume = self.asked[-1]
            wanted = {n for start, stop in resume.missing.get("", ()) for n in range(start, stop)}
            for each in [each for each in self.sent if each["n"] in wanted or each["n"] >= resume.next.get("", 0)]:
                yield each
        for each in self._script:
            if each is HANG:
                await asyncio.Event().wait()
            if isinstance(each, BaseException):
                raise each
            if callable(each):
                each()
                continue
            self.sent.append(each)
            yield each

    async def send(self, message: Any) -> None:
        self.acknowledged.append(message)


def message(number: int | None, time: str, price: float = 1.0, symbol: str = "X") -> dict[str, Any]:
    return {"n": number, "symbol": symbol, "ts_ns": at(time), "price": price}


def parse(each: dict[str, Any]) -> list[mtf.Tick]:
    return [mtf.Tick.trade(each["symbol"], each["ts_ns"], each["price"], 1.0)]


def sequence(each: dict[str, Any]) -> int | None:
    number: int | None = each["n"]
    return number


async def settle(until: Callable[[], bool] = lambda: False) -> None:
    """Let every task that can run do so."""
    for _ in range(200):
        if until():
            return
        await asyncio.sleep(0)
