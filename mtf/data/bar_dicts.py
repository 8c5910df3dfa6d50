"""Bars as plain values by name, as `mtf bars` prints them and the HTTP API answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

from mtf.bars.bar import Bar, PartialBar
from mtf.data.table import Table
from mtf.storage.history.schema import COLUMNS, bar_row

__all__ = ["BAR_FLAGS", "bar_dicts"]

BAR_FLAGS: Final = ("first", "incomplete", "day_incomplete", "off_session", "from_bars")


def bar_dicts(table: Table[Bar], partial: PartialBar | None, seq: int) -> Iterator[dict[str, Any]]:
    """Yield each bar of *table*, and then *partial*, if it is not None, as of the event *seq*."""
    for row in itertools.chain.from_iterable(table.pages()):
        yield _dressed(dict(zip(COLUMNS, row, strict=True)), completed=True)
    if partial is not None:
        yield _dressed(dict(zip(COLUMNS, bar_row(partial, seq), strict=True)), completed=False)


def _dressed(row: dict[str, Any], *, completed: bool) -> dict[str, Any]:
    """Return *row* with flags that are true or false, and whether its bar is completed."""
    row["completed"] = completed
    row["trading_day"] = row["trading_day"] or None
    for name in BAR_FLAGS:
        row[name] = bool(row[name])
    return row
