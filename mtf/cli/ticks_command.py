"""`mtf ticks`: the ticks of one symbol as they were logged, rejected ones with their reason."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.event_rows import EVENT_COLUMNS, event_rows
from mtf.cli.output import FORMATS, OutputColumn, write_rows
from mtf.cli.times import time_of
from mtf.data import open_data

__all__ = ["ticks"]

COLUMNS: Final = [*EVENT_COLUMNS, OutputColumn("rejected", "text", "rejected")]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--symbol", required=True, help="Whose ticks.")
@click.option("--start", type=time_of, metavar="TIME", help="First time: ISO 8601 with zone, or nanoseconds.")
@click.option("--end", type=time_of, metavar="TIME", help="Ticks before this.")
@click.option("--format", type=click.Choice(FORMATS), default="table", show_default=True, help="What to print.")
def ticks(directory: Path, symbol: str, start: int | None, end: int | None, format: str) -> None:
    """Print the ticks of DIR in their order, rejected ones with the reason."""
    with open_data(directory) as reader:
        table = reader.ticks(symbol, start=start, end=end)
    rows = (row for page in table.pages() for row in event_rows(page, [symbol], judged=True))
    write_rows(rows, COLUMNS, format)
