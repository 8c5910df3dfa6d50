"""Following a log: the bars that are completed from some event on, as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Final

from mtf.bars.bar import Bar
from mtf.log import read_log
from mtf.storage.datadir import LOG
from mtf.storage.restore import bars_engine_at

__all__ = ["POLL_S", "follow_bars"]

POLL_S: Final = 0.1


async def follow_bars(
    path: Path,
    after_seq: int,
    symbols: set[str] | None,
    timeframes: set[str] | None,
    poll_s: float,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncGenerator[Bar, None]:
    """Yield the bars that events after *after_seq* close, of *symbols* and *timeframes*, or of all.

    Bars come in their order; between two looks at the log there is a *sleep* of *poll_s* seconds.
    """
    engine = await asyncio.to_thread(bars_engine_at, path, after_seq)
    reader = read_log(path / LOG, after_seq + 1)
    try:
        while True:
            logged = reader.poll()
            if logged is None:
                await sleep(poll_s)
                continue
            for closing in engine.step(logged.block).closings:
                bar = closing.bar
                if (symbols is None or bar.symbol in symbols) and (timeframes is None or bar.timeframe in timeframes):
                    yield bar
    finally:
        reader.close()
