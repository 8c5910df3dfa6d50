"""The actor of a consumer: shows it every step in order, and lets nothing that it raises pass for something else."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from operator import index
from typing import Any, Final

from mtf.actors.actor import Actor, Marker, MarkerKind, ended
from mtf.actors.consumer import PART, Consumer, OwnConsumer
from mtf.actors.contract import Callbacks
from mtf.actors.policies import ConsumerMailbox, FailMailbox, LatestMailbox
from mtf.actors.showing import Showing
from mtf.actors.stepped import Stepped
from mtf.actors.turns import show_step, show_steps
from mtf.errors import ConsumerBehind
from mtf.frames.cursor import Cursor
from mtf.frames.frame import Frame
from mtf.frames.passed import Leap, Still
from mtf.frames.timeframe_state import Schema
from mtf.frames.walk import BAR, END

__all__ = ["BLOCKED_NS", "NEVER_SEQ", "ConsumerActor", "last_seq_of"]

NEVER_SEQ: Final = 1 << 62  # after every event
BLOCKED_NS: Final = 200_000_000  # a callback that keeps the event loop for as long is named


class ConsumerActor(Actor):
    """Walks frames for one consumer. What it is shown of them is its *mailbox*'s selection, and policy.

    *answered* is called with each marker that it has come to, *blocked* with a time in ns that it has kept the loop.
    """

    def __init__(
        self,
        consumer: Consumer,
        name: str,
        callbacks: Callbacks,
        mailbox: ConsumerMailbox,
        *,
        schema: Schema,
        cursor: Cursor,
        showing: Showing,
        answered: Callable[[ConsumerActor, Marker], None],
        now_ns: Callable[[], int],
        blocked: Callable[[ConsumerActor, int], None],
        delivered: Callable[[], int],
    ) -> None:
        super().__init__(f"consumer {name}", mailbox=mailbox)
        self.consumer: Final = consumer
        self.consumer_name: Final = name
        self.callbacks: Final = callbacks
        self.queue: Final = mailbox
        self.seq = cursor.seq  # last event that was shown in full
        self.progress = 0  # callbacks that have returned, of async ones and of those in a thread
        self.halted: Callable[[], None] | None = None  # called once it has come to where it was halted
        self.is_spared = False  # what it raises does not stop the pipeline
        self.is_own: Final = isinstance(consumer, OwnConsumer)
        self._schema = schema
        self._cursor = cursor
        self._showing: Final = showing
        self._answered: Final = answered
        self._now_ns: Final = now_ns
        self._blocked: Final = blocked
        self._delivered: Final = delivered  # the last event that consumers were sent
        self._state: bytes | None = None  # to be loaded before the start
        self._shown_seq = 0  # events up to here were shown in an earlier run
        self._halt_seq = NEVER_SEQ  # events after it are not shown
        self._started = False
        self._first_seq = 0  # that it was sent; 0 if a marker came first
        self._left = False  # nothing more is shown
        self._selection: Final = mailbox.selection
        self._wanted: Final = mailbox.selection.wanted
        self._is_selective: Final = mailbox.selection.timeframes is not None or mailbox.selection.symbols is not None
        self._is_latest: Final = isinstance(mailbox, LatestMailbox)
        self._only_row = -1  # of the present frame the row that is shown, if only the newest is
        # Whoever is shown the newest row only has time: nobody waits for it in a turn of his own.
        self._in_turn: Final = self._is_in_turn()
        if isinstance(mailbox, FailMailbox):
            mailbox.overflowed = self._overflowed
        self._takes: Final = self.is_own and type(consumer).take is not OwnConsumer.take  # type: ignore[attr-defined]

    # What the pipeline asks of it.

    def rewind(self, make: Callable[[bool], Cursor]) -> None:
        """Stand where a cursor does that *make* makes, from now on; before anything was shown."""
        assert not self.seq, "a consumer is put back before it is shown anything"
        keeps = self._cursor.keeps
        cursor = make(keeps)
        self._cursor = cursor
        self._schema = cursor.schema
        self.seq = cursor.seq
        if isinstance(self.queue, LatestMailbox):
            self.queue.camera.rewind(make(keeps))

    def restore(self, state: bytes, shown_seq: int = 0) -> None:
        """Have *state* loaded before the start; events up to *shown_seq* are in it, and not shown again."""
        assert not self._started, "a state is restored before anything is shown"
        self._state = state
        self._shown_seq = shown_seq

    def committed_seq(self) -> int | None:
        """Return the last event that its consumer has committed to storage of its own; None: it has none."""
        with self._open():
            consumer: Any = self.consumer  # who may return anything
            seq = consumer.committed_seq()
            try:
                return None if seq is None else index(seq)
            except TypeError:
                raise TypeError(
                    f"{self.consumer_name}.committed_seq() returned {seq!r}: return the seq of an event, or None"
                ) from None

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
        if self._halt_seq == NEVER_SEQ:
            return False
        seq = max(self.seq, self._delivered()) if self.idle else self.seq  # nothing of what it was not sent is for it
        return seq >= self._halt_seq or self._left or self._failed

    @property
    def lag(self) -> int:
        """How many events were delivered after the last one that it was shown in full; 0 if nothing waits for it."""
        return 0 if self.idle else max(0, self._delivered() - self.seq)

    @property
    def keeps_states(self) -> bool:
        """Whether it is given what it needs of the published state with each frame."""
        return self._cursor.keeps

    @property
    def has_left(self) -> bool:
        return self._left

    def leave(self) -> None:
        self._left = True
        self._cursor.fall_behind()
        super().leave()
        self._check_halted()

    # Messages.

    def _is_in_turn(self) -> bool:
        """Whether callbacks may run in the turn of whoever sends a message."""
        return not self.callbacks.is_async and not self._is_latest

    def accept(self, message: Any) -> bool:
        if self._takes and not self._left and self._is_taken(message):
            return True
        return super().accept(message)

    def _is_taken(self, message: Any) -> bool:
        """Whether its consumer, which has been shown all that came before, has taken in *message* at once."""
        if not self._started or self._busy or self._failed or not self.mailbox.empty or not isinstance(message, Frame):
            return False
        try:
            if not self._is_whole(message) or not self.consumer.take(message):  # type: ignore[attr-defined]
                return False
            self._cursor.enter(message)
            self._cursor.step(0)
            self._came_to(message.last_seq)
        except BaseException as error:  # noqa: BLE001 - in the sender's turn, who is not at fault and goes on
            self._fail(error)
        return True

    def _can_handle_now(self) -> bool:
        return self._in_turn and not self._left and super()._can_handle_now()

    def handle(self, message: Any) -> None:
        """Show *message* in the turn of the caller, in the thread of the loop."""
        begun_ns = self._now_ns()
        if not self._started:
            self._note_first(message)
            self._start()
        if not isinstance(message, Frame) or self._is_latest:
            for callback, arguments in self._steps(message):
                with self._open():
                    self._expect_none(callback(*arguments))
            self._came_to(last_seq_of(message))
            self._note_time(message, self._now_ns() - begun_ns)
            return
        cursor = self._cursor
        before = self._showing.begin(cursor)
        try:
            cursor.enter(message)
            is_whole = self._is_whole(message)
            takes = self._is_shown if self._is_selective or not is_whole else None
            while (result := show_steps(self.consumer, cursor, self._schema, self._wanted, takes)) is not None:
                self._expect_none(result)
            if self.callbacks.has_frame and is_whole and self._is_whole(message):
                cursor.alive = True
                self._expect_none(self.consumer.on_frame(message))
        finally:
            cursor.alive = False
            cursor.generation += 1
            self._showing.end(before)
        self._came_to(message.last_seq)
        took_ns = self._now_ns() - begun_ns
        if took_ns >= BLOCKED_NS:
            self._note_time(message, took_ns)

    async def answer(self, message: Any) -> None:
        if not self.callbacks.is_async:
            await super().answer(message)
            return
        if not self._started:
            self._note_first(message)
            await self._start_async()
        for callback, arguments in self._steps(message):
            await self._call(callback, *arguments)
        self._came_to(last_seq_of(message))

    def _steps(self, message: Any) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
        """Walk *message*, and yield what is to be called, with which arguments, before the next step is taken."""
        cursor = self._cursor
        if isinstance(message, Still):
            cursor.rest(message)
            if not message.void and not self._left and self._shown_seq < message.seq <= self._halt_seq:
                yield show_step, (self.consumer, cursor, self._schema)
            cursor.move_on()
            return
        frame = _frame_of(message)
        if isinstance(message, Leap):
            cursor.skip(message.passed)
        cursor.enter(frame)
        if self._is_latest:
            self._only_row = self._selection.last_row(frame)
        wanted = self._wanted
        while cursor.step(wanted) != END:
            if not self._left and self._is_shown(cursor):
                yield show_step, (self.consumer, cursor, self._schema)
        if self.callbacks.has_frame and self._is_whole(frame):
            yield self.consumer.on_frame, (frame,)

    def on_marker(self, marker: Marker) -> None:
        if self._halt_seq != NEVER_SEQ:
            return
        if not self._started:
            self._start()
        self._cursor.move_to(marker.seq)
        with self._open():
            if marker.kind is MarkerKind.CHECKPOINT:
                self._keep(marker, self.consumer.save())
            elif marker.kind is MarkerKind.STOP:
                self._expect_none(self.consumer.on_stop())
        self._answered(self, marker)

    async def answer_marker(self, marker: Marker) -> None:
        if not self.callbacks.is_async:
            await super().answer_marker(marker)
            return
        if self._halt_seq != NEVER_SEQ:
            return
        if not self._started:
            await self._start_async()
        self._cursor.move_to(marker.seq)
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
        token = None if self.is_own else self._showing.begin_async(cursor)
        try:
            begun_ns = self._now_ns()
            try:
                result = callback(*arguments)
            except StopIteration as error:
                raise ended(error) from error
            self._note_step(self._now_ns() - begun_ns)
            if result is not None and inspect.isawaitable(result):
                result = await (result if self.is_own else Stepped(result, self._now_ns, self._note_step))
        finally:
            cursor.alive = False
            cursor.generation += 1
            if token is not None:
                self._showing.end_async(cursor, token)
        self.progress += 1
        return result

    def _note_first(self, message: Any) -> None:
        """Note what it starts with."""
        self._first_seq = message.seq if isinstance(message, Still) else _frame_of(message).first_seq

    def _note_time(self, message: Any, took_ns: int) -> None:
        """Note how long *message* has kept the loop, if that is long for what it holds."""
        if took_ns >= BLOCKED_NS * (1 if isinstance(message, Still) else len(_frame_of(message))):
            self._blocked(self, took_ns)

    def _note_step(self, took_ns: int) -> None:
        if took_ns >= BLOCKED_NS:
            self._blocked(self, took_ns)

    def _overflowed(self) -> None:
        """End because what waits has come to the limit, and there is more."""
        limit = self.queue.limit
        self._fail(ConsumerBehind(f"{limit} blocks wait for it, its queue_limit, and another one has come"))

    def _is_whole(self, frame: Frame) -> bool:
        """Whether all events of *frame* are for this consumer."""
        return frame.first_seq > self._shown_seq and frame.last_seq <= self._halt_seq and not self._left

    def _is_shown(self, cursor: Cursor) -> bool:
        if not self._shown_seq < cursor.seq <= self._halt_seq:
            return False
        selection = self._selection
        if cursor.kind == BAR:
            bar = cursor.bar()
            return selection.takes_bar_of(bar.symbol, bar.timeframe.name)
        if self._is_latest:
            return cursor.row == self._only_row
        if selection.symbols is None or cursor.number < 0:
            return True
        return cursor.name_of(cursor.number) in selection.symbols

    def _came_to(self, seq: int) -> None:
        self.seq = min(seq, self._halt_seq)
        if self.halted is not None:
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


def _frame_of(message: Any) -> Frame:
    frame: Frame = message.frame if isinstance(message, Leap) else message
    return frame


def last_seq_of(message: Any) -> int:
    """Return the last event that is shown in full with *message*."""
    return message.seq - (message.kind == BAR) if isinstance(message, Still) else _frame_of(message).last_seq
