"""Consumers that hang: named while somebody waits for them, left behind at the end. The wall clock is the test's."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

import mtf
from mtf.actors import supervisor
from mtf.actors.consumers import ConsumerActor
from mtf.errors import ConsumerStuck, PipelineStopped
from mtf.log import FileLog
from tests.actors.loops import LOOPS, on_loop
from tests.alive import run_of
from tests.builders import SECOND_NS, at, ticks
from tests.fake_clock import FakeClock

TICKS = ticks("10:00:01@1.5 10:00:20@1.75 10:01:05@1.25 10:02:05@1.25")
TURNS: Final = 50  # of the loop, after which everything that can has gone on


class Hangs(mtf.Consumer):
    """Never returns from an event, or from one callback."""

    def __init__(self, name: str, callback: str = "on_tick", seq: int = 1) -> None:
        self.name = name
        self._callback = callback
        self._seq = seq

    async def on_start(self) -> None:
        await self._hang("on_start", self._seq)

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await self._hang("on_tick", view.seq)

    async def on_stop(self) -> None:
        await self._hang("on_stop", self._seq)

    async def save(self) -> None:
        await self._hang("save", self._seq)

    async def _hang(self, callback: str, seq: int) -> None:
        if (callback, seq) == (self._callback, self._seq):
            await asyncio.get_running_loop().create_future()


class Swallows(mtf.Consumer):
    """Hangs, and does not end when it is cancelled; *often* says how many times."""

    def __init__(self, often: int) -> None:
        self.left = often
        self.seen: list[int] = []

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.seen.append(view.seq)
        while self.left:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                self.left -= 1


class Sees(mtf.Consumer):
    def __init__(self) -> None:
        self.seen: list[int] = []
        self.stopped = False

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.seen.append(view.seq)

    def on_stop(self) -> None:
        self.stopped = True


def pipeline(wall: FakeClock, **settings: Any) -> mtf.Pipeline:
    given: dict[str, Any] = {"calendar": "crypto", "clock": "ticks", "timeframes": ["1m"], "block_events": 1}
    return mtf.Pipeline(**{**given, "wall": wall, **settings})


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def seconds_until(task: asyncio.Task[None], wall: FakeClock) -> int:
    """Let the wall clock go on until *task* is done, and return for how many seconds."""
    begun_ns = wall.now_ns()
    await turns()
    while not task.done():
        assert wall.now_ns() - begun_ns < 60 * SECOND_NS, "hangs"
        wall.pass_ns(SECOND_NS)
        await turns()
    return (wall.now_ns() - begun_ns) // SECOND_NS


# The end


@pytest.mark.parametrize("loop", LOOPS)
def test_leaving_waits_for_all_that_hang_together_and_names_them(loop: str) -> None:
    """Ten seconds, then the others see everything and stop cleanly."""
    wall, sees = FakeClock(at("10:00")), Sees()
    unread: list[mtf.Bar] = []
    readers: list[AsyncIterator[mtf.Bar]] = []

    async def life() -> None:
        async with pipeline(wall) as p:
            for consumer in (Hangs("one"), Hangs("two", seq=2), sees):
                p.add(consumer)
            readers.append(p.bars("1m", limit=1))
            for tick in TICKS:
                await p.push(tick)

    async def main() -> int:
        leaving = asyncio.create_task(life())
        passed = await seconds_until(leaving, wall)
        with pytest.raises(
            ConsumerStuck, match=r"one, two, bars 1m \d+: cancelled, since no callback returned"
        ) as caught:
            await leaving
        assert caught.value.names[:2] == ("one", "two")
        unread.extend([bar async for bar in readers[0]])
        return passed

    assert on_loop(loop, main) == 10
    assert [bar.close for bar in unread] == [1.75], "what waited can still be read"
    assert (sees.seen, sees.stopped) == ([1, 2, 3, 4], True)


@pytest.mark.parametrize("callback", ["on_start", "on_tick", "on_stop", "save"])
async def test_leaving_a_directory_beside_a_consumer_that_hangs_lets_go_of_it(callback: str, disk: Path) -> None:
    """Wherever it hangs, what was pushed is in the log, and the log is free."""
    wall = FakeClock(at("10:00"))
    actors: list[ConsumerActor] = []

    async def life() -> None:
        nonlocal actors
        async with pipeline(wall, data=disk / "run") as p:
            p.add(Hangs("slow", callback))
            actors = run_of(p).audience.actors
            for tick in TICKS:
                await p.push(tick)

    leaving = asyncio.create_task(life())
    while not leaving.done():
        await asyncio.wait([leaving], timeout=0.05)
        if all(actor.idle or actor.consumer_name == "slow" for actor in actors):  # a disk may take its time
            wall.pass_ns(SECOND_NS)
    with pytest.raises(ConsumerStuck, match="slow: cancelled") as caught:
        await leaving
    assert caught.value.names == ("slow",)
    log = FileLog.open(disk / "run" / "log", config=None)
    assert log.last_seq == 4
    log.close()


async def test_consumer_that_is_only_slow_is_waited_for(tmp_path: Path) -> None:
    """Each of its callbacks takes nine seconds: it comes on, so it does not hang."""
    wall = FakeClock(at("10:00"))
    seen: list[int] = []

    class Slow(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            passed = asyncio.get_running_loop().create_future()
            wall.call_at(wall.now_ns() + 9 * SECOND_NS, lambda: passed.set_result(None))
            await passed
            seen.append(view.seq)

    async def leave() -> None:
        async with pipeline(wall) as p:
            p.add(Slow())
            for tick in TICKS:
                await p.push(tick)

    leaving = asyncio.create_task(leave())
    assert 36 <= await seconds_until(leaving, wall) <= 40
    await leaving
    assert seen == [1, 2, 3, 4]


async def test_after_a_failure_leaving_waits_no_longer_for_one_that_hangs() -> None:
    """The reason is the failure; the other consumer has ten seconds to see what came before it."""
    wall = FakeClock(at("10:00"))

    class Fails(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            if view.seq == 3:
                raise ZeroDivisionError

    async def life() -> None:
        async with pipeline(wall) as p:
            p.add(Hangs("slow"))
            p.add(Fails())
            for tick in TICKS:
                await p.push(tick)

    leaving = asyncio.create_task(life())
    assert await seconds_until(leaving, wall) == 10
    with pytest.raises(PipelineStopped, match="consumer Fails failed: ZeroDivisionError"):
        await leaving


@pytest.mark.parametrize("often", [1, 2, 1000])
@pytest.mark.parametrize("orderly", [True, False])
async def test_consumer_that_swallows_its_cancellation_is_left_to_itself(
    often: int, orderly: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing more is shown to it, nobody waits for it, and the loop that ends does not know it any more."""
    monkeypatch.setattr(supervisor, "ENDING_S", 0.01)
    wall, swallows = FakeClock(at("10:00")), Swallows(often)

    async def leave() -> None:
        async with pipeline(wall) as p:
            p.add(swallows)
            for tick in TICKS:
                await p.push(tick)
            if not orderly:
                raise KeyError

    leaving = asyncio.create_task(leave())
    while not leaving.done():
        await asyncio.wait([leaving], timeout=0.01)
        wall.pass_ns(SECOND_NS)
    with pytest.raises(ConsumerStuck if orderly else KeyError):
        await leaving
    await turns()
    assert swallows.seen == [1]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert ("consumer Swallows did not end" in caplog.text) == (often > (2 if orderly else 1))


