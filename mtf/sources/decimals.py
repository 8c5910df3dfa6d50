"""Decimal text to float, with the bits that `float()` would give, and times a power of ten without a second rounding.

A number of at most 2**53 with an exponent of at most 22 is one exact integer and one exact power of ten, so one
multiplication or division rounds it correctly. Everything else goes the slow way, through `float()` itself. Compiled.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

__all__ = ["decimal"]

MANTISSA_MAX: Final = 900_719_925_474_098  # times ten plus nine is still below 2**53
EXPONENT_MAX: Final = 22  # 10.0**22 is the last power of ten that a float holds exactly
EXPONENT_DIGITS_MAX: Final = 5

MINUS: Final = 45
PLUS: Final = 43
POINT: Final = 46
SMALL_E: Final = 101

NAN: Final = float("nan")


def decimal(data: bytes, start: i64, end: i64, shift: i64) -> float:
    """Return the number `data[start:end]` times 10**shift, correctly rounded; NaN where it is not a decimal number.

    Takes what `float()` takes of digits, sign, point and exponent; not its `inf`, `nan` and underscores.
    """
    i = start
    negative = False
    if i < end and (data[i] == MINUS or data[i] == PLUS):
        negative = data[i] == MINUS
        i += 1
    mantissa: i64 = 0
    digits: i64 = 0
    exponent = shift
    fraction: i64 = 0  # 1 behind the point
    while i < end:
        digit: i64 = i64(data[i]) - 48
        if 0 <= digit <= 9:
            if mantissa > MANTISSA_MAX:
                return _slow(data[start:end], shift)
            mantissa = mantissa * 10 + digit
            digits += 1
            exponent -= fraction
        elif digit == POINT - 48 and fraction == 0:
            fraction = 1
        else:
            return _slow(data[start:end], shift)
        i += 1
    if digits == 0 or exponent > EXPONENT_MAX or exponent < -EXPONENT_MAX:
        return _slow(data[start:end], shift)
    value = float(mantissa)
    power = 1.0
    if exponent < 0:
        while exponent < 0:
            power *= 10.0
            exponent += 1
        value /= power
    elif exponent > 0:
        while exponent > 0:
            power *= 10.0
            exponent -= 1
        value *= power
    return -value if negative else value


def _slow(text: bytes, shift: i64) -> float:
    text = text.strip().lower()
    for byte in text:
        if not (48 <= byte <= 57 or byte in (PLUS, MINUS, POINT, SMALL_E)):
            return NAN
    mantissa, _, power = text.partition(b"e")
    if len(power) > EXPONENT_DIGITS_MAX or (not power and len(mantissa) != len(text)):
        return NAN
    try:
        exponent = int(power) if power else 0
        return float(mantissa + b"e" + str(exponent + shift).encode())
    except ValueError:
        return NAN
