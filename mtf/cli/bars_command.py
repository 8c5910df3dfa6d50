"""`mtf bars`: the completed bars of one symbol and timeframe, and the forming one on request."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

import click

from mtf.bars.bar import Bar
from mtf.cli.directories import DIRECTORY
from mtf.cli.output import FORMATS, OutputColumn, result_stream, write_rows
from mtf.cli.plugin_names import WithPlugins
from mtf.cli.table_options import LAST, OUT, named_values, write_binary
from mtf.cli.times import clock_text, time_of
from mtf.data import LoggedOutage, open_data
from mtf.data.bar_dicts import BAR_FLAGS, bar_dicts, starts_within
from mtf.data.completed_bars import BARS
from mtf.data.exporting import export, exporters
from mtf.data.moments import Moment
from mtf.data.table import Table
from mtf.data.table_files import BINARY_FORMATS
from mtf.errors import ConfigError
from mtf.storage.history.schema import COLUMNS

__all__ = ["bars"]

GAPS: Final = ("gap_closed_ns", "gap_holiday_ns", "gap_break_ns", "gap_silence_ns")
_OUTAGE: Final = ("outage_since_ns", "outage_until_ns")
MARKS: Final = ("completed", "imported")
FLAGS: Final = (*BAR_FLAGS, *MARKS)

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
    *(_TITLES.get(name, OutputColumn(name, "flag" if name in FLAGS else "whole")) for name in (*COLUMNS, *MARKS)),
    _TITLES["flags"],
]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--symbol", required=True, help="Whose bars.")
@click.option("--timeframe", "-t", required=True, metavar="T", help="Which: 1m, 1h, 1d.")
@click.option(
    "--start",
    type=time_of,
    metavar="TIME",
    help="Bars that start at this time or later: ISO 8601 with zone, or nanoseconds.",
)
@click.option("--end", type=time_of, metavar="TIME", help="Bars that start before this time.")
@click.option("--partial", is_flag=True, help="Add the forming bar as the last row, with completed false.")
@click.option(
    "--format",
    type=WithPlugins([*FORMATS, *BINARY_FORMATS], "exporters"),
    default="table",
    show_default=True,
    help="What to print; mtf plugins lists more.",
)
@click.option(
    "--indicators",
    metavar="NAMES",
    help="Add completed values, one column each: sma_20,rsi_14; all: every one that was run.",
)
@click.option(
    "--outages", is_flag=True, help="Show for each bar if a feed was down during it, or in the gap before it."
)
@LAST
@OUT
def bars(
    directory: Path,
    symbol: str,
    timeframe: str,
    start: int | None,
    end: int | None,
    partial: bool,
    format: str,
    indicators: str | None,
    outages: bool,
    last: int | None,
    out: Path | None,
) -> None:
    """Print the bars of DIR, oldest first."""
    text = format in FORMATS
    if outages and not text:
        raise ConfigError(f"--outages: not supported for --format {format}; use mtf outages for a list of them")
    if partial and not text:
        raise ConfigError(f"--partial: not supported for --format {format}, which only takes completed bars")
    with open_data(directory) as reader:
        at = Moment(seq=reader.seq)
        asked = named_values(indicators)
        table = reader.bars(symbol, timeframe, start=start, end=end, last=last, indicators=asked, as_of=at)
        if not text:
            _write_table(table, format, out)
            return
        state = reader.state(symbol, at=at)[timeframe] if partial else None
        forming = None if state is None else state.partial
        if forming is not None and not starts_within(forming.start_ns, start, end):
            forming = None
        live = {} if state is None or forming is None else state.live.to_dict()
        rows = map(_worded, bar_dicts(table, forming, at.seq or 0, imported=reader.imported, live=live))
        if outages:
            first = next(iter(table), forming)
            begun_ns = None if first is None else first.start_ns - (0 if first.gap is None else first.gap.total_ns)
            rows = map(functools.partial(_with_outage, list(reader.outages(start=begun_ns))), rows)
    values = [OutputColumn(name, "size", name) for name in table.columns[len(BARS) :]]
    values += [OutputColumn(name, "whole") for name in _OUTAGE if outages]
    columns = [
        *_SHOWN[:-1],
        *values,
        *(_SHOWN[-1:] if format == "table" else []),
    ]  # the column of flags in words comes last
    with result_stream(out, format) as stream:
        write_rows(rows, columns, format, stream)


def _with_outage(outages: list[LoggedOutage], row: dict[str, Any]) -> dict[str, Any]:
    """Return *row* with the time when a feed was down, in the bar or in the gap before it, if there is any."""
    begun_ns = row["start_ns"] - sum(row[name] for name in GAPS)
    found = [each for each in outages if each.since_ns < row["end_ns"] and each.until_ns > begun_ns]
    since_ns, until_ns = (found[0].since_ns, found[-1].until_ns) if found else (None, None)
    row |= dict(zip(_OUTAGE, (since_ns, until_ns), strict=True))
    if since_ns is not None:
        words = f"feed down {clock_text(since_ns)} to {clock_text(until_ns)}"
        row["flags"] = f"{row['flags']}, {words}" if row["flags"] else words
    return row


def _write_table(table: Table[Bar], format: str, out: Path | None) -> None:
    if format in exporters():
        with result_stream(out, format) as stream:
            export(format, table, stream)
    else:
        write_binary(table, format, out)


def _worded(row: dict[str, Any]) -> dict[str, Any]:
    """Return *row* with its flags also in words, for the table."""
    words = [  # the first bar of the day already says that it is incomplete
        name.replace("_", " ") for name in BAR_FLAGS if row[name] and name != "day_incomplete"
    ]
    if any(row[name] for name in GAPS):
        words.append("gap before")
    if row["imported"]:
        words.append("imported")
    row["flags"] = ", ".join(words if row["completed"] else [*words, "forming"])
    return row
