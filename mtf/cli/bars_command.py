"""`mtf bars`: the completed bars of one symbol and timeframe, and on request the forming one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.output import FORMATS, OutputColumn, write_rows
from mtf.cli.times import time_of
from mtf.data import open_data
from mtf.data.moments import Moment
from mtf.errors import ConfigError
from mtf.storage.history.schema import COLUMNS, bar_row

__all__ = ["bars"]

PARQUET: Final = "parquet"
FLAGS: Final = ("first", "incomplete", "day_incomplete", "off_session", "from_bars", "completed")

_TITLES: Final = {
    "start_ns": OutputColumn("start_ns", "time", "start"),
    "end_ns": OutputColumn("end_ns", "time"),
    "open": OutputColumn("open", "price", "open"),
    "high": OutputColumn("high", "price", "high"),
    "low": OutputColumn("low", "price", "low"),
    "close": OutputColumn("close", "price", "close"),
    "volume": OutputColumn("volume", "size", "volume"),
    "ticks": OutputColumn("ticks", "count", "ticks"),
    "trading_day": OutputColumn("trading_day", "text", "day"),
    "flags": OutputColumn("flags", "text", " "),
}
_SHOWN: Final = [
    *(_TITLES.get(name, OutputColumn(name, "flag" if name in FLAGS else "whole")) for name in (*COLUMNS, "completed")),
    _TITLES["flags"],
]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--symbol", required=True, help="Whose bars.")
@click.option("--timeframe", "-t", required=True, metavar="T", help="Which: 1m, 1h, 1d.")
@click.option(
    "--start", type=time_of, metavar="TIME", help="Bars that start then or later: ISO 8601 with zone, or nanoseconds."
)
@click.option("--end", type=time_of, metavar="TIME", help="Bars that start before this.")
@click.option("--partial", is_flag=True, help="Add the forming bar as the last row, with completed false.")
@click.option(
    "--format", type=click.Choice([*FORMATS, PARQUET]), default="table", show_default=True, help="What to print."
)
def bars(
    directory: Path,
    symbol: str,
    timeframe: str,
    start: int | None,
    end: int | None,
    partial: bool,
    format: str,
) -> None:
    """Print the bars of DIR, oldest first."""
    if format == PARQUET:
        raise ConfigError("parquet is not supported yet: use csv or json")
    with open_data(directory) as reader:
        at = Moment(seq=reader.seq)
        table = reader.bars(symbol, timeframe, start=start, end=end, as_of=at)
        rows: Iterator[dict[str, Any]] = (
            _dressed(dict(zip(COLUMNS, row, strict=True)), completed=True)
            for row in itertools.chain.from_iterable(table.pages())
        )
        if partial:
            bar = reader.state(symbol, at=at)[timeframe].partial
            if bar is not None and _within(bar.start_ns, start, end):
                forming = dict(zip(COLUMNS, bar_row(bar, at.seq or 0), strict=True))
                rows = itertools.chain(rows, [_dressed(forming, completed=False)])
    columns = [column for column in _SHOWN if format == "table" or column.name != "flags"]
    write_rows(rows, columns, format)


def _dressed(row: dict[str, Any], *, completed: bool) -> dict[str, Any]:
    """Return *row* as it is printed: flags are true or false, and in words for the table."""
    row["completed"] = completed
    row["trading_day"] = row["trading_day"] or None
    words = []
    for name in FLAGS[:-1]:
        row[name] = bool(row[name])
        if row[name] and name != "day_incomplete":  # the first bar of the day says it already
            words.append(name.replace("_", " "))
    if row["gap_closed_ns"] or row["gap_holiday_ns"] or row["gap_break_ns"] or row["gap_silence_ns"]:
        words.append("gap before")
    row["flags"] = ", ".join(words if completed else [*words, "forming"])
    return row


def _within(start_ns: int, first_ns: int | None, end_ns: int | None) -> bool:
    return (first_ns is None or start_ns >= first_ns) and (end_ns is None or start_ns < end_ns)
