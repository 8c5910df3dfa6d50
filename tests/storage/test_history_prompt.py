"""In live use a bar is in the history within a second of its close; readers and writer do not wait for each other."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

import mtf
from mtf.actors.timer import GRACE_NS
from mtf.clock import WallClock
from mtf.storage.datadir import history_of
from mtf.storage.history import writer
from mtf.storage.history.writer import FLUSH_NS, HistoryWriter
from tests.alive import run_of
from tests.builders import SECOND_NS, at
from tests.storage.builders import FakeWall

START: Final = at("2024-03-06 10:00")
MINUTE_NS: Final = 60 * SECOND_NS


def live_on(data: Path, wall: WallClock, **settings: Any) -> mtf.Pipeline:
    return mtf.Pipeline(
        data=data, timeframes="1m,5m", indicators="sma:2", checkpoint_seconds=None, wall=wall, **settings
    )


def history_in(pipeline: mtf.Pipeline) -> HistoryWriter:
    history = run_of(pipeline).audience.actors[0].consumer
    assert isinstance(history, HistoryWriter)
    return history


async def stored(pipeline: mtf.Pipeline) -> None:
    """Wait for the transaction that the timer has begun."""
    due = history_in(pipeline)._due
    assert due is not None
    await due


def test_the_grace_and_the_wait_are_less_than_a_second() -> None:
    assert GRACE_NS + FLUSH_NS < SECOND_NS


async def test_a_bar_that_a_tick_closes_is_stored_within_the_wait(tmp_path: Path) -> None:
    """Without another event, a checkpoint, or an end; from another connection."""
    wall = FakeWall(START)
    async with live_on(tmp_path / "run", wall) as pipeline:
        await pipeline.push(mtf.Tick("EURUSD", START, 1.0, 1.5))
        wall.advance(60.1)  # the grace is not over
        await pipeline.push(mtf.Tick("EURUSD", START + MINUTE_NS, 1.0, 1.5))
        await pipeline.drain()
        assert history_of(tmp_path / "run").counts() == {}
        wall.advance(FLUSH_NS / SECOND_NS)
        await stored(pipeline)
        assert history_of(tmp_path / "run").counts() == {("EURUSD", "1m"): 1}
        assert history_of(tmp_path / "run").position() == 2


async def test_a_bar_that_the_clock_closes_is_stored_within_a_second_of_its_end(tmp_path: Path) -> None:
    """In a silent market."""
    wall = FakeWall(START)
    async with live_on(tmp_path / "run", wall) as pipeline:
        await pipeline.push(mtf.Tick("EURUSD", START, 1.0, 1.5))
        wall.advance(60 + GRACE_NS / SECOND_NS)
        await pipeline.drain()
        wall.advance(FLUSH_NS / SECOND_NS)
        await stored(pipeline)
        assert wall.now_ns() < START + MINUTE_NS + SECOND_NS
        with mtf.open(tmp_path / "run") as data:
            assert [bar.end_ns for bar in data.bars("EURUSD", "1m")] == [START + MINUTE_NS]
        assert history_of(tmp_path / "run").counts() == {("EURUSD", "1m"): 1}


async def test_ticks_that_close_nothing_begin_no_wait_and_no_transaction(tmp_path: Path) -> None:
    wall = FakeWall(START)
    async with live_on(tmp_path / "run", wall) as pipeline:
        for k in range(20):
            await pipeline.push(mtf.Tick("EURUSD", START + k, 1.0, 1.5))
        await pipeline.drain()
        assert history_in(pipeline)._timer is None
        assert history_in(pipeline)._due is None


async def test_a_push_waits_for_no_turn_of_the_history(tmp_path: Path) -> None:
    """What a tick closes is taken in before the push returns, and stored by another task, however much it is."""
    async with live_on(tmp_path / "run", FakeWall(START), max_ahead_ns=10_000 * MINUTE_NS) as pipeline:
        await pipeline.push(mtf.Tick("EURUSD", START, 1.0, 1.5))
        await pipeline.drain()
        history = history_in(pipeline)
        for k in range(1, 50):
            seq = await pipeline.push(mtf.Tick("EURUSD", START + k * MINUTE_NS, 1.0, 1.5))
            assert history._seq == seq
        assert history.waiting == 49 + 9
        assert history.stored_seq == 0


async def test_bars_that_come_while_others_are_stored_wait_for_no_other_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next tick has them stored, whether it closes a bar or not."""
    monkeypatch.setattr(writer, "ROWS_MAX", 8)
    committing, gate = asyncio.Event(), asyncio.Event()
    commit = HistoryWriter._commit

    async def held(self: HistoryWriter, *given: Any) -> None:
        committing.set()
        await gate.wait()
        await commit(self, *given)

    async with mtf.Pipeline(data=tmp_path / "run", timeframes="1m", clock="ticks", checkpoint_seconds=None) as pipeline:
        history = history_in(pipeline)
        await pipeline.push(mtf.Tick("EURUSD", START, 1.0, 1.5))
        await pipeline.drain()
        monkeypatch.setattr(HistoryWriter, "_commit", held)
        for k in range(1, 10):
            await pipeline.push(mtf.Tick("EURUSD", START + k * MINUTE_NS, 1.0, 1.5))
        await committing.wait()
        for k in range(10, 30):
            await pipeline.push(mtf.Tick("EURUSD", START + k * MINUTE_NS, 1.0, 1.5))
        gate.set()
        assert history._due is not None
        await history._due
        assert history.waiting == 20
        await pipeline.push(mtf.Tick("EURUSD", START + 29 * MINUTE_NS + 1, 1.0, 1.5))
        await history._due
        assert history.waiting == 0


