"""The sources of `mtf run`: the options that describe a file, a synthetic market or an mtf log, and opening it.

An option that makes no sense for the source is an error, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
import click

from mtf.cli.plugin_names import WithPlugins
from mtf.cli.times import duration_of
from mtf.errors import ConfigError, DataDirError
from mtf.events.block_builder import BlockBuilder
from mtf.order import BY_TIME, ORDERS
from mtf.pipeline import Pipeline
from mtf.sources import FORMATS, Limits, Source, SyntheticMarket, open_source
from mtf.sources.brought import is_brought
from mtf.sources.given import told_apart
from mtf.sources.layout import BLANKS, SIDES, TIME_FORMATS
from mtf.sources.log import LogSource
from mtf.sources.merge import MergedSource
from mtf.sources.pipes import is_pipe
from mtf.storage.datadir import LOG
from mtf.summary import Summary

__all__ = [
    "SYNTHETIC",
    "StoppableSource",
    "file_options",
    "file_settings",
    "open_named",
    "order_option",
    "reorder_option",
    "sort_option",
    "source_options",
]

SYNTHETIC: Final = "synthetic"
SYNTHETIC_EVENTS: Final = 200_000

_Function = TypeVar("_Function", bound=Callable[..., Any])

# By option: its name in `open_source`.
_FILE: Final = {
    "format": "format",
    "source_name": "name",
    "symbol": "symbol",
    "kind": "kind",
    "columns": "columns",
    "delimiter": "delimiter",
    "header": "header",
    "decimal": "decimal",
    "reverse": "reverse",
    "time_format": "time_format",
    "zone": "zone",
    "bar_timeframe": "timeframe",
    "stamp": "stamp",
    "side": "side",
    "blank": "blank",
    "point": "point",
    "pattern": "pattern",
    "limit": "limits",
}
_SYNTHETIC: Final = ("seed", "events", "symbols")

_FORMATS: Final = [each.name for each in FORMATS]
_FORMAT_HELP: Final = "Format of the file, if it is not detected; mtf doctor lists them."
_FILE_OPTIONS: Final = (
    click.option("--format", type=WithPlugins(_FORMATS, "formats"), metavar="F", help=_FORMAT_HELP),
    click.option("--symbol", help="Symbol of all rows; a second symbol in a file is then an error."),
    click.option("--kind", type=click.Choice(["quotes", "trades", "bars"]), help="What the rows are."),
    click.option("--columns", metavar="ROLE=COLUMN,...", help="Columns by role: time=when,bid=2,ask=3."),
    click.option("--delimiter", metavar="CHAR", help="The character between columns."),
    click.option("--header/--no-header", default=None, help="Whether the first line names the columns."),
    click.option("--decimal", type=click.Choice([".", ","]), help="The decimal mark."),
    click.option("--reverse/--no-reverse", default=None, help="Read a file that is newest first from its end."),
    click.option("--time-format", type=click.Choice(list(TIME_FORMATS)), help="Order of dates, or unit of an epoch."),
    click.option("--zone", metavar="ZONE", help="Zone of times without one: America/New_York, UTC-05:00."),
    click.option("--bar-timeframe", metavar="T", help="Length of the bars in the file: 1m."),
    click.option("--stamp", type=click.Choice(["open", "close"]), help="Bars are stamped at their open or close."),
    click.option("--side", type=click.Choice(list(SIDES)), help="Price of the bars in the file."),
    click.option("--blank", type=click.Choice(BLANKS), help="What an empty bid or ask means.  [default: missing]"),
    click.option("--point", type=float, help="The factor for prices in whole points: 0.00001."),
    click.option("--pattern", metavar="GLOB", help="Files of a folder to read: '*_quote.zip'."),
    click.option("--limit", multiple=True, metavar="NAME=N", help="Raise a limit on what a file may demand."),
    click.option("--source-name", metavar="NAME", help="Name of the source in the log; the file's name by default."),
)
_SYNTHETIC_OPTIONS: Final = (
    click.option("--seed", type=int, help="Synthetic: each seed gives another market.  [default: 1]"),
    click.option(
        "--events", type=click.IntRange(1), help=f"Synthetic: number of quotes.  [default: {SYNTHETIC_EVENTS}]"
    ),
    click.option("--symbols", metavar="S,...", help="Synthetic: symbols.  [default: EURUSD,GBPUSD,USDJPY]"),
)


class StoppableSource(MergedSource):
    """*sources* as one, which can be ended early: what has been read by then counts as everything."""

    def __init__(self, sources: Sequence[Source], *, reorder_ns: int = 0, sort: bool = False) -> None:
        super().__init__(sources, reorder_ns=reorder_ns, sort=sort)
        self.started = False  # whether anything has been read from it yet
        self.stopped_by = 0  # the signal after which nothing more is delivered; 0: none

    def stop(self, number: int) -> bool:
        """End early, as requested by the signal *number*; return whether that ends its reader."""
        self.stopped_by = number
        return self.started

    async def run_into(self, pipeline: Pipeline, order: str) -> Summary:
        """Run it into *pipeline* to its end."""
        return await pipeline.run(self, order=order)

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        self.started = True
        return not self.stopped_by and super().fill(builder, limit)


# How a command that reads sources brings their rows in order.
sort_option: Final = click.option("--sort", is_flag=True, help="Sort each source by time first, on disk.")
reorder_option: Final = click.option(
    "--reorder", type=duration_of, metavar="TIME", default="0", help="Put events in order within 500ms, 2s ..."
)
order_option: Final = click.option(
    "--order", type=click.Choice(ORDERS), default=BY_TIME, help="log: accept events of other symbols as they come."
)


def file_options(function: _Function) -> _Function:
    """Give a command the options that describe a file."""
    for option in reversed(_FILE_OPTIONS):
        function = option(function)
    return function


def source_options(function: _Function) -> _Function:
    """Give a command the options that describe a source, a file or a synthetic market."""
    for option in reversed((*_FILE_OPTIONS, *_SYNTHETIC_OPTIONS)):
        function = option(function)
    return function


def file_settings(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options of `source_options` out of *options*; return those that are given, which only apply to files."""
    options["limit"] = _limits(options["limit"])
    file = {name: options.pop(option) for option, name in _FILE.items()}
    _refuse([f"--{name}" for name in _SYNTHETIC if options.pop(name) is not None], "a file")
    return {name: value for name, value in file.items() if value is not None}


