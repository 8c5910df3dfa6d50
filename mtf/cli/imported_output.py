"""The result of an import or a deletion, as text and as JSON."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from mtf.cli.output import say
from mtf.cli.times import clock_text
from mtf.pipeline.importing import Changed, Import

__all__ = ["import_document", "say_deleted", "say_import"]


def import_document(found: Import) -> dict[str, Any]:
    """Return what `--json` prints."""
    summary = found.summary
    return {
        "events": summary.events,
        "rows": attrs.asdict(found.rows),
        "symbols": {name: {"until_ns": until_ns} for name, until_ns in found.until_ns.items()},
        "bars": summary.bars,
        "rejected": summary.rejected,
        "changed": [attrs.asdict(each) for each in found.changed],
        "unchanged": found.unchanged,
        "seq": summary.seq,
        "digest": summary.digest,
        "notes": list(found.notes),
    }


def say_import(path: Path, found: Import) -> None:
    """Print what was imported and what it replaced."""
    if found.unchanged:
        say(f"{path} has all of this already: nothing has changed")
        return
    rows = found.rows
    others = [(rows.rejected, "rejected"), (rows.malformed, "malformed")]
    say(
        f"{rows.accepted:,} rows imported into {path}"
        + "".join(f", {count:,} {what}" for count, what in others if count)
    )
    for symbol, kind, days in _series(found.changed):
        before, now = sum(each.rows_before for each in days), sum(each.rows for each in days)
        say(f"replaced       {symbol}, {_days(days)}: {before:,} {kind}, by {now:,}")
    _say_reach(found)


def say_deleted(path: Path, found: Import) -> None:
    """Print what was deleted."""
    if not found.changed:
        say(f"none of that was imported into {path}")
        return
    for symbol, kind, days in _series(found.changed):
        say(f"deleted        {symbol}, {_days(days)}: {sum(each.rows_before for each in days):,} {kind}")
    _say_reach(found)


def _say_reach(found: Import) -> None:
    for name, until_ns in found.until_ns.items():
        say(f"history until  {clock_text(until_ns)}  {name}")
    say("bars           " + "  ".join(f"{name} {count:,}" for name, count in found.summary.bars.items()))


def _series(changed: Sequence[Changed]) -> Iterator[tuple[str, str, list[Changed]]]:
    """Yield the changes by symbol and kind, in this order."""
    for (symbol, kind), days in itertools.groupby(changed, key=lambda each: (each.symbol, each.kind)):
        yield symbol, kind, list(days)


def _days(days: Sequence[Changed]) -> str:
    """Return the days: how many, and which."""
    if len(days) == 1:
        return str(days[0].day)
    return f"{len(days)} days from {days[0].day} to {days[-1].day}"
