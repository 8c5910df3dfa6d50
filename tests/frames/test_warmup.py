"""What is known of indicator outputs beside their values: how many bars they have had, and how many they take."""

from __future__ import annotations

import math

import pytest

from mtf.config import Config
from mtf.kernel import Kernel
from tests.builders import blocks, events

MINUTES = " ".join(f"X:10:{minute:02d}@{1 + minute % 7} X:10:{minute:02d}:30@{2 + minute % 5}" for minute in range(40))
CONFIG = Config.make(
    calendar="crypto", timeframes=("1m", "5m"), history=3, indicators=["sma:20", "sma:10@rsi:14", "macd:3,6,4"]
)


@pytest.mark.parametrize("spec", ["sma_20", "sma_10@rsi_14", "macd_3_6_4_signal"])
def test_first_live_value_comes_when_the_forming_bar_is_the_last_one_needed(spec: str) -> None:
    """What is reported missing is missing, for one that feeds on another too, and however few bars are kept."""
    engine = Kernel(CONFIG)
    warm = []
    for block in blocks(events(MINUTES), size=1):
        engine.step(block)
        state = engine.snapshot(0)["1m"]
        (output,) = [each for each in state.outputs if each.name == spec]
        forming = state.partial is not None
        assert math.isnan(state.live[spec]) == (state.bars_seen + forming < output.warmup)
        assert math.isnan(state.completed[spec]) == (state.bars_seen < output.warmup)
        warm.append(not math.isnan(state.live[spec]))
    assert warm == sorted(warm)
    assert any(warm)
    assert not all(warm)


def test_bars_seen_go_on_after_a_load() -> None:
    """A restart knows them, though the history of before is longer than what is kept."""
    stream = blocks(events(MINUTES), size=8)
    first = Kernel(CONFIG)
    for block in stream[:5]:
        first.step(block)
    assert [state.bars_seen for state in first.snapshot(0)] == [19, 3]
    second = Kernel(CONFIG)
    second.load(first.save())
    assert [state.bars_seen for state in second.snapshot(0)] == [19, 3]
    for block in stream[5:]:
        first.step(block)
        second.step(block)
    assert [state.bars_seen for state in first.snapshot(0)] == [39, 7]
    assert [state.bars_seen for state in second.snapshot(0)] == [39, 7]


def test_outputs_of_a_timeframe_without_indicators_are_none() -> None:
    """There is nothing to wait for."""
    config = Config.make(calendar="crypto", timeframes=("1m", "5m"), indicators={"1m": ["sma:2"]})
    engine = Kernel(config)
    for block in blocks(events("X:10:00@1 X:10:01@2")):
        engine.step(block)
    one, five = engine.snapshot(0)
    assert [(output.name, output.warmup) for output in one.outputs] == [("sma_2", 2)]
    assert (one.bars_seen, five.outputs, five.bars_seen) == (1, [], 0)


@pytest.mark.parametrize(
    ("stream", "price", "side"),
    [
        ("X:10:00@1/2", "auto", "mid"),
        ("X:10:00@=1", "auto", "last"),
        ("X:10:00@1/2", "bid", "bid"),
        ("X:10:00@0/0", "auto", "auto"),
    ],
)
def test_snapshot_says_which_price_its_bars_are_made_of(stream: str, price: str, side: str) -> None:
    """And does not before a tick has decided: a rejected one does not."""
    engine = Kernel(Config.make(calendar="crypto", timeframes=("1m",), price=price))
    for block in blocks(events(stream)):
        engine.step(block)
    assert engine.snapshot(0).side == side
    again = Kernel(engine.config)
    again.load(engine.save())
    assert again.snapshot(0).side == side
