"""The mailbox: a bounded queue with one reader, between two actors of one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

from mypy_extensions import i64, mypyc_attr

__all__ = ["Mailbox"]


@mypyc_attr(native_class=True)
class Mailbox:
    """A FIFO queue of at most *limit* messages; a sender waits while it is full.

    For one event loop, one thread and one reader. A cancelled `get` has taken nothing. Once closed, it drops whatever
    is put in, and nobody waits.
    """

    __slots__ = ("_closed", "_error", "_limit", "_messages", "_reader", "_writers")

    def __init__(self, limit: i64) -> None:
        assert limit > 0, "a mailbox holds something"
        self._limit: Final[i64] = limit
        self._messages: Final[deque[Any]] = deque()
        self._reader: asyncio.Future[None] | None = None  # waiting for a message
        self._writers: Final[deque[asyncio.Future[None]]] = deque()  # waiting for room, in order
        self._closed = False
        self._error: BaseException | None = None  # raised in senders that wait for room, once closed

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def empty(self) -> bool:
        """Whether nothing waits. Every actor asks this for each block; whoever overrides `__len__` overrides it too."""
        return not self._messages

    @property
    def full(self) -> bool:
        return len(self._messages) >= self._limit

    def offer(self, message: Any) -> bool:
        """Put *message* at once and return True; False if the mailbox is full."""
        if self._closed:
            return True
        if len(self._messages) >= self._limit:
            return False
        self._messages.append(message)
        self._wake_reader()
        return True

    async def room(self) -> None:
        """Return once there is room for a message; releases one waiting sender at a time.

        Raises the error passed to `close`.
        """
        while self.full:
            writer = asyncio.get_running_loop().create_future()
            self._writers.append(writer)
            try:
                await writer
            except BaseException:
                if writer.done() and not writer.cancelled():
                    self._wake_writer()  # pass on the room that was offered to this sender
                elif writer in self._writers:
                    self._writers.remove(writer)
                raise
        if self._error is not None:
            raise self._error

    async def get(self) -> Any:
        """Take the oldest message, waiting for one if necessary; None once the mailbox is closed."""
        while self.empty:
            if self._closed:
                return None
            assert self._reader is None or self._reader.done(), "a mailbox has one reader"
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        message = self._take()
        self._wake_writer()
        return message

    def _take(self) -> Any:
        """Return the oldest message; there must be one."""
        return self._messages.popleft()

    def close(self, error: BaseException | None = None) -> None:
        """Drop all messages, now and later; senders that wait for room continue, or raise *error*."""
        self._closed = True
        if self._error is None:
            self._error = error
        self._messages.clear()
        self._wake_reader()
        while self._writers:
            writer = self._writers.popleft()
            if not writer.done():
                writer.set_result(None)

    def _wake_reader(self) -> None:
        reader = self._reader
        if reader is not None and not reader.done():
            reader.set_result(None)

    def _wake_writer(self) -> None:
        while self._writers and not self.full:
            writer = self._writers.popleft()
            if not writer.done():
                writer.set_result(None)
                return
