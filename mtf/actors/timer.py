"""The timer: in live use, makes a clock event for each bar end that the wall clock has passed.

So bars close in a silent market. The event is stamped with the end itself, and made a grace later, so that ticks in
flight are not late. Sources with an end (files, logs) need none: their own ticks and clock events tell the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mtf.clock import Timer, WallClock
from mtf.frames.frame import Frame, SymbolState

__all__ = ["GRACE_NS", "BarTimer"]

GRACE_NS: Final = 500_000_000


class BarTimer:
    """Watches published frames for the next end of a forming bar; `tell(end_ns)` makes the clock event."""

    def __init__(self, clock: WallClock, tell: Callable[[int], None], grace_ns: int) -> None:
        self._clock: Final = clock
        self._states: list[SymbolState] = []  # the joiner's, by number, as of the newest frame
        self._tell: Final = tell
        self._grace_ns: Final = grace_ns
        self._timer: Timer | None = None
        self._due_ns = 0  # the end that the timer waits for; 0 while it waits for none
        self._told_ns = 0  # the newest end that a clock event was made for
        self._armed = False  # from the first live tick on

    def arm(self) -> None:
        """Begin, or go on, closing bars by the clock."""
        if not self._armed:
            self._armed = True
            self._schedule(self._next_end())

    def disarm(self) -> None:
        """Make no more clock events."""
        self._armed = False
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._due_ns = 0

    def published(self, frame: Frame, states: list[SymbolState]) -> None:
        """Look at a new frame: a bar may have begun that ends before the one that is waited for."""
        self._states = states
        if not self._armed:
            return
        if not self._due_ns:
            self._schedule(self._next_end())
            return
        end_ns = self._earliest(frame.after)
        if end_ns and end_ns < self._due_ns:
            self._schedule(end_ns)

    def _next_end(self) -> int:
        return self._earliest(self._states)

    def _earliest(self, states: list[SymbolState]) -> int:
        """Return the earliest end of a forming bar that no clock event was made for yet; 0 where there is none."""
        ends = (bars.slot.end_ns for state in states for bars in state.bars if bars.slot is not None)
        return min((end for end in ends if end > self._told_ns), default=0)

    def _schedule(self, end_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due_ns = end_ns
        if end_ns:
            self._timer = self._clock.call_at(end_ns + self._grace_ns, self._due)

    def _due(self) -> None:
        self._timer = None
        self._due_ns = 0
        end_ns = self._next_end()
        if end_ns and end_ns + self._grace_ns <= self._clock.now_ns():
            self._told_ns = end_ns
            self._tell(end_ns)  # its frame, once published, schedules the next
        elif end_ns:
            self._schedule(end_ns)
