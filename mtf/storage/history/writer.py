"""The history writer: a consumer that stores completed bars in SQLite, and records up to which event.

The history is derived from the log, so nothing about it stops a run. What cannot be written now (another program has
it locked, the disk is full) waits in bounded memory; what no longer fits there, the next start stores from the log. A
damaged history is moved out of the way, and the next start rebuilds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiosqlite
import orjson

from mtf.config import Config
from mtf.errors import CorruptHistory
from mtf.frames.frame import Frame
from mtf.log import open_plain
from mtf.notes import Noted
from mtf.storage.history.pair import log_beside, mark_of
from mtf.storage.history.schema import (
    FIND_SCHEMA,
    INSERT_BAR,
    SET_POSITION,
    SET_SERIES,
    TABLES,
    VERSION,
    bar_row,
    check_schema,
)
from mtf.storage.history.store import HistoryStore, Series, is_damage
from mtf.storage.history.sums import FIRST, position_sum, row_sum, series_sum
from mtf.storage.history.unusable import move_aside
from mtf.storage.storage import BarKeeper
from mtf.zones import zones_of

__all__ = ["HistoryWriter"]

ROWS_MAX: Final = 4_096  # bars that wait in memory for one transaction
BACKLOG_MAX: Final = 16 * ROWS_MAX  # bars that may wait, besides those of one frame: some 50 MB, hours of 442 symbols
BUSY_MS: Final = 100  # how long a transaction waits for another program's, while the run goes on
STOP_MS: Final = 5_000  # and at the end, when nothing else waits
READER: Final = "a program that reads the history has not ended its transaction"
NO_MARK: Final = -1  # not known
WAL_BYTES: Final = 4 << 20  # the write-ahead log is emptied when it is longer, if no reader is in it
WAL_BYTES_MAX: Final = 64 << 20  # and before it is longer than this, or no more is written


class _Locked(sqlite3.OperationalError):
    """Another program holds something that is needed first."""


class HistoryWriter(BarKeeper):
    """Writes the bars of each frame with its position; skips what it wrote before a restart.

    *noted* gets a note whenever storing begins to wait, has caught up, or ends.
    """

    name = "history"

    def __init__(
        self, path: Path, logged_seq: int, *, config: Config | None = None, noted: Noted | None = None
    ) -> None:
        self.path: Final = path
        self.stored_seq = 0  # position in the database; the log must keep what comes after it
        self._config: Final = config  # whose time zones are stored with the position
        self._noted: Final = noted
        self._logged_seq: Final = logged_seq  # last event in the log at the start; bars stored beyond it are removed
        self._rows: list[tuple[Any, ...]] = []  # not yet in the database
        self._seq = 0  # last event of which all bars are stored, or in `_rows`
        self._asked_at = ROWS_MAX  # how many rows wait when the next transaction is tried
        self._full = False  # bars no longer fitted in memory: no later one is accepted
        self._waits = False  # the last transaction failed, and was postponed
        self._is_made = False  # the tables are there, and end with the log
        self._stored_before = 0  # position in the database at the start
        self._is_ahead = False  # they hold bars of events that the log lost in a crash, unsynced
        self._series: Series = {}  # as in the database
        self._sums = 0  # of all series, by exclusive or
        self._oldest_ns = 0  # the span of all bars, once there are any
        self._newest_ns = 0
        self._mark = 0  # of the write-ahead log that is being written
        self._marked = 0  # what the database has
        self._empty_at = min(WAL_BYTES, WAL_BYTES_MAX)  # how long that may be before it is emptied next
        self._opening: asyncio.Future[aiosqlite.Connection] | None = None
        self._connection: aiosqlite.Connection | None = None  # while it is open
        self._closing: asyncio.Future[None] | None = None

    async def on_start(self) -> None:
        if not self.path.exists():
            os.close(open_plain(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        stored = HistoryStore(self.path).stored()
        self._series, self._sums = stored.series, stored.sums
        self._is_ahead = stored.seq > self._logged_seq
        self._stored_before = stored.seq
        self._marked = stored.mark
        self._mark = stored.mark if log_beside(self.path) else mark_of(stored.seq)
        self.stored_seq = self._seq = min(stored.seq, self._logged_seq)
        if stored.zones is not None:
            self._oldest_ns, self._newest_ns = stored.zones["oldest_ns"], stored.zones["newest_ns"]
        # Shielded: a connection that is cancelled midway leaves its thread behind, with nobody to end it.
        self._opening = asyncio.ensure_future(_connect(self.path))
        self._connection = await asyncio.shield(self._opening)
        await self._try(self._make, self._connection)

    async def on_frame(self, frame: Frame) -> None:
        if self._full:
            return
        if self._waits and len(self._rows) >= BACKLOG_MAX:
            self._full = True
            self._note(
                "history_full",
                f"{len(self._rows):,} bars wait in memory, and no more may: those after seq {self._seq} "
                "are stored by the next start, from the log",
            )
            return
        first_seq = frame.first_seq
        for closing in frame.closings:
            seq = first_seq + closing.row
            if seq > self.stored_seq:
                self._rows.append(bar_row(closing.bar, seq))
        self._seq = frame.last_seq
        if len(self._rows) >= self._asked_at:
            await self.flush()

    async def on_stop(self) -> None:
        connection = self._connection
        if connection is not None:
            await self._try(_wait_longer, connection)
        await self.flush()
        if self._waits:
            self._note(
                "history_not_stored",
                f"bars after seq {self.stored_seq} are not stored; the next start stores them",
            )
        await self.close()

    async def save(self) -> None:
        await self.flush()

    def committed_seq(self) -> int:
        return min(HistoryStore(self.path).position(), self._logged_seq) if self.path.exists() else 0

    async def flush(self) -> None:
        """Store what waits, with the position, in one transaction, or postpone it."""
        connection = self._connection
        if connection is None or self._seq <= self.stored_seq:
            return
        if await self._try(self._store, connection) and self._waits:
            self._waits = False
            self._note("history_caught_up", f"the bars that waited are stored, up to seq {self.stored_seq}")

    async def close(self) -> None:
        """Close the database; what waits is not stored. Safe to call twice: each call returns once it is closed.

        Shielded: SQLite holds a lock while it closes; if this call is cancelled, the next one waits.
        """
        self._connection = None
        if self._opening is None:
            return
        if self._closing is None or self._closing.cancelled():  # with its loop, as a whole
            self._closing = asyncio.ensure_future(_disconnect(self._opening))
        await asyncio.shield(self._closing)

    def _note(self, event: str, sentence: str) -> None:
        if self._noted is not None:
            self._noted(event, f"{self.path}: {sentence}", path=str(self.path), seq=self.stored_seq)

    async def _try(self, work: Callable[[aiosqlite.Connection], Any], connection: aiosqlite.Connection) -> bool:
        """Return whether *work* was done; if not, report why: it is postponed, or given up."""
        try:
            await work(connection)
        except (sqlite3.Error, CorruptHistory) as error:
            with contextlib.suppress(sqlite3.Error):  # there may be no transaction
                await connection.rollback()
            self._marked = NO_MARK  # what the database has is not known now
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                self._put_off(error)
            else:
                await self._give_up(error)
            return False
        return True

    def _put_off(self, error: sqlite3.Error) -> None:
        self._asked_at = len(self._rows) + ROWS_MAX
        if not self._waits:
            self._waits = True
            self._note(
                "history_waits",
                f"bars cannot be stored now ({error}); they wait in memory, and the run goes on",
            )

    async def _give_up(self, error: Exception) -> None:
        """Move the damaged history out of the way, and store nothing more in this run."""
        await self.close()
        self._rows.clear()
        self._full = True
        self.stored_seq = 0  # all that the log still has is needed to rebuild it
        kept = move_aside(self.path, "damaged")
        self._note(
            "history_damaged",
            f"the history is damaged ({error}): the next start rebuilds it; it is kept as {kept}",
        )

    async def _make(self, connection: aiosqlite.Connection) -> None:
        """Create the tables, or remove what is not in the log: the log is the truth."""
        async with connection.execute(FIND_SCHEMA) as schema:
            found = check_schema(self.path, [tuple(row) for row in await schema.fetchall()])
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute("PRAGMA wal_autocheckpoint = 0")  # it is emptied here, so that it is known when
        await connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")
        # Within one log positions only rise, so that an older part of it can be distinguished from a newer one.
        if self._is_ahead and not await self._empty_wal(connection, self._stored_before):
            raise _Locked(READER)
        if not found or self._is_ahead:
            await connection.execute("BEGIN IMMEDIATE")
            if not found:
                for table in TABLES.values():
                    await connection.execute(table)
                await connection.execute(f"PRAGMA user_version = {VERSION}")
                await self._set_position(connection, 0, 0)
            else:
                await self._take_back(connection, self._logged_seq)
                self._note(
                    "history_taken_back",
                    f"bars after seq {self._logged_seq}, where the log ends, were taken back",
                )
            await connection.commit()
        self._is_ahead = False
        self._is_made = True

    async def _take_back(self, connection: aiosqlite.Connection, seq: int) -> None:
        await connection.execute("DELETE FROM bars WHERE seq > ?", (seq,))
        await connection.execute("DELETE FROM series")
        counted = "SELECT symbol, timeframe, count(*), max(start_ns) FROM bars GROUP BY symbol, timeframe"
        async with connection.execute(counted) as cursor:
            rows = [tuple(row) for row in await cursor.fetchall()]
        await connection.executemany(SET_SERIES, rows)
        self._series = {(symbol, timeframe): (bars, last_ns) for symbol, timeframe, bars, last_ns in rows}
        self._sums = 0
        for row in rows:
            self._sums ^= series_sum(*row)
        await self._set_position(connection, seq, self._sums)

    async def _store(self, connection: aiosqlite.Connection) -> None:
        if not self._is_made:
            await self._make(connection)
        await self._bound_wal(connection)
        rows, seq = self._rows, self._seq
        series: Series = {}
        sums = self._sums
        linked = []
        for row in rows:
            key = (row[0], row[1])
            bars, last_ns = series.get(key) or self._series.get(key) or (0, FIRST)
            linked.append((*row, last_ns, row_sum(row, last_ns)))
            series[key] = (bars + 1, row[2])
            self._span(row[2], row[3])
        for key, (bars, last_ns) in series.items():
            before = self._series.get(key)
            sums ^= series_sum(*key, bars, last_ns) ^ (0 if before is None else series_sum(*key, *before))
        await connection.execute("BEGIN IMMEDIATE")
        await connection.executemany(INSERT_BAR, linked)
        await connection.executemany(SET_SERIES, [(*key, *value) for key, value in series.items()])
        await self._set_position(connection, seq, sums)
        await connection.commit()
        self._series.update(series)
        self._sums, self.stored_seq = sums, seq
        self._rows = self._rows[len(rows) :]
        self._asked_at = ROWS_MAX

    async def _bound_wal(self, connection: aiosqlite.Connection) -> None:
        """Empty the write-ahead log if it has grown long; a reader can put that off, but not for ever."""
        size = log_beside(self.path)
        if size < self._empty_at or await self._empty_wal(connection, self.stored_seq):
            return
        if size >= WAL_BYTES_MAX:
            raise _Locked(READER)
        self._empty_at = min(2 * size, WAL_BYTES_MAX)

    async def _empty_wal(self, connection: aiosqlite.Connection, seq: int) -> bool:
        """Empty the write-ahead log, and return whether that could be done; the database is at *seq*."""
        async with connection.execute("PRAGMA wal_checkpoint(TRUNCATE)") as cursor:
            row = await cursor.fetchone()
        if row is not None and row[0]:
            return False
        self._mark, self._empty_at = mark_of(seq), min(WAL_BYTES, WAL_BYTES_MAX)
        return True

    async def _set_position(self, connection: aiosqlite.Connection, seq: int, sums: int) -> None:
        zones = ""
        if self._config is not None and self._series_span():
            zones = orjson.dumps(zones_of(self._config, self._oldest_ns, self._newest_ns)).decode()
        await connection.execute(SET_POSITION, (seq, zones, sums, position_sum(seq, zones, sums)))
        if self._marked != self._mark:
            await connection.execute(f"PRAGMA application_id = {self._mark}")
            self._marked = self._mark

    def _span(self, start_ns: int, end_ns: int) -> None:
        is_first = not self._series_span()
        self._oldest_ns = start_ns if is_first else min(self._oldest_ns, start_ns)
        self._newest_ns = end_ns if is_first else max(self._newest_ns, end_ns)

    def _series_span(self) -> bool:
        """Return whether the span covers any bars."""
        return self._oldest_ns < self._newest_ns


async def _disconnect(opening: asyncio.Future[aiosqlite.Connection]) -> None:
    await asyncio.wait([opening])
    if opening.cancelled() or opening.exception() is not None:
        return  # whoever opened it has the error
    connection = opening.result()
    with contextlib.suppress(sqlite3.Error):
        await connection.rollback()  # closed with a statement still open, it would keep its lock
    await connection.close()


async def _connect(path: Path) -> aiosqlite.Connection:
    return await aiosqlite.connect(path, timeout=BUSY_MS / 1000, isolation_level=None)


async def _wait_longer(connection: aiosqlite.Connection) -> None:
    await connection.execute(f"PRAGMA busy_timeout = {STOP_MS}")
