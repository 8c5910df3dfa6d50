"""Old events go only where that was asked for, and never one that is still needed."""

from __future__ import annotations

from pathlib import Path

import pytest

import mtf
from mtf.datadir import DataDir, logged_config
from mtf.errors import ConfigError
from mtf.log import read_log
from mtf.recovery import engine_at
from mtf.sources import SyntheticMarket

SEGMENT_BYTES = 40_000  # some 800 events


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the log begin a new segment often."""
    monkeypatch.setattr("mtf.datadir.SEGMENT_BYTES", SEGMENT_BYTES)


def market(events: int) -> SyntheticMarket:
    return SyntheticMarket(seed=5, symbols=["EURUSD"], start="2024-03-07", events=events, pace_ms=2_000)


async def fill(data: Path, events: int, keep_events: int | None = None) -> mtf.Summary:
    """Run the market to its event number *events*, with a checkpoint every 1,000."""
    pipeline = mtf.Pipeline(
        data=data, clock="ticks", checkpoint_seconds=None, block_events=100, keep_events=keep_events
    )
    async with pipeline:
        summary = await pipeline.run(market(1_000))
        for so_far in range(1_000, events + 1, 1_000):
            summary = await pipeline.run(market(so_far))
            await pipeline.checkpoint()
    return summary


async def test_everything_is_kept_by_default(tmp_path: Path) -> None:
    """A log is the truth: nothing of it goes unasked."""
    await fill(tmp_path / "data", 6_000)
    assert read_log(tmp_path / "data" / "log").first_seq == 1


async def test_old_segments_go_and_the_run_goes_on_to_the_same_digest(tmp_path: Path) -> None:
    """What is left, with the checkpoints, is enough for every later start."""
    whole = await fill(tmp_path / "whole", 9_000)
    await fill(tmp_path / "data", 6_000, keep_events=500)
    first_seq = _first_seq(tmp_path / "data")
    assert 1 < first_seq <= 6_000 - 500 + 1
    assert engine_at(tmp_path / "data").joiner.seq == 6_000
    assert (await fill(tmp_path / "data", 9_000, keep_events=500)).digest == whole.digest
    assert _first_seq(tmp_path / "data") > first_seq


async def test_no_event_after_the_oldest_checkpoint_goes(tmp_path: Path) -> None:
    """A start from it, should the newer ones be damaged, plays all that follows."""
    await fill(tmp_path / "data", 6_000, keep_events=0)
    oldest = min(int(path.name.split("-")[1].split(".")[0]) for path in (tmp_path / "data" / "checkpoints").iterdir())
    assert _first_seq(tmp_path / "data") <= oldest + 1


async def test_a_negative_number_of_events_is_refused() -> None:
    """It would ask for more than everything to go."""
    with pytest.raises(ConfigError, match="keep_events is -1"):
        mtf.Pipeline(keep_events=-1)


def _first_seq(data: Path) -> int:
    opened = DataDir.open(data, logged_config(data))
    try:
        return opened.log.first_seq
    finally:
        opened.log.close()
