"""Ticks without sizes fill no bar of volume: the run says so, once, and goes on."""

from __future__ import annotations

from typing import Any

import pytest

import mtf
from tests.builders import at


async def notes_of(size: float, **settings: Any) -> list[str]:
    async with mtf.Pipeline(calendar="crypto", clock="ticks", **settings) as pipeline:
        for run in range(2):
            first = at("2024-03-06 10:00") + run * 10**12
            await pipeline.run([mtf.Tick.trade(name, first + k, 1.0, size) for k in range(150) for name in ("A", "B")])
        return list(pipeline.notes)


@pytest.mark.parametrize("timeframe", ["5v", "1e3d"])
async def test_ticks_without_sizes_are_noted(timeframe: str) -> None:
    said = f"{timeframe}: the ticks of A, B have no sizes, so that only the end of their trading day closes their bars"
    assert await notes_of(0.0, timeframes=f"1m,{timeframe}") == [said]
    [carried] = await notes_of(0.0, timeframes=f"1m,{timeframe}", overnight="carry")
    assert carried.endswith("have no sizes, so that nothing closes their bars")


async def test_nothing_is_noted_where_there_are_sizes_or_no_need_of_them() -> None:
    assert await notes_of(1e-9, timeframes="1m,5v,1e3d") == []
    assert await notes_of(0.0, timeframes="1m,1000t,5r") == []
