"""When the log is synced, for a writer on an event loop, which never waits for it: three modes.

Owns the thread, the timer and the waiters for a seq. A log that can sync in the background is asked to, and polled; any
other is synced in the thread. The modes differ in what a crash can lose:

- `each`: synced before `append` returns;
- `group`: written when `try_append` returns; a sync starts at most 5 ms after the oldest unsynced write, or on a slower
  disk after the end of the previous sync;
- `os`: written when `try_append` returns; synced when a segment is sealed, at close, and by `durable`.

The first failed write or sync stops everything: every later call and every wait raises it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, Final, Literal, get_args

from mtf.errors import ConfigError, LogWriteFailed
from mtf.events.block import Block
from mtf.log.event_log import NO_POSITIONS, BeginsSyncs, EventLog

__all__ = ["DURABILITIES", "SYNC_WITHIN_MS", "Durability", "Writer"]

Durability = Literal["each", "group", "os"]
DURABILITIES: Final[tuple[Durability, ...]] = get_args(Durability)
SYNC_WITHIN_MS: Final = 5.0
LOOK_S: Final = 0.001  # from the start of a sync to the first look whether it has ended, and from look to look ...
LOOK_SHARE: Final = 0.5  # ... or this share of the time that it has taken so far, if that is longer ...
LOOK_S_MAX: Final = 0.005  # ... but no longer than this


class Writer:
    """Appends to *log* as *mode* promises; create it on the loop that will use it.

    One task appends at a time. *on_failure* is called once, on the loop, with the error that stopped the log.
    """

    def __init__(
        self,
        log: EventLog,
        mode: Durability = "group",
        *,
        sync_within_ms: float = SYNC_WITHIN_MS,
        on_failure: Callable[[LogWriteFailed], None] | None = None,
    ) -> None:
        if mode not in DURABILITIES:
            raise ConfigError(f"durability must be one of {', '.join(DURABILITIES)}, got {mode!r}")
        self.log: Final = log
        self.mode: Final = mode
        self._begins: BeginsSyncs | None = log if isinstance(log, BeginsSyncs) else None
        self._within_s: Final = sync_within_ms / 1000
        self._on_failure: Final = on_failure
        self._loop: Final = asyncio.get_running_loop()
        self._executor: Final = ThreadPoolExecutor(1, "mtf-log")
        self._timed: Final = mode == "group"
        self._in_thread = 0  # appends that the thread has not finished: only it may append while there are any
        # Starts the next sync, or looks whether the one that was begun has ended; None if neither is due.
        self._timer: asyncio.TimerHandle | None = None
        self._sync: asyncio.Future[int] | None = None  # the sync that the thread is running or about to run
        self._begun_ns = 0  # when the sync in the background began
        self._begun_seq = 0  # up to which the newest sync that was started makes events durable, at least
        self._dirty_since: float | None = None  # loop time of the oldest write not followed by the start of a sync
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []  # heap by seq
        self._ticket: Final = count()  # orders waiters of one seq
        self._closing: asyncio.Future[None] | None = None  # set by the first close
        self.failed: LogWriteFailed | None = None  # the error that stopped the log; set once
        self.syncs = 0  # successful ones, without those that seal a segment; set where they run, like the next two
        self.sync_ns = 0  # the time they took in total, of those in the background until their end was noticed
        self.last_sync_ns = 0

    @property
    def last_seq(self) -> int:
        return self.log.last_seq

    @property
    def durable_seq(self) -> int:
        return self.log.durable_seq

    def try_append(self, block: Block, positions: Mapping[str, Any] = NO_POSITIONS) -> bool:
        """Append now and return True; or do nothing and return False if that would wait: then `await append(...)`.

        It would wait in mode `each`, if a new segment is due, and during an `append`.
        """
        log = self.log
        if self.failed is not None:
            raise self.failed
        if self.mode == "each" or self._in_thread or self._closing is not None or log.full:
            return False
        try:
            log.append(block, positions)
        except LogWriteFailed as error:
            self._stop(error)
            raise
        if self._dirty_since is None and (self._timed or self._waiters):
            self._mark_dirty()
        return True

    async def append(self, block: Block, positions: Mapping[str, Any] = NO_POSITIONS) -> None:
        """Append in the thread and return when written, or when synced in mode `each`.

        Cancelling the caller does not undo it: the block is in the log anyway.
        """
        if self._closing is not None:
            raise LogWriteFailed("the log is closed")
        if self.failed is not None:
            raise self.failed
        self._in_thread += 1
        done = self._loop.run_in_executor(self._executor, self._append_in_thread, block, positions)
        done.add_done_callback(self._appended)
        await asyncio.shield(done)

    async def durable(self, seq: int) -> None:
        """Return once every event up to *seq* is synced; in mode `os` this starts a sync."""
        if self.failed is not None:
            raise self.failed
        if self.durable_seq >= seq:
            return
        if self._closing is not None:
            raise LogWriteFailed(f"seq {seq} is not in the log, which is closed")
        waiter: asyncio.Future[None] = self._loop.create_future()
        heappush(self._waiters, (seq, next(self._ticket), waiter))
        if seq > self._begun_seq:
            self._mark_dirty_if_due()
        try:
            await waiter
        except asyncio.CancelledError:
            self._waiters = [entry for entry in self._waiters if entry[2] is not waiter]
            heapify(self._waiters)
            raise

    async def close(self) -> None:
        """Sync, seal and close the log, and end the thread. Safe to call twice, and to cancel: it completes anyway.

        Raises the error that stopped the log, if there was one.
        """
        if self._closing is None:
            if self._timer is not None:
                self._timer.cancel()
            self._closing = self._loop.run_in_executor(self._executor, self.log.close)
            self._closing.add_done_callback(self._closed)
        await asyncio.shield(self._closing)
        if self.failed is not None:
            raise self.failed

    def _append_in_thread(self, block: Block, positions: Mapping[str, Any]) -> None:
        self.log.append(block, positions)
        if self.mode == "each":
            self._sync_in_thread()

    def _sync_in_thread(self) -> int:
        begun_ns = time.perf_counter_ns()
        durable_seq = self.log.sync()
        self._count(time.perf_counter_ns() - begun_ns)
        return durable_seq

    def _count(self, sync_ns: int) -> None:
        self.last_sync_ns = sync_ns
        self.sync_ns += sync_ns
        self.syncs += 1

    def _appended(self, done: asyncio.Future[None]) -> None:
        self._in_thread -= 1
        error = done.exception()
        if isinstance(error, LogWriteFailed):
            self._stop(error)
        else:
            self._mark_dirty_if_due()
        self._wake()

    def _mark_dirty_if_due(self) -> None:
        begun = max(self.durable_seq, self._begun_seq)  # the events up to it are synced, or are being synced
        if self._dirty_since is None and (self._timed or self._waiters) and self.log.last_seq > begun:
            self._mark_dirty()

    def _mark_dirty(self) -> None:
        """Note that there is a write not followed by the start of a sync."""
        self._dirty_since = self._loop.time()
        self._schedule()

    def _schedule(self) -> None:
        """Set the timer for the oldest unsynced write, unless a sync is running, whose end will do that."""
        stopped = self.failed is not None or self._closing is not None
        if self._sync is None and self._timer is None and self._dirty_since is not None and not stopped:
            self._timer = self._loop.call_at(self._dirty_since + self._within_s, self._start_sync)

    def _start_sync(self) -> None:
        self._timer = self._dirty_since = None
        self._begun_seq = self.log.last_seq
        log = self._begins
        if log is not None and not self._in_thread:
            try:
                begun = log.begin_sync()
            except Exception:  # noqa: BLE001 - whatever it is, `sync` remains
                self._begins = None
                begun = False
            if begun:
                self._begun_ns = time.perf_counter_ns()
                self._timer = self._loop.call_later(LOOK_S, self._look, log)
                return
        self._sync = self._loop.run_in_executor(self._executor, self._sync_in_thread)
        self._sync.add_done_callback(self._synced)

    def _look(self, log: BeginsSyncs) -> None:
        """Look whether the sync that was begun has ended."""
        self._timer = None
        try:
            ended = log.end_sync()
        except LogWriteFailed as error:
            self._stop(error)
            return
        spent_ns = time.perf_counter_ns() - self._begun_ns
        if not ended:
            wait_s = min(max(spent_ns / 1e9 * LOOK_SHARE, LOOK_S), LOOK_S_MAX)
            self._timer = self._loop.call_later(wait_s, self._look, log)
            return
        self._count(spent_ns)
        self._wake()
        self._mark_dirty_if_due()
        self._schedule()

    def _synced(self, done: asyncio.Future[int]) -> None:
        self._sync = None
        error = done.exception()
        if error is not None:
            self._begun_seq = self.durable_seq
        if isinstance(error, LogWriteFailed):
            self._stop(error)
        self._wake()
        self._mark_dirty_if_due()
        self._schedule()

    def _closed(self, done: asyncio.Future[None]) -> None:
        error = done.exception()
        if isinstance(error, LogWriteFailed):
            self._stop(error)
        self._wake()
        self._stop_waiting(LogWriteFailed("the log was closed before that seq was written"))
        self._executor.shutdown(wait=False)

    def _wake(self) -> None:
        durable_seq = self.durable_seq
        while self._waiters and self._waiters[0][0] <= durable_seq:
            waiter = heappop(self._waiters)[2]
            if not waiter.done():  # unless it was just cancelled
                waiter.set_result(None)

    def _stop(self, error: LogWriteFailed) -> None:
        if self.failed is not None:
            return
        self.failed = error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()
        self._stop_waiting(error)
        if self._on_failure is not None:
            self._on_failure(error)

    def _stop_waiting(self, error: LogWriteFailed) -> None:
        for _, _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)
        self._waiters.clear()
