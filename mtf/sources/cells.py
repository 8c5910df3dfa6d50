"""What one cell of a table looks like: a number, a time, words, or nothing."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Final

__all__ = [
    "BLANK",
    "CLOCK",
    "COMPACT",
    "DATE",
    "DATED",
    "EPOCH",
    "NO_DIGITS",
    "NUMBER",
    "TIME",
    "WORDED",
    "WORDS",
    "is_date",
    "kind_of",
    "mostly",
    "plain",
    "shapes",
    "shapes_of",
]

NO_DIGITS: Final = str.maketrans("123456789", "000000000")  # leaves the way in which a cell is written

# Kinds of cells.
BLANK: Final = 0
NUMBER: Final = 1
TIME: Final = 2
WORDS: Final = 3

_MONTH: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_HALF: Final = r"[ \u202f-]*[AaPp]\.?[Mm]\.?"

CLOCK: Final = re.compile(
    rf"\d{{1,2}}:\d{{2}}(:\d{{2}}([.,]\d{{1,9}})?)?({_HALF})?( ?[A-Za-z+-].*)?"
    rf"|([01]\d|2[0-3])[0-5]\d[0-5]\d(\d{{3}})?|\d{{1,2}}{_HALF}"
)
DATE: Final = re.compile(r"\d{8}|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")
DATED: Final = re.compile(r"(\d{1,4})([-./])(\d{1,2})\2(\d{1,4})(\D.*)?")
WORDED: Final = re.compile(
    rf"(\d{{1,2}}[ .-]*{_MONTH}[ ,.-]*\d{{2,4}}|{_MONTH}[ .-]*\d{{1,2}}[ ,.-]+\d{{2,4}}"
    rf"|\d{{4}}[ -]{_MONTH}[ -]\d{{1,2}})(\D.*)?",
    re.IGNORECASE,
)
COMPACT: Final = re.compile(r"(19|20|21)\d\d[01]\d[0-3]\d([ T_-]*[0-2]\d.*)?")
EPOCH: Final = re.compile(r"(\d{6,19})(\.\d{1,9})?")
_SPACED: Final = re.compile(r"\d{8}[ T_-]+\d{2}.*")
_DAYTIME: Final = re.compile(r"\d{1,2}:\d{2}(\D.*)?")
_NUMBER: Final = re.compile(
    r"[+-]?[$€£¥]?[ ]?[+-]?(\d[\d.,' \u00a0\u202f]*|\.\d+)([eE][+-]?\d+)?[ ]?[KMBTkmbt%$€£¥]?|[+-]?(nan|inf|infinity)",
    re.IGNORECASE,
)
_NOTHING: Final = frozenset(("", "-", "--", "n/a", "na", "null", "none"))


def kind_of(cell: str) -> int:
    """Return what *cell*, without the space around it, looks like."""
    if ":" not in cell and " " not in cell:  # as in most times, but in no number that Python reads
        try:
            float(cell)
        except ValueError:
            if cell.lower() in _NOTHING:
                return BLANK
        else:
            return NUMBER if "_" not in cell else WORDS
    return _kind_of_shape(cell.translate(NO_DIGITS))


@functools.lru_cache(maxsize=1024)  # most cells of a column are written alike
def _kind_of_shape(cell: str) -> int:
    """Return the kind of a cell that is not a plain number; its digits do not matter."""
    if is_date(cell) or _SPACED.fullmatch(cell) or _DAYTIME.fullmatch(cell):
        return TIME
    return NUMBER if _NUMBER.fullmatch(cell) else WORDS


def shapes(cells: Sequence[str]) -> list[str]:
    """Return how each of *cells* is written: with 0 in place of each digit."""
    return shapes_of("\n".join(cells)) if cells else []


def shapes_of(text: str) -> list[str]:
    """Return how each line of *text* is written."""
    return text.translate(NO_DIGITS).split("\n")


def is_date(cell: str) -> bool:
    """Whether *cell* starts with a date that has separators."""
    return DATED.fullmatch(cell) is not None or WORDED.fullmatch(cell) is not None


def mostly(good: int, total: int) -> bool:
    """Whether enough of *total* cells agree to treat the rest as broken rows: all of a few, four fifths of more."""
    return total > 0 and (total - good) * 5 <= total


@functools.lru_cache(maxsize=256)  # most files of a folder have the same headings
def plain(name: str) -> str:
    """Return a heading in lower case, without anything but letters and digits: `<Bid Price>` is `bidprice`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
