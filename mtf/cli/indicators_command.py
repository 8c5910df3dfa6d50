"""`mtf indicators`: the catalogue."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from mtf.cli.output import document, show
from mtf.indicators import Choice, Entry, Whole, catalogue
from mtf.indicators.declaration import Param

__all__ = ["indicators"]


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def indicators(as_json: bool) -> None:
    """List every indicator with its parameters, outputs, warm-up, formula and source."""
    entries = catalogue()
    if as_json:
        document([_entry(each) for each in entries])
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for each in entries:
        params = ", ".join(f"{param.name}={param.text(param.default)} ({param.bounds})" for param in each.params)
        table.add_row(each.name, "what", each.title)
        for label, text in (
            ("parameters", params or "none"),
            ("outputs", " ".join(each.outputs)),
            ("warm-up", f"{each.warmup} bars"),
            ("formula", each.formula),
            ("source", each.source),
            ("in", "core, all" if each.core else "all" if each.built_in else "not in core or all"),
        ):
            table.add_row("", label, text)
        table.add_row()
    show(table)


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.title,
        "group": entry.group,
        "params": [_param(param) for param in entry.params],
        "outputs": entry.outputs,
        "on_price": entry.on_price,
        "warmup": entry.warmup,
        "waits": entry.waits,
        "formula": entry.formula,
        "source": entry.source,
        "of_close": entry.of_close,
        "timeframes": entry.timeframes,
        "built_in": entry.built_in,
        "core": entry.core,
    }


def _param(param: Param) -> dict[str, Any]:
    common = {"name": param.name, "default": param.default, "doc": param.doc}
    if isinstance(param, Choice):
        return common | {"type": "choice", "words": param.words}
    kind = "whole" if isinstance(param, Whole) else "number"
    return common | {"type": kind, "low": param.low, "high": param.high}
