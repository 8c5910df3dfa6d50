"""Tables given as objects: frames, Arrow streams, dicts of columns. Which they are, and as what they are read.

Nothing is imported for them but what reads Arrow, and that only if one comes as Arrow.
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
from mtf.sources.tabular import Tabular

if TYPE_CHECKING:
    from arro3.core import RecordBatchReader

__all__ = ["FRAME", "arrow_needed", "is_table", "table_source"]

FRAME: Final = "frame"  # what a table without a name is called, and the format of one


def is_table(given: Any) -> bool:
    """Whether *given* is a table: a frame, what exports Arrow, a mapping of columns, or a structured array."""
    if isinstance(given, Mapping) or is_pandas(given) or _is_lazy(given):
        return True
    if is_array(given):
        return given.dtype.names is not None
    return hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__")


def table_source(
    given: Any, options: FormatOptions, said: Mapping[str, str], *, name: str | None = None, resumable: bool = False
) -> FileSource:
    """Return the table *given* as a source called *name*; *said* are its *options* as text.

    ConfigError if it is not a table after all, or if an option is needed first; with *resumable* the latter waits.
    """
    name = name or FRAME
    label = Path(name.replace("/", "_"))
    part = ColumnInput(label, label, options.limits, partial(_tabular, given, name), format=FRAME, place=name)
    planned = PlannedPart(part, _plan(part, options), FRAME, planned_again)
    if not resumable:
        raise_problem([planned])
    return FileSource(name, [planned], (), said, resumable=resumable)


def _plan(part: ColumnInput, options: FormatOptions) -> Plan:
    """Return the plan of *part*; one that needs an option first has that as its problem."""
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
    """Return the error for a table that comes as Arrow where the libraries that read it are not installed."""
    return MissingPackage(f"Arrow tables need arro3 and nanoarrow: pip install 'mtf-engine[arrow]' ({error})")


def _tabular(given: Any, place: str) -> Tabular:
    if not is_table(given):
        raise ConfigError(
            f"an object of type {type(given).__name__} is not a table: give a path, a frame, or a dict of columns by "
            "name; as_source and Pipeline.run take ticks and bars, too"
        )
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
    """Return what *given* says under *name* of how many rows it has in memory."""
    count = getattr(given, name, None)
    return count if isinstance(count, int) else None


def _is_lazy(given: Any) -> bool:
    """Whether *given* is a lazy frame of polars, which is a table once it is collected."""
    return type(given).__module__.partition(".")[0] == "polars" and type(given).__name__ == "LazyFrame"


def _stream(given: Any) -> RecordBatchReader:
    """Return the rows of what exports Arrow; ConfigError if it is one column and no table."""
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
    """Whether *given* has a type, as columns do, and no names of columns."""
    return hasattr(given, "type") or (hasattr(given, "dtype") and not hasattr(given, "columns"))
