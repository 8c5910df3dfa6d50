"""The WebSocket feed against a real server on this machine, one that drops, stalls, repeats and sends garbage."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import orjson
import pytest

import mtf
from mtf.errors import ConfigError, FeedDown
from mtf.feeds import Backoff, Feed, Resume, websocket
from tests.feeds.exchanges import message, parse, sequence

server = pytest.importorskip("websockets.asyncio.server")

Handler = Callable[[Any], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(handler: Handler, **settings: Any) -> AsyncGenerator[str, None]:
    async with server.serve(handler, "127.0.0.1", 0, **settings) as running:
        yield f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/ticks"


def of(url: str, **settings: Any) -> Feed:
    backoff = Backoff(first_s=0.001, most_s=0.002, attempts=5)
    return websocket(url, **{"parse": parse, "sequence": sequence, "backoff": backoff, "name": "test", **settings})


async def numbers(live: Feed, count: int) -> list[int | None]:
    """Return the numbers of the first *count* deliveries with events."""
    found: list[int | None] = []
    async with contextlib.aclosing(live.deliveries()) as deliveries:
        async for each in deliveries:
            if each.events:
                found.append(each.number)
            if len(found) == count:
                break
    return found


async def test_it_subscribes_and_goes_on_after_drops_with_what_is_missing() -> None:
    """Numbers 1 to 9, three a connection; the server is asked for the next one each time."""
    asked: list[Any] = []

    async def handler(socket: Any) -> None:
        asked.append(orjson.loads(await socket.recv()))
        start = asked[-1]["from"]
        for number in range(start, start + 3):
            await socket.send(orjson.dumps(message(number, "10:00")))
        socket.transport.abort()

    async with serving(handler) as url:
        live = of(url, subscribe=lambda resume: [{"from": resume.next.get("", 1)}])
        assert await numbers(live, 9) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert asked[:3] == [{"from": 1}, {"from": 4}, {"from": 7}]


async def test_an_orderly_close_and_garbage_are_no_end() -> None:
    async def handler(socket: Any) -> None:
        for raw in ("no JSON", b"\xff\x00", "[]", "null", orjson.dumps(message(next(counter), "10:00")).decode()):
            await socket.send(raw)

    counter = iter(range(1, 100))
    async with serving(handler) as url:
        live = of(url)
        assert await numbers(live, 3) == [1, 2, 3]
        assert live.statistics().malformed == 12


async def test_a_server_that_stalls_is_left() -> None:
    async def handler(socket: Any) -> None:
        await socket.send(orjson.dumps(message(next(counter), "10:00")))
        await socket.wait_closed()

    counter = iter(range(1, 100))
    async with serving(handler) as url:
        live = of(url, stall_s=0.5)
        assert await numbers(live, 3) == [1, 2, 3]
        assert live.statistics().stalls == 2


async def test_a_pipeline_that_is_slow_does_not_cost_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers to pings wait behind messages that nobody has taken yet: that is not a dead server."""
    monkeypatch.setattr("mtf.feeds.websocket_feed.PING_S", 0.005)
    closed = asyncio.Event()

    async def handler(socket: Any) -> None:
        for number in range(1, 200):
            await socket.send(orjson.dumps(message(number, "10:00")))
        await socket.wait_closed()
        closed.set()

    async with serving(handler) as url:
        live = of(url)
        async with contextlib.aclosing(live.deliveries()) as deliveries:
            assert (await anext(deliveries)).number == 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):  # many pings, and nothing is read
                    await closed.wait()
            assert [(await anext(deliveries)).number for _ in range(198)] == [*range(2, 200)]
        assert live.statistics().connections == 1


async def test_a_server_that_refuses_is_a_failure_with_its_reason() -> None:
    def refuse(connection: Any, _request: Any) -> Any:
        return connection.respond(401, "who are you?\n")

    async def handler(_socket: Any) -> None:
        raise AssertionError

    async with serving(handler, process_request=refuse) as url:
        with pytest.raises(FeedDown, match=r"5 connections in a row have failed.*401"):
            await numbers(of(url), 1)


async def test_nobody_there_is_a_failure() -> None:
    async with serving(lambda socket: socket.close()) as url:
        pass
    with pytest.raises(FeedDown, match="5 connections in a row have failed"):
        await numbers(of(url), 1)


async def test_what_is_no_address_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="http://example: not the address of a WebSocket: use ws://HOST/PATH"):
        await numbers(of("http://example"), 1)


async def test_headers_and_acknowledgements_reach_the_server() -> None:
    got: list[Any] = []
    done = asyncio.Event()

    async def handler(socket: Any) -> None:
        got.append(socket.request.headers["Authorization"])
        await socket.send(orjson.dumps(message(1, "10:00")))
        got.append(orjson.loads(await socket.recv()))
        done.set()
        await socket.wait_closed()

    async with serving(handler) as url, mtf.Pipeline(calendar="crypto", timeframes=["1m"], clock="ticks") as p:
        live = of(url, headers={"Authorization": "Bearer x"}, acknowledge=lambda stream, number: {"ack": number})
        task = asyncio.create_task(p.run(live))
        await done.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert got == ["Bearer x", {"ack": 1}]


def test_resume_says_the_last_number_without_a_hole() -> None:
    assert Resume({}, {}, None).last is None
    assert Resume({"": 9}, {}, None).last == 8
    assert Resume({"": 9}, {"": [(4, 6)]}, None).last == 3
