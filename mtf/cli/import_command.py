"""`mtf import`: the rows of a file, as history before live events."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from mtf.cli.imported_output import import_document, say_import
from mtf.cli.loop import run_async, stop_on_signals
from mtf.cli.output import document, note
from mtf.cli.progress import Share, progress_bar
from mtf.cli.setting_options import config_from, config_options
from mtf.cli.source_options import (
    SYNTHETIC,
    StoppableSource,
    file_options,
    open_named,
    reorder_option,
    sort_option,
)
from mtf.config import Config
from mtf.errors import ConfigError
from mtf.pipeline.importing import Import, import_history
from mtf.pipeline.options import Options

__all__ = ["import_command"]


@click.command("import")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Directory to import into; created if missing.",
)
@file_options
@sort_option
@reorder_option
@config_options
@click.option("--strict", is_flag=True, help="Stop at the first malformed row, and import nothing.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def import_command(
    sources: tuple[str, ...],
    data: Path,
    sort: bool,
    reorder: int,
    strict: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Import ticks or bars of FILE as history, so that indicators are warm from the first live tick on.

    FILE is anything that `mtf run` reads. Either all of it is imported, or nothing changes. Importing a trading day
    again replaces it, from the first to the last row that FILE has of that day. A directory in which a run has logged
    events does not take imports.
    """
    if SYNTHETIC in sources:
        raise ConfigError(f"{SYNTHETIC} is a simulated market, not history: use mtf run")
    config = config_from(options)
    opened = StoppableSource(open_named(sources, options, sort=sort), reorder_ns=reorder, sort=sort)
    try:
        found = run_async(_import(data, config, opened, Options(strict=strict), quiet=quiet))
    except asyncio.CancelledError:
        note("stopped: nothing was imported")
        raise
    finally:
        opened.close()
    if as_json:
        document(import_document(found))
        return
    for sentence in found.notes:
        note(sentence)
    say_import(data, found)


async def _import(path: Path, config: Config, source: StoppableSource, options: Options, *, quiet: bool) -> Import:
    def look() -> Share:
        return source.name, source.progress() if source.started else None, source.rows[0]

    with stop_on_signals(lambda _: False):
        async with progress_bar(look, quiet=quiet):
            return await import_history(path, config, source, options)
