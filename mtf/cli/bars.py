"""`mtf bars`: the completed bars of one symbol and timeframe, and on request the forming one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from mtf.cli.datadir import DIRECTORY, config_of, last_seq_of, symbols_of
from mtf.cli.output import FORMATS, Column, note, write_rows
from mtf.cli.times import time_of
from mtf.errors import ConfigError, UnknownSymbol
from mtf.storage.datadir import history_of
from mtf.storage.history.schema import COLUMNS, bar_row
from mtf.storage.restore import engine_at

__all__ = ["bars"]

PARQUET: Final = "parquet"
FLAGS: Final = ("first", "incomplete", "day_incomplete", "off_session", "from_bars", "completed")

_TITLES: Final = {
    "start_ns": Column("start_ns", "time", "start"),
    "end_ns": Column("end_ns", "time"),
    "open": Column("open", "price", "open"),
    "high": Column("high", "price", "high"),
    "low": Column("low", "price", "low"),
    "close": Column("close", "price", "close"),
    "volume": Column("volume", "size", "volume"),
    "ticks": Column("ticks", "count", "ticks"),
    "trading_day": Column("trading_day", "text", "day"),
    "flags": Column("flags", "text", " "),
}
_SHOWN: Final = [
    *(_TITLES.get(name, Column(name, "flag" if name in FLAGS else "whole")) for name in (*COLUMNS, "completed")),
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
    config = config_of(directory)
    name = config.timeframes[config.timeframes.index(timeframe)].name
    rows = _completed(directory, symbol, name, start, end)
    if partial:
        forming = _forming(directory, symbol, name)
        wanted = [row for row in forming if _within(row["start_ns"], start, end)]
        rows = itertools.chain(rows, wanted)
    _tell_lag(directory)
    columns = [column for column in _SHOWN if format == "table" or column.name != "flags"]
    write_rows(rows, columns, format)


def _tell_lag(directory: Path) -> None:
    """Say on stderr if the stored bars are not those of the log: after a kill or a loss, or during a run."""
    stored_seq, last_seq = history_of(directory).position(), last_seq_of(directory)
    if stored_seq < last_seq:
        note(f"bars are stored up to seq {stored_seq}, and the log ends at {last_seq}: the next run stores the rest")
    elif stored_seq > last_seq:
        note(f"bars are stored up to seq {stored_seq}, but the log ends at {last_seq}: the next run removes the rest")


def _completed(
    directory: Path, symbol: str, timeframe: str, start_ns: int | None, end_ns: int | None
) -> Iterator[dict[str, Any]]:
    store = history_of(directory)
    try:
        for row in store.bars(symbol, timeframe, start_ns, end_ns):
            yield _dressed(row, completed=True)
    except UnknownSymbol:
        known = symbols_of(directory)
        if symbol not in known:
            raise UnknownSymbol(
                f"no event of {symbol!r} is in {directory}; known symbols: {', '.join(known)}"
            ) from None


def _forming(directory: Path, symbol: str, timeframe: str) -> list[dict[str, Any]]:
    """Return the forming bar as a row, in a list that is empty if none forms."""
    engine = engine_at(directory)
    number = engine.number_of(symbol)
    if number < 0:
        known = [each.instrument.name for each in engine.joiner.states]
        raise UnknownSymbol(f"no event of {symbol!r} is in {directory}; known symbols: {', '.join(known)}")
    partial = engine.snapshot(number)[timeframe].partial
    if partial is None:
        return []
    values = bar_row(partial, engine.joiner.seq)
    return [_dressed(dict(zip(COLUMNS, values, strict=True)), completed=False)]


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
