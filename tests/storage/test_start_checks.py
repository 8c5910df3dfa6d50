"""A start reads what it needs, once; the log before the newest checkpoint is checked while the pipeline runs."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from mtf import Consumer, Tick, View
from mtf.config import Config
from mtf.errors import ConfigError, CorruptLog, PipelineStopped
from mtf.log import OsFileSystem
from mtf.log.filesystem import OpenMode
from mtf.pipeline import Pipeline
from mtf.storage.datadir import DataDir
from tests.alive import run_of
from tests.storage.builders import SYMBOLS, feed, market
from tests.storage.memory_storage import MemoryStorage

EVENTS = market(9, 400)
CONFIG = Config.make(history=20, indicators=["ema:5"])


class Opened(OsFileSystem):
    """Notes each file that is opened to be read."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open(self, path: str, mode: OpenMode) -> int:
        if mode == "read":
            self.opened.append(Path(path).name)
        return super().open(path, mode)


class Counts(Consumer):
    """Keeps a state, of which none is in the checkpoint."""

    def __init__(self) -> None:
        self.ticks = 0

    def on_tick(self, tick: Tick, view: View) -> None:
        self.ticks += 1

    def save(self) -> bytes:
        return b"%d" % self.ticks

    def load(self, state: bytes) -> None:
        self.ticks = int(state)


def pipeline_on(data: Any, **settings: Any) -> Pipeline:
    return Pipeline(data=data, config=CONFIG, clock="ticks", checkpoint_seconds=None, compress=False, **settings)


async def left(folder: Path, *, killed: bool, checkpoint: int) -> Path:
    """Return a directory of several segments with a checkpoint of that seq."""
    async with pipeline_on(folder / "made") as pipeline:
        await feed(pipeline, EVENTS[:checkpoint])
        await pipeline.checkpoint()
        await feed(pipeline, EVENTS[checkpoint:])
        await pipeline.durable(400)
        if killed:
            shutil.copytree(folder / "made", folder / "data")
    return folder / ("data" if killed else "made")


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtf.storage.datadir.SEGMENT_BYTES", 12_000)
    monkeypatch.setattr("mtf.log.file_log.MARK_BYTES", 2_000)


def damage(data: Path, number: int, at: int) -> str:
    """Change a byte of that segment of the log, counted from the oldest, and return its name."""
    path = sorted((data / "log").glob("*.log"))[number]
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    return path.name


async def run_until_stopped(data: Path) -> None:
    async with pipeline_on(data) as pipeline:
        assert pipeline.seq == 400
        await asyncio.wait_for(asyncio.shield(run_of(pipeline).stopped), 10)


@pytest.mark.parametrize("killed", [True, False])
@pytest.mark.parametrize(("number", "at"), [(0, 6_000), (1, 6_000), (-1, 2_500)])
async def test_damage_before_the_checkpoint_stops_the_pipeline_and_names_the_place(
    tmp_path: Path, killed: bool, number: int, at: int
) -> None:
    """The start itself does not depend on it; what it continues from is right all the same."""
    data = await left(tmp_path, killed=killed, checkpoint=400)
    name = damage(data, number, at)
    with pytest.raises(PipelineStopped, match=r"the log is safe up to seq \d+; restore it from a copy") as stopped:
        await run_until_stopped(data)
    cause = stopped.value.__cause__
    assert isinstance(cause, CorruptLog)
    assert Path(cause.path).name == name
    assert 0 < (cause.seq or 0) <= 400


async def test_a_start_that_checks_everything_refuses_what_is_damaged_anywhere(tmp_path: Path) -> None:
    data = await left(tmp_path, killed=False, checkpoint=400)
    damage(data, 0, 6_000)
    with pytest.raises(CorruptLog, match="the log is safe up to seq"):
        async with pipeline_on(data, check="all"):
            pass


async def test_a_start_that_checks_the_tail_leaves_the_rest_to_verify(tmp_path: Path) -> None:
    data = await left(tmp_path, killed=False, checkpoint=400)
    async with pipeline_on(data) as pipeline:
        await pipeline.drain()
        digest = pipeline.digest
    damage(data, 0, 6_000)
    async with pipeline_on(data, check="tail") as pipeline:
        await pipeline.drain()
        assert pipeline.digest == digest


@pytest.mark.parametrize("killed", [True, False])
async def test_damage_after_the_checkpoint_is_found_before_the_start_is_over(tmp_path: Path, killed: bool) -> None:
    """All of it is played."""
    data = await left(tmp_path, killed=killed, checkpoint=150)
    damage(data, -2, 6_000)
    with pytest.raises(CorruptLog):
        async with pipeline_on(data, check="tail"):
            pass


async def test_a_good_log_is_checked_and_nothing_stops(tmp_path: Path) -> None:
    """It ends too while the check is still in progress."""
    data = await left(tmp_path, killed=True, checkpoint=400)
    for _ in range(3):
        async with pipeline_on(data) as pipeline:
            await pipeline.drain()
            assert pipeline.seq == 400


async def test_state_right_after_a_start_is_there_and_reads_nothing(tmp_path: Path) -> None:
    data = await left(tmp_path, killed=False, checkpoint=400)
    fs = Opened()
    async with pipeline_on(DataDir(data, fs=fs), check="tail") as pipeline:
        fs.opened.clear()
        first, digest = pipeline.snapshot(SYMBOLS[0]), pipeline.digest
        assert (pipeline.notes, pipeline.skipped_checkpoints) == ([], [])
        assert fs.opened == []
        await pipeline.drain()
        after = pipeline.snapshot(SYMBOLS[0])
        assert digest == pipeline.digest
        assert (first.seq, list(first["1m"].bars)) == (after.seq, list(after["1m"].bars))


async def test_each_checkpoint_is_read_once_also_with_consumers_that_come_after_the_start(tmp_path: Path) -> None:
    data = await left(tmp_path, killed=False, checkpoint=400)
    fs = Opened()
    async with pipeline_on(DataDir(data, fs=fs), check="tail") as pipeline:
        pipeline.add(Counts())
        await pipeline.drain()
    assert len([name for name in fs.opened if name.startswith("checkpoint-")]) == 1


def test_what_is_checked_is_named_and_is_for_data_directories() -> None:
    with pytest.raises(ConfigError, match="check must be one of all, background, tail, got 'none'"):
        Pipeline(check="none")
    with pytest.raises(ConfigError, match="check='all' is for data directories"):
        Pipeline(data=MemoryStorage(), check="all")
