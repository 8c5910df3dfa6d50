"""The model beside the engine: a follower gets what a consumer gets, and compares it with what the model shows.

It looks at everything a view can answer, of every symbol and timeframe, at every step, and through snapshots too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from mtf.bars.bar import Bar, PartialBar
from mtf.bars.verdicts import REASONS, Counts
from mtf.config import Config
from mtf.events.block import Block
from mtf.events.tick import Tick
from mtf.frames.cursor import Cursor
from mtf.frames.frame import Frame
from mtf.frames.snapshot import Snapshot
from mtf.frames.view import SymbolView, View
from mtf.frames.walk import BAR, CLOCK_ROW, END, REJECT, TICK
from mtf.kernel import Kernel
from mtf.timeframe import TimeframeSet
from mtf.units import NEVER_NS
from tests.builders import BarRow, Clock, Input, Sent, tick_bits
from tests.model.judge import LATE_OK, OK
from tests.model.model import Model, replay
from tests.model.state import Shown, State

__all__ = [
    "Follower",
    "assert_same",
    "counted",
    "cursor_of",
    "follow",
    "in_order",
    "model_of",
    "partial_fields",
    "walk",
]

ALL: Final = BAR | TICK | CLOCK_ROW | REJECT


def model_of(config: Config) -> Model:
    """Return the model of *config*, which has one calendar for all symbols."""
    return Model(
        config.timeframes,
        config.calendars.calendar_of("X"),
        price=config.price,
        closed=config.closed,
        late=config.late,
        anchor=config.anchor,
        prices=config.prices,
        price_max=config.price_max,
        history=config.history,
        delay_of=config.delay_of,
        overfill=config.overfill,
        overnight=config.overnight,
    )


def partial_fields(partial: PartialBar | None) -> tuple[object, ...] | None:
    """Return all that a partial bar says; its equality leaves its time aside."""
    if partial is None:
        return None
    return (partial, partial.time_ns, partial.elapsed_ns, partial.remaining_ns, partial.progress)


def assert_same(found: Snapshot | SymbolView, expected: State, timeframes: TimeframeSet, what: object = "") -> None:
    """Assert that *found* is the state *expected*, in every field."""
    assert found.symbol == expected.symbol
    assert found.time_ns == time_of(expected.clock_ns), what
    for timeframe in timeframes:
        state = found[timeframe.name]
        wanted = expected.partial[timeframe.name]
        assert partial_fields(state.partial) == partial_fields(wanted), (timeframe, what)
        assert list(state.bars) == list(expected.bars[timeframe.name]), (timeframe, what)
        assert (state.symbol, state.timeframe, state.time_ns) == (found.symbol, timeframe, found.time_ns)


def time_of(clock_ns: int | None) -> int:
    """Return what is shown of a clock: -1 before there is a time."""
    return -1 if clock_ns is None else clock_ns


def counted(counts: Counts) -> dict[str, int]:
    """Return *counts* by the model's words, those that are not 0."""
    numbers = {
        OK: counts.ticks - counts.late_accepted,
        LATE_OK: counts.late_accepted,
        "crossed": counts.crossed,
        "locked": counts.locked,
        "bad_sides": counts.bad_sides,
        "id_reused": counts.id_reused,
        **counts.rejected,
    }
    return {word: number for word, number in numbers.items() if number}


