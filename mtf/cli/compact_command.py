"""`mtf compact`: the sealed segments of a log, compressed and indexed now."""

from __future__ import annotations

from pathlib import Path

import click

from mtf.cli.directories import DIRECTORY
from mtf.cli.log_share import LogShare
from mtf.cli.output import document, say
from mtf.cli.progress import work_bar
from mtf.cli.sizes import size_text
from mtf.log import compress_sealed, index_sealed
from mtf.storage.datadir import LOG, check_has_log

__all__ = ["compact"]


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def compact(directory: Path, as_json: bool) -> None:
    """Compress the sealed segments of the log of DIR, and index those that have no index.

    A run does this in the background, for all segments but the newest. The content does not change, and a run may write
    meanwhile.
    """
    check_has_log(directory)
    log = directory / LOG
    with work_bar(f"indexing {directory}") as report:
        indexed = index_sealed(log, watch=LogShare(log, f"indexing {directory}", report).watch)
        done = compress_sealed(log, watch=LogShare(log, f"compressing {directory}", report).watch)
    before, after = sum(each.bytes_before for each in done), sum(each.bytes_after for each in done)
    events = sum(each.events for each in done)
    if as_json:
        found = {"segments": len(done), "events": events, "bytes_before": before, "bytes_after": after}
        document({**found, "indexed": len(indexed)})
        return
    if not done:
        say("every sealed segment is compressed already")
        return
    each_bytes = f", {after / events:.1f} bytes per event" if events else ""
    say(f"{len(done):,} segments: {size_text(before)} became {size_text(after)}{each_bytes}")
