"""An appender whose messages are stored late, and one whose place another has taken: a broker that the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mtf.cluster.appender import Appender
from mtf.cluster.broker import Broker, Stored
from mtf.errors import LogTaken
from tests.cluster.servers import needs_server

pytestmark = pytest.mark.cluster

PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def _client() -> None:
    needs_server()


class PlayedBroker:
    """Stores what is sent to it when the test says so, and answers nothing by itself."""

    inbox = "_INBOX.t"

    def __init__(self) -> None:
        self.reconnected: list[Callable[[], None]] = []
        self.told: asyncio.Queue[Stored] = asyncio.Queue()
        self.looked = asyncio.Semaphore(0)  # released once for each look that may be answered
        self.looks: asyncio.Queue[int] = asyncio.Queue()  # how many looks have begun
        self.stored: list[Stored] = []

    async def subscribe(self, subject: str, received: Callable[[Any], Awaitable[None]]) -> Any:
        async def unsubscribe() -> None:
            """Nothing is sent by itself."""

        return SimpleNamespace(unsubscribe=unsubscribe)

    async def tell(self, subject: str, payload: bytes, reply: str, headers: Mapping[str, str]) -> None:
        self.told.put_nowait(Stored(int(reply.rpartition(".")[2]), subject, payload, headers))

    async def last_message(self, stream: str) -> tuple[int, Stored | None]:
        self.looks.put_nowait(len(self.stored))
        await self.looked.acquire()
        return len(self.stored), self.stored[-1] if self.stored else None

    async def is_lasting(self, look: Callable[[], Awaitable[bool]]) -> bool:
        return await look()


def appender(broker: PlayedBroker, taken: list[int]) -> Appender:
    return Appender(cast("Broker", broker), "s", "p", 0, name="log", acknowledged=taken.append)


async def test_a_message_that_is_stored_after_a_look_is_ones_own_at_the_next() -> None:
    """The connection breaks twice, and what was sent first reaches the stream between the looks."""
    broker, taken = PlayedBroker(), list[int]()
    made = appender(broker, taken)
    for payload in (b"a", b"b"):
        made.append(payload)
    first = await broker.told.get()
    made._doubt()
    await broker.looks.get()
    made._doubt()  # again, before the first look was answered: nothing is sent between the two
    broker.looked.release()
    await broker.looks.get()
    broker.stored.append(first)
    broker.looked.release()
    async with asyncio.timeout(PATIENCE_S):  # it does not come if the appender takes the first for another's
        second = await broker.told.get()
    assert (second.number, second.data, taken) == (2, b"b", [1])
    broker.stored.append(second)
    made._doubt()
    broker.looked.release()
    await made.settled()
    assert taken == [1, 2]
    await made.close()


async def test_a_message_of_another_ends_it() -> None:
    broker, taken = PlayedBroker(), list[int]()
    made = appender(broker, taken)
    made.append(b"a")
    told = await broker.told.get()
    broker.stored.append(told._replace(subject="p.other"))
    made._doubt()
    broker.looked.release()
    with pytest.raises(LogTaken, match="another writer has written message 1"):
        await made.settled()
    assert taken == []
    await made.close()
