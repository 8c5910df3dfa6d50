"""`mtf run`: a source through the pipeline to its end, and the summary of it."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import attrs
import click

from mtf.cli.exits import DATA, DONE, signal_code
from mtf.cli.followed import FollowedFiles, refuse_with_follow
from mtf.cli.hints import hints
from mtf.cli.loop import run_async, stop_on_signals
from mtf.cli.output import note, plain, show
from mtf.cli.progress import Share, progress_bar
from mtf.cli.room import room_for
from mtf.cli.root import WORDS
from mtf.cli.screen import NotSaved, Saved, most_ticks, screen_lines
from mtf.cli.setting_options import config_from, config_options
from mtf.cli.sizes import size_of
from mtf.cli.source_options import (
    StoppableSource,
    open_named,
    order_option,
    reorder_option,
    sort_option,
    source_options,
)
from mtf.cli.summary_output import show_summary
from mtf.cli.terminal import look_at_stdout
from mtf.cli.times import duration_of
from mtf.cli.typed import again, called_as, numbered, program
from mtf.errors import ConfigError, MtfError, OutOfOrder
from mtf.log import DURABILITIES
from mtf.order import BY_TIME, OutOfOrderWarning
from mtf.pipeline import Pipeline
from mtf.sources.read_as import reading_text, readings_of
from mtf.storage.datadir import ASIDE, LOG, DataDir
from mtf.storage.imported import imported_of
from mtf.summary import Summary

__all__ = ["run"]

SKIPPED_SHOWN: Final = 5
MALFORMED_SHOWN: Final = 5
READINGS_SHOWN: Final = 5
_TOGETHER: Final = (
    "name both in one command, as in mtf run A B, with a new directory for --data, to merge them by time; or "
    "keep the order in which they come with --order log"
)
FOLDER: Final = Path("run")  # and indicators: suggested by the command to keep a run
INDICATORS: Final = "sma:20,rsi:14"
SERVER: Final = "uvicorn"  # from the extra `web`: without it mtf serve is not suggested


@click.command
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Directory to log to, and to resume from."
)
@click.option("--make-room", is_flag=True, help="If --data has another source or settings: DIR-2, DIR-3, ...")
@source_options
@sort_option
@reorder_option
@order_option
@click.option("--follow", is_flag=True, help="Keep reading what is added, until Ctrl-C; the clock closes bars too.")
@config_options
@click.option(
    "--durability", type=click.Choice(DURABILITIES), default="group", show_default=True, help="What a crash may lose."
)
@click.option(
    "--checkpoint-seconds",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Wall time between checkpoints; 0: none by time.",
)
@click.option(
    "--checkpoint-events",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Events between checkpoints; 0: none by count.",
)
@click.option(
    "--history-values/--no-history-values",
    default=True,
    show_default=True,
    help="Store completed indicator values with the bars.",
)
@click.option(
    "--history-memory",
    type=size_of,
    metavar="SIZE",
    help="Memory for completed bars and values: 2GB. Above it, older ones are read from --data again.",
)
@click.option(
    "--keep-history",
    type=duration_of,
    metavar="TIME",
    help="Store bars up to this age, before the newest: 90d.",
)
@click.option("--keep-history-size", type=size_of, metavar="SIZE", help="Store bars up to this size: 2GB.")
@click.option(
    "--keep-log",
    type=duration_of,
    metavar="TIME",
    help="Keep events up to this age, before the newest: 30d. All by default.",
)
@click.option("--keep-log-size", type=size_of, metavar="SIZE", help="Keep events up to this size: 20GB.")
@click.option("--no-compress", is_flag=True, help="Do not compress full segments of the log.")
@click.option(
    "--workers", type=click.IntRange(0), default=0, show_default=True, help="Processes that compute the indicators."
)
@click.option("--strict", is_flag=True, help="Stop at the first malformed row.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar, and only the plain summary, even on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(
    sources: tuple[str, ...],
    data: Path | None,
    make_room: bool,
    sort: bool,
    reorder: int,
    order: str,
    follow: bool,
    durability: str,
    checkpoint_seconds: float,
    checkpoint_events: int,
    history_values: bool,
    history_memory: int | None,
    keep_history: int | None,
    keep_history_size: int | None,
    keep_log: int | None,
    keep_log_size: int | None,
    no_compress: bool,
    workers: int,
    strict: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Run SOURCE to its end: a file, a folder of files, a pipe (-), `synthetic`, or an mtf data directory.

    Several are merged by time, and so are the symbols of a folder. With --follow, files are read as they grow.

    With --data everything is logged there, and running the same command again resumes.
    """
    if make_room and data is None:
        raise ConfigError("--make-room needs --data: give both, or neither")
    if history_memory is not None and data is None:
        raise ConfigError("--history-memory needs --data, from which older bars are read again: give both, or neither")
    config = config_from(options)
    opened: StoppableSource | FollowedFiles
    if follow:
        given = {"sort": sort, "reorder": reorder, "make_room": make_room, **options}
        refuse_with_follow(given, order, BY_TIME)
        opened = FollowedFiles(sources, options, resumable=data is not None)
    else:
        opened = _opened(sources, options, data, reorder_ns=reorder, sort=sort)
    unread = False
    try:
        if make_room and data is not None and isinstance(opened, StoppableSource):
            named, (data, why) = data, room_for(data, config, opened)
            if why:
                note(f"{named} {why}: this run goes to {data}")
        pipeline = Pipeline(
            data=data,
            config=config,
            durability=durability,
            checkpoint_seconds=checkpoint_seconds or None,
            checkpoint_events=checkpoint_events or None,
            history_values=history_values,
            history_bytes=history_memory,
            keep_history_ns=keep_history,
            keep_history_bytes=keep_history_size,
            keep_log_ns=keep_log,
            keep_log_bytes=keep_log_size,
            compress=not no_compress,
            workers=workers,
            strict=strict,
            clock="both" if follow else "ticks",
        )
        summary, resumed_seq = run_async(_run(pipeline, opened, order, quiet=quiet))
    except OutOfOrder as error:
        raise ConfigError(f"{error.what}: {_TOGETHER}") from error
    except asyncio.CancelledError:
        note(f"stopped; {_onward(data)}")
    except MtfError:
        for reading in _readings(opened) if opened.started else ():  # a wrong reading is often the reason
            note(f"read as: {reading_text(reading)}")
        raise
    else:
        _report(pipeline, summary, opened, data, resumed_seq, order)
        unread = 0 < summary.rows.read == summary.rows.malformed and not opened.resumed
        readings = _readings(opened)
        if not as_json:
            for reading in readings[:READINGS_SHOWN]:
                click.echo(plain(f"read as: {reading_text(reading)}"))
        if sys.stdout.isatty() and not (quiet or as_json):
            _show_screen(pipeline, summary, data)
        else:
            show_summary(summary, _besides(opened, data, resumed_seq, readings), "new", as_json=as_json)
    finally:
        opened.close()
    if opened.stopped_by:
        return signal_code(opened.stopped_by)
    return DATA if unread else DONE


