"""Tables given as objects: frames, Arrow streams, dicts of columns, lists of rows; recognizing and reading them.

Nothing is imported for them except the reader of Arrow, and that only for Arrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from mtf.errors import ConfigError, MissingPackage, OptionNeeded
from mtf.sources.array_table import ArrayTable, is_array, is_pandas
from mtf.sources.column_input import ColumnInput
from mtf.sources.file_format import FormatOptions, Plan
from mtf.sources.files import FileSource, PlannedPart, raise_problem
from mtf.sources.formats.columnar import column_plan
from mtf.sources.formats.csv import planned_again
from mtf.sources.listed_rows import columns_of, is_rows
from mtf.sources.tabular import Tabular

if TYPE_CHECKING:
    from arro3.core import RecordBatchReader

__all__ = ["FRAME", "arrow_needed", "is_table", "table_source"]

FRAME: Final = "frame"  # the name of a table without a name, and the format of tables


def is_table(given: Any) -> bool:
    """Whether *given* is a table: a frame, an exporter of Arrow, a dict of columns, rows, or a structured array."""
    if isinstance(given, Mapping) or is_rows(given) or is_pandas(given) or _is_lazy(given):
        return True
    if is_array(given):
        return given.dtype.names is not None
    return hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__")


def table_source(
    given: Any, options: FormatOptions, said: Mapping[str, str], *, name: str | None = None, resumable: bool = False
) -> FileSource:
    """Return the table *given* as a source called *name*; *said* are its *options* as text.

    ConfigError if it is not a table after all, or if it needs an option; with *resumable*, the latter is postponed.
    """
    name = name or FRAME
    label = Path(name.replace("/", "_"))
    part = ColumnInput(label, label, options.limits, partial(_tabular, given, name), format=FRAME, place=name)
    planned = PlannedPart(part, _plan(part, options), FRAME, planned_again)
    if not resumable:
        raise_problem([planned])
    return FileSource(name, [planned], (), said, resumable=resumable)


def _plan(part: ColumnInput, options: FormatOptions) -> Plan:
    """Return the plan of *part*; if it needs an option, that is the plan's problem."""
    try:
        plan = column_plan(part, options)
    except OptionNeeded as error:
        return Plan(problem=error.at(part.place))
    except ConfigError as error:
        return Plan(problem=ConfigError(f"{part.place}: {error}"))
    if plan.read_as is not None:
        plan = attrs.evolve(plan, read_as=attrs.evolve(plan.read_as, format=FRAME))
    return plan


def arrow_needed(error: ImportError) -> MissingPackage:
    """Return the error for a table that comes as Arrow if the libraries to read it are not installed."""
    return MissingPackage(f"Arrow tables need arro3 and nanoarrow: pip install 'mtf-engine[arrow]' ({error})")


def _tabular(given: Any, place: str) -> Tabular:
    if not is_table(given):
        raise ConfigError(
            f"an object of type {type(given).__name__} is not a table: give a path, a frame, a dict of columns by "
            "name, or a list of rows; as_source and Pipeline.run also take ticks and bars"
        )
    if is_rows(given):
        given = columns_of(given)
    if isinstance(given, Mapping) or is_pandas(given) or is_array(given):
        return ArrayTable(place, given)
    if _is_lazy(given):
        given = given.collect()
    try:
        from mtf.sources.arrow_table import ArrowTable
    except ImportError as error:
        raise arrow_needed(error) from error
    rows = next((count for count in map(partial(_count, given), ("num_rows", "height")) if count is not None), None)
    return ArrowTable(place, partial(_stream, given), rows=rows)


def _count(given: Any, name: str) -> int | None:
    """Return the number of rows in memory from the attribute *name* of *given*."""
    count = getattr(given, name, None)
    return count if isinstance(count, int) else None


def _is_lazy(given: Any) -> bool:
    """Whether *given* is a lazy frame of polars, which is a table once it is collected."""
    return type(given).__module__.partition(".")[0] == "polars" and type(given).__name__ == "LazyFrame"


def _stream(given: Any) -> RecordBatchReader:
    """Return the rows of an exporter of Arrow; ConfigError if it is one column rather than a table."""
    from arro3.core import RecordBatch, RecordBatchReader

    try:
        if hasattr(given, "__arrow_c_stream__"):
            return RecordBatchReader.from_stream(given)
        batch = RecordBatch.from_arrow(given)
        return RecordBatchReader.from_batches(batch.schema, [batch])
    except Exception as error:
        if not _is_column(given):
            raise
        raise ConfigError(
            f"a {type(given).__name__} is one column, not a table: give a table, or a dict of columns by name"
        ) from error


def _is_column(given: Any) -> bool:
    """Whether *given* has a type, like columns, and no column names."""
    return hasattr(given, "type") or (hasattr(given, "dtype") and not hasattr(given, "columns"))
