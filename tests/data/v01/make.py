"""How the directories beside this file were written, once, with mtf 0.1; they are never written again.

    PYTHONPATH=<a build of mtf 0.1> python make.py

`events.json` has the ticks and clock events: the first `LOGGED` are in the logs, the rest is for going on. In them is
nothing that 0.1 judged otherwise: no bad side, no id that is used again, no volumes of which the sum is not exact.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

import mtf
import mtf.storage.datadir

HERE = Path(__file__).parent
LOGGED = 180
FRIDAY_NS = 1_709_929_800_000_000_000  # 2024-03-08 20:30 UTC, an hour and a half before the week ends
SETTINGS: dict[str, Any] = {"timeframes": ["1m", "5m", "1h", "1d"], "indicators": ["sma:3", "rsi:5"], "history": 40}
BARS = "2024-03-06 {:02}:{:02},{},{},{},{},{}\n"


def events() -> list[dict[str, Any]]:
    random = Random(1)
    made: list[dict[str, Any]] = []
    now_ns = FRIDAY_NS
    for number in range(240):
        now_ns += random.choice((0, 300, 2_000, 9_000, 41_000, 70_000)) * 1_000_000
        if number == 112:
            now_ns += 3_600_000_000_000  # past the close
        if number == 120:
            now_ns += 47 * 3_600_000_000_000  # over the weekend
        if number % 37 == 5:
            made.append({"clock": now_ns})
        elif number % 41 == 27:
            made.append(next(event for event in reversed(made) if event.get("id")))
        else:
            late_ns = 50_000_000_000 if number % 23 == 9 else 0
            price = 110_000 + random.randrange(-80, 80)
            size = random.randrange(64) / 64
            event: dict[str, Any] = {"symbol": random.choice(("EURUSD", "USDJPY", "ES")), "ts_ns": now_ns - late_ns}
            if event["symbol"] == "ES":
                event |= {"price": price / 25.0, "size": size, "id": f"t{number}"}
            elif number % 19 == 3:
                event |= {"bid": price / 1e5, "bid_size": size}
            else:
                event |= {"bid": price / 1e5, "ask": (price + number % 5 - 1) / 1e5, "bid_size": size, "ask_size": 0.5}
            made.append(event)
    return made


async def feed(pipeline: mtf.Pipeline, stream: list[dict[str, Any]]) -> None:
    for event in stream:
        await (pipeline.clock(event["clock"]) if "clock" in event else pipeline.push(mtf.Tick(**event)))


def bar(of: mtf.Bar) -> list[Any]:
    gap = of.gap
    return [
        *(
            of.symbol,
            str(of.timeframe),
            of.start_ns,
            of.end_ns,
            of.open,
            of.high,
            of.low,
            of.close,
            of.volume,
            of.ticks,
        ),
        *(str(of.trading_day), of.first, of.incomplete, of.day_incomplete, of.off_session),
        None if gap is None else [gap.closed_ns, gap.holiday_ns, gap.break_ns, gap.silence_ns],
    ]


class Bars(mtf.Consumer):
    name = "bars"

    def __init__(self) -> None:
        self.bars: list[Any] = []

    def on_bar(self, of: mtf.Bar, view: mtf.View) -> None:
        self.bars.append(bar(of))


def said(pipeline: mtf.Pipeline, bars: list[Any]) -> dict[str, Any]:
    summary = pipeline.summary()
    snapshots = [pipeline.snapshot(symbol) for symbol in pipeline.symbols]
    forming = [state.partial for snapshot in snapshots for state in snapshot if state.partial is not None]
    return {
        "seq": pipeline.seq,
        "digest": pipeline.digest,
        "ticks": summary.ticks,
        "rejected": summary.rejected,
        "bars": bars,
        "forming": [bar(each) for each in forming],
    }


async def write(name: str, *, stop: int = LOGGED, keep: str = "", **settings: Any) -> None:
    path = HERE / name
    shutil.rmtree(path, ignore_errors=True)
    stream = events()[:stop]
    consumer = Bars()
    async with mtf.Pipeline(
        data=path / "data", clock="ticks", checkpoint_seconds=None, **{**SETTINGS, **settings}
    ) as pipeline:
        pipeline.add(consumer)
        for at in range(0, stop, 60):
            await feed(pipeline, stream[at : at + 60])
            await pipeline.drain()
            await pipeline.checkpoint()
        found = said(pipeline, consumer.bars)
    if keep == "no history":
        (path / "data" / "history.sqlite").unlink()
    (path / "expected.json").write_text(json.dumps(found, indent=0))


async def write_bars() -> None:
    path = HERE / "bars"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    rows = "".join(
        BARS.format(k // 12 + 10, k % 12 * 5, 100 + k, 104 + k, 99 + k, 102 + k, k % 7 + 1) for k in range(20)
    )
    source = path / "bars.csv"
    source.write_text("time,open,high,low,close,volume\n" + rows)
    consumer = Bars()
    async with mtf.Pipeline(
        data=path / "data", calendar="crypto", timeframes=["5m", "15m", "1h"], checkpoint_seconds=None
    ) as pipeline:
        pipeline.add(consumer)
        await pipeline.run(source)
        found = said(pipeline, consumer.bars)
    (path / "expected.json").write_text(json.dumps(found, indent=0))


async def main() -> None:
    (HERE / "events.json").write_text(json.dumps(events(), indent=0))
    await write("history")
    await write("without-history", keep="no history")
    await write("workers", workers=2, indicators=["ema:3", "macd:2,4,3", "vwap", "atr:3"])
    mtf.storage.datadir.SEGMENT_BYTES = 4_000  # type: ignore[misc]
    await write("retained", keep_events=60)
    await write_bars()
    for lock in HERE.rglob("*.lock"):
        lock.unlink()


asyncio.run(main())
