"""The reorder window of pushes: holds events of a symbol for a while, so that they get their seqs in order of time.

Owns what is held, by symbol. An event is held until one of its symbol is stamped later by the window, and in live use
until that long has passed since its arrival, whichever is first; then it goes on, after all of its symbol that are
stamped before it. What comes later still is not held back: it is late. Clock events wait too.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from mtf.clock import Timer, WallClock
from mtf.units import NEVER_NS

__all__ = ["HELD_MAX", "ReorderWindow"]

HELD_MAX: Final = 16_384  # events held of one symbol; the oldest goes on early if there are more
CLOCK: Final = ""  # in place of a symbol, for clock events: no symbol has this name


class _Held(NamedTuple):
    """An event that is held; ordered by stamp, then by arrival."""

    ts_ns: int
    order: int
    arrival_ns: int
    event: Any
    taken: asyncio.Future[int]  # its seq, once it has one


class ReorderWindow:
    """Holds events for *length_ns*; *take(event, arrival_ns)* then gives one its seq, or raises what is wrong with it.

    *taken* is called after each run of events that went on. With *live* the wall clock ends the waiting as well.
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
        self.reordered = 0  # events that went on before one that had come earlier
        self._length_ns: Final = length_ns
        self._wall: Final = wall
        self._take: Final = take
        self._taken: Final = taken
        self._live: Final = live
        self._held: Final[dict[str, list[_Held]]] = {}  # heaps, by symbol
        self._newest_ns: Final[dict[str, int]] = {}  # the latest stamp that has come, by symbol
        self._order = 0  # events that have come
        self._timer: Timer | None = None  # for the earliest arrival that is held
        self._error: BaseException | None = None  # why nothing gets a seq any more

    def add(self, symbol: str, ts_ns: int, event: Any) -> asyncio.Future[int]:
        """Hold *event*; return what gets its seq. *symbol* is "" for a clock event. Raises what `close` was given."""
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
        """Release everything now: the source has ended, or somebody waits for all that has come."""
        for symbol in [name for name in self._held if name != CLOCK]:
            self._release(symbol, None)
        self._release(CLOCK, None)
        self._taken()

    def close(self, error: BaseException) -> None:
        """Give nothing a seq any more: whoever waits, or comes, gets *error*."""
        self._error = error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for heap in self._held.values():
            for held in heap:
                if not held.taken.done():
                    held.taken.set_exception(error)
                    held.taken.exception()  # nobody may be waiting for it
            heap.clear()

    def _release(self, symbol: str, until_ns: int | None, too_many: int = 0) -> None:
        """Let the events of *symbol* up to *until_ns* go on, in order of their stamps; None: all of them."""
        heap = self._held.get(symbol)
        while heap and (until_ns is None or heap[0].ts_ns <= until_ns or too_many > 0):
            too_many -= 1
            held = heapq.heappop(heap)
            if held.taken.cancelled():
                continue  # who pushed it has gone away before it was taken
            try:
                seq = self._take(held.event, held.arrival_ns)
            except Exception as error:  # noqa: BLE001 - it is the pusher's, whatever it is
                held.taken.set_exception(error)
                held.taken.exception()
            else:
                held.taken.set_result(seq)

    def _release_clocks(self) -> None:
        """Let the clock events go on that nothing can come before any more, by the stamps of all symbols."""
        if self._held.get(CLOCK):
            newest = [ns for name, ns in self._newest_ns.items() if name != CLOCK]
            if newest:
                self._release(CLOCK, min(newest) - self._length_ns)

    def _due(self) -> None:
        """Release what has been held for long enough, with all that is stamped before it."""
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
