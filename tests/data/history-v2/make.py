"""How the directory beside this file was written, once, with schema 2 of the history; it is never written again.

    PYTHONPATH=<a build of mtf with that schema> python make.py

The ticks are the first `LOGGED` of `v01/events.json`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import mtf

HERE = Path(__file__).parent
LOGGED = 180
SETTINGS: dict[str, Any] = {"timeframes": ["1m", "5m", "1h", "1d"], "indicators": ["sma:3", "rsi:5"], "history": 40}


class Seen(mtf.Consumer):
    name = "seen"

    def __init__(self) -> None:
        self.bars: list[list[Any]] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.bars.append(
            [view.seq, bar.symbol, bar.timeframe.name, bar.start_ns, bar.open, bar.high, bar.low, bar.close, bar.volume]
        )


async def main() -> None:
    events = json.loads((HERE.parent / "v01" / "events.json").read_text())[:LOGGED]
    shutil.rmtree(HERE / "data", ignore_errors=True)
    seen = Seen()
    async with mtf.Pipeline(data=HERE / "data", clock="ticks", checkpoint_seconds=None, **SETTINGS) as pipeline:
        pipeline.add(seen)
        for event in events:
            await (pipeline.clock(event["clock"]) if "clock" in event else pipeline.push(mtf.Tick(**event)))
        await pipeline.drain()
        digest = pipeline.digest
    (HERE / "expected.json").write_text(json.dumps({"digest": digest, "bars": seen.bars}, indent=0))
    for lock in HERE.rglob("*.lock"):
        lock.unlink()


asyncio.run(main())
