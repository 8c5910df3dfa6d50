"""Old events go only where that was asked for, and never one that is still needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import mtf
from mtf.errors import ConfigError
from mtf.log import read_log
from mtf.sources import SyntheticMarket
from mtf.storage.datadir import DataDir
from mtf.storage.restore import engine_at
from tests.cli.builders import json_of
from tests.cli.builders import mtf as run_mtf

SEGMENT_BYTES = 40_000  # some 800 events


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the log begin a new segment often."""
    monkeypatch.setattr("mtf.storage.datadir.SEGMENT_BYTES", SEGMENT_BYTES)


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
    names = [path.stem for path in (tmp_path / "data" / "checkpoints").glob("checkpoint-*")]
    oldest = min(int(name.split("-")[1]) for name in names)
    assert _first_seq(tmp_path / "data") <= oldest + 1


class ValueHistory(mtf.Consumer):
    """Keeps nothing yet, so that it asks for all events there ever were."""

    name = "ledger"

    def __init__(self) -> None:
        self.ticks = 0

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.ticks += 1

    def committed_seq(self) -> int:
        return 0


def cut_checkpoints(data: Path) -> None:
    for path in (data / "checkpoints").glob("checkpoint-*"):
        path.write_bytes(path.read_bytes()[:-1])


LOSSES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "the history is lost": (
        lambda data: (data / "history.sqlite").unlink(),
        "needs earlier events: it is shown those after the oldest checkpoint, seq ",
    ),
    "the history is damaged": (
        lambda data: (data / "history.sqlite").write_bytes(b"x" * 5000),
        "the history is damaged: it is rebuilt from the log, and kept as history-damaged-1.sqlite",
    ),
    "no checkpoint is good": (
        cut_checkpoints,
        "no checkpoint can be used: bars and indicators are computed as if there had been no earlier",
    ),
    "no checkpoint is there": (lambda data: shutil.rmtree(data / "checkpoints"), "no checkpoint can be used"),
    "a consumer has kept nothing": (
        lambda data: None,
        "needs earlier events: it is shown those after the oldest checkpoint, seq ",
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_directory_without_its_beginning_starts_from_what_is_there(tmp_path: Path, loss: str) -> None:
    """And says what is missing, once: the start after it is an ordinary one, and nothing is damaged."""
    data = tmp_path / "data"
    await fill(data, 6_000, keep_events=500)
    first_seq = _first_seq(data)
    assert first_seq > 1
    lose, said = LOSSES[loss]
    lose(data)
    value_history = ValueHistory()
    async with mtf.Pipeline(data=data, clock="ticks", checkpoint_seconds=None, block_events=100) as pipeline:
        if loss == "a consumer has kept nothing":
            pipeline.add(value_history)
        await pipeline.drain()
        assert any(said in note for note in pipeline.notes), pipeline.notes
        assert any(f"the log begins at seq {first_seq}" in note for note in pipeline.notes)
        assert pipeline.snapshot("EURUSD").seq == 6_000
        if loss == "a consumer has kept nothing":
            assert 0 < value_history.ticks < 6_000
        await pipeline.run(market(7_000))
        await pipeline.checkpoint()
        digest = pipeline.digest
    async with mtf.Pipeline(data=data, clock="ticks", checkpoint_seconds=None) as pipeline:
        await pipeline.drain()
        assert (pipeline.notes, pipeline.digest) == ([], digest)
    found = orjson.loads(run_mtf("verify", data, "--replay", "--json").stdout)
    damaged = [part for part in ("log", "checkpoints", "history", "replay") if found[part]["damage"]]
    assert damaged == (["checkpoints"] if loss == "no checkpoint is good" else [])
    assert (found["history"]["seq"], found["replay"]["digest"]) == (7_000, digest)
    assert json_of("state", data, "--json")


async def test_a_negative_number_of_events_is_refused() -> None:
    """It would ask for more than everything to go."""
    with pytest.raises(ConfigError, match="keep_events must be 0 or more, got -1"):
        mtf.Pipeline(keep_events=-1)


def _first_seq(data: Path) -> int:
    return DataDir(data).read_log().first_seq
