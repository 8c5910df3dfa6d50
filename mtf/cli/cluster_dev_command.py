"""`mtf cluster dev`: a whole cluster on this machine, for as long as a source lasts."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import click

from mtf.cli.exits import DONE, signal_code
from mtf.cli.loop import run_async, stop_on_signals
from mtf.cli.output import json_line, plain, say
from mtf.cli.setting_options import config_from, config_options
from mtf.cli.source_options import (
    StoppableSource,
    open_named,
    order_option,
    reorder_option,
    sort_option,
    source_options,
)
from mtf.errors import ConfigError

__all__ = ["dev"]

WORKERS: Final = 2


@click.command
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--partitions", type=click.IntRange(1, 4096), default=1, show_default=True, help="How many partitions.")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Directory of the broker, to resume from."
)
@click.option("--workers", type=click.IntRange(1, 64), default=WORKERS, show_default=True, help="How many workers.")
@source_options
@sort_option
@reorder_option
@order_option
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one line of JSON, the last one.")
def dev(
    sources: tuple[str, ...],
    partitions: int,
    data: Path | None,
    workers: int,
    sort: bool,
    reorder: int,
    order: str,
    as_json: bool,
    **options: Any,
) -> int:
    """Run SOURCE through a broker, a gateway and workers of this machine, and print the summary.

    Whatever of them dies is started again, and the result is the same. With one partition the digest is that of `mtf
    run`; with several, that of each partition is the one of its symbols alone.
    """
    from mtf.cluster.dev_cluster import DevCluster

    config = config_from(options)
    opened = StoppableSource(open_named(sources, options, resumable=True, sort=sort), reorder_ns=reorder, sort=sort)
    if data is not None and data.is_file():
        raise ConfigError(f"{data} is a file: give a directory")
    with tempfile.TemporaryDirectory(prefix="mtf-cluster-") as temporary:
        running = DevCluster(data or Path(temporary), config, partitions, workers)

        def stop(number: int) -> bool:
            opened.stop(number)
            return True

        async def run() -> dict[str, Any]:
            with stop_on_signals(stop):
                return await running.run(opened, order)

        begun = time.perf_counter()
        try:
            found = run_async(run())
        finally:
            opened.close()
        found["seconds"] = round(time.perf_counter() - begun, 6)
    if as_json:
        json_line(found)
    else:
        _show(found)
    return signal_code(opened.stopped_by) if opened.stopped_by else DONE


def _show(found: dict[str, Any]) -> None:
    for each in found["partitions"]:
        bars = sum(each["bars"].values())
        text = f"partition {each['partition']}: seq {each['seq']:,}, {bars:,} bars, digest {each['digest']}"
        say(plain(text))
    say(plain(f"{found['events']:,} events, {found['ticks']:,} ticks, in {found['seconds']:.2f} s"))
