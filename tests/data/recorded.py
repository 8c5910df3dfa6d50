"""Data directories with what a consumer was shown while they were made: the truth that reading is held to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mtf
from tests.builders import Event
from tests.storage.builders import feed

__all__ = ["Recorder", "bars_of", "record", "recorded"]

SETTINGS: dict[str, Any] = {"clock": "ticks", "checkpoint_seconds": None, "timeframes": "1m,5m,1h,1d"}


class Recorder(mtf.Consumer):
    """Keeps each completed bar with the seq of the event that closed it."""

    name = "recorder"

    def __init__(self) -> None:
        self.seen: list[tuple[int, mtf.Bar]] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.seen.append((view.seq, bar))


async def record(path: Path, events: Sequence[Event], *, checkpoint_at: int = 0, **settings: Any) -> Recorder:
    """Run *events* into *path*, with a checkpoint after so many of them."""
    recorder = Recorder()
    async with mtf.Pipeline(data=path, **{**SETTINGS, **settings}) as pipeline:
        pipeline.add(recorder)
        await feed(pipeline, events[:checkpoint_at])
        if checkpoint_at:
            await pipeline.checkpoint()
        await feed(pipeline, events[checkpoint_at:])
        await pipeline.drain()
    return recorder


def recorded(path: Path, events: Sequence[Event], **settings: Any) -> Recorder:
    """Do what `record` does, where nothing else runs."""
    return asyncio.run(record(path, events, **settings))


def bars_of(recorder: Recorder, symbol: str, timeframe: str, *, last_seq: int | None = None) -> list[mtf.Bar]:
    """Return the bars that were shown of a symbol and timeframe, by events up to *last_seq*."""
    return [
        bar
        for seq, bar in recorder.seen
        if bar.symbol == symbol and bar.timeframe == timeframe and (last_seq is None or seq <= last_seq)
    ]
