"""The guard: nothing that a pipeline answers inside a callback speaks of an event after the one shown.

Every public name is asked, in every callback, from the callback itself and from threads that work for it; a name that
is added later fails here until it is put into one of the classes below.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

import mtf
from mtf.errors import (
    ActorFailed,
    ConfigError,
    DataDirError,
    LookAheadError,
    PushInCallback,
    UnknownSymbol,
    WrongLoop,
)
from tests.builders import events, ticks
from tests.engine.consumers import hand_in
from tests.storage.builders import Crashed, feed, row_bits, until_crash

EVENTS: Final = events(
    "A:10:00:01@1 A:10:00:30@2 B:10:00:40@5 A:10:01:05@3 !10:02 A:10:01:30@9 C:10:02:10@7 A:10:03@4 B:10:03:01@6"
)
LATER: Final = 1 << 40  # a seq that no event has
YEAR_2100_NS: Final = 4_102_444_800_000_000_000

# Answers with the state at the step that is shown.
SHOWN: Final[dict[str, Callable[[mtf.Pipeline], Any]]] = {
    "seq": lambda p: p.seq,
    "logged_seq": lambda p: p.logged_seq,
    "durable_seq": lambda p: p.durable_seq,
    "symbols": lambda p: p.symbols,
    "snapshot": lambda p: {name: outcome(lambda each: row_bits(p.snapshot(each)), name) for name in "ABC"},
    "state_at": lambda p: {name: outcome(lambda each: row_bits(p.state_at(each)), name) for name in "ABC"},
}
# Is about all that came so far, and is refused.
REFUSED: Final[dict[str, Callable[[mtf.Pipeline], Any]]] = {
    "digest": lambda p: p.digest,
    "statistics": lambda p: p.statistics(),
    "summary": lambda p: p.summary(),
    "notes": lambda p: p.notes,
    "malformed_rows": lambda p: p.malformed_rows,
    "skipped_checkpoints": lambda p: p.skipped_checkpoints,
    "torn_tail": lambda p: p.torn_tail,
    "worker_pids": lambda p: p.worker_pids,
    "consumers": lambda p: p.consumers,
}


async def push_nowait(p: mtf.Pipeline) -> int | None:
    return p.push_nowait(ticks("A:11:00@1")[0])


# Waits for what comes after the callback, and is refused.
WAITS: Final[dict[str, Callable[[mtf.Pipeline], Awaitable[Any]]]] = {
    "push": lambda p: p.push(ticks("A:11:00@1")[0]),
    "push_nowait": push_nowait,
    "push_many": lambda p: p.push_many(ticks("A:11:00@1")),
    "clock": lambda p: p.clock(1_800_000_000_000_000_000),
    "run": lambda p: p.run([]),
    "replay": lambda p: p.replay("nowhere"),
    "checkpoint": lambda p: p.checkpoint(),
    "applied": lambda p: p.applied(LATER),
    "durable": lambda p: p.durable(LATER),
    "drain": lambda p: p.drain(),
}
# Says nothing of events: the settings, what comes before the start, and who is shown them.
SILENT: Final = {"config", "warm_up", "add", "remove", "bars", "watch"}


def outcome(question: Callable[..., Any], *arguments: Any) -> Any:
    """Return the answer, or the class of what is raised."""
    try:
        return question(*arguments)
    except Exception as error:  # noqa: BLE001 - which it is, is what is asked
        return type(error)


def begun(coroutine: Any) -> Any:
    """Return what *coroutine* does at once, without being waited for."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        coroutine.close()
    return "waits"


def probe(p: mtf.Pipeline, readers: list[Any]) -> dict[str, Any]:
    """Ask *p* everything."""
    found = {name: outcome(ask, p) for name, ask in {**SHOWN, **REFUSED}.items()}
    found |= {name: outcome(lambda ask: begun(ask(p)), ask) for name, ask in WAITS.items()}
    found["state_at later"] = outcome(lambda: p.state_at("A", seq=LATER))
    found["state_at any time"] = outcome(lambda: row_bits(p.state_at("A", time_ns=YEAR_2100_NS)))
    found["next bar"] = [outcome(lambda each: begun(anext(each)), reader) for reader in readers]
    return found


