"""Common options of commands that print tables: number of rows, destination, values, and binary files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from mtf.cli.output import result_stream
from mtf.data.table import Table

__all__ = ["LAST", "OUT", "named_values", "write_binary"]

LAST: Final = click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the newest N of them.")
OUT: Final = click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to FILE, which appears when complete, instead of stdout.",
)


def named_values(text: str | None) -> bool | list[str]:
    """Return the requested indicator values: `all`, or comma-separated names."""
    if text is None:
        return False
    names = [name.strip() for name in text.split(",") if name.strip()]
    return True if names == ["all"] else names


def write_binary(table: Table[Any], format: str, out: Path | None) -> None:
    """Write *table* in a format of `mtf.data.table_files`."""
    with result_stream(out, format) as stream:
        (table.to_parquet if format == "parquet" else table.to_arrow)(stream)
