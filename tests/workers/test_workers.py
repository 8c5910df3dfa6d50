"""Workers change where indicators are computed, and nothing else."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ConfigError, WorkerLost
from mtf.indicators import Declaration, PythonIndicator, register
from mtf.indicators.catalogue import registered
from mtf.sources import SyntheticMarket
from mtf.workers.shards import Shards
from mtf.workers.user_indicators import class_paths

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


async def run_with(workers: int, block_events: int = 256, **settings: Any) -> tuple[list[str], str, list[str]]:
    """Return what is shown, the digest, and what snapshots say at the end."""
    seen = Everything()
    given = {"timeframes": TIMEFRAMES, "indicators": SPECS, "clock": "ticks", **settings}
    async with mtf.Pipeline(**given, workers=workers, block_events=block_events) as pipeline:
        if given.get("live") != "asked":
            pipeline.add(seen)
        summary = await pipeline.run(market())
        newest = [
            f"{each.timeframe} {each.partial} {each.live} {each.completed}"
            for symbol in SYMBOLS
            for each in pipeline.snapshot(symbol)
        ]
    return seen.shown, summary.digest, newest


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7])
async def test_results_are_those_without_workers(workers: int) -> None:
    """Every value that a consumer is shown, at every row, and the digest; with more workers than shards too."""
    assert await run_with(workers) == await run_with(0)


@pytest.mark.parametrize(
    "settings",
    [
        {"live": "asked"},
        {"live": "off"},
        {"indicators": {"1m": ["rsi:5"], "1h": ["sma:5"]}},
        {"timeframes": (*TIMEFRAMES, "20t", "5e6d", "0.001r")},
    ],
    ids=["asked", "off", "a timeframe without", "activity"],
)
async def test_settings_hold_with_workers(settings: dict[str, Any]) -> None:
    """Where fewer values are computed, workers compute fewer, and those are the same."""
    assert await run_with(4, **settings) == await run_with(0, **settings)


@pytest.mark.parametrize("workers", [0, 3])
async def test_a_clock_event_touches_more_symbols_than_a_block_has_rows(workers: int) -> None:
    """Nobody is shown single rows, and every symbol is touched: values stay each in its place."""
    names = [f"S{number}" for number in range(20)]
    settings: dict[str, Any] = {"timeframes": TIMEFRAMES, "indicators": ["sma:2"], "live": "asked", "clock": "ticks"}
    found = []
    for many, block_events in ((workers, 4), (0, 1024)):
        async with mtf.Pipeline(**settings, workers=many, block_events=block_events) as pipeline:
            for minute in range(4):
                at_ns = 1_709_719_200_000_000_000 + minute * 60_000_000_000
                await pipeline.run(
                    [mtf.Tick(name, at_ns, 1.0 + k + minute, 1.0 + k + minute) for k, name in enumerate(names)]
                )
                await pipeline.clock(at_ns + 30_000_000_000)
            await pipeline.drain()
            found.append([f"{[(each.live, each.completed) for each in pipeline.snapshot(name)]}" for name in names])
    assert found[0] == found[1]


async def test_block_size_changes_nothing_with_workers() -> None:
    """A block is one message: its size is nobody's business."""
    assert await run_with(2, block_events=7) == await run_with(0)


@pytest.mark.parametrize(("first", "then"), [(2, 0), (0, 2), (1, 3), (4, 0), (0, 5), (5, 4)])
async def test_a_checkpoint_is_started_from_with_any_number_of_workers(tmp_path: Path, first: int, then: int) -> None:
    """Workers are not part of the configuration: a restart may have more, fewer or none."""
    expected = (await run_with(0))[1]
    settings = {"timeframes": TIMEFRAMES, "indicators": SPECS, "clock": "ticks", "data": tmp_path / "data"}
    async with mtf.Pipeline(**settings, workers=first) as pipeline:  # type: ignore[arg-type]
        await pipeline.run(market(1_700))
    async with mtf.Pipeline(**settings, workers=then) as pipeline:  # type: ignore[arg-type]
        summary = await pipeline.run(market(3_000))
        assert pipeline.skipped_checkpoints == []
    assert summary.digest == expected


@pytest.mark.parametrize(("first", "then"), [(2, 0), (0, 2), (2, 1)])
async def test_bars_seen_go_on_over_a_restart_with_any_number_of_workers(tmp_path: Path, first: int, then: int) -> None:
    """How many bars a value still takes is known, though the indicators are elsewhere and few bars are kept."""
    settings: dict[str, Any] = {
        "timeframes": TIMEFRAMES, "indicators": SPECS, "clock": "ticks", "history": 3, "data": tmp_path / "run"
    }  # fmt: skip
    async with mtf.Pipeline(**settings, workers=first) as pipeline:
        summary = await pipeline.run(market(2_000))
        before = [each.bars_seen for symbol in SYMBOLS for each in pipeline.snapshot(symbol)]
    async with mtf.Pipeline(**settings, workers=then) as pipeline:
        after = [each.bars_seen for symbol in SYMBOLS for each in pipeline.snapshot(symbol)]
        summary_after = await pipeline.run(market(3_000))
        last = [each.bars_seen for symbol in SYMBOLS for each in pipeline.snapshot(symbol)]
    assert before == after
    for found, counted in ((before, summary), (last, summary_after)):
        assert [sum(found[rank::3]) for rank in range(3)] == list(counted.bars.values())


