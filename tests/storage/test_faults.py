"""The k-th operation of a whole pipeline fails, for each k until a run is clean: stop or recover, never silence."""

from __future__ import annotations

import errno
import functools
import shutil
from pathlib import Path
from typing import Any

import pytest

from mtf.config import Config
from mtf.errors import MtfError
from mtf.events.tick import Tick
from mtf.log import FileLog, verify_log
from mtf.pipeline import Pipeline
from mtf.sources import IterSource
from mtf.storage.datadir import DataDir
from mtf.storage.restore import verify_replay
from mtf.summary import Summary
from tests.storage.builders import history_rows, market, results
from tests.storage.faulty import Fault, FaultyFileSystem

TICKS = [event for event in market(21, 100) if isinstance(event, Tick)][:72]
CONFIG = Config.make(indicators="ema:5", timeframes=["1m", "5m"], history=20)


async def run(data: Path | DataDir, mode: str, promised: list[int], *, end: int = len(TICKS)) -> Summary:
    """Read the ticks up to *end*, with a checkpoint every 18; note each seq that was promised."""
    source = IterSource(TICKS, name="ticks")
    async with Pipeline(
        data=data, config=CONFIG, durability=mode, clock="ticks", block_events=16, checkpoint_seconds=None
    ) as pipeline:
        await pipeline.drain()
        done = pipeline.seq
        for stop in range(18, end + 1, 18):
            if stop > done:
                await pipeline.run(Until(source, stop), order="log")
                promised.append(pipeline.seq if mode == "each" else pipeline.durable_seq)
                promised.append(await pipeline.checkpoint())
        return results(pipeline)


class Until:
    """A source up to the row *stop*."""

    def __init__(self, inner: IterSource, stop: int) -> None:
        self.inner, self.stop = inner, stop
        self.name = inner.name
        self.identity, self.position, self.seek = inner.identity, inner.position, inner.seek

    def fill(self, builder: Any, limit: int) -> bool:
        left = self.stop - self.inner.position()["count"]
        return left > 0 and self.inner.fill(builder, min(limit, left)) and left > limit

    def progress(self) -> float | None:
        return None

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment every three blocks, so that sealing and beginning one fails too."""
    monkeypatch.setattr(FileLog, "open", functools.partial(FileLog.open, segment_bytes=2_500))


async def fail_each(tmp_path: Path, mode: str, fault: Fault, start: Path | None = None) -> set[str]:
    """Fail the k-th operation, k = 1, 2, ... of a run that continues from *start*; return which ones did."""
    whole = tmp_path / "whole"
    expected = await run(whole, mode, [])
    history = history_rows(whole)
    failed_in: set[str] = set()
    for k in range(1, 1000):
        data = tmp_path / str(k)
        if start is not None:
            shutil.copytree(start, data)
        fs = FaultyFileSystem(k, fault)
        promised = [0]
        error: BaseException | None = None
        try:
            await run(DataDir(data, fs=fs), mode, promised)
        except (MtfError, OSError) as caught:
            error = caught
        if not fs.failed_in:
            assert error is None
            return failed_in
        failed_in.add(fs.failed_in)
        assert error is not None, f"{fs.failed_in}, operation {k}, failed silently"
        if (data / "log").is_dir() and any((data / "log").glob("*.log")):
            assert verify_log(data / "log").last_seq >= max(promised)
        assert await run(data, mode, []) == expected, f"{fs.failed_in}, operation {k}"
        assert history_rows(data) == history
        assert verify_replay(data).damage == []
        shutil.rmtree(data)
    pytest.fail("no run was clean")


ALL = {"open", "write", "sync", "rename", "sync_directory", "make_directory", "lock", "remove"}
SHORT = [("each", errno.EIO), ("group", errno.ENOSPC), ("os", "short")]
LONG = [(mode, fault) for mode in ("each", "group", "os") for fault in (errno.EIO, errno.ENOSPC, "short")]


@pytest.mark.parametrize(("mode", "fault"), SHORT)
async def test_kth_operation_fails_until_a_run_is_clean(tmp_path: Path, mode: str, fault: Fault) -> None:
    """Log and checkpoints: the run ends with the reason, promises are kept, the next start comes to the same."""
    failed_in = await fail_each(tmp_path, mode, fault)
    assert failed_in == ({"write"} if fault == "short" else ALL)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "fault"), LONG)
async def test_kth_operation_fails_in_each_mode_by_each_fault(tmp_path: Path, mode: str, fault: Fault) -> None:
    """The same, for all of them."""
    await fail_each(tmp_path, mode, fault)


async def test_kth_operation_of_going_on_after_a_crash_fails(tmp_path: Path) -> None:
    """A torn tail to cut, a checkpoint to discard, pages to write again: what fails then costs nothing either."""
    start = tmp_path / "start"
    await run(start, "os", [], end=54)
    newest = max((start / "log").glob("*.log"))
    newest.write_bytes(newest.read_bytes()[:-100])  # without the seal, and the end of the last block
    failed_in = await fail_each(tmp_path, "each", errno.EIO, start)
    assert failed_in >= {"truncate", "write_at", "remove", "open", "write", "sync", "rename"}
