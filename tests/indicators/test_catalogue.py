"""Asking for indicators: names, strings, sources, sets, and a user's own."""

from __future__ import annotations

import importlib.metadata
import math
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ConfigError, CorruptCheckpoint, UnknownIndicator
from mtf.indicators import (
    ALL,
    CORE,
    BarNow,
    Declaration,
    IndicatorSet,
    PythonIndicator,
    Whole,
    catalogue,
    create,
    create_set,
    names,
    register,
)
from mtf.indicators import catalogue as catalogue_function
from mtf.indicators.catalogue import registered
from mtf.indicators.indicator import bar_day
from mtf.indicators.rolling import filled
from tests.indicators.bars import bars, bits
from tests.indicators.series import made, run

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

    class Counted(MeanRange):
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


class MeanRange(PythonIndicator):
    """Mean of high - low over n bars."""

    declares = Declaration(
        name="meanrange",
        title="Mean range",
        group="custom",
        formula="mean of high - low over n bars",
        source="this test",
        params=(Whole("period", 3, high=50),),
    )

    def step(self, state: list[float], bar: BarNow) -> float:
        period = int(self.params["period"])
        state.append(bar.high - bar.low)
        del state[:-period]
        return math.fsum(state) / period if len(state) == period else math.nan


@pytest.fixture
def _own() -> Iterator[None]:
    registered = catalogue_function.__globals__["_REGISTERED"]
    before = dict(registered)
    yield
    registered.clear()
    registered.update(before)


@pytest.mark.usefixtures("_own")
def test_a_users_own_indicator_is_one_among_others() -> None:
    """In a dozen lines: named, saved, peeked at and put into sets like any other."""
    assert register(MeanRange) is MeanRange
    register(MeanRange)
    own = create("meanrange:2")
    history = bars("10/12/9/11 11/11/10/10 10/14/10/13")
    own.update(history[0])
    assert own.values()[0] != own.values()[0]
    assert own.peek(history[1]) == (2.0,)
    assert own.peek(history[2]) == (3.5,)
    own.update(history[1])
    assert own.values() == (2.0,)
    assert (own.spec, own.outputs, own.warmup, own.ready) == ("meanrange:2", ("meanrange_2",), 2, True)
    twin = create("meanrange:2")
    twin.load(own.save())
    twin.update(history[2])
    assert twin.values() == (2.5,)
    items = create_set(["sma:2", "meanrange:2", "ema:2@meanrange:2"])
    assert run(items, made(30)["walk"])[1][5] == run(create("meanrange:2"), made(30)["walk"])[0][5]
    assert "meanrange" in names()
    assert next(entry for entry in catalogue() if entry.name == "meanrange").built_in is False
    with pytest.raises(ConfigError, match="period must be between"):
        create("meanrange:99")


@pytest.mark.usefixtures("_own")
def test_a_users_own_indicator_cannot_take_a_name() -> None:
    """Neither a built-in one nor that of another class, and it has to be an indicator."""

    class Sma(MeanRange):
        declares = Declaration(name="sma", title="x", group="custom", formula="x", source="x")

    class Other(MeanRange):
        pass

    register(MeanRange)
    for wrong in (Sma, Other, PythonIndicator, int):
        with pytest.raises(ConfigError):
            register(wrong)  # type: ignore[type-var]


@pytest.mark.usefixtures("_own")
def test_an_indicator_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is installed brings its indicators along; one that cannot be loaded harms no other."""
    install(monkeypatch, meanrange="MeanRange", broken="no_such_package_at_all:X")
    assert {"meanrange", "broken"} <= set(names())
    assert create("meanrange").spec == "meanrange:3"
    with pytest.warns(RuntimeWarning, match="broken of the package their-indicators 1.5 cannot be used"):
        assert "rsi" in [entry.name for entry in catalogue()]


class Theirs(importlib.metadata.Distribution):
    """An installed package."""

    def read_text(self, filename: str) -> str | None:
        return "Metadata-Version: 2.1\nName: their-indicators\nVersion: 1.5\n" if filename == "METADATA" else None

    def locate_file(self, path: object) -> Any:
        raise NotImplementedError


def install(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    """Have a package be installed with these entry points, by name: classes of this module, or `module:Class`."""
    module = types.ModuleType("their_module")
    module.__dict__.update({name: value for name, value in globals().items() if isinstance(value, type)})
    monkeypatch.setitem(sys.modules, "their_module", module)
    found = [
        importlib.metadata.EntryPoint(name, value if ":" in value else f"their_module:{value}", "mtf.indicators")
        for name, value in points.items()
    ]
    for point in found:
        vars(point).update(dist=Theirs())
    monkeypatch.setattr(importlib.metadata, "entry_points", importlib.metadata.EntryPoints(found).select)


@pytest.mark.usefixtures("_own")
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_package_at_all:X", "fails with ModuleNotFoundError: No module named 'no_such_package_at_all'"),
        ("their_module:Missing", "fails with AttributeError: "),
        ("MeanRange", "declares another name, meanrange"),
        ("Theirs", "is not an indicator"),
    ],
)
def test_an_entry_point_that_cannot_be_loaded_names_its_package(
    monkeypatch: pytest.MonkeyPatch, value: str, why: str
) -> None:
    """The user has never heard of that module: it is the package that can be updated, or uninstalled."""
    install(monkeypatch, broken=value)
    for asked in (lambda: create("broken"), lambda: mtf.Config.make(indicators=["sma:3@broken"])):
        with pytest.raises(ConfigError, match=r"the indicator broken of the package their-indicators 1\.5 ") as caught:
            asked()
        assert why in str(caught.value)
    assert "broken" not in registered()


@pytest.mark.usefixtures("_own")
def test_a_step_that_breaks_the_contract_is_told() -> None:
    """Too many values, or a state without bounds."""

    class Two(MeanRange):
        declares = Declaration(name="two", title="x", group="custom", formula="x", source="x")

        def step(self, state: list[float], bar: BarNow) -> float | tuple[float, ...]:  # type: ignore[override]
            return (1.0, 2.0)

    class Hoard(MeanRange):
        declares = Declaration(name="hoard", title="x", group="custom", formula="x", source="x")

        def step(self, state: list[float], bar: BarNow) -> float:
            state.extend([0.0] * 50_000)
            return 0.0

    register(Two)
    register(Hoard)
    with pytest.raises(ConfigError, match="returned 2 values but declares 1"):
        create("two").update(bars("1")[0])
    hoard = create("hoard")
    hoard.update(bars("1")[0])
    with pytest.raises(ConfigError, match="hoard: state keeps more than 65536 values"):
        hoard.update(bars("1")[0])
    assert hoard.count == 1


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


def test_every_indicator_is_documented() -> None:
    """With its default parameters, as a user would ask for it."""
    text = (Path(__file__).parents[2] / "docs" / "indicators.md").read_text()
    for name in CORE + tuple(name for name in names() if name not in CORE):
        if name in {entry.name for entry in catalogue() if entry.built_in}:
            assert f"`{create(name).spec}`" in text, name
