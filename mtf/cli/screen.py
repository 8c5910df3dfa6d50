"""The last screen of `mtf run`: the timeframes side by side, the counts, and suggested commands.

Shows the symbols with the most ticks, as many as fit a screen. The lines after them have the same figures as the plain
summary; every command is printed so that it can be typed exactly like that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
from rich.text import Text

from mtf.cli.drawing import headed, matrix_lines, paragraph, place_text, price_text, table
from mtf.cli.terminal import Look
from mtf.cli.times import typed_time
from mtf.cli.typed import directory_word, word
from mtf.frames.snapshot import Snapshot
from mtf.matrix import matrix_of
from mtf.summary import Summary

__all__ = ["BLOCKS_MAX", "NotSaved", "Saved", "most_ticks", "screen_lines"]

BLOCKS_MAX: Final = 3  # symbols
TIMEFRAME: Final = "1h"  # whose bars are suggested, if there are any
LABEL: Final = "{:<14}"


@attrs.frozen(kw_only=True)
class Saved:
    """A run stored in *directory*: *program* is the command to type for mtf; *serves* if the page is installed."""

    program: str
    directory: Path
    serves: bool = True


@attrs.frozen(kw_only=True)
class NotSaved:
    """A run that is not on disk: *again* is the command to keep it, None if it cannot be typed."""

    again: str | None
    directory: Path


def most_ticks(summary: Summary) -> list[str]:
    """Return the symbols to show, those with the most ticks, in order of appearance."""
    ticks = {name: counts["ticks"] for name, counts in summary.symbols.items()}
    chosen = set(sorted(ticks, key=lambda name: -ticks[name])[:BLOCKS_MAX])
    return [name for name in ticks if name in chosen]


def screen_lines(summary: Summary, snapshots: Sequence[Snapshot], then: Saved | NotSaved, look: Look) -> list[Text]:
    """Return the screen: a block for each of *snapshots*, the counts, and suggested commands."""
    lines = [Text()]
    for snapshot in snapshots:
        lines += [*_block(snapshot, look), Text()]
    more = len(summary.symbols) - len(snapshots)
    if more > 0 and snapshots:
        symbols = "symbol" if more == 1 else "symbols"
        lines += [Text(f"  and {more:,} more {symbols}: these have the most ticks", look.colours.dim), Text()]
    lines += _counts(summary, look)
    commands = _commands(summary, snapshots, then)
    if commands:
        lines += [Text(), Text("Next", look.colours.bold)]
        lines += _columns(commands, look, look.height - 1 - len(lines))
    return lines


def _block(snapshot: Snapshot, look: Look) -> list[Text]:
    matrix = matrix_of(snapshot)
    rows = matrix_lines(matrix, look)
    return headed(matrix.symbol, price_text(matrix, look), place_text(matrix, look), rows, look)


def _counts(summary: Summary, look: Look) -> list[Text]:
    events = Text.assemble("  ", (f"{summary.events:,}", look.colours.bold), f" events{_speed(summary)}")
    total = sum(summary.rejected.values())
    reasons = sorted(summary.rejected.items(), key=lambda item: -item[1])
    rejected = Text("none rejected", look.colours.dim)
    if total:
        rejected = Text.assemble(
            (f"{total:,} rejected", look.colours.warn),
            f": {', '.join(f'{reason} {count:,}' for reason, count in reasons)}",
        )
    one = Text.assemble(events, "  ", rejected)
    lines = [one] if one.cell_len <= look.width else [events, Text("  ") + rejected]
    odd = [
        f"{count:,} {what}"
        for count, what in (
            (summary.crossed, "crossed quotes"),
            (summary.locked, "locked quotes"),
            (summary.bad_sides, "quotes with one bad side"),
            (summary.id_reused, "reused ids"),
            (summary.clocks, "clock events"),
            (summary.out_of_order, "out of order"),
            (summary.reordered, "reordered"),
        )
        if count
    ]
    if odd:
        lines += paragraph(LABEL.format("with"), odd, look)
    bars = [f"{name} {count:,}" for name, count in summary.bars.items()]
    lines += paragraph(LABEL.format("bars closed"), bars, look)
    return [*lines, *_digest(summary.digest, look)]


def _digest(digest: str, look: Look) -> list[Text]:
    line = Text(f"  {LABEL.format('digest')}{digest}")
    same = Text("   the same on every machine", look.colours.dim)
    if line.cell_len + same.cell_len <= look.width:
        return [Text.assemble(line, same)]
    return [line] if line.cell_len <= look.width else [Text("  digest"), Text(f"  {digest}")]


def _speed(summary: Summary) -> str:
    """Return how long this run took over its own events: ` in 1.31 s (187,862/s)`."""
    if not summary.new_events:
        return ", nothing new" if summary.events else ""
    new = f", {summary.new_events:,} of them new" if summary.new_events != summary.events else ""
    if not summary.seconds > 0.0:
        return new
    rate = f"({summary.new_events / summary.seconds:,.0f}/s)"
    seconds = summary.seconds
    return f"{new} in " + (f"{seconds:,.2f} s {rate}" if seconds >= 0.1 else f"{seconds * 1000:.3g} ms {rate}")


def _commands(summary: Summary, snapshots: Sequence[Snapshot], then: Saved | NotSaved) -> list[tuple[str, str]]:
    """Return commands and their purposes; only commands that a shell accepts as printed."""
    if not snapshots:
        return []
    if isinstance(then, NotSaved):
        kept = directory_word(then.directory)
        return [(then.again, f"keep it in {kept}, to look into it afterwards")] if then.again and kept else []
    directory = directory_word(then.directory)
    if directory is None:
        return []
    found = next((each for each in snapshots if word(each.symbol)), None)
    page = f"{then.program} serve {directory}", "this in the browser, and back in time"
    commands = [page] if then.serves else []
    commands.append((f"{then.program} watch {directory}", "live in the terminal"))
    if found is not None:
        only = f" --symbol {word(found.symbol)}" if len(summary.symbols) > BLOCKS_MAX else ""
        state = f"{then.program} state {directory}{only} --at {typed_time(_middle_ns(found))}"
        commands.append((state, "as it was then, nothing later"))
        bars = f"{then.program} bars {directory} --symbol {word(found.symbol)} -t {_timeframe(found)}"
        commands.append((bars, "its bars, for programs too"))
    return [*commands, (f"{then.program} replay {directory}", "the same log, the same digest")]


def _timeframe(snapshot: Snapshot) -> str:
    """Return the timeframe whose bars to suggest: 1h, or the longest that has any."""
    closed = [state.timeframe.name for state in snapshot if len(state.bars)]
    if TIMEFRAME in closed:
        return TIMEFRAME
    return closed[-1] if closed else f"{snapshot.timeframes[0].name} --partial"


def _middle_ns(snapshot: Snapshot) -> int:
    """Return a time in the middle of the data at which a bar closed.

    It is one of the shortest timeframe whose bars reach that far back: bars in memory may all be recent.
    """
    windows = [state.bars for state in snapshot if len(state.bars)]
    if not windows:
        return snapshot.time_ns
    first_ns = min(bars[0].start_ns for bars in windows)
    middle_ns = (first_ns + snapshot.time_ns) // 2
    for bars in windows:
        if bars[0].end_ns <= middle_ns:
            return max(bar.end_ns for bar in bars if bar.end_ns <= middle_ns)
    return min(bars[0].end_ns for bars in windows)


def _columns(commands: Sequence[tuple[str, str]], look: Look, room: int) -> list[Text]:
    """Return commands, each followed by its purpose, or under it if that is too wide; they are never broken.

    Purposes are omitted if they fit neither after the commands nor in *room* lines.
    """
    lines = table([(command, Text(f" {what}", look.colours.dim)) for command, what in commands], left=(0, 1))
    if max(line.cell_len for line in lines) <= look.width:
        return lines
    if 2 * len(commands) > room:
        return [Text(f"  {command}") for command, _ in commands]
    lines = []
    for command, what in commands:
        above = paragraph("", f"{what}:".split(), look, gap=1)
        lines += [Text(line.plain, look.colours.dim) for line in above]
        lines.append(Text(f"  {command}"))
    return lines
