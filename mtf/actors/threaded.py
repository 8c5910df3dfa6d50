"""The actor of a consumer whose callbacks run in their own thread, so that they may block without delaying others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mtf.actors.actor import Marker, MarkerKind
from mtf.actors.consumers import NEVER_SEQ, ConsumerActor, last_seq_of
from mtf.actors.own_thread import OwnThread

__all__ = ["ThreadedConsumerActor"]


class ThreadedConsumerActor(ConsumerActor):
    """Steps the cursor in the thread of the callbacks; everything else happens in the thread of the loop."""

    _own: OwnThread | None = None  # its thread, from the first call on

    @property
    def holds_thread(self) -> bool:
        """Whether a callback is still running, even if its task has ended."""
        return self._own is not None and self._own.is_alive

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            if self._own is not None:
                self._own.close()

    def abandon(self) -> None:
        """Continue without the callback that hangs."""
        self._showing.abandon(self._cursor)

    async def answer(self, message: Any) -> None:
        await self._thread_of_its_own().call(self._show_all, message)
        self._came_to(last_seq_of(message))

    async def answer_marker(self, marker: Marker) -> None:
        if self._halt_seq != NEVER_SEQ:
            return
        if not self._started:
            await self._thread_of_its_own().call(self._start_here)
        if marker.kind is MarkerKind.CHECKPOINT:
            self._keep(marker, await self._thread_of_its_own().call(self._call_here, self.consumer.save))
        elif marker.kind is MarkerKind.STOP:
            self._expect_none(await self._thread_of_its_own().call(self._call_here, self.consumer.on_stop))
        self._answered(self, marker)

    def _thread_of_its_own(self) -> OwnThread:
        if self._own is None:
            self._own = OwnThread(f"mtf {self.name}")
        return self._own

    def _is_in_turn(self) -> bool:
        return False

    def _show_all(self, message: Any) -> None:
        if not self._started:
            self._note_first(message)
            self._start_here()
        for callback, arguments in self._steps(message):
            self._expect_none(self._call_here(callback, *arguments))

    def _start_here(self) -> None:
        self._started = True
        if self._state is not None:
            state, self._state = self._state, None
            self._expect_none(self._call_here(self.consumer.load, state))
        self._expect_none(self._call_here(self.consumer.on_start))

    def _call_here(self, callback: Callable[..., Any], *arguments: Any) -> Any:
        """Call *callback* in this thread, which sees the pipeline as of the cursor meanwhile."""
        cursor = self._cursor
        cursor.alive = True
        token = self._showing.begin_async(cursor)
        try:
            return callback(*arguments)
        finally:
            cursor.alive = False
            cursor.generation += 1
            self._showing.end_async(cursor, token)
            self.progress += 1
