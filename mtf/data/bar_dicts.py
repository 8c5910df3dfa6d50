"""Bars as plain values by name, for `mtf bars` and the HTTP API."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from mtf.bars.bar import Bar, PartialBar
from mtf.data.completed_bars import BARS
from mtf.data.table import Table
from mtf.storage.history.packs import FLAGS
from mtf.storage.history.schema import COLUMNS, bar_row
from mtf.storage.imported import Imported

__all__ = ["BAR_FLAGS", "bar_dicts", "starts_within"]

NO_VALUES: Final[Mapping[str, float]] = MappingProxyType({})
BAR_FLAGS: Final = FLAGS


def bar_dicts(
    table: Table[Bar],
    partial: PartialBar | None,
    seq: int,
    *,
    imported: Imported,
    live: Mapping[str, float] = NO_VALUES,
) -> Iterator[dict[str, Any]]:
    """Yield each bar of *table*, and then *partial*, if it is not None, as of the event *seq*.

    Each says whether it contains *imported* events. Indicator values of *table* come last, None if missing; those of
    *partial* are *live*.
    """
    outputs = table.columns[len(BARS) :]
    for page in table.pages():
        values = [page.values(name) or itertools.repeat(None) for name in outputs] if outputs else []
        for row, *found in zip(page, *values, strict=False):
            dated = dict(zip(COLUMNS, row, strict=True))
            yield _dressed(dated, zip(outputs, found, strict=True), imported, completed=True)
    if partial is not None:
        found = [(name, live.get(name)) for name in outputs]
        yield _dressed(dict(zip(COLUMNS, bar_row(partial, seq), strict=True)), found, imported, completed=False)


def _dressed(
    row: dict[str, Any], values: Iterable[tuple[str, float | None]], imported: Imported, *, completed: bool
) -> dict[str, Any]:
    """Return *row* with flags that are true or false, whether its bar is completed and imported, and *values*."""
    row["completed"] = completed
    row["imported"] = imported.holds(row["symbol"], row["start_ns"])
    row["trading_day"] = row["trading_day"] or None
    for name in BAR_FLAGS:
        row[name] = bool(row[name])
    for name, value in values:
        row[name] = None if value is None or value != value else value
    return row


def starts_within(start_ns: int, first_ns: int | None, end_ns: int | None) -> bool:
    """Whether a bar that starts at *start_ns* is in `[first_ns, end_ns)`; None: no bound."""
    return (first_ns is None or start_ns >= first_ns) and (end_ns is None or start_ns < end_ns)