async def test_storing_that_falls_behind_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: a run that makes bars faster than they can be stored waits."""
    monkeypatch.setattr(writer, "ROWS_MAX", 8)
    monkeypatch.setattr(writer, "BEHIND_MAX", 16)
    most = 0
    take = HistoryWriter.take

    def watched(self: HistoryWriter, frame: mtf.Frame) -> bool:
        nonlocal most
        taken = take(self, frame)
        most = max(most, self.waiting)
        return taken

    monkeypatch.setattr(HistoryWriter, "take", watched)
    async with mtf.Pipeline(data=tmp_path / "run", timeframes="1m", clock="ticks", block_events=1) as pipeline:
        await pipeline.run([mtf.Tick("EURUSD", START + k * MINUTE_NS, 1.0, 1.5) for k in range(500)])
    assert 8 <= most <= 8 + 16 + 2
    assert history_of(tmp_path / "run").counts() == {("EURUSD", "1m"): 499}


async def test_a_reader_that_never_ends_keeps_no_bar_from_being_stored(tmp_path: Path) -> None:
    """Nor is it kept from reading what it began with."""
    wall = FakeWall(START)
    async with live_on(tmp_path / "run", wall) as pipeline:
        await pipeline.push(mtf.Tick("EURUSD", START, 1.0, 1.5))
        await pipeline.checkpoint()
        with closing(sqlite3.connect(tmp_path / "run" / "history.sqlite", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT seq FROM position").fetchall() == [(1,)]
            for k in range(1, 30):
                wall.advance(60 - FLUSH_NS / SECOND_NS)
                await pipeline.push(mtf.Tick("EURUSD", START + k * MINUTE_NS, 1.0 + k, 1.5 + k))
                await pipeline.drain()
                wall.advance(FLUSH_NS / SECOND_NS)
                await stored(pipeline)
                assert history_of(tmp_path / "run").counts()["EURUSD", "1m"] == k
            assert reader.execute("SELECT seq FROM position").fetchall() == [(1,)]
        assert pipeline.notes == []


READER: Final = """\
import sys
import mtf

with mtf.open(sys.argv[1]) as data:
    print("open", flush=True)
    for line in sys.stdin:
        rows = data.bars("EURUSD", "1m", indicators=True).to_dicts()
        print(len(rows), rows[-1]["sma_2"], flush=True)
"""


async def test_another_process_reads_what_was_stored_a_moment_ago(tmp_path: Path) -> None:
    """While the pipeline goes on; each answer is whole."""
    wall = FakeWall(START)
    async with live_on(tmp_path / "run", wall) as pipeline:
        await pipeline.push(mtf.Tick("EURUSD", START, 1.0, 1.0))
        command = (sys.executable, "-P", "-c", READER, str(tmp_path / "run"))
        other = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        assert other.stdin is not None
        assert other.stdout is not None
        try:
            assert await other.stdout.readline() == b"open\n"
            for k in range(1, 6):
                wall.advance(60 - FLUSH_NS / SECOND_NS)
                await pipeline.push(mtf.Tick("EURUSD", START + k * MINUTE_NS, 1.0 + k, 1.0 + k))
                await pipeline.drain()
                wall.advance(FLUSH_NS / SECOND_NS)
                await stored(pipeline)
                other.stdin.write(b"\n")
                mean = "None" if k == 1 else str(k - 0.5)
                assert await other.stdout.readline() == f"{k} {mean}\n".encode()
        finally:
            other.stdin.close()
            await other.wait()