class Follower:
    """Compares one thing after the other with *shown*; `done` asserts that nothing was left out."""

    def __init__(self, shown: Sequence[Shown], timeframes: TimeframeSet, first_seq: int = 1) -> None:
        self._shown: Final = [one for one in shown if one.seq >= first_seq]
        self._timeframes: Final = timeframes
        self._at = 0  # index of what comes next in `_shown`
        self._told = 0  # bars of a closing instant that have been delivered
        self._kept: Final[list[tuple[Snapshot, State]]] = []  # looked at again at the end: they never change
        self.steps = 0

    def bar(self, bar: Bar, view: View) -> None:
        one = self._next(view)
        assert self._told < len(one.bars), f"{bar} is delivered, but the model shows {one}"
        assert view.closing == one.closing
        assert bar == one.bars[self._told]
        assert bar.symbol == view.symbol
        assert view.time_ns == one.time_ns == bar.end_ns - (0 if one.closing else 1)
        self._look(one, view)
        self._told += 1
        if one.closing and self._told == len(one.bars):
            self._told = 0
            self._at += 1

    def tick(self, tick: Tick, view: View) -> None:
        one = self._row(view)
        assert one.verdict in (OK, LATE_OK)
        assert isinstance(one.event, Tick)
        assert tick_bits(tick) == tick_bits(one.event)
        assert view.symbol == tick.symbol

    def clock(self, ts_ns: int, view: View) -> None:
        one = self._row(view)
        assert one.verdict == OK
        assert isinstance(one.event, Clock)
        assert (view.symbol, ts_ns) == ("", one.event.ts_ns)
        assert view.time_ns == time_of(one.time_ns)

    def reject(self, tick: Tick | None, reason: str, view: View) -> None:
        one = self._row(view)
        assert reason == one.verdict
        assert reason in REASONS
        assert (tick and tick_bits(tick)) == (None if isinstance(one.event, Clock) else tick_bits(one.event))

    def done(self) -> None:
        """Assert that everything was delivered, and that no snapshot that was kept has changed."""
        assert self._at == len(self._shown), f"not delivered: {self._shown[self._at :]}"
        for snapshot, state in self._kept:
            assert_same(snapshot, state, self._timeframes)

    def _row(self, view: View) -> Shown:
        one = self._next(view)
        assert not one.closing, f"the row of seq {view.seq} is shown, where the model shows {one}"
        assert not view.closing
        assert self._told == len(one.bars), f"the row of seq {view.seq} is shown before bars that it fills"
        self._told = 0
        self._look(one, view)
        self._at += 1
        return one

    def _next(self, view: View) -> Shown:
        self.steps += 1
        assert self._at < len(self._shown), f"seq {view.seq}: more is delivered than there is"
        one = self._shown[self._at]
        assert view.seq == one.seq
        return one

    def _look(self, one: Shown, view: View) -> None:
        assert view.symbols == list(one.states)
        for name, state in one.states.items():
            assert_same(view.of(name), state, self._timeframes, one)
            if self.steps % 3 == 0:
                snapshot = view.of(name).snapshot()
                assert snapshot.seq == one.seq
                assert counted(snapshot.counts) == state.counts, one
                self._kept.append((snapshot, state))
        if view.symbol:
            assert_same(view.snapshot(), one.states[view.symbol], self._timeframes, one)
            for timeframe in self._timeframes:
                assert view[timeframe].partial == one.states[view.symbol].partial[timeframe.name]


def cursor_of(engine: Kernel, keeps: bool = False) -> Cursor:
    """Return a cursor at the newest event of *engine*."""
    return Cursor(engine.schema, engine.joiner, 0, keeps)


def walk(cursor: Cursor, engine: Kernel, frame: Frame, receiver: Any) -> None:
    """Deliver all of *frame* to *receiver*, which has a Follower's methods, as the actor of a consumer does."""
    cursor.enter(frame)
    while (kind := cursor.step(ALL)) != END:
        cursor.alive = True
        view = View(cursor, engine.schema)
        if kind == BAR:
            receiver.bar(cursor.bar(), view)
        elif kind == TICK:
            receiver.tick(cursor.tick(), view)
        elif kind == CLOCK_ROW:
            receiver.clock(cursor.clock_event_ns(), view)
        else:
            receiver.reject(cursor.tick() if cursor.number >= 0 else None, cursor.reason(), view)
        cursor.alive = False
        cursor.generation += 1


def in_order(stream: Iterable[Input], config: Config) -> list[Input]:
    """Return *stream* in which only what comes in order of time is of a run in order of time, as sources see to it."""
    model = model_of(config)
    newest_ns = NEVER_NS
    made: list[Input] = []
    for event in stream:
        if isinstance(event, Sent) and event.ordered:
            first_ns = last_ns = event.event.ts_ns if isinstance(event.event, Tick) else 0
            if isinstance(event.event, BarRow):
                last_ns = model.days.place(event.event, model.timeframes.timed).last_ns
                first_ns = last_ns - 3
            if first_ns < newest_ns:
                event = Sent(event.event, live=event.live)
            newest_ns = max(newest_ns, last_ns)
        made.append(event)
    return made


def follow(config: Config, stream: Iterable[Input], made: Iterable[Block]) -> Model:
    """Assert that the engine shows of *made*, the blocks of *stream*, what the model shows of it; return the model."""
    model = model_of(config)
    follower = Follower(replay(model, stream), config.timeframes)
    engine = Kernel(config)
    cursor = cursor_of(engine)
    for block in made:
        walk(cursor, engine, engine.step(block), follower)
    follower.done()
    assert engine.joiner.names() == model.symbols
    for number, name in enumerate(model.symbols):
        assert_same(engine.snapshot(number), model.state(name), config.timeframes)
        assert counted(engine.gate.counts()[number]) == model.state(name).counts
    delivered = [bar.timeframe for bar in model.delivered]
    assert [aggregator.completed for aggregator in engine.aggregators] == [
        delivered.count(aggregator.timeframe) for aggregator in engine.aggregators
    ]
    return model
