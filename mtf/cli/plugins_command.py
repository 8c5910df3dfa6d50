"""`mtf plugins`: what other packages provide, and whether it can be used."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click
from rich.table import Table

from mtf.calendars.named import BUILT_IN, WITH_PACKAGE, checked_calendar
from mtf.cli.output import document, note, show
from mtf.cli.plugin_names import checked_consumer
from mtf.data.exporting import checked_exporter
from mtf.indicators import ALL
from mtf.indicators.catalogue import register_plugin
from mtf.plugins import GROUPS, Plugin, installed, problem_of
from mtf.sources import FORMATS
from mtf.sources.brought import checked_source
from mtf.sources.formats import checked_format

__all__ = ["plugins"]


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def plugins(as_json: bool) -> None:
    """List what other packages provide: formats, sources, calendars, indicators, consumers, exporters."""
    found = [_entry(plugin) for kind in GROUPS for plugin in installed(kind).values()]
    if as_json:
        document(found)
        return
    if not found:
        note("no plug-ins are installed: see docs/plugins.md for how to write one")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("group", "name", "package", "version", "state"):
        table.add_column(title, overflow="fold")
    for each in found:
        table.add_row(each["group"], each["name"], each["package"], each["version"], each["problem"] or "loaded")
    show(table)


def _entry(plugin: Plugin) -> dict[str, Any]:
    """Return a description of *plugin*, which is loaded for it."""
    problem = _problem_of(plugin)
    return {
        "group": GROUPS[plugin.kind],
        "name": plugin.name,
        "package": plugin.package,
        "version": plugin.version,
        "value": plugin.value,
        "loaded": not problem,
        "problem": problem or None,
    }


def _problem_of(plugin: Plugin) -> str:
    taken: dict[str, tuple[str, ...]] = {
        "formats": tuple(each.name for each in FORMATS),
        "sources": ("synthetic",),
        "calendars": (*BUILT_IN, *WITH_PACKAGE),
        "indicators": ALL,
    }
    if plugin.name in taken.get(plugin.kind, ()):
        return f"not used: {plugin.name} is the name of a built-in one"
    checks: dict[str, Callable[[Any], Any]] = {
        "formats": checked_format,
        "sources": checked_source,
        "calendars": checked_calendar,
        "indicators": functools.partial(register_plugin, plugin.name),
        "consumers": checked_consumer,
        "exporters": checked_exporter,
    }
    return problem_of(plugin, checks[plugin.kind])
