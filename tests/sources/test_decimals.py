"""Decimal text becomes the very float that `float()` makes of it."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.sources.decimals import decimal


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def parse(text: str, shift: int = 0) -> float:
    data = b"#" + text.encode() + b"#"
    return decimal(data, 1, len(data) - 1, shift)


@given(st.from_regex(r"[+-]?([0-9]{1,25}(\.[0-9]{0,25})?|\.[0-9]{1,25})(e[+-]?[0-9]{1,3})?", fullmatch=True))
def test_any_decimal_is_read_as_float_reads_it(text: str) -> None:
    assert bits(parse(text)) == bits(float(text))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_shortest_text_of_a_float_gives_it_back(value: float) -> None:
    assert bits(parse(repr(value))) == bits(value)


@given(st.integers(-(10**12), 10**12), st.integers(-8, 8))
def test_shift_rounds_once(number: int, shift: int) -> None:
    """A price of 1689500 ten-thousandths is the float nearest to 168.95, not a product of two roundings."""
    assert bits(parse(str(number), shift)) == bits(float(f"{number}e{shift}"))


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.38676", 1.38676), ("0", 0.0), ("-0.0", -0.0), ("9007199254740993", 9007199254740992.0), ("  1.5 ", 1.5)],
)
def test_literal(text: str, value: float) -> None:
    assert bits(parse(text)) == bits(value)


def test_shift_and_exponent_add() -> None:
    assert parse("97e4", -4) == 97.0


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", "1.2.3", "1,5", "nan", "inf", "Infinity", "1_000", "0x10", "1e", "e5", "--1", "1e999999", "١٢"],
)
def test_what_is_no_decimal_number_is_nan(text: str) -> None:
    assert math.isnan(parse(text))


def test_overflow_is_infinite_so_that_the_caller_refuses_it() -> None:
    assert math.isinf(parse("1e400"))
