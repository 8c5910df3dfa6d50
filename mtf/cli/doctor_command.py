"""`mtf doctor`: which build runs, and in which environment."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from mtf.build import COMPILED, compiled_modules, versions
from mtf.calendars import BUILT_IN, WITH_PACKAGE
from mtf.calendars.zone import tzdata_version
from mtf.cli.loop import loop_name
from mtf.cli.output import document, show
from mtf.indicators import names
from mtf.sources import FORMATS

__all__ = ["doctor"]


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def doctor(as_json: bool) -> None:
    """Show which build runs: versions, compiled or not, event loop, formats."""
    found: dict[str, Any] = {
        "versions": versions(),
        "compiled": COMPILED,
        "compiled_modules": compiled_modules(),
        "event_loop": loop_name(),
        "time_zones": {"tzdata": tzdata_version(), "from": _tzdata_place()},
        "formats": {each.name: each.description for each in FORMATS},
        "calendars": [*BUILT_IN, *WITH_PACKAGE],
        "indicators": len(names()),
    }
    if as_json:
        document(found)
        return
    grid = Table.grid(padding=(0, 3, 0, 0))
    modules = found["compiled_modules"]
    build = f"compiled, {len(modules)} modules" if COMPILED else "pure Python: same results, slower"
    grid.add_row("build", build)
    grid.add_row("event loop", found["event_loop"])
    zones = found["time_zones"]
    grid.add_row("time zones", f"tzdata {zones['tzdata']}, from {zones['from']}")
    for name, version in found["versions"].items():
        grid.add_row(name, version or "not installed")
    grid.add_row("calendars", f"{', '.join((*BUILT_IN, *WITH_PACKAGE))}, exchange:MIC, .toml")
    grid.add_row("indicators", str(found["indicators"]))
    formats = Table.grid(padding=(0, 2, 0, 0))
    for name, description in found["formats"].items():
        formats.add_row(name, description)
    grid.add_row("formats", formats)
    show(grid)


def _tzdata_place() -> str:
    """Return the origin of the time zones in use: the system's have precedence over the package's."""
    return next((folder for folder in zoneinfo.TZPATH if (Path(folder) / "UTC").exists()), "the package tzdata")
