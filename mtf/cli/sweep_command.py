"""`mtf sweep`: logs replayed under every combination of settings, each in a process of its own; results as Parquet."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

from mtf.cli.alternatives import chosen_values, shell_expanded
from mtf.cli.exits import DONE, INSIDE, INTERRUPTED, signal_code
from mtf.cli.loop import run_async, stop_on_signals
from mtf.cli.output import OutputColumn, json_line, note, plain, say, write_rows
from mtf.cli.plugin_names import CONSUMER, consumer_class
from mtf.cli.progress import Share, progress_bar
from mtf.cli.setting_options import SETTINGS, changes_from
from mtf.errors import ConfigError
from mtf.sweep.outcomes import Row
from mtf.sweep.plan import JOBS_MAX, plan_of
from mtf.sweep.sweeper import Runner, Sweep, SweepReport, runner_of

__all__ = ["sweep"]

SHOWN_ROWS: Final = 20
SHOWN_ERRORS: Final = 3


@click.command
@click.argument("directories", metavar="DIR...", nargs=-1, required=True)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUES",
    help="A setting and its values, such as 'indicators=sma:{5..60}'; repeatable.",
)
@click.option("--consumer", metavar=CONSUMER, help="An mtf.Consumer that receives the events; result() is a row.")
@click.option(
    "--with",
    "arguments",
    multiple=True,
    metavar="NAME=VALUES",
    help="An argument of the consumer and its values, such as 'threshold={20..40..5}'; repeatable.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default="sweep",
    show_default=True,
    help="Where the results are kept; run again, it resumes there.",
)
@click.option("--jobs", type=int, metavar="N", help="How many run at once.  [default: one a processor]")
@click.option("--on", metavar="dask://HOST:PORT", help="Run them on a Dask cluster (needs mtf-engine[sweep]).")
@click.option("--best", metavar="COLUMN", help="Show this column first, and the rows with its greatest values.")
@click.option(
    "--max-jobs",
    type=click.IntRange(1),
    metavar="N",
    default=JOBS_MAX,
    show_default=True,
    help="Refuse to start more jobs than that.",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one line of JSON.")
def sweep(
    directories: tuple[str, ...],
    settings: tuple[str, ...],
    consumer: str | None,
    arguments: tuple[str, ...],
    out: Path,
    jobs: int | None,
    on: str | None,
    best: str | None,
    max_jobs: int,
    quiet: bool,
    as_json: bool,
) -> int:
    """Replay the logs of DIRs under every combination of settings, and write a table of the results.

    VALUES is one value, a range {5..60} or {5..60..5}, or a list {a,b}, also within a text.
    """
    named = [text.partition("=")[0] for text in arguments]
    logs, expanded = shell_expanded(directories, [*SETTINGS, *named])
    if not logs:
        raise ConfigError("give at least one data directory before the options")
    own_choices = [text for text in expanded if text.partition("=")[0] not in named]
    choices = chosen_values([*settings, *own_choices], "--set")
    options = chosen_values([*arguments, *(text for text in expanded if text not in own_choices)], "--with")
    found = None if consumer is None else consumer_class(consumer)
    plan = plan_of(
        logs,
        {name: [_setting(name, value) for value in values] for name, values in choices.items()},
        found,
        {name: [_argument(value) for value in values] for name, values in options.items()},
        max_jobs,
    )
    if jobs is not None and on is not None:
        raise ConfigError(
            "--jobs is for this machine: with --on, the threads of Dask's workers say how many run at once"
        )
    runner = runner_of(jobs, on)
    with Sweep(plan, out) as run:
        note(f"{plan.words()}; {_rest(run)}, {runner.words}")
        for log, first_seq in {job.log: job.first_seq for job in plan.jobs if job.first_seq > 1}.items():
            past = f"the log begins at seq {first_seq}, and earlier events were removed"
            note(f"{log}: {past}: its replays begin there, too")
        if found is not None and not hasattr(found, "result"):
            note(f"{found.__name__} has no method result(): the table has the summary and the digest of each job")
        heard: list[int] = []
        try:
            report = run_async(_play(run, runner, heard, quiet=quiet))
        except asyncio.CancelledError:
            report = run.report()
            kept = f"{report.done + report.skipped:,} of {report.jobs:,} jobs are done and kept in {out}"
            note(f"stopped: {kept}; run it again to go on")
            return signal_code(heard[0]) if heard else INTERRUPTED
    if best is not None and best not in report.table.columns:
        note(f"--best {best}: there is no such column; there are {', '.join(report.table.columns)}")
        best = None
    if as_json:
        json_line(report.to_dict())
    else:
        _show(report, best)
    for text in list(dict.fromkeys(report.errors))[:SHOWN_ERRORS]:
        note(text)
    if report.failed:
        note(
            f"{report.failed:,} of {report.jobs:,} jobs failed; the column error says why, and they run again next time"
        )
    return INSIDE if report.failed else DONE


async def _play(run: Sweep, runner: Runner, heard: list[int], *, quiet: bool) -> SweepReport:
    def stop(number: int) -> bool:
        heard.append(number)
        return False

    def look() -> Share:
        return "sweep", run.ended / max(1, len(run.todo)), run.ended

    with stop_on_signals(stop):
        async with progress_bar(look, quiet=quiet, unit="jobs"):
            return await run.play(runner)


def _setting(name: str, value: str) -> Any:
    return changes_from([f"{name}={value}"])[name]


def _argument(value: str) -> Any:
    """Return an argument of a consumer: a number, true, false or null as in JSON, else the text."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if found is None or isinstance(found, bool | int | float | str) else value


