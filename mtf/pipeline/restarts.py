"""Restarts: consumers that failed are started again, with a growing delay, and finally not any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Final

from mtf.clock import Timer, WallClock
from mtf.notes import Noted
from mtf.pipeline.consumer_statistics import ConsumerRecord

__all__ = ["RESTARTS_MAX", "Restarts"]

FIRST_NS: Final = 1_000_000_000  # approximate delay of the first restart; doubles each time
LONGEST_NS: Final = 60_000_000_000
RESTARTS_MAX: Final = 5  # restarts without a healthy run in between
HEALTHY_NS: Final = 300_000_000_000  # after this long, earlier failures of a consumer no longer count


class _Backoff:
    """How often one consumer has recently failed."""

    def __init__(self) -> None:
        self.count = 0  # restarts since its last healthy run
        self.begun_ns = 0  # the newest of them


class Restarts:
    """Calls *rejoin* with a record when its time has come, by *wall*; *random* separates those that failed together.

    *is_wanted* returns whether a consumer is still to be restarted, *ended* whether nothing of it is running.
    """

    def __init__(
        self,
        wall: WallClock,
        random: Random,
        *,
        rejoin: Callable[[ConsumerRecord], Coroutine[Any, Any, None]],
        is_wanted: Callable[[ConsumerRecord], bool],
        ended: Callable[[ConsumerRecord], bool],
        noted: Noted,
        failed: Callable[[ConsumerRecord, BaseException], None],
    ) -> None:
        self._wall: Final = wall
        self._random: Final = random
        self._rejoin: Final = rejoin
        self._is_wanted: Final = is_wanted
        self._ended: Final = ended
        self._noted: Final = noted
        self._failed: Final = failed
        self._backoffs: dict[ConsumerRecord, _Backoff] = {}  # of those that failed and were not removed
        self._timers: Final[dict[ConsumerRecord, Timer]] = {}
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._closed = False

    def plan(self, record: ConsumerRecord) -> str:
        """Schedule a restart of the consumer of *record*, which has just failed, or give up; return which, in words."""
        now_ns = self._wall.now_ns()
        self._backoffs = {each: found for each, found in self._backoffs.items() if self._is_wanted(each)}
        backoff = self._backoffs.setdefault(record, _Backoff())
        if backoff.count and now_ns - backoff.begun_ns >= HEALTHY_NS:
            backoff.count = 0
        if self._closed:
            return ""
        if backoff.count >= RESTARTS_MAX:
            record.state = "quarantined"
            return f"after {RESTARTS_MAX} restarts it is not restarted again; fix it, then remove it and add it again"
        delay_ns = min(FIRST_NS << backoff.count, LONGEST_NS)
        delay_ns = round(delay_ns * (0.75 + 0.5 * self._random.random()))
        backoff.count += 1
        record.state = "waiting"
        self._timers[record] = self._wall.call_at(now_ns + delay_ns, lambda: self._due(record))
        return f"it will be restarted in {delay_ns / 1e9:.1f} s"

    def end(self) -> None:
        """Start no more restarts; those in progress continue."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def close(self) -> None:
        """Start no more restarts, and end those in progress."""
        self.end()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _due(self, record: ConsumerRecord) -> None:
        self._timers.pop(record, None)
        if self._closed or not self._is_wanted(record):
            return
        if not self._ended(record):
            record.state = "quarantined"
            self._noted(
                "consumer_quarantined",
                f"the consumer {record.added.name} is not restarted: one of its callbacks is still running, and two "
                "at a time would interfere",
                consumer=record.added.name,
            )
            return
        self._backoffs[record].begun_ns = self._wall.now_ns()
        record.restarts += 1
        task = asyncio.create_task(self._rejoin(record), name=f"mtf restart of {record.added.name}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._over(done, record))

    def _over(self, task: asyncio.Task[None], record: ConsumerRecord) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed(record, error)
