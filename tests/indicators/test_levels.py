"""VWAP, pivots and swings, which no reference package defines as we do, against slow and independent computations."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtf import Bar
from mtf.errors import ConfigError
from mtf.indicators import create
from tests.indicators.bars import bar as one_bar
from tests.indicators.bars import bars, histories

NAN = math.nan


def after(spec: str, history: list[Bar]) -> list[tuple[float, ...]]:
    indicator = create(spec)
    found = []
    for bar in history:
        indicator.update(bar)
        found.append(indicator.values())
    return found


def same(got: tuple[float, ...], want: tuple[float, ...], scale: float = 1.0) -> bool:
    """True if all agree to 1e-12 of the value or of *scale*, the largest price that they are made of."""
    return len(got) == len(want) and all(
        (a != a and b != b) or (a == a and math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12 * scale))
        for a, b in zip(got, want, strict=True)
    )


def test_vwap_begins_anew_with_the_trading_day() -> None:
    """(10*1 + 13*3) / 4, then the next day knows nothing of it."""
    got = after("vwap", bars("10x1 13x3 | 20x2 26x1"))
    assert [value for (value,) in got] == [10.0, 12.25, 20.0, 22.0]


def test_vwap_is_unknown_before_the_first_volume_of_the_day() -> None:
    """Without volume there is no price that it traded at: NaN, never 0."""
    got = [value for (value,) in after("vwap", bars("10 11x2 | 12 13x1"))]
    assert got[0] != got[0]
    assert got[1] == 11.0
    assert got[2] != got[2]
    assert got[3] == 13.0


@given(history=histories())
@settings(max_examples=60)
def test_vwap_equals_the_slow_one(history: list[Bar]) -> None:
    """All bars of the day, added up exactly."""
    got = after("vwap", history)
    for i, bar in enumerate(history):
        today = [b for b in history[: i + 1] if b.trading_day == bar.trading_day]
        volume = math.fsum(b.volume for b in today)
        money = math.fsum((b.high + b.low + b.close) / 3 * b.volume for b in today)
        assert same(got[i], (money / volume if volume else NAN,), 0.0)


def slow_pivots(kind: str, o: float, h: float, l: float, c: float) -> dict[str, float]:  # noqa: E741 - open, high, low, close
    """The levels of each kind as ChartSchool and the books print them."""
    r = h - l
    if kind == "demark":
        x = h + 2 * l + c if c < o else 2 * h + l + c if c > o else h + l + 2 * c
        return {"": x / 4, "r1": x / 2 - l, "s1": x / 2 - h}
    p = (h + l + 2 * c) / 4 if kind == "woodie" else (h + l + c) / 3
    if kind == "camarilla":
        levels = {"": p}
        for k, part in enumerate((12, 6, 4, 2), 1):
            levels[f"r{k}"], levels[f"s{k}"] = c + r * 1.1 / part, c - r * 1.1 / part
        return levels
    if kind == "fibonacci":
        levels = {"": p}
        for k, share in enumerate((0.382, 0.618, 1.0), 1):
            levels[f"r{k}"], levels[f"s{k}"] = p + r * share, p - r * share
        return levels
    return {
        "": p,
        "r1": 2 * p - l,
        "s1": 2 * p - h,
        "r2": p + r,
        "s2": p - r,
        "r3": h + 2 * (p - l),
        "s3": l - 2 * (h - p),
    }


@pytest.mark.parametrize("kind", ["standard", "fibonacci", "woodie", "camarilla", "demark"])
@given(history=histories())
@settings(max_examples=40)
def test_pivots_equal_the_slow_ones(kind: str, history: list[Bar]) -> None:
    """From the previous trading day, and NaN until one was seen from its beginning."""
    indicator = create("pivots", kind=kind)
    suffixes = [name.removeprefix("pivots").removeprefix(f"_{kind}").removeprefix("_") for name in indicator.outputs]
    for bar in history:
        days = sorted({b.trading_day for b in history if b.trading_day is not None and b.trading_day < bar.trading_day})  # type: ignore[operator]
        want: dict[str, float] = {}
        if days:
            before = [b for b in history if b.trading_day == days[-1]]
            if not any(b.incomplete for b in before):
                want = slow_pivots(
                    kind,
                    before[0].open,
                    max(b.high for b in before),
                    min(b.low for b in before),
                    before[-1].close,
                )
        expected = tuple(want.get(suffix, NAN) for suffix in suffixes)
        assert not want or set(suffixes) == set(want)
        scale = max(b.high for b in history)
        assert same(indicator.peek(bar), expected, scale)
        indicator.update(bar)
        assert same(indicator.values(), expected, scale)


def test_standard_pivots_of_a_known_day() -> None:
    """H 110, L 90, C 100: P 100, R1 110, R2 120, R3 130, and the same below."""
    got = after("pivots", bars("95/105/90/100 100/110/95/100 | 101"))
    assert all(value != value for value in got[1])
    assert got[2] == (100.0, 110.0, 120.0, 130.0, 90.0, 80.0, 70.0)


def test_pivots_wait_for_a_day_that_was_seen_from_its_beginning() -> None:
    """The log begins in the middle of a day: that day's range is not known."""
    got = after("pivots", bars("100/101/99/100? 100 | 102/104/100/103 | 103"))
    assert all(value != value for value in got[2])
    assert got[3][0] == pytest.approx((104 + 100 + 103) / 3)


