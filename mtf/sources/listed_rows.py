"""Rows as lists in memory: dicts, as JSON has them, or sequences without names; as columns.

So what an exchange's REST interface returns, or a database's cursor fetched, needs no frame first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mtf.bars.bar import Bar
from mtf.errors import ConfigError
from mtf.events.tick import Tick
from mtf.sources.array_table import TO_LIST

__all__ = ["columns_of", "is_rows"]

_TEXT: Final = (str, bytes, bytearray, memoryview)


def is_rows(given: Any) -> bool:
    """Whether *given* is a list of rows, judged by the first one that is not empty: a dict or a list with a cell in it.

    So a list of dicts of which all values are columns is not; nor is one of ticks, or of lists of ticks.
    """
    if not isinstance(given, Sequence) or isinstance(given, _TEXT):
        return False
    for row in given:
        if isinstance(row, Mapping):
            if row:
                return any(map(_is_cell, row.values()))
        else:
            return _is_list(row) and any(map(_is_cell, row))
    return False


def columns_of(rows: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Return *rows* as columns by name; the columns of lists are called 1, 2 and so on, unless the first one has names.

    A name that a dict does not have is an empty cell there. ConfigError, with its number, for a row of another kind or
    length than the first.
    """
    if isinstance(rows[0], Mapping):
        return _of_dicts(rows)
    fields = len(rows[0])
    for number, row in enumerate(rows, 1):
        if not _is_list(row) or len(row) != fields:
            raise ConfigError(f"row {number} is {row!r:.80}: give a list of {fields} values, as the first row is")
    return dict(zip(_names(rows[0]), zip(*rows, strict=True), strict=True))


def _of_dicts(rows: Sequence[Any]) -> dict[str, Sequence[Any]]:
    names: dict[Any, None] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise ConfigError(f"row {number} is {row!r:.80}: give a dict, as the first row is")
        if row.keys() - names.keys():
            names.update(dict.fromkeys(row))
    return {str(name): [row.get(name) for row in rows] for name in names}


def _names(row: Any) -> list[str]:
    """Return the names of the values of *row*: those of a named tuple or a row of SQLite, else their numbers."""
    names = row.keys() if hasattr(row, "keys") else getattr(row, "_fields", range(1, len(row) + 1))
    return [str(name) for name in names]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, _TEXT)


def _is_cell(value: Any) -> bool:
    """Whether *value* can be one value of a row, and is not a column, another row, a tick or a bar."""
    if getattr(value, "ndim", None) == 0:
        return True  # one of NumPy's numbers
    if isinstance(value, Mapping | Tick | Bar) or _is_list(value):
        return False
    return not any(hasattr(value, name) for name in TO_LIST)
