"""Columns of tables, and batches of rows as one run of values per column, independent of any library.

A column of a batch is one of: a buffer of floats, or of integers according to `Kind` (`array.array`, or a `vec`), with
a value in each row; a list, with None in rows without a value; `Gappy`, floats some of which are missing; `Coded`, for
few different texts; or None, if no row has a value. The data for Arrow, polars and pandas is made from these.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

__all__ = ["Batch", "Coded", "Column", "Gappy", "Kind", "dicts_of"]

EPOCH: Final = datetime.date(1970, 1, 1)


class Kind(enum.Enum):
    """The kind of values in a column."""

    TIME = "time"  # int64 nanoseconds UTC
    DATE = "date"  # int32 days since 1970-01-01
    FLOAT = "float"
    VALUE = "value"  # a float, NaN if there is none
    WHOLE = "whole"  # int64
    FLAG = "flag"  # uint8, 0 or 1
    WORD = "word"  # one of few texts: Coded
    TEXT = "text"  # a list


class Column(NamedTuple):
    """A column's name and kind."""

    name: str
    kind: Kind

    @property
    def key(self) -> str:
        """The name among plain values, where times are integers: `start_ns`."""
        return f"{self.name}_ns" if self.kind is Kind.TIME else self.name


class Coded(NamedTuple):
    """Texts as int32 positions among *words*, which are the same in each batch of a table."""

    codes: Any  # a buffer of int32
    words: Sequence[str]


class Gappy(NamedTuple):
    """A buffer of floats, NaN in rows without a value."""

    values: Any


class Batch(NamedTuple):
    """Rows as one run of values per column, in the order of the table's columns."""

    rows: int
    columns: Sequence[Any]


def dicts_of(columns: Sequence[Column], batch: Batch) -> list[dict[str, Any]]:
    """Return the rows as plain values by name."""
    keys = [column.key for column in columns]
    values = [_plain_values(column, found, batch.rows) for column, found in zip(columns, batch.columns, strict=True)]
    return [dict(zip(keys, row, strict=True)) for row in zip(*values, strict=True)]


def _plain_values(column: Column, found: Any, rows: int) -> Sequence[Any]:
    if found is None:
        return [None] * rows
    if isinstance(found, Coded):
        words = found.words
        return [words[code] for code in found.codes]
    if column.kind is Kind.VALUE or isinstance(found, Gappy):
        return [None if value != value else value for value in (found.values if isinstance(found, Gappy) else found)]
    if column.kind is Kind.FLAG:
        return [bool(value) for value in found]
    if column.kind is Kind.DATE:
        return [None if days is None else EPOCH + datetime.timedelta(days=days) for days in found]
    return list(found)