SCRIPT = """
import asyncio, os, signal, sys
import mtf

class Swallows(mtf.Consumer):
    async def on_tick(self, tick, view):
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if {kind!r} == "interrupted":
                    os.kill(os.getpid(), signal.SIGINT)  # the next press

async def main():
    async with mtf.Pipeline(data=sys.argv[1], calendar="crypto", clock="ticks", timeframes=["1m"]) as p:
        p.add(Swallows())
        for second in range(1, 30):
            await p.push(mtf.Tick("A", 1_700_000_000_000_000_000 + second, price=1.0))
        if {kind!r} == "interrupted":
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(3600)
        else:
            raise ValueError("enough")

if {loop!r} == "uvloop":
    import uvloop
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends itself signals")
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(("kind", "error"), [("raises", "ValueError: enough"), ("interrupted", "KeyboardInterrupt")])
def test_process_ends_beside_a_consumer_that_swallows_every_cancellation(
    kind: str, error: str, loop: str, tmp_path: Path
) -> None:
    """Also if Ctrl-C is pressed twice: the log is released, and no thread keeps the process."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(kind=kind, loop=loop)))
    done = subprocess.run(
        [sys.executable, script, tmp_path / "run"], capture_output=True, text=True, timeout=60, check=False
    )
    assert error in done.stderr.splitlines()[-1] or error in done.stderr, done.stderr
    assert done.returncode in (1, 130, -2)
    log = FileLog.open(tmp_path / "run" / "log", config=None)
    assert log.last_seq == 29
    log.close()


# Pushes


@pytest.mark.parametrize("reader", [False, True])
async def test_push_that_waits_for_a_consumer_names_it_once_after_five_seconds(reader: bool) -> None:
    """A consumer that hangs, or bars that nobody reads: until it goes on or is removed, nothing goes on."""
    wall = FakeClock(at("10:00"))
    hangs = Hangs("slow")
    async with pipeline(wall) as p:
        bars = p.bars("1m", limit=1) if reader else None
        if bars is None:
            p.add(hangs)
        minutes = [mtf.Tick("A", at("10:00") + minute * 60 * SECOND_NS, price=1.0) for minute in range(60)]
        pushing = asyncio.gather(*map(p.push, minutes))
        await turns()
        counts: list[int] = []
        for _ in range(30):
            counts.append(len(p.notes))
            wall.pass_ns(SECOND_NS)
            await turns()
        assert counts == [0] * 5 + [1] * 25
        assert "a push has waited 5 s for the consumer" in p.notes[0]
        assert ("consumer bars 1m" if reader else "slow, which is still busy with seq 1;") in p.notes[0]
        if bars is None:
            _ = p.remove(hangs)
        else:
            await bars.aclose()
        await pushing
        assert len(p.notes) == 1


async def test_push_that_waits_for_the_end_of_a_recovery_names_who_hangs_there(tmp_path: Path) -> None:
    """Nothing is full then: the recovery waits until all of its events were shown."""
    async with pipeline(FakeClock(at("10:00")), data=tmp_path / "run", checkpoint_seconds=0) as p:
        await p.run(TICKS)
    wall = FakeClock(at("10:00"))

    async def start() -> None:
        async with pipeline(wall, data=tmp_path / "run") as p:
            p.add(Hangs("slow", seq=4))
            started.set_result(p)
            await p.push(TICKS[3])

    started: asyncio.Future[mtf.Pipeline] = asyncio.get_running_loop().create_future()
    starting = asyncio.create_task(start())
    p = await started
    while not any("waited 5 s for the consumer slow, which is still busy with seq 4" in note for note in p.notes):
        await asyncio.wait([starting], timeout=0.01)
        assert not starting.done()
        wall.pass_ns(SECOND_NS)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
