"""Workers change where indicators are computed, and nothing else."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

import mtf
from mtf.errors import ConfigError, WorkerLost
from mtf.sources import SyntheticMarket
from mtf.workers.worker import shards

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers are for POSIX systems")

TIMEFRAMES = ("1m", "5m", "1h")
SPECS = ["sma:5", "macd:3,6,4", "rsi:5", "pivots"]
SYMBOLS = ["EURUSD", "GBPUSD"]


def market(events: int = 3_000) -> SyntheticMarket:
    return SyntheticMarket(seed=11, symbols=SYMBOLS, start="2024-03-07", events=events, pace_ms=5_000)


class Everything(mtf.Consumer):
    """Notes all that is shown, as text, NaN and all."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.shown.append(f"{bar} {view[bar.timeframe].completed} {view['1h'].live}")

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.shown.append(f"{tick} {[(view[name].partial, view[name].live) for name in TIMEFRAMES]}")


async def run_with(workers: int, block_events: int = 256) -> tuple[list[str], str]:
    seen = Everything()
    async with mtf.Pipeline(
        timeframes=TIMEFRAMES, indicators=SPECS, clock="ticks", workers=workers, block_events=block_events
    ) as pipeline:
        pipeline.add(seen)
        summary = await pipeline.run(market())
    return seen.shown, summary.digest


@pytest.mark.parametrize("workers", [1, 2, 3])
async def test_results_are_those_without_workers(workers: int) -> None:
    """Every value that a consumer is shown, at every row, and the digest."""
    assert await run_with(workers) == await run_with(0)


async def test_block_size_changes_nothing_with_workers() -> None:
    """A block is one message: its size is nobody's business."""
    assert await run_with(2, block_events=7) == await run_with(0)


@pytest.mark.parametrize(("first", "then"), [(2, 0), (0, 2), (1, 3)])
async def test_a_checkpoint_is_started_from_with_any_number_of_workers(tmp_path: Path, first: int, then: int) -> None:
    """Workers are no part of the configuration: a restart may have more, fewer or none."""
    expected = (await run_with(0))[1]
    settings = {"timeframes": TIMEFRAMES, "indicators": SPECS, "clock": "ticks", "data": tmp_path / "data"}
    async with mtf.Pipeline(**settings, workers=first) as pipeline:  # type: ignore[arg-type]
        await pipeline.run(market(1_700))
    async with mtf.Pipeline(**settings, workers=then) as pipeline:  # type: ignore[arg-type]
        summary = await pipeline.run(market(3_000))
        assert pipeline.skipped_checkpoints == []
    assert summary.digest == expected


async def test_a_killed_worker_stops_the_run_with_the_reason() -> None:
    """Its indicators cannot be gone on with: halting beats guessing."""
    pipeline = mtf.Pipeline(timeframes=TIMEFRAMES, indicators=SPECS, clock="ticks", workers=2)
    await pipeline.__aenter__()
    await pipeline.run(market(500))
    os.kill(pipeline.worker_pids[0], signal.SIGKILL)
    with pytest.raises(WorkerLost, match="signal 9"):
        await pipeline.run(market(3_000))
    with pytest.raises(WorkerLost, match="signal 9"):
        await pipeline.__aexit__(None, None, None)


async def test_workers_are_gone_after_the_pipeline() -> None:
    """A process that outlives its pipeline is a leak."""
    async with mtf.Pipeline(timeframes=TIMEFRAMES, indicators=SPECS, clock="ticks", workers=2) as pipeline:
        pids = pipeline.worker_pids
        assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_without_indicators_there_are_no_workers() -> None:
    """There is nothing to compute elsewhere."""
    async with mtf.Pipeline(timeframes=TIMEFRAMES, clock="ticks", workers=2) as pipeline:
        assert pipeline.worker_pids == []
        assert (await pipeline.run(market(500))).events == 500


def test_each_timeframe_has_one_owner() -> None:
    """Work is spread evenly, and no timeframe is computed twice."""
    assert shards(6, 2) == [[0, 2, 4], [1, 3, 5]]
    assert shards(6, 4) == [[0, 4], [1, 5], [2], [3]]
    with pytest.raises(ConfigError, match="give 1 to 6"):
        shards(6, 7)