def _opened(
    sources: tuple[str, ...], options: dict[str, Any], data: Path | None, *, reorder_ns: int, sort: bool
) -> StoppableSource:
    """Return *sources* as one, open; ConfigError if an option is needed that is not in the log in *data* either."""
    found = open_named(sources, options, resumable=data is not None, sort=sort)
    opened = StoppableSource(found, reorder_ns=reorder_ns, sort=sort)
    if data is not None and not (data / LOG).is_dir():
        opened.recall({}, {})  # a new directory: a missing option is reported before it is created
    return opened


async def _run(
    pipeline: Pipeline, source: StoppableSource | FollowedFiles, order: str, *, quiet: bool
) -> tuple[Summary, int]:
    """Return the summary, and the seq that the log had before."""

    def look() -> Share:
        if source.started:
            return source.name, source.progress(), pipeline.seq
        return "opening", None, pipeline.seq

    with stop_on_signals(source.stop):
        async with pipeline, progress_bar(look, quiet=quiet):
            await pipeline.drain()
            resumed_seq = pipeline.seq
            start_s = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", OutOfOrderWarning)  # a hint reports it, with the option to use
                summary = await source.run_into(pipeline, order)
            seconds = time.perf_counter() - start_s
    return attrs.evolve(summary, seconds=round(seconds, 6), new_events=summary.seq - resumed_seq), resumed_seq


