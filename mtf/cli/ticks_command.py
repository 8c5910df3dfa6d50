"""`mtf ticks`: the ticks of one symbol as they were logged, rejected ones with their reason."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.event_rows import EVENT_COLUMNS, event_rows
from mtf.cli.output import FORMATS, OutputColumn, result_stream, write_rows
from mtf.cli.table_options import OUT, write_binary
from mtf.cli.times import time_of
from mtf.data import open_data
from mtf.data.table_files import BINARY_FORMATS

__all__ = ["ticks"]

COLUMNS: Final = [*EVENT_COLUMNS, OutputColumn("rejected", "text", "rejected")]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--symbol", required=True, help="Whose ticks.")
@click.option("--start", type=time_of, metavar="TIME", help="First time: ISO 8601 with zone, or nanoseconds.")
@click.option("--end", type=time_of, metavar="TIME", help="Ticks before this time.")
@click.option("--rejected", is_flag=True, help="Only rejected ticks.")
@click.option(
    "--format",
    type=click.Choice([*FORMATS, *BINARY_FORMATS]),
    default="table",
    show_default=True,
    help="What to print.",
)
@OUT
def ticks(
    directory: Path, symbol: str, start: int | None, end: int | None, rejected: bool, format: str, out: Path | None
) -> None:
    """Print the ticks of DIR in their order, rejected ones with the reason."""
    with open_data(directory) as reader:
        table = (reader.rejects if rejected else reader.ticks)(symbol, start=start, end=end)
        if format in BINARY_FORMATS:
            write_binary(table, format, out)
            return
        rows = (row for page in table.pages() for row in event_rows(page, [symbol], judged=True))
        with result_stream(out, format) as stream:
            write_rows(rows, COLUMNS, format, stream)
