"""Tables in columns: Parquet, Arrow IPC files (Feather) and Arrow streams. Columns mean the same as in CSV."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import attrs

from mtf.errors import ConfigError, OptionNeeded
from mtf.sources.column_input import ColumnInput
from mtf.sources.file_format import CERTAIN, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan
from mtf.sources.input_files import InputFile

__all__ = ["ARROW", "PARQUET", "column_plan"]

NAMES_SHOWN: Final = 20  # of unread columns


def column_plan(part: InputFile, options: FormatOptions) -> Plan:
    """Return the plan to read *part*, judging by its first rows: the same as for text with these rows.

    ConfigError if an option only applies to text, or is missing.
    """
    if not isinstance(part, ColumnInput):
        raise ConfigError("not a file in columns, as Parquet and Arrow are: omit the format")
    for option in ("delimiter", "header"):
        if getattr(options, option) is not None:
            raise ConfigError(f"{option} only applies to text, and this is a table: omit it")
    if not part.tabular.names:
        raise ConfigError("it has no columns")
    try:
        plan = _plan(part, options)
    except OptionNeeded as error:
        if "reverse" in error.options and part.tabular.rows is None:
            raise OptionNeeded(
                "the rows are newest first, and can only be read from the start: put them in order with {sort}",
                sort=True,
            ) from error
        raise
    layout = plan.layout
    if layout is None or plan.read_as is None:
        return plan
    for role, column in layout.columns.items():
        if type := part.tabular.unreadable(column):
            raise ConfigError(
                f"column {part.tabular.names[column]!r}, the {role}, contains {type}: give a column of numbers"
            )
    read = {*layout.columns.values(), *(column for column, _ in layout.watched)}
    others = [name for column, name in enumerate(part.tabular.names) if column not in read]
    more = f" and {len(others) - NAMES_SHOWN} more" if len(others) > NAMES_SHOWN else ""
    return attrs.evolve(plan, read_as=attrs.evolve(plan.read_as, ignored=" ".join(others[:NAMES_SHOWN]) + more))


def _plan(part: ColumnInput, options: FormatOptions) -> Plan:
    """Return the plan, without a time format if the column's type is a time."""
    if options.time_format is not None:
        with suppress(ConfigError):
            plan = guessed_plan(part, attrs.evolve(options, time_format=None))
            if plan.layout is not None and part.tabular.dated(plan.layout.columns["time"]):
                return plan
    return guessed_plan(part, options)


def _is_parquet(part: InputFile) -> int:
    return CERTAIN if isinstance(part, ColumnInput) and part.format == "parquet" else NO


def _is_arrow(part: InputFile) -> int:
    return CERTAIN if isinstance(part, ColumnInput) and part.format == "arrow" else NO


PARQUET: Final = Format(
    name="parquet",
    description="Parquet files: quotes, trades or bars, columns by name",
    sniff=_is_parquet,
    plan=column_plan,
)
ARROW: Final = Format(
    name="arrow",
    description="Arrow IPC files, as Feather is one, and streams: columns by name",
    sniff=_is_arrow,
    plan=column_plan,
)
