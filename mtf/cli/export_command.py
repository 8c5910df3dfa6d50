"""`mtf export`: bars or ticks of any symbols and timeframes in one file, in the format given by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.output import OutputColumn, note, result_stream, write_rows
from mtf.cli.progress import Report, work_bar
from mtf.cli.stored import stored_bars
from mtf.cli.table_options import named_values, write_binary
from mtf.cli.times import time_of
from mtf.data import open_data
from mtf.data.batches import Kind
from mtf.data.table import Table
from mtf.errors import ConfigError

__all__ = ["export_command"]

SUFFIXES: Final = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}


@click.command("export")
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.argument("out", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--symbol", multiple=True, metavar="S", help="Symbol; may be given several times. All by default.")
@click.option("--timeframe", "-t", multiple=True, metavar="T", help="Timeframe of the bars, likewise.")
@click.option("--ticks", is_flag=True, help="Ticks instead of bars, rejected ones with their verdict.")
@click.option("--indicators", metavar="NAMES", help="Add completed values, one column each: sma_20,rsi_14; or all.")
@click.option("--start", type=time_of, metavar="TIME", help="From this time on: ISO 8601 with zone, or nanoseconds.")
@click.option("--end", type=time_of, metavar="TIME", help="Before this time.")
def export_command(
    directory: Path,
    out: Path,
    symbol: tuple[str, ...],
    timeframe: tuple[str, ...],
    ticks: bool,
    indicators: str | None,
    start: int | None,
    end: int | None,
) -> None:
    """Write completed bars, or ticks, of DIR to FILE: .parquet, .arrow, .feather, .csv, .ndjson or .jsonl.

    FILE is written completely, or unchanged.
    """
    format = SUFFIXES.get(out.suffix.lower())
    if format is None:
        raise ConfigError(f"{out}: the name must end in one of {', '.join(SUFFIXES)}")
    if ticks and (timeframe or indicators):
        raise ConfigError("--ticks: ticks have no timeframe and no indicators: omit --timeframe and --indicators")
    with open_data(directory) as reader:
        symbols = list(symbol) or reader.symbols
        if not symbols:
            raise ConfigError(f"{directory}: there are no events yet")
        table: Table[Any]
        names = list(timeframe) or reader.config.timeframes.names
        if ticks:
            table = reader.ticks(symbols, start=start, end=end)
        else:
            table = reader.bars(symbols, names, start=start, end=end, indicators=named_values(indicators))
        what = f"writing {out}"
        total = 0
        if start is None and end is None and ticks and not symbol:
            total = reader.seq + 1 - reader.first_seq
        elif start is None and end is None and not ticks and set(names) <= set(reader.config.timeframes.names):
            total = stored_bars(directory, symbols, names)
        with work_bar(what, "rows") as report:
            _write(table.watched(_Count(what, total, report).add), format, out)
    note(f"wrote {out}")


class _Count:
    """The number of rows taken so far, of *total*; 0 if that is not known."""

    def __init__(self, what: str, total: int, report: Report) -> None:
        self._what: Final = what
        self._total: Final = total
        self._report: Final = report
        self._rows = 0

    def add(self, rows: int) -> None:
        self._rows += rows
        self._report(self._what, min(1.0, self._rows / self._total) if self._total else None, self._rows)


def _write(table: Table[Any], format: str, out: Path) -> None:
    if format in ("parquet", "arrow"):
        write_binary(table, format, out)
        return
    columns = [OutputColumn(column.key, "flag" if column.kind is Kind.FLAG else "whole") for column in table.schema]
    with result_stream(out, format) as stream:
        write_rows(table.rows(), columns, format, stream)
