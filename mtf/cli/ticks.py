"""`mtf ticks`: the ticks of one symbol as they were logged, rejected ones with their reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from mtf.cli.datadir import DIRECTORY, config_of, reader_of
from mtf.cli.events import EVENT_COLUMNS, event_rows
from mtf.cli.output import FORMATS, Column, write_rows
from mtf.cli.times import time_of
from mtf.engine import Engine
from mtf.errors import UnknownSymbol

__all__ = ["ticks"]

COLUMNS: Final = [*EVENT_COLUMNS, Column("rejected", "text", "rejected")]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--symbol", required=True, help="Whose ticks.")
@click.option("--start", type=time_of, metavar="TIME", help="First time: ISO 8601 with zone, or nanoseconds.")
@click.option("--end", type=time_of, metavar="TIME", help="Ticks before this.")
@click.option("--format", type=click.Choice(FORMATS), default="table", show_default=True, help="What to print.")
def ticks(directory: Path, symbol: str, start: int | None, end: int | None, format: str) -> None:
    """Print the ticks of DIR in their order, rejected ones with the reason."""
    write_rows(_ticks(directory, symbol, start, end), COLUMNS, format)


def _ticks(directory: Path, symbol: str, start_ns: int | None, end_ns: int | None) -> Iterator[dict[str, Any]]:
    gate = Engine(config_of(directory)).gate
    reader = reader_of(directory)
    number = -1
    names: list[str] = []
    for logged in reader:
        judged = gate.judge(logged.block)
        if len(names) < len(gate.instruments):
            names = [instrument.name for instrument in gate.instruments]
            number = names.index(symbol) if symbol in names else -1
        if number < 0:
            continue
        for row in event_rows(logged.block, names, number=number, verdicts=judged.verdicts):
            if (start_ns is None or row["ts_ns"] >= start_ns) and (end_ns is None or row["ts_ns"] < end_ns):
                yield row
    if number < 0:
        raise UnknownSymbol(f"no event of {symbol!r} is in {directory}; known symbols: {', '.join(names) or 'none'}")
