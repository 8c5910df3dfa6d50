"""The actor of a consumer: shows it every step in order, and lets nothing that it raises pass for something else."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from mtf.actors.actor import Actor, Marker, MarkerKind
from mtf.actors.consumer import PART, Consumer, OwnConsumer
from mtf.actors.contract import Callbacks
from mtf.actors.showing import Showing
from mtf.frames.cursor import BAR, CLOCK_ROW, END, TICK, Cursor
from mtf.frames.frame import Frame
from mtf.frames.timeframe_state import Schema
from mtf.frames.view import View
from mtf.timeframe import Timeframe

__all__ = ["NEVER_SEQ", "ConsumerActor"]

NEVER_SEQ: Final = 1 << 62  # after every event


class ConsumerActor(Actor):
    """Walks frames for one consumer, which is shown bars of *timeframes* only; None: of all.

    *answered* is called with each marker that it has come to.
    """

    def __init__(
        self,
        consumer: Consumer,
        name: str,
        timeframes: Collection[Timeframe] | None,
        callbacks: Callbacks,
        *,
        schema: Schema,
        cursor: Cursor,
        showing: Showing,
        answered: Callable[[ConsumerActor, Marker], None],
    ) -> None:
        super().__init__(f"consumer {name}")
        self.consumer: Final = consumer
        self.consumer_name: Final = name
        self.callbacks: Final = callbacks
        self.seq = cursor.seq  # last event that was shown in full
        self.progress = 0  # callbacks that have returned, of async ones
        self.halted: Callable[[], None] | None = None  # called once it has come to where it was halted
        self._timeframes: Final = None if timeframes is None else frozenset(timeframes)
        self._schema = schema
        self._cursor = cursor
        self._showing: Final = showing
        self._answered: Final = answered
        self._state: bytes | None = None  # to be loaded before the start
        self._shown_seq = 0  # events up to here were shown in an earlier run
        self._halt_seq = NEVER_SEQ  # events after it are not shown
        self._started = False
        self._first_seq = 0  # that it was sent; 0 if a marker came first
        self._left = False  # nothing more is shown
        self._is_own: Final = isinstance(consumer, OwnConsumer)
        self._bars_only: Final = self.callbacks.wanted == BAR and not self.callbacks.has_frame

    # What the pipeline asks of it.

    def rewind(self, cursor: Cursor) -> None:
        """Stand at *cursor* from now on; before anything was shown."""
        assert not self.seq, "a consumer is put back before it is shown anything"
        self._cursor = cursor
        self._schema = cursor.schema
        self.seq = cursor.seq

    def restore(self, state: bytes, shown_seq: int = 0) -> None:
        """Have *state* loaded before the start; events up to *shown_seq* are in it, and not shown again."""
        assert not self._started, "a state is restored before anything is shown"
        self._state = state
        self._shown_seq = shown_seq

    def committed_seq(self) -> int | None:
        """Return the last event that its consumer has committed to storage of its own; None: it has none."""
        with self._open():
            return self.consumer.committed_seq()

    def roll_back(self, seq: int) -> None:
        """Have its consumer undo what came of the events after *seq*, which the log has lost."""
        with self._open():
            self.consumer.on_rollback(seq)

    def halt(self, seq: int) -> None:
        """Show nothing after the event *seq*, and save nothing: another consumer failed there."""
        self._halt_seq = min(self._halt_seq, seq)
        self._check_halted()

    @property
    def is_shown_now(self) -> bool:
        """Whether the caller is inside a callback of its consumer."""
        return self._showing.cursor() is self._cursor

    @property
    def stands_at(self) -> int:
        """The event that is being shown, or was last; while it starts, the one that it starts with."""
        return max(int(self._cursor.seq), self._first_seq)

    @property
    def is_halted(self) -> bool:
        """Whether it was halted, and has come to where."""
        return self._halt_seq != NEVER_SEQ and (self.seq >= self._halt_seq or self._left or self._failed)

    def leave(self) -> None:
        self._left = True
        super().leave()
        self._check_halted()

    # Messages.

    def accept(self, message: Any) -> bool:
        if self._left:
            return True
        if self._bars_only and self._can_pass(message):
            self._cursor.enter(message)
            self._cursor.step(0)
            self._came_to(message.last_seq)
            return True
        return super().accept(message)

    def _can_pass(self, message: Any) -> bool:
        """Whether nothing in *message* is for this consumer, and it has shown all that came before."""
        if self._busy or self._failed or len(self.mailbox) or not isinstance(message, Frame):
            return False
        closings = message.closings
        if not closings:
            return True
        wanted = self._timeframes
        return wanted is not None and all(closing.bar.timeframe not in wanted for closing in closings)

    def _can_handle_now(self) -> bool:
        return not self.callbacks.is_async and super()._can_handle_now()

    def handle(self, message: Frame) -> None:
        if not self._started:
            self._first_seq = message.first_seq
            self._start()
        cursor = self._cursor
        before = self._showing.begin(cursor)
        try:
            cursor.enter(message)
            wanted = self.callbacks.wanted
            selects = self._selects(message)
            while cursor.step(wanted) != END:
                if self._left or (selects and not self._is_shown(cursor)):
                    continue
                cursor.alive = True
                self._expect_none(self._show(cursor))
                cursor.alive = False
                cursor.generation += 1
            if self.callbacks.has_frame and self._is_whole(message):
                cursor.alive = True
                self._expect_none(self.consumer.on_frame(message))
        finally:
            cursor.alive = False
            cursor.generation += 1
            self._showing.end(before)
        self._came_to(message.last_seq)

    async def answer(self, message: Frame) -> None:
        if not self.callbacks.is_async:
            self.handle(message)
            return
        if not self._started:
            self._first_seq = message.first_seq
            await self._start_async()
        cursor = self._cursor
        cursor.enter(message)
        wanted = self.callbacks.wanted
        while cursor.step(wanted) != END:
            if not self._left and self._is_shown(cursor):
                await self._call(self._show, cursor)
        if self.callbacks.has_frame and self._is_whole(message):
            await self._call(self.consumer.on_frame, message)
        self._came_to(message.last_seq)

    def on_marker(self, marker: Marker) -> None:
        if self._halt_seq != NEVER_SEQ:
            return
        if not self._started:
            self._start()
        with self._open():
            if marker.kind is MarkerKind.CHECKPOINT:
                self._keep(marker, self.consumer.save())
            elif marker.kind is MarkerKind.STOP:
                self._expect_none(self.consumer.on_stop())
        self._answered(self, marker)

    async def answer_marker(self, marker: Marker) -> None:
        if not self.callbacks.is_async:
            self.on_marker(marker)
            return
        if self._halt_seq != NEVER_SEQ:
            return
        if not self._started:
            await self._start_async()
        if marker.kind is MarkerKind.CHECKPOINT:
            self._keep(marker, await self._call(self.consumer.save))
        elif marker.kind is MarkerKind.STOP:
            await self._call(self.consumer.on_stop)
        self._answered(self, marker)

    # Steps.

    def _start(self) -> None:
        self._started = True
        with self._open():
            if self._state is not None:
                state, self._state = self._state, None
                self._expect_none(self.consumer.load(state))
            self._expect_none(self.consumer.on_start())

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        """Within, a plain callback is called between two events."""
        cursor = self._cursor
        before = self._showing.begin(cursor)
        cursor.alive = True
        try:
            yield
        finally:
            cursor.alive = False
            cursor.generation += 1
            self._showing.end(before)

    async def _start_async(self) -> None:
        self._started = True
        if self._state is not None:
            state, self._state = self._state, None
            await self._call(self.consumer.load, state)
        await self._call(self.consumer.on_start)

    async def _call(self, callback: Callable[..., Any], *arguments: Any) -> Any:
        """Call *callback* and wait for it, the pipeline being seen as of the cursor meanwhile."""
        cursor = self._cursor
        cursor.alive = True
        token = None if self._is_own else self._showing.begin_async(cursor)
        try:
            result = callback(*arguments)
            if result is not None and inspect.isawaitable(result):
                result = await result
        finally:
            cursor.alive = False
            cursor.generation += 1
            if token is not None:
                self._showing.end_async(cursor, token)
        self.progress += 1
        return result

    def _show(self, cursor: Cursor) -> Any:
        view = View(cursor, self._schema)
        kind = cursor.kind
        if kind == TICK:
            return self.consumer.on_tick(cursor.tick(), view)
        if kind == BAR:
            return self.consumer.on_bar(cursor.bar(), view)
        if kind == CLOCK_ROW:
            return self.consumer.on_clock(cursor.clock_event_ns(), view)
        tick = cursor.tick() if cursor.number >= 0 else None
        return self.consumer.on_reject(tick, cursor.reason(), view)

    def _selects(self, frame: Frame) -> bool:
        """Whether some steps of *frame* may not be for this consumer."""
        return self._timeframes is not None or not self._is_whole(frame)

    def _is_whole(self, frame: Frame) -> bool:
        """Whether all events of *frame* are for this consumer."""
        return frame.first_seq > self._shown_seq and frame.last_seq <= self._halt_seq and not self._left

    def _is_shown(self, cursor: Cursor) -> bool:
        if not self._shown_seq < cursor.seq <= self._halt_seq:
            return False
        return self._timeframes is None or cursor.kind != BAR or cursor.bar().timeframe in self._timeframes

    def _came_to(self, seq: int) -> None:
        self.seq = min(seq, self._halt_seq)
        self._check_halted()

    def _check_halted(self) -> None:
        if self.halted is not None and self.is_halted:
            self.halted()

    def _keep(self, marker: Marker, state: Any) -> None:
        if state is None:
            return
        if not isinstance(state, bytes):
            raise TypeError(f"{self.consumer_name}.save() returned {type(state).__name__}: return bytes, or None")
        if not self.callbacks.has_load:
            raise TypeError(f"{self.consumer_name}.save() returned a state, and it has no load() to take it over")
        marker.parts[f"{PART}{self.consumer_name}"] = state

    def _expect_none(self, result: Any) -> None:
        if result is not None and inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError(
                f"{type(self.consumer).__name__} returned an awaitable from a plain callback: write it as async def"
            )
