"""Messages appended to a stream in order, each exactly once, by one of possibly several that try.

Every message says which number it must get, and that the one before must be by the same appender, which has a subject
of its own: so what was sent ahead cannot follow a message by another. Only the first message of an attempt may,
and it goes alone. An answer that was lost, by a broken connection or a server that died, is found out by looking at
the stream's end: what this appender has stored is acknowledged, what is missing is sent again, and a message by
another ends it. It relies on no duplicate window, and on no clock but for patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson

from mtf.cluster.broker import EXPECTED_KEY_SEQ, EXPECTED_SEQ, Broker, Stored
from mtf.errors import BrokerDown, CorruptLog, LogTaken, LogWriteFailed
from mtf.tasks import ended

__all__ = ["WINDOW", "Appender"]

WINDOW: Final = 128  # messages without an acknowledgement
WINDOW_BYTES: Final = 32 << 20
ACK_S: Final = 1.0  # without an acknowledgement for so long, the stream's end is looked at


class _Message(NamedTuple):
    number: int
    payload: bytes


class Appender:
    """Appends to *stream* after its message *last*, through a subject of its own below *subject*.

    If *alike*, a message by another one that has the same bytes counts as one's own. *acknowledged* is called
    with the number of each message that is stored, *failed* once with what ended it; *name* is that of the log, or of
    the bars, in messages. Made and used on the broker's loop.
    """

    def __init__(
        self,
        broker: Broker,
        stream: str,
        subject: str,
        last: int,
        *,
        name: str,
        alike: bool = False,
        acknowledged: Callable[[int], object] = lambda number: None,
        failed: Callable[[LogWriteFailed], object] = lambda error: None,
    ) -> None:
        self._broker: Final = broker
        self._stream: Final = stream
        self._subject: Final = f"{subject}.{secrets.token_hex(8)}"
        self._name: Final = name
        self._alike: Final = alike
        self._acknowledged: Final = acknowledged
        self._failed: Final = failed
        self._inbox: Final = f"{broker.inbox.replace('_INBOX', '_INBOX.A')}.{id(self):x}"
        self._waiting: Final[deque[_Message]] = deque()  # not sent yet
        self._flight: Final[deque[_Message]] = deque()  # sent, in order, without an acknowledgement
        self._flight_bytes = 0
        self._attempt = 0  # answers to earlier ones are skipped
        self._doubtful = False  # the stream's end has to be looked at
        self._alone = True  # the next message is the first of its attempt
        self._wake: Final = asyncio.Event()
        self._done: Final = asyncio.Condition()
        self.last = last  # the newest message that was handed in
        self.stored = last  # the newest one that is acknowledged
        self.error: LogWriteFailed | None = None
        self._subscription: Any = None
        self._task: Final = asyncio.create_task(self._work(), name=f"mtf appender {stream}")

    @property
    def outstanding(self) -> int:
        """How many messages are not acknowledged."""
        return self.last - self.stored

    def append(self, payload: bytes) -> None:
        """Send *payload* after what was appended before, without waiting."""
        self.last += 1
        self._waiting.append(_Message(self.last, payload))
        self._wake.set()

    async def settled(self, outstanding: int = 0) -> None:
        """Return once at most so many messages are *outstanding*; raise what ended this appender."""
        async with self._done:
            await self._done.wait_for(lambda: self.outstanding <= outstanding or self.error is not None)
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        """Send nothing more; what is outstanding stays unknown. Safe to call twice."""
        await ended(self._task)
        if self.outstanding and self.error is None:
            await self._end(LogWriteFailed(f"{self._name}: closed before message {self.last} was acknowledged"))
        with contextlib.suppress(ValueError):
            self._broker.reconnected.remove(self._doubt)
        if self._subscription is not None:
            with contextlib.suppress(Exception):
                await self._subscription.unsubscribe()
            self._subscription = None

    async def _work(self) -> None:
        try:
            self._broker.reconnected.append(self._doubt)
            self._subscription = await self._broker.subscribe(f"{self._inbox}.*.*", self._answered)
            while True:
                if self._doubtful:
                    await self._look()
                while self._waiting and not self._doubtful and self._has_room:
                    await self._send(self._waiting.popleft())
                if self._doubtful:
                    continue
                stored = self.stored
                try:
                    async with asyncio.timeout(ACK_S if self._flight else None):
                        await self._wake.wait()
                except TimeoutError:
                    self._doubtful = self.stored == stored
                self._wake.clear()
        except LogWriteFailed as error:
            await self._end(error)
        except (BrokerDown, CorruptLog) as error:
            await self._end(LogWriteFailed(f"{self._name}: {error}"))
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing more is written, and callers must hear it
            await self._end(LogWriteFailed(f"{self._name}: {error!r}"))

    @property
    def _has_room(self) -> bool:
        if self._alone:
            return not self._flight
        return len(self._flight) < WINDOW and self._flight_bytes < WINDOW_BYTES

    async def _send(self, message: _Message) -> None:
        from nats.errors import Error

        self._flight.append(message)
        self._flight_bytes += len(message.payload)
        headers = {EXPECTED_SEQ: str(message.number - 1)}
        if not self._alone:
            headers[EXPECTED_KEY_SEQ] = headers[EXPECTED_SEQ]
        reply = f"{self._inbox}.{self._attempt}.{message.number}"
        try:
            await self._broker.tell(self._subject, message.payload, reply, headers)
        except Error:
            self._doubt()

    async def _answered(self, message: Any) -> None:
        *_, attempt, number = message.subject.split(".")
        if int(attempt) != self._attempt or self._doubtful:
            return
        try:
            answer = orjson.loads(message.data)
        except orjson.JSONDecodeError:
            answer = {}
        if answer.get("seq") != int(number) or "error" in answer or not self._flight:
            self._doubt()
        elif self._flight[0].number == int(number):
            message = self._flight.popleft()
            self._flight_bytes -= len(message.payload)
            self._alone = False
            await self._took(message)
        else:  # an acknowledgement that overtook another
            self._doubt()

    async def _took(self, message: _Message) -> None:
        self.stored = message.number
        self._acknowledged(message.number)
        self._wake.set()
        async with self._done:
            self._done.notify_all()

    def _doubt(self) -> None:
        if self._flight or self._waiting:
            self._doubtful = True
            self._wake.set()

    async def _look(self) -> None:
        """Find out from the stream's end what of the messages in flight is stored, and have the rest sent again."""
        self._attempt += 1
        self._doubtful = False
        number, newest = 0, _nothing()

        async def is_short() -> bool:
            nonlocal number, newest
            number, newest = await self._broker.last_message(self._stream)
            return number < self.stored or (newest is None and number > 0)

        if await self._broker.is_lasting(is_short):
            lost = f"it ends at message {number}" if number < self.stored else f"message {number} is gone"
            raise CorruptLog(
                f"the broker has lost messages that it had acknowledged: {lost}, and {self.stored} was stored: repair "
                "the partition from a mirror with `mtf cluster repair`",
                path=self._name,
            )
        # What was sent in an earlier attempt may be stored only after an earlier look: then it waits to be sent again.
        while self._flight:
            self._waiting.appendleft(self._flight.pop())
        self._flight_bytes = 0
        self._alone = True
        if newest is not None and number > self.stored:
            if number > self.last or not self._is_own(newest, self._waiting[number - self.stored - 1]):
                raise LogTaken(f"{self._name}: another writer has written message {number}: this one writes no more")
            while self._waiting and self._waiting[0].number <= number:
                await self._took(self._waiting.popleft())

    def _is_own(self, newest: Stored, handed_in: _Message) -> bool:
        return newest.data == handed_in.payload and (self._alike or newest.subject == self._subject)

    async def _end(self, error: LogWriteFailed) -> None:
        self.error = error
        self._failed(error)
        async with self._done:
            self._done.notify_all()


def _nothing() -> Stored | None:
    return None
