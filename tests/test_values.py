"""Values that users hold: they cannot be changed, in either build, and can be copied and pickled."""

from __future__ import annotations

import asyncio
import copy
import datetime
import importlib
import pickle
from typing import Any

import pytest

import mtf
from mtf.indicators import create, create_set

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


def again(value: Any) -> list[Any]:
    """Return *value* copied, copied deeply and pickled."""
    return [copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))]


def told(snapshot: mtf.Snapshot) -> str:
    """Return all that a snapshot answers, as a text, in which NaN is NaN."""
    parts = [
        (
            *(state.symbol, state.timeframe, state.time_ns, state.partial, list(state.bars), state.live),
            *(state.completed, state.outputs, state.bars_seen),
            [list(state.history(output.name)) for output in state.outputs],
        )
        for state in snapshot
    ]
    return repr((snapshot.symbol, snapshot.seq, snapshot.time_ns, snapshot.side, snapshot.counts, len(snapshot), parts))


MINUTE_NS = 60_000_000_000
MORNING_NS = 1_709_719_200_000_000_000


async def snapshots() -> list[mtf.Snapshot]:
    """Return snapshots before and after a first bar, with values that are there and not yet, and of a rejected tick."""
    found = []
    settings: Any = {"timeframes": "1m,5m,1d", "indicators": ["sma:2", "rsi:3@sma:2", "vwap"], "history": 3}
    async with mtf.Pipeline(clock="ticks", **settings) as pipeline:
        await pipeline.push(mtf.Tick("X", MORNING_NS, -1.0, -1.0))
        found.append(pipeline.snapshot("X"))
        for minute in range(9):
            await pipeline.push(
                mtf.Tick("X", MORNING_NS + minute * MINUTE_NS + 1, 1.0 + minute, 1.5 + minute, 1.0, 2.0)
            )
            found.append(pipeline.snapshot("X"))
        await pipeline.clock(MORNING_NS + 10 * MINUTE_NS)
        found.append(pipeline.snapshot("X"))
    async with mtf.Pipeline(clock="ticks") as pipeline:  # without indicators
        await pipeline.push(mtf.Tick.trade("X", MORNING_NS, 1.0))
        found.append(pipeline.snapshot("X"))
    return found


async def test_a_snapshot_survives_copy_and_pickle() -> None:
    """A process that draws, or trades, is sent what the pipeline's knows."""
    for snapshot in await snapshots():
        for other in again(snapshot):
            assert type(other) is mtf.Snapshot
            assert told(other) == told(snapshot)
        for state in snapshot:
            for part in (state, state.live, state.completed, state.bars):
                for other in again(part):
                    assert type(other) is type(part)
                    assert repr(other) == repr(part)
            assert [bars == state.bars for bars in again(state.bars)] == [True] * 3
            assert [repr(values.items()) for values in again(state.live)] == [repr(state.live.items())] * 3
        restored = pickle.loads(pickle.dumps(snapshot))
        assert repr(restored["1m"].partial) == repr(snapshot["1m"].partial)
        with pytest.raises(mtf.errors.UnknownTimeframe):
            restored["2h"]


async def test_what_is_pickled_of_a_snapshot_is_what_it_shows() -> None:
    """Not the whole block that it was made of, nor the calendar of its symbol."""
    snapshot = (await snapshots())[-2]
    assert len(pickle.dumps(snapshot)) < 6_000
    assert b"WeeklyCalendar" not in pickle.dumps(snapshot)


CALENDARS = ["fx", "crypto", "us_futures", "us_equities", "cn_futures_0230"]


@pytest.mark.parametrize("name", CALENDARS)
def test_a_calendar_and_a_configuration_survive_copy_and_pickle(name: str) -> None:
    calendar = mtf.calendars.get(name)
    config = mtf.Config.make(calendar={"A*": name, "*": "fx"}, indicators="sma:2", prices="any")
    day, span = calendar.day_at(MORNING_NS), calendar.span_at(MORNING_NS)
    for value in (calendar, mtf.CalendarMap({"*": name}), config):
        assert [type(other) is type(value) and other == value for other in again(value)] == [True] * 3
    for part in (day, span):
        assert [repr(other) for other in again(part)] == [repr(part)] * 3
    assert [other.to_json() for other in again(config)] == [config.to_json()] * 3
    assert [other.gap(MORNING_NS, MORNING_NS + 86_400_000_000_000) for other in again(calendar)] == [
        calendar.gap(MORNING_NS, MORNING_NS + 86_400_000_000_000)
    ] * 3


@pytest.mark.parametrize("specs", [["rsi:3"], ["sma:2@rsi:3"], ["pivots:woodie", "sma:2@rsi:3", "rsi:3"]], ids=repr)
def test_an_indicator_survives_copy_and_pickle_and_goes_its_own_way(specs: list[str]) -> None:
    alone, items = create(specs[0]), create_set(specs)
    bars = [mtf.Bar(**{**BAR, "close": 1.0 + 0.25 * k, "start_ns": k}) for k in range(8)]
    for bar in bars[:5]:
        alone.update(bar)
        items.update(bar)
    for indicator in (alone, items):
        others: list[Any] = again(indicator)
        assert [other.save() == indicator.save() for other in others] == [True] * 3
        for bar in bars[5:]:
            others[0].update(bar)
        assert others[0].save() != indicator.save() == others[1].save()
        for bar in bars[5:]:
            indicator.update(bar)
        assert others[0].save() == indicator.save()


