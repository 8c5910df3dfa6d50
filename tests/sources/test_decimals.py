"""Decimal text becomes the very float that `float()` makes of it."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.sources.decimals import COMMA, POINT, UNSURE, amount, decimal


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def parse(text: str, shift: int = 0, mark: int = POINT) -> float:
    data = b"#" + text.encode() + b"#"
    return decimal(data, 1, len(data) - 1, shift, mark)


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


@given(st.from_regex(r"[+-]?([0-9]{1,25}(,[0-9]{0,25})?|,[0-9]{1,25})(e[+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_comma_before_the_fraction_changes_nothing_else(text: str) -> None:
    assert bits(parse(text, mark=COMMA)) == bits(float(text.replace(",", ".")))


@given(st.integers(-(10**15), 10**15), st.sampled_from([(",", "."), (" ", "."), ("'", "."), (".", ","), (" ", ",")]))
def test_groups_of_digits_are_one_number(number: int, signs: tuple[str, str]) -> None:
    group, mark = signs
    text = f"{number:,}".replace(",", group) + f"{mark}25"
    expected = float(f"{number}.25")
    assert parse(text, mark=COMMA if mark == "," else POINT) == expected


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("$1,234.50", POINT, 1234.5),
        ("-$5", POINT, -5.0),
        ("5,5 €", COMMA, 5.5),
        ("12,34,567", POINT, 1234567.0),
        ("1\u00a0234,5", COMMA, 1234.5),
        ("1\u202f234,5", COMMA, 1234.5),
        ("1,234.5", UNSURE, 1234.5),
        ("1.234,5", UNSURE, 1234.5),
        ("1,234,567", UNSURE, 1234567.0),
        ("1.5", UNSURE, 1.5),
    ],
)
def test_numbers_as_people_write_them(text: str, mark: int, value: float) -> None:
    assert parse(text, mark=mark) == value


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("1,5", POINT),
        ("1,23", POINT),
        ("12345,678", POINT),
        ("1,2345", POINT),
        ("1.5", COMMA),
        ("1,5,5", COMMA),
        ("$", POINT),
        ("1,234", UNSURE),
        ("1,5", UNSURE),
    ],
)
def test_a_comma_that_parts_no_thousands_is_no_number(text: str, mark: int) -> None:
    """It would be ten, a hundred or a thousand times another one."""
    assert math.isnan(parse(text, mark=mark))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("138.88K", 138_880.0),
        ("1.2m", 1_200_000.0),
        ("0.07B", 70_000_000.0),
        ("1T", 1e12),
        ("1,234K", 1_234_000.0),
        ("-", 0.0),
        ("N/A", 0.0),
        ("null", 0.0),
        ("7", 7.0),
    ],
)
def test_amounts_may_have_a_unit_or_be_none(text: str, value: float) -> None:
    data = text.encode()
    assert amount(data, 0, len(data)) == value


@pytest.mark.parametrize("text", ["K", "1.2X", "x", "1.2KK"])
def test_what_is_no_amount_is_nan(text: str) -> None:
    data = text.encode()
    assert math.isnan(amount(data, 0, len(data)))
