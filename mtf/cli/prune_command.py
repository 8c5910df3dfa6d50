"""`mtf prune`: the oldest bars and rejects of a data directory's history, removed on request."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.output import document, say
from mtf.cli.sizes import size_of, size_text
from mtf.cli.times import clock_text, duration_of
from mtf.errors import ConfigError
from mtf.log import OsFileSystem
from mtf.log.file_log import WRITER_LOCK
from mtf.storage.datadir import HISTORY, LOG, check_has_log
from mtf.storage.history.pruning import NOTHING_NS, Keep, prune_history

__all__ = ["prune"]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option(
    "--older-than", type=duration_of, metavar="TIME", help="Remove bars that start so long before the newest one: 90d."
)
@click.option("--max-size", type=size_of, metavar="SIZE", help="Remove the oldest until the rest takes so much: 2GB.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def prune(directory: Path, older_than: int | None, max_size: int | None, as_json: bool) -> None:
    """Remove the oldest stored bars and rejects of DIR, and shorten the file.

    The log is not touched: what it still has comes back if the history is deleted and made again from it.
    """
    if older_than is None and max_size is None:
        raise ConfigError("say what is to go: give --older-than, --max-size, or both")
    check_has_log(directory)
    lock = OsFileSystem().lock(str(directory / LOG / WRITER_LOCK))  # no run may have the history open
    try:
        found = prune_history(directory / HISTORY, Keep(older_than, max_size))
    finally:
        os.close(lock)
    from_ns = None if found.from_ns == NOTHING_NS else found.from_ns
    if as_json:
        document({"bars": found.bars, "rejects": found.rejects, "from_ns": from_ns, "bytes": found.bytes})
        return
    if not found.bars and not found.rejects:
        say("nothing to remove")
        return
    say(f"removed {found.bars:,} bars and {found.rejects:,} rejects that are older than {clock_text(from_ns)}")
    say(f"the history takes {size_text(found.bytes)} less")
