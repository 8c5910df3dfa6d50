"""Indicators in a pipeline equal stand-alone ones fed the same bars, at every row; history is in step with bars."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pytest

import mtf
from mtf.indicators import Indicator, create
from mtf.sources import SyntheticMarket

SYMBOLS = ["EURUSD", "GBPUSD", "USDJPY"]
TIMEFRAMES = ("1m", "5m", "1h")
SPECS = ["sma:5", "macd:3,6,4", "rsi:5", "atr:4", "stoch:5,2,2", "obv", "vwap", "pivots", "sma:3@rsi:5"]


def market(events: int = 4_000) -> SyntheticMarket:
    return SyntheticMarket(seed=7, symbols=SYMBOLS, start="2024-03-07", events=events, pace_ms=3_000)


def same(left: Any, right: Any) -> bool:
    """Equal to the bit, NaN to NaN."""
    return bool(left == right or (math.isnan(left) and math.isnan(right)))


class AgainstStandAlone(mtf.Consumer):
    """Feeds indicators of its own with the bars it gets, and compares at every row."""

    def __init__(self) -> None:
        self.own: dict[tuple[str, str], list[Indicator]] = {}
        self.rows = 0
        self.bars = 0

    def items(self, symbol: str, timeframe: str) -> list[Indicator]:
        key = (symbol, timeframe)
        if key not in self.own:
            self.own[key] = [create(spec) for spec in SPECS]
        return self.own[key]

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        state = view[bar.timeframe]
        for item in self.items(bar.symbol, bar.timeframe.name):
            item.update(bar)
            for name, value in zip(item.outputs, item.values(), strict=True):
                assert same(state.completed[name], value)
                assert same(state.live[name], value), "until the next tick live values are the completed ones"
        self.bars += 1

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.rows += 1
        for timeframe in TIMEFRAMES:
            state = view[timeframe]
            partial = state.partial
            assert partial is not None
            for item in self.items(tick.symbol, timeframe):
                for name, value in zip(item.outputs, item.peek(partial), strict=True):
                    assert same(state.live[name], value)
                for name, value in zip(item.outputs, item.values(), strict=True):
                    assert same(state.completed[name], value)


async def test_values_equal_those_of_a_stand_alone_indicator_at_every_row() -> None:
    """Other symbols' rows lie between, blocks hold hundreds of rows: none of it may show."""
    seen = AgainstStandAlone()
    async with mtf.Pipeline(timeframes=TIMEFRAMES, indicators=SPECS, clock="ticks") as pipeline:
        pipeline.add(seen)
        await pipeline.run(market())
    assert seen.rows == 4_000
    assert seen.bars > 200


async def test_history_of_values_is_in_step_with_the_bars() -> None:
    """`history(name)[k]` belongs to `bars[k]`, also once the oldest have fallen out."""
    async with mtf.Pipeline(timeframes=["1m"], indicators=["sma:1"], history=7, clock="ticks") as pipeline:
        await pipeline.run(market())
        for symbol in SYMBOLS:
            state = pipeline.snapshot(symbol)["1m"]
            assert len(state.bars) == 7
            assert list(state.history("sma_1")) == [bar.close for bar in state.bars]


async def test_a_set_may_differ_by_timeframe() -> None:
    """What is asked of one timeframe is neither computed nor found on another."""
    async with mtf.Pipeline(timeframes=TIMEFRAMES, indicators={"5m": ["rsi:3"]}, clock="ticks") as pipeline:
        await pipeline.run(market())
        state = pipeline.snapshot("EURUSD")
        assert list(state["5m"].live) == ["rsi_3"]
        assert list(state["1m"].live) == []
        with pytest.raises(mtf.errors.UnknownIndicator, match="rsi_3"):
            state["1h"].completed["rsi_3"]


@pytest.mark.parametrize(("word", "count"), [("core", 20), ("all", 34), ("none", 0)])
async def test_a_word_for_several_leaves_out_what_makes_no_sense_on_a_timeframe(word: str, count: int) -> None:
    """A volume-weighted price that starts again each day means nothing on a daily bar."""
    for asked in (word, {"1m": word, "1d": word}):
        async with mtf.Pipeline(timeframes=["1m", "1d"], indicators=asked) as pipeline:
            columns = pipeline.config.indicators
        assert [len(specs) for specs in columns] == [count, max(0, count - 1)]
        assert ["vwap" in specs for specs in columns] == [count > 0, False]
    with pytest.raises(mtf.errors.ConfigError, match="vwap makes no sense on 1d"):
        mtf.Config.make(timeframes=["1m", "1d"], indicators={"1d": ["vwap"]})


