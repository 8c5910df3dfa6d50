"""The timer: in live use, makes a clock event for each bar end that the wall clock has passed.

So bars close in a silent market. It looks only at symbols that are live: what comes from a file, or from a feed that is
later than it says, tells its time by its own ticks. The event is stamped with the end plus the delay of the symbol's
feed, and made a grace later, so that ticks in flight are not late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mtf.clock import Timer, WallClock
from mtf.frames.frame import Frame
from mtf.frames.joiner import Joiner

__all__ = ["GRACE_NS", "BarTimer"]

GRACE_NS: Final = 500_000_000


class BarTimer:
    """Watches published frames for the next end of a live symbol's bar; `tell(ts_ns)` makes the clock event."""

    def __init__(self, clock: WallClock, tell: Callable[[int], None], grace_ns: int) -> None:
        self._clock: Final = clock
        self._joiner: Joiner | None = None  # which has published the newest frame
        self._tell: Final = tell
        self._grace_ns: Final = grace_ns
        self._timer: Timer | None = None
        self._due_ns = 0  # the stamp of the event that the timer waits to make; 0 while it waits for none
        self._look_at_all = True  # any symbol's bar may be the next to end: at the start, and after each clock event
        self._stopped = False

    def stop(self) -> None:
        """Make no more clock events."""
        self._stopped = True
        self._schedule(0)

    def published(self, frame: Frame, joiner: Joiner) -> None:
        """Look at a new frame: a bar may have begun that ends before the one that is waited for."""
        self._joiner = joiner
        if self._stopped:
            return
        due_ns = joiner.next_end_ns(None if self._look_at_all else frame)
        self._look_at_all = False
        if due_ns and (not self._due_ns or due_ns < self._due_ns):
            self._schedule(due_ns)

    def _schedule(self, due_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due_ns = due_ns
        if due_ns:
            self._timer = self._clock.call_at(due_ns + self._grace_ns, self._due)

    def _due(self) -> None:
        self._timer = None
        self._due_ns = 0
        due_ns = 0 if self._joiner is None else self._joiner.next_end_ns(None)
        if due_ns and due_ns + self._grace_ns <= self._clock.now_ns():
            self._look_at_all = True
            self._tell(due_ns)  # its frame, once published, schedules the next
        elif due_ns:
            self._schedule(due_ns)
