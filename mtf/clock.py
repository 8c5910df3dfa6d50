"""The wall clock as a parameter: the current time, and a call at a later time. Nothing else reads the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["SystemClock", "Timer", "WallClock"]


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None: ...


class WallClock(Protocol):
    """The clock in live use: `SystemClock`, or a test's own."""

    def now_ns(self) -> int:
        """Return the time in nanoseconds UTC."""
        ...

    def call_at(self, ts_ns: int, callback: Callable[[], None]) -> Timer:
        """Call *callback* once, in the running loop, when it is *ts_ns* or later."""
        ...


class SystemClock:
    """The machine's clock."""

    now_ns = staticmethod(time.time_ns)  # asked for each event

    def call_at(self, ts_ns: int, callback: Callable[[], None]) -> Timer:
        delay_s = max(0.0, (ts_ns - time.time_ns()) / 1e9)
        return asyncio.get_running_loop().call_later(delay_s, callback)