def _report(
    pipeline: Pipeline,
    summary: Summary,
    source: StoppableSource | FollowedFiles,
    data: Path | None,
    resumed_seq: int,
    order: str,
) -> None:
    """Print on stderr what users should know in addition to the summary."""
    skipped = source.skipped
    if skipped:
        rest = f" and {len(skipped) - SKIPPED_SHOWN} more" if len(skipped) > SKIPPED_SHOWN else ""
        note(f"skipped (no format reads them, or they have no market data): {', '.join(skipped[:SKIPPED_SHOWN])}{rest}")
    if resumed_seq:
        news = f"{summary.new_events:,} new events" if summary.new_events else "nothing new"
        note(f"resumed {data} after seq {resumed_seq}: {news}")
    malformed = summary.rejected.get("malformed", 0)
    if malformed:
        rows = "rows" if malformed > 1 else "row"
        note(f"{malformed:,} malformed {rows}" + (f", kept aside in {data / ASIDE}" if data else ""))
        for place, line, reason, raw in pipeline.malformed_rows[:MALFORMED_SHOWN]:
            note(f"{place}:{line}: {reason}: {raw!r}")
    imported = data is not None and imported_of(DataDir(data).read_log()).last_seq > 0
    for hint in () if source.stopped_by else hints(pipeline, summary, order=order, imported=imported):
        note(hint)
    if source.stopped_by:
        note(f"stopped after seq {summary.seq}; {_onward(data)}")


def _besides(
    source: StoppableSource | FollowedFiles, data: Path | None, resumed_seq: int, readings: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the fields of the JSON summary about this run."""
    more: dict[str, Any] = {"source": source.name, "resumed_seq": resumed_seq, "read_as": readings}
    if source.skipped:
        more["skipped_files"] = list(source.skipped)
    if data is not None:
        more["data"] = str(data)
    if source.stopped_by:
        more["interrupted"] = True
    return more


def _show_screen(pipeline: Pipeline, summary: Summary, data: Path | None) -> None:
    """Print the last screen: the timeframes side by side, the counts, and suggested commands."""
    called = called_as()
    then: Saved | NotSaved
    if data is not None:
        then = Saved(program=program(called), directory=data, serves=find_spec(SERVER) is not None)
    else:
        number = next(number for number in itertools.count(1) if not os.path.lexists(numbered(FOLDER, number)))
        folder = numbered(FOLDER, number)
        words = [*click.get_current_context().meta[WORDS], "--data", str(folder)]
        if not any(pipeline.config.indicators):
            words += ["--indicators", INDICATORS]
        then = NotSaved(again=again(called, words), directory=folder)
    snapshots = [pipeline.snapshot(name) for name in most_ticks(summary)]
    show(*screen_lines(summary, snapshots, then, look_at_stdout()), fold=False)


def _readings(source: StoppableSource | FollowedFiles) -> list[dict[str, Any]]:
    """Return how *source* is read; nothing if its file is gone by now, or it is not a file."""
    try:
        return readings_of(source.identity())
    except MtfError:
        return []


def _onward(data: Path | None) -> str:
    return (
        "nothing was kept; with --data it could be resumed" if data is None else "run the same command again to resume"
    )
