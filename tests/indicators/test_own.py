"""A user's own indicator remembers plain values as what they are, over previews, copies and restarts."""

from __future__ import annotations

import decimal
import math
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.archive import Archive
from mtf.errors import ConfigError, CorruptCheckpoint
from mtf.indicators import BarNow, Declaration, Indicator, PythonIndicator, create, register
from mtf.indicators.memory import VALUES_MAX, StateCopier, archived
from tests.indicators.bars import bars

BARS = bars("10/12/9/11 11/11/10/10 10/14/10/13 1 2 3")

Step = Callable[[Any, list[Any], BarNow], Any]


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[register.__module__], "_REGISTERED", {})


def own(step: Step, version: int = 1) -> Indicator:
    """Return an indicator `own` whose step is *step*; the one before is forgotten."""
    declares = Declaration(name="own", title="x", group="custom", formula="x", source="x", version=version)
    sys.modules[register.__module__]._REGISTERED.clear()
    register(type("Own", (PythonIndicator,), {"declares": declares, "step": step}))
    return create("own")


def restarted(indicator: Indicator) -> Indicator:
    twin = indicator.fresh()
    twin.load(indicator.save())
    return twin


def kept(indicator: Indicator) -> Any:
    """Return what *indicator* remembers."""
    return vars(indicator)["_state"]


def exactly(value: Any) -> Any:
    """Return *value* with the type of each of its parts, floats as their bits."""
    if isinstance(value, list | tuple):
        return type(value), [exactly(each) for each in value]
    if isinstance(value, dict):
        return dict, [(exactly(key), exactly(each)) for key, each in value.items()]
    return type(value), value.hex() if isinstance(value, float) else value


KEPT: list[Any] = [
    *(0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), 2**64, -(2**200)),
    *(0.0, -0.0, 1.5, math.inf, -math.inf),
    *(True, False, None, "", "Zürich", "\ud800", "x" * 1000),
    *([], (), {}, [1, [2.0, (None,)]], ("a", 1.0), {"high": [1, 2], 3: None, ("a", 1): {}, 1.5: True, None: "x"}),
]


@pytest.mark.parametrize("value", KEPT, ids=lambda value: f"{value!r:.30}")
def test_what_is_remembered_comes_back_as_what_it_is(value: Any) -> None:
    """An int that comes back as a float changes a result without a word, and only after a restart."""

    def step(self: Any, state: list[Any], bar: BarNow) -> float:
        if not state:
            state.append(value)
        state.append(bar.close)
        return 0.0

    indicator = own(step)
    indicator.update(BARS[0])
    again = restarted(indicator)
    assert exactly(kept(again)) == exactly(kept(indicator)) == exactly([value, 11.0])
    again.update(BARS[1])
    indicator.update(BARS[1])
    assert again.save() == indicator.save()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(state=st.lists(PLAIN, max_size=6))
def test_a_state_is_archived_to_the_type_and_the_bit(state: list[Any]) -> None:
    saving = Archive()
    assert archived(saving, "own", StateCopier("own").copy(state)) == state
    loading = Archive(saving.finish())
    assert exactly(archived(loading, "own", [])) == exactly(state)
    loading.finish()


@given(data=st.binary(max_size=400), mixed=st.booleans())
def test_bytes_of_a_stranger_are_a_state_or_an_error(data: bytes, mixed: bool) -> None:
    """Whatever stands in a checkpoint: CorruptCheckpoint, never another exception, and no endless memory."""
    loading = Archive((-1).to_bytes(8, "little", signed=True) + data if mixed else data)
    try:
        state = archived(loading, "own", [])
    except CorruptCheckpoint:
        return
    assert StateCopier("own").copy(state) is not state


def saved(*wholes: int) -> Archive:
    return Archive(b"".join(number.to_bytes(8, "little", signed=True) for number in wholes))


@pytest.mark.parametrize(
    "archive",
    [
        saved(-1, 0),  # not a list
        saved(-1, 7, 1, 9, 1, 7, 0, 0),  # a dict with a list as its key
        saved(-1, 7, 1, 9, 2, 0, 0, 0, 0),  # with the same key twice
        saved(-1, *[7, 1] * 40, 7, 0),  # nested too deep
        saved(-1, 7, 1 << 40),  # longer than what is there
        saved(-1, 7, 1, 10),  # of no kind
        saved(-1, 7, 1, 6, 1, 0xFF),  # not a text
        saved(-2),  # neither a number of floats nor the mark of mixed values
    ],
)
def test_a_state_that_cannot_be_one_is_refused(archive: Archive) -> None:
    with pytest.raises(CorruptCheckpoint):
        archived(archive, "own", [])


def test_a_state_of_floats_is_saved_as_it_always_was() -> None:
    """Checkpoints of before are read, and those of now by the mtf of before: a count, then the floats."""
    saving = Archive()
    archived(saving, "own", [1.0, -0.0])
    before = (2).to_bytes(8, "little") + np.array([1.0, -0.0], "<f8").tobytes()
    assert saving.finish() == before
    assert exactly(archived(Archive(before), "own", [])) == exactly([1.0, -0.0])