def _rest(run: Sweep) -> str:
    if not run.skipped:
        return f"{len(run.todo):,} to run"
    return f"{run.skipped:,} done before, {len(run.todo):,} to run"


def _show(report: SweepReport, best: str | None) -> None:
    """Print the first rows, without columns that are the same in all of them, and where the rest is."""
    rows = list(report.rows) if best is None else _best(list(report.rows), best)
    good = [row for row in rows if row["error"] is None]
    logs = {row["log"] for row in rows}
    names = [*(["log"] if len(logs) > 1 else []), *report.varied]
    results = sorted(report.results or ("ticks", "bars"), key=lambda name: name != best)
    text, omitted = _table(good[:SHOWN_ROWS], names, results)
    if text:
        say(text)
    rest = [f"{len(good) - SHOWN_ROWS:,} more rows"] if len(good) > SHOWN_ROWS else []
    rest += [f"{len(omitted):,} more columns"] if omitted else []
    counts = f"{report.done:,} done, {report.skipped:,} done before, {report.failed:,} failed"
    if rest:
        say(f"  ... and {', '.join(rest)}")
    say(f"\n{report.jobs:,} jobs in {report.seconds:,.1f} s: {counts}")
    say(plain(f"results  {report.out}"))


def _table(rows: list[Row], names: list[str], results: list[str]) -> tuple[str, list[str]]:
    """Return *rows* as text, and those of *results* for which a terminal has no room."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for count in range(len(results), -1, -1):
        shown = [{name: row.get(name) for name in [*names, *results[:count]]} for row in rows]
        columns = [OutputColumn(name, _kind([row[name] for row in shown]), name) for name in [*names, *results[:count]]]
        stream = io.BytesIO()
        if shown:
            write_rows(shown, columns, "table", stream)
        text = stream.getvalue().decode().rstrip("\n")
        if width is None or count <= 1 or max(map(len, text.splitlines()), default=0) <= width:
            return text, results[count:]
    return "", results


def _best(rows: list[Row], best: str) -> list[Row]:
    def rank(row: Row) -> tuple[bool, float]:
        value = row.get(best)
        number = float(value) if isinstance(value, int | float) and value == value else None
        return number is None, -(number or 0.0)

    return sorted(rows, key=rank)


def _kind(values: Iterable[object]) -> str:
    there = [value for value in values if value is not None]
    if all(isinstance(value, int) for value in there):
        return "count"
    return "size" if all(isinstance(value, int | float) for value in there) else "text"
