"""Streams, a wall clock, and what two runs must agree on, for the tests of recovery."""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs
import orjson

from mtf.bars.bar import Bar
from mtf.config import Config
from mtf.events.tick import Tick
from mtf.frames.snapshot import Snapshot
from mtf.kernel import Kernel
from mtf.pipeline import Pipeline
from mtf.storage.datadir import history_of
from mtf.storage.history.contents import fetched, read_contents
from mtf.storage.history.gather import FIXED
from mtf.storage.history.packs import BarPage, Pack
from mtf.storage.history.preparing import carry_out, without_later
from mtf.storage.history.runs import NewRun, entry_of
from mtf.storage.history.writer import HistoryWriter
from mtf.summary import Summary
from tests.alive import run_of
from tests.builders import SECOND_NS, Clock, Event, at, blocks

SYMBOLS: Final = ("EURUSD", "USDJPY", "XAUUSD")
FRIDAY: Final = at("2024-03-08 20:30")  # an hour and a half before the week ends


class FakeWall:
    """A wall clock that stands until it is moved; the timers that are due then go off, in order."""

    def __init__(self, now_ns: int = FRIDAY) -> None:
        self._now_ns = now_ns
        self.timers: list[FakeTimer] = []  # that wait

    def now_ns(self) -> int:
        return self._now_ns

    def call_at(self, ts_ns: int, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(self, ts_ns, callback)
        self.timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        self._now_ns += round(seconds * SECOND_NS)
        while due := [timer for timer in self.timers if timer.ts_ns <= self._now_ns]:
            first = min(due, key=lambda timer: timer.ts_ns)
            first.cancel()
            first.callback()


class FakeTimer:
    def __init__(self, wall: FakeWall, ts_ns: int, callback: Callable[[], None]) -> None:
        self.wall, self.ts_ns, self.callback = wall, ts_ns, callback

    def cancel(self) -> None:
        if self in self.wall.timers:
            self.wall.timers.remove(self)


def market(seed: int, count: int) -> list[Event]:
    """Return *count* events of three symbols over a week's end: every verdict, ids, trades, clock events, silence.

    Ids are used again, and every seventh event with one comes again in place of the event behind it.
    """
    random = Random(seed)
    now_ns = FRIDAY
    prices = {"EURUSD": 1.1, "USDJPY": 150.0, "XAUUSD": 2100.0}
    made: list[Event] = []
    for number in range(count):
        now_ns += round(random.choice((0.0, 0.3, 2.0, 9.0, 41.0, 70.0)) * SECOND_NS)
        if random.random() < 0.004:
            now_ns += random.randrange(40_000) * SECOND_NS
        if random.random() < 0.03:
            made.append(Clock(now_ns - random.choice((0, 0, 0, 30)) * SECOND_NS))
            continue
        symbol = random.choice(SYMBOLS)
        prices[symbol] *= math.exp(random.gauss(0.0, 3e-4))
        bid = round(prices[symbol], 5)
        ts_ns = now_ns - (random.randrange(1, 90) * SECOND_NS if random.random() < 0.06 else 0)
        id = str(number - random.randrange(4)) if random.random() < 0.1 else None
        if random.random() < 0.02:
            bid = -bid
        if random.random() < 0.03:
            made.append(Tick.trade(symbol, ts_ns, bid, random.random(), id=id))
        else:
            ask = None if random.random() < 0.04 else round(bid * 1.0001, 5)
            made.append(Tick(symbol, ts_ns, bid, ask, random.random(), random.random() if ask else 0.0, id=id))
    named = [number for number, event in enumerate(made) if isinstance(event, Tick) and event.id is not None]
    for number in named[::7]:
        if number + 1 < count:
            made[number + 1] = made[number]
    return made


async def feed(pipeline: Pipeline, events: Iterable[Event]) -> int:
    """Push *events*, and return the seq of the last one."""
    seq = 0
    for event in events:
        seq = await (pipeline.clock(event.ts_ns) if isinstance(event, Clock) else pipeline.push(event))
    return seq


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def bar_bits(bar: Bar | None) -> tuple[Any, ...] | None:
    if bar is None:
        return None
    floats = b"".join(map(bits, (bar.open, bar.high, bar.low, bar.close, bar.volume)))
    marks = (bar.first, bar.incomplete, bar.off_session, bar.gap)
    return (bar.start_ns, bar.end_ns, floats, bar.ticks, bar.trading_day, marks)


def row_bits(snapshot: Snapshot) -> tuple[Any, ...]:
    """Return what one row shows of a symbol, floats as bits: all that is not a window of the past."""
    return (
        snapshot.symbol,
        snapshot.seq,
        snapshot.time_ns,
        *(
            (
                bar_bits(each.partial),
                len(each.bars),
                bar_bits(each.bars[-1]) if len(each.bars) else None,
                b"".join(map(bits, each.live.values())),
                b"".join(map(bits, each.completed.values())),
            )
            for each in snapshot
        ),
    )


def whole_bits(snapshot: Snapshot) -> tuple[Any, ...]:
    """Return everything that can be asked of a snapshot, floats as bits."""
    windows = [
        ([bar_bits(bar) for bar in each.bars], [list(map(bits, each.history(name))) for name in each.completed])
        for each in snapshot
    ]
    return (row_bits(snapshot), windows)


def engine_bits(engine: Kernel, of: Callable[[Snapshot], tuple[Any, ...]] = whole_bits) -> tuple[Any, ...]:
    """Return everything that can be asked of *engine*: its symbols, counters and digest."""
    snapshots = [of(engine.snapshot(number)) for number in range(engine.joiner.count)]
    return (snapshots, Summary.of(engine, 0), engine.digest.value())


def played(config: Config, events: Iterable[Event], *, size: int = 1) -> Iterator[Kernel]:
    """Yield one engine again and again, after each block of *events*."""
    engine = Kernel(config)
    for block in blocks(events, size=size):
        engine.step(block)
        yield engine


def history_rows(data: Path) -> list[tuple[Any, ...]]:
    """Return everything that the history of *data* has, however it is packed: bars with values, rejects, position."""
    store = history_of(data)
    found: list[tuple[Any, ...]] = []
    for symbol, timeframe in sorted(store.counts()):
        for page in store.pages(symbol, timeframe):
            assert isinstance(page, BarPage)
            values = [page.floats(FIXED + k) for k in range(len(page.outputs))]
            found += [(*row, *(bits(column[k]) for column in values)) for k, row in enumerate(page)]
    stored = store.stored()
    for each in store.rejects(stored.seq):
        names = [each.symbols[code] for code in each.codes]
        found += zip(names, *each.columns[:7], *each.columns[8:], each.ids, strict=True)
    return [*found, (stored.seq, orjson.dumps(stored.zones), stored.rejects_after, stored.pruned_ns)]


def rewind_history(data: Path, seq: int, position: int | None = None) -> None:
    """Leave the history as it was after the event *seq*, by its own sums; or let it say that it is at *position*."""
    path = data / "history.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        contents, _ = read_contents(path, connection)
        assert contents is not None
        book, statements = without_later(path, connection, contents, seq)
        if position is not None:
            book = attrs.evolve(book, seq=position)
        carry_out(path, connection, contents.book(), book, statements)


async def at_rest(pipeline: Pipeline) -> HistoryWriter:
    """Wait until all that was shown is stored, and nothing more is done with it."""
    await pipeline.drain()
    history = run_of(pipeline).audience.actors[0].consumer
    assert isinstance(history, HistoryWriter)
    await history.flush()
    while history._tidying is not None and not history._tidying.done():
        await history._tidying
    return history


def alter_packs(data: Path, alter: Callable[[bytearray, Pack], None]) -> None:
    """Change what is in packs, each with new sums all the way up: only the log knows better."""
    path = data / "history.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        contents, _ = read_contents(path, connection)
        assert contents is not None
        added = []
        for run in contents.runs:
            packs = []
            for number in run.packs:
                pack = fetched(path, connection, contents.layouts, number, run)
                altered = bytearray(pack.data)
                alter(altered, pack)
                packs.append(entry_of(Pack(bytes(altered), pack.bars, pack.width)))
            added.append(NewRun(run.last_seq, run.level, run.layout, packs))
        book, statements = contents.book().replaced(contents.runs, added)
        carry_out(path, connection, contents.book(), book, statements)


def results(pipeline: Pipeline) -> Summary:
    """Return the counts that do not depend on how often the run was begun."""
    return Summary.of(run_of(pipeline).engine, 0)


class Crashed(Exception):
    """Leaves a pipeline without an orderly stop."""


class until_crash:  # noqa: N801 - reads as a function, and a generator's type would not say that it catches
    """Goes on after a block, which must end with Crashed."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> bool:
        assert kind is not None, "it did not crash"
        return kind is Crashed
