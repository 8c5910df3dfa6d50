"""`mtf salvage`: the intact part of a damaged data directory, copied into a new one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.log_share import LogShare
from mtf.cli.output import document, plain, say
from mtf.cli.progress import work_bar
from mtf.errors import DataDirError
from mtf.log import salvage_log
from mtf.order import moved_order
from mtf.storage.datadir import LOG, check_has_log
from mtf.storage.imported import moved_import
from mtf.storage.restore import checkpointed_symbols

__all__ = ["salvage"]

RUNS_SHOWN: Final = 20


def _moved(positions: dict[str, Any], now: Callable[[int], int]) -> dict[str, Any]:
    """Return *positions* for a copy of a log where the event *seq* has become `now(seq)`."""
    return moved_import(moved_order(positions, now), now)


@click.command
@click.argument("src", type=DIRECTORY)
@click.argument("dst", type=DIRECTORY)
@click.option(
    "--before-damage", is_flag=True, help="Only events before the first damage: the source can be read again."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def salvage(src: Path, dst: Path, before_damage: bool, as_json: bool) -> None:
    """Copy the intact events of SRC to the new directory DST; SRC is never changed.

    A log has no gaps: events after damage get new seqs. Bars and checkpoints are not copied: the next run on DST
    rebuilds them from the log. If the damaged events came from a file that still exists, use --before-damage, and run
    the file on DST: it resumes where the copy ends, and nothing is missing.
    """
    check_has_log(src)
    if dst.exists() or dst.is_symlink():
        raise DataDirError(f"{dst}: already exists; salvage only writes to a new directory")
    dst.mkdir(mode=0o700, parents=True)
    try:
        with work_bar(f"reading {src}") as report:
            found = salvage_log(
                src / LOG,
                dst / LOG,
                names=checkpointed_symbols(src),
                adapt=_moved,
                before_damage=before_damage,
                watch=LogShare(src / LOG, f"reading {src}", report).take,
            )
    except BaseException:
        if not any(dst.iterdir()):
            dst.rmdir()
        raise
    if as_json:
        moved = [run._asdict() for run in found.moved]
        document(
            {
                "events": found.events,
                "last_seq": found.last_seq,
                "same_seq": found.same_seq,
                "moved": moved,
                "unsure": found.report.unsure,
            }
        )
        return
    say(f"{found.events:,} events copied to {dst}, up to seq {found.last_seq}")
    for run in found.moved[:RUNS_SHOWN]:
        if run.now_seq != run.first_seq:
            last_seq = run.now_seq + run.last_seq - run.first_seq
            say(f"seq {run.first_seq} to {run.last_seq}, after damage: now seq {run.now_seq} to {last_seq}")
    if len(found.moved) > RUNS_SHOWN:
        say(f"and {len(found.moved) - RUNS_SHOWN:,} more runs after damage; --json lists them")
    if found.report.unsure:
        say(plain(f"check these symbols, whose names were read from a damaged block: {', '.join(found.report.unsure)}"))
