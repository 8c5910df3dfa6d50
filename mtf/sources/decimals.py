"""Decimal text to float, with the same bits as `float()`, and scaled by a power of ten without a second rounding.

A number of at most 2**53 with an exponent of at most 22 is one exact integer and one exact power of ten, so one
multiplication or division rounds it correctly. Everything else takes the slow way through `float()` itself, where
digits may be in groups (`1,234.5`, `1 234,5`, `1'234.5`) and have a currency sign. Compiled.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

__all__ = ["COMMA", "POINT", "UNSURE", "amount", "decimal", "is_special"]

MANTISSA_MAX: Final = 900_719_925_474_098  # times ten plus nine is still below 2**53
EXPONENT_MAX: Final = 22  # 10.0**22 is the last power of ten that a float holds exactly
EXPONENT_DIGITS_MAX: Final = 5

MINUS: Final = 45
PLUS: Final = 43
UNSURE: Final = 0  # for *mark*: not known, because no number so far had a fraction or groups
POINT: Final = 46
COMMA: Final = 44

NAN: Final = float("nan")

# The units of large amounts: 138.88K, 1.2M.
UNITS: Final = {b"k": 3, b"m": 6, b"b": 9, b"t": 12}
# Cells that mean that there is no number.
BLANKS: Final = frozenset((b"", b"-", b"--", b"n/a", b"na", b"null", b"none", b"nan"))
SPECIAL: Final = frozenset((b"nan", b"inf", b"infinity"))

_SPACES: Final = (b"\xc2\xa0", b"\xe2\x80\xaf", b"\xe2\x80\x89")  # no-break, narrow no-break and thin space, in UTF-8
_CURRENCIES: Final = (b"$", b"\xe2\x82\xac", b"\xc2\xa3", b"\xc2\xa5")  # dollar, euro, pound, yen


def decimal(data: bytes, start: i64, end: i64, shift: i64, mark: i64 = POINT) -> float:
    """Return the number `data[start:end]` times 10**shift, correctly rounded; NaN if it is not a decimal number.

    *mark* is the decimal mark, POINT or COMMA, and the other one separates groups of digits. If it is UNSURE, a lone
    comma, `1,234`, could be either, and gives NaN. Digits, sign, point and exponent are as for `float()`; `inf`, `nan`
    and underscores are not accepted.
    """
    i = start
    negative = False
    if i < end and (data[i] == MINUS or data[i] == PLUS):
        negative = data[i] == MINUS
        i += 1
    mantissa: i64 = 0
    first = i
    while i < end:
        digit: i64 = i64(data[i]) - 48
        if digit < 0 or digit > 9:
            break
        if mantissa > MANTISSA_MAX:
            return _slow(data[start:end], shift, mark)
        mantissa = mantissa * 10 + digit
        i += 1
    digits = i - first
    places: i64 = 0  # digits after the mark
    power = 1.0  # 10 to that power
    if i < end:
        if i64(data[i]) != mark:
            return _slow(data[start:end], shift, mark)
        i += 1
        places = end - i
        while i < end:
            digit = i64(data[i]) - 48
            if digit < 0 or digit > 9 or mantissa > MANTISSA_MAX:
                return _slow(data[start:end], shift, mark)
            mantissa = mantissa * 10 + digit
            power *= 10.0
            i += 1
    exponent = shift - places
    if digits + places == 0 or exponent > EXPONENT_MAX or exponent < -EXPONENT_MAX:
        return _slow(data[start:end], shift, mark)
    value = float(mantissa)
    if shift == 0:
        value /= power
    elif exponent < 0:
        value /= _power_of_ten(-exponent)
    else:
        value *= _power_of_ten(exponent)
    return -value if negative else value


def _power_of_ten(exponent: i64) -> float:
    """Return 10**exponent, from 0 to EXPONENT_MAX."""
    power = 1.0
    while exponent >= 4:
        power *= 1e4
        exponent -= 4
    while exponent > 0:
        power *= 10.0
        exponent -= 1
    return power


def amount(data: bytes, start: i64, end: i64, mark: i64 = POINT) -> float:
    """Return the size or volume `data[start:end]`, which may have a unit (138.88K); 0 if it is marked as missing.

    NaN if it is not a number.
    """
    value = decimal(data, start, end, 0, mark)
    if value == value:
        return value
    text = _bare(data[start:end])
    if text in BLANKS:
        return 0.0
    power = UNITS.get(text[-1:])
    if power is None:
        return value
    text = text[:-1]
    return decimal(text, 0, len(text), power, mark)


def is_special(text: bytes) -> bool:
    """Whether *text* is a word that programs write for NaN or infinity."""
    return _bare(text).lstrip(b"+-") in SPECIAL


def _bare(text: bytes) -> bytes:
    """Return *text* in lower case, without the space around it."""
    for space in _SPACES:
        text = text.replace(space, b" ")
    return text.strip().lower()


def _slow(text: bytes, shift: i64, mark: i64) -> float:
    text = _bare(text)
    if not text:
        return NAN
    for sign in _CURRENCIES:
        if sign in text:
            text = (text.removesuffix(sign) if text.endswith(sign) else text.replace(sign, b"", 1)).strip()
    mantissa, _, power = text.partition(b"e")
    if len(power) > EXPONENT_DIGITS_MAX or (not power and len(mantissa) != len(text)):
        return NAN
    if mark == UNSURE:
        if mantissa.count(b",") == 1 and b"." not in mantissa:
            return NAN
        mark = COMMA if mantissa.rfind(b",") > mantissa.rfind(b".") >= 0 or mantissa.count(b".") > 1 else POINT
    whole, found, fraction = mantissa.partition(b"," if mark == COMMA else b".")
    whole = _ungrouped(whole, b"." if mark == COMMA else b",")
    for piece in (whole.lstrip(b"+-"), fraction, power.lstrip(b"+-")):
        if not piece.isdigit() and piece:
            return NAN
    try:
        exponent = int(power) if power else 0
        return float(whole + (b"." if found else b"") + fraction + b"e" + str(exponent + shift).encode())
    except ValueError:
        return NAN


def _ungrouped(whole: bytes, separator: bytes) -> bytes:
    """Return *whole* without the separators of its groups of digits; unchanged if they are not groups.

    The last group has three digits, those before it three or (lakh and crore) two; all are separated by the same sign.
    """
    for each in (separator, b" ", b"'"):
        if each in whole:
            groups = whole.split(each)
            first = len(groups[0].lstrip(b"+-"))
            if not 1 <= first <= 3 or len(groups[-1]) != 3:
                return whole
            for group in groups[1:-1]:
                if len(group) not in (2, 3):
                    return whole
            return b"".join(groups)
    return whole
