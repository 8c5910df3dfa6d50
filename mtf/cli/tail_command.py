"""`mtf tail`: the newest events of a log, and with -f new ones as they arrive, from another process too."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
from librt.vecs import vec
from mypy_extensions import u8

from mtf.bars.picking import Picked, pick
from mtf.cli.directories import DIRECTORY, config_of, newest_reader
from mtf.cli.event_rows import event_rows
from mtf.cli.output import json_line, note, plain, say
from mtf.cli.times import clock_text
from mtf.log import LogReader
from mtf.units import TS_MAX_NS, TS_MIN_NS

__all__ = ["tail"]

POLL_S: Final = 0.1
_UNJUDGED: Final = vec[u8]([])
LINES_MAX: Final = 100_000


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("-f", "--follow", is_flag=True, help="Continue with new events as they arrive, until Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(0, LINES_MAX), default=10, show_default=True, help="Number of events at first."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document per line.")
def tail(directory: Path, follow: bool, lines: int, as_json: bool) -> None:
    """Print the newest events of DIR."""
    config_of(directory)
    reader = newest_reader(directory, lines)
    for row in deque(_rows(reader), lines):
        _show(row, as_json)
    if not follow:
        if reader.tail is not None:
            note(f"the log's end is torn after seq {reader.last_seq}: the next start cuts it off and keeps it")
        reader.close()
        return
    try:
        while True:
            for row in _rows(reader):
                _show(row, as_json)
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        pass  # the way to end the command
    finally:
        reader.close()


def _rows(reader: LogReader) -> Iterator[dict[str, Any]]:
    """Yield the events that are there now."""
    while (logged := reader.poll()) is not None:
        picked = Picked()
        pick(picked, logged.block, _UNJUDGED, [], TS_MIN_NS, TS_MAX_NS + 1)
        yield from event_rows(picked, reader.symbols)


def _show(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        json_line(row)
        return
    say(f"{row['seq']:>10}  {clock_text(row['ts_ns']):<24}  {plain(row['symbol'] or ''):<10}  {_what(row)}")


def _what(row: dict[str, Any]) -> str:
    if row["kind"] == "clock":
        return f"clock  {plain(row['id'])}" if row["id"] else "clock"  # a feed was down, and why
    if row["kind"] == "trade":
        return f"trade {row['price']:.10g} × {row['size']:.9g}"
    sides = [_side(row["bid"], row["bid_size"]), _side(row["ask"], row["ask_size"])]
    return f"quote {sides[0]} / {sides[1]}"


def _side(price: float | None, size: float) -> str:
    if price is None:
        return "-"
    return f"{price:.10g} × {size:.9g}" if size else f"{price:.10g}"
