"""Following a directory: each bar that is completed from then on, once, in its order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

import mtf
from mtf.data.follow import follow_bars
from mtf.errors import UnknownTimeframe
from mtf.storage.datadir import DataDir
from tests.data.recorded import SETTINGS, Recorder
from tests.storage.builders import feed, market


async def test_what_comes_from_now_on_is_followed(tmp_path: Path) -> None:
    """Not what was there before; of the symbols and timeframes that were named, or of all."""
    events = market(6, 1_500)
    recorder = Recorder()
    found: dict[str, list[mtf.Bar]] = {"all": [], "one": []}
    async with mtf.Pipeline(data=tmp_path / "run", **SETTINGS) as pipeline:
        pipeline.add(recorder)
        await pipeline.applied(await feed(pipeline, events[:600]))
        with mtf.open(tmp_path / "run") as data:
            seq = data.seq
            streams = {
                "all": data.follow(poll_s=0.001),
                "one": data.follow("EURUSD", ["1h", "5m"], poll_s=0.001),
            }
        await feed(pipeline, events[600:])
        await pipeline.drain()
        bars = [bar for at, bar in recorder.seen if at > seq]
        wanted = {
            "all": bars,
            "one": [bar for bar in bars if bar.symbol == "EURUSD" and bar.timeframe in ("5m", "1h")],
        }
        for name, stream in streams.items():
            async with aclosing(stream), asyncio.timeout(60):
                while len(found[name]) < len(wanted[name]):
                    found[name].append(await anext(stream))
    assert found == wanted
    assert len(wanted["one"]) > 5


async def test_at_the_end_it_waits_and_then_goes_on(tmp_path: Path) -> None:
    """It asks again after a while, and no event is skipped meanwhile."""
    events = market(6, 1_500)
    recorder = Recorder()
    found: list[mtf.Bar] = []
    waits = 0
    async with mtf.Pipeline(data=tmp_path / "run", **SETTINGS) as pipeline:
        pipeline.add(recorder)
        seq = await feed(pipeline, events[:900])

        async def sleep(seconds: float) -> None:
            """Let fifty more events come, each time that it waits."""
            nonlocal waits
            assert seconds == 7.0
            waits += 1
            if 900 + 50 * waits > len(events):
                raise asyncio.CancelledError
            await pipeline.applied(await feed(pipeline, events[850 + 50 * waits : 900 + 50 * waits]))

        stream = follow_bars(DataDir(tmp_path / "run"), seq, None, None, 7.0, sleep=sleep)
        with pytest.raises(asyncio.CancelledError):
            await _take(stream, found)
        await pipeline.drain()
    assert waits == 13
    assert found == [bar for at, bar in recorder.seen if at > seq]


async def test_only_what_was_run_is_followed(tmp_path: Path) -> None:
    async with mtf.Pipeline(data=tmp_path / "run", **SETTINGS):
        with mtf.open(tmp_path / "run") as data, pytest.raises(UnknownTimeframe, match="timeframe 2m is not kept here"):
            data.follow("EURUSD", "2m")


async def _take(stream: AsyncIterator[mtf.Bar], into: list[mtf.Bar]) -> None:
    async for bar in stream:
        into.append(bar)
