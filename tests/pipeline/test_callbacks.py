"""Whatever a callback raises: it stops the pipeline at that event, with it as the reason, and nobody else notices it.

Every class of exception, in every callback, plain and async, beside a second consumer before it and behind it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy
import pytest

import mtf
from mtf.errors import ActorFailed, LogWriteFailed, PipelineStopped
from tests.actors.loops import LOOPS, on_loop
from tests.builders import at, ticks

FIRST = ticks("10:00:01@1.5 10:00:20@1.75 10:01:05@1.25")  # a bar closes at the third
LATE = ticks("10:00@1")[0]
NEWEST = ticks("10:02@1")[0]


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("cannot be shown")

    __repr__ = __str__


ERRORS: Final[list[Callable[[], BaseException]]] = [
    lambda: ValueError("wrong"),
    Unprintable,
    asyncio.CancelledError,
    KeyboardInterrupt,
    lambda: SystemExit(3),
    GeneratorExit,
    StopIteration,
    StopAsyncIteration,
    TimeoutError,
    MemoryError,
    RecursionError,
    lambda: pytest.fail.Exception("failed"),
    lambda: pytest.skip.Exception("skipped"),
    lambda: BaseExceptionGroup("several", [KeyboardInterrupt(), ValueError()]),
    lambda: PipelineStopped("another pipeline has stopped"),
    lambda: LogWriteFailed("of another log"),
]
FAILS_AT: Final = {  # the event at which a callback is called first
    "load": 4,  # the first that the recovery shows
    "on_start": 1,
    "on_tick": 1,
    "on_frame": 1,
    "on_bar": 3,
    "save": 3,
    "on_clock": 4,
    "on_reject": 5,
    "on_stop": 6,
}


class Sees(mtf.Consumer):
    """Notes every event that it is shown."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.seen.append(view.seq)

    def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        self.seen.append(view.seq)

    def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        self.seen.append(view.seq)


