"""Numbers for people: how many decimals, and the text.

Tables and screens go through here, files and JSON do not: those keep every bit. A text never shows 0 for a value
that is not 0, and never has hundreds of digits: very small and very large values are written with an exponent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

__all__ = ["decimals_of", "difference", "distance_text", "number_text", "price_decimals", "scale_decimals"]

DIGITS: Final = 10  # significant ones: what a mid of two quotes has beyond that is rounding
EXACT: Final = 15  # significant digits that every float keeps
DECIMALS_MAX: Final = 12
FIXED_MIN: Final = 1e-9  # what is smaller or larger than these is written with an exponent
FIXED_MAX: Final = 1e15
HALF_STEP: Final = 1e-4  # of the price: if a whole step is no larger, the half digit of a mid is left out


def decimals_of(values: Iterable[float], digits: int = DIGITS) -> int:
    """Return the decimals that one column of *values* needs: as many as the value that needs the most of them.

    Of each value *digits* significant digits count. What is written with an exponent anyway needs none.
    """
    return max((_decimals(value, digits) for value in values), default=0)


def price_decimals(values: Iterable[float], *, mid: bool) -> int:
    """Return the decimals of a symbol's prices, which a table of them shares.

    A mid may lie half a step between two quotes: that half digit is rounded away (half up) if a whole step is 0.01 %
    of the price or less.
    """
    prices = [value for value in values if math.isfinite(value)]
    full = decimals_of(prices)
    if not mid:
        return full
    whole = decimals_of([2.0 * price for price in prices])
    least = min((abs(price) for price in prices if price), default=0.0)
    return whole if whole < full and 10.0**-whole <= HALF_STEP * least else full


def scale_decimals(values: Iterable[float]) -> int:
    """Return the decimals of values on a scale of their own, as an RSI or a volume: a few digits of the largest."""
    sizes = [abs(value) for value in values if math.isfinite(value) and FIXED_MIN <= abs(value) < FIXED_MAX]
    largest = max(sizes, default=1.0)
    if largest >= 1.0:
        return 1 if largest < 10_000.0 else 0
    return min(DECIMALS_MAX, 2 - math.floor(math.log10(largest)))


def number_text(value: float, decimals: int) -> str:
    """Return *value* with *decimals*, rounded half up, thousands separated by commas: `18,338.87`."""
    if not math.isfinite(value):
        return str(value)
    if value and not FIXED_MIN <= abs(value) < FIXED_MAX:
        return f"{value:.4g}"
    rounded = _rounded(value, decimals)
    if not rounded:
        return f"{value:.4g}" if value else f"{abs(rounded):f}"
    return f"{rounded:,f}"


def distance_text(left: float, right: float, decimals: int) -> str:
    """Return how far apart two prices are, as whoever sees both with *decimals* would count it.

    Prices that look the same and are not are as far apart as they are.
    """
    exact = abs(difference(left, right))
    if max(abs(left), abs(right)) >= FIXED_MAX:
        return number_text(exact, decimals)
    seen = abs(_rounded(left, decimals) - _rounded(right, decimals))
    return number_text(float(seen) if seen else exact, decimals)


def difference(left: float, right: float) -> float:
    """Return *left* less *right* as people count it: 1.38875 less 1.38878 is -0.00003 to the last bit."""
    return float(_exact(left) - _exact(right))


def _rounded(value: float, decimals: int) -> Decimal:
    return _exact(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def _exact(value: float) -> Decimal:
    return Decimal(f"{value:.{EXACT}g}")


def _decimals(value: float, digits: int) -> int:
    if not math.isfinite(value) or not FIXED_MIN <= abs(value) < FIXED_MAX:
        return 0
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    places = len(mantissa.partition(".")[2].rstrip("0")) - int(exponent)
    return min(max(0, places), DECIMALS_MAX)
