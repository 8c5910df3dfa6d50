"""A calendar is a value: threads share it, and it can be copied and pickled."""

from __future__ import annotations

import asyncio
import copy
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import mtf
import mtf.calendars
from mtf.calendars import Calendar
from mtf.calendars.cache import Cache
from tests.calendars.builders import HOUR_NS

DAY_NS = 24 * HOUR_NS


def sweep(calendar: Calendar, step: int) -> int:
    """Look at 3,000 days, forwards or backwards, and return a number that says what was found."""
    found = 0
    for day in range(3_000)[::step]:
        span = calendar.span_at(day * DAY_NS + 15 * HOUR_NS)
        found = (found * 31 + span.start_ns + span.end_ns + span.state) % (1 << 61)
    return found


@pytest.mark.parametrize("name", ["fx", "us_equities", "cn_futures_0230"])
def test_threads_share_a_calendar(name: str) -> None:
    """Eight threads that walk through more days than are kept, in both directions, at a quick change of turns."""
    calendar = mtf.calendars.get(name)
    expected = {step: sweep(calendar, step) for step in (1, -1)}
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda number: sweep(calendar, (1, -1)[number % 2]), range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert results == [expected[1], expected[-1]] * 4


@pytest.mark.slow
def test_a_hundred_pipelines_in_eight_threads_share_a_calendar() -> None:
    """A sweep over settings: each over 10,000 days with a gap before every tick, all with the digest of one alone."""

    async def digest(calendar: Calendar) -> str:
        made = (mtf.Tick("X", day * DAY_NS + 15 * HOUR_NS, 1.0, 1.0 + day % 7) for day in range(10_000))
        async with mtf.Pipeline(clock="ticks", calendar=calendar, timeframes=["1m", "1h", "1d", "1w"]) as pipeline:
            return (await pipeline.run(made)).digest

    for name in ("us_equities", "cn_futures_0230"):
        shared = mtf.calendars.from_dict(mtf.calendars.get(name).to_dict())
        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(lambda _, calendar=shared: asyncio.run(digest(calendar)), range(50)))
        assert found == {asyncio.run(digest(mtf.calendars.from_dict(shared.to_dict())))}


@pytest.mark.parametrize("name", mtf.calendars.BUILT_IN)
def test_copies_are_equal(name: str) -> None:
    """By pickle, and deep: the value alone goes over, no cache."""
    calendar = mtf.calendars.get(name)
    calendar.day_at(0)
    for again in (pickle.loads(pickle.dumps(calendar)), copy.deepcopy(calendar), copy.copy(calendar)):
        assert again == calendar
        assert again.to_dict() == calendar.to_dict()


def test_cache_keeps_the_newest_and_drops_the_rest() -> None:
    """Of 100 entries the last ten are there, and never more than twenty are."""
    cache = Cache[str](20)
    for key in range(100):
        assert cache.keep(key, str(key)) == str(key)
        assert len(cache) <= 20
    assert [cache.find(key) for key in range(90, 100)] == [str(key) for key in range(90, 100)]
    assert cache.find(70) is None


def test_what_is_used_stays_in_the_cache() -> None:
    """An entry that is asked for goes over into the newer half as the same object."""
    cache = Cache[list[int]](20)
    first = cache.keep(0, [0])
    for key in range(1, 100):
        cache.keep(key, [key])
        assert cache.find(0) is first


def test_first_value_kept_stays() -> None:
    """Two threads that made the same entry use one of them."""
    cache = Cache[list[int]](20)
    first = cache.keep(1, [1])
    assert cache.keep(1, [1]) is first
