"""`mtf state`: every timeframe of a symbol, or of all, at one and the same seq."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from mtf.bars.bar import Bar, PartialBar
from mtf.cli.datadir import DIRECTORY, config_of
from mtf.cli.output import document, note, plain, prices_text, show
from mtf.cli.times import Moment, clock_text, moment_of, span_text
from mtf.errors import UnknownSymbol
from mtf.frames.snapshot import Snapshot
from mtf.frames.state import TimeframeState
from mtf.recovery import engine_at

__all__ = ["state"]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--symbol", help="Only this one, else all.")
@click.option(
    "--at",
    type=moment_of,
    metavar="TIME|SEQ",
    help="A seq, or a time: ISO 8601 with zone, or nanoseconds. Else the end of the log.",
)
@click.option("--bars", "bars_shown", type=click.IntRange(0), default=5, show_default=True, help="Last bars, in JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def state(directory: Path, symbol: str | None, at: Moment | None, bars_shown: int, as_json: bool) -> None:
    """Show the complete snapshot of DIR: forming bars, completed bars and indicators of every timeframe.

    At a time it is the state after the last event before the first accepted one that is stamped later.
    """
    config_of(directory)
    at = at or Moment()
    engine = engine_at(directory, seq=at.seq, time_ns=at.ts_ns)
    seq = engine.joiner.seq
    known = [each.instrument.name for each in engine.joiner.states]
    if symbol is not None and symbol not in known:
        raise UnknownSymbol(f"no event of {symbol!r} up to seq {seq}; there are {', '.join(known) or 'none'}")
    snapshots = [engine.snapshot(number) for number, name in enumerate(known) if symbol in (None, name)]
    if as_json:
        document({"seq": seq, "symbols": {each.symbol: _snapshot(each, bars_shown) for each in snapshots}})
        return
    if not snapshots:
        note(f"no event up to seq {seq}")
    for each in snapshots:
        _show(each)


def _snapshot(snapshot: Snapshot, bars_shown: int) -> dict[str, Any]:
    return {
        "symbol": snapshot.symbol,
        "seq": snapshot.seq,
        "time_ns": snapshot.time_ns,
        "timeframes": {each.timeframe.name: _timeframe(each, bars_shown) for each in snapshot},
    }


def _timeframe(each: TimeframeState, bars_shown: int) -> dict[str, Any]:
    partial = each.partial
    bars = each.bars
    return {
        "partial": None if partial is None else _partial(partial),
        "bars_kept": len(bars),
        "bars": [_bar(bar) for bar in bars[max(0, len(bars) - bars_shown) :]],
        "live": dict(each.live.items()),
        "completed": dict(each.completed.items()),
    }


def _partial(bar: PartialBar) -> dict[str, Any]:
    return _bar(bar) | {
        "elapsed_ns": bar.elapsed_ns,
        "remaining_ns": bar.remaining_ns,
        "progress": bar.progress,
    }


def _bar(bar: Bar) -> dict[str, Any]:
    gap = bar.gap
    return {
        "start_ns": bar.start_ns,
        "end_ns": bar.end_ns,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        "ticks": bar.ticks,
        "trading_day": bar.trading_day,
        "first": bar.first,
        "incomplete": bar.incomplete,
        "day_incomplete": bar.day_incomplete,
        "off_session": bar.off_session,
        "gap_closed_ns": gap.closed_ns if gap else 0,
        "gap_holiday_ns": gap.holiday_ns if gap else 0,
        "gap_break_ns": gap.break_ns if gap else 0,
        "gap_silence_ns": gap.silence_ns if gap else 0,
    }


def _show(snapshot: Snapshot) -> None:
    heading = Text.assemble((plain(snapshot.symbol), "bold"), f" at seq {snapshot.seq}, {clock_text(snapshot.time_ns)}")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    for title in ("open", "high", "low", "close", "volume", "ticks"):
        table.add_column(title, justify="right")
    table.add_column("since")
    for title in ("elapsed", "left", "done", "bars", "last close"):
        table.add_column(title, justify="right")
    closes = iter(prices_text([each.bars[-1].close for each in snapshot if len(each.bars)]))
    for each in snapshot:
        completed = (str(len(each.bars)), next(closes) if len(each.bars) else "-")
        table.add_row(each.timeframe.name, *_partial_cells(each.partial), *completed)
    names = list(dict.fromkeys(name for each in snapshot for name in each.live))
    show(heading, table, *(("", _values_table(snapshot, names)) if names else ()), "", fold=False)


def _partial_cells(partial: PartialBar | None) -> list[str]:
    if partial is None:
        return ["-"] * 10
    return [
        *prices_text((partial.open, partial.high, partial.low, partial.close)),
        f"{partial.volume:.6g}",
        str(partial.ticks),
        clock_text(partial.start_ns)[5:],  # without the year
        span_text(partial.elapsed_ns),
        span_text(partial.remaining_ns),
        f"{int(partial.progress * 100)}%",  # 100 % is never shown
    ]


def _values_table(snapshot: Snapshot, names: list[str]) -> Table:
    """Return the live values: an output a row, a timeframe a column."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("live")
    for each in snapshot:
        table.add_column(each.timeframe.name, justify="right")
    for name in names:
        values = [each.live.get(name) for each in snapshot]
        table.add_row(name, *("-" if value is None or math.isnan(value) else f"{value:.6g}" for value in values))
    return table
