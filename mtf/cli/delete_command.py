"""`mtf delete`: symbols and trading days removed from what was imported."""

from __future__ import annotations

import datetime
from pathlib import Path

import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.imported_output import import_document, say_deleted
from mtf.cli.loop import run_async
from mtf.cli.output import document
from mtf.data import open_data
from mtf.errors import ConfigError, UnknownSymbol
from mtf.pipeline.importing import delete_imported
from mtf.pipeline.options import Options
from mtf.storage.datadir import check_has_log

__all__ = ["delete"]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--symbol", "symbols", multiple=True, required=True, help="Symbol to remove; may be given several times.")
@click.option(
    "--days", metavar="DATE[..DATE]", help="Only these trading days: 2024-03-06, or 2024-03-01..2024-03-31. Or all."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def delete(directory: Path, symbols: tuple[str, ...], days: str | None, as_json: bool) -> None:
    """Remove symbols, or trading days of them, from what was imported into DIR, as if it had never been imported.

    The log of a run keeps all of its input: once a run has logged events in a directory, only the oldest can be
    deleted, with `mtf prune`.
    """
    span = None if days is None else _days(days)
    check_has_log(directory)
    with open_data(directory) as reader:
        known = reader.symbols
    for symbol in symbols:
        if symbol not in known:
            raise UnknownSymbol(f"no event of {symbol!r} is in {directory}; known symbols: {', '.join(known)}")
    found = run_async(delete_imported(directory, symbols, span, Options()))
    if as_json:
        document(import_document(found))
    else:
        say_deleted(directory, found)


def _days(text: str) -> tuple[datetime.date, datetime.date]:
    """Return the first and the last date of *text*; ConfigError if it is neither a date nor two."""
    first, dots, last = text.partition("..")
    try:
        days = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last if dots else first)
    except ValueError:
        raise ConfigError(f"--days {text}: write a date, 2024-03-06, or two, 2024-03-01..2024-03-31") from None
    if days[1] < days[0]:
        raise ConfigError(f"--days {text}: the first date is after the last")
    return days
