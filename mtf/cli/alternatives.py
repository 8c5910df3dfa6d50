"""Alternatives: `sma:{5..60}` as the values that it stands for, as the braces of a shell do it.

`{5..60}` and `{5..60..5}` are ranges, ends included, `{a,b}` is a list, and several in one text combine. A shell that
knows braces has often replaced them by the time a command sees its words; then the words are those values.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from mtf.errors import ConfigError

__all__ = ["alternatives", "chosen_values", "shell_expanded"]

VALUES_MAX: Final = 100_000  # of one text

_NUMBER: Final = r"-?\d+(?:\.\d+)?"
_RANGE: Final = re.compile(rf"\{{({_NUMBER})\.\.({_NUMBER})(?:\.\.({_NUMBER}))?\}}")


def alternatives(text: str) -> list[str]:
    """Return the values that *text* stands for, in order, the last brace changing fastest.

    ConfigError for a brace that is neither a range nor a list, and for more than VALUES_MAX values.
    """
    values, end = _until(text, 0, "")
    assert end == len(text), "nothing ends the outermost text early"
    return values


def chosen_values(given: Iterable[str], option: str) -> dict[str, list[str]]:
    """Return what `NAME=VALUE ...` of *option* says, as the values of each name; one that is repeated has more."""
    found: dict[str, list[str]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip().removeprefix("--")
        if not equals or not name:
            raise ConfigError(f"{option} {text!r}: write NAME=VALUE")
        found.setdefault(name, []).extend(alternatives(value))
    return {name: list(dict.fromkeys(values)) for name, values in found.items()}


def shell_expanded(words: Iterable[str], names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return those of *words* that are paths, and the `NAME=VALUE` that a shell made of braces, for one of *names*."""
    known = set(names)
    paths: list[str] = []
    choices: list[str] = []
    for word in words:
        made = word.partition("=")[0] in known and "=" in word and not os.path.exists(word)
        (choices if made else paths).append(word)
    return paths, choices


def _until(text: str, at: int, ends: str) -> tuple[list[str], int]:
    """Return the values of *text* from *at* to the first of *ends* outside of braces, and where that is."""
    found = [""]
    while at < len(text) and text[at] not in ends:
        if text[at] == "{":
            more, at = _brace(text, at)
        else:
            more, at = [text[at]], at + 1
        if len(found) * len(more) > VALUES_MAX:
            raise ConfigError(f"{text!r}: this is more than {VALUES_MAX:,} values")
        found = [before + value for before, value in itertools.product(found, more)]
    return found, at


def _brace(text: str, at: int) -> tuple[list[str], int]:
    """Return the values of the brace at *at*, and where it is over."""
    if found := _RANGE.match(text, at):
        return _range(text, *found.groups()), found.end()
    values: list[str] = []
    parts = 0
    while at < len(text) and text[at] in "{,":
        more, at = _until(text, at + 1, ",}")
        values += more
        parts += 1
    if at == len(text):
        raise ConfigError(f"{text!r}: a brace is not closed")
    if parts < 2:
        raise ConfigError(f"{text!r}: in braces there is a range, {{5..60}} or {{5..60..5}}, or a list, {{a,b}}")
    return values, at + 1


def _range(text: str, first: str, last: str, step: str | None) -> list[str]:
    start, end, by = Decimal(first), Decimal(last), abs(Decimal(step or "1"))
    if not by:
        raise ConfigError(f"{text!r}: a range cannot go in steps of 0")
    count = int(abs(end - start) / by) + 1
    if count > VALUES_MAX:
        raise ConfigError(f"{text!r}: this is more than {VALUES_MAX:,} values")
    direction = by if end >= start else -by
    return [_number(start + direction * k) for k in range(count)]


def _number(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
