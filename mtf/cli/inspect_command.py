"""`mtf inspect`: the contents of a data directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.table import Table

from mtf.cli.directories import DIRECTORY, config_of
from mtf.cli.output import document, plain, show
from mtf.cli.summary_output import order_text
from mtf.cli.times import clock_text
from mtf.config import Config
from mtf.log import kept_tails, survey_log
from mtf.order import ORDER, LogOrder
from mtf.sources.merge import known_sources
from mtf.sources.read_as import reading_text, readings_of
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.datadir import ASIDE, CHECKPOINTS, HISTORY, LOG, bytes_of, history_of
from mtf.storage.imported import imported_in
from mtf.storage.malformed_rows import rows_aside

__all__ = ["inspect", "torn_text"]

PARTS_SHOWN: Final = 8


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def inspect(directory: Path, as_json: bool) -> None:
    """Show the contents of DIR: configuration, events, symbols, sources, checkpoints, bars."""
    config = config_of(directory)
    found = {
        "data": str(directory),
        "config": orjson.loads(config.to_json()),
        "log": _log(directory),
        "checkpoints": FileCheckpointStore(directory / CHECKPOINTS).list(),
        "history": _history(directory),
        "malformed": rows_aside(directory / ASIDE),
        "bytes": _bytes(directory),
    }
    if as_json:
        document(found)
    else:
        _show(found, config)


def _log(directory: Path) -> dict[str, Any]:
    found = survey_log(directory / LOG)
    return {
        "run_id": found.run_id.hex(),
        "first_seq": found.first_seq,
        "last_seq": found.last_seq,
        "events": found.last_seq - found.first_seq + 1,
        "first_event_ns": found.first_ns,
        "last_event_ns": found.last_ns,
        "durable_seq": found.durable_seq,
        "segments": found.segments,
        "symbols": found.symbols,
        "sources": known_sources(found.positions),
        "order": LogOrder(found.positions.get(ORDER)).to_dict(),
        "imported": imported_in(found.positions).record(),
        "torn_bytes": found.torn_bytes,
        "torn": [each._asdict() for each in kept_tails(directory / LOG)],
    }


def _history(directory: Path) -> dict[str, Any] | None:
    if not (directory / HISTORY).is_file():
        return None
    store = history_of(directory)
    bars: dict[str, dict[str, int]] = {}
    for (symbol, timeframe), count in store.counts().items():
        bars.setdefault(symbol, {})[timeframe] = count
    return {"seq": store.position(), "bars": bars}


def torn_text(tail: dict[str, Any]) -> str:
    """Return a line about a torn tail that was kept."""
    holds = "with no readable event"
    if tail["events"]:
        holds = f"{tail['events']:,} events, seq {tail['first_seq']} to {tail['last_seq']} of the log before the cut"
    return f"kept aside: {Path(tail['path']).name}, {tail['bytes']:,} bytes, {holds}"


def _bytes(directory: Path) -> dict[str, int]:
    sizes = {
        LOG: bytes_of((directory / LOG).glob("*")),
        CHECKPOINTS: bytes_of((directory / CHECKPOINTS).glob("*")),
        HISTORY: bytes_of(directory.glob(f"{HISTORY}*")),
    }
    return sizes | {"total": sum(sizes.values())}


def _show(found: dict[str, Any], config: Config) -> None:
    log, history, sizes = found["log"], found["history"], found["bytes"]
    calendars = ", ".join(
        calendar.name if pattern == "*" else f"{pattern}: {calendar.name}"
        for pattern, calendar in config.calendars.rules
    )
    specs = list(dict.fromkeys(spec for row in config.indicators for spec in row))
    grid = Table.grid(padding=(0, 3, 0, 0))
    grid.add_row("timeframes", " ".join(config.timeframes.names))
    grid.add_row("calendar", calendars)
    policies = f"price {config.price}, closed {config.closed}, late {config.late}, history {config.history}"
    if len(config.timeframes.timed) < len(config.timeframes):
        policies += f", overfill {config.overfill}, overnight {config.overnight}"
    grid.add_row("policies", policies)
    grid.add_row("indicators", " ".join(specs) or "none")
    grid.add_row("events", f"{log['events']:,}, seq {log['first_seq']} to {log['last_seq']}")
    grid.add_row("time", f"{clock_text(log['first_event_ns'])} to {clock_text(log['last_event_ns'])}")
    grid.add_row("log", f"{log['segments']} segments, {_size(sizes[LOG])}, run {log['run_id']}")
    if log["torn_bytes"]:
        grid.add_row("", f"a torn tail of {log['torn_bytes']} bytes, which the next start cuts and keeps aside")
    for each in log["torn"]:
        grid.add_row("", plain(torn_text(each)))
    checkpoints = ", ".join(f"seq {seq}" for seq in found["checkpoints"])
    grid.add_row("checkpoints", f"{checkpoints}, {_size(sizes[CHECKPOINTS])}" if checkpoints else "none")
    for number, (name, known) in enumerate(log["sources"].items()):
        grid.add_row("" if number else "sources", plain(f"{name}: {_position(known)}"))
        for reading in readings_of(_identity(known)):
            grid.add_row("", plain(f"read as: {reading_text(reading)}"))
    if log["order"]["order"] is not None:
        grid.add_row("order", order_text(**log["order"]))
    for name, until_ns in log["imported"]["until_ns"].items():
        grid.add_row("imported", plain(f"{name}, until {clock_text(until_ns)}"))
    grid.add_row("malformed", f"{found['malformed']:,} rows kept aside" if found["malformed"] else "none")
    grid.add_row("history", f"up to seq {history['seq']}, {_size(sizes[HISTORY])}" if history else "none")
    if history and history["bars"]:
        show(grid, "", _bars_table(history["bars"], config.timeframes.names), fold=False)
    else:
        show(grid, fold=False)


def _bars_table(bars: dict[str, dict[str, int]], names: list[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("bars")
    for name in names:
        table.add_column(name, justify="right")
    for symbol, counts in bars.items():
        table.add_row(plain(symbol), *(f"{counts.get(name, 0):,}" for name in names))
    return table


def _identity(known: dict[str, Any]) -> dict[str, Any]:
    """Return the identity of a source, and of its parts."""
    parts = [part.get("identity", {}) for part in known.get("parts", {}).values()]
    return {**known.get("identity", {}), "parts": parts}


def _position(known: dict[str, Any]) -> str:
    """Return how far a source has been read, in the source's terms."""
    if "parts" in known:
        names = list(known["parts"])
        rest = f" and {len(names) - PARTS_SHOWN} more" if len(names) > PARTS_SHOWN else ""
        return f"merged of {', '.join(names[:PARTS_SHOWN])}{rest}"
    where = known.get("position", known)
    where = where.get("chunk", where)
    words = [f"{key} {where[key]}" for key in ("part", "line", "count", "next_seq") if where.get(key) is not None]
    return ", ".join(words) or "known"


def _size(count: int) -> str:
    """Return a number of bytes for people."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("the last unit fits any size")
