"""Pandas frames, made from NumPy arrays; imports both, and is itself imported on first use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from mtf.data.batches import Batch, Coded, Column, Gappy, Kind

__all__ = ["pandas_frame"]


def pandas_frame(columns: Sequence[Column], batches: Iterable[Batch]) -> pd.DataFrame:
    """Return all rows as one frame: times are `datetime64[ns, UTC]`, words categories, dates `datetime64[s]`.

    Missing numbers are NaN, times and dates NaT, texts None. Whole numbers with missing ones are `Int64`.
    """
    parts: list[list[Any]] = [[] for _ in columns]
    words: list[Sequence[str]] = [()] * len(columns)
    for batch in batches:
        for k, (column, found) in enumerate(zip(columns, batch.columns, strict=True)):
            if isinstance(found, Coded):
                words[k], found = found.words, found.codes
            elif isinstance(found, Gappy):
                found = found.values
            parts[k].append(_array(column.kind, found, batch.rows))
    return pd.DataFrame(
        {
            column.name: _series(column.kind, np.concatenate([np.empty(0, _DTYPES[column.kind]), *part]), each)
            for column, part, each in zip(columns, parts, words, strict=True)
        }
    )


def _array(kind: Kind, found: Any, rows: int) -> Any:
    """Return one column of a batch as an array that shares nothing with it."""
    if isinstance(found, list) or found is None:
        values = [None] * rows if found is None else found
        missing = _MISSING.get(kind)
        dtype = "object" if kind is Kind.WHOLE and None in values else _DTYPES[kind]
        return np.array([missing if value is None else value for value in values], dtype)
    return np.array(found, _STORED[kind]).astype(_DTYPES[kind])


def _series(kind: Kind, values: Any, words: Sequence[str]) -> Any:
    if kind is Kind.WORD:
        return pd.Categorical.from_codes(values, categories=list(words))
    if kind is Kind.TIME:
        return pd.DatetimeIndex(values).tz_localize("UTC")
    if kind is Kind.WHOLE and values.dtype == object:
        return pd.array(values, "Int64")
    return values.astype("datetime64[s]") if kind is Kind.DATE else values


_DTYPES: Final = {
    Kind.TIME: "datetime64[ns]",
    Kind.DATE: "datetime64[D]",
    Kind.FLOAT: "float64",
    Kind.VALUE: "float64",
    Kind.WHOLE: "int64",
    Kind.FLAG: "bool",
    Kind.WORD: "int32",
    Kind.TEXT: "object",
}
_STORED: Final = {**_DTYPES, Kind.TIME: "int64", Kind.DATE: "int32", Kind.FLAG: "uint8", Kind.WORD: None}
_MISSING: Final = {Kind.TIME: "NaT", Kind.DATE: "NaT", Kind.FLOAT: np.nan, Kind.VALUE: np.nan}
