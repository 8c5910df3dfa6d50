"""Parameters of requests, validated, with errors that name the parameter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from mtf.data.moments import Moment, moment
from mtf.errors import ConfigError

__all__ = ["choice_of", "flag_of", "moment_of", "names_of", "number_of"]

_DIGITS: Final = re.compile(r"-?\d{1,19}")


def number_of(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Return the whole number *name* of *query*, or *default*; ConfigError if it is not one from *low* to *high*."""
    text = query.get(name)
    if text is None or text == "":
        return default
    if not _DIGITS.fullmatch(text) or not low <= int(text) <= high:
        raise ConfigError(f"{name} must be a whole number between {low} and {high}, got {text!r}")
    return int(text)


def flag_of(query: Mapping[str, str], name: str) -> bool:
    """Return whether *name* is set to 1 or true."""
    text = query.get(name, "")
    if text not in ("", "0", "1", "true", "false"):
        raise ConfigError(f"{name} must be 0 or 1, got {text!r}")
    return text in ("1", "true")


def choice_of(query: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    text = query.get(name, default)
    if text not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, got {text!r}")
    return text


def names_of(query: Mapping[str, str], name: str, most: int) -> list[str] | None:
    """Return the names in *name*, separated by commas; None if it is missing."""
    text = query.get(name)
    if text is None:
        return None
    names = [each for each in text.split(",") if each]
    if len(names) > most:
        raise ConfigError(f"{name} must be at most {most} names, got {len(names)}")
    return names


def moment_of(text: str | None) -> Moment | None:
    """Return the moment in *text*: a seq, nanoseconds, or a time in ISO 8601 with its zone; None for none."""
    return moment(text.replace(" ", "+")) if text else None  # a plus sign in a URL that was not encoded
