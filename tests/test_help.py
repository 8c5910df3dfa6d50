"""What `help`, `inspect` and errors say of a class is the same in both builds, and what its source says."""

from __future__ import annotations

import inspect
import os
import pydoc
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

import mtf
from mtf.indicators import PythonIndicator

ROOT = Path(__file__).resolve().parents[1]
NAMESPACES = (mtf, mtf.indicators, mtf.calendars)


def told_of(cls: type) -> dict[str, Any]:
    """Return what can be asked of a class: its signature, docstrings, and the parameters of its public methods."""
    members = {}
    for name in sorted(each for each in dir(cls) if not each.startswith("_")):
        member = inspect.getattr_static(cls, name)
        if callable(getattr(cls, name)):
            members[name] = [parameters_of(getattr(cls, name)), getattr(cls, name).__doc__]
        elif inspect.isdatadescriptor(member) and member.__doc__:
            members[name] = [member.__doc__]
    return {"signature": signature_of(cls), "doc": cls.__doc__, "members": members}


def parameters_of(method: Any) -> list[tuple[str, str, str]]:
    """Return name, kind and default of each but `self`; C can hold no annotations of a method."""
    try:
        parameters = inspect.signature(method).parameters.values()
    except ValueError:  # one of Python's own
        return []
    return [(each.name, each.kind.name, repr(each.default)) for each in parameters if each.name != "self"]


def signature_of(cls: type) -> str:
    try:
        return str(inspect.signature(cls))
    except ValueError as error:
        return str(error)


def shown() -> dict[str, Any]:
    return {
        f"{space.__name__}.{name}": told_of(vars(space)[name])
        for space in NAMESPACES
        for name in space.__all__
        if isinstance(vars(space)[name], type)
    }


@pytest.fixture(scope="module")
def pure() -> dict[str, Any]:
    """What a process says that imports the source, which is never compiled where it lies."""
    code = "import sys, orjson; from tests.test_help import shown; sys.stdout.buffer.write(orjson.dumps(shown()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "MTF_EXPECT": "pure"},
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", sorted(shown()))
def test_help_of_a_public_class_is_that_of_its_source(pure: dict[str, Any], name: str) -> None:
    """Signature, docstring, and of each method the parameters, which are by keyword alone, and the docstring."""
    found = orjson.loads(orjson.dumps(shown()[name]))
    assert found == pure[name]
    assert found["doc"]


def test_every_public_class_is_compared(pure: dict[str, Any]) -> None:
    assert sorted(pure) == sorted(shown())
    assert {"mtf.Bar", "mtf.Tick", "mtf.View", "mtf.indicators.Indicator", "mtf.calendars.Calendar"} <= set(pure)


def test_signature_of_the_engines_tick_is_as_it_is_written() -> None:
    parameters = inspect.signature(mtf.Engine.tick).parameters
    assert " ".join(parameters).removeprefix("self ") == "symbol ts_ns bid ask bid_size ask_size price size id"
    assert [name for name, each in parameters.items() if each.kind is inspect.Parameter.KEYWORD_ONLY] == [
        *("price", "size", "id"),
    ]
    assert [parameters[name].default for name in ("bid", "bid_size", "price", "size", "id")] == [
        None,
        0.0,
        None,
        0.0,
        None,
    ]
    assert next(iter(inspect.signature(mtf.Engine).parameters)) == "config"


def test_signature_of_a_tick_is_as_it_is_written() -> None:
    """Literally, so that both builds cannot be wrong in the same way."""
    assert str(inspect.signature(mtf.Tick)) == (
        "(symbol: 'str', ts_ns: 'int', bid: 'float | None' = None, ask: 'float | None' = None, "
        "bid_size: 'float' = 0.0, ask_size: 'float' = 0.0, *, price: 'float | None' = None, size: 'float' = 0.0, "
        "id: 'str | None' = None, from_bar: 'bool' = False, received_ns: 'int | None' = None) -> 'None'"
    )
    assert str(inspect.signature(mtf.Tick.trade)).startswith("(symbol")
    assert inspect.signature(mtf.Tick.trade).parameters["id"].kind is inspect.Parameter.KEYWORD_ONLY


def test_help_shows_signature_and_docstrings() -> None:
    text = pydoc.plain(pydoc.render_doc(mtf.Bar))
    assert "Bar(*, symbol: 'str', timeframe: 'Timeframe', start_ns: 'i64'" in text
    assert "A completed bar over `[start_ns, end_ns)`: never changed afterwards." in text
    assert "True for a bar that has closed." in text


