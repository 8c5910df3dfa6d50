"""Numbers for people: enough digits, never too many, never a wrong 0."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.numbers import decimals_of, difference, distance_text, number_text, price_decimals, scale_decimals


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1.388745, 5, "1.38875"),  # half up, though the float lies a little below
        (-1.388745, 5, "-1.38875"),
        (2.5, 0, "3"),
        (18338.87, 2, "18,338.87"),
        (1234567.0, 0, "1,234,567"),
        (-37.63, 2, "-37.63"),
        (2.853e-05, 8, "0.00002853"),
        (2.853e-05, 2, "2.853e-05"),
        (0.02, 1, "0.02"),
        (0.0, 2, "0.00"),
        (-0.0, 2, "0.00"),
        (1e-300, 12, "1e-300"),
        (1.7976931348623157e308, 2, "1.798e+308"),
        (1e15, 0, "1e+15"),
        (math.nan, 2, "nan"),
        (-math.inf, 2, "-inf"),
    ],
)
def test_a_number_has_the_decimals_of_its_column(value: float, decimals: int, text: str) -> None:
    """And an exponent if it would be nothing, or endless."""
    assert number_text(value, decimals) == text


@given(st.floats(allow_nan=False), st.integers(0, 12))
def test_a_text_is_short_and_says_0_only_of_0(value: float, decimals: int) -> None:
    """Whatever a file holds, a column stays a column."""
    text = number_text(value, decimals)
    assert len(text) <= 33
    if math.isfinite(value):
        assert (float(text.replace(",", "")) == 0) == (value == 0)
        assert "-0" not in text[:2] or value < 0


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ((), 0),
        ((1.0, 2.5, 3.125), 3),
        ((0.00002853, 0.00002861), 8),
        (((0.1 + 0.2) * 0.5,), 2),  # 0.15000000000000002
        ((1 / 3,), 10),
        ((1e-300, 1.5), 1),
        ((1e300, 1.5), 1),
        ((math.nan, math.inf, 0.0), 0),
        ((64567.015,), 3),
    ],
)
def test_a_column_has_the_decimals_of_the_value_that_needs_most(values: tuple[float, ...], decimals: int) -> None:
    """What is rounding of floats does not count, nor what is written with an exponent."""
    assert decimals_of(values) == decimals


@pytest.mark.parametrize(
    ("prices", "mid", "decimals"),
    [
        ((1.388745, 1.38875), True, 5),  # quotes of five decimals
        ((1.388745, 1.38875), False, 6),  # trades: a price is a price
        ((156.3215,), True, 3),
        ((39369.5,), True, 0),
        ((5185.25, 5185.5), False, 2),
        ((50.125,), True, 3),  # half a cent matters in a price of 50
        ((1.25,), True, 2),
        ((0.0,), True, 0),
        ((), True, 0),
    ],
)
def test_the_half_digit_of_a_mid_is_left_out_where_it_does_not_matter(
    prices: tuple[float, ...], mid: bool, decimals: int
) -> None:
    """People know a market by the decimals of its quotes."""
    assert price_decimals(prices, mid=mid) == decimals


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ((41.53, 100.0), 1),
        ((0.0021, -0.00012), 5),
        ((0.5,), 3),
        ((1_234_567.8,), 0),
        ((0.0,), 1),
        ((math.nan,), 1),
        ((1e-300,), 1),
        ((1e300, 0.25), 3),
    ],
)
def test_values_of_their_own_scale_have_a_few_digits(values: tuple[float, ...], decimals: int) -> None:
    """An RSI is not better for five decimals."""
    assert scale_decimals(values) == decimals


def test_a_difference_is_what_people_count() -> None:
    """What floats add to it would round it to the wrong side."""
    assert difference(1.384275, 1.38428) == -0.000005
    assert 1.384275 - 1.38428 != -0.000005
    assert number_text(difference(1.384275, 1.38428), 5) == "-0.00001"
    assert difference(-37.63, 10.01) == -47.64
    assert difference(1e308, -1e308) == math.inf


@pytest.mark.parametrize(
    ("left", "right", "text"),
    [
        (1.39187, 1.391785, "0.00008"),  # 1.39187 and 1.39179 are seen
        (1.384275, 1.38428, "0.00001"),  # both are seen as 1.38428, and are not the same
        (1.5, 1.5, "0.00000"),
        (-37.63, 10.01, "47.64000"),
        (1e300, -1e300, "2e+300"),
    ],
)
def test_prices_are_as_far_apart_as_they_are_seen_to_be(left: float, right: float, text: str) -> None:
    """Whoever subtracts one column from another comes to the third."""
    assert distance_text(left, right, 5) == text
    assert distance_text(right, left, 5) == text
