"""Files as vendors write them, run through a pipeline: what bars come of them, and how they are read."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import mtf
from mtf.sources import open_source

__all__ = ["bars_of", "kinds_of", "reading_of", "utc"]


def utc(ns: int) -> str:
    """Return *ns* as `2024-03-06 10:00`, with seconds unless they are 0."""
    text = datetime.datetime.fromtimestamp(ns // 10**9, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    return text.removesuffix(":00")


def bars_of(path: Path, timeframe: str, *, calendar: str = "crypto", price: str = "auto", **options: Any) -> list[str]:
    """Return the bars of *path*, the one that still forms too, as `SYMBOL start open/high/low/close volume`."""
    return asyncio.run(_bars_of(path, timeframe, calendar, price, options))


async def _bars_of(path: Path, timeframe: str, calendar: str, price: str, options: dict[str, Any]) -> list[str]:
    settings: dict[str, Any] = {"calendar": calendar, "timeframes": [timeframe], "price": price, "clock": "ticks"}
    async with mtf.Pipeline(**settings) as pipeline:
        await pipeline.run(path, **options)
        found: list[str] = []
        for symbol in pipeline.symbols:
            state = pipeline.snapshot(symbol)[timeframe]
            forming = [] if state.partial is None else [state.partial]
            found += [
                f"{bar.symbol} {utc(bar.start_ns)} {bar.open:.10g}/{bar.high:.10g}/{bar.low:.10g}/{bar.close:.10g} "
                f"{bar.volume:g}"
                for bar in (*state.bars, *forming)
            ]
        return found


def kinds_of(path: Path, **options: Any) -> set[str]:
    """Return what the rows of *path* are taken for."""
    return {planned.plan.kind for planned in open_source(path, **options).parts}  # type: ignore[attr-defined]


def reading_of(path: Path, **options: Any) -> dict[str, Any]:
    """Return how *path* is read."""
    (reading,) = open_source(path, **options).identity()["reading"]
    assert isinstance(reading, dict)
    return reading
