"""Restarts: consumers that failed and are started again, later each time, and at last not any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Final

from mtf.clock import Timer, WallClock
from mtf.notes import Noted
from mtf.pipeline.consumer_statistics import ConsumerRecord

__all__ = ["RESTARTS_MAX", "Restarts"]

FIRST_NS: Final = 1_000_000_000  # before the first restart, about; then twice as long each time
LONGEST_NS: Final = 60_000_000_000
RESTARTS_MAX: Final = 5  # without one that went well in between
HEALTHY_NS: Final = 300_000_000_000  # a consumer that has run as long is forgiven its failures


class _Backoff:
    """How often one consumer has failed lately."""

    def __init__(self) -> None:
        self.count = 0  # restarts since it ran for long
        self.begun_ns = 0  # the newest of them


class Restarts:
    """Calls *rejoin* with a record once its time has come, by *wall*; *random* keeps those that failed together apart.

    *is_wanted* says whether a consumer is still to be restarted, *ended* whether nothing of it runs any more.
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
        self._backoffs: dict[ConsumerRecord, _Backoff] = {}  # of those that failed and are still there
        self._timers: Final[dict[ConsumerRecord, Timer]] = {}
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._closed = False

    def plan(self, record: ConsumerRecord) -> str:
        """Have the consumer of *record*, which has just failed, restarted later, or never; return which, in words."""
        now_ns = self._wall.now_ns()
        self._backoffs = {each: found for each, found in self._backoffs.items() if self._is_wanted(each)}
        backoff = self._backoffs.setdefault(record, _Backoff())
        if backoff.count and now_ns - backoff.begun_ns >= HEALTHY_NS:
            backoff.count = 0
        if self._closed:
            return ""
        if backoff.count >= RESTARTS_MAX:
            record.state = "quarantined"
            return f"after {RESTARTS_MAX} restarts it stays out; remove it and add it again once it is repaired"
        delay_ns = min(FIRST_NS << backoff.count, LONGEST_NS)
        delay_ns = round(delay_ns * (0.75 + 0.5 * self._random.random()))
        backoff.count += 1
        record.state = "waiting"
        self._timers[record] = self._wall.call_at(now_ns + delay_ns, lambda: self._due(record))
        return f"it is restarted in {delay_ns / 1e9:.1f} s"

    def end(self) -> None:
        """Restart nobody any more, but for those that are under way."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def close(self) -> None:
        """Restart nobody any more."""
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
                f"the consumer {record.added.name} is not restarted: a callback of it is still under way, and two at a "
                "time would see each other's work",
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
