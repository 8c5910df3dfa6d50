"""The history writer closes its database, whatever happens while it does."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import aiosqlite
import pytest

from mtf.config import Config
from mtf.errors import DataDirError
from mtf.storage.datadir import DataDir
from mtf.storage.history.writer import HistoryWriter
from mtf.storage.opened import OpenStorage


async def test_a_close_that_is_cancelled_is_waited_for_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start on the same directory must not come upon the lock of the run before."""
    may_close = asyncio.Event()
    closed: list[bool] = []
    close = aiosqlite.Connection.close

    async def slow(connection: aiosqlite.Connection) -> None:
        await may_close.wait()
        await close(connection)
        closed.append(True)

    writer = HistoryWriter(tmp_path / "history.sqlite", 0)
    await writer.on_start()
    monkeypatch.setattr(aiosqlite.Connection, "close", slow)
    cancelled = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    waiting = asyncio.create_task(writer.close())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    may_close.set()
    await waiting
    await writer.close()
    assert closed == [True]


async def test_a_database_that_cannot_be_opened_is_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opened it gets the error; closing has nothing to add, once or twice."""

    async def fail(path: Path, **settings: object) -> aiosqlite.Connection:
        raise sqlite3.OperationalError(f"unable to open {path.name}")

    monkeypatch.setattr(aiosqlite, "connect", fail)
    writer = HistoryWriter(tmp_path / "history.sqlite", 0)
    with pytest.raises(sqlite3.OperationalError):
        await writer.on_start()
    await writer.close()
    await writer.close()


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    """Before anything is opened."""
    (tmp_path / "history.sqlite").mkdir()
    with pytest.raises(DataDirError, match="not a plain file; links, folders"):
        OpenStorage.open(DataDir(tmp_path), Config.make())
