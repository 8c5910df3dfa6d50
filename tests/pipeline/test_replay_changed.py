"""A log under another configuration: what it would have given, were it run so from the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

import mtf
from mtf.errors import ConfigError, ConfigMismatch, StraddlingBar
from mtf.indicators import CORE
from tests.builders import at
from tests.pipeline.test_replay import Bars, all_bits, pipeline
from tests.storage.builders import feed, market

EVENTS: Final = market(31, 300)
OLD: Final[dict[str, Any]] = {"indicators": ["sma:3", "rsi:4"], "timeframes": "1m,5m,1h"}
CHANGES: Final[list[dict[str, Any]]] = [
    {"indicators": "ema:5"},
    {"timeframes": "30s,15m,2h"},
    {"timeframes": "5m,1d", "indicators": None},
    {"calendar": "crypto"},
    {"late": "accept", "closed": "keep", "price": "bid", "history": 3},
    {"prices": "any", "delay_ns": 5, "price_max": 1e6, "live": "off", "anchor": "utc"},
]


async def logged(data: Path) -> Path:
    async with pipeline(data, **OLD) as p:
        await feed(p, EVENTS)
    return data


@pytest.mark.parametrize("changes", CHANGES, ids=repr)
async def test_changed_replay_is_a_run_under_the_other_configuration(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Bars, values, verdicts and digest, from the first event or from one in the middle."""
    log = await logged(tmp_path / "log")
    config = mtf.open(log).config.changed(**changes)
    wanted = Bars()
    async with pipeline(config=config) as p:
        p.add(wanted)
        await feed(p, EVENTS)
        await p.drain()
        expected = (p.digest, all_bits(p), p.summary().rejected, p.summary().bars)
    for start in (1, 120):
        found = Bars()
        async with pipeline(config=config) as p:
            p.add(found)
            summary = await p.replay(log, start=start, changed=True)
            assert (p.digest, all_bits(p), summary.rejected, summary.bars) == expected
            assert [note for note in p.notes if "the digest is expected to differ" in note and str(log) in note]
        assert found.told == [each for each in wanted.told if each[0] >= start]
    async with pipeline(**OLD) as p:
        assert (await p.replay(log)).digest != expected[0]


def test_changed_configuration_is_what_make_gives() -> None:
    """With indicators named, nothing of the old one but what was not given."""
    old = mtf.Config.make(**OLD)
    for changes in CHANGES:
        changed = old.changed(**{"indicators": OLD["indicators"], **changes})
        assert changed == mtf.Config.make(**{**OLD, **changes})
        assert changed.to_json() == mtf.Config.make(**{**OLD, **changes}).to_json()
    assert old.changed() == old


def test_indicators_follow_their_timeframes_unless_they_are_named() -> None:
    old = mtf.Config.make(timeframes="1m,1h", indicators={"1m": "sma:3", "1h": "rsi:4"})
    assert old.changed(timeframes="1m,5m,1h").indicators == (("sma:3",), ("sma:3", "rsi:4"), ("rsi:4",))
    assert old.changed(timeframes="1h").indicators == (("rsi:4",),)


def test_what_is_not_a_setting_is_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting colour; choose from timeframes, calendar, price"):
        mtf.Config.make().changed(colour="red")
    with pytest.raises(ConfigError, match="price must be one of"):
        mtf.Config.make().changed(price="middle")


async def test_other_configuration_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    """And an equal one is the same one, whatever is meant."""
    log = await logged(tmp_path / "log")
    async with pipeline(indicators="ema:5", timeframes=OLD["timeframes"]) as p:
        with pytest.raises(
            ConfigMismatch, match=r"indicators: sma:3, rsi:4 in the log, ema:5 requested; .*changed=True"
        ):
            await p.replay(log)
    async with pipeline(**OLD) as p:
        summary = await p.replay(log, changed=True)
        assert [note for note in p.notes if "the digest is expected to differ" in note] == []
    async with pipeline(**OLD) as p:
        assert (await p.replay(log)).digest == summary.digest


async def test_start_after_the_end_is_refused_under_another_configuration_too(tmp_path: Path) -> None:
    log = await logged(tmp_path / "log")
    async with pipeline(indicators="ema:5") as p:
        with pytest.raises(ConfigError, match="the log ends at seq 300"):
            await p.replay(log, start=400, changed=True)


async def test_bars_given_as_input_must_fit_the_other_timeframes(tmp_path: Path) -> None:
    """An hour cannot be cut: where it straddles two bars, none of them would be right."""
    hour = 3_600_000_000_000
    bars = [
        mtf.Bar(
            symbol="X",
            timeframe=mtf.Timeframe("1h"),
            start_ns=at("10:00") + k * hour,
            end_ns=at("11:00") + k * hour,
            open=1.0,
            high=2.0,
            low=1.0,
            close=2.0,
        )
        for k in range(6)
    ]
    log = tmp_path / "log"
    async with pipeline(log, timeframes="1h,4h", calendar="crypto") as p:
        for bar in bars:
            await p.push(bar)
    own = mtf.open(log).config
    with pytest.raises(StraddlingBar):
        async with pipeline(config=own.changed(timeframes="90m")) as p:
            await p.replay(log, changed=True)
    with pytest.raises(StraddlingBar):
        mtf.resample(log, "90m")["90m"].to_dicts()
    with pytest.raises(ConfigError, match="no bars of 5m can be built from them"):
        mtf.resample(log, "5m,1h")
    assert len(list(mtf.resample(log, "2h")["2h"])) == 2


@pytest.mark.parametrize("asked", ["all", {"1m": "all", "1d": "core"}], ids=repr)
async def test_all_replays_a_directory_of_the_former_twenty(tmp_path: Path, asked: Any) -> None:
    """As a start goes on with it: with the twenty that it has, and a note."""
    made: dict[str, Any] = {"timeframes": "1m,1d"}
    async with pipeline(tmp_path / "log", indicators=list(CORE), **made) as p:
        await feed(p, EVENTS[:100])
        await p.drain()
        expected = (p.digest, all_bits(p))
    for start in (1, 50):
        found = Bars()
        async with pipeline(indicators=asked, **made) as p:
            p.add(found)
            await p.replay(tmp_path / "log", start=start)
            assert (p.digest, all_bits(p)) == expected
            assert p.config.indicators == mtf.open(tmp_path / "log").config.indicators
            assert [note for note in p.notes if 'the twenty indicators that "all" meant' in note]
        assert found.told
    async with pipeline(indicators="all", workers=1, **made) as p:
        with pytest.raises(ConfigMismatch, match="with workers, request these by name"):
            await p.replay(tmp_path / "log")


async def test_views_after_a_restart_know_of_what_is_out_of_order(tmp_path: Path) -> None:
    """A start makes a new state: a view looks at the order of that one, and refuses what lies ahead."""
    refused: list[str] = []

    class Curious(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            for symbol in view.symbols:
                try:
                    view.of(symbol)
                except mtf.errors.LookAheadError:
                    refused.append(f"{tick.symbol} of {symbol}")

    first = [mtf.Tick("A", at("10:00"), 1.0, 1.0), mtf.Tick("B", at("10:00:01"), 1.0, 1.0)]
    then = [mtf.Tick("A", at("11:00"), 1.0, 1.0), mtf.Tick("B", at("10:30"), 1.0, 1.0)]
    async with pipeline(tmp_path / "log") as p:
        await p.run(first)
    async with pipeline(tmp_path / "log") as p:
        p.add(Curious())
        await p.run(then, order="log")
    assert refused == ["B of A"]
