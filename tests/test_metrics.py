"""Statistics of a running pipeline, and what Prometheus gets of them."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import mtf
from mtf.errors import LookAheadError, PipelineStopped
from mtf.metrics import METRICS, PipelineCollector, measurements
from tests.builders import at, ticks
from tests.fake_clock import FakeClock

ROOT = Path(__file__).resolve().parents[1]
SETTINGS: dict[str, Any] = {"timeframes": "1m", "clock": "ticks", "checkpoint_seconds": None}


class _Waits(mtf.Consumer):
    """Shown one tick, it waits for `gate`."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await self.gate.wait()


def numbers(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the samples of an exposition by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def test_counts_are_those_of_the_summary() -> None:
    """Two accounts of one thing that differ would both be worthless."""
    async with mtf.Pipeline(late="accept", **SETTINGS) as pipeline:
        await pipeline.run(ticks("10:00:30@1 10:00:10@2 10:01@-1 10:02@2/1"))
        with pytest.raises(mtf.errors.MalformedEvent):
            await pipeline.push(mtf.Tick("EURUSD", -1, 1.0, 1.0))
        await pipeline.clock(at("10:03"))
        found, summary = pipeline.statistics(by_symbol=True), pipeline.summary()
    for name in ("seq", "ticks", "clocks", "rejected", "crossed", "locked", "bad_sides", "id_reused", "bars"):
        assert getattr(found, name) == getattr(summary, name), name
    assert found.rejected == {"malformed": 1, "price": 1}
    assert (found.late_accepted, found.clocks, found.symbols, found.logged_seq) == (1, 1, 1, 5)
    assert found.by_symbol is not None
    assert found.by_symbol["EURUSD"].rejected == {"price": 1}
    assert found.running
    assert (found.log, found.checkpoints) == (None, None)
    assert pipeline.statistics().by_symbol is None
    assert not pipeline.statistics().running


async def test_statistics_need_a_run_and_are_not_for_callbacks() -> None:
    """Before the start there is nothing; inside a callback they would say what is not shown yet."""
    refused: list[mtf.Tick] = []

    class Asks(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            with pytest.raises(LookAheadError, match="statistics"):
                pipeline.statistics()
            refused.append(tick)

    pipeline = mtf.Pipeline(**SETTINGS)
    with pytest.raises(PipelineStopped):
        pipeline.statistics()
    pipeline.add(Asks())
    async with pipeline:
        await pipeline.run(ticks("10:00@1"))
    assert len(refused) == 1


async def test_a_slow_consumer_is_named_with_its_lag() -> None:
    """The culprit is found without a debugger."""
    slow = _Waits()
    pipeline = mtf.Pipeline(**SETTINGS)
    pipeline.add(slow)
    async with pipeline:
        for tick in ticks("10:00@1 10:00:01@1 10:00:02@1"):
            await pipeline.push(tick)
        await asyncio.sleep(0)
        (found,) = pipeline.statistics().consumers
        assert (found.name, found.lag, found.queue) == ("_Waits", 3, 2)
        slow.gate.set()
        await pipeline.drain()
        (found,) = pipeline.statistics().consumers
        assert (found.seq, found.lag, found.queue) == (3, 0, 0)


async def test_checkpoints_and_log_are_measured(tmp_path: Path) -> None:
    """Age by the wall clock, what a start would play, and what is on disk."""
    clock = FakeClock(at("10:00"))
    settings: dict[str, Any] = {"timeframes": "1m", "checkpoint_seconds": None, "clock": "ticks"}
    async with mtf.Pipeline(data=tmp_path, wall=clock, **settings) as pipeline:
        clock.pass_ns(7_000_000_000)
        await pipeline.push(ticks("10:00@1")[0])
        before = pipeline.statistics().checkpoints
        assert before is not None
        assert (before.seq, before.behind, before.age_ns, before.written) == (0, 1, 7_000_000_000, 0)
        await pipeline.checkpoint()
        clock.pass_ns(2_000_000_000)
        await pipeline.push(ticks("10:00:01@1")[0])
        await pipeline.durable(2)
        found = pipeline.statistics()
        assert found.checkpoints is not None
        assert (found.checkpoints.seq, found.checkpoints.behind, found.checkpoints.age_ns) == (1, 1, 2_000_000_000)
        assert (found.checkpoints.written, found.checkpoints.failed) == (1, 0)
        assert 0 < found.checkpoints.stall_ns < found.checkpoints.took_ns
        assert found.log is not None
        assert found.log.bytes == sum(path.stat().st_size for path in (tmp_path / "log").iterdir())
        assert (found.log.durable_seq, found.log.syncs) == (2, 2)
        assert found.log.sync_ns >= found.log.last_sync_ns > 0


async def test_lag_is_sampled_from_stamp_to_published() -> None:
    """By the wall clock; a clock event or old history is not a tick that is late."""
    clock = FakeClock(at("10:00:10"))
    async with mtf.Pipeline(timeframes="1m", wall=clock) as pipeline:
        await pipeline.push(mtf.Tick("EURUSD", at("10:00:10") - 40_000_000, 1.0, 1.0))
        await pipeline.push(mtf.Tick("GBPUSD", at("08:00"), 1.0, 1.0))
        for _ in range(16):
            clock.pass_ns(1_000_000)
            await pipeline.push(mtf.Tick("EURUSD", clock.now_ns() - 2_000_000, 1.0, 1.0))
        lag = pipeline.statistics().lag
    assert (lag.count, lag.newest_ns, lag.sum_ns) == (2, 2_000_000, 42_000_000)
    assert (lag.quantile_ns(0.5), lag.quantile_ns(1.0)) == (2_500_000, 50_000_000)


async def test_prometheus_gets_every_metric_with_its_labels(tmp_path: Path) -> None:
    """In its own text format, read back by its own parser."""
    async with mtf.Pipeline(data=tmp_path, **SETTINGS) as pipeline:
        await pipeline.run(ticks("10:00@1 10:01@1 09:59@1"))
        await pipeline.checkpoint()
        registry = CollectorRegistry()
        registry.register(PipelineCollector(pipeline, by_symbol=True))
        found = numbers(generate_latest(registry))
    assert found["mtf_up", ()] == 1
    assert found["mtf_ticks_total", ()] == 2
    assert found["mtf_rejected_total", (("reason", "late"),)] == 1
    assert found["mtf_bars_total", (("timeframe", "1m"),)] == 1
    assert found["mtf_symbol_rejected_total", (("reason", "late"), ("symbol", "EURUSD"))] == 1
    assert found["mtf_consumer_seq", (("consumer", "history"),)] == 3
    assert found["mtf_checkpoint_behind", ()] == 0
    assert found["mtf_lag_seconds_bucket", (("le", "+Inf"),)] == 0
    assert found["mtf_log_bytes", ()] > 100
    names = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name, _ in found}
    only_with_policies = {"dropped", "conflated", "failures", "restarts", "blocked_seconds"}
    assert METRICS.keys() - names <= {f"mtf_consumer_{field}" for field in only_with_policies}
    assert names <= METRICS.keys()


async def test_symbols_are_labels_only_if_asked_for() -> None:
    """Ten thousand symbols would make twenty thousand series."""
    async with mtf.Pipeline(**SETTINGS) as pipeline:
        await pipeline.run(ticks("10:00@1"))
        assert not any("symbol" in each.labels for each in measurements(pipeline.statistics()))
        assert any("symbol" in each.labels for each in measurements(pipeline.statistics(by_symbol=True)))


async def test_several_pipelines_share_a_collector_and_one_that_ended_is_down() -> None:
    """Their numbers are told apart by a label; a second collector in one registry would print names twice."""
    registry = CollectorRegistry()
    async with mtf.Pipeline(**SETTINGS) as first:
        await first.run(ticks("10:00@1"))
        async with mtf.Pipeline(**SETTINGS) as second:
            registry.register(PipelineCollector({"a": first, "b": second}))
            found = numbers(generate_latest(registry))
            assert found["mtf_ticks_total", (("pipeline", "a"),)] == 1
            assert found["mtf_ticks_total", (("pipeline", "b"),)] == 0
            with pytest.raises(ValueError, match="Duplicated"):
                registry.register(PipelineCollector(first))
        text = generate_latest(registry)
    found = numbers(text)
    assert (found["mtf_up", (("pipeline", "a"),)], found["mtf_up", (("pipeline", "b"),)]) == (1, 0)
    assert ("mtf_ticks_total", (("pipeline", "b"),)) not in found
    assert text.count(b"# HELP mtf_up ") == 1


async def test_a_scrape_in_another_thread_is_answered_by_the_loop() -> None:
    """Also while an async callback is open, which would make any other question of that thread one of the callback."""
    slow = _Waits()
    pipeline = mtf.Pipeline(**SETTINGS)
    pipeline.add(slow)
    async with pipeline:
        registry = CollectorRegistry()
        registry.register(PipelineCollector(pipeline))
        await pipeline.push(ticks("10:00@1")[0])
        await asyncio.sleep(0)
        found = numbers(await asyncio.to_thread(generate_latest, registry))
        assert (found["mtf_up", ()], found["mtf_consumer_lag", (("consumer", "_Waits"),)]) == (1, 1)
        slow.gate.set()
    found = numbers(await asyncio.to_thread(generate_latest, registry))
    assert found == {("mtf_up", ()): 0}


def test_a_scrape_after_the_end_of_the_loop_says_down() -> None:
    """A scraper's thread outlives the loop; it must not hang, nor leave a coroutine behind."""

    async def run() -> PipelineCollector:
        async with mtf.Pipeline(**SETTINGS) as pipeline:
            return PipelineCollector(pipeline)

    (family,) = asyncio.run(run()).collect()
    assert [(sample.name, sample.value) for sample in family.samples] == [("mtf_up", 0)]


def test_every_metric_is_documented() -> None:
    """And no other: a dashboard is made from the page."""
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    table = "\n".join(line.rsplit(" | ", 1)[0] for line in page.splitlines() if line.startswith("| `mtf_"))
    described = {name.removesuffix("_total") for name in re.findall(r"`(mtf_\w+)`", table)}
    assert described == METRICS.keys()


def test_mtf_imports_no_metrics() -> None:
    """Who does not use them does not pay for them."""
    code = "import sys, mtf; print([name for name in ('prometheus_client', 'mtf.metrics') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def test_statistics_are_cheap() -> None:
    """A millisecond would be felt by the ticks that wait meanwhile."""
    async with mtf.Pipeline(**SETTINGS) as pipeline:
        await pipeline.run(ticks("10:00@1"))
        times = []
        for _ in range(50):
            begun = time.perf_counter()
            pipeline.statistics()
            times.append(time.perf_counter() - begun)
    assert min(times) < 0.001
