"""The history writer: a consumer that stores completed bars in SQLite, and knows up to which event it has."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, Final

import aiosqlite

from mtf.actors.consumer import ClosingsOnly
from mtf.frames.frame import Frame
from mtf.history.store import FIND_SCHEMA, INSERT_BAR, SCHEMA, SET_POSITION, HistoryStore, bar_row, check_schema

__all__ = ["HistoryWriter"]

ROWS_MAX: Final = 4_096  # bars that wait in memory for one transaction


class HistoryWriter(ClosingsOnly):
    """Writes the bars of each frame, and its position with them; what it wrote before a restart it passes over."""

    name = "history"

    def __init__(self, path: Path, logged_seq: int) -> None:
        self.path: Final = path
        self._journal: Final = path.with_name(path.name + "-journal")
        self._logged_seq: Final = logged_seq  # last event in the log at the start; what is stored beyond is taken back
        self._rows: list[tuple[Any, ...]] = []  # not yet in the database
        self._seq = 0  # last event seen
        self._stored_seq = 0  # position in the database
        self._opening: asyncio.Future[aiosqlite.Connection] | None = None
        self._connection: aiosqlite.Connection | None = None  # while it is open
        self._closing: asyncio.Future[None] | None = None

    async def on_start(self) -> None:
        if self._journal.is_symlink() or self._journal.exists():
            # Of a database that was being made: no other has one, and SQLite would do what it says to any file.
            self._journal.unlink()
            self.path.unlink(missing_ok=True)
        if not self.path.exists():
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        # Shielded: a connection that is cancelled half-way leaves its thread behind, with nobody to end it.
        self._opening = asyncio.ensure_future(_connect(self.path))
        connection = self._connection = await asyncio.shield(self._opening)
        async with connection.execute(FIND_SCHEMA) as schema:
            is_made = check_schema(self.path, [tuple(row) for row in await schema.fetchall()])
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = FULL")
        if not is_made:
            await connection.executescript(SCHEMA)
        async with connection.execute("SELECT seq FROM position") as cursor:
            row = await cursor.fetchone()
        self._stored_seq = 0 if row is None else int(row[0])
        if self._stored_seq > self._logged_seq:
            # The log lost its unsynced end in a crash that the database survived: the log is the truth.
            await connection.execute("DELETE FROM bars WHERE seq > ?", (self._logged_seq,))
            await connection.execute(SET_POSITION, (self._logged_seq,))
            await connection.commit()
            self._stored_seq = self._logged_seq

    async def on_frame(self, frame: Frame) -> None:
        first_seq = frame.first_seq
        for closing in frame.closings:
            seq = first_seq + closing.row
            if seq > self._stored_seq:
                self._rows.append(bar_row(closing.bar, seq))
        self._seq = frame.last_seq
        if len(self._rows) >= ROWS_MAX:
            await self.flush()

    async def on_stop(self) -> None:
        await self.flush()
        await self.close()

    async def save(self) -> None:
        await self.flush()

    def position(self) -> int:
        if self._journal.exists() or not self.path.exists():
            return 0
        return min(HistoryStore(self.path).position(), self._logged_seq)

    async def flush(self) -> None:
        """Store what waits, with the position, in one transaction."""
        connection = self._connection
        if connection is None or self._seq <= self._stored_seq:
            return
        rows, seq = self._rows, self._seq
        self._rows = []
        await connection.executemany(INSERT_BAR, rows)
        await connection.execute(SET_POSITION, (seq,))
        await connection.commit()
        self._stored_seq = seq

    async def close(self) -> None:
        """Let go of the database; what waits is not stored. Safe to call twice: each returns once it is let go of.

        Shielded: SQLite holds a lock while it closes, and who is cancelled here leaves the waiting to the next.
        """
        self._connection = None
        if self._opening is None:
            return
        if self._closing is None:
            self._closing = asyncio.ensure_future(_disconnect(self._opening))
        await asyncio.shield(self._closing)


async def _disconnect(opening: asyncio.Future[aiosqlite.Connection]) -> None:
    try:
        connection = await opening
    except Exception:  # noqa: BLE001 - who opened it has been told
        return
    await connection.close()


async def _connect(path: Path) -> aiosqlite.Connection:
    return await aiosqlite.connect(path)
