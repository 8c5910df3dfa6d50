"""Sets of indicators: columns side by side, shared sources, and state as one."""

from __future__ import annotations

import sys

import pytest

from mtf.errors import ConfigError, CorruptCheckpoint
from mtf.indicators import (
    CORE,
    BarNow,
    Declaration,
    IndicatorSet,
    PythonIndicator,
    create,
    create_set,
    names,
    register,
)
from mtf.indicators.indicator import bar_day
from mtf.indicators.rolling import filled
from tests.indicators.bars import bars, bits
from tests.indicators.series import made, run


@pytest.fixture
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[register.__module__], "_REGISTERED", {})


def test_set_has_the_columns_of_its_indicators_in_order() -> None:
    items = create_set(["macd", "rsi:14", "sma:3@rsi:14"])
    assert items.names == ("macd_12_26_9", "macd_12_26_9_signal", "macd_12_26_9_hist", "rsi_14", "sma_3@rsi_14")
    assert items.width == 5
    assert items.specs() == ("macd:12,26,9", "rsi:14", "sma:3@rsi:14")


def test_set_has_the_values_of_its_indicators_alone() -> None:
    """Side by side changes no bit, live or completed."""
    specs = [name for name in names() if name != "obv"] + [
        "sma:3@rsi:5",
        "keltner:5,1,3,typical",
        "sma:3@rsi:14",
        "ema:4@sma:3@rsi:14",
        "wma:2@bbands:20,2/lower",
        "macd:2,4,3@vwap",
    ]
    items = create_set(specs)
    series = made(60)["walk"]
    together = run(items, series)
    at = 0
    live = filled(items.width, 0.0)
    items.preview(1.0, 2.0, 0.5, 1.5, 10.0, int(series.day[-1]), 0, live, 0)
    for spec in specs:
        alone = create(spec)
        width = len(alone.outputs)
        assert together[at : at + width].tobytes() == run(alone, series).tobytes()
        row = filled(width, 0.0)
        alone.preview(1.0, 2.0, 0.5, 1.5, 10.0, int(series.day[-1]), 0, row, 0)
        assert bits(tuple(row)) == bits(tuple(live)[at : at + width])
        at += width


def test_set_writes_only_its_own_columns() -> None:
    """Rows of other symbols lie before and behind."""
    items = create_set(["bbands", "obv"])
    row = filled(items.width + 4, -7.0)
    items.preview(1.0, 2.0, 0.5, 1.5, 10.0, 1, 0, row, 2)
    items.current(row, 2)
    assert [row[0], row[1], row[items.width + 2], row[items.width + 3]] == [-7.0] * 4
    with pytest.raises(IndexError):
        items.current(filled(items.width, 0.0), 1)


def test_set_saves_and_loads_to_the_bit() -> None:
    first = create_set(list(CORE))
    series = made(120)["walk"]
    run(first, series.head(60))
    second = first.fresh()
    second.load(first.save())
    assert run(first, series).tobytes() == run(second, series).tobytes()
    assert first.save() == second.save()


COUNTED = "counted"
SHARING = [
    [COUNTED, "sma:2@counted", "sma:3@counted"],
    ["sma:2@counted", "sma:3@counted"],
    ["sma:2@counted", COUNTED],
    ["sma:2@counted", "ema:2@sma:2@counted"],
    ["ema:2@sma:2@counted", COUNTED, "sma:2@counted"],
]


@pytest.mark.usefixtures("_own")
@pytest.mark.parametrize("specs", SHARING, ids=" ".join)
def test_what_several_feed_on_is_computed_once(specs: list[str]) -> None:
    """One step a bar, whoever asks, in whatever order, asked for itself or not."""
    steps = 0

    class Counted(PythonIndicator):
        declares = Declaration(name=COUNTED, title="x", group="custom", formula="x", source="x")

        def step(self, state: list[float], bar: BarNow) -> float:
            nonlocal steps
            steps += 1
            return bar.close

    register(Counted)
    items = create_set(specs)
    items.update(bars("1")[0])
    assert steps == 1
    items.preview(1.0, 1.0, 1.0, 1.0, 0.0, 1, 0, filled(items.width, 0.0), 0)
    assert steps == 2
    alone = create("sma:2@counted")
    steps = 0
    alone.update(bars("1")[0])
    assert steps == 1


@pytest.mark.parametrize("specs", [["vwap", "sma:2@vwap"], ["sma:2@vwap", "vwap"], ["ema:2@sma:2@vwap"]], ids=" ".join)
def test_what_feeds_on_nothing_has_no_value(specs: list[str]) -> None:
    """A source may lose its value (a day without volume): what feeds on it loses its own, in a set and alone."""
    items, alone = create_set(specs), [create(spec) for spec in specs]
    for bar in bars("1x1 2x1 3x1 | 9 | 4x1 5x1"):
        live = filled(items.width, 0.0)
        items.preview(bar.open, bar.high, bar.low, bar.close, bar.volume, bar_day(bar), 0, live, 0)
        peeked = tuple(value for each in alone for value in each.peek(bar))
        items.update(bar)
        row = filled(items.width, 0.0)
        items.current(row, 0)
        for each in alone:
            each.update(bar)
        values = tuple(value for each in alone for value in each.values())
        assert bits(tuple(row)) == bits(values) == bits(peeked) == bits(tuple(live))


def test_set_refuses_a_foreign_state_and_keeps_its_own() -> None:
    """Not the first indicators' states taken and the last one's refused."""
    items, other = create_set(["sma:3", "rsi:5"]), create_set(["sma:3", "rsi:6"])
    run(items, made(30)["walk"])
    run(other, made(30)["gapped"])
    before = items.save()
    for state in (other.save(), before[:-1], before + b"\0", b"", b"\xff" * 40):
        with pytest.raises(CorruptCheckpoint):
            items.load(state)
        assert items.save() == before


def test_set_refuses_the_same_output_twice() -> None:
    with pytest.raises(ConfigError, match="rsi_14 is requested twice"):
        create_set(["rsi", "rsi:14"])


def test_a_thousand_indicators_in_one_set() -> None:
    items = create_set([f"{name}:{period}" for name in ("sma", "ema", "rsi", "atr") for period in range(2, 252)])
    values = run(items, made(20)["walk"])
    assert len(items) == 1000
    assert values.shape == (1000, 20)


def test_set_is_made_of_specs_or_indicators() -> None:
    """Indicators that are handed in are taken fresh: a set never shares state."""
    warm = create("sma:2")
    run(warm, made(10)["walk"])
    items = create_set([warm, "rsi:3"])
    assert isinstance(items, IndicatorSet)
    row = filled(items.width, 0.0)
    items.current(row, 0)
    assert row[0] != row[0]
    assert warm.ready
    with pytest.raises(ConfigError, match="vwap makes no sense on 1d"):
        create_set(["vwap"], timeframe="1d")
