"""Tables from Arrow streams: frames of polars, pyarrow and DuckDB, and files.

A stream is read a batch at a time, and its cells are used as buffers; types other than numbers, times and text are cast
by arro3. Imports arro3-core and nanoarrow (the extra `arrow`), and is itself imported on first use.
"""

from __future__ import annotations

import zoneinfo
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import nanoarrow
from arro3.core import (
    Array,
    DataType,
    RecordBatch,
    RecordBatchReader,
    dictionary_dictionary,
    dictionary_indices,
)

from mtf.errors import MtfError, SourceError
from mtf.sources.column_reader import CODES, FLOATS, TEXTS, TIMES, UNREAD, Cells, ColumnBatch, cells_text
from mtf.sources.tabular import Wanted, positional, text_cells, texts_of

__all__ = ["ArrowTable", "guarded"]

_TYPE: Final[Any] = DataType  # a type checker would narrow each type by its predicates
_UNITS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_DAY_NS: Final = 86_400_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UTC: Final = ("UTC", "Etc/UTC", "utc", "Z", "+00:00", "GMT", "Etc/GMT", "Zulu")


class ArrowTable:
    """The rows of a stream made by *make*, which is called again for a second reading.

    *rows* is their number if all of them are in memory, so that they can be read from the last one.
    """

    def __init__(self, place: str, make: Callable[[], RecordBatchReader], *, rows: int | None = None) -> None:
        self._place: Final = place
        self._make: Final = make
        self._rows: Final = rows
        self._reader: RecordBatchReader | None = None  # the stream, of which only `_ahead` was read
        self._ahead: list[RecordBatch] = []
        self._seen = 0  # rows that were read at least once
        with guarded(place):
            self._reader = make()
            schema: Any = self._reader.schema
            self.names: Final[list[str]] = [field.name for field in schema]
            self._types: Final[list[Any]] = [field.type for field in schema]  # each a DataType

    @property
    def rows(self) -> int | None:
        return self._rows

    @property
    def read_bytes(self) -> int | None:
        return None

    def dated(self, column: int) -> bool:
        type = _plain_type(self._types[column])
        return bool(_TYPE.is_timestamp(type) or _TYPE.is_date(type))

    def unreadable(self, column: int) -> str:
        type = _plain_type(self._types[column])
        return str(type).partition("<")[2].strip().removesuffix(">") if _is_nested(type) else ""

    def head(self, rows: int) -> list[list[str]]:
        reader = self._fresh()
        with guarded(self._place):
            count = sum(batch.num_rows for batch in self._ahead)
            while count < rows:
                batch = next(iter(reader), None)
                if batch is None:
                    break
                self._ahead.append(batch)
                count += batch.num_rows
            found: list[list[str]] = []
            for batch in self._ahead:
                part = batch.slice(0, min(batch.num_rows, rows - len(found)))
                columns = [_shown(part.column(i), type) for i, type in enumerate(self._types)]
                found += map(list, zip(*columns, strict=True)) if columns else []
        return found

    def batches(self, first: int, size: int, wanted: Sequence[Wanted], *, backward: bool) -> Iterator[ColumnBatch]:
        reader = self._fresh()
        ahead, self._ahead, self._reader = self._ahead, [], None
        assert not backward or self._rows is not None, "only a table in memory is read from its end"
        done = 0
        with guarded(self._place, lambda: done):
            source: Iterable[RecordBatch] = _chained(ahead, reader)
            if backward:
                source = reversed(list(source))
            for batch in source:
                at = max(0, first - done)
                while at < batch.num_rows:
                    rows = min(size, batch.num_rows - at)
                    part = batch.slice(batch.num_rows - at - rows if backward else at, rows)
                    if backward:
                        part = part.take(Array.from_buffer(array("q", range(rows - 1, -1, -1))))
                    yield ColumnBatch(done + at, rows, [self._cells(part, i, each) for i, each in enumerate(wanted)])
                    at += rows
                done += batch.num_rows
                self._seen = max(self._seen, done)
        if done < max(first, self._seen):
            raise SourceError(
                f"{self._place}: it has {done:,} rows, but {max(first, self._seen):,} were read before: it is "
                "now a different table, or a stream, which can only be read once",
                path=self._place,
            )

    def close(self) -> None:
        self._ahead = []
        self._reader = None

    def _fresh(self) -> RecordBatchReader:
        """Return the stream, positioned after the rows in `_ahead`, which are the first ones."""
        if self._reader is None:
            self._ahead = []
            try:
                with guarded(self._place):
                    reader: Any = self._make()
                    if [field.name for field in reader.schema] != self.names:
                        raise SourceError(f"{self._place}: its columns have changed", path=self._place)
                    self._reader = reader
            except SourceError as error:
                raise self._unread_again(error) from error.__cause__
        return self._reader

    def _unread_again(self, error: SourceError) -> SourceError:
        """Return the error to raise when *error* shows that the rows cannot be read a second time."""
        return SourceError(
            f"{self._place}: it was read already, and cannot be read again ({error.__cause__ or error}): give a table, "
            "or a new stream",
            path=self._place,
        )

    def _cells(self, batch: RecordBatch, column: int, wanted: Wanted) -> Cells:
        if wanted.kind == UNREAD:
            return _NO_CELLS
        return _cells(batch.column(column), self._types[column], wanted)


