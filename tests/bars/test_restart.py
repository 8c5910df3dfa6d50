"""A restart in the middle of bars: what was forming keeps forming, and nothing is delivered twice or differently."""

from __future__ import annotations

from pathlib import Path

import pytest

import mtf
from tests.bars.builders import line
from tests.builders import ticks

TEXT = "10:00@1 10:00:30@2#a 10:01:10@3 10:04@4 10:05@5#b 10:05:20@6 10:07@7"
SIX = ("1m", "5m", "15m", "1h", "4h", "1d")


class Told(mtf.Consumer):
    def __init__(self) -> None:
        self.bars: list[mtf.Bar] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        if not view.recovering:
            self.bars.append(bar)


async def told_in_runs(directory: Path, cuts: list[int]) -> tuple[list[str], str]:
    """Push the stream in runs that end at *cuts*; return the bars delivered live, and the digest."""
    stream = ticks(TEXT)
    lines: list[str] = []
    digest = ""
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        told = Told()
        async with mtf.Pipeline(data=directory, timeframes=SIX, clock="ticks") as pipeline:
            pipeline.add(told)
            for tick in stream[begin:end]:
                await pipeline.push(tick)
            await pipeline.drain()
            digest = pipeline.digest
        lines += [line(bar) for bar in told.bars]
    return lines, digest


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5, 6])
async def test_a_restart_at_any_tick_changes_no_bar(tmp_path: Path, cut: int) -> None:
    """In mid-bar, on a boundary, after a gap: the same bars once, the same digest."""
    whole = await told_in_runs(tmp_path / "whole", [])
    parted = await told_in_runs(tmp_path / "parted", [cut])
    assert parted == whole
    assert len(whole[0]) == 5


async def test_a_restart_remembers_ids_and_clocks(tmp_path: Path) -> None:
    """A duplicate, and a tick that is late, are known from what the run before accepted."""
    async with mtf.Pipeline(data=tmp_path, clock="ticks") as pipeline:
        await pipeline.push(ticks("10:00:30@1#a")[0])
    async with mtf.Pipeline(data=tmp_path, clock="ticks") as pipeline:
        for tick in ticks("10:00:30@1#a 10:00:10@9#b"):
            await pipeline.push(tick)
        await pipeline.drain()
        assert pipeline.snapshot("EURUSD").counts.rejected == {"duplicate": 1, "late": 1}
