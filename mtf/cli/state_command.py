"""`mtf state`: every timeframe of one symbol or of all, at one seq."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
from rich.text import Text

from mtf.cli.directories import DIRECTORY
from mtf.cli.drawing import (
    Cell,
    Section,
    headed,
    matrix_lines,
    own_decimals,
    place_text,
    price_text,
    reading_text,
    sheet,
)
from mtf.cli.output import document, note, show
from mtf.cli.terminal import Look, look_at_stdout
from mtf.cli.times import moment_of, moment_text
from mtf.data import open_data
from mtf.data.moments import Moment
from mtf.errors import UnknownSymbol
from mtf.frames.snapshot import NO_TIME_NS, Snapshot
from mtf.matrix import Matrix, Row, matrix_of
from mtf.numbers import decimals_of, number_text
from mtf.storage.restore import lacks_past

__all__ = ["state"]

FORMING: Final = ("open", "high", "low", "close", "volume", "ticks", "since")
VOLUME_DECIMALS: Final = 4


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--symbol", help="Only this one; all by default.")
@click.option(
    "--at",
    type=moment_of,
    metavar="TIME|SEQ",
    help="A seq, or a time: ISO 8601 with zone, or nanoseconds. The end of the log by default.",
)
@click.option("--bars", "bars_shown", type=click.IntRange(0), default=5, show_default=True, help="Last bars, in JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def state(directory: Path, symbol: str | None, at: Moment | None, bars_shown: int, as_json: bool) -> None:
    """Show the complete snapshot of DIR: forming bars, completed bars and indicators of every timeframe.

    At a time, each symbol is shown as before its first accepted event that is stamped later.
    """
    with open_data(directory) as reader:
        seq, found = reader.states(at=at)
        known = list(found)
        if symbol is not None and symbol not in known:
            raise UnknownSymbol(f"no event of {symbol!r} up to seq {seq}; known symbols: {', '.join(known) or 'none'}")
        later = None if at is None else reader.seq - seq
        if lacks_past(directory, seq):
            note(
                f"the log begins at seq {reader.first_seq}, and no checkpoint is as old as seq {seq}: this state does "
                "not include the earlier events"
            )
    snapshots = [each for name, each in found.items() if symbol in (None, name)]
    if as_json:
        document({"seq": seq, "symbols": {each.symbol: each.to_dict(bars_shown) for each in snapshots}})
        return
    if not snapshots:
        note(f"no event up to seq {seq}")
        return
    look = look_at_stdout()
    for each in snapshots:
        _show(each, look, later)


def _show(snapshot: Snapshot, look: Look, later: int | None) -> None:
    """Print a snapshot; *later* is the number of later events in the log, None if it is at the log's end."""
    matrix = matrix_of(snapshot)
    if later is None:
        left, right = price_text(matrix, look), place_text(matrix, look)
    else:
        time = f", {moment_text(matrix.time_ns)}" if matrix.time_ns != NO_TIME_NS else ""
        left = Text.assemble((f"as of seq {matrix.seq:,}", look.colours.past), time)
        missing = f"{later:,} later events in the log are not in it" if later else "no later event is in the log"
        right = Text(missing, look.colours.dim)
    names = [row.timeframe for row in matrix.rows]
    sections: list[Section] = [("forming", FORMING, [_forming(row, matrix, look) for row in matrix.rows])]
    if outputs := [reading.name for reading in matrix.rows[0].readings]:
        title = "last close" if matrix.live_off else "live"
        sections.append((title, outputs, _readings(matrix, look)))
    heading = headed(matrix.symbol, left, right, matrix_lines(matrix, look), look)
    show(*heading, Text(), *sheet(sections, names, look), Text(), fold=False)


def _forming(row: Row, matrix: Matrix, look: Look) -> list[Cell]:
    """Return the properties of the forming bar, in the order of `FORMING`."""
    bar = row.partial
    if bar is None:
        return [Text("none", look.colours.dim)] * len(FORMING)
    volume = number_text(bar.volume, min(VOLUME_DECIMALS, decimals_of([bar.volume])))
    prices = [number_text(price, matrix.decimals) for price in (bar.open, bar.high, bar.low, bar.close)]
    since = moment_text(bar.start_ns)[5:].replace(":00Z", "Z")  # without the year
    return [*prices, volume, f"{bar.ticks:,}", since]


def _readings(matrix: Matrix, look: Look) -> list[list[Cell]]:
    """Return the values of every output, by timeframe."""
    outputs = range(len(matrix.rows[0].readings))
    decimals = [own_decimals(row.readings[k] for row in matrix.rows) for k in outputs]
    return [[reading_text(row.readings[k], matrix, decimals[k], look) for k in outputs] for row in matrix.rows]
