"""The decimal mark of the numbers in a table: a point, or a comma as in much of Europe."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mtf.errors import ConfigError, OptionNeeded
from mtf.sources.cells import NUMBER, kind_of
from mtf.sources.decimals import COMMA, POINT, UNSURE

__all__ = ["decimal_mark", "mark_of"]

MARKS: Final = {".": POINT, ",": COMMA}
_DIGITS: Final = re.compile(r"\d[\d.,]*|[.,]\d+")
_PLAIN: Final = re.compile(r"(?:(?:-?\d+(?:\.\d+)?)?\n)*+")  # numbers, or nothing, each followed by a line break
_BETWEEN: Final = re.compile(r"['\s]")  # between groups of digits, whatever the mark
_GROUP: Final = 3  # digits in a group separated by a comma or a point


def mark_of(said: str) -> int:
    """Return the mark given by the user; ConfigError for another one."""
    if said not in MARKS:
        raise ConfigError(f"decimal must be '.' or ',', got {said!r}")
    return MARKS[said]


def decimal_mark(cells: Iterable[str]) -> int:
    """Return the mark of most of *cells*, which are numbers; UNSURE if none of them has any.

    OptionNeeded if all could be either: 1,234 is over a thousand, or one and a fraction.
    """
    cells = list(cells)
    text = "\n".join([*cells, ""])
    if _PLAIN.fullmatch(text):  # nearly always, and then there is nothing to decide
        return POINT if "." in text else UNSURE
    votes = {POINT: 0, COMMA: 0}
    unclear = ""
    pointed = False  # 1.085 has a decimal point unless a comma indicates otherwise
    for cell in cells:
        if kind_of(cell) != NUMBER:
            continue
        match = _DIGITS.search(_BETWEEN.sub("", cell))
        digits = match[0] if match is not None else ""
        mark = _mark(digits)
        if mark != UNSURE:
            votes[mark] += 1
        elif "," in digits:
            unclear = unclear or cell
        elif "." in digits:
            pointed = True
    if votes[POINT] or votes[COMMA]:
        return COMMA if votes[COMMA] > votes[POINT] else POINT
    if unclear:
        raise OptionNeeded(
            f"{unclear!r}: the comma could be a decimal comma or a thousands separator: name the decimal "
            "mark with {decimal}",
            decimal=",",
        )
    return POINT if pointed else UNSURE


def _mark(digits: str) -> int:
    """Return the mark that *digits* certainly have."""
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        if points > 1 or commas > 1:
            return COMMA if points > 1 else POINT
        return COMMA if digits.rindex(",") > digits.rindex(".") else POINT
    if points > 1 or commas > 1:
        return COMMA if points else POINT
    if points:
        return POINT if not _could_group(digits, ".") else UNSURE
    return COMMA if commas and not _could_group(digits, ",") else UNSURE


def _could_group(digits: str, mark: str) -> bool:
    whole, _, rest = digits.partition(mark)
    return 1 <= len(whole) <= _GROUP and len(rest) == _GROUP and whole[0] != "0"
