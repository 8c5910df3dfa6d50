"""Laws of the engine that need no model: nesting, prefixes, block sizes, clock events, states that are carried over."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.bars.bar import Bar
from mtf.config import Config
from mtf.errors import CorruptCheckpoint
from mtf.events.block import Block, cut
from mtf.events.tick import Tick
from mtf.frames.snapshot import Snapshot
from mtf.frames.view import View
from mtf.indicators.catalogue import CORE
from mtf.kernel import Kernel
from tests.builders import Clock, Event, Input, blocks, events, tick_bits
from tests.engine.follower import cursor_of, in_order, partial_fields, walk
from tests.streams import mixed_streams, streams

INDICATORS = ("sma:3", "ema:2", "rsi:2", "macd:2,4,3", "atr:3", "vwap", "obv")
SETS = (("1m", "5m", "15m", "1h", "4h", "1d"), ("1m", "1h", "1d", "1w", "1mo"), ("30s", "7m", "1d"))
ACTIVITY = (("1m", "1d", "2t", "6t", "1v", "3v"), ("5m", "1d", "1t", "5e4d", "0.001r"))


class Diary:
    """Everything that can be seen at every step, as plain values: two runs are the same where their diaries are."""

    def __init__(self, timeframes: Sequence[str]) -> None:
        self._timeframes = timeframes
        self.lines: list[object] = []

    def bar(self, bar: Bar, view: View) -> None:
        self.lines.append(("bar", bar, self._state(view)))

    def tick(self, tick: Tick, view: View) -> None:
        self.lines.append(("tick", tick_bits(tick), self._state(view)))

    def clock(self, ts_ns: int, view: View) -> None:
        self.lines.append(("clock", ts_ns, self._state(view)))

    def reject(self, tick: Tick | None, reason: str, view: View) -> None:
        self.lines.append(("reject", tick and tick_bits(tick), reason, self._state(view)))

    def _state(self, view: View) -> object:
        return (view.seq, view.closing, [state_of(view.of(name).snapshot()) for name in view.symbols])


def state_of(snapshot: Snapshot) -> tuple[object, ...]:
    """Return all that *snapshot* says, as values that compare by their bits."""
    return (
        snapshot.symbol,
        snapshot.seq,
        snapshot.time_ns,
        snapshot.counts,
        [
            (
                state.timeframe.name,
                partial_fields(state.partial),
                list(state.bars),
                [(name, bits(value)) for name, value in state.live.items()],
                [(name, bits(value)) for name, value in state.completed.items()],
                [[bits(value) for value in state.history(name)] for name in state.completed],
            )
            for state in snapshot
        ],
    )


def bits(value: float) -> str:
    return "nan" if math.isnan(value) else value.hex()


def states(engine: Kernel) -> list[tuple[object, ...]]:
    return [state_of(engine.snapshot(number)) for number in range(engine.joiner.count)]


def run(config: Config, made: Sequence[Block], engine: Kernel | None = None) -> tuple[Kernel, list[object]]:
    """Feed *made* to *engine*, or a new one, and return it with its diary."""
    engine = engine or Kernel(config)
    cursor = cursor_of(engine)
    diary = Diary(config.timeframes.names)
    for block in made:
        walk(cursor, engine, engine.step(block), diary)
    return engine, diary.lines


configs = st.builds(
    Config.make,
    timeframes=st.sampled_from((*SETS, *ACTIVITY)),
    calendar=st.sampled_from(("fx", "crypto")),
    overfill=st.sampled_from(("split", "whole")),
    overnight=st.sampled_from(("close", "carry")),
    price=st.sampled_from(("auto", "auto", "bid", "ask")),
    closed=st.sampled_from(("reject", "keep")),
    late=st.sampled_from(("reject", "accept")),
    history=st.sampled_from((1, 3, 1000)),
    live=st.sampled_from(("each", "each", "off")),
    indicators=st.sampled_from((None, INDICATORS, {"1d": "sma:2"})),
)
dense = streams(events_max=40, bad_prices=False)


@given(stream=dense, config=configs)
@settings(max_examples=25)
def test_block_sizes_change_nothing(stream: list[Event], config: Config) -> None:
    """How events were cut into blocks is an accident of load: no state, value or digest may know of it."""
    one, diary = run(config, blocks(stream, size=1))
    for size in (7, 1024):
        other, found = run(config, blocks(stream, size=size))
        assert found == diary
        assert other.digest.value() == one.digest.value()
        assert states(other) == states(one)


@given(stream=mixed_streams(), config=configs)
@settings(max_examples=25)
def test_block_sizes_change_nothing_of_bars_runs_and_live_feeds(stream: list[Input], config: Config) -> None:
    """A block may end within a bar, and a run or a timer may close bars of symbols that have no row in it."""
    stream = in_order(stream, config)
    one, diary = run(config, blocks(stream, size=1, config=config, straddling=[]))
    for size in (2, 7, 1024):
        other, found = run(config, blocks(stream, size=size, config=config, straddling=[]))
        assert found == diary
        assert other.digest.value() == one.digest.value()
        assert states(other) == states(one)


@given(stream=mixed_streams(), config=configs, size=st.sampled_from((1, 3, 1024)), data=st.data())
@settings(max_examples=25)
def test_outputs_of_a_prefix_of_bars_are_a_prefix_too(
    stream: list[Input], config: Config, size: int, data: st.DataObject
) -> None:
    """A bar shows nothing before its events, its close nothing before its high."""
    whole_blocks = blocks(in_order(stream, config), size=size, config=config, straddling=[])
    if not whole_blocks:
        return
    _, whole = run(config, whole_blocks)
    _, found = run(config, whole_blocks[: data.draw(st.integers(1, len(whole_blocks)))])
    assert found == whole[: len(found)]


@given(stream=mixed_streams(), config=configs, size=st.sampled_from((1, 3, 1024)), data=st.data())
@settings(max_examples=40)
def test_engine_that_is_saved_within_a_bar_goes_on_as_if_it_had_not_been(
    stream: list[Input], config: Config, size: int, data: st.DataObject
) -> None:
    """Between the events of a bar, while one is unfinished, in a run, with live symbols: all of it is carried over."""
    made = blocks(in_order(stream, config), size=size, config=config, straddling=[])
    stop = data.draw(st.integers(0, len(made)))
    whole = Kernel(config)
    for block in made[:stop]:
        whole.step(block)
    loaded = Kernel(config)
    loaded.load(whole.save())
    assert loaded.save() == whole.save()
    assert states(loaded) == states(whole)
    _, ours = run(config, made[stop:], whole)
    _, theirs = run(config, made[stop:], loaded)
    assert theirs == ours
    assert loaded.digest.value() == whole.digest.value()
    assert loaded.save() == whole.save()


@given(stream=dense, config=configs, size=st.sampled_from((1, 7, 1024)), data=st.data())
@settings(max_examples=25)
def test_outputs_of_a_prefix_are_a_prefix_of_the_outputs(
    stream: list[Event], config: Config, size: int, data: st.DataObject
) -> None:
    """No look-ahead: what is shown up to an event is the same whatever comes after it."""
    length = data.draw(st.integers(1, len(stream)))
    _, whole = run(config, blocks(stream, size=size))
    prefix, found = run(config, blocks(stream[:length], size=size))
    assert found == whole[: len(found)]
    one_by_one, _ = run(config, blocks(stream[:length], size=1))
    assert states(prefix) == states(one_by_one)


@given(
    stream=streams(events_max=40, clocks=False, late=False),
    config=configs,
    gaps=st.lists(st.sampled_from((0, 0, 1, 2, 3)), min_size=1, max_size=12),
)
@settings(max_examples=25)
def test_clock_events_between_change_no_completed_bar(stream: list[Event], config: Config, gaps: list[int]) -> None:
    """A silent market is closed by the clock, a busy one by its ticks: the bars and their values are the same."""
    events: list[Event] = []
    ticks = [event for event in stream if isinstance(event, Tick)]
    for k, (tick, after) in enumerate(itertools.zip_longest(ticks, ticks[1:])):
        events.append(tick)
        if after is not None:
            parts = gaps[k % len(gaps)]
            events += [Clock(tick.ts_ns + (after.ts_ns - tick.ts_ns) * part // parts) for part in range(1, parts + 1)]
    config = Config.make(
        timeframes=config.timeframes,
        calendar=config.calendars,
        price=config.price,
        closed=config.closed,
        late=config.late,
        overfill=config.overfill,
        overnight=config.overnight,
        history=1000,
        indicators="sma:2,rsi:2",
    )
    without, _ = run(config, blocks(stream))
    with_clocks, _ = run(config, blocks(events))
    assert with_clocks.gate.clocks == len(events) - len(ticks)
    for number in range(without.joiner.count):
        for plain, clocked in zip(without.snapshot(number), with_clocks.snapshot(number), strict=True):
            bars = list(plain.bars)
            assert list(clocked.bars)[: len(bars)] == bars
            for name in plain.completed:
                ours, theirs = plain.history(name), clocked.history(name)
                assert [bits(value) for value in theirs[: len(ours)]] == [bits(value) for value in ours]


@given(
    stream=streams(events_max=60, symbols_max=2),
    calendar=st.sampled_from(("fx", "crypto")),
    closed=st.sampled_from(("reject", "keep")),
    timeframes=st.sampled_from((*SETS, ("1m", "2m", "6m", "12h", "1d", "1mo"))),
)
@settings(max_examples=40)
def test_coarser_bar_is_the_merge_of_its_finer_ones(
    stream: list[Event], calendar: str, closed: str, timeframes: tuple[str, ...]
) -> None:
    """Nesting: each bar is exactly a union of the bars of every shorter timeframe that divides it."""
    config = Config.make(timeframes=timeframes, calendar=calendar, closed=closed)
    engine, _ = run(config, blocks(stream))
    for number in range(engine.joiner.count):
        snapshot = engine.snapshot(number)
        everything = {state.timeframe: [*state.bars, *([state.partial] if state.partial else [])] for state in snapshot}
        for coarse, fine in itertools.combinations(reversed(config.timeframes.items), 2):
            if (fine.intraday and coarse.intraday and coarse.length_ns % fine.length_ns) or fine.name == "1w":
                continue
            left = list(everything[fine])
            for bar in everything[coarse]:
                parts = [part for part in left if bar.start_ns <= part.start_ns < bar.end_ns]
                left = left[len(parts) :]
                assert parts
                assert all(part.end_ns <= bar.end_ns for part in parts)
                assert (bar.open, bar.close) == (parts[0].open, parts[-1].close)
                assert (bar.high, bar.low) == (max(part.high for part in parts), min(part.low for part in parts))
                assert bar.volume == sum(part.volume for part in parts)
                assert bar.ticks == sum(part.ticks for part in parts)
            assert not left


@given(stream=dense, config=configs, size=st.sampled_from((1, 7, 1024)), data=st.data())
@settings(max_examples=40)
def test_engine_that_is_saved_and_loaded_goes_on_as_if_it_had_not_been(
    stream: list[Event], config: Config, size: int, data: st.DataObject
) -> None:
    """A restart from a checkpoint is not an event: nothing that is shown after it differs, nor does the digest."""
    made = blocks(stream, size=size)
    stop = data.draw(st.integers(0, len(made)))
    whole = Kernel(config)
    for block in made[:stop]:
        whole.step(block)
    loaded = Kernel(config)
    loaded.load(whole.save())
    assert loaded.save() == whole.save()
    assert loaded.digest.value() == whole.digest.value()
    assert states(loaded) == states(whole)
    assert [loaded.number_of(name) for name in ("EURUSD", "USDJPY")] == [
        whole.number_of(name) for name in ("EURUSD", "USDJPY")
    ]
    _, ours = run(config, made[stop:], whole)
    _, theirs = run(config, made[stop:], loaded)
    assert theirs == ours
    assert loaded.digest.value() == whole.digest.value()
    assert loaded.save() == whole.save()
    assert states(loaded) == states(whole)


LONG = events(
    " ".join(
        f"{'USDJPY' if k % 5 == 2 else 'EURUSD'}:{8 + k // 60:02}:{k % 60:02}:{k * 7 % 60:02}"
        f"@1.{k * 37 % 89 + 10}x{k % 9}#{k % 50}"
        for k in range(400)
    )
)


@pytest.mark.parametrize("stop", [57, 399])
def test_all_twenty_indicators_are_carried_over(stop: int) -> None:
    """Each has windows, sums and flags of its own, and must come back from bytes to the bit."""
    config = Config.make(calendar="crypto", timeframes=("1m", "15m", "1h"), history=20, indicators=CORE)
    made = blocks(LONG, size=400)[0]
    before, after = cut(made, stop)
    whole = Kernel(config)
    whole.step(before)
    loaded = Kernel(config)
    loaded.load(whole.save())
    _, ours = run(config, [after], whole)
    _, theirs = run(config, [after], loaded)
    assert theirs == ours
    assert loaded.digest.value() == whole.digest.value()


def saved() -> tuple[Config, dict[str, bytes]]:
    config = Config.make(calendar="crypto", timeframes=("1m", "1h"), history=3, indicators="sma:3")
    engine = Kernel(config)
    for block in blocks(LONG[:100], size=100):
        engine.step(block)
    return config, engine.save()


PARTS = [
    "gate",
    "bars:1m",
    "completed bars:1m",
    "bars:1h",
    "completed bars:1h",
    "indicators:1m",
    "values:1m",
    "completed values:1m",
    "indicators:1h",
    "values:1h",
    "completed values:1h",
    "joiner",
    "digest",
]


def test_saved_state_has_a_part_for_every_core() -> None:
    """Actors save a core each: the names are where a checkpoint finds them again."""
    _, parts = saved()
    assert list(parts) == PARTS


@pytest.mark.parametrize("name", PARTS)
def test_damaged_part_of_a_state_is_refused(name: str) -> None:
    """A checkpoint that lies must not become a shorter history: cut anywhere, extended, or gone, it says so."""
    config, parts = saved()
    data = parts[name]
    for damaged in (b"", *(data[:length] for length in range(0, len(data), max(1, len(data) // 40))), data + b"\0" * 8):
        if damaged != data:
            with pytest.raises(CorruptCheckpoint):
                Kernel(config).load({**parts, name: damaged})
    with pytest.raises(CorruptCheckpoint, match=f"the state of {name} is missing"):
        Kernel(config).load({other: part for other, part in parts.items() if other != name})


def test_state_of_a_shorter_history_is_loaded_into_a_longer_one_only() -> None:
    """Windows are bounded by the configuration: a state with more than it allows is none of its own."""
    _, parts = saved()
    shorter = Config.make(calendar="crypto", timeframes=("1m", "1h"), history=2, indicators="sma:3")
    with pytest.raises(CorruptCheckpoint):
        Kernel(shorter).load(parts)
