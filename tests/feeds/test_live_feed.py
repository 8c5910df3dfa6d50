"""A feed goes on whatever its server does, and says what it missed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from mtf.errors import ConfigError, FeedDown
from mtf.feeds import Backoff, Delivery, Feed
from tests.builders import at
from tests.fake_clock import FakeClock
from tests.feeds.exchanges import HANG, Exchange, message, parse, sequence, settle

SECOND_NS = 1_000_000_000
START_NS = at("10:00")


def feed(exchange: Exchange, wall: FakeClock, **settings: Any) -> Feed:
    settings = {"parse": parse, "backoff": Backoff(jitter=0), **settings}
    return Feed("test", exchange.connect, wall=wall, chance=random.Random(1), **settings)


@contextlib.asynccontextmanager
async def delivered(live: Feed, *known: Any) -> AsyncGenerator[list[Delivery], None]:
    """Within, what *live* delivers is in the list, as far as it can go."""
    found: list[Delivery] = []

    async def run() -> None:
        async with contextlib.aclosing(live.deliveries(*known)) as deliveries:
            async for each in deliveries:
                found.append(each)

    task = asyncio.create_task(run())
    await settle()
    try:
        yield found
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def numbers(found: list[Delivery]) -> list[int | None]:
    return [each.number for each in found if each.events]


def outages(found: list[Delivery]) -> list[tuple[int, int, str]]:
    """Return each outage, its bounds in seconds since 10:00."""
    return [
        ((outage.since_ns - START_NS) // SECOND_NS, (outage.until_ns - START_NS) // SECOND_NS, outage.reason)
        for each in found
        for outage in each.outages
    ]


async def test_it_connects_again_and_says_how_long_it_was_away() -> None:
    wall = FakeClock(START_NS)
    lost = ConnectionResetError("reset by peer")
    exchange = Exchange([message(None, "10:00"), lost], [message(None, "10:00:05"), HANG])
    live = feed(exchange, wall, backoff=Backoff(first_s=5, jitter=0))
    async with delivered(live) as found:
        assert (len(found), exchange.open) == (1, 0)
        wall.pass_ns(5 * SECOND_NS)
        await settle()
        assert (len(found), exchange.open) == (2, 1)
        assert outages(found) == [(0, 5, "test: reset by peer")]
        assert exchange.asked[1].since_ns == START_NS
    assert exchange.open == 0, "whoever stops listening has closed the connection"
    assert (live.statistics().connections, live.statistics().failures, live.statistics().connected) == (2, 1, False)


async def test_nothing_is_out_before_the_first_connection() -> None:
    """A log that begins with this feed has missed nothing that it could name."""
    wall = FakeClock(START_NS)
    exchange = Exchange(OSError("refused"), [message(None, "10:00"), HANG])
    async with delivered(feed(exchange, wall)) as found:
        wall.pass_ns(SECOND_NS)
        await settle()
        assert (len(found), outages(found)) == (1, [])


async def test_waits_grow_to_a_limit_and_start_over_after_a_healthy_connection() -> None:
    wall = FakeClock(START_NS)
    healthy = [message(None, "10:00"), lambda: wall.pass_ns(40 * SECOND_NS), message(None, "10:01"), EOFError()]
    exchange = Exchange(*[OSError("refused")] * 4, healthy, [HANG])
    async with delivered(feed(exchange, wall, backoff=Backoff(first_s=1, most_s=4, jitter=0))):
        waits = []
        while len(exchange.asked) < 6:
            due_ns = wall.due_ns()
            assert due_ns is not None
            if due_ns > wall.now_ns():
                waits.append((due_ns - wall.now_ns()) / SECOND_NS)
            wall.go_to(due_ns)
            await settle()
        assert [wait for wait in waits if wait < 20] == [1, 2, 4, 4, 1]


async def test_a_silent_connection_is_a_lost_one() -> None:
    wall = FakeClock(START_NS)
    exchange = Exchange([message(None, "10:00"), HANG], [message(None, "10:00:09"), HANG])
    live = feed(exchange, wall, stall_s=8)
    async with delivered(live) as found:
        wall.pass_ns(8 * SECOND_NS - 1)
        await settle()
        assert exchange.open == 1
        wall.pass_ns(1)
        await settle()
        assert exchange.open == 0
        wall.pass_ns(SECOND_NS)
        await settle()
        assert outages(found) == [(0, 9, "test: nothing came for 8 s")]
    assert live.statistics().stalls == 1


async def test_a_heartbeat_keeps_a_connection_alive() -> None:
    """A message without events; nothing is logged, and the silence begins again."""
    wall = FakeClock(START_NS)

    def beat() -> None:
        wall.pass_ns(5 * SECOND_NS)

    heartbeat = {"n": None, "heartbeat": True}
    exchange = Exchange(
        [message(None, "10:00"), beat, heartbeat, beat, heartbeat, beat, message(None, "10:00:15"), HANG]
    )
    live = feed(exchange, wall, stall_s=8, parse=lambda each: () if "heartbeat" in each else parse(each))
    async with delivered(live) as found:
        assert [len(each.events) for each in found] == [1, 0, 0, 1]
        assert live.statistics().stalls == 0


async def test_a_connection_that_is_not_made_counts_as_lost() -> None:
    wall = FakeClock(START_NS)

    @contextlib.asynccontextmanager
    async def connect(_resume: object) -> AsyncGenerator[Exchange, None]:
        await asyncio.Event().wait()
        yield Exchange()

    live = Feed("test", connect, wall=wall, connect_s=3, backoff=Backoff(attempts=1))
    deliveries = live.deliveries()
    task = asyncio.create_task(anext(deliveries))
    await settle()
    wall.pass_ns(3 * SECOND_NS)
    with pytest.raises(
        FeedDown, match="feed test: 1 connections in a row have failed, the last with: no connection within 3 s"
    ):
        await task


async def test_duplicates_are_dropped_and_another_order_is_no_hole() -> None:
    wall = FakeClock(START_NS)
    script = [message(n, "10:00") for n in (1, 2, 2, 5, 4, 1, 3, 6)]
    live = feed(Exchange([*script, HANG]), wall, sequence=sequence)
    async with delivered(live) as found:
        assert numbers(found) == [1, 2, 5, 4, 3, 6]
        wall.pass_ns(10 * SECOND_NS)
        await settle()
        assert (outages(found), live.statistics().duplicates, live.statistics().missing) == ([], 2, 0)


async def test_a_number_that_does_not_come_is_an_outage_after_a_while() -> None:
    """A message that is late by less than the patience is not an outage."""
    wall = FakeClock(START_NS)

    def later() -> None:
        wall.pass_ns(SECOND_NS)

    script = [
        message(1, "10:00"),
        later,
        message(5, "10:00:01"),
        later,
        message(6, "10:00:02"),
        later,
        message(7, "10:00:03"),
    ]
    live = feed(Exchange([*script, HANG]), wall, sequence=sequence, patience_s=2)
    async with delivered(live) as found:
        assert [len(each.outages) for each in found] == [0, 0, 0, 1]
        assert outages(found) == [(0, 1, "test: 3 messages, 2 to 4, did not come")]
        assert found[-1].outages[0].numbers == (2, 5)


async def test_a_server_that_sends_again_is_asked_for_what_is_missing() -> None:
    wall = FakeClock(START_NS)
    first = [*(message(n, "10:00") for n in (1, 2)), ConnectionResetError()]
    exchange = Exchange(first, [message(6, "10:00:01"), HANG], resends=True)
    live = feed(exchange, wall, sequence=sequence)
    async with delivered(live) as found:
        exchange.sent += [message(n, "10:00") for n in (3, 4, 5)]  # while nobody listens
        wall.pass_ns(SECOND_NS)
        await settle()
        assert exchange.asked[1].next == {"": 3}
        assert exchange.asked[1].last == 2
        assert sorted(n for n in numbers(found) if n is not None) == [1, 2, 3, 4, 5, 6]
        wall.pass_ns(10 * SECOND_NS)
        assert outages(found) == []


async def test_streams_are_numbered_apart() -> None:
    wall = FakeClock(START_NS)
    script = [message(n, "10:00", symbol=symbol) for n, symbol in ((1, "A"), (1, "B"), (2, "A"), (9, "B"), (2, "A"))]
    live = feed(Exchange([*script, HANG]), wall, sequence=lambda each: (each["symbol"], each["n"]))
    async with delivered(live) as found:
        assert [(each.stream, each.number) for each in found if each.is_new] == [("A", 1), ("B", 1), ("A", 2), ("B", 9)]
        assert live.statistics().missing == 7


async def test_garbage_is_counted_and_named_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    """A server that sends nothing but garbage does not fill the log of the machine."""
    caplog.set_level(logging.WARNING, "mtf.feeds")
    wall = FakeClock(START_NS)
    garbage: list[Any] = [{"n": "x"}, 7, None, "junk", {"n": 2}, {}, [], {"n": 1.5}, b"", {"symbol": "X"}]
    live = feed(Exchange([*garbage, *garbage, message(3, "10:00"), HANG]), wall, sequence=sequence)
    async with delivered(live) as found:
        assert numbers(found) == [3]
        refused = [each.refused for each in found if each.refused is not None]
        assert refused[0] == ("TypeError: sequence must return an int, (stream, int) or None, got 'x'", "{'n': 'x'}")
        assert live.statistics().malformed == len(refused) == 19
    said = [record.message for record in caplog.records]
    assert [text.split(" could")[0] for text in said] == ["test: 1 of 1 messages", "test: 10 of 10 messages"]


async def test_receive_times_are_those_of_the_wall_clock() -> None:
    wall = FakeClock(START_NS + 7)
    async with delivered(feed(Exchange([message(1, "10:00"), HANG]), wall, receive_times=True)) as found:
        assert [event.received_ns for each in found for event in each.events] == [START_NS + 7]  # type: ignore[union-attr]


async def test_an_error_of_the_user_s_own_is_not_tried_again() -> None:
    """Only what a network does is: a mistake in `connect` comes out."""
    live = feed(Exchange(KeyError("token")), FakeClock(START_NS))
    with pytest.raises(KeyError, match="token"):
        async for _ in live.deliveries():
            pass


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"stall_s": 0}, "feed test: stall_s must be above 0"),
        ({"connect_s": float("inf")}, "feed test: connect_s must be above 0, and finite"),
        ({"patience_s": -1}, "feed test: patience_s must be 0 or more"),
        ({"reorder_ns": -1}, "feed test: reorder_ns must be 0 or more"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Feed("test", Exchange().connect, **settings)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"first_s": 0}, "first_s must be above 0"),
        ({"first_s": 9, "most_s": 3}, "at most most_s, got 9 and 3"),
        ({"factor": 0.5}, "factor must be 1 or more, got 0.5"),
        ({"jitter": 2}, "jitter must be between 0 and 1, got 2"),
        ({"attempts": 0}, "attempts must be 1 or more, got 0"),
    ],
)
def test_a_backoff_is_checked(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Backoff(**settings)


def test_jitter_spreads_the_waits() -> None:
    """A thousand clients that lost one server do not come back together."""
    backoff = Backoff(first_s=1, jitter=0.5)
    waits = {backoff.wait_s(1, random.Random(seed)) for seed in range(100)}
    assert len(waits) == 100
    assert 0.5 <= min(waits) < 0.6 < 1.4 < max(waits) <= 1.5
