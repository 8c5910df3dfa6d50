"""Consumers: what users plug in, and the actor that shows each of them every step in order.

A consumer is told of each completed bar once in a run, at the instant at which it closed, then of the tick that
revealed it. A callback may be plain or async; plain ones of an idle consumer run in the turn of whoever pushed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from mtf.actors.actor import Actor, Marker
from mtf.bars.bar import Bar
from mtf.events.tick import Tick
from mtf.frames.cursor import BAR, CLOCK_ROW, END, REJECT, TICK, Cursor
from mtf.frames.frame import Frame
from mtf.frames.state import Kept
from mtf.frames.view import View

__all__ = ["PART", "ClosingsOnly", "Consumer", "ConsumerActor", "shown"]

PART: Final = "consumer:"  # begins the name of a consumer's state in a checkpoint
_CALLBACKS: Final = ("on_start", "on_bar", "on_tick", "on_clock", "on_reject", "on_frame", "on_stop", "save")

# The cursors whose callbacks the present code runs in, the innermost last, each with the generation of its view. A task
# that a callback makes inherits this, and lives on: it is inside only until that very callback is over.
_running: ContextVar[tuple[tuple[Cursor, int], ...]] = ContextVar("mtf_running", default=())
_ANY: Final = -1  # plain callbacks: no other task runs while one does


class Consumer:
    """The base of all consumers: override what you want to be told of, plain or async.

    `name` must be unique in a pipeline. Within a callback, `view` is the state at that very instant; pushing raises.
    """

    name: str = ""

    def on_start(self) -> Any:
        """Called once before anything else."""

    def on_bar(self, bar: Bar, view: View) -> Any:
        """A bar closed. `view.closing` is true: all bars with this end are completed, nothing later is visible."""

    def on_tick(self, tick: Tick, view: View) -> Any:
        """A tick was accepted and is in the bars."""

    def on_clock(self, ts_ns: int, view: View) -> Any:
        """A clock event: it is *ts_ns* now; the bars that were due have been told."""

    def on_reject(self, tick: Tick | None, reason: str, view: View) -> Any:
        """An event was rejected: `duplicate`, `price`, `closed` or `late`. *tick* is None for a clock event."""

    def on_frame(self, frame: Frame) -> Any:
        """All rows of a block have been shown; here they are as columns."""

    def on_stop(self) -> Any:
        """Called once after everything else, in an orderly stop."""

    def save(self) -> Any:
        """Return the state (bytes) to keep in a checkpoint, None for none; may be async.

        Once it has returned, what this consumer did so far is durable. One that takes too long is left out.
        """
        return None

    def load(self, state: bytes) -> None:
        """Take over a state that `save` returned; before the start, in a recovery."""

    def position(self) -> int | None:
        """Return the last event whose effects this consumer has kept by itself; None where it keeps none.

        A recovery starts no later than there.
        """
        return None


class ClosingsOnly(Consumer):
    """A consumer that looks only at what closed, through `on_frame`: no live value is computed for its sake."""


class ConsumerActor(Actor):
    """Walks frames for one consumer."""

    def __init__(self, consumer: Consumer, kept: Kept, cursor: Cursor, done: Callable[[ConsumerActor, Marker], None]):
        name = consumer.name or type(consumer).__name__
        super().__init__(f"consumer {name}")
        self.consumer: Final = consumer
        self.consumer_name: Final = name
        self.seq = cursor.seq  # last event that was shown in full
        self._kept: Final = kept
        self._cursor = cursor
        self._done: Final = done
        overridden = {each for each in _CALLBACKS if getattr(type(consumer), each) is not getattr(Consumer, each)}
        self._has_frame: Final = "on_frame" in overridden
        self._wanted: Final = (
            (BAR if "on_bar" in overridden else 0)
            | (TICK if "on_tick" in overridden else 0)
            | (CLOCK_ROW if "on_clock" in overridden else 0)
            | (REJECT if "on_reject" in overridden else 0)
        )
        self.shows_rows: Final = self._wanted != 0 or (self._has_frame and not isinstance(consumer, ClosingsOnly))
        self._async: Final = any(inspect.iscoroutinefunction(getattr(consumer, each)) for each in overridden)
        self._started = False

    def _can_handle_now(self) -> bool:
        return not self._async and super()._can_handle_now()

    async def answer(self, message: Any) -> Any:
        if not self._async:
            return self.handle(message)
        await _settle(self._start())
        if isinstance(message, Marker):
            if message.kind == "checkpoint":
                self._keep(message, await _settled(self.consumer.save()))
            elif message.kind == "stop":
                await _settle(self.consumer.on_stop())
            self._done(self, message)
            return None
        cursor = self._cursor
        cursor.enter(message)
        while cursor.step(self._wanted) != END:
            token = _running.set((*_running.get(), (cursor, cursor.generation)))
            cursor.alive = True
            try:
                await _settle(self._tell())
            finally:
                cursor.alive = False
                cursor.generation += 1
                _running.reset(token)
        if self._has_frame:
            await _settle(self.consumer.on_frame(message))
        self.seq = message.last_seq
        return None

    def handle(self, message: Any) -> Any:
        self._plain(self._start())
        if isinstance(message, Marker):
            if message.kind == "checkpoint":
                self._keep(message, self.consumer.save())
            elif message.kind == "stop":
                self._plain(self.consumer.on_stop())
            self._done(self, message)
            return None
        cursor = self._cursor
        cursor.enter(message)
        wanted = self._wanted
        if cursor.step(wanted) != END:
            token = _running.set((*_running.get(), (cursor, _ANY)))
            try:
                while True:
                    cursor.alive = True
                    self._plain(self._tell())
                    cursor.alive = False
                    cursor.generation += 1
                    if cursor.step(wanted) == END:
                        break
            finally:
                cursor.alive = False
                cursor.generation += 1
                _running.reset(token)
        if self._has_frame:
            self._plain(self.consumer.on_frame(message))
        self.seq = message.last_seq
        return None

    def rewind(self, cursor: Cursor) -> None:
        """Stand at *cursor* from now on; before anything was shown."""
        assert not self._started, "a consumer is put back before it is shown anything"
        self._cursor = cursor
        self.seq = cursor.seq

    def _start(self) -> Any:
        if self._started:
            return None
        self._started = True
        return self.consumer.on_start()

    def _tell(self) -> Any:
        cursor = self._cursor
        view = View(cursor, self._kept)
        kind = cursor.kind
        if kind == TICK:
            return self.consumer.on_tick(cursor.tick(), view)
        if kind == BAR:
            return self.consumer.on_bar(cursor.bar(), view)
        if kind == CLOCK_ROW:
            return self.consumer.on_clock(cursor.clock_event_ns(), view)
        tick = cursor.tick() if cursor.number >= 0 else None
        return self.consumer.on_reject(tick, cursor.reason(), view)

    def _keep(self, marker: Marker, state: Any) -> None:
        if state is None:
            return
        if not isinstance(state, bytes):
            raise TypeError(f"{self.consumer_name} saved {type(state).__name__}: return bytes, or None")
        marker.parts[f"{PART}{self.consumer_name}"] = state

    def _plain(self, result: Any) -> None:
        if result is not None and inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError(
                f"{type(self.consumer).__name__} returned an awaitable from a plain callback: write it as async def"
            )


def shown(kept: Kept) -> Cursor | None:
    """Return the cursor in whose callback the caller runs, of the pipeline that keeps *kept*; None outside of one."""
    running = _running.get()
    if not running:
        return None
    for cursor, generation in reversed(running):
        if cursor.alive and generation in (_ANY, cursor.generation) and cursor.belongs_to(kept):
            return cursor
    return None


async def _settle(result: Any) -> None:
    if result is not None and inspect.isawaitable(result):
        await result


async def _settled(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result
