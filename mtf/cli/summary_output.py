"""The summary of a run or a replay, for people and as JSON."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from mtf.cli.output import document, plain, show
from mtf.order import BY_LOG, BY_TIME
from mtf.summary import Summary

__all__ = ["order_text", "show_summary"]


def show_summary(summary: Summary, more: dict[str, Any], new: str, *, as_json: bool) -> None:
    """Print *summary*, with additional fields from *more*; *new* is the word for this run's own events."""
    if as_json:
        document(summary.to_dict() | more)
        return
    grid = Table.grid(padding=(0, 3, 0, 0))
    grid.add_row("events", _events(summary, new))
    if summary.rows.read:
        rows = summary.rows
        grid.add_row(
            "rows",
            f"{rows.read:,} read: {rows.accepted:,} accepted, {rows.rejected:,} rejected, {rows.malformed:,} malformed",
        )
    grid.add_row("ticks", f"{summary.ticks:,} accepted" + _clocks(summary))
    grid.add_row("rejected", _counts(summary.rejected) or "none")
    if summary.crossed or summary.locked:
        grid.add_row("quotes", f"{summary.crossed:,} crossed, {summary.locked:,} locked")
    grid.add_row("bars", _counts(summary.bars) or "none")
    if len(summary.symbols) > 1:
        ticks = {name: counts["ticks"] for name, counts in summary.symbols.items()}
        grid.add_row("symbols", _counts(ticks))
    else:
        grid.add_row("symbols", plain(", ".join(summary.symbols)) or "none")
    if summary.order == BY_LOG or (summary.order and (len(summary.symbols) > 1 or summary.reordered)):
        grid.add_row("order", order_text(summary.order, 0, summary.out_of_order, summary.reordered))
    grid.add_row("seq", f"{summary.seq}")
    grid.add_row("digest", summary.digest)
    show(grid, fold=False)


def order_text(order: str, from_seq: int, out_of_order: int, reordered: int) -> str:
    """Return in words how the events of finite sources are ordered; *from_seq* 0 is not named."""
    words = ["by time" if order == BY_TIME else "as they came" + (f" from seq {from_seq:,} on" if from_seq else "")]
    if out_of_order:
        words.append(f"{out_of_order:,} out of order")
    if reordered:
        words.append(f"{reordered:,} reordered")
    return ", ".join(words)


def _events(summary: Summary, new: str) -> str:
    text = f"{summary.events:,}"
    if summary.seconds > 0.0:
        if summary.new_events != summary.events:
            text += f", {summary.new_events:,} of them {new}"
        seconds = summary.seconds
        text += f", in {seconds:,.2f} s" if seconds >= 1.0 else f", in {seconds * 1000:.3g} ms"
        if summary.new_events:
            text += f" ({summary.new_events / summary.seconds:,.0f}/s)"
    return text


def _clocks(summary: Summary) -> str:
    return f", {summary.clocks:,} clock events" if summary.clocks else ""


def _counts(counts: dict[str, int], most: int = 12) -> str:
    shown = [f"{plain(name)} {count:,}" for name, count in list(counts.items())[:most]]
    if len(counts) > most:
        shown.append(f"and {len(counts) - most} more")
    return "  ".join(shown)
