"""Numbered messages: which have come, which are missing, and since when.

A server that numbers its messages makes every loss visible, even while nobody listened. Only owns the arithmetic;
`mtf.feeds.live_feed` decides what to do about a gap.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final

import attrs

__all__ = ["Missing", "Numbering"]

MISSING_MAX: Final = 1_000  # ranges kept; beyond that, the oldest is given up


@attrs.define
class Missing:
    """The missing numbers `[start, stop)`: sent between the messages of *since_ns* and *until_ns*."""

    start: int
    stop: int
    since_ns: int
    until_ns: int
    reported: bool = False


class Numbering:
    """The numbers of one stream: all before `next` have come, except the missing ones."""

    def __init__(self) -> None:
        self.next: int | None = None  # None before the first number: there is no gap before it
        self.missing: list[Missing] = []  # apart, in order
        self.newest_ns = 0  # when the greatest number came

    @classmethod
    def at(cls, position: Mapping[str, Any]) -> Numbering:
        """Return the numbering stored by `position`."""
        numbering = cls()
        numbering.next, numbering.newest_ns = position["next"], position["ns"]
        for start, stop, *span in position["missing"]:
            since_ns, until_ns = span or (numbering.newest_ns, numbering.newest_ns)
            numbering.missing.append(Missing(start, stop, since_ns, until_ns, reported=not span))
        return numbering

    def position(self) -> dict[str, Any]:
        """Return the state as plain values, for `at`; an unreported gap has its span."""
        missing = [
            [hole.start, hole.stop] if hole.reported else [hole.start, hole.stop, hole.since_ns, hole.until_ns]
            for hole in self.missing
        ]
        return {"next": self.next, "ns": self.newest_ns, "missing": missing}

    def has(self, number: int) -> bool:
        """Return whether *number* has come."""
        return self.next is not None and number < self.next and self._place(number) is None

    def add(self, number: int, ns: int) -> bool:
        """Record the message *number*, which came at *ns*; return False if it had come before."""
        if self.next is None or number >= self.next:
            if self.next is not None and number > self.next:
                self.missing.append(Missing(self.next, number, self.newest_ns, ns))
            self.next, self.newest_ns = number + 1, ns
            return True
        place = self._place(number)
        if place is None:
            return False
        hole = self.missing[place]
        rest = [
            attrs.evolve(hole, start=start, stop=stop)
            for start, stop in ((hole.start, number), (number + 1, hole.stop))
            if start < stop
        ]
        self.missing[place : place + 1] = rest
        return True

    def overdue(self, before_ns: int) -> list[Missing]:
        """Return the unreported gaps that were found by *before_ns*; they now count as reported."""
        found = [hole for hole in self.missing if not hole.reported and hole.until_ns <= before_ns]
        given_up = self.missing[: max(0, len(self.missing) - MISSING_MAX)]
        found += [hole for hole in given_up if not hole.reported and hole.until_ns > before_ns]
        del self.missing[: len(given_up)]
        for hole in found:
            hole.reported = True
        return found

    @property
    def is_waiting(self) -> bool:
        """Whether there is an unreported gap."""
        return any(not hole.reported for hole in reversed(self.missing))

    def report(self, start: int, stop: int) -> None:
        """Mark the gaps within `[start, stop)` as reported."""
        split: list[Missing] = []
        for hole in self.missing:
            low, high = max(hole.start, start), min(hole.stop, stop)
            if low >= high:
                split.append(hole)
                continue
            for begin, end, reported in (
                (hole.start, low, hole.reported),
                (low, high, True),
                (high, hole.stop, hole.reported),
            ):
                if begin < end:
                    split.append(attrs.evolve(hole, start=begin, stop=end, reported=reported))
        self.missing = split

    def _place(self, number: int) -> int | None:
        """Return the index of the gap that contains *number*; None if there is none."""
        place = bisect_right(self.missing, number, key=lambda hole: hole.start) - 1
        return place if place >= 0 and number < self.missing[place].stop else None