class SeesSlowly(mtf.Consumer):
    """The same, with waits."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await asyncio.sleep(0)
        self.seen.append(view.seq)
        await asyncio.sleep(0)

    async def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        await asyncio.sleep(0)
        self.seen.append(view.seq)

    async def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        await asyncio.sleep(0)
        self.seen.append(view.seq)


def raising(callback: str, kind: str, error: BaseException) -> mtf.Consumer:
    """Return a consumer of which one callback raises *error*, and which has a state to be saved."""

    def plain(*_: object) -> None:
        raise error

    async def later(*_: object) -> None:
        await asyncio.sleep(0)
        if isinstance(error, asyncio.CancelledError):  # as it comes about: by waiting for what somebody has cancelled
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future
        raise error

    members = {"name": "raising", "save": lambda _: b"state", callback: plain if kind == "plain" else later}
    made: mtf.Consumer = type("Raising", (mtf.Consumer,), members)()
    return made


def pipeline(**settings: Any) -> mtf.Pipeline:
    given: dict[str, Any] = {"calendar": "crypto", "clock": "ticks", "timeframes": ["1m"], "durability": "os"}
    return mtf.Pipeline(**{**given, **settings})


async def live(p: mtf.Pipeline, first: mtf.Consumer, second: mtf.Consumer, *, checkpoint: bool) -> None:
    """Push one event after the other, each once the one before has been shown, and take a checkpoint of the third."""
    async with p:
        p.add(first)
        p.add(second)
        if p.logged_seq:
            await p.drain()
        calls: list[Callable[[], Coroutine[Any, Any, Any]]] = [
            *(lambda tick=tick: p.push(tick) for tick in FIRST),
            lambda: p.clock(at("10:01:30")),
            lambda: p.push(LATE),
            lambda: p.push(NEWEST),
        ]
        for call in calls[p.logged_seq :]:
            seq = await call()
            await p.drain()
            if seq == 3 and checkpoint:
                await p.checkpoint()


@pytest.fixture
def saved(disk: Path) -> Path:
    """A directory with a checkpoint of the third event, in which the consumer has a state, and a log of six."""

    async def run() -> None:
        p = pipeline(data=disk / "saved", checkpoint_seconds=0)
        await live(p, raising("load", "plain", ValueError()), Sees(), checkpoint=True)

    asyncio.run(run())
    return disk / "saved"


def situations() -> Iterator[tuple[Callable[[], BaseException], type[Sees | SeesSlowly], bool]]:
    """Every error, beside a second consumer of each kind, on either side of it."""
    return product(ERRORS, (Sees, SeesSlowly), (True, False))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("callback", FAILS_AT)
def test_what_a_callback_raises_stops_the_pipeline_at_that_event(
    callback: str, kind: str, loop: str, disk: Path, request: pytest.FixtureRequest
) -> None:
    """The other consumer sees every event up to there, and none after; whoever pushes gets the reason."""
    needs_state = callback in ("save", "load")
    saved: Path | None = request.getfixturevalue("saved") if callback == "load" else None
    for number, (make_error, second, is_first) in enumerate(situations()):
        error, sees = make_error(), second()
        pair = [raising(callback, kind, error), sees]
        data = disk / str(number) if needs_state else None
        if saved is not None and data is not None:
            shutil.copytree(saved, data)
        p = pipeline(data=data, block_events=1, checkpoint_seconds=0)
        life = partial(live, p, *(pair if is_first else pair[::-1]), checkpoint=needs_state)
        with pytest.raises(ActorFailed, match=r"^consumer raising failed: ") as caught:
            on_loop(loop, life)
        what = f"{type(error).__name__} beside {second.__name__}, {'before' if is_first else 'behind'} it"
        cause = caught.value.__cause__
        if isinstance(error, StopIteration) and kind == "async":
            cause = cause.__cause__ if cause is not None else None  # Python makes a RuntimeError of it
        assert cause is error or type(cause) is type(error) is asyncio.CancelledError, what
        assert sees.seen == list(range(4 if callback == "load" else 1, FAILS_AT[callback] + 1)), what
        if data is not None:
            shutil.rmtree(data)


@pytest.mark.parametrize(
    ("callback", "policy"),
    [
        each
        for each in product(sorted(FAILS_AT.keys() - {"load", "on_reject"}), ("wait", "latest"))
        if each != ("on_frame", "latest")  # which is shown no frames
    ],
)
def test_iterator_that_ends_in_a_callback_does_not_pass_for_the_end_of_the_callback(
    callback: str, policy: str, disk: Path
) -> None:
    """Also in a plain callback of a consumer that has an async one, or that others do not wait for."""
    consumer = raising(callback, "plain", StopIteration("no more"))
    if policy == "wait":

        async def on_reject(*_: object) -> None:
            await asyncio.sleep(0)

        consumer.on_reject = on_reject  # type: ignore[assignment, method-assign]

    async def run() -> None:
        async with pipeline(data=disk / "run", checkpoint_seconds=0) as p:
            p.add(consumer, policy=policy)
            for tick in FIRST:
                await p.push(tick)
            await p.clock(at("10:01:30"))
            await p.drain()
            if callback == "save":
                await p.checkpoint()

    with pytest.raises(ActorFailed, match=r"^consumer raising failed: .*StopIteration"):
        on_loop("asyncio", run)


@pytest.mark.parametrize("callback", ["committed_seq", "on_rollback"])
def test_what_a_consumer_raises_before_the_recovery_stops_the_pipeline(callback: str, saved: Path) -> None:
    """It is asked where it stands before anything is shown, in whose turn it may be."""
    for make_error in ERRORS:
        error = make_error()
        consumer = raising(callback, "plain", error)
        if callback == "on_rollback":
            consumer.committed_seq = lambda: 99  # type: ignore[method-assign]
        life = partial(live, pipeline(data=saved), consumer, Sees(), checkpoint=False)
        with pytest.raises(ActorFailed, match=r"^consumer raising failed: ") as caught:
            on_loop("asyncio", life)
        assert caught.value.__cause__ is error


@pytest.mark.parametrize("answer", [numpy.int64(0), True, None])
def test_consumer_may_say_where_it_stands_with_any_whole_number(answer: Any, saved: Path) -> None:
    sees = Sees()
    sees.committed_seq = lambda: answer  # type: ignore[method-assign]
    on_loop("asyncio", partial(live, pipeline(data=saved), sees, SeesSlowly(), checkpoint=False))
    assert sees.seen[-1] == 6


@pytest.mark.parametrize("answer", [1.0, "1"])
def test_what_is_no_seq_is_refused_with_what_to_return(answer: Any, saved: Path) -> None:
    sees = Sees()
    sees.committed_seq = lambda: answer  # type: ignore[method-assign]
    with pytest.raises(ActorFailed, match=rf"Sees.committed_seq\(\) returned {answer!r}: return the seq of an event"):
        on_loop("asyncio", partial(live, pipeline(data=saved), sees, SeesSlowly(), checkpoint=False))
