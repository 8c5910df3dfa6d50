"""Pushes: how pushed events, and the ends of bars given by the clock, get their seqs.

Events are taken in the order in which `push` was called. While the block builder is full, or the pipeline is still
catching up with the log, callers queue; otherwise the event is written into the block builder at once, in the caller's
task. `mtf.pipeline.arrivals` does the writing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from operator import index
from typing import Any, Final, TypeAlias

from mtf.actors.reorder import ReorderWindow
from mtf.actors.sequencer import Sequencer
from mtf.bars.bar import Bar
from mtf.clock import WallClock
from mtf.config import Config
from mtf.errors import MalformedEvent, PushWouldWait
from mtf.events.block import BY_TIMER
from mtf.events.malformed import BAD_TIME, REASONS
from mtf.events.tick import Tick
from mtf.notes import Notes
from mtf.pipeline.arrivals import Arrivals, ClockEvent
from mtf.pipeline.hangs import Hangs
from mtf.pipeline.options import Options
from mtf.units import NEVER_NS, TS_MAX_NS, TS_MIN_NS

__all__ = ["Pushes", "Ready", "stamp_of"]

TURN_EVENTS: Final = 256  # after so many pushes in a row, other tasks get their turn

Ready: TypeAlias = Callable[[], Awaitable[None]]  # returns once the state is that of the log's end


class _End:
    """The end of an iterable."""


_END: Final = _End()


class Pushes:
    """Hands pushed events to the block builder of *source*, in the order of the calls."""

    def __init__(self, config: Config, options: Options, source: Sequencer, hangs: Hangs, notes: Notes) -> None:
        self._block_events: Final = options.events_at_once
        self._is_live: Final = options.is_live
        self._max_ahead_ns: Final = options.max_ahead_ns
        self._wall: Final[WallClock] = options.wall
        self._source: Final = source
        self._builder: Final = source.builder
        self._hangs: Final = hangs
        self.arrivals: Final = Arrivals(
            config,
            source,
            notes,
            live=options.is_live,
            live_ns=options.live_ns,
            max_ahead_ns=options.max_ahead_ns,
            oldest_ns=options.oldest_ns,
        )
        self.reorder_ns: Final = options.reorder_ns
        self._windows: Final[list[ReorderWindow]] = []  # of pushes, and of feeds with their own
        self._window = self.open_window(self.reorder_ns, self.arrivals.accept) if self.reorder_ns else None
        # Takes an event, and returns its seq, or a future for it if a window holds the event.
        self._take_in: Final[Callable[[Any, int], int | asyncio.Future[int]]] = (
            self.arrivals.accept if self._window is None else self._hold
        )
        self._lock: Final = asyncio.Lock()  # held, while callers queue, by the one whose turn it is
        self._queued = 0  # callers that wait for their turn or have it
        self._in_a_row = 0  # events taken since other tasks were last given their turn
        self._end_ns = NEVER_NS  # the newest end from the timer meanwhile

    async def push(self, event: Tick | Bar | ClockEvent, ready: Ready | None) -> int:
        """Take *event*, after *ready* has returned if given, and return its seq once it is logged and sent."""
        arrival_ns = self._wall.now_ns()
        self._in_a_row += 1
        try:
            if self._queued or ready is not None or self._builder.count >= self._block_events:
                async with self.turn(ready):
                    taken = self._take_in(event, arrival_ns)
            else:
                taken = self._take_in(event, arrival_ns)
        except MalformedEvent:
            await self._give_turn()
            raise
        seq = taken if isinstance(taken, int) else await taken
        source = self._source
        source.flush_now()
        if source.sent_seq < seq:  # most often not: each tick is spared another coroutine
            await self.sent(seq)
        if self._in_a_row >= TURN_EVENTS:
            await self._give_turn()
        return seq

    async def push_many(self, events: Iterable[Tick | Bar], ready: Ready | None) -> int:
        """Take all *events*, which came now, one after the other; return the seq of the last, once they are sent."""
        try:
            seq = await self._push_many(events, ready)
        except Exception:
            await self._give_turn()
            raise
        self._in_a_row += 1
        if self._in_a_row >= TURN_EVENTS:
            await self._give_turn()
        return seq

    async def _push_many(self, events: Iterable[Tick | Bar], ready: Ready | None) -> int:
        arrival_ns = self._wall.now_ns()
        left = iter(events)
        taken: list[int | asyncio.Future[int]] = []
        if ready is not None or self._queued or not self._take_some(left, arrival_ns, taken):
            async with self.turn(ready):
                while not self._take_some(left, arrival_ns, taken):
                    await self.sent(self._source.next_seq - 1)
                    await self._give_turn()
        seqs = [each if isinstance(each, int) else await each for each in taken] or [self._source.next_seq - 1]
        await self.sent(max(seqs))
        return seqs[-1]

    def push_nowait(self, event: Tick | Bar, *, caught_up: bool) -> int | None:
        """Take *event* now and return its seq, None if the window holds it; PushWouldWait if it is not its turn yet."""
        arrival_ns = self._wall.now_ns()
        if not self._queued and self._builder.count >= self._block_events:
            self._source.flush_now()
        if not caught_up or self._queued or self._builder.count >= self._block_events:
            why = "others that were pushed before it wait" if caught_up else "the log is being caught up with"
            raise PushWouldWait(f"{event!r} was not taken, since {why}: await push(), or try again later")
        taken = self._take_in(event, arrival_ns)
        self._send_soon()
        return taken if isinstance(taken, int) else None

    async def feed(self, events: AsyncIterable[Tick | Bar]) -> None:
        """Take all *events* of a feed as they come; those that are malformed are counted and kept aside."""
        async for event in events:
            arrival_ns = self._wall.now_ns()
            with contextlib.suppress(MalformedEvent):
                await self.in_turn(partial(self._take_in, event, arrival_ns))
            if self._in_a_row >= TURN_EVENTS:
                await self._give_turn()

    async def clock(self, ts_ns: int, ready: Ready | None) -> int:
        """Take a clock event, in its turn, and return its seq, once it is logged and sent."""
        if isinstance(ts_ns, bool) or not hasattr(ts_ns, "__index__") or not TS_MIN_NS <= ts_ns <= TS_MAX_NS:
            raise MalformedEvent(f"clock event at {ts_ns}: {REASONS[BAD_TIME]}")
        if self._is_live and ts_ns > self._wall.now_ns() + self._max_ahead_ns:
            raise MalformedEvent(
                f"clock event at {ts_ns}: more than max_ahead_ns ({self._max_ahead_ns}) ahead of the wall clock, which "
                "would make every tick until then late"
            )
        return await self.push(ClockEvent(index(ts_ns)), ready)

    def tell_time(self, end_ns: int) -> None:
        """Take a clock event from the timer: bars that end by *end_ns* are over.

        It waits while callers queue: their ticks came earlier, and it would make them late.
        """
        if self._queued:
            self._end_ns = max(self._end_ns, end_ns)
        elif not self._builder.clock(end_ns, BY_TIMER):
            self._send_soon()

    def end_timer(self) -> None:
        """Take no clock event for what the timer said while callers queued."""
        self._end_ns = NEVER_NS

    @contextlib.asynccontextmanager
    async def turn(self, ready: Ready | None = None) -> AsyncIterator[None]:
        """A context in which it is the caller's turn, *ready* has returned, and the block builder has room."""
        self._queued += 1
        try:
            async with self._lock:
                if ready is not None:
                    with self._hangs.pushing():
                        await ready()
                while self._builder.count >= self._block_events:
                    await self.sent(self._source.next_seq - 1)
                yield
        finally:
            self._queued -= 1
            if not self._queued and self._end_ns != NEVER_NS:
                end_ns, self._end_ns = self._end_ns, NEVER_NS
                self.tell_time(end_ns)

    async def sent(self, seq: int) -> None:
        """Return once *seq* is in the log, as its mode promises, and sent."""
        source = self._source
        source.flush_now()
        if source.sent_seq >= seq:
            return
        with self._hangs.pushing():
            await source.flush(seq)

    async def together(self, write: Callable[[], object]) -> None:
        """Call *write*, which passes events to `accept`; return once they are logged, in one block, and sent."""
        await self.in_turn(write)
        await self.sent(self._source.next_seq - 1)

    async def in_turn(self, write: Callable[[], object]) -> None:
        """Call *write* once it is the caller's turn; what it hands in is sent with whatever else waits by then."""
        self._in_a_row += 1
        try:
            if self._queued or self._builder.count >= self._block_events:
                async with self.turn():
                    write()
            else:
                write()
        finally:
            self._send_soon()
        if self._in_a_row >= TURN_EVENTS:
            await self._give_turn()

    def open_window(self, length_ns: int, take: Callable[[Any, int], int]) -> ReorderWindow:
        """Return a reorder window that passes the events it releases to *take*, until `close_window`."""
        window = ReorderWindow(length_ns, self._wall, take, self._send_soon, live=self._is_live)
        self._windows.append(window)
        return window

    def close_window(self, window: ReorderWindow) -> None:
        """Release everything from *window*, which gets nothing more."""
        window.flush()
        self._windows.remove(window)

    def flush(self) -> None:
        """Release everything from the reorder windows."""
        for window in self._windows:
            window.flush()

    def close(self, error: BaseException) -> None:
        """Assign no more seqs: callers waiting for a reorder window get *error*."""
        for window in self._windows:
            window.close(error)

    def _take_some(self, events: Iterator[Tick | Bar], arrival_ns: int, taken: list[int | asyncio.Future[int]]) -> bool:
        """Take *events* while there is room, adding to *taken* the last seq, or what gets each; False: some are left.

        It ends with a block after which other tasks should get their turn. What was taken is sent, also if one of them
        is invalid.
        """
        source, builder, limit = self._source, self._builder, self._block_events
        count = 0
        try:
            while builder.count < limit or (count < TURN_EVENTS and source.flush_now() and builder.count < limit):
                event = next(events, _END)
                if isinstance(event, _End):
                    return True
                seq = self._take_in(event, arrival_ns)
                if isinstance(seq, int):
                    taken.clear()
                taken.append(seq)
                count += 1
            return False
        finally:
            self._in_a_row += count
            self._send_soon()

    async def _give_turn(self) -> None:
        """Let other tasks run: events that need not wait would hold them up for as long as there are any."""
        self._in_a_row = 0
        await asyncio.sleep(0)

    def _hold(self, event: Tick | Bar | ClockEvent, arrival_ns: int) -> asyncio.Future[int]:
        """Have the window hold *event*; return a future for its seq."""
        window = self._window
        assert window is not None, "there is a window"
        if isinstance(event, ClockEvent):
            return window.add("", event.ts_ns, event)
        return window.add(event.symbol, stamp_of(event), event)

    def _send_soon(self) -> None:
        """Send what is in the block builder, now or as soon as there is room."""
        if not self._source.flush_now():
            self._source.wake()


def stamp_of(event: Tick | Bar) -> int:
    """Return the time by which *event* is ordered: for a bar its end, when it is known."""
    return event.ts_ns if isinstance(event, Tick) else event.end_ns - 1
