"""`mtf run`: a source through the pipeline to its end, and the summary of it."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any, Final

import attrs
import click

from mtf.cli.exits import DONE, INTERRUPTED, TERMINATED
from mtf.cli.hints import hints
from mtf.cli.loop import run_async, stop_on_signals
from mtf.cli.output import note
from mtf.cli.progress import Share, progress_bar
from mtf.cli.settings import config_from, config_options
from mtf.cli.sources import StoppableSource, open_named, source_options
from mtf.cli.summary import show_summary
from mtf.datadir import ASIDE
from mtf.log import DURABILITIES
from mtf.pipeline import Pipeline
from mtf.summary import Summary

__all__ = ["run"]

SKIPPED_SHOWN: Final = 5
MALFORMED_SHOWN: Final = 5


@click.command
@click.argument("source")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Directory to log to, and to go on from."
)
@source_options
@config_options
@click.option(
    "--durability", type=click.Choice(DURABILITIES), default="group", show_default=True, help="What a crash may cost."
)
@click.option(
    "--checkpoint-seconds", type=click.FloatRange(0), default=60.0, show_default=True, help="Wall time between; 0: not."
)
@click.option(
    "--checkpoint-events", type=click.IntRange(0), default=0, show_default=True, help="Events between; 0: not."
)
@click.option("--workers", type=click.IntRange(0), default=0, show_default=True, help="Processes for the indicators.")
@click.option("--strict", is_flag=True, help="Stop at the first malformed row.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(
    source: str,
    data: Path | None,
    durability: str,
    checkpoint_seconds: float,
    checkpoint_events: int,
    workers: int,
    strict: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Run SOURCE to its end: a file, a folder of files, `synthetic`, or an mtf data directory.

    With --data all of it is logged there; the same command given again goes on where it was.
    """
    config = config_from(options)
    opened = StoppableSource(open_named(source, options))
    try:
        pipeline = Pipeline(
            data=data,
            config=config,
            durability=durability,
            checkpoint_seconds=checkpoint_seconds or None,
            checkpoint_events=checkpoint_events or None,
            workers=workers,
            strict=strict,
            clock="ticks",
        )
        summary, resumed_seq = run_async(_run(pipeline, opened))
    except asyncio.CancelledError:
        note(f"stopped; {_onward(data)}")
    else:
        _tell(pipeline, summary, opened, data, resumed_seq, as_json=as_json)
    finally:
        opened.close()
    if not opened.stopped_by:
        return DONE
    return INTERRUPTED if opened.stopped_by == signal.SIGINT else TERMINATED


async def _run(pipeline: Pipeline, source: StoppableSource) -> tuple[Summary, int]:
    """Return the summary, and the seq that the log had before."""

    def stop(number: int) -> bool:
        source.stopped_by = number
        return source.started

    def look() -> Share:
        if source.started:
            return source.name, source.progress(), pipeline.seq
        return "opening", None, pipeline.seq

    with stop_on_signals(stop):
        async with pipeline, progress_bar(look):
            await pipeline.drain()
            resumed_seq = pipeline.seq
            start_s = time.perf_counter()
            summary = await pipeline.run(source)
            seconds = time.perf_counter() - start_s
    return attrs.evolve(summary, seconds=round(seconds, 6), new_events=summary.seq - resumed_seq), resumed_seq


def _tell(
    pipeline: Pipeline, summary: Summary, source: StoppableSource, data: Path | None, resumed_seq: int, *, as_json: bool
) -> None:
    """Print the summary, and on stderr what a user should know besides."""
    for passed in pipeline.skipped_checkpoints:
        note(f"checkpoint passed over: {passed.reason}")
    skipped = getattr(source.inner, "skipped", ())
    if skipped:
        rest = f" and {len(skipped) - SKIPPED_SHOWN} more" if len(skipped) > SKIPPED_SHOWN else ""
        note(f"passed over, in no known format: {', '.join(skipped[:SKIPPED_SHOWN])}{rest}")
    if resumed_seq:
        news = f"{summary.new_events:,} new events" if summary.new_events else "nothing new"
        note(f"resumed {data} after seq {resumed_seq}: {news}")
    malformed = summary.rejected.get("malformed", 0)
    if malformed:
        note(f"{malformed:,} malformed rows" + (f", kept aside in {data / ASIDE}" if data else ""))
        for place, line, reason, raw in pipeline.malformed_rows[:MALFORMED_SHOWN]:
            note(f"{place}:{line}: {reason}: {raw!r}")
    for hint in () if source.stopped_by else hints(pipeline, summary):
        note(hint)
    more: dict[str, Any] = {"source": source.name, "resumed_seq": resumed_seq}
    if data is not None:
        more["data"] = str(data)
    if source.stopped_by:
        more["interrupted"] = True
        note(f"stopped after seq {summary.seq}; {_onward(data)}")
    show_summary(summary, more, "new", as_json=as_json)


def _onward(data: Path | None) -> str:
    return "nothing is kept: with --data it could go on" if data is None else "the same command goes on from there"
