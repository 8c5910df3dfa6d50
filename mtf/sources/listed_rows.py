"""Rows as lists in memory: dicts, as JSON has them, or sequences without names; as columns.

What an exchange's REST interface returns, and what `DictReader` or a database's cursor reads, so needs no frame first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mtf.bars.bar import Bar
from mtf.errors import ConfigError
from mtf.events.tick import Tick

__all__ = ["columns_of", "is_rows"]

_TEXT: Final = (str, bytes, bytearray, memoryview)
_LISTS: Final = ("to_list", "to_pylist", "tolist")  # methods of columns in various libraries


def is_rows(given: Any) -> bool:
    """Whether *given* is a list of rows, judged by its first element: a dict or a list of which a value is a cell.

    So a list of dicts of columns is not; nor is one of ticks, or of lists of ticks.
    """
    if not isinstance(given, Sequence) or isinstance(given, _TEXT) or not given:
        return False
    row = given[0]
    if isinstance(row, Mapping):
        return any(map(_is_cell, row.values()))
    return _is_list(row) and any(map(_is_cell, row))


def columns_of(rows: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Return *rows* as columns by name; the columns of lists are called 1, 2 and so on.

    A name that a dict does not have is an empty cell there. ConfigError, with its number, for a row of another kind or
    length than the first.
    """
    if isinstance(rows[0], Mapping):
        return _of_dicts(rows)
    fields = len(rows[0])
    for number, row in enumerate(rows, 1):
        if not _is_list(row) or len(row) != fields:
            raise ConfigError(f"row {number} is {row!r:.80}: give a list of {fields} values, as the first row is")
    return {str(number): values for number, values in enumerate(zip(*rows, strict=True), 1)}


def _of_dicts(rows: Sequence[Any]) -> dict[str, Sequence[Any]]:
    names: dict[Any, None] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise ConfigError(f"row {number} is {row!r:.80}: give a dict, as the first row is")
        if row.keys() - names.keys():
            names.update(dict.fromkeys(row))
    return {str(name): [row.get(name) for row in rows] for name in names}


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, _TEXT)


def _is_cell(value: Any) -> bool:
    """Whether *value* can be one value of a row, and is not a column, another row, a tick or a bar."""
    if getattr(value, "ndim", None) == 0:
        return True  # one of NumPy's numbers
    if isinstance(value, Mapping | Tick | Bar) or _is_list(value):
        return False
    return not any(hasattr(value, name) for name in _LISTS)