def test_a_derived_class_has_its_own_signature_or_that_of_its_base() -> None:
    """A signature that is inherited as an attribute would be shown of every class below."""

    class Named(mtf.Bar):
        """Without a constructor of its own."""

    class Made(PythonIndicator):
        def __init__(self, length: int) -> None:
            raise NotImplementedError(length)

    assert inspect.signature(Named) == inspect.signature(mtf.Bar)
    assert str(inspect.signature(Made)) == "(length: 'int') -> 'None'"
    assert list(inspect.signature(PythonIndicator).parameters) == ["values"]
    assert not hasattr(mtf.Tick("X", 1), "__signature__")


BAR: dict[str, Any] = {
    "symbol": "X",
    "timeframe": mtf.Timeframe("1h"),
    "start_ns": 0,
    "end_ns": 1,
    **dict.fromkeys(("open", "high", "low", "close"), 1.0),
}


@pytest.mark.parametrize("field", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("value", ["high", None, [1.0]], ids=repr)
def test_a_bar_names_the_field_that_is_no_number(field: str, value: Any) -> None:
    """Five of them stand in a row."""
    what = f"argument '{field}' must be float, not {type(value).__name__}$"
    with pytest.raises(TypeError, match=rf"^Bar\(\) {what}"):
        mtf.Bar(**{**BAR, field: value})
    with pytest.raises(TypeError, match=rf"^PartialBar\(\) {what}"):
        mtf.PartialBar(time_ns=0, **{**BAR, field: value})


def test_a_bar_takes_what_is_a_number() -> None:
    """Whole ones, and every bit of others."""
    bar = mtf.Bar(**{**BAR, "open": 1, "low": -0.0, "volume": True})
    assert [repr(each) for each in (bar.open, bar.low, bar.volume)] == ["1.0", "-0.0", "1.0"]


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (mtf.Tick, {"symbol": 1, "ts_ns": 2}, "Tick() argument 'symbol' must be str, not int"),
    (mtf.Tick, {"symbol": "X", "ts_ns": "2"}, "Tick() argument 'ts_ns' must be int, not str"),
    (mtf.Tick, {"symbol": "X", "ts_ns": 2, "bid": "1"}, "Tick() argument 'bid' must be float or None, not str"),
    (mtf.Tick, {"symbol": "X", "ts_ns": 2, "from_bar": 1}, "Tick() argument 'from_bar' must be bool, not int"),
    (mtf.Tick.trade, {"symbol": "X", "ts_ns": 2, "price": "1"}, "trade() argument 'price' must be float, not str"),
    (mtf.Bar, {**BAR, "gap": 3}, "Bar() argument 'gap' must be Gap or None, not int"),
    (mtf.Engine().tick, {"symbol": 1, "ts_ns": 2}, "tick() argument 'symbol' must be str, not int"),
    (
        mtf.Engine().tick,
        {"symbol": "X", "ts_ns": 2, "bid": "1"},
        "tick() argument 'bid' must be float or None, not str",
    ),
    (mtf.Engine().tick, {"symbol": "X", "ts_ns": 2, "size": "1"}, "tick() argument 'size' must be float, not str"),
    (mtf.Bar, {**BAR, "start_ns": 1.5}, "Bar() argument 'start_ns' must be int, not float"),
    (mtf.Gap, {"closed_ns": "1"}, "Gap() argument 'closed_ns' must be int, not str"),
]


@pytest.mark.skipif(not mtf.COMPILED, reason="interpreted code checks no types")
@pytest.mark.parametrize(("make", "given", "message"), WRONG, ids=[each[2] for each in WRONG])
def test_a_wrong_argument_is_named(make: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        make(**given)
    assert str(caught.value) == message


def test_a_missing_or_unknown_argument_is_named() -> None:
    with pytest.raises(TypeError, match=r"Tick.*\(\) missing .*'ts_ns'"):
        mtf.Tick("X")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'closd_ns'"):
        mtf.Gap(closd_ns=1)  # type: ignore[call-arg]


@pytest.mark.skipif(not mtf.COMPILED, reason="interpreted code has integers of any size")
@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1, 10**30])
def test_a_number_that_does_not_fit_names_its_argument(value: int) -> None:
    """It would be cut off."""
    for field in ("start_ns", "end_ns", "ticks"):
        with pytest.raises(OverflowError, match=rf"^Bar\(\) argument '{field}' must be within 64 bits, not {value}$"):
            mtf.Bar(**{**BAR, field: value})
    with pytest.raises(OverflowError, match=r"^Gap\(\) argument 'closed_ns' must be within 64 bits"):
        mtf.Gap(closed_ns=value)
