"""`mtf prune`: the oldest bars, rejects and events of a data directory, removed on request."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.output import document, note, say
from mtf.cli.sizes import size_of, size_text
from mtf.cli.times import clock_text, duration_of
from mtf.errors import ConfigError
from mtf.log import OsFileSystem
from mtf.log.file_log import WRITER_LOCK
from mtf.storage.datadir import HISTORY, LOG, check_has_log
from mtf.storage.history.pruning import KEEP_ALL, NOTHING_NS, Keep, Pruned, prune_history
from mtf.storage.log_pruning import PrunedLog, prune_log

__all__ = ["prune"]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option(
    "--older-than",
    type=duration_of,
    metavar="TIME",
    help="Remove bars that start this long before the newest one: 90d.",
)
@click.option("--max-size", type=size_of, metavar="SIZE", help="Remove the oldest until the rest takes this much: 2GB.")
@click.option("--log-older-than", type=duration_of, metavar="TIME", help="The same, for events of the log.")
@click.option("--log-max-size", type=size_of, metavar="SIZE", help="The same, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def prune(
    directory: Path,
    older_than: int | None,
    max_size: int | None,
    log_older_than: int | None,
    log_max_size: int | None,
    as_json: bool,
) -> None:
    """Remove the oldest stored bars and rejects of DIR, and on request the oldest events of its log.

    Bars whose events are still in the log come back if the history is deleted and rebuilt from it. From the log, only
    whole segments are removed, and nothing that a start needs.
    """
    bars, events = Keep(older_than, max_size), Keep(log_older_than, log_max_size)
    if (bars, events) == (KEEP_ALL, KEEP_ALL):
        raise ConfigError(
            "nothing to do: give --older-than or --max-size, for the log --log-older-than or --log-max-size"
        )
    check_has_log(directory)
    lock = OsFileSystem().lock(str(directory / LOG / WRITER_LOCK))  # no run may have the history open
    try:
        found = None if bars == KEEP_ALL else prune_history(directory / HISTORY, bars)
        log = None if events == KEEP_ALL else prune_log(directory, events)
    finally:
        os.close(lock)
    if as_json:
        document(_as_json(found, log))
        return
    if found is not None:
        _say_history(found)
    if log is not None:
        _say_log(log)


def _as_json(found: Pruned | None, log: PrunedLog | None) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if found is not None:
        from_ns = None if found.from_ns == NOTHING_NS else found.from_ns
        answer |= {"bars": found.bars, "rejects": found.rejects, "from_ns": from_ns, "bytes": found.bytes}
    if log is not None:
        answer["log"] = {
            "segments": log.segments,
            "first_seq": log.first_seq,
            "bytes": log.bytes,
            "held": log.held or None,
        }
    return answer


def _say_history(found: Pruned) -> None:
    if not found.bars and not found.rejects:
        say("nothing to remove")
        return
    say(f"removed {found.bars:,} bars and {found.rejects:,} rejects that are older than {clock_text(found.from_ns)}")
    say(f"the history takes {size_text(found.bytes)} less")


def _say_log(log: PrunedLog) -> None:
    if log.segments:
        begins = f"the log begins at seq {log.first_seq}, and takes {size_text(log.bytes)} less"
        say(f"removed {log.segments:,} segments: {begins}")
    else:
        say("nothing to remove from the log")
    if log.held:
        note(f"more could not be removed: {log.held}")
