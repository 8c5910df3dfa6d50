"""A wall clock that only moves when a test moves it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

__all__ = ["FakeClock", "FakeTimer"]


class FakeTimer:
    """A pending call, which `cancel` revokes."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback  # None once called or cancelled

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class FakeClock:
    """Shows the time it was set to; timers fire within the call that moves it, in order of time."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self._timers: Final[list[tuple[int, int, FakeTimer]]] = []  # a heap, by time and order of requests
        self._requests = 0
        self.asked_ns: Final[list[int]] = []  # every time for which a call was requested; a long test may clear it

    def now_ns(self) -> int:
        return self._now_ns

    def call_at(self, ts_ns: int, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (ts_ns, self._requests, timer))
        self._requests += 1
        self.asked_ns.append(ts_ns)
        return timer

    def due_ns(self) -> int | None:
        """Return the time of the earliest timer, which may be cancelled by now; None if there is none."""
        return self._timers[0][0] if self._timers else None

    def go_to(self, ts_ns: int) -> None:
        """Move to *ts_ns*, stopping at each timer on the way."""
        assert ts_ns >= self._now_ns, "time does not go back"
        while self._timers and self._timers[0][0] <= ts_ns:
            due_ns, _, timer = heapq.heappop(self._timers)
            self._now_ns = max(self._now_ns, due_ns)
            timer.fire()
        self._now_ns = ts_ns

    def pass_ns(self, length_ns: int) -> None:
        """Move forward by *length_ns*."""
        self.go_to(self._now_ns + length_ns)
