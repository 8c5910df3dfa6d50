"""The settings of a pipeline as options: everything that affects results, with the library's defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import click

from mtf.bars.verdicts import PRICE_SIDES
from mtf.calendars.symbols import rules_of
from mtf.cli.times import duration_of
from mtf.config import ANCHORS, CLOSED, LATE, LIVE, OVERFILL, OVERNIGHT, PRICES, Config
from mtf.errors import ConfigError
from mtf.timeframe import DEFAULT_TIMEFRAMES

__all__ = ["SETTINGS", "changes_from", "config_from", "config_options"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _choice(name: str, words: tuple[str, ...], default: str, help: str) -> Callable[[_Function], _Function]:
    return click.option(f"--{name}", type=click.Choice(words), default=default, show_default=True, help=help)


def _text(name: str, metavar: str, default: str, help: str) -> Callable[[_Function], _Function]:
    return click.option(f"--{name}", metavar=metavar, default=default, show_default=True, help=help)


_OPTIONS: Final = (
    _choice("price", PRICE_SIDES, "auto", "Price that bars are made of; auto: mid of quotes, else trades."),
    _text("calendar", "C|PATTERN=C,...", "fx", "A name, exchange:MIC or a .toml file; or several, by symbol."),
    _choice("closed", CLOSED, "reject", "Ticks while the market is closed."),
    _choice("late", LATE, "reject", "Ticks older than their symbol's clock."),
    _choice("anchor", tuple(ANCHORS), "day", "What intraday bars are counted from: the trading day's start, or UTC."),
    click.option(
        "--timeframes", metavar="T,...", help=f"Timeframes of the bars.  [default: {','.join(DEFAULT_TIMEFRAMES)}]"
    ),
    _choice("overfill", OVERFILL, "split", "A trade too large for a bar of volume or dollars: split, or left whole."),
    _choice("overnight", OVERNIGHT, "close", "Bars of activity close with their trading day, or are carried over."),
    _text(
        "indicators",
        "SPEC,...|core|all|none",
        "none",
        "Indicators: sma:20,rsi:14 ...; core: the usual twenty.",
    ),
    _choice("live", LIVE, "each", "Indicator values of the forming bar: on each tick, on request, or off."),
    _choice("prices", PRICES, "positive", "Valid prices; any: zero and negative ones too."),
    click.option(
        "--delay", type=duration_of, metavar="TIME", default="0", help="Usual delay of live ticks: 500ms, 2s."
    ),
    click.option("--history", type=int, default=1000, show_default=True, help="Completed bars kept in memory."),
)


SETTINGS: Final = (
    "timeframes",
    "indicators",
    "calendar",
    "price",
    "closed",
    "late",
    "anchor",
    "live",
    "history",
    "prices",
    "overfill",
    "overnight",
)


def config_options(function: _Function) -> _Function:
    """Give a command the options of a configuration."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def config_from(options: dict[str, Any]) -> Config:
    """Take what `config_options` declares out of *options*, and return the resulting configuration."""
    asked = {name: options.pop(name) for name in SETTINGS if name != "calendar"}
    if asked["timeframes"] is None:
        del asked["timeframes"]
    return Config.make(calendar=rules_of(options.pop("calendar")), delay_ns=options.pop("delay"), **asked)


def changes_from(given: Iterable[str]) -> dict[str, Any]:
    """Return `--set NAME=VALUE ...` as arguments of `Config.changed`; ConfigError for an unknown setting."""
    changes: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip().removeprefix("--")
        if not equals or name not in SETTINGS:
            raise ConfigError(
                f"--set {text!r}: write NAME=VALUE, where NAME is one of {', '.join(SETTINGS)}; such as "
                "--set indicators=rsi:14"
            )
        if name in changes:
            raise ConfigError(f"--set {name} is given twice; a list is one value, such as timeframes=1m,1h")
        if name == "history":
            try:
                changes[name] = int(value)
            except ValueError:
                raise ConfigError(
                    f"--set {text!r}: history must be a whole number, the number of bars kept in memory"
                ) from None
        else:
            changes[name] = rules_of(value) if name == "calendar" else value
    return changes
