"""A format: tables with pipes between the columns and `pipes` as their first column's name."""

from __future__ import annotations

from typing import Final

from mtf.sources import CERTAIN, NO, Format, FormatOptions, InputFile, Plan, guessed_plan, look, with_columns

__all__ = ["PIPES"]


def sniff(part: InputFile) -> int:
    """Say how sure this format is of *part*, by its first lines."""
    table = look(part)
    return CERTAIN if table is not None and table.header is not None and table.header[0] == "pipes" else NO


def plan(part: InputFile, options: FormatOptions) -> Plan:
    """Say how *part* is read: which column is what. What the user says wins."""
    columns = {"time": "pipes", "symbol": "what", "bid": "b", "ask": "a"}
    return guessed_plan(part, with_columns(options, columns))


PIPES: Final = Format(name="pipes", description="An example: tables with pipes", sniff=sniff, plan=plan)
