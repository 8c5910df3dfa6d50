"""A limit on how long something is awaited, by the wall clock that is a parameter everywhere.

Like `asyncio.timeout`, which reads the loop's clock, but with one timer for many waits, because a feed waits for each
message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from mtf.clock import Timer, WallClock

__all__ = ["Watchdog", "sleep"]

Result = TypeVar("Result")


class Watchdog:
    """Ends waits of one task, one at a time, that take too long."""

    def __init__(self, wall: WallClock) -> None:
        self._wall: Final = wall
        self._timer: Timer | None = None
        self._timer_ns = 0  # the time it is set to
        self._task: asyncio.Task[object] | None = None  # the waiting task
        self._deadline_ns = 0  # the deadline of its wait
        self._barked = False  # the watchdog cancelled it

    async def within(self, limit_ns: int, awaitable: Awaitable[Result]) -> Result:
        """Return the result of *awaitable*; cancel it and raise TimeoutError if it takes longer than *limit_ns*."""
        task = asyncio.current_task()
        assert task is not None, "only a task can wait"
        cancelling = task.cancelling()
        self._task, self._barked = task, False
        self._deadline_ns = self._wall.now_ns() + limit_ns
        if self._timer is None or self._timer_ns > self._deadline_ns:
            self._set()
        try:
            return await awaitable
        except asyncio.CancelledError:
            if self._barked and task.uncancel() <= cancelling:
                raise TimeoutError from None
            raise
        finally:
            self._task = None

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        self.close()
        self._timer_ns = self._deadline_ns
        self._timer = self._wall.call_at(self._deadline_ns, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._task is None:
            return  # nothing waits: the next wait sets the timer
        if self._wall.now_ns() < self._deadline_ns:
            self._set()
        else:
            self._barked = True
            self._task.cancel()


async def sleep(wall: WallClock, length_ns: int) -> None:
    """Wait for *length_ns* of the wall clock."""
    done = asyncio.Event()
    timer = wall.call_at(wall.now_ns() + length_ns, done.set)
    try:
        await done.wait()
    finally:
        timer.cancel()