_NO_CELLS: Final = Cells(UNREAD)


@contextmanager
def guarded(place: str, rows: Callable[[], int] | None = None) -> Iterator[None]:
    """Turn whatever a library raises while reading *place*, after *rows* rows, into SourceError."""
    try:
        yield
    except (MtfError, GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # A panic in Rust does not derive from Exception; everything else here means that a library could not read it.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        behind = f" after row {rows():,}" if rows is not None and rows() else ""
        text = " ".join(str(error).split())
        raise SourceError(f"{place}: cannot be read{behind}: {text or type(error).__name__}", path=place) from error


def _chained(ahead: list[RecordBatch], rest: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
    while ahead:
        yield ahead.pop(0)
    yield from rest


def _plain_type(type: Any) -> Any:
    """Return the type of the values, for a dictionary that of its entries."""
    if _TYPE.is_dictionary(type) and type.value_type is not None:
        return type.value_type
    return type


def _cells(values: Array, type: Any, wanted: Wanted) -> Cells:
    """Return *values* as *wanted*, or, if they are of another kind, as text that is read as in a file."""
    if _TYPE.is_dictionary(type):
        if wanted.kind == CODES:
            codes = dictionary_indices(values).cast(DataType.int32())
            names = [name or "" for name in _text(dictionary_dictionary(values)).to_pylist()]
            valid, data = _buffers(codes)
            return Cells(CODES, data, valid, names=names)
        type = _plain_type(type)
        values = values.cast(type)
    if wanted.kind == FLOATS and (_TYPE.is_floating(type) or _TYPE.is_integer(type)):
        valid, data = _buffers(values.cast(DataType.float64()))
        return Cells(FLOATS, data, valid)
    if wanted.kind == TIMES:
        times = _times(values, type, wanted)
        if times is not None:
            return times
        if _TYPE.is_floating(type):
            return text_cells([None if value is None else positional(value) for value in values.to_pylist()])
    return _text_cells(values, type)


def _times(values: Array, type: Any, wanted: Wanted) -> Cells | None:
    """Return times as numbers; None if they are text, or numbers that are not counted from 1970."""
    if _TYPE.is_date32(type):
        valid, data = _buffers(values.cast(DataType.int32()).cast(DataType.int64()))
        return Cells(TIMES, data, valid, unit_ns=_DAY_NS, civil=True, local=True)
    if _TYPE.is_date64(type):
        valid, data = _buffers(values.cast(DataType.int64()))
        return Cells(TIMES, data, valid, unit_ns=_UNITS["ms"], civil=True, local=True)
    if _TYPE.is_timestamp(type):
        unit_ns = _UNITS[type.time_unit]
        valid, data = _buffers(values.cast(DataType.int64()))
        walls = _walls(data, unit_ns, type.tz) if wanted.walls and type.tz not in (None, *_UTC) else b""
        return Cells(TIMES, data, valid, unit_ns=unit_ns, civil=True, local=type.tz is None, walls=walls)
    if wanted.unit_ns and _TYPE.is_integer(type) and not _TYPE.is_uint64(type):
        valid, data = _buffers(values.cast(DataType.int64()))
        return Cells(TIMES, data, valid, unit_ns=wanted.unit_ns)
    return None


def _walls(data: bytes, unit_ns: int, name: str) -> bytes:
    """Return times in UTC as local times of the zone *name*."""
    zone = _zone(name)
    walls = array("q")
    for count in array("q", data):
        seconds, rest = divmod(count * unit_ns, _UNITS["s"])
        try:
            offset = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone).utcoffset()
        except OverflowError:
            offset = None
        walls.append((seconds * _UNITS["s"] + rest) // unit_ns + _units(offset, unit_ns))
    return walls.tobytes()


def _units(offset: timedelta | None, unit_ns: int) -> int:
    return 0 if offset is None else int(offset.total_seconds()) * _UNITS["s"] // unit_ns


def _zone(name: str) -> Any:
    """Return a zone of Arrow: an IANA name, or `+01:00`."""
    if name[0] in "+-":
        return datetime.strptime(name, "%z").tzinfo
    return zoneinfo.ZoneInfo(name)


def _text_cells(values: Array, type: Any) -> Cells:
    if _TYPE.is_timestamp(type) or _TYPE.is_date(type):
        return text_cells(_shown(values, type))
    text = _text(values)
    view = nanoarrow.c_array(text).view()
    valid, offsets, data = (memoryview(buffer) for buffer in view.buffers)
    count = len(text)
    if not count:
        return text_cells([])
    offsets = offsets.cast("B").cast("i")[: count + 1]
    first, last = offsets[0], offsets[count]
    return Cells(TEXTS, offsets.tobytes(), _bits(valid), text=data.cast("B")[first:last].tobytes(), base=first)


def _text(values: Array) -> Array:
    """Return *values* as text; those that have no text form are empty."""
    type: Any = values.type
    if _is_nested(type):
        return Array([None] * len(values), DataType.utf8())
    if _TYPE.is_time(type):
        return Array(texts_of(values.to_pylist()), DataType.utf8())
    return values.cast(DataType.utf8())


def _shown(values: Array, type: Any) -> list[str]:
    """Return *values* as a file of delimited text would have them."""
    if _TYPE.is_dictionary(type):
        type = _plain_type(type)
        values = values.cast(type)
    if _TYPE.is_timestamp(type) or _TYPE.is_date(type):
        cells = _times(values, type, Wanted(TIMES))
        assert cells is not None, "times have numbers"
        return [cells_text(cells, i) for i in range(len(values))]
    if _TYPE.is_floating(type):
        return ["" if value is None else positional(value) for value in values.to_pylist()]
    return [text or "" for text in _text(values).to_pylist()]


def _is_nested(type: Any) -> bool:
    return bool(_TYPE.is_nested(type) or _TYPE.is_binary(type) or _TYPE.is_large_binary(type)) or (
        _TYPE.is_null(type) or _TYPE.is_interval(type) or _TYPE.is_duration(type)
    )


def _buffers(values: Array) -> tuple[bytes, bytes]:
    """Return the validity bits of *values*, numbers, and their bytes."""
    valid, data = (memoryview(buffer) for buffer in nanoarrow.c_array(values).view().buffers)
    return _bits(valid), data.cast("B").tobytes() if data.nbytes else b""


def _bits(valid: memoryview) -> bytes:
    return valid.cast("B").tobytes() if valid.nbytes else b""
