"""`mtf replay`: a log through the same pipeline again, shown to a user's consumer; same summary, same digest."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import attrs
import click

from mtf.cli.directories import DIRECTORY, config_of
from mtf.cli.exits import DONE, INTERRUPTED, signal_code
from mtf.cli.loop import run_async, stop_on_signals
from mtf.cli.output import note
from mtf.cli.plugin_names import CONSUMER, consumer_class, made_consumer
from mtf.cli.progress import Share, progress_bar
from mtf.cli.setting_options import changes_from
from mtf.cli.summary_output import show_summary
from mtf.cli.times import moment_of
from mtf.data.moments import Moment
from mtf.errors import ConfigError
from mtf.log import first_logged_seq, newest_logged_seq
from mtf.pipeline import Pipeline
from mtf.storage.datadir import LOG
from mtf.storage.restore import engine_at, first_seq_after, lacks_past
from mtf.summary import Summary

__all__ = ["replay"]


def _speed(text: str) -> float:
    """Return seconds of event time per second; 0 if there is no limit."""
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0.0 < speed < float("inf"):
        raise click.BadParameter(f"invalid speed {text!r}: give seconds of event time a second, such as 60, or max")
    return speed


@click.command
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@click.option("--consumer", metavar=CONSUMER, help="An mtf.Consumer that receives the events; takes no arguments.")
@click.option(
    "--speed", type=_speed, metavar="N|max", default="max", show_default=True, help="Seconds of event time per second."
)
@click.option(
    "--start",
    type=moment_of,
    metavar="TIME|SEQ",
    help="Show events from this seq on, or from the first one stamped at this time or later.",
)
@click.option("--until", type=moment_of, metavar="TIME|SEQ", help="Stop after this seq, or omit events stamped later.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Replay the events with another setting, such as indicators=rsi:14 or timeframes=1m,2h; repeatable.",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def replay(
    directory: Path,
    consumer: str | None,
    speed: float,
    start: Moment | None,
    until: Moment | None,
    changes: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> int:
    """Run the log of DIR through the same code again: the same summary, the same digest.

    With --set, another configuration is used: bars, values and the digest are then those of that configuration.
    """
    logged = config_of(directory)
    config = logged.changed(**changes_from(changes)) if changes else logged
    differences = config.differences(logged)
    pipeline = Pipeline(config=config, clock="ticks")
    if consumer is not None:
        pipeline.add(made_consumer(consumer_class(consumer), consumer))
    oldest_seq = first_logged_seq(directory / LOG)
    first_seq = oldest_seq if start is None or start.seq == 1 else _first_seq(directory, start)
    if first_seq < oldest_seq:
        raise ConfigError(
            f"{directory}: the log begins at seq {oldest_seq}, and earlier events were removed: give --start "
            f"{oldest_seq} or later"
        )
    last_seq = None if until is None else _last_seq(directory, until)
    if last_seq is not None and last_seq < first_seq:
        raise ConfigError(f"nothing to replay: --start is seq {first_seq}, and --until is seq {last_seq}")
    until_ns = None if until is None else until.ts_ns
    if first_seq == oldest_seq and lacks_past(directory, first_seq - 1):
        note(
            f"the log begins at seq {oldest_seq}, and earlier events were removed: this replay does not include "
            "them, so its first bars, its values and its digest may differ from those of the run"
        )
    heard: list[int] = []
    try:
        summary = run_async(
            _replay(pipeline, directory, first_seq, last_seq, until_ns, speed or None, heard, quiet=quiet)
        )
    except asyncio.CancelledError:
        note(f"stopped after seq {pipeline.seq}")
        return signal_code(heard[0]) if heard else INTERRUPTED
    more: dict[str, Any] = {"data": str(directory), "first_seq": first_seq}
    if changes:
        more["differences"] = differences
    show_summary(summary, more, "shown", as_json=as_json)
    if changes and not differences:
        note("the original run had the same settings: the digest is the same")
    return DONE


async def _replay(
    pipeline: Pipeline,
    directory: Path,
    first_seq: int,
    last_seq: int | None,
    until_ns: int | None,
    speed: float | None,
    heard: list[int],
    *,
    quiet: bool,
) -> Summary:
    def stop(number: int) -> bool:
        heard.append(number)
        return False

    end_seq = newest_logged_seq(directory / LOG) if last_seq is None else last_seq

    def look() -> Share:
        played = max(0, pipeline.seq + 1 - first_seq)
        return f"replay of {directory}", min(1.0, played / max(1, end_seq + 1 - first_seq)), played

    with stop_on_signals(stop):
        async with pipeline, progress_bar(look, quiet=quiet):
            start_s = time.perf_counter()
            summary = await pipeline.replay(
                directory, start=first_seq, until=last_seq, until_ns=until_ns, speed=speed, changed=True
            )
            seconds = time.perf_counter() - start_s
    return attrs.evolve(summary, seconds=round(seconds, 6), new_events=summary.seq - first_seq + 1)


def _first_seq(directory: Path, start: Moment) -> int:
    """Return the seq of the first event at or after *start*."""
    if start.ts_ns is None:
        return start.seq or 1
    return first_seq_after(directory, start.ts_ns - 1)


def _last_seq(directory: Path, until: Moment) -> int:
    return engine_at(directory, seq=until.seq, time_ns=until.ts_ns).joiner.seq
