"""What service.toml names: a feed of a simulated market, and a consumer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator

import mtf
from mtf.feeds import Feed, Resume


def made_up(name: str, per_second: float = 20) -> Feed:
    """Return a feed of trades at random prices, *per_second* of them."""

    async def trades() -> AsyncIterator[list[mtf.Tick]]:
        price = 100.0
        while True:
            price = max(1.0, price + random.choice((-0.01, 0.0, 0.01)))
            yield [mtf.Tick.trade("MADE-UP", time.time_ns(), round(price, 2), 1.0)]
            await asyncio.sleep(1 / per_second)

    @contextlib.asynccontextmanager
    async def connect(_resume: Resume) -> AsyncGenerator[AsyncIterator[list[mtf.Tick]], None]:
        yield trades()

    return Feed(name, connect)


class Highs(mtf.Consumer):
    """Logs each new high of the bars that it is shown, over restarts too."""

    def __init__(self) -> None:
        self.high = 0.0

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        if bar.high > self.high:
            self.high = bar.high
            logging.getLogger("mtf.example").info("a new high: %s", self.high)

    def save(self) -> bytes:
        return str(self.high).encode()

    def load(self, state: bytes) -> None:
        self.high = float(state)
