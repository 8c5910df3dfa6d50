"""What `mtf run` reads: the options that describe a file, a synthetic market, or an mtf log, and the opening of it.

An option that makes no sense for the source is an error, never passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from mtf.errors import ConfigError, DataDirError
from mtf.events.door import Door
from mtf.sources import FORMATS, Source, SyntheticMarket, open_source
from mtf.sources.layout import SIDES, TIME_FORMATS
from mtf.sources.log import LogSource

__all__ = ["SYNTHETIC", "StoppableSource", "open_named", "source_options"]

SYNTHETIC: Final = "synthetic"
SYNTHETIC_EVENTS: Final = 200_000
LOG: Final = "log"

_Function = TypeVar("_Function", bound=Callable[..., Any])

# By option: the name that `open_source` has for it.
_FILE: Final = {
    "format": "format",
    "source_name": "name",
    "symbol": "symbol",
    "kind": "kind",
    "columns": "columns",
    "delimiter": "delimiter",
    "header": "header",
    "time_format": "time_format",
    "zone": "zone",
    "bar_timeframe": "timeframe",
    "stamp": "stamp",
    "side": "side",
    "point": "point",
    "pattern": "pattern",
}
_SYNTHETIC: Final = ("seed", "events", "symbols")

_FORMAT_HELP: Final = "Format of the file, where it cannot be told; mtf doctor lists them."
_OPTIONS: Final = (
    click.option("--format", type=click.Choice([each.name for each in FORMATS]), metavar="F", help=_FORMAT_HELP),
    click.option("--symbol", help="Symbol of all rows; a file of several is refused then."),
    click.option("--kind", type=click.Choice(["quotes", "trades", "bars"]), help="What the rows are."),
    click.option("--columns", metavar="ROLE=COLUMN,...", help="What is in which column: time=when,bid=2,ask=3."),
    click.option("--delimiter", metavar="CHAR", help="What parts the columns."),
    click.option("--header/--no-header", default=None, help="Whether the first line names the columns."),
    click.option("--time-format", type=click.Choice(list(TIME_FORMATS)), help="Order of dates, or unit of an epoch."),
    click.option("--zone", metavar="ZONE", help="Zone of times that do not say theirs: America/New_York, UTC-05:00."),
    click.option("--bar-timeframe", metavar="T", help="Length of the bars in the file: 1m."),
    click.option("--stamp", type=click.Choice(["open", "close"]), help="Bars are stamped at their open or close."),
    click.option("--side", type=click.Choice(list(SIDES)), help="Which price the bars in the file are of."),
    click.option("--point", type=float, help="What prices in whole points are multiplied with: 0.00001."),
    click.option("--pattern", metavar="GLOB", help="Which files of a folder are meant: '*_quote.zip'."),
    click.option("--source-name", metavar="NAME", help="What the log calls the source, else the file's name."),
    click.option("--seed", type=int, help="Synthetic: another seed is another market.  [default: 1]"),
    click.option(
        "--events", type=click.IntRange(1), help=f"Synthetic: how many quotes.  [default: {SYNTHETIC_EVENTS}]"
    ),
    click.option("--symbols", metavar="S,...", help="Synthetic: which symbols.  [default: EURUSD,GBPUSD,USDJPY]"),
)


class StoppableSource:
    """Another source, which can be told that it has come to its end: what is read so far is then all there is."""

    def __init__(self, inner: Source) -> None:
        self.inner: Final = inner
        self.started = False  # whether anything was asked of it yet
        self.stopped_by = 0  # the signal after which nothing more is handed in; 0: none

    @property
    def name(self) -> str:
        return self.inner.name

    def fill(self, door: Door, limit: int) -> bool:
        self.started = True
        return not self.stopped_by and self.inner.fill(door, limit)

    def identity(self) -> dict[str, Any]:
        return self.inner.identity()

    def position(self) -> dict[str, Any]:
        return self.inner.position()

    def seek(self, position: dict[str, Any]) -> None:
        self.inner.seek(position)

    def progress(self) -> float | None:
        return self.inner.progress()

    def close(self) -> None:
        self.inner.close()


def source_options(function: _Function) -> _Function:
    """Give a command the options that say what a source is."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def open_named(source: str, options: dict[str, Any]) -> Source:
    """Open what the user called *source*: `synthetic`, a data directory, a file or a folder of files.

    Takes what `source_options` declares out of *options*. ConfigError where one of them is for another kind of source.
    """
    file = {name: options.pop(option) for option, name in _FILE.items()}
    synthetic = {name: options.pop(name) for name in _SYNTHETIC}
    given_file = [f"--{option.replace('_', '-')}" for option, name in _FILE.items() if file[name] is not None]
    given_synthetic = [f"--{name}" for name in _SYNTHETIC if synthetic[name] is not None]
    if source == SYNTHETIC:
        _refuse(given_file, "a synthetic market")
        return _synthetic(**synthetic)
    _refuse(given_synthetic, "a file")
    path = Path(source)
    if not path.exists():
        raise DataDirError(f"{path}: no such file or folder; for a made-up market, say {SYNTHETIC}")
    if (path / LOG).is_dir() and any((path / LOG).glob("*.log")):
        _refuse(given_file, "an mtf log")
        return LogSource(path)
    return open_source(path, **{name: value for name, value in file.items() if value is not None})


def _refuse(given: list[str], what: str) -> None:
    if given:
        raise ConfigError(f"{', '.join(given)}: not for {what}; leave it away")


def _synthetic(*, seed: int | None, events: int | None, symbols: str | None) -> Source:
    options: dict[str, Any] = {"events": events or SYNTHETIC_EVENTS}
    if seed is not None:
        options["seed"] = seed
    if symbols is not None:
        options["symbols"] = [symbol.strip() for symbol in symbols.split(",") if symbol.strip()]
    return SyntheticMarket(**options)
