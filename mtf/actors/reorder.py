"""The reorder window of pushes: holds events of a symbol for a while, so that they get their seqs in order of time.

Owns the held events, by symbol. An event is held until another one of its symbol is stamped later by at least the
window or, in live use, until that long has passed since its arrival, whichever is first; then it is released, after
all events of its symbol with earlier stamps. An event that arrives even later is late. Clock events are held too.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from mtf.clock import Timer, WallClock
from mtf.units import NEVER_NS

__all__ = ["HELD_MAX", "ReorderWindow"]

HELD_MAX: Final = 16_384  # events held of one symbol; if there are more, the oldest is released early
CLOCK: Final = ""  # in place of a symbol, for clock events: no symbol has this name


class _Held(NamedTuple):
    """A held event; ordered by stamp, then by arrival."""

    ts_ns: int
    order: int
    arrival_ns: int
    event: Any
    taken: asyncio.Future[int]  # resolves to its seq


class ReorderWindow:
    """Holds events for *length_ns*, then passes each to *take(event, arrival_ns)*, which returns its seq or raises.

    *taken* is called after each run of released events. With *live*, the wall clock ends the waiting as well.
    """

    def __init__(
        self,
        length_ns: int,
        wall: WallClock,
        take: Callable[[Any, int], int],
        taken: Callable[[], None],
        *,
        live: bool,
    ) -> None:
        self.reordered = 0  # events released before one that arrived earlier
        self._length_ns: Final = length_ns
        self._wall: Final = wall
        self._take: Final = take
        self._taken: Final = taken
        self._live: Final = live
        self._held: Final[dict[str, list[_Held]]] = {}  # heaps, by symbol
        self._newest_ns: Final[dict[str, int]] = {}  # the latest stamp seen, by symbol
        self._order = 0  # events seen
        self._timer: Timer | None = None  # for the held event that arrived first
        self._error: BaseException | None = None  # why no event gets a seq any more

    def add(self, symbol: str, ts_ns: int, event: Any) -> asyncio.Future[int]:
        """Hold *event*; return the future of its seq. *symbol* is "" for a clock event. Raises the error of `close`."""
        if self._error is not None:
            raise self._error
        self._order += 1
        held = _Held(ts_ns, self._order, self._wall.now_ns(), event, asyncio.get_running_loop().create_future())
        heap = self._held.setdefault(symbol, [])
        newest_ns = self._newest_ns.get(symbol, NEVER_NS)
        if ts_ns < newest_ns:
            self.reordered += 1
        else:
            self._newest_ns[symbol] = newest_ns = ts_ns
        heapq.heappush(heap, held)
        self._release(symbol, newest_ns - self._length_ns, len(heap) - HELD_MAX)
        self._release_clocks()
        self._taken()
        if self._live and self._timer is None:
            self._timer = self._wall.call_at(held.arrival_ns + self._length_ns, self._due)
        return held.taken

    def flush(self) -> None:
        """Release everything now: the source has ended, or somebody waits for all events so far."""
        for symbol in [name for name in self._held if name != CLOCK]:
            self._release(symbol, None)
        self._release(CLOCK, None)
        self._taken()

    def close(self, error: BaseException) -> None:
        """Stop giving out seqs: whoever waits, and every later caller, gets *error*."""
        self._error = error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for heap in self._held.values():
            for held in heap:
                if not held.taken.done():
                    held.taken.set_exception(error)
                    held.taken.exception()  # retrieved, since nobody may be waiting for it
            heap.clear()

    def _release(self, symbol: str, until_ns: int | None, too_many: int = 0) -> None:
        """Release the events of *symbol* up to *until_ns* (None: all), in order of their stamps."""
        heap = self._held.get(symbol)
        while heap and (until_ns is None or heap[0].ts_ns <= until_ns or too_many > 0):
            too_many -= 1
            held = heapq.heappop(heap)
            if held.taken.cancelled():
                continue  # its push was cancelled
            try:
                seq = self._take(held.event, held.arrival_ns)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is raised in the push
                held.taken.set_exception(error)
                held.taken.exception()
            else:
                held.taken.set_result(seq)

    def _release_clocks(self) -> None:
        """Release the clock events that, by the stamps of all symbols, no other event can precede any more."""
        if self._held.get(CLOCK):
            newest = [ns for name, ns in self._newest_ns.items() if name != CLOCK]
            if newest:
                self._release(CLOCK, min(newest) - self._length_ns)

    def _due(self) -> None:
        """Release the events that have been held for long enough, and all with earlier stamps."""
        self._timer = None
        now_ns = self._wall.now_ns()
        for symbol in [*(name for name in self._held if name != CLOCK), CLOCK]:
            heap = self._held.get(symbol, [])
            ripe = [held.ts_ns for held in heap if held.arrival_ns + self._length_ns <= now_ns]
            if ripe:
                self._release(symbol, max(ripe))
        self._taken()
        waiting = [held.arrival_ns for heap in self._held.values() for held in heap]
        if waiting:
            self._timer = self._wall.call_at(min(waiting) + self._length_ns, self._due)
