"""Outcomes: the table of a sweep, a row a job, with what varies first and what the job was made of last."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

from mtf.data.batches import Batch, Column, Kind
from mtf.data.table import Table
from mtf.sweep.plan import FIXED, Job
from mtf.sweep.scalars import Scalar

__all__ = ["OWN", "Row", "row_of", "table_of"]

# What mtf itself says of an outcome.
OWN: Final = ("error", "events", "ticks", "rejected", "bars", "digest", "summary", "seconds", "attempts")
WHOLES: Final = frozenset({"first_seq", "last_seq", "events", "ticks", "rejected", "bars", "attempts"})

Row: TypeAlias = dict[str, Scalar]


def row_of(job: Job, outcome: dict[str, Any]) -> Row:
    """Return what the table says of *job*, which had this *outcome*."""
    row: Row = {**job.columns(), **dict.fromkeys(OWN)}
    row |= {"error": outcome.get("error"), "seconds": outcome.get("seconds"), "attempts": outcome.get("attempts")}
    summary = outcome.get("summary")
    if summary is not None:
        row |= {
            "events": summary["events"],
            "ticks": summary["ticks"],
            "rejected": sum(summary["rejected"].values()),
            "bars": sum(summary["bars"].values()),
            "digest": summary["digest"],
            "summary": json.dumps(summary),
        }
    row |= outcome.get("result", {})
    return row


def table_of(rows: Sequence[Row]) -> Table[Row]:
    """Return *rows* as a table: a column of numbers is numeric, and what a job lacks is null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    first, last = FIXED[:1], (*OWN, *reversed(FIXED[1:]))
    ordered = [*first, *(name for name in names if name not in FIXED and name not in OWN), *last]
    columns = [Column(name, _kind(name, [row.get(name) for row in rows])) for name in ordered]

    def pages() -> Iterator[Sequence[Row]]:
        if rows:
            yield rows

    return Table(
        f"a sweep of {len(rows)} jobs",
        columns,
        pages,
        batch_of=lambda page: Batch(len(page), [_values(column, page) for column in columns]),
        values_of=lambda page: page,
    )


def _kind(name: str, values: Sequence[Scalar]) -> Kind:
    """Return what a column of *values* holds."""
    there = [value for value in values if value is not None]
    if name in WHOLES or (there and all(isinstance(value, int) for value in there)):
        return Kind.WHOLE
    if name == "seconds" or (there and all(isinstance(value, int | float) for value in there)):
        return Kind.VALUE
    return Kind.TEXT


def _values(column: Column, page: Sequence[Row]) -> Any:
    found = [row.get(column.name) for row in page]
    if all(value is None for value in found):
        return None
    if column.kind is Kind.VALUE:
        return array("d", [math.nan if value is None else float(value) for value in found])
    if column.kind is Kind.WHOLE:
        return [None if value is None else int(value) for value in found]
    return [value if value is None or isinstance(value, str) else str(value) for value in found]
