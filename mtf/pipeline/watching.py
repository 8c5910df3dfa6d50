"""Watching: the newest snapshots as an async iterator, taken when the reader asks, so that nobody waits for it."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from mtf.clock import WallClock
from mtf.errors import ConfigError
from mtf.frames.snapshot import Snapshot
from mtf.pipeline.run import Run

__all__ = ["SnapshotReader"]


class SnapshotReader:
    """Yields the newest snapshot of each of *symbols* (None: all) that has changed since it was yielded last.

    It checks every *every* seconds of *wall*. *started* returns the run, and *asked* raises inside a callback.
    """

    def __init__(
        self,
        symbols: tuple[str, ...] | None,
        every: object,
        wall: WallClock,
        started: Callable[[], Run],
        asked: Callable[[], object],
    ) -> None:
        if isinstance(every, bool) or not isinstance(every, int | float) or not 0 < every < math.inf:
            raise ConfigError(f"every must be a number of seconds above 0, got {every!r}")
        self._symbols: Final = None if symbols is None else frozenset(symbols)
        self._every_ns: Final = max(1, round(every * 1e9))
        self._wall: Final = wall
        self._started: Final = started
        self._asked: Final = asked
        self._run: Run | None = None  # from the first reading on
        self._yielded: Final[dict[int, int]] = {}  # by symbol, the last event of the newest block that was yielded
        self._changed: Final[deque[int]] = deque()  # numbers of symbols to yield
        self._due_ns: int | None = None  # the next check; None: at once
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Snapshot:
        self._asked()
        run = self._run
        if run is None:
            run = self._run = self._started()
            await run.ready()
        while not self._changed:
            if self._closed:
                raise StopAsyncIteration
            is_over = run.stopped.done()
            if not is_over:
                await self._until_due(run)
            self._look(run)
            if is_over and not self._changed:
                raise StopAsyncIteration
        number = self._changed.popleft()
        self._yielded[number] = run.engine.joiner.touched_seq(number)
        return run.engine.snapshot(number, run.pushes.arrivals.ended)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Yield nothing more."""
        self._closed = True
        self._changed.clear()

    async def _until_due(self, run: Run) -> None:
        """Return once it is time to check again, or the pipeline has stopped."""
        if self._due_ns is not None and self._wall.now_ns() < self._due_ns:
            passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            timer = self._wall.call_at(self._due_ns, lambda: None if passed.done() else passed.set_result(None))
            try:
                await asyncio.wait([passed, run.stopped], return_when=asyncio.FIRST_COMPLETED)
            finally:
                timer.cancel()
        self._due_ns = self._wall.now_ns() + self._every_ns

    def _look(self, run: Run) -> None:
        """Find the symbols that have changed."""
        joiner = run.engine.joiner
        for number in range(joiner.count):
            if self._yielded.get(number) == joiner.touched_seq(number) or not joiner.is_seen(number):
                continue
            if self._symbols is None or joiner.name_of(number) in self._symbols:
                self._changed.append(number)
