"""Any delimited text: columns by their header, by what is in them, or as they are said to be."""

from __future__ import annotations

from typing import Final

from mtf.sources.format import NO, POSSIBLE, Format, Options, Plan
from mtf.sources.guess import Table, guess_layout, look
from mtf.sources.layout import Layout
from mtf.sources.parts import Part

__all__ = ["FORMAT", "guessed_plan", "table_plan"]


def guessed_plan(part: Part, options: Options, *, symbol: str = "", zone: str = "UTC") -> Plan:
    """Return the plan to read *part* as its start looks, with *symbol* and *zone* where nobody says."""
    table = look(part, delimiter=options.delimiter, header=options.header)
    if table is None or not table.rows:
        return Plan(kind="rows", symbol=None, reader=None)
    return table_plan(part, guess_layout(part, table, options, symbol=symbol, zone=zone))


def table_plan(part: Part, layout: Layout, start_ns: int | None = None) -> Plan:
    """Return the plan to read *part* as *layout* says."""
    return Plan(
        kind=layout.label,
        symbol=layout.symbol or None,
        reader=lambda: layout.reader(part.place),
        start_ns=start_ns,
    )


def _sniff(part: Part) -> int:
    table = look(part)
    return NO if table is None or not _figures(table) else POSSIBLE


def _figures(table: Table) -> bool:
    """Whether *table* has a header with a word that is known, or starts with figures."""
    return table.header is not None or table.rows[0][0].strip()[:1].isdigit()


FORMAT: Final = Format(
    name="csv",
    description="delimited text: quotes, trades or bars, by header or column map",
    sniff=_sniff,
    plan=guessed_plan,
)