@pytest.mark.parametrize("workers", [0, 2])
async def test_memory_does_not_grow_with_the_events(workers: int) -> None:
    """A block's values are gone when nobody reads them any more."""
    settings: dict[str, Any] = {"timeframes": TIMEFRAMES, "indicators": SPECS, "clock": "ticks", "history": 5}
    async with mtf.Pipeline(**settings, workers=workers) as pipeline:
        await pipeline.run(market(2_000), order="log")
        tracemalloc.start()
        try:
            await pipeline.run(market(2_000), order="log")
            before = tracemalloc.get_traced_memory()[0]
            await pipeline.run(market(20_000), order="log")
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert grown < 500_000, "20,000 events of 27 values take 4.3 MB"


async def test_a_killed_worker_stops_the_run_with_the_reason() -> None:
    """Its indicators cannot be continued: halting beats guessing."""
    pipeline = mtf.Pipeline(timeframes=TIMEFRAMES, indicators=SPECS, clock="ticks", workers=2)
    await pipeline.__aenter__()
    await pipeline.run(market(500), order="log")
    os.kill(pipeline.worker_pids[0], signal.SIGKILL)
    with pytest.raises(WorkerLost, match="signal 9"):
        await pipeline.run(market(3_000), order="log")
    with pytest.raises(WorkerLost, match="signal 9"):
        await pipeline.__aexit__(None, None, None)


@pytest.mark.parametrize(("timeframes", "workers"), [(("1m",), 1), (("1m", "5m"), 1), (("1m", "5m"), 4)])
async def test_a_symbol_that_comes_while_a_checkpoint_waits_for_a_worker(
    tmp_path: Path, timeframes: tuple[str, ...], workers: int
) -> None:
    """It is not in the state of anything, though the gate knows it before the workers have answered."""
    settings: dict[str, Any] = {"timeframes": timeframes, "indicators": ["ema:2"], "clock": "ticks"}
    settings["data"] = tmp_path / "run"
    start_ns = 1_709_719_200_000_000_000
    ticks = [mtf.Tick(name, start_ns + 1_000_000_000 * k, 1.0 + k, 1.5 + k) for k, name in enumerate("ABAC")]
    async with mtf.Pipeline(**settings, workers=workers) as pipeline:
        await pipeline.push(ticks[0])
        await pipeline.push(ticks[1])
        await pipeline.drain()
        for pid in pipeline.worker_pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            await pipeline.push(ticks[2])
            taking = asyncio.create_task(pipeline.checkpoint())
            for _ in range(10):
                await asyncio.sleep(0)
            await pipeline.push(ticks[3])
            await asyncio.sleep(0.02)
        finally:
            for pid in pipeline.worker_pids:
                os.kill(pid, signal.SIGCONT)
        assert await taking == 3
        await pipeline.drain()
        expected = [f"{each.partial} {each.live}" for name in "ABC" for each in pipeline.snapshot(name)]
        digest = pipeline.digest
    (tmp_path / "run" / "checkpoints" / "checkpoint-0000000000000000004.mtf").unlink()
    async with mtf.Pipeline(**settings) as pipeline:
        await pipeline.drain()
        assert pipeline.skipped_checkpoints == []
        assert pipeline.digest == digest
        assert [f"{each.partial} {each.live}" for name in "ABC" for each in pipeline.snapshot(name)] == expected


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


@pytest.mark.parametrize("workers", range(1, 14))
@pytest.mark.parametrize("ranks", [(0,), (0, 2), (0, 1, 2, 3, 4, 5)])
def test_shards_are_spread_evenly(ranks: tuple[int, ...], workers: int) -> None:
    """Nobody, the pipeline included, has more than one shard, or one timeframe, above another."""
    shards = Shards(ranks, workers)
    for symbols in (1, 2, 7, 30):
        owned = Counter(shards.owner(rank, number) for rank in ranks for number in range(symbols))
        counts = [owned[owner] for owner in (*range(workers), shards.pipeline)]
        assert sum(counts) == symbols * len(ranks)
        assert max(counts) - min(counts) <= (symbols if len(ranks) > workers else 1)
    assert shards.owner(ranks[0], 0) == 0  # the pipeline takes its turn last
    for owner in (*range(workers), shards.pipeline):
        owned_ranks = {rank for rank in ranks for number in range(100) if shards.owner(rank, number) == owner}
        assert set(shards.ranks_of(owner)) == owned_ranks


@pytest.mark.parametrize("workers", [-1, 257])
def test_a_number_of_workers_that_cannot_be_is_refused(workers: int) -> None:
    """At once, not at the start."""
    with pytest.raises(ConfigError, match="workers must be"):
        mtf.Pipeline(workers=workers)


OWN = """
import math
from mtf.indicators import Declaration, PythonIndicator, Whole, register


class MeanRange(PythonIndicator):
    "Mean of high - low over n bars."

    declares = Declaration(
        name="meanrange", title="x", group="custom", formula="x", source="x", params=(Whole("period", 14),)
    )

    def step(self, state, bar):
        state.append(bar.high - bar.low)
        del state[: -self.params["period"]]
        return math.fsum(state) / len(state)


register(MeanRange)
"""


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[registered.__module__], "_REGISTERED", {})


@pytest.mark.usefixtures("own")
async def test_a_users_own_indicator_runs_in_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registered in a module of the user's: the workers import it from there."""
    (tmp_path / "my_indicators.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("my_indicators")
    specs = ["ema:3@meanrange:5", "rsi:5"]
    assert await run_with(2, indicators=specs) == await run_with(0, indicators=specs)


@pytest.mark.usefixtures("own")
def test_an_indicator_that_no_worker_can_import_is_refused() -> None:
    """At the start, with what to do, not as a worker that was lost."""

    class Local(PythonIndicator):
        declares = Declaration(name="local", title="x", group="custom", formula="x", source="x")

    register(Local)
    with pytest.raises(ConfigError, match="define it at the top level of a module"):
        class_paths(["ema:3@local"])
    assert class_paths(["ema:3", "rsi:14"]) == []