@given(history=histories(), left=st.integers(1, 4), right=st.integers(1, 4))
@settings(max_examples=100)
def test_swings_equal_the_slow_ones(history: list[Bar], left: int, right: int) -> None:
    """Above all others in the window, and reported only once the bars to its right have closed."""
    got = after(f"swings:{left},{right}", history)
    high = low = NAN
    for i in range(len(history)):
        middle = i - right
        if middle - left >= 0:
            window = history[middle - left : i + 1]
            others = window[:left] + window[left + 1 :]
            if all(window[left].high > bar.high for bar in others):
                high = window[left].high
            if all(window[left].low < bar.low for bar in others):
                low = window[left].low
        assert same(got[i], (high, low), 0.0)


def test_swing_is_not_known_before_it_is_confirmed() -> None:
    """The high of 5 stands from its second bar to the right on, and not a bar earlier."""
    highs: list[Any] = [value for value, _ in after("swings:2,2", bars("1 2 5 3 2 1 1"))]
    assert all(value != value for value in highs[:4])
    assert highs[4:] == [5.0, 5.0, 5.0]


@pytest.mark.parametrize(("spec", "timeframe"), [("vwap", "1d"), ("vwap", "1w"), ("pivots", "1w"), ("pivots", "1mo")])
def test_what_makes_no_sense_on_a_timeframe_says_so(spec: str, timeframe: str) -> None:
    """At creation, not by a column of NaN."""
    with pytest.raises(ConfigError, match=f"{spec} makes no sense on {timeframe}"):
        create(spec, timeframe=timeframe)
    create(spec, timeframe="1h")


def test_pivots_make_sense_on_days() -> None:
    """There the previous trading day is the bar before."""
    create("pivots", timeframe="1d")


def test_a_night_off_session_is_no_part_of_the_day() -> None:
    """A print at 500 after hours: neither in the day's VWAP, nor in the levels of the day after."""
    plain = bars("100x1 102x1 | 100x1 102x1 | 100x1")
    night = one_bar(500.0, 500.0, 500.0, 500.0, 5.0, minute=9, day=plain[3].trading_day, off_session=True)
    stray = [*plain[:4], night, plain[4]]
    for spec in ("vwap", "pivots"):
        assert same(after(spec, stray)[-1], after(spec, plain)[-1])
        assert same(after(spec, stray)[3], after(spec, plain)[3])
    assert after("vwap", stray)[4] == (500.0,)  # a night is a day of its own
    assert same(after("pivots", stray)[4], after("pivots", plain)[3])  # and shows the levels of its date


def test_a_day_that_the_log_begins_in_gives_no_levels() -> None:
    """Whatever the timeframe: the bar may be whole where the day is not."""
    days = bars("10 12 | 11 | 10")
    begun = one_bar(10.0, 10.0, 10.0, 10.0, day=days[0].trading_day, day_incomplete=True)
    levels = after("pivots", [begun, *days[1:]])
    assert math.isnan(levels[2][0])
    assert levels[3][0] == 11.0
