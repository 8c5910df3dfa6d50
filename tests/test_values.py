"""Values that users hold: they cannot be changed, in either build, and can be copied and pickled."""

from __future__ import annotations

import asyncio
import copy
import datetime
import pickle
from typing import Any

import pytest

import mtf

BAR: dict[str, Any] = {
    "symbol": "X",
    "timeframe": mtf.Timeframe("1h"),
    "start_ns": 0,
    "end_ns": 3_600_000_000_000,
    "open": 1.0,
    "high": 3.0,
    "low": 0.5,
    "close": 2.0,
    "volume": 4.0,
    "ticks": 5,
    "trading_day": datetime.date(1970, 1, 1),
    "first": True,
    "from_bars": True,
    "gap": mtf.Gap(closed_ns=7),
}
VALUES = [
    mtf.Bar(**BAR),
    mtf.PartialBar(time_ns=60, **BAR),
    mtf.Tick("X", 1, 1.0, 2.0, 3.0, 4.0, id="a"),
    mtf.Tick("X", 1, price=1.0, size=2.0, from_bar=True, received_ns=-7),
    mtf.Gap(silence_ns=1, break_ns=2),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_survives_copy_and_pickle(value: Any) -> None:
    """Users hand bars to other threads and processes, and keep them in files of their own."""
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert type(other) is type(value)
        assert other == value


@pytest.mark.parametrize(
    ("value", "name"), [(VALUES[0], "close"), (VALUES[1], "high"), (VALUES[1], "time_ns"), (VALUES[2], "bid")]
)
def test_a_value_cannot_be_changed(value: Any, name: str) -> None:
    """A consumer that rewrites a bar would rewrite it for everyone, the history on disk included."""
    with pytest.raises(AttributeError, match="not writable"):
        setattr(value, name, 9.0)


async def test_a_snapshot_cannot_be_changed() -> None:
    """Its seq and symbol say what it is."""
    async with mtf.Pipeline(clock="ticks") as pipeline:
        await pipeline.push(mtf.Tick("X", 1_709_719_200_000_000_000, 1.0, 1.1))
        snapshot: Any = pipeline.snapshot("X")
        with pytest.raises(AttributeError, match="not writable"):
            snapshot.seq = 7
        assert "1m" in snapshot
        assert "2m" not in snapshot


def test_a_timeframe_equals_its_name() -> None:
    """`if bar.timeframe == "1h"` is what people write."""
    assert mtf.Timeframe("60m") == "1h"
    assert mtf.Timeframe("1h") != "60m"
    assert {"1h": 1}[mtf.Timeframe("1H")] == 1  # type: ignore[index]


async def test_nothing_is_asked_of_a_pipeline_before_its_start() -> None:
    """A clear error beats a missing attribute."""
    pipeline = mtf.Pipeline()
    with pytest.raises(mtf.errors.PipelineStopped, match="async with"):
        pipeline.snapshot("X")
    assert pipeline.seq == 0


def test_another_configuration_is_told_by_what_differs() -> None:
    """Two long lists that look alike do not say what to fix."""
    there = mtf.Config.make(indicators=["sma:20", "stoch:14,1,3", "cci:20"])
    asked = mtf.Config.make(indicators=["sma:20", "stoch:14,1,3", "cci:21"], calendar="crypto")
    assert asked.differences(there) == [
        "calendars: CalendarMap({'*': fx}) there, CalendarMap({'*': crypto}) asked for",
        "indicators: cci:20 there, cci:21 asked for",
    ]


async def test_a_reader_of_bars_that_is_let_go_of_holds_up_nobody() -> None:
    """Breaking out of the loop is ordinary use: the pipeline must not wait for who reads no more."""
    async with mtf.Pipeline(clock="ticks") as pipeline:

        async def first_bar() -> mtf.Bar:
            async for bar in pipeline.bars("1m", limit=1):
                return bar
            raise AssertionError("a bar has closed")

        reading = asyncio.create_task(first_bar())
        await asyncio.sleep(0)
        for minute in range(40):
            await pipeline.push(mtf.Tick("X", 1_709_719_200_000_000_000 + minute * 60_000_000_000, 1.0, 1.1))
            await asyncio.sleep(0)
        assert (await reading).start_ns == 1_709_719_200_000_000_000
        await pipeline.drain()


def test_timeframes_may_be_one_string() -> None:
    """As on the command line."""
    assert mtf.Config.make(timeframes="1m, 1h") == mtf.Config.make(timeframes=["1m", "1h"])


def test_indicators_do_not_differ_where_only_timeframes_do() -> None:
    """One cause, one line."""
    for specs in (None, ["sma:5"]):
        there, here = (mtf.Config.make(timeframes=names, indicators=specs) for names in ("1m,5m", "1m,5m,1h"))
        assert here.differences(there) == ['timeframes: ["1m","5m"] there, ["1m","5m","1h"] asked for']