class Label(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "place", "kind"),
    [
        (decimal.Decimal(1), r"\[1\]", "decimal.Decimal"),
        (np.int64(1), r"\[1\]", "numpy.int64"),
        (np.zeros(2), r"\[1\]", "numpy.ndarray"),
        ({1}, r"\[1\]", "set"),
        (b"x", r"\[1\]", "bytes"),
        (deque([1.0]), r"\[1\]", "collections.deque"),
        (Label("x"), r"\[1\]", "Label"),
        ({"highs": [1.0, object()]}, r"\[1\]\['highs'\]\[1\]", "object"),
        ({frozenset(): 1}, r"\[1\]\[frozenset\(\)\]", "frozenset"),
        ({math.nan: 1}, r"\[1\]\[nan\]", "float but not NaN"),
    ],
    ids=lambda value: f"{value!r:.20}",
)
@pytest.mark.parametrize("look", [False, True], ids=["update", "peek"])
def test_what_cannot_be_remembered_fails_at_the_first_step(value: Any, place: str, kind: str, look: bool) -> None:
    """Not at the first checkpoint, a minute later, in another place, without a name."""

    def step(self: Any, state: list[Any], bar: BarNow) -> float:
        state += [1.0, value]
        return 0.0

    indicator = own(step)
    with pytest.raises(ConfigError, match=rf"^own: state{place} .*{kind}"):
        indicator.peek(BARS[0]) if look else indicator.update(BARS[0])
    assert indicator.count == 0
    assert indicator.values()[0] != indicator.values()[0]


def test_a_float_of_numpy_is_remembered_as_the_float_that_it_is() -> None:
    """Both before and after a restart, so that the two agree."""

    def step(self: Any, state: list[Any], bar: BarNow) -> float:
        state.append(np.float64(bar.close) / 3)
        return 0.0

    indicator = own(step)
    indicator.update(BARS[0])
    assert exactly(kept(indicator)) == exactly([11.0 / 3]) == exactly(kept(restarted(indicator)))


def test_a_preview_leaves_no_trace_in_what_is_nested() -> None:
    """A copy of the outer list alone would share the inner ones."""

    def step(self: Any, state: list[Any], bar: BarNow) -> float:
        if not state:
            state.append({"closes": []})
        closes = state[0]["closes"]
        closes.append(bar.close)
        return float(len(closes))

    indicator = own(step)
    indicator.update(BARS[0])
    before = indicator.save()
    assert indicator.peek(BARS[1]) == indicator.peek(BARS[2]) == (2.0,)
    assert indicator.save() == before


def test_a_list_that_stands_in_two_places_is_two_as_after_a_restart() -> None:
    def step(self: Any, state: list[Any], bar: BarNow) -> float:
        if not state:
            state += [[]] * 2
        state[0].append(bar.close)
        return float(len(state[1]))

    indicator = own(step)
    indicator.update(BARS[0])
    again = restarted(indicator)
    for each in (indicator, again):
        each.update(BARS[1])
    assert indicator.values() == again.values() == (1.0,)


@pytest.mark.parametrize("look", [False, True], ids=["update", "peek"])
def test_a_step_that_remembers_in_an_attribute_is_refused(look: bool) -> None:
    """It works until the restart, and each preview changes it."""

    def step(self: Any, state: list[Any], bar: BarNow) -> float:
        self.total = bar.close
        return 0.0

    indicator = own(step)
    with pytest.raises(ConfigError, match=r"^own: step sets self\.total"):
        indicator.peek(BARS[0]) if look else indicator.update(BARS[0])
    indicator.weight = 2.0  # type: ignore[attr-defined] # outside of a step it is a constant like any other


@pytest.mark.parametrize(
    ("grow", "message"),
    [
        (lambda state: state.extend([0.0] * (VALUES_MAX + 1)), "more than 65536 values"),
        (lambda state: state.append([None] * VALUES_MAX), "more than 65536 values"),
        (lambda state: state.append("x" * (1 << 20) + "x"), "bytes of text"),
        (lambda state: state.append(1 << (1 << 24)), "bytes of text and large ints"),
        (lambda state: state.append(nested(40)), "nested more than 16 deep"),
        (lambda state: state.append(endless()), "nested more than 16 deep"),
    ],
    ids=["flat", "inner", "text", "int", "depth", "circle"],
)
def test_a_state_is_bounded(grow: Callable[[list[Any]], None], message: str) -> None:
    """Memory that grows with the number of bars ends a run after days."""

    def step(self: Any, state: list[Any], bar: BarNow) -> float:
        grow(state)
        return 0.0

    with pytest.raises(ConfigError, match=message):
        own(step).update(BARS[0])


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth else []


def endless() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


@pytest.mark.parametrize("found", [None, "high", (None,), [1.0]], ids=repr)
def test_an_output_that_is_no_number_is_named(found: Any) -> None:
    def step(self: Any, state: list[Any], bar: BarNow) -> Any:
        state.append(1.0)
        return found

    indicator = own(step)
    with pytest.raises(ConfigError, match=r"^own returned .*: outputs must be floats"):
        indicator.update(BARS[0])
    assert (indicator.count, kept(indicator)) == (0, [])


def test_a_state_of_another_version_of_the_formula_is_refused() -> None:
    """What the old formula remembered means something else to the new one."""

    def step(self: Any, state: list[Any], bar: BarNow) -> float:
        state.append(bar.close)
        return bar.close

    first = own(step)
    first.update(BARS[0])
    chained = create("sma:2@own")
    chained.update(BARS[0])
    states = {"own": first.save(), "sma:2@own": chained.save()}
    second = own(step, version=2)
    for spec, state in states.items():
        with pytest.raises(CorruptCheckpoint, match="own version 2"):
            create(spec).load(state)
    second.update(BARS[0])
    assert exactly(kept(restarted(second))) == exactly([11.0])
    assert second.save() != states["own"]
    own(step)
    create("sma:2@own").load(states["sma:2@own"])


@pytest.mark.parametrize("version", [0, -1, 1.5, "2"])
def test_a_version_is_a_whole_number_from_1_on(version: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="version"):
        Declaration(name="own", title="x", group="custom", formula="x", source="x", version=version)
