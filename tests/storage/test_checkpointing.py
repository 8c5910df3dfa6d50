"""A checkpoint is a short cut: 0 turns it off, and one that cannot be made stops nothing."""

from __future__ import annotations

import asyncio
import errno
import logging
from pathlib import Path
from typing import Any

import pytest

import mtf.storage.checkpoint_store
from mtf.config import Config
from mtf.errors import ConfigError
from mtf.events.tick import Tick
from mtf.kernel import Kernel
from mtf.pipeline import Pipeline
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_store import checkpoint_bytes_max, symbol_bytes_max
from mtf.storage.datadir import checkpoints_of
from mtf.storage.restore import restore, verify_replay
from tests.builders import blocks
from tests.storage.builders import FRIDAY, FakeWall, feed, market, results

EVENTS = market(9, 160)
CONFIG = Config.make(indicators=["ema:5", "rsi:14"], history=20)


def pipeline_on(data: Path, **settings: Any) -> Pipeline:
    return Pipeline(data=data, config=CONFIG, clock="ticks", **settings)


@pytest.mark.parametrize("off", [{}, {"checkpoint_events": 0}, {"checkpoint_events": None}])
async def test_0_turns_checkpoints_off(tmp_path: Path, off: dict[str, Any]) -> None:
    """In Python as on the command line: none by time, by events or at the end, and no timer that goes off at once."""
    wall = FakeWall()
    async with pipeline_on(tmp_path, checkpoint_seconds=0, wall=wall, **off) as pipeline:
        await feed(pipeline, EVENTS)
        await pipeline.drain()
        assert all(timer.ts_ns > wall.now_ns() for timer in wall.timers)
        wall.advance(3600)
        await pipeline.drain()
        assert wall.timers == [], "what looks after slow consumers sees that there are none"
    assert FileCheckpointStore(tmp_path / "checkpoints").list() == []


async def test_0_seconds_leave_those_by_events(tmp_path: Path) -> None:
    """Each setting is turned off by itself."""
    async with pipeline_on(tmp_path, checkpoint_seconds=0.0, checkpoint_events=60) as pipeline:
        for seq in range(0, 160, 20):
            await feed(pipeline, EVENTS[seq : seq + 20])
            await pipeline.drain()
    assert 1 < len(FileCheckpointStore(tmp_path / "checkpoints").list()) <= 3


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_seconds_that_are_none_are_refused(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(ConfigError, match="checkpoint_seconds must be 0 or more"):
        pipeline_on(tmp_path, checkpoint_seconds=seconds)


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings of checkpoints that could not be made."""
    return [message for message in caplog.messages if message.startswith("a checkpoint failed (")]


@pytest.mark.parametrize("kind", ["too large", "full disk", "no memory"])
async def test_checkpoint_that_cannot_be_made_is_a_warning_each_time_and_the_log_goes_on(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By events and at the end; one that was asked for raises. The next start plays more of the log."""
    if kind == "too large":
        monkeypatch.setattr(mtf.storage.checkpoint_store, "CHECKPOINT_BYTES_MAX", -(1 << 40))
    else:
        error = OSError(errno.ENOSPC, "no space") if kind == "full disk" else MemoryError("no memory")

        def fail(*args: Any) -> None:
            raise error

        monkeypatch.setattr(FileCheckpointStore, "save", fail)
    with caplog.at_level(logging.WARNING, "mtf"):
        async with pipeline_on(tmp_path, checkpoint_seconds=None, checkpoint_events=50) as pipeline:
            for number in range(3):
                await feed(pipeline, EVENTS[50 * number : 50 * number + 50])
                await pipeline.drain()
                await asyncio.gather(
                    *(task for task in asyncio.all_tasks() if task.get_name() == "mtf scheduled checkpoint")
                )
                assert len(warned(caplog)) == number + 1
            await feed(pipeline, EVENTS[150:160])
            with pytest.raises((ValueError, OSError, MemoryError)):
                await pipeline.checkpoint()
            found = results(pipeline)
    assert len(warned(caplog)) == 4
    monkeypatch.undo()
    async with pipeline_on(tmp_path, checkpoint_seconds=None) as pipeline:
        await pipeline.drain()
        assert results(pipeline) == found
    assert verify_replay(tmp_path).damage == []


def test_state_of_many_symbols_is_never_past_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit follows from the configuration: ids, bars, values and indicators of each symbol fit, whatever else."""
    config = Config.make(timeframes="1m,2m,5m", indicators="core", history=30, calendar="crypto")
    engine = Kernel(config)
    seq = 0
    quotes = [
        Tick(
            f"SYMBOL{number}",
            FRIDAY + 60_000_000_000 * minute,
            1.0 + minute / 1e4,
            1.1 + minute / 1e4,
            id=f"{minute:0250}",
        )
        for minute in range(200)
        for number in range(5)
    ]
    for block in blocks(quotes, size=500):
        engine.step(block)
        seq = block.last_seq
    parts = engine.save()
    bytes_of_symbols = sum(map(len, parts.values()))
    monkeypatch.setattr(mtf.storage.checkpoint_store, "CHECKPOINT_BYTES_MAX", 1 << 20)
    store = checkpoints_of(tmp_path, config)
    assert bytes_of_symbols < checkpoint_bytes_max(5, symbol_bytes_max(config))
    monkeypatch.setattr(mtf.storage.checkpoint_store, "CHECKPOINT_BYTES_MAX", bytes_of_symbols // 2)
    store.save(seq, {}, parts)
    assert store.read(seq).parts == parts
    _, found, skipped = restore(config, FileCheckpointStore(tmp_path / "checkpoints"), seq)
    assert found is None
    assert "exceed the limits" in skipped[0].reason
