"""Tables: the results of queries. Nothing is read before it is needed, and then a batch at a time.

A table can be read any number of times, always with the same rows: it was fixed as of one event of the log when it was
made. It does not know the meaning or the origin of its rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Generic, TypeVar

from mtf.data.batches import Batch, Column, Kind, dicts_of
from mtf.data.needed import needs
from mtf.data.table_files import binary_writer, whole_file
from mtf.errors import MtfError
from mtf.markup import GAP, html_table, time_text

if TYPE_CHECKING:
    import pandas
    import polars

    from mtf.charts import Picture

__all__ = ["Table"]

ARROW: Final = ("arro3-core", "'mtf-engine[arrow]'")

HTML_ROWS: Final = 10
HTML_COLUMNS: Final = 18
PLOT_BARS: Final = 160

Value_co = TypeVar("Value_co", covariant=True)


class Table(Generic[Value_co]):
    """Rows in columns, for any reader of Arrow (`polars.DataFrame(table)`, `pyarrow.table(table)`, DuckDB), or values.

    A library that reads the stream raises its own error with mtf's text; the methods here raise mtf's errors.
    """

    def __init__(
        self,
        what: str,
        columns: Sequence[Column],
        pages: Callable[[], Iterator[Any]],
        *,
        batch_of: Callable[[Any], Batch],
        values_of: Callable[[Any], Iterable[Value_co]],
        preview: Callable[[int], Iterator[Any]] | None = None,
    ) -> None:
        """*what* describes the rows; *pages* starts reading them, and the other two split a page.

        *preview* is like *pages*, limited to that many rows; by default the first page is read.
        """
        self._what: Final = what
        self._columns: Final = tuple(columns)
        self._pages: Final = pages
        self._batch_of: Final = batch_of
        self._values_of: Final = values_of
        self._preview: Final = preview

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self._columns]

    @property
    def schema(self) -> tuple[Column, ...]:
        """The columns, with the kind of each."""
        return self._columns

    def __iter__(self) -> Iterator[Value_co]:
        """Yield the rows one by one as values."""
        for page in self._pages():
            yield from self._values_of(page)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return all rows as dicts of plain values: times are integer nanoseconds, with names such as `start_ns`."""
        return list(self.rows())

    def to_polars(self) -> polars.DataFrame:
        """Return all rows as a polars DataFrame."""
        with needs("polars"):
            import polars
        with needs(*ARROW):
            from mtf.data.arrow import arrow_reader
        failed: list[MtfError] = []
        try:
            return polars.DataFrame(arrow_reader(self._columns, self._recording_failure(failed)))
        except polars.exceptions.PolarsError as error:
            raise (failed[0] if failed else error) from None

    def to_parquet(self, out: str | os.PathLike[str] | BinaryIO) -> None:
        """Write all rows as a Parquet file, to a path or to a binary stream, in bounded memory.

        A file appears under its name when it is complete. MissingPackage without the extra `arrow`.
        """
        self._write("parquet", out)

    def to_arrow(self, out: str | os.PathLike[str] | BinaryIO) -> None:
        """Write all rows as an Arrow IPC file, which is Feather's second version, as `to_parquet` does."""
        self._write("arrow", out)

    def to_pandas(self) -> pandas.DataFrame:
        """Return all rows as a pandas DataFrame; neither pyarrow nor arro3 is needed."""
        with needs("pandas"):
            from mtf.data.frames import pandas_frame
        return pandas_frame(self._columns, self._batches())

    def plot(self, last: int = PLOT_BARS, *, indicators: Sequence[str] = ()) -> Picture:
        """Return the *last* bars of one symbol and timeframe as a picture, which notebooks show; `save` writes a file.

        *indicators* are up to four columns of price-like values, such as `sma_20`, drawn as lines.

        ConfigError if the table does not have such bars.
        """
        from mtf.charts import Picture
        from mtf.charts.charted import chart_of_table
        from mtf.charts.svg_candles import svg_of

        return Picture(svg_of(chart_of_table(self, last, indicators)))

    def watched(self, watch: Callable[[int], object]) -> Table[Value_co]:
        """Return the same table; *watch* is called with the number of rows of each batch that is read from it."""

        def batch_of(page: Any) -> Batch:
            batch = self._batch_of(page)
            watch(batch.rows)
            return batch

        return Table(self._what, self._columns, self._pages, batch_of=batch_of, values_of=self._values_of)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of `to_dicts` one by one."""
        for batch in self._batches():
            yield from dicts_of(self._columns, batch)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a new Arrow stream of the rows, as a PyCapsule."""
        with needs(*ARROW):
            from mtf.data.arrow import arrow_reader
        return arrow_reader(self._columns, self._batches()).__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """Return the Arrow schema, as a PyCapsule."""
        with needs(*ARROW):
            from mtf.data.arrow import arrow_schema
        return arrow_schema(self._columns).__arrow_c_schema__()

    def __repr__(self) -> str:
        return f"Table({self._what})"

    def _repr_html_(self) -> str:
        """Return the first rows, for notebooks; the others are not read."""
        wanted = HTML_ROWS + 1
        pages = self._pages() if self._preview is None else self._preview(wanted)
        rows: list[list[Any]] = []
        for page in pages:
            rows += [self._cells(row) for row in dicts_of(self._columns, self._batch_of(page))[: wanted - len(rows)]]
            if len(rows) == wanted:
                break
        names, more = self.columns, len(self._columns) - HTML_COLUMNS
        if more > 0:
            keep = HTML_COLUMNS - HTML_COLUMNS // 3
            last = len(names) - HTML_COLUMNS // 3
            names = [*names[:keep], GAP, *names[last:]]
            rows = [[*row[:keep], GAP, *row[last:]] for row in rows]
        note = f"the first {HTML_ROWS} rows" if len(rows) == wanted else f"{len(rows)} rows"
        if self._preview is not None and not rows:
            note = "not read yet"
        if more > 0:
            note += f", {more} columns left out"
        return html_table(self._what, names, rows[:HTML_ROWS], note)

    def _cells(self, row: dict[str, Any]) -> list[Any]:
        return [
            time_text(value) if column.kind is Kind.TIME and value is not None else value
            for column, value in zip(self._columns, row.values(), strict=True)
        ]

    def pages(self) -> Iterator[Any]:
        """Yield the rows as they are read, for code in mtf that needs more than the columns."""
        return self._pages()

    def _batches(self) -> Iterator[Batch]:
        return map(self._batch_of, self._pages())

    def _write(self, format: str, out: str | os.PathLike[str] | BinaryIO) -> None:
        write = binary_writer(format)
        with needs(*ARROW):
            from mtf.data.arrow import arrow_reader
        failed: list[MtfError] = []
        try:
            with whole_file(out) if isinstance(out, str | os.PathLike) else nullcontext(out) as stream:
                write(arrow_reader(self._columns, self._recording_failure(failed)), stream)
        except Exception:
            if failed:
                raise failed[0] from None
            raise

    def _recording_failure(self, failed: list[MtfError]) -> Iterator[Batch]:
        try:
            yield from self._batches()
        except MtfError as error:
            failed.append(error)
            raise
