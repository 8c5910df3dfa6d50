"""What a consumer's views hold, as the rows that `mtf.point_in_time` has to have."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mtf
from tests.builders import Event
from tests.storage.builders import feed

__all__ = ["Witness", "bits", "pushed", "ran"]

PRICES = ("open", "high", "low", "close", "volume", "ticks")


def bits(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its floats as bits; NaN is what is missing."""
    return {
        name: None
        if isinstance(value, float) and math.isnan(value)
        else struct.pack("<d", value)
        if isinstance(value, float)
        else value
        for name, value in row.items()
    }


class Witness(mtf.Consumer):
    """Writes down, at each step of a kind, everything that its view shows of the event's symbol."""

    def __init__(self, on: str, values: str) -> None:
        self.on = on
        self.values = values
        self.rows: list[dict[str, Any]] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        if bar.timeframe == self.on if self.on != "tick" else False:
            self.look(view)

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        if self.on == "tick":
            self.look(view)

    def look(self, view: mtf.View) -> None:
        row: dict[str, Any] = {"symbol": view.symbol, "seq": view.seq, "time_ns": view.time_ns}
        for timeframe in view.snapshot().timeframes:
            state = view[timeframe]
            for name, bar in (("partial", state.partial), ("bar", state.bars[-1] if len(state.bars) else None)):
                row[f"{timeframe}.{name}.start_ns"] = None if bar is None else bar.start_ns
                row[f"{timeframe}.{name}.end_ns"] = None if bar is None else bar.end_ns
                for field in PRICES:
                    row[f"{timeframe}.{name}.{field}"] = None if bar is None else getattr(bar, field)
            for kind in ("live", "completed"):
                if self.values in (kind, "both"):
                    row.update({f"{timeframe}.{kind}.{k}": v for k, v in getattr(state, kind).items()})
        self.rows.append(bits(row))


def ran(source: Any, on: str, values: str, **made: Any) -> list[dict[str, Any]]:
    """Return what a consumer sees of a finite *source*."""

    async def main() -> list[dict[str, Any]]:
        witness = Witness(on, values)
        async with mtf.Pipeline(clock="ticks", **made) as pipeline:
            pipeline.add(witness)
            await pipeline.run(source)
        return witness.rows

    return asyncio.run(main())


def pushed(path: Path, events: Sequence[Event], on: str, values: str, **made: Any) -> list[dict[str, Any]]:
    """Push *events* into the data directory *path*; return what a consumer saw."""

    async def main() -> list[dict[str, Any]]:
        witness = Witness(on, values)
        async with mtf.Pipeline(data=path, clock="ticks", checkpoint_seconds=None, **made) as pipeline:
            pipeline.add(witness)
            await feed(pipeline, events)
        return witness.rows

    return asyncio.run(main())
