"""Scalars: what a consumer's `result()` may hold, and arguments of consumers: numbers, texts, True, False and None."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from mtf.errors import ConfigError

__all__ = ["Scalar", "check_names", "scalars_of"]

WHOLE_MAX: Final = 1 << 63  # a column of Parquet holds whole numbers below it

Scalar: TypeAlias = bool | int | float | str | None


def scalars_of(found: object, what: str) -> dict[str, Scalar]:
    """Return *found*, a mapping from names to scalars that messages call *what*; ConfigError if it is something else.

    Numbers of NumPy become Python's. A whole number that no column can hold becomes a float.
    """
    if not isinstance(found, Mapping):
        raise ConfigError(f"{what} must be a dict from names to numbers and texts, got {found!r}")
    return {_name(name, what): _scalar(value, f"{what}[{name!r}]") for name, value in found.items()}


def check_names(names: Iterable[str], taken: Iterable[str], what: str) -> None:
    """ConfigError if one of *names* is the name of another column."""
    twice = sorted(set(names) & set(taken))
    if twice:
        raise ConfigError(f"{what}: {', '.join(twice)} is the name of another column of the table: choose another name")


def _name(name: object, what: str) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"\S(.*\S)?", name):
        raise ConfigError(f"{what}: the names must be texts, got {name!r}")
    return name


def _scalar(value: Any, what: str) -> Scalar:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        whole = int(value)
        return whole if -WHOLE_MAX <= whole < WHOLE_MAX else _float(whole)
    if isinstance(value, numbers.Real):
        return float(value)
    if type(value).__name__ in ("bool", "bool_"):  # NumPy's: registered as no kind of number
        return bool(value)
    raise ConfigError(f"{what} must be a number, a text, True, False or None, got {value!r}")


def _float(whole: int) -> float:
    try:
        return float(whole)
    except OverflowError:
        return math.inf if whole > 0 else -math.inf