def open_named(
    sources: Sequence[str], options: dict[str, Any], *, resumable: bool = False, sort: bool = False
) -> list[Source]:
    """Open *sources* as the user named them: `synthetic`, data directories, files, folders of files, or `-`.

    *resumable* says that there is a log, which may know how files are read, *sort* that they will be sorted, whatever
    the order of their rows. Takes the options of `source_options` or `file_options` out of *options*. ConfigError if
    one of them is for another kind of source.
    """
    options["limit"] = _limits(options["limit"])
    file = {name: options.pop(option) for option, name in _FILE.items()}
    synthetic = {name: options.pop(name, None) for name in _SYNTHETIC}
    if len(sources) > 1 and file["name"] is not None:
        raise ConfigError("--source-name needs a single source, but there are several; omit it")
    names = told_apart(source for source in sources if source != SYNTHETIC) if len(sources) > 1 else {}
    return [_open(source, file, synthetic, names.get(source), resumable=resumable, sort=sort) for source in sources]


def _open(
    source: str, file: dict[str, Any], synthetic: dict[str, Any], name: str | None, *, resumable: bool, sort: bool
) -> Source:
    """Open one source, a file of several under *name*."""
    given_file = [f"--{option.replace('_', '-')}" for option, name in _FILE.items() if file[name] is not None]
    given_synthetic = [f"--{name}" for name in _SYNTHETIC if synthetic[name] is not None]
    if source == SYNTHETIC:
        _refuse(given_file, "a synthetic market")
        return _synthetic(**synthetic)
    _refuse(given_synthetic, "a file")
    path = Path(source)
    given = {option: value for option, value in (file | ({"name": name} if name else {})).items() if value is not None}
    if sort:
        given.setdefault("reverse", False)
    if is_pipe(source):
        return open_source(source, resumable=resumable, **given)
    if not path.exists():
        if is_brought(source):
            _refuse([each for each in given_file if each != "--source-name"], "a source of a plug-in")
            return open_source(source, name=given.get("name"))
        raise DataDirError(f"{path}: no such file or folder; for a simulated market, use {SYNTHETIC}")
    if (path / LOG).is_dir() and any((path / LOG).glob("*.log")):
        _refuse(given_file, "an mtf log")
        return LogSource(path)
    return open_source(path, resumable=resumable, **given)


def _limits(words: Sequence[str]) -> Limits | None:
    """Return the limits given by `--limit NAME=N`; None if there are none."""
    if not words:
        return None
    names = [field.name for field in attrs.fields(Limits)]
    raised: dict[str, int] = {}
    for word in words:
        name, _, number = word.partition("=")
        if name not in names or not number.isdecimal():
            raise ConfigError(f"--limit {word}: write it as NAME=N, with one of {', '.join(names)}")
        raised[name] = int(number)
    return Limits(**raised)


def _refuse(given: list[str], what: str) -> None:
    if given:
        raise ConfigError(f"{', '.join(given)}: not supported for {what}; omit it")


def _synthetic(*, seed: int | None, events: int | None, symbols: str | None) -> Source:
    options: dict[str, Any] = {"events": events or SYNTHETIC_EVENTS}
    if seed is not None:
        options["seed"] = seed
    if symbols is not None:
        options["symbols"] = [symbol.strip() for symbol in symbols.split(",") if symbol.strip()]
    return SyntheticMarket(**options)
