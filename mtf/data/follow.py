"""Following a log: the bars that are completed from some event on, as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from mtf.bars.bar import Bar
from mtf.storage.restore import bars_engine_at
from mtf.storage.storage import Storage

__all__ = ["POLL_S", "follow_bars"]

POLL_S: Final = 0.1
BLOCK_EVENTS: Final = 1024  # of existing events, read at once


async def follow_bars(
    storage: Storage,
    after_seq: int,
    symbols: set[str] | None,
    timeframes: set[str] | None,
    poll_s: float,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncGenerator[Bar, None]:
    """Yield the bars closed by events after *after_seq*, of *symbols* and *timeframes*, or of all.

    Bars come in order; between two reads of the log there is a *sleep* of *poll_s* seconds.
    """
    engine = await asyncio.to_thread(bars_engine_at, storage, after_seq)
    reader = await asyncio.to_thread(lambda: storage.read_log().follow(after_seq + 1, block_events=BLOCK_EVENTS))
    try:
        while True:
            logged = await asyncio.to_thread(reader.poll)
            if logged is None:
                await sleep(poll_s)
                continue
            for closing in engine.step(logged.block).closings:
                bar = closing.bar
                if (symbols is None or bar.symbol in symbols) and (timeframes is None or bar.timeframe in timeframes):
                    yield bar
    finally:
        reader.close()