async def test_live_off_computes_completed_values_only() -> None:
    """A value that was not computed is NaN, never a stale one; completed values and the digest are the same."""
    digests = []
    for live in ("each", "off"):
        async with mtf.Pipeline(timeframes=TIMEFRAMES, indicators=["sma:2"], live=live, clock="ticks") as pipeline:
            summary = await pipeline.run(market())
            state = pipeline.snapshot("EURUSD")["1m"]
            assert state.partial is not None
            assert math.isnan(state.live["sma_2"]) is (live == "off")
            assert not math.isnan(state.completed["sma_2"])
            digests.append(summary.digest)
    assert digests[0] == digests[1]


class RowCounts(mtf.Consumer):
    """Notes the live values of every row."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.found.append(view["1m"].live["sma_2"])


async def test_live_asked_gives_a_consumer_every_row_and_a_snapshot_the_last() -> None:
    """What nobody can look at is not computed; what somebody can is as always."""
    found = {}
    for live in ("each", "asked"):
        rows = RowCounts()
        async with mtf.Pipeline(timeframes=TIMEFRAMES, indicators=["sma:2"], live=live, clock="ticks") as pipeline:
            pipeline.add(rows)
            await pipeline.run(market())
            found[live] = (rows.found, [pipeline.snapshot(symbol)["1m"].live["sma_2"] for symbol in SYMBOLS])
    assert repr(found["each"]) == repr(found["asked"])
    async with mtf.Pipeline(timeframes=TIMEFRAMES, indicators=["sma:2"], live="asked", clock="ticks") as pipeline:
        await pipeline.run(market())
        last = [pipeline.snapshot(symbol)["1m"].live["sma_2"] for symbol in SYMBOLS]
    assert last == found["each"][1]


@pytest.mark.parametrize(
    ("begins", "known"), [("2024-03-05T22:00:00", True), ("2024-03-05T22:00:01", False), ("2024-03-05T12:34:00", False)]
)
async def test_pivots_need_a_day_that_was_seen_from_its_beginning(begins: str, known: bool) -> None:
    """On every timeframe alike, also where the log begins exactly at the start of a bar: the day has begun before."""
    times = [begins, "2024-03-06T10:00:00", "2024-03-06T20:00:00", "2024-03-06T22:00:00"]
    stamps = [int(datetime.datetime.fromisoformat(f"{each}+00:00").timestamp()) * 10**9 for each in times]
    ticks = [mtf.Tick.trade("X", ts_ns, 100.0 + k, 1.0) for k, ts_ns in enumerate(stamps)]
    async with mtf.Pipeline(timeframes=["1m", "1h", "4h", "1d"], indicators=["pivots"], clock="ticks") as pipeline:
        await pipeline.run(iter(ticks[:3]))
        levels = [pipeline.snapshot("X")[name].live["pivots"] for name in ("1m", "1h", "4h", "1d")]
        assert all(map(math.isnan, levels))
        await pipeline.run(iter(ticks[3:]))
        levels = [pipeline.snapshot("X")[name].live["pivots"] for name in ("1m", "1h", "4h", "1d")]
    if begins.startswith("2024-03-05T12"):
        assert levels == [(102.0 + 101.0 + 102.0) / 3.0] * 4  # of the 6th, a whole day by then
    else:
        assert levels == [(102.0 + 100.0 + 102.0) / 3.0] * 4 if known else all(map(math.isnan, levels))


def test_an_indicator_that_fits_no_timeframe_is_an_error() -> None:
    """Left out where others take it, never silently."""
    with pytest.raises(mtf.errors.ConfigError, match="vwap makes no sense on 1d"):
        mtf.Config.make(timeframes=["1d", "1w"], indicators=["sma:5", "vwap"])
    assert mtf.Config.make(timeframes=["1h", "1d"], indicators="sma:5,vwap").indicators == (
        ("sma:5", "vwap"),
        ("sma:5",),
    )
