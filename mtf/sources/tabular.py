"""Tables in columns, as sources read them: the common interface of a frame, a dict of arrays and a Parquet file.

Owns the protocol, and how cells of other types are written as text: as in a file of delimited text, so that both are
understood in the same way.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import accumulate
from struct import pack
from typing import Any, Final, NamedTuple, Protocol

from mtf.sources.column_reader import CODES, FLOATS, TEXTS, TIMES, UNREAD, Cells, ColumnBatch

__all__ = ["NOT_READ", "Tabular", "Wanted", "positional", "text_cells", "texts_of", "wanted_columns"]

TEXT_BYTES_MAX: Final = 2**31 - 1


class Wanted(NamedTuple):
    """The kind of cells to read from a column: UNREAD, FLOATS, TIMES, TEXTS or CODES.

    TIMES: whole numbers count *unit_ns* since 1970; 0: they are not times. With *walls*, times are also wanted as they
    are written, in their own zone.
    """

    kind: int
    unit_ns: int = 0
    walls: bool = False


NOT_READ: Final = Wanted(UNREAD)


class Tabular(Protocol):
    """Rows in columns called *names*. *rows* is their number; None if unknown before they are read."""

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def rows(self) -> int | None: ...

    @property
    def read_bytes(self) -> int | None:
        """How much of its file has been read; None if it is not in a file."""
        ...

    def head(self, rows: int) -> list[list[str]]:
        """Return at most that many first rows, each cell as text."""
        ...

    def dated(self, column: int) -> bool:
        """Whether the cells of a column are times by their type."""
        ...

    def unreadable(self, column: int) -> str:
        """The type of a column whose cells are neither numbers nor texts; "" for another one."""
        ...

    def batches(self, first: int, size: int, wanted: Sequence[Wanted], *, backward: bool) -> Iterator[ColumnBatch]:
        """Yield the rows from number *first* on, counted from 0, at most *size* at a time; *backward* from the last.

        SourceError if they cannot be read.
        """
        ...

    def close(self) -> None:
        """Close open files."""
        ...


def wanted_columns(
    fields: int, roles: Iterable[tuple[str, int]], *, unit_ns: int, walls: bool, watched: Iterable[int]
) -> list[Wanted]:
    """Return the kind of cells to read from each of *fields* columns; *roles* are those needed, with their columns.

    Times that are numbers count *unit_ns*, or are written as dates if that is 0.
    """
    found = [NOT_READ] * fields
    roles = list(roles)
    clocked = any(role == "clock" for role, _ in roles)
    for role, column in roles:
        if role == "time" and not clocked:
            wanted = Wanted(TIMES, unit_ns, walls)
        elif role in ("time", "clock", "id"):
            wanted = Wanted(TEXTS)
        elif role == "symbol":
            wanted = Wanted(CODES)
        else:
            wanted = Wanted(FLOATS)
        taken = found[column]
        found[column] = wanted if taken in (NOT_READ, wanted) else Wanted(TEXTS)
    for column in watched:
        found[column] = Wanted(TEXTS)
    return found


def text_cells(texts: Sequence[str | None]) -> Cells:
    """Return *texts* as the cells of a column; None is an empty one."""
    encoded = [b"" if text is None else text.encode("utf-8", "replace") for text in texts]
    offsets = list(accumulate(map(len, encoded), initial=0))
    return Cells(TEXTS, pack(f"<{len(offsets)}i", *offsets), text=b"".join(encoded))


def texts_of(values: Iterable[Any]) -> list[str | None]:
    """Return the text of each of *values*; None for a missing one."""
    return [None if value is None else _written(value) for value in values]


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return "" if value != value else value.isoformat()  # NaT does not equal itself
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    return "" if type(value).__name__ in ("NAType", "NaTType") else str(value)


def positional(value: float) -> str:
    """Return a number as a time is written: without an exponent, and without a zero fraction."""
    text = float.__repr__(value)  # of NumPy's floats, too
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")