async def test_a_view_and_a_frame_refuse_to_be_copied_or_pickled() -> None:
    """A view is dead after its callback, and so would a copy be; the message says what to keep."""
    refused: list[str] = []

    def refuse(value: Any) -> None:
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError) as caught:
                attempt(value)
            refused.append(str(caught.value))

    class Looker(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            refuse(view)
            refuse(view.of("X"))

    class Framer(mtf.Consumer):
        def on_frame(self, frame: mtf.Frame) -> None:
            refuse(frame)

    async with mtf.Pipeline(clock="ticks") as pipeline:
        pipeline.add(Looker())
        pipeline.add(Framer())
        await pipeline.push(mtf.Tick("X", MORNING_NS, 1.0, 1.1))
        await pipeline.drain()
    views = [text for text in refused if "view.snapshot()" in text]
    frames = [text for text in refused if text.startswith("a frame cannot be copied or pickled")]
    assert (len(views), len(frames), len(refused)) == (6, 3, 9)


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


def test_usual_timeframes_are_attributes_and_listed() -> None:
    """An editor completes `mtf.Timeframe.` and a menu is made of `list(mtf.Timeframe)`, shortest first."""
    assert [each.name for each in mtf.Timeframe] == ["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1mo"]
    assert mtf.Timeframe.H1 is list(mtf.Timeframe)[4]
    assert (mtf.Timeframe.H1.name, mtf.Timeframe.MN1.length_ns) == ("1h", 31 * 86_400 * 10**9)
    assert len(mtf.Timeframe) == 9
    assert mtf.Timeframe("1h") in list(mtf.Timeframe)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        *[("1H", "1h"), ("60M", "1h"), ("60Min", "1h"), ("h1", "1h"), ("HOURLY", "1h"), ("Hour", "1h")],
        *[("M5", "5m"), ("m5", "5m"), ("5M", "5m"), ("30S", "30s"), ("90sec", "90s"), ("H4", "4h")],
        *[("Daily", "1d"), ("d1", "1d"), ("1D", "1d"), ("Week", "1w"), ("1W", "1w")],
        *[("1MO", "1mo"), ("1Mo", "1mo"), ("MN1", "1mo"), ("monthly", "1mo")],
    ],
)
def test_timeframes_are_accepted_in_any_case(written: str, name: str) -> None:
    """Terminals, libraries and people spell them in their own ways; the canonical name stays what it is."""
    assert mtf.Timeframe(written).name == name


@pytest.mark.parametrize("written", ["1M", "2d", "D2", "M0", "h24", "1 h", "", "hours", "5", "1hh"])
def test_an_ambiguous_or_unknown_timeframe_is_refused(written: str) -> None:
    """`1M` is a month at one exchange and a minute at another: a guess would give other bars."""
    with pytest.raises(mtf.errors.UnknownTimeframe, match="invalid timeframe"):
        mtf.Timeframe(written)


def test_indicators_are_accepted_in_any_case_and_stay_canonical() -> None:
    """Nothing that is written down differs: a directory continues whichever way its settings are spelled."""
    create = mtf.indicators.create
    assert create("SMA:20").spec == "sma:20"
    assert create(" RSI:Period=14").spec == "rsi:14"
    assert create("SMA:10@MACD:12,26,9/Signal").spec == "sma:10@macd:12,26,9/signal"
    spelled = mtf.Config.make(timeframes=["M1", "Daily", "1H"], indicators="SMA:20,Macd:12,26,9,RSI")
    assert (
        spelled.to_json()
        == mtf.Config.make(timeframes=["1m", "1h", "1d"], indicators="sma:20,macd:12,26,9,rsi").to_json()
    )
    for word in ("all", "core", "none"):
        assert mtf.Config.make(indicators=word.upper()).to_json() == mtf.Config.make(indicators=word).to_json()


def test_an_own_indicator_with_capitals_is_found_by_its_name_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that differ only by case are both reachable, and a third spelling is refused rather than guessed."""
    module = importlib.import_module("mtf.indicators.catalogue")
    monkeypatch.setattr(module, "_REGISTERED", {})
    for name in ("Edge", "edge", "Lone"):
        declares = mtf.indicators.Declaration(name=name, title="t", group="own", formula="f", source="s")
        module.register(
            type(name, (mtf.indicators.PythonIndicator,), {"declares": declares, "step": lambda self, bar: 1.0})
        )
    assert (module.create("Edge").spec, module.create("edge").spec, module.create("LONE").spec) == (
        "Edge",
        "edge",
        "Lone",
    )
    with pytest.raises(mtf.errors.UnknownIndicator, match="EDGE"):
        module.create("EDGE")


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
        "calendars: CalendarMap({'*': fx}) in the log, CalendarMap({'*': crypto}) requested",
        "indicators: cci:20 in the log, cci:21 requested",
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
        assert here.differences(there) == ['timeframes: ["1m","5m"] in the log, ["1m","5m","1h"] requested']