def test_every_public_name_is_classified() -> None:
    """What is added to the pipeline is asked in callbacks too, by being put into a class here."""
    names = {name for name in dir(mtf.Pipeline()) if not name.startswith("_")}
    classes = [SHOWN.keys(), REFUSED.keys(), WAITS.keys(), SILENT]
    assert names == set().union(*classes)
    assert sum(map(len, classes)) == len(names)


class Prober(mtf.Consumer):
    """Asks everything in each callback, by a way of its own, and keeps the answers beside the step."""

    name = "prober"

    def __init__(self) -> None:
        self.pipeline: mtf.Pipeline | None = None
        self.readers: list[Any] = []
        self.answers: list[tuple[str, int, bool, dict[str, Any]]] = []  # callback, seq shown, closing, answers
        self.seq = 0  # shown in full
        self.threads = ThreadPoolExecutor(1)

    def keep(self, callback: str, view: mtf.View | None, found: dict[str, Any]) -> None:
        if view is not None:
            self.seq = view.seq
            found["view"] = row_bits(view.snapshot()) if view.symbol else None
            found["view of"] = view.symbol
        self.answers.append((callback, self.seq, view is not None and view.closing, found))

    def ask(self) -> dict[str, Any]:
        assert self.pipeline is not None
        return probe(self.pipeline, self.readers)


class PlainProber(Prober):
    def probed(self, callback: str, view: mtf.View | None = None) -> None:
        self.keep(callback, view, self.ask())

    def on_start(self) -> None:
        self.probed("on_start")

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.probed("on_bar", view)

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.probed("on_tick", view)

    def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        self.probed("on_clock", view)

    def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        self.probed("on_reject", view)

    def on_frame(self, frame: mtf.Frame) -> None:
        self.seq = frame.last_seq
        self.probed("on_frame")

    def on_stop(self) -> None:
        self.probed("on_stop")

    def save(self) -> bytes:
        self.probed("save")
        return b"%d" % self.seq

    def load(self, state: bytes) -> None:
        self.seq = int(state)
        self.probed("load")


class PoolProber(PlainProber):
    """Hands its work to a thread, and waits for it in the callback."""

    def ask(self) -> dict[str, Any]:
        return self.threads.submit(super().ask).result()


class AsyncProber(Prober):
    async def asked(self) -> dict[str, Any]:
        await asyncio.sleep(0)  # others go on meanwhile
        return self.ask()

    async def probed(self, callback: str, view: mtf.View | None = None) -> None:
        self.keep(callback, view, await self.asked())

    async def on_start(self) -> None:
        await self.probed("on_start")

    async def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        await self.probed("on_bar", view)

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await self.probed("on_tick", view)

    async def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        await self.probed("on_clock", view)

    async def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        await self.probed("on_reject", view)

    async def on_frame(self, frame: mtf.Frame) -> None:
        self.seq = frame.last_seq
        await self.probed("on_frame")

    async def on_stop(self) -> None:
        await self.probed("on_stop")

    async def save(self) -> bytes:
        await self.probed("save")
        return b"%d" % self.seq

    async def load(self, state: bytes) -> None:
        self.seq = int(state)
        await self.probed("load")


class TaskProber(AsyncProber):
    """Waits in the callback for a task of its own."""

    async def asked(self) -> dict[str, Any]:
        return (await asyncio.gather(super().asked()))[0]


class ToThreadProber(AsyncProber):
    async def asked(self) -> dict[str, Any]:
        return await asyncio.to_thread(self.ask)


