"""Arrow: batches as a stream that polars, pyarrow, DuckDB and others read, without pyarrow.

The stream is lazy: a batch is made when it is requested, and an error then appears in the reading library, with the
same text. Imports arro3-core (the extra `arrow`), and is itself imported on first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from arro3.core import Array, ChunkedArray, DataType, Field, RecordBatch, RecordBatchReader, Schema

from mtf.data.batches import Batch, Coded, Column, Gappy, Kind
from mtf.storage.history.gather import value_places

__all__ = ["arrow_reader", "arrow_schema"]


def arrow_schema(columns: Sequence[Column]) -> Schema:
    """Return the schema of tables of *columns*: times are `timestamp[ns, UTC]`, words dictionaries."""
    return Schema([Field(column.name, _TYPES[column.kind]) for column in columns])


def arrow_reader(columns: Sequence[Column], batches: Iterable[Batch]) -> RecordBatchReader:
    """Return *batches* as a stream that can be read once."""
    schema = arrow_schema(columns)
    return RecordBatchReader.from_batches(schema, _record_batches(columns, schema, batches))


def _record_batches(columns: Sequence[Column], schema: Schema, batches: Iterable[Batch]) -> Iterator[RecordBatch]:
    nothing: dict[tuple[Kind, int], Array] = {}  # columns without a value, by kind and rows
    for batch in batches:
        arrays = []
        for column, found in zip(columns, batch.columns, strict=True):
            if found is not None:
                arrays.append(_array(column.kind, found))
                continue
            key = (column.kind, batch.rows)
            if key not in nothing:
                nothing[key] = _nothing(*key)
            arrays.append(nothing[key])
        yield RecordBatch.from_arrays(arrays, schema=schema)


def _nothing(kind: Kind, rows: int) -> Array:
    """Return a column without any value."""
    nowhere = Array.from_buffer(bytes(rows)).cast(DataType.uint32())
    missing = Array([None], DataType.float64()) if kind is Kind.VALUE else _array(kind, [None])
    return missing.take(nowhere)


def _array(kind: Kind, found: Any) -> Array:
    """Return a column of a batch. A buffer is used without a copy."""
    type = _TYPES[kind]
    if isinstance(found, Coded):
        codes = Array.from_buffer(found.codes).cast(DataType.int32())
        return Array(list(found.words), DataType.utf8()).cast(type).take(codes)
    if isinstance(found, Gappy):
        return _values(found.values)
    if kind is Kind.VALUE:
        return _values(found)
    if isinstance(found, list):
        return Array(found, _STORED.get(kind, type)).cast(type)
    array = Array.from_buffer(found)
    return array if kind in _AS_STORED else array.cast(type)


def _values(found: Any) -> Array:
    """Return floats with null for each NaN; without NaN, they are used unchanged."""
    places = value_places(bytes(found))
    if not places:
        return Array.from_buffer(found)
    missing_first = ChunkedArray([Array([None], DataType.float64()), Array.from_buffer(found)]).combine_chunks()
    return missing_first.take(Array.from_buffer(memoryview(places).cast("I")))


_AS_STORED: Final = (Kind.FLOAT, Kind.WHOLE)
_TYPES: Final[dict[Kind, DataType]] = {
    Kind.TIME: DataType.timestamp("ns", tz="UTC"),
    Kind.DATE: DataType.date32(),
    Kind.FLOAT: DataType.float64(),
    Kind.VALUE: DataType.float64(),
    Kind.WHOLE: DataType.int64(),
    Kind.FLAG: DataType.bool(),
    Kind.WORD: DataType.dictionary(DataType.int32(), DataType.utf8()),
    Kind.TEXT: DataType.utf8(),
}
_STORED: Final[dict[Kind, DataType]] = {Kind.TIME: DataType.int64(), Kind.DATE: DataType.int32()}  # for lists
