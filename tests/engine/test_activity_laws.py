"""Laws of bars of activity: their union is the stream, and longer ones are unions of shorter ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mtf
from mtf.bars.activity import FILLED_MAX
from mtf.bars.bar import Bar
from mtf.config import Config
from mtf.errors import ConfigError, CorruptCheckpoint, MtfError, UnknownTimeframe
from mtf.events.tick import Tick
from mtf.kernel import Kernel
from mtf.timeframe import TICKS, Timeframe, TimeframeSet
from tests.builders import DAY_NS, Event, at, blocks, ticks
from tests.streams import streams

START = at("2024-03-06 10:00")
NESTED = (("2t", "6t", "12t"), ("1v", "3v", "0.25v"), ("2e4d", "8e4d"))


def engine_of(stream: Sequence[Event], **settings: object) -> Kernel:
    engine = Kernel(Config.make(calendar="crypto", **settings))  # type: ignore[arg-type]
    for block in blocks(stream):
        engine.step(block)
    return engine


def all_bars(engine: Kernel, number: int, timeframe: str) -> list[Bar]:
    state = engine.snapshot(number)[timeframe]
    return [*state.bars, *([state.partial] if state.partial else [])]


@given(
    stream=streams(events_max=60),
    overfill=st.sampled_from(("split", "whole")),
    overnight=st.sampled_from(("close", "carry")),
    late=st.sampled_from(("reject", "accept")),
)
@settings(max_examples=40)
def test_the_union_of_bars_is_the_stream(stream: list[Event], overfill: str, overnight: str, late: str) -> None:
    """Nothing that a bar of time has is missing from those of activity, and nothing is in two of them."""
    names = ("1d", "1t", "3t", "1v", "5e4d", "0.001r")
    engine = engine_of(stream, timeframes=names, overfill=overfill, overnight=overnight, late=late)
    for number in range(engine.joiner.count):
        days = all_bars(engine, number, "1d")
        for name in names[1:]:
            bars = all_bars(engine, number, name)
            assert sum(bar.ticks for bar in bars) == sum(day.ticks for day in days)
            assert math.isclose(sum(bar.volume for bar in bars), sum(day.volume for day in days), rel_tol=1e-12)
            if days:
                assert bars[0].open == days[0].open
                # A late tick changes no close, but opens a bar if none forms.
                assert late == "accept" or bars[-1].close == days[-1].close
                assert max(bar.high for bar in bars) == max(day.high for day in days)
                assert min(bar.low for bar in bars) == min(day.low for day in days)
            for before, bar in itertools.pairwise(bars):
                assert before.start_ns <= bar.start_ns
                assert before.end_ns <= bar.end_ns
                assert bar.start_ns >= before.end_ns - 1


@given(
    stream=streams(events_max=60, symbols_max=2),
    names=st.sampled_from(NESTED),
    overnight=st.sampled_from(("close", "carry")),
)
@settings(max_examples=60)
def test_longer_bar_is_the_merge_of_its_shorter_ones(
    stream: list[Event], names: tuple[str, ...], overnight: str
) -> None:
    """Each boundary of the longer is one of the shorter, whatever the sizes of trades."""
    engine = engine_of(stream, timeframes=names, overnight=overnight)
    sizes = sorted(map(Timeframe, names))
    for number in range(engine.joiner.count):
        for fine, coarse in itertools.combinations(sizes, 2):
            parts = all_bars(engine, number, fine.name)
            for bar in all_bars(engine, number, coarse.name):
                taken: list[Bar] = []
                while parts and not _is_whole(bar, taken, fine):
                    taken.append(parts.pop(0))
                assert taken
                assert taken[0].start_ns == bar.start_ns
                assert taken[-1].end_ns <= bar.end_ns
                assert (bar.open, bar.close) == (taken[0].open, taken[-1].close)
                assert (bar.high, bar.low) == (max(part.high for part in taken), min(part.low for part in taken))
                assert math.isclose(bar.volume, math.fsum(part.volume for part in taken), rel_tol=1e-12)
                assert bar.ticks == sum(part.ticks for part in taken)
            assert not parts


def _is_whole(bar: Bar, taken: Sequence[Bar], fine: Timeframe) -> bool:
    """Whether *taken* are all of *bar*: by what fills it; one that was not filled has all ticks of its day, too."""
    if fine.kind == TICKS:
        return sum(part.ticks for part in taken) == bar.ticks
    volume = math.fsum(part.volume for part in taken)
    is_full = bar.volume * (1 - 1e-12) <= volume
    return is_full and sum(part.ticks for part in taken) >= bar.ticks


def trades(sizes: Sequence[float], prices: Sequence[float] = (), step_ns: int = 1) -> list[Event]:
    prices = prices or [1.0] * len(sizes)
    return [
        Tick("X", START + k * step_ns, price=price, size=size)
        for k, (size, price) in enumerate(zip(sizes, prices, strict=True))
    ]


def volumes(stream: Sequence[Event], name: str, **settings: object) -> list[float]:
    return [bar.volume for bar in all_bars(engine_of(stream, timeframes=name, **settings), 0, name)]


def test_ten_trades_of_a_tenth_fill_a_bar_of_one() -> None:
    """Decimals are rarely binary fractions: what is a rounding error short of full is full, also after many bars."""
    for size, name in ((0.1, "1v"), (0.7, "7v"), (0.3, "3v")):
        stream = trades([size] * 10_000)
        for overfill in ("split", "whole"):
            bars = all_bars(engine_of(stream, timeframes=name, overfill=overfill, history=2000), 0, name)
            assert [bar.ticks for bar in bars] == [10] * 1000
    prices = [1.1001, 1.1002]
    found = all_bars(engine_of(trades([1.0] * 2, prices), timeframes="0.0001r"), 0, "0.0001r")
    assert [bar.completed for bar in found] == [True]


def test_a_trade_is_split_or_left_whole() -> None:
    assert volumes(trades([3.0, 9.0, 2.0]), "5v") == [5.0, 5.0, 4.0]
    assert volumes(trades([3.0, 9.0, 2.0]), "5v", overfill="whole") == [12.0, 2.0]
    bars = all_bars(engine_of(trades([3.0, 9.0, 2.0]), timeframes="2v"), 0, "2v")
    assert [bar.volume for bar in bars] == [2.0] * 7
    assert [bar.ticks for bar in bars] == [1, 1, 0, 0, 0, 0, 1]
    assert sum(bar.ticks for bar in bars) == 3


def test_dollars_are_price_times_volume() -> None:
    stream = trades([2.0, 5.0, 1.0], [10.0, 20.0, 40.0])  # 20, 100, 40
    assert volumes(stream, "5e1d") == [3.5, 2.5, 1.75, 0.25]
    assert volumes(stream, "5e1d", overfill="whole") == [7.0, 1.0]
    below = trades([2.0, 1.0], [-30.0, -10.0])
    assert volumes(below, "6e1d", prices="any") == [2.0, 1.0]


def test_one_event_fills_a_bounded_number_of_bars() -> None:
    """Memory does not grow with a size: what is left over stays in the last bar, and counting begins again."""
    found = volumes(trades([0.5, FILLED_MAX * 10.0, 0.25, 1.0]), "1v", history=2000)
    assert len(found) == FILLED_MAX + 2
    assert found[: FILLED_MAX - 1] == [1.0] * (FILLED_MAX - 1)
    assert found[FILLED_MAX - 1] == FILLED_MAX * 9.0 + 1.5
    assert found[FILLED_MAX:] == [1.0, 0.25]


def test_a_bar_ends_with_its_day_or_is_carried_over() -> None:
    stream = [Tick("X", START + k * DAY_NS // 4, price=1.0 + k, size=1.0) for k in range(6)]
    closed = all_bars(engine_of(stream, timeframes="4t"), 0, "4t")
    assert [(bar.ticks, bar.end_ns % DAY_NS == 0) for bar in closed] == [(3, True), (3, False)]
    assert closed[0].gap is None
    assert closed[1].trading_day is not None
    carried = all_bars(engine_of(stream, timeframes="4t", overnight="carry"), 0, "4t")
    assert [bar.ticks for bar in carried] == [4, 2]


def test_what_a_day_has_does_not_depend_on_when_the_log_began() -> None:
    stream = [Tick("X", START + k * DAY_NS // 50, price=1.0, size=1.0) for k in range(200)]
    whole, later = (engine_of(part, timeframes="3t,2v") for part in (stream, stream[7:]))
    for name in ("3t", "2v"):
        ours, theirs = ([bar for bar in all_bars(each, 0, name) if not bar.day_incomplete] for each in (whole, later))
        assert ours[1:] == theirs[1:]
        assert len(ours) > 50


def test_names_are_made_canonical() -> None:
    named = {"100T": None, "5e3v": "5000v", "0.0010r": "0.001r", "2.50E6D": "2.5e6d", "100t": "100t", "0.5V": "0.5v"}
    for name, canonical in named.items():
        if canonical is None:
            with pytest.raises(UnknownTimeframe, match="100t for ticks, or 100m for minutes"):
                Timeframe(name)
        else:
            assert (Timeframe(name).name, Timeframe(canonical).name) == (canonical, canonical)
            assert Timeframe(name) == canonical
    order = TimeframeSet(["0.1r", "1e6d", "100t", "1d", "5v", "20t", "1m"]).names
    assert order == ["1m", "1d", "20t", "100t", "5v", "1e6d", "0.1r"]


@pytest.mark.parametrize(
    "name", ["0t", "1.5t", "1e20v", "0.0000000001r", "1e-12r", "2d", "1e6", "-5v", "t", "1e999d", "nanv", "1e9999999t"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownTimeframe, match="invalid timeframe"):
        Timeframe(name)


def test_bars_as_input_are_refused() -> None:
    bar = mtf.Bar(
        symbol="X",
        timeframe=mtf.Timeframe("1m"),
        start_ns=START,
        end_ns=START + 60 * 10**9,
        open=1.0,
        high=1.0,
        low=1.0,
        close=1.0,
    )
    with pytest.raises(ConfigError, match="in which there are no ticks: no bars of 5t can be built"):
        mtf.Engine(timeframes="1m,5t", calendar="crypto").bar(bar)
    of_ticks = mtf.Bar(
        symbol="X",
        timeframe=mtf.Timeframe("5t"),
        start_ns=START,
        end_ns=START + 1,
        open=1.0,
        high=1.0,
        low=1.0,
        close=1.0,
    )
    with pytest.raises(ConfigError, match="only bars of time can be given"):
        mtf.Engine(timeframes="1m", calendar="crypto").bar(of_ticks)


def test_ticks_after_bars_count_alone() -> None:
    """In an engine that has begun with a tick, bars as input enter those of time, and no other."""
    engine = mtf.Engine(timeframes="1m,3t", calendar="crypto")
    for tick in ticks("10:00:01@1 10:00:02@2"):
        engine.tick(tick.symbol, tick.ts_ns, tick.bid, tick.ask)
    start_ns = at("2024-03-06 10:01")
    engine.bar(
        mtf.Bar(
            symbol="EURUSD",
            timeframe=mtf.Timeframe("1m"),
            start_ns=start_ns,
            end_ns=start_ns + 60 * 10**9,
            open=1.0,
            high=4.0,
            low=1.0,
            close=1.0,
        )
    )
    partial = engine.snapshot("EURUSD")["3t"].partial
    assert partial is not None
    assert (partial.ticks, partial.high, partial.from_bars) == (2, 2.0, False)
    assert partial.progress == 2 / 3
    assert partial.remaining_ns == 0


def test_a_state_with_impossible_sums_is_refused() -> None:
    config = Config.make(calendar="crypto", timeframes="1m,5v")
    engine = Kernel(config)
    for block in blocks(trades([3.0, 9.0, 2.0])):
        engine.step(block)
    parts = engine.save()
    assert "bars:5v" in parts
    data = parts["bars:5v"]
    for damaged in (b"", *(data[:length] for length in range(0, len(data), 7)), data + b"\0" * 8):
        if damaged != data:
            with pytest.raises(CorruptCheckpoint):
                Kernel(config).load({**parts, "bars:5v": damaged})
    assert issubclass(CorruptCheckpoint, MtfError)


def test_bounds_of_rows_know_nothing_of_later_ones() -> None:
    """A bar of activity ends, for a row, as if that were its last event: not where a later row fills it."""
    stream = [Tick("X", START + k * 7, price=1.0 + k % 3, size=1.0) for k in range(40)]
    config = Config.make(calendar="crypto", timeframes="1m,3t,2v")
    one_by_one, at_once = Kernel(config), Kernel(config)
    rows = [one_by_one.step(block) for block in blocks(stream, size=1)]
    [*halves] = [at_once.step(block) for block in blocks(stream, size=20)]
    for rank in range(3):
        found = [pair for frame in halves for pair in zip(*map(list, frame.bounds(rank)), strict=True)]
        assert found == [pair for frame in rows for pair in zip(*map(list, frame.bounds(rank)), strict=True)]
