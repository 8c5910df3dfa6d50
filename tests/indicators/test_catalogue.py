"""The catalogue, and asking for indicators: names, strings, parameters and sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mtf
from mtf.errors import ConfigError, UnknownIndicator
from mtf.indicators import (
    ALL,
    CORE,
    catalogue,
    create,
    names,
)

CLASSIC_OUTPUTS = {
    "sma": ("sma_20",),
    "ema": ("ema_20",),
    "wma": ("wma_20",),
    "dema": ("dema_20",),
    "rsi": ("rsi_14",),
    "macd": ("macd_12_26_9", "macd_12_26_9_signal", "macd_12_26_9_hist"),
    "stoch": ("stoch_14_1_3", "stoch_14_1_3_d"),
    "cci": ("cci_20",),
    "willr": ("willr_14",),
    "bbands": ("bbands_20_2", "bbands_20_2_upper", "bbands_20_2_lower"),
    "atr": ("atr_14",),
    "keltner": ("keltner_20_2_10", "keltner_20_2_10_upper", "keltner_20_2_10_lower"),
    "donchian": ("donchian_20", "donchian_20_upper", "donchian_20_lower"),
    "obv": ("obv",),
    "volume_sma": ("volume_sma_20",),
    "vwap": ("vwap",),
    "pivots": ("pivots", "pivots_r1", "pivots_r2", "pivots_r3", "pivots_s1", "pivots_s2", "pivots_s3"),
    "swings": ("swings_5_5_high", "swings_5_5_low"),
    "adx": ("adx_14", "adx_14_plus", "adx_14_minus"),
    "sar": ("sar_0.02_0.2",),
}


@pytest.mark.parametrize("name", CORE)
def test_names_and_defaults_of_the_core(name: str) -> None:
    """Users write these names down: they do not change."""
    assert create(name).outputs == CLASSIC_OUTPUTS[name]


ON_PRICE = {
    *("sma", "ema", "wma", "dema", "tema", "hma", "kama", "vwap", "sar", "pivots", "swings", "ichimoku"),
    *("bbands", "keltner", "donchian", "supertrend"),
}


def test_prices_of_the_market_are_told_from_other_values() -> None:
    """A chart draws those among the bars, and a table with the decimals of the price."""
    for entry in catalogue():
        prices = set(entry.outputs) if entry.name in ON_PRICE else set()
        assert set(entry.on_price) == prices - {"supertrend_10_3_trend"}, entry.name
    assert create("pivots:camarilla").on_price == (True,) * 9
    assert create("ema:9@sma:20").on_price == (True,)
    assert create("sma:10@rsi:14").on_price == (False,)
    assert create("sma:3@supertrend:10,3/trend").on_price == (False,)
    assert create("rsi:14@sma:10").on_price == (False,)


def test_those_of_the_core_come_first_in_the_catalogue() -> None:
    assert len(CORE) == 20
    assert names()[:20] == CORE
    assert [entry.name for entry in catalogue()] == list(names())
    assert [entry.name for entry in catalogue() if entry.core] == list(CORE)


def test_all_are_all_that_are_built_in() -> None:
    assert len(ALL) == 34
    assert [entry.name for entry in catalogue() if entry.built_in] == list(ALL)


def test_the_core_had_another_name() -> None:
    with pytest.warns(DeprecationWarning, match="TWENTY was renamed to CORE"):
        assert mtf.indicators.TWENTY == CORE  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="has no attribute 'THIRTY'"):
        _ = mtf.indicators.THIRTY  # type: ignore[attr-defined]


def test_the_documentation_says_which_are_of_the_core() -> None:
    text = (Path(__file__).parents[2] / "docs" / "indicators.md").read_text()
    listed = text.partition("`core` stands for twenty")[2].partition(".")[0]
    assert re.findall(r"`(\w+)`", listed) == list(CORE)


@pytest.mark.parametrize(
    ("asked", "spec"),
    [
        (create("rsi"), "rsi:14"),
        (create("rsi", period=9), "rsi:9"),
        (create("rsi:9"), "rsi:9"),
        (create(" macd : 3, 5 ,2 "), "macd:3,5,2"),
        (create("macd:3,slow=5"), "macd:3,5,9"),
        (create("macd:3", slow=5), "macd:3,5,9"),
        (create("bbands:20,2.0"), "bbands:20,2"),
        (create("keltner", price="typical"), "keltner:20,2,10,typical"),
        (create("keltner:20,2,10,close"), "keltner:20,2,10"),
        (create("pivots"), "pivots"),
        (create("pivots:woodie"), "pivots:woodie"),
        (create("sma:10@rsi:14"), "sma:10@rsi:14"),
        (create("sma:10", source="rsi"), "sma:10@rsi:14"),
        (create("sma:10", source=create("macd"), output="signal"), "sma:10@macd:12,26,9/signal"),
        (create("sma:10@macd/macd_12_26_9_hist"), "sma:10@macd:12,26,9/hist"),
        (create("sma:3@macd:3,5,2/hist@rsi:5"), "sma:3@macd:3,5,2/hist@rsi:5"),
    ],
)
def test_one_indicator_has_one_spec(asked: mtf.indicators.Indicator, spec: str) -> None:
    """However it was asked for."""
    assert asked.spec == spec
    assert create(spec).spec == spec


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ("rsj", UnknownIndicator, "did you mean rsi"),
        ("", UnknownIndicator, "choose from sma, ema"),
        ("os.path", UnknownIndicator, "unknown indicator 'os.path'"),
        ("rsi:0", ConfigError, "period must be between 2 and 10000, got 0"),
        ("rsi:14,3", ConfigError, "rsi takes period=14"),
        ("rsi:14.5", ConfigError, "whole number"),
        ("rsi:nan", ConfigError, "whole number"),
        ("bbands:20,nan", ConfigError, "width must be between"),
        ("bbands:20,inf", ConfigError, "width must be between"),
        ("rsi:length=3", ConfigError, "no parameter 'length'; it takes period=14"),
        ("macd:fast=3,5", ConfigError, "name it too"),
        ("macd:3,fast=5", ConfigError, "given twice"),
        ("macd:26,12,9", ConfigError, "fast must be shorter than slow"),
        ("keltner:20,2,10,median", ConfigError, "close, typical"),
        ("sma:3@atr:14/x", ConfigError, "has no output 'x'; it has atr_14"),
        ("atr:14@rsi:14", ConfigError, "needs whole bars"),
        ("sma:3/x", ConfigError, "only a source can have an output chosen"),
        ("@".join(["sma:3"] * 9), ConfigError, "at most 8"),
        ("sma:" + "3" * 600, ConfigError, "at most 500 characters"),
    ],
)
def test_errors_say_what_exists(asked: str, error: type[Exception], says: str) -> None:
    """An invalid name or number is an error at once, which says what is valid."""
    with pytest.raises(error, match=says):
        create(asked)


def test_named_parameters_are_checked_too() -> None:
    with pytest.raises(ConfigError, match="no parameter 'length'"):
        create("rsi", length=3)
    with pytest.raises(ConfigError, match="given twice"):
        create("rsi:3", period=3)
    with pytest.raises(ConfigError, match="output x has no source"):
        create("rsi", output="x")
    with pytest.raises(ConfigError, match="already names its source"):
        create("sma:3@rsi:3", source="rsi")


def test_bars_without_a_trading_day_use_the_utc_date() -> None:
    """A bar that was made by hand has no calendar."""
    vwap = create("vwap")
    hour = 3_600_000_000_000
    for k, price in enumerate((10.0, 20.0, 30.0)):
        start_ns = 1_709_683_200_000_000_000 + k * 12 * hour
        vwap.update(
            mtf.Bar(
                symbol="X",
                timeframe=mtf.Timeframe("1h"),
                start_ns=start_ns,
                end_ns=start_ns + hour,
                open=price,
                high=price,
                low=price,
                close=price,
                volume=1.0,
            )
        )
        if k == 1:
            assert vwap.values() == (15.0,)
    assert vwap.values() == (30.0,)


def test_every_indicator_is_documented() -> None:
    """With its default parameters, as a user would ask for it."""
    text = (Path(__file__).parents[2] / "docs" / "indicators.md").read_text()
    for name in CORE + tuple(name for name in names() if name not in CORE):
        if name in {entry.name for entry in catalogue() if entry.built_in}:
            assert f"`{create(name).spec}`" in text, name
