"""Whatever happens to the history while a run goes on, the run goes on, and the history catches up or is rebuilt."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mtf.config import Config
from mtf.log import first_logged_seq
from mtf.pipeline import Pipeline
from mtf.storage.history import writer
from mtf.storage.history.pair import log_beside
from mtf.storage.history.tidying import merged_of
from mtf.storage.history.writer import HistoryWriter
from tests.alive import run_of
from tests.storage.builders import at_rest, feed, history_rows, market, rewind_history

EVENTS = market(9, 400)
CONFIG = Config.make(history=20)


def pipeline_on(data: Path, keep_events: int | None = None) -> Pipeline:
    return Pipeline(data=data, config=CONFIG, clock="ticks", checkpoint_seconds=None, keep_events=keep_events)


async def whole(data: Path) -> list[tuple[object, ...]]:
    """Return what the history of a run that nothing happened to holds."""
    async with pipeline_on(data) as pipeline:
        await feed(pipeline, EVENTS)
    return history_rows(data)


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the history as a backup tool or a database browser does: nobody else can write to it."""
    with closing(sqlite3.connect(data / "history.sqlite", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture(autouse=True)
def in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have transactions be small, and waits short."""
    monkeypatch.setattr(writer, "ROWS_MAX", 8)
    monkeypatch.setattr(writer, "BEHIND_MAX", 0)
    monkeypatch.setattr(writer, "BUSY_MS", 1)
    monkeypatch.setattr(writer, "STOP_MS", 1)


async def test_foreign_lock_stops_nothing_and_the_history_catches_up(tmp_path: Path) -> None:
    """However long it lasts: pushes, checkpoints and snapshots go on, a warning says why bars wait."""
    async with pipeline_on(tmp_path / "data") as pipeline:
        await feed(pipeline, EVENTS[:50])
        await at_rest(pipeline)
        with locked(tmp_path / "data"):
            await feed(pipeline, EVENTS[50:350])
            assert await pipeline.checkpoint() == 350
        assert ["bars cannot be stored now (database is locked)" in note for note in pipeline.notes] == [True]
        await feed(pipeline, EVENTS[350:])
        await pipeline.checkpoint()
        assert "the bars that waited are stored, up to seq" in pipeline.notes[1]
    assert history_rows(tmp_path / "data") == await whole(tmp_path / "whole")


async def test_lock_that_outlasts_the_run_leaves_the_rest_to_the_next_start(tmp_path: Path) -> None:
    """It ends cleanly, and says which bars are missing."""
    async with pipeline_on(tmp_path / "data") as pipeline:
        await feed(pipeline, EVENTS[:50])
        await pipeline.checkpoint()
        lock = locked(tmp_path / "data")
        lock.__enter__()
        await feed(pipeline, EVENTS[50:])
    left = "bars after seq 50 are not stored; the next start stores them"
    assert [left in note for note in pipeline.notes if "history" in note] == [False, True]
    lock.__exit__(None, None, None)
    async with pipeline_on(tmp_path / "data") as pipeline:
        await pipeline.drain()
        assert not any("history" in note for note in pipeline.notes)
    assert history_rows(tmp_path / "data") == await whole(tmp_path / "whole")


async def test_bars_that_wait_are_bounded_and_those_beyond_are_stored_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory does not grow with the length of a lock."""
    monkeypatch.setattr(writer, "BACKLOG_MAX", 40)
    async with pipeline_on(tmp_path / "data") as pipeline:
        await feed(pipeline, EVENTS[:50])
        await at_rest(pipeline)
        with locked(tmp_path / "data"):
            await feed(pipeline, EVENTS[50:])
            await pipeline.drain()
            history = run_of(pipeline).audience.actors[0].consumer
            assert isinstance(history, HistoryWriter)
            assert 40 <= history.waiting < 60
        assert "which is the limit" in pipeline.notes[1]
    assert len(history_rows(tmp_path / "data")) < len(await whole(tmp_path / "whole"))
    async with pipeline_on(tmp_path / "data") as pipeline:
        await pipeline.drain()
    assert history_rows(tmp_path / "data") == history_rows(tmp_path / "whole")


async def test_reader_that_never_ends_does_not_let_the_write_ahead_log_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite keeps all that was written since a reader began; beyond a bound bars wait for its end."""
    limit = 100_000
    monkeypatch.setattr(writer, "WAL_BYTES_MAX", limit)
    async with pipeline_on(tmp_path / "data") as pipeline:
        await feed(pipeline, EVENTS[:50])
        await pipeline.checkpoint()
        with closing(sqlite3.connect(tmp_path / "data" / "history.sqlite", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM packs").fetchall()
            for seq in range(50, 390):
                await feed(pipeline, EVENTS[seq : seq + 1])
                await pipeline.checkpoint()
            assert (tmp_path / "data" / "history.sqlite-wal").stat().st_size < 2 * limit
            assert ["has not ended its transaction" in note for note in pipeline.notes] == [True]
        await feed(pipeline, EVENTS[390:])
        await pipeline.checkpoint()
    assert history_rows(tmp_path / "data") == await whole(tmp_path / "whole")


async def test_bars_wait_while_the_writer_itself_reads_what_it_merges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That ends by itself: there is no note, and nothing is left to the next start."""
    limit = 100_000
    monkeypatch.setattr(writer, "WAL_BYTES_MAX", limit)
    is_full, beside = threading.Event(), log_beside

    def slow_merge(path: Path, *arguments: Any) -> Any:
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM packs").fetchall()
            assert is_full.wait(60)
            time.sleep(0.05)  # long enough for an attempt to empty the log, if there were one
        return merged_of(path, *arguments)

    def seen_size(path: Path) -> int:
        size = beside(path)
        if size >= limit:
            is_full.set()
        return size

    monkeypatch.setattr(writer, "merged_of", slow_merge)
    monkeypatch.setattr(writer, "log_beside", seen_size)
    async with pipeline_on(tmp_path / "data") as pipeline:
        for seq in range(390):
            await feed(pipeline, EVENTS[seq : seq + 1])
            await pipeline.checkpoint()
        assert is_full.is_set()
        await feed(pipeline, EVENTS[390:])
    assert not any("history" in note for note in pipeline.notes)
    assert history_rows(tmp_path / "data") == await whole(tmp_path / "whole")


async def test_reader_at_the_stop_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits longer than a consumer may take would make a clean stop fail."""
    monkeypatch.setattr(writer, "WAL_BYTES_MAX", 100_000)
    attempts, empty = 0, HistoryWriter._empty_wal

    async def counted(self: HistoryWriter, connection: Any) -> bool:
        nonlocal attempts
        attempts += 1
        return await empty(self, connection)

    monkeypatch.setattr(HistoryWriter, "_empty_wal", counted)
    async with pipeline_on(tmp_path / "data") as pipeline:
        history = run_of(pipeline).audience.actors[0].consumer
        assert isinstance(history, HistoryWriter)
        for seq in range(200):
            await feed(pipeline, EVENTS[seq : seq + 1])
            await pipeline.checkpoint()
        assert history._reading is not None, "stored bars were merged"
        reader = sqlite3.connect(tmp_path / "data" / "history.sqlite", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM packs").fetchall()
        for seq in range(200, 390):
            await feed(pipeline, EVENTS[seq : seq + 1])
            await pipeline.checkpoint()
        await feed(pipeline, EVENTS[390:])
        await pipeline.drain()
        attempts = 0
    reader.close()
    assert attempts == 1
    assert ["the next start stores them" in note for note in pipeline.notes if "history" in note] == [False, True]
    async with pipeline_on(tmp_path / "data") as pipeline:
        await pipeline.drain()
    assert history_rows(tmp_path / "data") == await whole(tmp_path / "whole")


async def test_damage_that_shows_in_a_run_sets_the_history_aside_for_the_next_start(tmp_path: Path) -> None:
    """A row is there that the position knows nothing of: what else is wrong, nobody can say."""
    async with pipeline_on(tmp_path / "data") as pipeline:
        await feed(pipeline, EVENTS[:50])
        await pipeline.checkpoint()
        with closing(sqlite3.connect(tmp_path / "data" / "history.sqlite")) as connection:
            connection.executescript("DROP TABLE runs")
        await feed(pipeline, EVENTS[50:])
        await pipeline.checkpoint()
        assert pipeline.snapshot("EURUSD").seq == 400
        (note,) = pipeline.notes
    assert "the history is damaged" in note
    assert "the next start rebuilds it; it is kept as history-damaged-1.sqlite" in note
    async with pipeline_on(tmp_path / "data") as pipeline:
        await pipeline.drain()
    assert history_rows(tmp_path / "data") == await whole(tmp_path / "whole")


async def test_events_whose_bars_wait_stay_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retention would take from the history what it still has to store."""
    monkeypatch.setattr("mtf.storage.datadir.SEGMENT_BYTES", 2_000)
    async with pipeline_on(tmp_path / "data", keep_events=10) as pipeline:
        await feed(pipeline, EVENTS[:50])
        await at_rest(pipeline)
        with locked(tmp_path / "data"):
            for seq in range(50, 350, 50):
                await feed(pipeline, EVENTS[seq : seq + 50])
                await pipeline.checkpoint()
            assert first_logged_seq(tmp_path / "data" / "log") <= 51
        for seq in range(350, 400, 10):
            await feed(pipeline, EVENTS[seq : seq + 10])
            await pipeline.checkpoint()
        assert first_logged_seq(tmp_path / "data" / "log") > 300
    assert history_rows(tmp_path / "data") == await whole(tmp_path / "whole")


async def test_bars_that_are_taken_back_are_said_so(tmp_path: Path) -> None:
    """They were there, and now are not."""
    async with pipeline_on(tmp_path / "data") as pipeline:
        await feed(pipeline, EVENTS[:200])
    rewind_history(tmp_path / "data", 200, position=300)
    async with pipeline_on(tmp_path / "data") as pipeline:
        await feed(pipeline, EVENTS[200:])
        assert ["bars after seq 200, where the log ends, were removed" in note for note in pipeline.notes] == [True]
    assert history_rows(tmp_path / "data") == await whole(tmp_path / "whole")
