"""The history writer: a consumer that stores completed bars and rejects in SQLite, with the seq up to which it has.

The history is derived from the log, so no problem with it stops a run. What cannot be written now (another program has
locked it, the disk is full) waits in bounded memory; what no longer fits there is stored from the log by the next
start. A damaged history is moved aside, and the next start rebuilds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import aiosqlite
import attrs
import orjson

from mtf.bars.judged_block import Instrument
from mtf.clock import Timer, WallClock
from mtf.config import Config
from mtf.errors import CorruptHistory, DataDirError
from mtf.frames.frame import Frame
from mtf.log import open_plain
from mtf.notes import Noted
from mtf.storage.history.access import is_damage
from mtf.storage.history.book import EMPTY, Book, Statement
from mtf.storage.history.connection import connect, disconnect
from mtf.storage.history.contents import Layout, layout_text, outputs_of, parsed_layout, versions_of
from mtf.storage.history.gather import Gathered
from mtf.storage.history.packs import PACK_BYTES, Pack, bars_a_pack
from mtf.storage.history.pair import log_beside, new_log
from mtf.storage.history.preparing import prepared
from mtf.storage.history.pruning import KEEP_ALL, Keep
from mtf.storage.history.rejected import NewRejects, rejects_of
from mtf.storage.history.runs import NewRun, entry_of
from mtf.storage.history.store import HistoryStore
from mtf.storage.history.tidying import merged_of, pruned_of, untidy
from mtf.storage.history.unusable import move_aside
from mtf.storage.storage import BarKeeper
from mtf.zones import zones_of

__all__ = ["HistoryWriter"]

ROWS_MAX: Final = 4_096  # bars and rejects per transaction; fewer if they have many values
BEHIND_MAX: Final = 4 * ROWS_MAX  # that may be gathered while others are being stored, before the run waits for that
BACKLOG_MAX: Final = 16 * ROWS_MAX  # that may wait in memory, plus those of one frame: some 50 MB, hours of 442 symbols
MERGE_S: Final = 5.0  # how long a transaction waits for the end of a merge, which reads the history
READER: Final = "a program that reads the history has not ended its transaction"
FLUSH_NS: Final = 250_000_000  # how long a bar waits in live use before it is stored, by the wall clock
BUSY_MS: Final = 100  # how long a transaction waits for another program's during the run
STOP_MS: Final = 5_000  # and at the end of it, when nothing else waits
WAL_BYTES: Final = 4 << 20  # the write-ahead log is emptied when it is longer, unless a reader uses it
WAL_BYTES_MAX: Final = 64 << 20  # at this size nothing more is written until it is emptied


Answer = TypeVar("Answer")


class _Locked(sqlite3.OperationalError):
    """Another program holds a lock that is needed first."""


class _Sealed(NamedTuple):
    """Bars and rejects that wait for a transaction."""

    last_seq: int
    fresh: list[tuple[int, str, str]]  # new series
    run: NewRun | None
    rejects: NewRejects | None
    waiting: int  # the number of bars and rejected events


class HistoryWriter(BarKeeper):
    """Writes the bars of each frame with its position; skips those it wrote before a restart.

    *noted* gets a note whenever storing is postponed, has caught up, or ends. With *wall*, bars are stored within
    `FLUSH_NS` by that clock, otherwise once there are enough. Values are stored unless *values* is false. What *keep*
    excludes is removed now and then.
    """

    name = "history"

    def __init__(
        self,
        path: Path,
        logged_seq: int,
        *,
        config: Config | None = None,
        noted: Noted | None = None,
        wall: WallClock | None = None,
        values: bool = True,
        keep: Keep = KEEP_ALL,
    ) -> None:
        self.path: Final = path
        self.stored_seq = 0  # position in the database; the log must keep later events
        self._config: Final = config  # whose time zones are stored with the position
        self._noted: Final = noted
        self._wall: Final = wall
        self._keep: Final = keep
        self._logged_seq: Final = logged_seq  # last event in the log at the start; stored bars after it are removed
        outputs = outputs_of(config) if values and config is not None else {}
        self._width: Final = max(map(len, outputs.values()), default=0)
        self._layout: Final = layout_text(self._width, versions_of(config), outputs)
        self._gathered = Gathered(self._width)
        self._sealed: list[_Sealed] = []  # not yet in the database, older than what is gathered
        self._instruments: Sequence[Instrument] = ()  # those of the newest frame
        self._seq = 0  # last event whose bars are all stored, or waiting here
        self._rows_max: Final = min(ROWS_MAX, bars_a_pack(self._width, 2 * PACK_BYTES))
        self._asked_at = self._rows_max  # the next transaction is tried when this many bars and rejects wait
        self._owes = False  # enough may wait for a transaction, also if no more comes
        self._full = False  # bars no longer fit in memory: no more are accepted
        self._waits = False  # the last transaction failed, and was postponed
        self._is_made = False  # the tables exist, and end with the log
        self._book = EMPTY  # as in the database, once it is made
        self._series: dict[tuple[str, str], int] = {}  # numbers of series, including those that wait
        self._layouts: dict[int, Layout] = {}
        self._oldest_ns = 0  # the span of all bars, once there are any
        self._newest_ns = 0
        self._begins_log = False  # the next transaction is the first in its write-ahead log
        self._empty_at = min(WAL_BYTES, WAL_BYTES_MAX)  # the size at which it is emptied next
        self._one: Final = asyncio.Lock()  # held in a transaction
        self._thread: Final = ThreadPoolExecutor(1, "mtf history")  # starts with the first work
        self._given_up = False  # the history is damaged, and was moved aside
        self._noted_untidy = False  # a note was made that runs cannot be merged
        self._prunes = keep != KEEP_ALL  # there may be more than *keep* allows
        self._timer: Timer | None = None  # stores what waits
        self._due: asyncio.Task[None] | None = None  # stores what was gathered
        self._tidying: asyncio.Task[None] | None = None  # merges what was stored
        self._reading: asyncio.Future[Any] | None = None  # its newest work in the thread, which reads
        self._opening: asyncio.Future[aiosqlite.Connection] | None = None
        self._connection: aiosqlite.Connection | None = None  # while it is open
        self._closing: asyncio.Future[None] | None = None

    async def on_start(self) -> None:
        if not self.path.exists():
            os.close(open_plain(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        stored = HistoryStore(self.path).stored()
        self.stored_seq = self._seq = min(stored.seq, self._logged_seq)
        if stored.zones is not None:
            self._oldest_ns, self._newest_ns = stored.zones["oldest_ns"], stored.zones["newest_ns"]
        # Shielded: cancelling this midway would leave the connection's thread behind, with nobody to end it.
        self._opening = asyncio.ensure_future(connect(self.path, BUSY_MS))
        self._connection = await asyncio.shield(self._opening)
        await self._try(self._make, self._connection)

    def take(self, frame: Frame) -> bool:
        """Take in *frame*, unless storing has fallen so far behind that the run must wait for it.

        Start storing if enough waits, else set the timer.
        """
        if self._full:
            return True
        due = self._due
        if due is not None and not due.done() and self._is_behind():
            return False
        if self._waits and self.waiting >= BACKLOG_MAX * self._rows_max // ROWS_MAX:
            self._full = True
            self._note(
                "history_full",
                f"{self.waiting:,} bars and rejects wait in memory, which is the limit; the next start stores later "
                "ones from the log",
            )
            return True
        seq = frame.last_seq
        added = False
        if seq > self.stored_seq:
            added = self._gathered.add(frame, self.stored_seq)
            self._instruments = frame.judged.instruments
        self._seq = seq
        if not added and not self._owes and (self._timer is not None or self._wall is None):
            return True  # nothing is due before the timer, or the next bar
        waiting = self.waiting
        self._owes = waiting >= self._asked_at
        if self._owes:
            self._begin()
        elif waiting and self._wall is not None and self._timer is None:
            self._timer = self._wall.call_at(self._wall.now_ns() + FLUSH_NS, self._begin)
        return True

    async def on_frame(self, frame: Frame) -> None:
        while not self.take(frame):
            assert self._due is not None, "the run waits for it"
            await asyncio.shield(self._due)

    @property
    def waiting(self) -> int:
        """The number of bars and rejected events that are not stored yet."""
        waiting = self._gathered.waiting
        for each in self._sealed:
            waiting += each.waiting
        return waiting

    async def on_stop(self) -> None:
        connection = self._connection
        if connection is not None:
            await self._try(_wait_longer, connection)
        await self.flush()
        if self._tidying is not None:
            await asyncio.shield(self._tidying)
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
        async with self._one:
            connection = self._connection
            if connection is None or self._seq <= self.stored_seq:
                return
            if not await self._try(self._store, connection):
                return
            if self._waits:
                self._waits = False
                self._note("history_caught_up", f"the bars that waited are stored, up to seq {self.stored_seq}")
        if (self._tidying is None or self._tidying.done()) and (self._prunes or untidy(self._book)):
            self._tidying = asyncio.ensure_future(self._tidy(connection))

    async def close(self) -> None:
        """Close the database without storing what waits. Safe to call twice: each call returns once it is closed.

        Shielded: SQLite holds a lock while it closes; if this call is cancelled, the next one waits.
        """
        self._connection = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._opening is None:
            return
        if self._closing is None or self._closing.cancelled():  # cancelled together with its loop
            begun = [] if self._given_up else [each for each in (self._due, self._tidying) if each is not None]
            self._closing = asyncio.ensure_future(disconnect(self._opening, begun, self._thread))
        await asyncio.shield(self._closing)

    def _note(self, event: str, sentence: str) -> None:
        if self._noted is not None:
            self._noted(event, f"{self.path}: {sentence}", path=str(self.path), seq=self.stored_seq)

    async def _try(self, work: Callable[[aiosqlite.Connection], Any], connection: aiosqlite.Connection) -> bool:
        """Return whether *work* was done; if not, it is postponed or given up, and the reason is reported."""
        try:
            await work(connection)
        except (sqlite3.Error, CorruptHistory) as error:
            with contextlib.suppress(sqlite3.Error):  # there may be no open transaction
                await connection.rollback()
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                self._put_off(error)
            else:
                await self._give_up(error)
            return False
        return True

    def _is_behind(self) -> bool:
        """Whether so much waits that the run has to, while something is being stored."""
        return self.waiting >= self._asked_at + BEHIND_MAX * self._rows_max // ROWS_MAX

    def _begin(self) -> None:
        """Start storing what waits; raise the error of an earlier attempt."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in (self._due, self._tidying):
            if task is not None and task.done() and not task.cancelled():
                task.result()
        if self._connection is not None and (self._due is None or self._due.done()):
            self._due = asyncio.ensure_future(self.flush())

    def _put_off(self, error: sqlite3.Error) -> None:
        self._asked_at = self.waiting + self._rows_max
        if not self._waits:
            self._waits = True
            self._note(
                "history_waits",
                f"bars cannot be stored now ({error}); they wait in memory, and the run continues",
            )

    async def _give_up(self, error: Exception) -> None:
        """Move the damaged history aside, and store nothing more in this run; nothing else may be in progress."""
        self._given_up = True
        await self.close()
        self._gathered, self._sealed = Gathered(self._width), []
        self._full = True
        self.stored_seq = 0  # everything in the log is needed to rebuild it
        kept = move_aside(self.path, "damaged")
        self._note(
            "history_damaged",
            f"the history is damaged ({error}): the next start rebuilds it; it is kept as {kept}",
        )

    async def _make(self, connection: aiosqlite.Connection) -> None:
        """Make sure that the tables exist, and end with the log."""
        ready = await self._in_thread(prepared, self.path, self._logged_seq, BUSY_MS)
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute("PRAGMA wal_autocheckpoint = 0")  # it is emptied by this class, at known moments
        await connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")
        self._book, self._series = ready.book, ready.series
        self._begins_log = not log_beside(self.path)
        self._layouts = dict(ready.layouts)
        for event, sentence in ready.notes:
            self._note(event, sentence)
        self._is_made = True

    async def _store(self, connection: aiosqlite.Connection) -> None:
        if not self._is_made:
            await self._make(connection)
        await self._bound_wal(connection)
        self._seal()
        sealed = list(self._sealed)
        book, layouts = self._book, self._layouts
        statements: list[Statement] = []
        for each in sealed:
            if each.run is not None and each.run.layout not in layouts:
                book, more = book.with_layout(each.run.layout, self._layout)
                statements += more
                layouts = {**layouts, each.run.layout: parsed_layout(self.path, self._layout)}
            book, named = book.with_series(each.fresh)
            book, stored = book.replaced([], [] if each.run is None else [each.run])
            book, rejected = book.with_rejects([], [] if each.rejects is None else [each.rejects])
            statements += [*named, *stored, *rejected]
        seq = sealed[-1].last_seq if sealed else self._seq
        book = attrs.evolve(book, seq=seq, zones=self._zones_text())
        await self._commit(connection, book, statements)
        self._layouts = layouts
        self.stored_seq = seq
        del self._sealed[: len(sealed)]
        self._asked_at = self._rows_max
        self._owes = True

    async def _commit(self, connection: aiosqlite.Connection, book: Book, statements: Sequence[Statement]) -> None:
        """Execute *statements*, which lead to *book*, in one transaction."""
        book = book.changed(new_log() if self._begins_log else None, self._book)
        await connection.execute("BEGIN IMMEDIATE")
        for sql, rows in (*statements, book.position()):
            await connection.executemany(sql, rows)
        await connection.commit()
        self._begins_log = False
        self._book = book

    def _seal(self) -> None:
        """Turn what was gathered into a run and a row of rejects to store."""
        gathered, self._gathered = self._gathered, Gathered(self._width)
        if len(gathered):
            self._span(gathered.first_ns, gathered.last_ns)
        names = gathered.names
        fresh = []
        for key in names:
            if key not in self._series:
                self._series[key] = len(self._series) + 1
                fresh.append((self._series[key], *key))
        run = None
        if len(gathered):
            data = gathered.packed([self._series[key] for key in names])
            number = self._layout_number()
            run = NewRun(self._seq, 0, number, [entry_of(Pack(data, len(gathered), self._width))])
        rejects = None
        if len(gathered.rejected):
            instruments = self._instruments
            found = rejects_of(gathered.rejected, lambda number: instruments[number].name, self.stored_seq)
            rejects = None if found is None else found.stored(self._seq)
        self._sealed.append(_Sealed(self._seq, fresh, run, rejects, gathered.waiting))

    def _layout_number(self) -> int:
        if not self._width:
            return 0
        for number, layout in self._layouts.items():
            if layout_text(*layout) == self._layout:
                return number
        return max(self._layouts, default=0) + 1

    async def _tidy(self, connection: aiosqlite.Connection) -> None:
        """Merge runs and rejects if there are many, and remove what need not be kept.

        Storing may go on meanwhile: the runs that are merged do not change.
        """
        while self._is_open() and (found := untidy(self._book)):
            self._prunes = self._keep != KEEP_ALL
            made = await self._found(merged_of, self.path, self._layouts, found)
            if made is None:
                return
            async with self._one:
                book, statements = self._book.replaced(found.runs, made[0])
                book, more = book.with_rejects(found.rejects, made[1])
                work = partial(self._commit, book=book, statements=[*statements, *more])
                if not self._is_open() or not await self._try(work, connection):
                    return
        if self._prunes and self._is_open():
            self._prunes = False
            async with self._one:  # nothing else may change the book meanwhile
                pruned = await self._found(pruned_of, self.path, self._keep)
                if pruned is not None and self._is_open():
                    await self._try(partial(self._shorten, book=pruned[0], statements=pruned[1]), connection)

    def _in_thread(self, work: Callable[..., Answer], *arguments: Any) -> asyncio.Future[Answer]:
        """Run *work* in the thread for such work."""
        return asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _is_open(self) -> bool:
        return self._connection is not None

    async def _found(self, find: Callable[..., Answer], *arguments: Any) -> Answer | None:
        """Return the result of *find*, run in a thread; None if it fails, to be tried again after the next transaction.

        Damage is not reported here, but by whoever reads that pack next.


        """
        try:
            self._reading = reading = self._in_thread(find, *arguments)
            return await reading
        except DataDirError as error:
            if not self._noted_untidy:
                self._noted_untidy = True
                self._note("history_not_merged", f"stored bars cannot be merged ({error}); the run continues")
            return None

    async def _shorten(self, connection: aiosqlite.Connection, book: Book, statements: Sequence[Statement]) -> None:
        """Change to *book*, which has less, and return pages to the file system."""
        await self._commit(connection, book, statements)
        await connection.execute_fetchall("PRAGMA incremental_vacuum")

    async def _bound_wal(self, connection: aiosqlite.Connection) -> None:
        """Empty the write-ahead log if it has grown long; a reader can delay that, but not for ever."""
        size = log_beside(self.path)
        if size < self._empty_at:
            return
        reading = self._reading
        if size >= WAL_BYTES_MAX and reading is not None and not reading.done():  # this writer is a reader itself
            await asyncio.wait([reading], timeout=MERGE_S)
            if not reading.done():
                return  # one more transaction, after such a wait, does not make the log much longer
        if await self._empty_wal(connection):
            return
        if size >= WAL_BYTES_MAX:
            raise _Locked(READER)
        self._empty_at = min(2 * size, WAL_BYTES_MAX)

    async def _empty_wal(self, connection: aiosqlite.Connection) -> bool:
        """Empty the write-ahead log, and return whether that could be done."""
        async with connection.execute("PRAGMA wal_checkpoint(TRUNCATE)") as cursor:
            row = await cursor.fetchone()
        if row is not None and row[0]:
            return False
        self._begins_log, self._empty_at = True, min(WAL_BYTES, WAL_BYTES_MAX)
        return True

    def _zones_text(self) -> str:
        if self._config is None or not self._series_span():
            return ""
        return orjson.dumps(zones_of(self._config, self._oldest_ns, self._newest_ns)).decode()

    def _span(self, start_ns: int, end_ns: int) -> None:
        is_first = not self._series_span()
        self._oldest_ns = start_ns if is_first else min(self._oldest_ns, start_ns)
        self._newest_ns = end_ns if is_first else max(self._newest_ns, end_ns)

    def _series_span(self) -> bool:
        """Return whether the span covers any bars."""
        return self._oldest_ns < self._newest_ns


async def _wait_longer(connection: aiosqlite.Connection) -> None:
    await connection.execute(f"PRAGMA busy_timeout = {STOP_MS}")