class ExecutorProber(AsyncProber):
    """A thread without the context of the callback."""

    async def asked(self) -> dict[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(self.threads, self.ask)


IN_THREADS: Final = (PoolProber, ToThreadProber, ExecutorProber)
PROBERS: Final = (PlainProber, AsyncProber, TaskProber, *IN_THREADS)


def pipeline(data: Path, **settings: Any) -> mtf.Pipeline:
    fixed = {"calendar": "crypto", "clock": "ticks", "timeframes": ["1m", "1h"], "checkpoint_seconds": None}
    return mtf.Pipeline(data=data, indicators=["sma:2"], **{**fixed, **settings})


async def reference(data: Path) -> list[dict[str, Any]]:
    """Return what can be known after each event, the first of them none, by a run that knows no later one."""
    known: list[dict[str, Any]] = [{"symbols": [], "rows": {}}]
    async with pipeline(data) as p:
        for event in EVENTS:
            await feed(p, [event])
            await p.drain()
            known.append({"symbols": p.symbols, "rows": {name: row_bits(p.snapshot(name)) for name in p.symbols}})
    return known


def judge(prober: Prober, known: list[dict[str, Any]]) -> None:
    """Hold all answers against what could be known at their steps."""
    in_thread = isinstance(prober, IN_THREADS)
    for callback, seq, closing, found in prober.answers:
        where = f"{callback} at seq {seq}"
        before = seq - 1 if closing else seq
        assert found["seq"] == found["logged_seq"] == seq, where
        assert 0 <= found["durable_seq"] <= seq, where
        assert found["symbols"] == known[before]["symbols"], where
        rows = found["snapshot"]
        for name in "ABC":
            expected = known[before]["rows"].get(name, UnknownSymbol)
            if not closing:
                assert rows[name] == expected, where
            elif name != found["view of"]:
                assert (rows[name] is UnknownSymbol) == (expected is UnknownSymbol), where
            state = found["state_at"][name]
            if before:
                assert state == expected, where
            else:
                assert state in (UnknownSymbol, ConfigError, DataDirError), where
        if closing and found["view of"]:
            assert rows[found["view of"]] == found["view"], where
            assert found["view"][1] == seq, where
        assert [found[name] for name in REFUSED] == [LookAheadError] * len(REFUSED), where
        refusal = WrongLoop if in_thread else PushInCallback
        assert {name: found[name] for name in WAITS} == {
            name: PushInCallback if name == "durable" else refusal for name in WAITS
        }, where
        assert found["state_at later"] is LookAheadError, where
        at_any_time = found["state_at any time"]
        assert at_any_time == (found["state_at"]["A"]), where
        assert found["next bar"] == [LookAheadError] * len(prober.readers), where


@pytest.mark.parametrize("way", ["pushes", "one block", "recovery", "recovery from a checkpoint"])
@pytest.mark.parametrize("kind", PROBERS)
async def test_nothing_of_a_later_event_comes_out_inside_a_callback(
    tmp_path: Path, kind: type[Prober], way: str
) -> None:
    """By every public name, from the callback, its tasks and its threads."""
    known = await reference(tmp_path / "reference")
    first, prober = kind(), kind()
    data = tmp_path / "data"
    if way.startswith("recovery"):
        with until_crash():
            async with pipeline(data) as p:
                if way.endswith("checkpoint"):
                    first.pipeline = p
                    p.add(first)
                    await feed(p, EVENTS[:3])
                    assert await p.checkpoint() == 3
                    judge(first, known)
                await feed(p, EVENTS[3 if way.endswith("checkpoint") else 0 :])
                raise Crashed
    async with pipeline(data, block_events=1024 if way != "pushes" else 1) as p:
        prober.pipeline = p
        p.add(prober)
        prober.readers.append(p.bars("1m"))
        if way == "one block":
            await hand_in(p, EVENTS)
        elif way == "pushes":
            await asyncio.gather(*(feed(p, [event]) for event in EVENTS))
        await p.drain()
        assert p.seq == len(EVENTS)
        await p.checkpoint()
    for each in (first, prober):
        each.threads.shutdown()
    judge(prober, known)
    asked = {callback for callback, *_ in prober.answers}
    expected = {"on_start", "on_bar", "on_tick", "on_clock", "on_reject", "on_frame", "on_stop", "save"}
    assert asked == expected | ({"load"} if way.endswith("checkpoint") else set())


# Outside


class Held(mtf.Consumer):
    """Stays in the callback of seq 1 until it is released."""

    name = "held"

    def __init__(self) -> None:
        self.inside = asyncio.Event()
        self.go = asyncio.Event()

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        if view.seq == 1:
            self.inside.set()
            await self.go.wait()


async def test_outside_of_callbacks_the_answers_are_those_of_the_newest_event(tmp_path: Path) -> None:
    """Also while an async callback is open: whoever asks is not inside it."""
    known = await reference(tmp_path / "reference")
    held = Held()
    async with pipeline(tmp_path / "data") as p:
        p.add(held)
        reader = p.bars("1m")
        for seq, event in enumerate(EVENTS[:7], 1):
            await feed(p, [event])
            await held.inside.wait()
            assert (p.seq, p.logged_seq, p.symbols) == (seq, seq, known[seq]["symbols"])
            assert {name: row_bits(p.snapshot(name)) for name in p.symbols} == known[seq]["rows"]
            assert {name: row_bits(p.state_at(name)) for name in p.symbols} == known[seq]["rows"]
            assert p.summary().events == seq
        assert len(p.digest) == 32
        assert (p.notes, p.malformed_rows, p.skipped_checkpoints, p.torn_tail, p.worker_pids) == ([], [], [], None, [])
        assert (await anext(reader)).close == 2.0
        held.go.set()


async def test_thread_is_answered_as_of_the_callback_whose_context_it_has(tmp_path: Path) -> None:
    """`asyncio.to_thread` takes the context along; a bare executor may work for any open callback: the earliest."""
    found: list[tuple[int, int, int]] = []

    class Asking(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            known = await asyncio.to_thread(lambda: p.seq)
            guessed = await asyncio.get_running_loop().run_in_executor(None, lambda: p.seq)
            found.append((view.seq, known, guessed))
            if view.seq == 3:
                asked.set()

    asked = asyncio.Event()
    held = Held()
    async with pipeline(tmp_path / "data") as p:
        p.add(held)
        p.add(Asking())
        for event in EVENTS[:3]:
            await feed(p, [event])
        await asked.wait()
        held.go.set()
    assert found == [(1, 1, 1), (2, 2, 1), (3, 3, 1)]


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_task_of_a_callback_is_outside_once_that_callback_is_over(tmp_path: Path, kind: str) -> None:
    """It lives on, through later callbacks too, and is none of them."""
    tasks: list[asyncio.Task[Any]] = []
    over, go = asyncio.Event(), asyncio.Event()

    async def ask() -> tuple[int, int, list[str]]:
        await over.wait()
        return p.seq, p.summary().events, p.symbols

    class Plain(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            if view.seq == 1:
                tasks.append(asyncio.create_task(ask()))

    class Async(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            if view.seq == 1:
                tasks.append(asyncio.create_task(ask()))
            if view.seq == 2:
                over.set()
                await go.wait()  # this one is open while it asks

    async with pipeline(tmp_path / "data") as p:
        p.add(Plain() if kind == "plain" else Async())
        for event in EVENTS[:3]:
            await feed(p, [event])
        if kind == "plain":
            over.set()
        await over.wait()
        assert await tasks[0] == (3, 3, ["A", "B"])
        go.set()


@pytest.mark.parametrize("callback", ["committed_seq", "on_rollback"])
async def test_callbacks_before_a_start_are_shown_nothing_of_the_log(tmp_path: Path, callback: str) -> None:
    """They are asked before anything is played: the end of the log is not theirs to know."""
    async with pipeline(tmp_path) as p:
        await feed(p, EVENTS[:3])
    seen: list[Any] = []

    class Asking(mtf.Consumer):
        def look(self) -> None:
            seen.append((p.seq, p.logged_seq, p.symbols, outcome(lambda: p.snapshot("A")), outcome(lambda: p.notes)))

        def committed_seq(self) -> int:
            if callback == "committed_seq":
                self.look()
            return 9

        def on_rollback(self, seq: int) -> None:
            if callback == "on_rollback":
                self.look()

    async with pipeline(tmp_path) as p:
        p.add(Asking())
        await p.drain()
    assert seen == [(0, 0, [], UnknownSymbol, LookAheadError)]


async def test_consumer_that_asks_for_notes_while_it_says_where_it_stands_fails_with_that_reason(
    tmp_path: Path,
) -> None:
    """What would be started from depends on its answer."""
    async with pipeline(tmp_path) as p:
        await feed(p, EVENTS[:3])

    class Asking(mtf.Consumer):
        def committed_seq(self) -> int:
            return len(p.notes)

    async def body() -> None:
        async with p:
            p.add(Asking())
            await p.drain()

    p = pipeline(tmp_path)
    with pytest.raises(ActorFailed) as caught:
        await body()
    assert isinstance(caught.value.__cause__, LookAheadError)
