"""One contract for every indicator that there is, built-in or registered: each of them runs through all of this."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtf import Bar
from mtf.errors import ConfigError, CorruptCheckpoint
from mtf.indicators import Choice, catalogue, create, names
from tests.indicators.bars import bits, histories, own_specs
from tests.indicators.series import made, run

SPECS = [spec for name in names() for spec in own_specs(name)]
AWAIT_AN_EVENT = {"pivots", "swings", "vwap"}  # the first value may come later than after the warm-up

every = pytest.mark.parametrize("spec", SPECS)


@every
@given(history=histories(), other=histories(most=3))
@settings(max_examples=15)
def test_peek_equals_the_value_after_update(spec: str, history: list[Bar], other: list[Bar]) -> None:
    """A live value is what the completed one would be, to the bit, before and after the warm-up."""
    indicator = create(spec)
    for bar in history:
        for guess in other:
            twin = indicator.copy()
            twin.update(guess)
            assert bits(indicator.peek(guess)) == bits(twin.values())
        live = indicator.peek(bar)
        indicator.update(bar)
        assert bits(live) == bits(indicator.values())


@every
@given(history=histories(), other=histories(most=5))
@settings(max_examples=10)
def test_peek_leaves_no_trace(spec: str, history: list[Bar], other: list[Bar]) -> None:
    """However often a partial bar is looked at, the completed values stay the same."""
    looked, blind = create(spec), create(spec)
    for bar in history:
        before = looked.save()
        for guess in other:
            looked.peek(guess)
        assert looked.save() == before
        looked.update(bar)
        blind.update(bar)
        assert bits(looked.values()) == bits(blind.values())
    assert looked.save() == blind.save()


@every
@given(history=histories(), cut=st.integers(0, 40))
@settings(max_examples=10)
def test_load_of_a_save_changes_no_later_bit(spec: str, history: list[Bar], cut: int) -> None:
    """A restart from a checkpoint goes on as if there had been none."""
    whole, first = create(spec), create(spec)
    for bar in history[:cut]:
        whole.update(bar)
        first.update(bar)
    second = create(spec)
    second.load(first.save())
    assert bits(second.values()) == bits(first.values())
    assert second.count == first.count
    assert second.ready == first.ready
    for bar in history[cut:]:
        assert bits(second.peek(bar)) == bits(whole.peek(bar))
        whole.update(bar)
        second.update(bar)
        assert bits(second.values()) == bits(whole.values())
    assert second.save() == whole.save()


@every
def test_values_of_a_prefix_are_a_prefix_of_the_values(spec: str) -> None:
    """No value knows of a later bar."""
    series = made(80)["walk"]
    whole = run(create(spec), series)
    assert run(create(spec), series.head(47)).tobytes() == np.ascontiguousarray(whole[:, :47]).tobytes()


@every
def test_values_are_nan_until_the_warm_up_and_then_ready(spec: str) -> None:
    """`warmup` says how many bars a user has to wait; before, there is NaN and never 0."""
    indicator = create(spec)
    series = made(80)["walk"]
    event = indicator.waits
    assert indicator.warmup == max(indicator.warmups)
    assert len(indicator.warmups) == len(indicator.outputs) == indicator.width
    assert not create(spec).ready
    assert all(value != value for value in indicator.values())
    values = run(indicator, series)
    for warmup, row in zip(indicator.warmups, values, strict=True):
        assert np.isnan(row[: warmup - 1]).all()
        assert event or np.isfinite(row[warmup - 1 :]).all()
    assert event or indicator.ready
    for count in (indicator.warmup - 1, indicator.warmup):
        younger = create(spec)
        run(younger, series.head(count))
        assert event or younger.ready == (count == indicator.warmup)


@every
def test_memory_is_bounded(spec: str) -> None:
    """The state is as large after a thousand bars as it was once warm."""
    indicator = create(spec)
    series = made(1000)["walk"]
    run(indicator, series.head(200))
    size = len(indicator.save())
    run(indicator, series)
    assert len(indicator.save()) == size


@every
def test_a_spec_makes_the_same_indicator(spec: str) -> None:
    """The log's configuration names an indicator by its spec, and finds the same one by it."""
    indicator = create(spec)
    again = create(indicator.spec)
    assert (again.spec, again.outputs, again.warmups) == (indicator.spec, indicator.outputs, indicator.warmups)
    fresh = indicator.fresh()
    assert (fresh.spec, fresh.outputs, fresh.count) == (indicator.spec, indicator.outputs, 0)
    assert len(set(indicator.outputs)) == len(indicator.outputs)
    assert all(name.startswith(indicator.name) for name in indicator.outputs)


@every
def test_reset_forgets_every_bar(spec: str) -> None:
    """After it the indicator is as new."""
    indicator = create(spec)
    run(indicator, made(60)["walk"])
    indicator.reset()
    assert indicator.save() == create(spec).save()
    assert indicator.count == 0


@every
def test_a_damaged_state_is_refused_and_changes_nothing(spec: str) -> None:
    """Cut, longer, or with any bit turned: an error, and the indicator goes on as it was."""
    indicator, other = create(spec), create(spec)
    run(indicator, made(60)["walk"])
    run(other, made(60)["gapped"])
    good, foreign = indicator.save(), other.save()
    rng = random.Random(7)
    damaged = [foreign[:cut] for cut in (0, 3, len(foreign) // 2, len(foreign) - 1)]
    damaged += [foreign + b"\0", good.replace(spec[:3].encode(), b"xyz", 1)]
    for _ in range(20):
        flipped = bytearray(foreign)
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(flipped))
    for state in damaged:
        with pytest.raises(CorruptCheckpoint):
            indicator.load(state)
        assert indicator.save() == good


@every
def test_what_waits_for_an_event_is_known(spec: str) -> None:
    """Of these alone the warm-up is a least number, also if they only feed another."""
    assert create(spec).waits == any(name in spec for name in AWAIT_AN_EVENT)


@every
def test_outputs_are_described_one_by_one(spec: str) -> None:
    """Who shows a value finds its name, its warm-up and whether it is a price, in step with the values."""
    indicator = create(spec)
    described = indicator.described
    assert tuple(output.name for output in described) == indicator.outputs
    assert tuple(output.warmup for output in described) == indicator.warmups
    assert tuple(output.on_price for output in described) == indicator.on_price
    assert {output.waits for output in described} == {indicator.waits}


@pytest.mark.parametrize("name", names())
def test_parameters_have_bounds(name: str) -> None:
    """Each declared bound holds; the message says what is allowed."""
    entry = next(entry for entry in catalogue() if entry.name == name)
    for param in entry.params:
        wrong: list[Any] = (
            ["x", None, True] if isinstance(param, Choice) else [param.low - 1, param.high + 1, "x", None]
        )
        for value in wrong:
            with pytest.raises(ConfigError, match=param.name):
                create(name, **{param.name: value})
        default: dict[str, Any] = {param.name: param.default}
        assert create(name, **default).spec == create(name).spec


@pytest.mark.parametrize("name", names())
def test_the_catalogue_says_what_there_is(name: str) -> None:
    """Every entry has a formula and a source, and its outputs and warm-up are those of a default one."""
    entry = next(entry for entry in catalogue() if entry.name == name)
    indicator = create(name)
    assert entry.formula
    assert entry.source
    assert entry.title
    assert entry.group in {"trend", "momentum", "volatility", "volume", "levels", "custom"}
    assert (entry.outputs, entry.warmup) == (indicator.outputs, indicator.warmup)
    assert dict(indicator.params) == {param.name: param.default for param in entry.params}
