"""The settings of a pipeline as options: everything that decides results, with the defaults that the library has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from mtf.bars.gate import PRICE_SIDES
from mtf.config import ANCHORS, CLOSED, LATE, LIVE, Config
from mtf.timeframe import DEFAULT_TIMEFRAMES

__all__ = ["config_from", "config_options"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _choice(name: str, words: tuple[str, ...], default: str, help: str) -> Callable[[_Function], _Function]:
    return click.option(f"--{name}", type=click.Choice(words), default=default, show_default=True, help=help)


def _text(name: str, metavar: str, default: str, help: str) -> Callable[[_Function], _Function]:
    return click.option(f"--{name}", metavar=metavar, default=default, show_default=True, help=help)


_OPTIONS: Final = (
    _choice("price", PRICE_SIDES, "auto", "Price that bars are made of; auto: mid of quotes, else of trades."),
    _text("calendar", "C|PATTERN=C,...", "fx", "A name, exchange:MIC or a .toml file; or several, by symbol."),
    _choice("closed", CLOSED, "reject", "Ticks while the market is closed."),
    _choice("late", LATE, "reject", "Ticks older than their symbol's clock."),
    _choice("anchor", tuple(ANCHORS), "day", "What intraday bars count from: the trading day's start, or UTC."),
    _text("timeframes", "T,...", ",".join(DEFAULT_TIMEFRAMES), "Which bars are made."),
    _text("indicators", "SPEC,...|all|none", "none", "Which indicators, as sma:20,rsi:14."),
    _choice("live", LIVE, "each", "Indicator values of the forming bar: on each tick, while asked, or off."),
    click.option("--history", type=int, default=1000, show_default=True, help="Completed bars kept in memory."),
)


def config_options(function: _Function) -> _Function:
    """Give a command the options of a configuration."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def config_from(options: dict[str, Any]) -> Config:
    """Take what `config_options` declares out of *options*, and return the configuration that it makes."""
    names = ("timeframes", "price", "closed", "late", "anchor", "indicators", "live", "history")
    return Config.make(calendar=_calendars(options.pop("calendar")), **{name: options.pop(name) for name in names})


def _calendars(text: str) -> str | dict[str, str]:
    """Return one calendar, or calendars by symbol where *text* is `PATTERN=CALENDAR,...`."""
    if "=" not in text:
        return text
    pairs = [rule.partition("=") for rule in text.split(",")]
    return {pattern.strip(): name.strip() for pattern, _, name in pairs}
