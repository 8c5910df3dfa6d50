"""What every mailbox promises: one suite for the compiled one and for an asyncio queue, which could take its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

import pytest

from mtf.actors.mailbox import Mailbox
from tests.actors.loops import LOOPS, on_loop


class Box(Protocol):
    def __len__(self) -> int: ...
    @property
    def full(self) -> bool: ...
    def offer(self, message: Any) -> bool: ...
    async def put(self, message: Any) -> None: ...
    async def get(self) -> Any: ...


class QueueBox:
    """An asyncio queue with a mailbox's names."""

    def __init__(self, limit: int) -> None:
        self._queue: Final[asyncio.Queue[Any]] = asyncio.Queue(limit)

    def __len__(self) -> int:
        return self._queue.qsize()

    @property
    def full(self) -> bool:
        return self._queue.full()

    def offer(self, message: Any) -> bool:
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True

    async def put(self, message: Any) -> None:
        await self._queue.put(message)

    async def get(self) -> Any:
        return await self._queue.get()


class PutBox:
    """A mailbox with a `put` that waits, as actors do it."""

    def __init__(self, limit: int) -> None:
        self._box = Mailbox(limit)

    def __len__(self) -> int:
        return len(self._box)

    @property
    def full(self) -> bool:
        return self._box.full

    def offer(self, message: Any) -> bool:
        return self._box.offer(message)

    async def put(self, message: Any) -> None:
        while not self._box.offer(message):
            await self._box.room()

    async def get(self) -> Any:
        return await self._box.get()


BOXES: Final[dict[str, Callable[[int], Box]]] = {"mailbox": PutBox, "queue": QueueBox}


@pytest.fixture(params=BOXES)
def new(request: pytest.FixtureRequest) -> Callable[[int], Box]:
    return BOXES[request.param]


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


New = Callable[[int], Box]


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_messages_come_out_in_the_order_in_which_they_went_in(new: New, loop: str) -> None:
    async def main() -> list[int]:
        box = new(3)

        async def write() -> None:
            for k in range(20):
                await box.put(k)

        task = asyncio.create_task(write())
        found = [await box.get() for _ in range(20)]
        await task
        return found

    assert on_loop(loop, main) == list(range(20))


def test_no_more_than_the_limit_waits(new: New, loop: str) -> None:
    """Memory is bounded: the next one has to wait for room, and an offer is declined."""

    async def main() -> None:
        box = new(2)
        assert [box.offer(k) for k in range(3)] == [True, True, False]
        assert (len(box), box.full) == (2, True)
        put = asyncio.create_task(box.put("late"))
        await turns()
        assert (put.done(), len(box)) == (False, 2)
        assert await box.get() == 0
        await put
        assert (len(box), box.full) == (2, True)
        assert [await box.get(), await box.get()] == [1, "late"]
        assert (len(box), box.full) == (0, False)

    on_loop(loop, main)


def test_any_value_is_a_message(new: New, loop: str) -> None:
    async def main() -> None:
        box = new(4)
        for message in (None, False, 0, ""):
            assert box.offer(message)
        assert [await box.get() for _ in range(4)] == [None, False, 0, ""]

    on_loop(loop, main)


def test_reader_waits_for_a_message_and_is_woken_by_an_offer(new: New, loop: str) -> None:
    async def main() -> None:
        box = new(1)
        get = asyncio.create_task(box.get())
        await turns()
        assert not get.done()
        assert box.offer("now")
        assert await get == "now"

    on_loop(loop, main)


def test_cancelled_get_has_taken_nothing(new: New, loop: str) -> None:
    """Also where the message came in the same turn as the cancellation: the next reader gets it."""

    async def main() -> None:
        box = new(2)
        get = asyncio.create_task(box.get())
        await turns()
        get.cancel()
        await turns()
        assert get.cancelled()
        get = asyncio.create_task(box.get())
        await turns()
        assert box.offer("kept")
        get.cancel()
        await turns()
        assert get.cancelled()
        assert len(box) == 1
        assert await box.get() == "kept"
        assert box.offer("more")
        assert await box.get() == "more"

    on_loop(loop, main)


def test_cancelled_put_has_put_nothing(new: New, loop: str) -> None:
    async def main() -> None:
        box = new(1)
        assert box.offer("first")
        put = asyncio.create_task(box.put("never"))
        await turns()
        put.cancel()
        await turns()
        assert put.cancelled()
        assert await box.get() == "first"
        assert len(box) == 0
        assert box.offer("second")
        assert await box.get() == "second"

    on_loop(loop, main)


def test_room_that_a_cancelled_writer_was_told_of_goes_to_the_next(new: New, loop: str) -> None:
    """No lost wake-up: the writer that was woken is cancelled before it runs, and another one waits behind it."""

    async def main() -> None:
        box = new(1)
        assert box.offer("first")
        writers = [asyncio.create_task(box.put(name)) for name in ("cancelled", "next")]
        await turns()
        assert await box.get() == "first"  # wakes the first writer
        writers[0].cancel()
        await turns()
        assert writers[0].cancelled()
        assert writers[1].done()
        assert await box.get() == "next"

    on_loop(loop, main)


def test_waiting_writers_get_their_turn_in_order(new: New, loop: str) -> None:
    async def main() -> list[int]:
        box = new(1)
        writers = [asyncio.create_task(box.put(k)) for k in range(6)]
        await turns()
        found = []
        for _ in range(6):
            found.append(await box.get())
            await turns()
        await asyncio.gather(*writers)
        return found

    assert on_loop(loop, main) == [0, 1, 2, 3, 4, 5]


def test_every_message_of_many_writers_arrives_whatever_is_cancelled(new: New, loop: str) -> None:
    """A storm: of each put that returned the message comes out, once; of each that was cancelled none does."""

    async def main() -> None:
        box = new(3)
        found: list[int] = []
        put: set[int] = set()

        async def write(k: int) -> None:
            await box.put(k)
            put.add(k)

        async def read() -> None:
            while True:
                found.append(await box.get())
                if len(found) % 3 == 0:
                    await asyncio.sleep(0)

        reader = asyncio.create_task(read())
        writers = [asyncio.create_task(write(k)) for k in range(200)]
        for k in range(0, 200, 7):
            await asyncio.sleep(0)
            writers[(k * 31) % 200].cancel()
            if k % 5 == 0:  # the reader is replaced on the way
                reader.cancel()
                await asyncio.wait([reader])
                reader = asyncio.create_task(read())
        await asyncio.wait(writers)
        await turns(400)
        reader.cancel()
        await asyncio.wait([reader])
        assert len(box) == 0
        assert sorted(found) == sorted(put)
        assert len(put) >= 150

    on_loop(loop, main)


def test_room_returns_when_there_is_room_and_at_once_where_there_is() -> None:
    """The mailbox alone has it: an actor waits for room before it decides where its message goes."""

    async def main() -> None:
        box = Mailbox(1)
        await box.room()
        assert box.offer(1)
        waiting = asyncio.create_task(box.room())
        await turns()
        assert not waiting.done()
        assert await box.get() == 1
        await waiting
        assert len(box) == 0

    on_loop("asyncio", main)


def test_mailbox_holds_something() -> None:
    with pytest.raises(AssertionError):
        Mailbox(0)
