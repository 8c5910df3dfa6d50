"""`push_many` and `push_nowait`: any mix of them with `push` gives what pushes one by one give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Any

import pytest

import mtf
from mtf.errors import MalformedEvent, PushInCallback, PushWouldWait
from mtf.events.block import LIVE
from tests.alive import run_of
from tests.builders import SECOND_NS, at
from tests.fake_clock import FakeClock
from tests.pipeline.test_pushes import Slow, pipeline, settle, stream
from tests.storage.memory_storage import MemoryStorage

STREAM = stream(400, "AB")


def log_of(storage: MemoryStorage) -> tuple[bytes, list[str]]:
    log = storage.read_log()
    return b"".join(logged.block.rows for logged in log.read()), log.symbols


async def pushed_one_by_one(events: list[mtf.Tick], **settings: Any) -> tuple[str, tuple[bytes, list[str]]]:
    storage = MemoryStorage()
    async with pipeline(data=storage, checkpoint_seconds=None, **settings) as p:
        for event in events:
            _ = await p.push(event)
        await p.drain()
        digest = p.digest
    return digest, log_of(storage)


@pytest.mark.parametrize("durability", ["each", "group", "os"])
@pytest.mark.parametrize("block_events", [1, 3, 1024])
@pytest.mark.parametrize("seed", range(3))
async def test_any_mix_of_pushes_gives_the_log_and_digest_of_pushes_one_by_one(
    durability: str, block_events: int, seed: int
) -> None:
    settings = {"durability": durability, "block_events": block_events}
    expected = await pushed_one_by_one(STREAM, **settings)
    random, storage, at_event = Random(seed), MemoryStorage(), 0
    waiting: list[asyncio.Task[int]] = []
    async with pipeline(data=storage, checkpoint_seconds=None, **settings) as p:
        while at_event < len(STREAM):
            count = random.choice((1, 1, 2, 5, 40))
            some = STREAM[at_event : at_event + count]
            kind = random.choice(("push", "many", "generator", "task", "nowait"))
            if kind == "nowait":
                try:
                    assert p.push_nowait(some[0]) == at_event + 1
                    at_event += 1
                except PushWouldWait:
                    await asyncio.sleep(0)
                continue
            if kind == "push":
                some = some[:1]
                waiting.append(asyncio.create_task(p.push(some[0])))
                await asyncio.sleep(0)
            elif kind == "task":
                waiting.append(asyncio.create_task(p.push_many(some)))
                await asyncio.sleep(0)
            else:
                assert await p.push_many(some if kind == "many" else iter(some)) == at_event + len(some)
            at_event += len(some)
        await asyncio.gather(*waiting)
        await p.drain()
        assert p.seq == len(STREAM)
        digest = p.digest
    assert (digest, log_of(storage)) == expected


async def test_what_is_pushed_while_many_wait_follows_the_last_of_them() -> None:
    """Events get their seqs in the order of the calls, however many one call has."""
    async with pipeline(block_events=4) as p:
        many = asyncio.create_task(p.push_many(STREAM[:100]))
        one = asyncio.create_task(p.push(STREAM[100]))
        await asyncio.sleep(0)
        if not many.done():
            with pytest.raises(PushWouldWait, match="others that were pushed before it wait"):
                p.push_nowait(STREAM[101])
        assert (await many, await one) == (100, 101)


async def test_many_go_into_large_blocks() -> None:
    storage = MemoryStorage()
    async with pipeline(data=storage, checkpoint_seconds=None, block_events=50) as p:
        assert await p.push_many(STREAM) == 400
    assert {logged.block.count for logged in storage.read_log().read()} == {50}


async def test_none_is_the_newest_seq() -> None:
    async with pipeline() as p:
        assert await p.push_many([]) == 0
        assert await p.push_many(STREAM[:3]) == 3
        assert await p.push_many(iter(())) == 3


async def test_first_that_is_malformed_ends_it_and_an_iterator_goes_on_after_it() -> None:
    """As a loop of pushes that stops there: what came before is logged, and what follows was not looked at."""
    bad = mtf.Tick("", at("10:00"), 1.0, 1.1)
    left: Iterator[mtf.Tick] = iter([*STREAM[:3], bad, *STREAM[3:5]])
    async with pipeline() as p:
        with pytest.raises(MalformedEvent, match="symbol"):
            await p.push_many(left)
        await p.drain()
        assert p.seq == 3
        assert await p.push_many(left) == 5
        with pytest.raises(MalformedEvent):
            p.push_nowait(bad)
        await p.drain()
        assert p.summary().rejected["malformed"] == 2


async def test_many_arrive_when_they_are_pushed_however_long_they_queue() -> None:
    """Else the last of them would be late, or not live, only because there were many."""
    wall, slow, storage = FakeClock(at("10:00")), Slow(), MemoryStorage()
    async with pipeline(data=storage, checkpoint_seconds=None, wall=wall, clock="both", block_events=1) as p:
        p.add(slow)
        slow.go.clear()
        many = asyncio.create_task(p.push_many(mtf.Tick("A", at("10:00") + k, price=1.0) for k in range(200)))
        await settle()
        assert not many.done()
        wall.go_to(at("10:01:30"))
        slow.go.set()
        assert await many == 200
    ticks = [logged.block for logged in storage.read_log().read(last_seq=200)]
    assert {bool(block.rows[13] & LIVE) for block in ticks} == {True}


@pytest.mark.parametrize("durability", ["each", "os"])
async def test_nowait_is_logged_without_another_push(durability: str) -> None:
    """In mode `each` a thread does it; whoever awaits `durable` or `applied` gets there."""
    storage = MemoryStorage()
    async with pipeline(data=storage, checkpoint_seconds=None, durability=durability) as p:
        seq = p.push_nowait(STREAM[0])
        assert seq == 1
        await asyncio.wait_for(p.applied(seq), 60)
        assert p.snapshot("A").seq == 1


async def test_nowait_is_refused_while_there_is_no_room() -> None:
    """Callers then wait, or drop it: that is for them to say."""
    async with pipeline(block_events=2) as p:
        source = run_of(p).source
        source._busy = True  # a block is on its way, and the actors have no room
        assert [p.push_nowait(each) for each in STREAM[:2]] == [1, 2]
        with pytest.raises(PushWouldWait, match="await push"):
            p.push_nowait(STREAM[2])
        source._busy = False
        assert p.push_nowait(STREAM[2]) == 3
        await settle()
        assert p.seq == 3


async def test_start_that_is_not_at_the_end_of_the_log_refuses_what_cannot_wait() -> None:
    storage = MemoryStorage()
    async with pipeline(data=storage, checkpoint_seconds=None) as p:
        assert await p.push_many(STREAM[:10]) == 10
    async with pipeline(data=storage, checkpoint_seconds=None) as p:
        with pytest.raises(PushWouldWait, match="the log is being caught up with"):
            p.push_nowait(STREAM[10])
        assert await p.push_many(STREAM[10:12]) == 12
        assert p.push_nowait(STREAM[12]) == 13


async def test_window_puts_many_in_order_and_gives_the_seq_of_the_last() -> None:
    """An event that it holds has no seq yet."""
    late = [mtf.Tick("A", at("10:00") + seconds * SECOND_NS, price=1.0) for seconds in (5, 1, 3)]
    async with pipeline(reorder_ns=10_000_000_000) as p:
        assert p.push_nowait(mtf.Tick("A", at("10:00") + 2 * SECOND_NS, price=1.0)) is None
        many = asyncio.create_task(p.push_many(late))
        await settle()
        assert not many.done()
        await p.drain()
        assert await many == 3
        assert p.summary().rejected == {}


async def test_neither_is_for_callbacks() -> None:
    class Pushes(mtf.Consumer):
        error: BaseException | None = None

        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            try:
                p.push_nowait(tick)
            except PushInCallback as error:
                self.error = error

    consumer = Pushes()
    async with pipeline() as p:
        p.add(consumer)
        await p.push_many(STREAM[:1])
        await p.drain()
    assert isinstance(consumer.error, PushInCallback)


@pytest.mark.parametrize("way", ["push", "push_many", "few at once", "one at once", "feed", "malformed"])
async def test_others_get_their_turn_although_no_push_has_to_wait(way: str) -> None:
    """A program that pushes what it has would otherwise not answer anybody, not even Ctrl-C, until it is done."""
    events = stream(1_000, "AB")
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def feed() -> AsyncIterator[mtf.Tick]:
        for event in events:
            yield event

    async with pipeline(block_events=256) as p:
        beside = asyncio.create_task(others())
        if way == "push":
            for event in events:
                await p.push(event)
        elif way == "push_many":
            await p.push_many(events)
        elif way in ("few at once", "one at once"):
            count = 100 if way == "few at once" else 1
            for k in range(0, 1_000, count):
                await p.push_many(events[k : k + count])
        elif way == "malformed":
            for _ in range(1_000):
                with pytest.raises(MalformedEvent):
                    await p.push(mtf.Tick("", at("10:00"), 1.0, 1.1))
        else:
            await p.run(feed())
        beside.cancel()
        assert turns > 1
        assert p.seq == (0 if way == "malformed" else 1_000)
