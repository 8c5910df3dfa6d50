"""A user's own indicators in the catalogue: registered by name, or found by entry point."""

from __future__ import annotations

import importlib.metadata
import math
import sys
import types
from typing import Any

import pytest

import mtf
from mtf.errors import ConfigError
from mtf.indicators import (
    BarNow,
    Declaration,
    PythonIndicator,
    Whole,
    catalogue,
    create,
    create_set,
    names,
    register,
)
from mtf.indicators.catalogue import registered
from tests.indicators.bars import bars
from tests.indicators.series import made, run


@pytest.fixture
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[register.__module__], "_REGISTERED", {})


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
