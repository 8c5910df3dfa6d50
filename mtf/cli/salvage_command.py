"""`mtf salvage`: the intact part of a damaged data directory, copied into a new one."""

from __future__ import annotations

from pathlib import Path

import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.output import document, say
from mtf.errors import DataDirError
from mtf.log import salvage_log
from mtf.storage.datadir import LOG, check_has_log

__all__ = ["salvage"]


@click.command
@click.argument("src", type=DIRECTORY)
@click.argument("dst", type=DIRECTORY)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def salvage(src: Path, dst: Path, as_json: bool) -> None:
    """Copy the events of SRC before its first damage to the new directory DST; SRC is never changed.

    Bars and checkpoints are not copied: the next run on DST rebuilds them from the log.
    """
    check_has_log(src)
    if dst.exists() or dst.is_symlink():
        raise DataDirError(f"{dst}: already exists; salvage only writes to a new directory")
    dst.mkdir(mode=0o700, parents=True)
    try:
        found = salvage_log(src / LOG, dst / LOG)
    except BaseException:
        if not any(dst.iterdir()):
            dst.rmdir()
        raise
    if as_json:
        document({"events": found.events, "last_seq": found.last_seq, "left": found.left})
        return
    say(f"{found.events:,} events copied to {dst}, up to seq {found.last_seq}")
    for first, last in found.left:
        say(f"left behind, intact but after the damage: seq {first} to {last}")
