"""Tables from columns in memory: dicts of NumPy arrays or lists, structured arrays, and frames of pandas.

Neither NumPy nor pandas is imported: the objects bring their own library. NumPy has no missing numbers, so NaN and NaT
count as missing.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from mtf.errors import ConfigError, SourceError
from mtf.sources.column_reader import CODES, FLOATS, TIMES, UNREAD, Cells, ColumnBatch, cells_text
from mtf.sources.tabular import Wanted, positional, text_cells, texts_of

__all__ = ["TO_LIST", "ArrayTable", "is_array", "is_pandas"]

_UNITS: Final = {
    "D": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
_INT64: Final = range(-(2**63), 2**63)
_NAN: Final = float("nan")
TO_LIST: Final = ("to_list", "to_pylist", "tolist")  # methods of columns in various libraries
_TEXT_TYPES: Final = frozenset((str, type(None)))


def is_array(value: Any) -> bool:
    """Whether *value* is a NumPy array."""
    return hasattr(value, "__array_interface__") and hasattr(value, "dtype")


def is_pandas(value: Any) -> bool:
    """Whether *value* is a pandas frame."""
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "columns") and hasattr(value, "iloc")


class ArrayTable:
    """The columns of *given*, all of the same length: a mapping by name, a structured array, or a pandas frame."""

    def __init__(self, place: str, given: Any) -> None:
        self._place: Final = place
        if is_pandas(given):
            columns = list(_of_pandas(given))
        elif is_array(given):
            columns = [(name, _Column(given[name])) for name in given.dtype.names]
        else:
            columns = [(str(name), _column(str(name), values)) for name, values in given.items()]
        self.names: Final[list[str]] = [name for name, _ in columns]
        self._columns: Final = [column for _, column in columns]
        lengths = {name: len(column.values) for name, column in columns}
        if len(set(lengths.values())) > 1:
            raise ConfigError(
                f"the columns differ in length: "
                f"{', '.join(f'{name!r} has {length:,}' for name, length in lengths.items())}"
            )
        self._rows: Final = next(iter(lengths.values()), 0)

    @property
    def rows(self) -> int | None:
        return self._rows

    @property
    def read_bytes(self) -> int | None:
        return None

    def dated(self, column: int) -> bool:
        return self._columns[column].dated

    def unreadable(self, column: int) -> str:
        return ""

    def head(self, rows: int) -> list[list[str]]:
        rows = min(rows, self._rows)
        return list(map(list, zip(*(column.shown(rows) for column in self._columns), strict=True)))

    def batches(self, first: int, size: int, wanted: Sequence[Wanted], *, backward: bool) -> Iterator[ColumnBatch]:
        if first > self._rows:
            raise SourceError(
                f"{self._place}: it has {self._rows:,} rows, but {first:,} were read before: it is another table now",
                path=self._place,
            )
        for at in range(first, self._rows, size):
            rows = min(size, self._rows - at)
            begin = self._rows - at - rows if backward else at
            yield ColumnBatch(
                at,
                rows,
                [
                    _NO_CELLS if want.kind == UNREAD else column.cells(begin, begin + rows, want, backward=backward)
                    for column, want in zip(self._columns, wanted, strict=True)
                ],
            )

    def close(self) -> None:
        """There is nothing to close."""


_NO_CELLS: Final = Cells(UNREAD)


class _Column:
    """*values* as a NumPy array or a Python sequence.

    Times in an array are UTC if *walls* has their local times, else without a zone. With *names*, the values are
    indexes into them, -1 for none.
    """

    def __init__(
        self, values: Any, *, walls: Callable[[], Any] | None = None, names: Sequence[str] | None = None
    ) -> None:
        self.values: Final = values
        self._walls: Final = walls
        self._names: Final = names

    @property
    def dated(self) -> bool:
        return _kind(self.values) == "M"

    def cells(self, begin: int, end: int, wanted: Wanted, *, backward: bool = False) -> Cells:
        """Return the values `[begin, end)` as *wanted*, or as text if they are of another kind."""
        values = self.values[begin:end]
        if backward:
            values = values[::-1]
        if self._names is not None:
            if wanted.kind == CODES:
                return _codes(values, self._names)
            values = [self._names[code] if code >= 0 else None for code in values]
        kind = _kind(values)
        if kind == "M":
            walls = self._walls()[begin:end] if self._walls is not None and wanted.walls else None
            if backward and walls is not None:
                walls = walls[::-1]
            times = _times(values, walls, local=self._walls is None)
            return times if wanted.kind == TIMES else _texts_of_cells(times, len(values))
        if wanted.kind == FLOATS and kind in "fiu":
            return Cells(FLOATS, _bytes(values.astype("<f8")), hollow=True)
        if wanted.kind == TIMES and wanted.unit_ns and kind in "iu" and not _overflows(values):
            return Cells(TIMES, _bytes(values.astype("<i8")), unit_ns=wanted.unit_ns)
        if wanted.kind == CODES and _is_of_one(values):
            return Cells(CODES, bytes(4 * len(values)), names=[str(values[0])])
        plain = values.tolist() if is_array(values) else list(values)
        if wanted.kind == CODES:
            return _named(plain if kind == "U" else _texts(plain, wanted))
        return _numbers(plain, wanted) or text_cells(_texts(plain, wanted))

    def shown(self, rows: int) -> list[str]:
        """Return the first values as a file of delimited text would have them."""
        if self.dated:
            cells = _times(self.values[:rows], None, local=self._walls is None)
            return [cells_text(cells, i) for i in range(rows)]
        values = self.values[:rows]
        if self._names is not None:
            return [self._names[code] if code >= 0 else "" for code in values]
        plain = values.tolist() if is_array(values) else list(values)
        return [text or "" for text in _texts(plain, Wanted(TIMES))]


def _kind(values: Any) -> str:
    """Return NumPy's letter for the kind of an array's values; for a sequence, that of objects."""
    return str(values.dtype.kind) if is_array(values) else "O"


def _is_of_one(values: Any) -> bool:
    """Whether *values* are an array of one text. Not those of other types: a masked cell has none."""
    plain = type(values).__name__ == "ndarray" and _kind(values) == "U"
    return plain and len(values) > 0 and bool((values == values[0]).all())


def _overflows(values: Any) -> bool:
    """Whether one of *values*, whole numbers, is too large for an i64."""
    return _kind(values) == "u" and values.dtype.itemsize == 8 and len(values) > 0 and int(values.max()) not in _INT64


def _bytes(values: Any) -> bytes:
    found: bytes = values.tobytes()
    return found


def _codes(values: Any, names: Sequence[str]) -> Cells:
    """Return an array of indexes into *names* as cells."""
    return Cells(CODES, _bytes(values.astype("<i4")), names=list(names))


def _named(texts: Sequence[str | None]) -> Cells:
    """Return *texts*, of which few differ, as codes; None is an empty cell."""
    names = [text for text in dict.fromkeys(texts) if text is not None]
    places: dict[str | None, int] = {text: code for code, text in enumerate(names)}
    places[None] = -1
    return Cells(CODES, array("i", map(places.__getitem__, texts)).tobytes(), names=names)


def _times(values: Any, walls: Any, *, local: bool) -> Cells:
    """Return an array of times as cells; those that are *local* have no zone."""
    unit, count = _unit(values)
    if unit not in _UNITS:  # weeks, months, or finer than nanoseconds
        values, unit, count = values.astype("datetime64[ns]"), "ns", 1
    if count != 1:
        values = values.astype(f"datetime64[{unit}]")
    data = _bytes(values.astype("<i8"))
    return Cells(
        TIMES,
        data,
        unit_ns=_UNITS[unit],
        civil=True,
        local=local,
        walls=b"" if walls is None else _bytes(walls.astype(f"datetime64[{unit}]").astype("<i8")),
    )


def _unit(values: Any) -> tuple[str, int]:
    """Return the unit of an array of times, and how many of these one step is."""
    name = str(values.dtype)  # datetime64[ns], datetime64[25s]
    text = name.partition("[")[2].rstrip("]")
    unit = text.lstrip("0123456789")
    digits = text[: len(text) - len(unit)]
    return unit, int(digits or 1)


def _texts_of_cells(cells: Cells, rows: int) -> Cells:
    return text_cells([cells_text(cells, i) for i in range(rows)])


def _numbers(values: Sequence[Any], wanted: Wanted) -> Cells | None:
    """Return *values* as numbers if all are numbers; None is a missing one."""
    types = set(map(type, values))
    missing = type(None) in types
    types.discard(type(None))
    if not all(issubclass(each, int | float) and each is not bool for each in types):
        return None
    if wanted.kind == FLOATS:
        try:
            numbers = array("d", [_NAN if value is None else value for value in values] if missing else values)
        except OverflowError:
            numbers = array("d", [_NAN if value is None else _float(value) for value in values])
        return Cells(FLOATS, numbers.tobytes(), hollow=True)
    if wanted.kind != TIMES or not wanted.unit_ns or any(issubclass(each, float) for each in types):
        return None
    try:
        counts = array("q", [_INT64[0] if value is None else value for value in values] if missing else values)
    except OverflowError:
        return None
    return Cells(TIMES, counts.tobytes(), unit_ns=wanted.unit_ns)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _texts(values: Sequence[Any], wanted: Wanted) -> Sequence[str | None]:
    """Return *values* as text; if times are *wanted*, numbers have no exponent."""
    types = set(map(type, values))
    if types <= _TEXT_TYPES:
        return values
    if types == {int}:
        return list(map(str, values))
    written = positional if wanted.kind == TIMES else str
    if types == {float}:
        return [None if value != value else written(value) for value in values]
    return [
        None if _is_nan(value) else written(value) if isinstance(value, float) else text
        for value, text in zip(values, texts_of(values), strict=True)
    ]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


def _column(name: str, values: Any) -> _Column:
    """Return the entry *name* of a mapping as a column: an array, a sequence, or a series of some library."""
    if is_array(values):
        if values.ndim != 1:
            raise ConfigError(f"column {name!r} has {values.ndim} dimensions: give one array for each column")
        return _Column(values)
    if type(values).__module__.partition(".")[0] == "pandas":
        return _of_series(values)
    for method in TO_LIST:
        if hasattr(values, method):
            return _Column(getattr(values, method)())
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        return _Column(values)
    raise ConfigError(
        f"column {name!r} is {values!r:.80}: give an array or a list, with a value for each row; a list of dicts is "
        "read as rows"
    )


def _of_pandas(frame: Any) -> Iterator[tuple[str, _Column]]:
    """Yield the columns of a pandas frame, after those of its index that carry information."""
    index = frame.index
    levels = [index.get_level_values(i) for i in range(index.nlevels)]
    for level in levels:
        dated = hasattr(level, "tz")
        if level.name is not None or dated or len(levels) > 1:
            yield ("index" if level.name is None else str(level.name)), _of_series(level)
    for i, name in enumerate(frame.columns):
        label = "_".join(map(str, filter(None, name))) if isinstance(name, tuple) else str(name)
        yield label, _of_series(frame.iloc[:, i])


def _of_series(series: Any) -> _Column:
    """Return a pandas series or index as a column."""
    dtype = series.dtype
    name = str(dtype)
    if name == "category":
        values = getattr(series, "cat", series)
        return _Column(_numpy(values.codes), names=[str(each) for each in values.categories])
    arrow = getattr(dtype, "pyarrow_dtype", None)
    if dtype.kind == "M" and arrow is not None:
        zone = "" if arrow.tz is None else f", {arrow.tz}"
        series = series.astype(f"datetime64[{arrow.unit}{zone}]")
        dtype = series.dtype
    if dtype.kind == "M" and getattr(dtype, "tz", None) is not None:
        times = getattr(series, "dt", series)
        utc = _numpy(times.tz_convert("UTC"), utc=True)
        return _Column(utc, walls=lambda: _numpy(times.tz_localize(None)))
    if dtype.kind == "f":
        return _Column(series.to_numpy(dtype="float64", na_value=float("nan")) if _extends(dtype) else _numpy(series))
    if dtype.kind in "iu" and _extends(dtype) and not series.isna().any():
        return _Column(series.to_numpy(dtype=f"{dtype.kind}8"))
    if dtype.kind in "iuM" and not _extends(dtype):
        return _Column(_numpy(series))
    if name in ("str", "string"):
        codes, texts = series.factorize()
        return _Column(codes, names=[str(text) for text in texts])
    missing = series.isna()
    return _Column([None if none else value for value, none in zip(series.astype(object), missing, strict=True)])


def _extends(dtype: Any) -> bool:
    """Whether a type is one of pandas' own, not of NumPy."""
    return type(dtype).__module__.partition(".")[0] != "numpy"


def _numpy(values: Any, *, utc: bool = False) -> Any:
    """Return *values* of pandas as an array; with *utc*, times as UTC, without a zone."""
    if utc:
        values = getattr(values, "dt", values).tz_localize(None)
    return values if is_array(values) else values.to_numpy()
