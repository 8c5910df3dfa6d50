"""`--log-level` and `--log-format`: which records of the library's log go to stderr, and in which form.

Both are options of `mtf` that may also follow the command. Without either, warnings appear as sentences.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Self

import click

from mtf.cli.output import Lines, note
from mtf.log_lines import JsonLines, TextLines
from mtf.loggers import LOGGER

__all__ = ["CommandLog", "hoisted", "log_options"]

LEVELS: Final = ("debug", "info", "warning", "error")
FORMATTERS: Final[dict[str, type[logging.Formatter]]] = {"text": TextLines, "json": JsonLines}
OPTIONS: Final = ("--log-level", "--log-format")
WARNINGS: Final = logging.getLogger("py.warnings")


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add both options to *command*."""
    for option in (
        click.option(
            "--log-format",
            type=click.Choice([*FORMATTERS]),
            envvar="MTF_LOG_FORMAT",
            help="Log to stderr as lines of this form.",
        ),
        click.option(
            "--log-level",
            type=click.Choice(LEVELS, case_sensitive=False),
            envvar="MTF_LOG_LEVEL",
            help="Log to stderr from this level on, as lines.",
        ),
    ):
        command = option(command)
    return command


def hoisted(args: list[str]) -> tuple[list[str], list[str]]:
    """Return those of *args* that are options of the log, with their values, and the others."""
    found: list[str] = []
    rest: list[str] = []
    left: Iterator[str] = iter(args)
    for each in left:
        if each == "--":
            rest += [each, *left]
        elif each in OPTIONS:
            found += [each, *(value for value in [next(left, None)] if value is not None)]
        elif each.startswith(tuple(f"{name}=" for name in OPTIONS)):
            found.append(each)
        else:
            rest.append(each)
    return found, rest


class CommandLog:
    """A context in which warnings of the library are printed as notes; from `choose` on, its records as lines."""

    def __init__(self) -> None:
        self._handler: logging.Handler = _Sentences(logging.WARNING)
        self._level = LOGGER.level  # before
        self._chosen = False

    @property
    def chosen(self) -> bool:
        """Whether records are printed as lines."""
        return self._chosen

    def __enter__(self) -> Self:
        LOGGER.addHandler(self._handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        LOGGER.removeHandler(self._handler)
        if self._chosen:
            LOGGER.setLevel(self._level)
            WARNINGS.removeHandler(self._handler)
            logging.captureWarnings(False)

    def choose(self, level: str, form: str) -> None:
        """Print every record of *level* and above as a line in the *form*."""
        LOGGER.removeHandler(self._handler)
        WARNINGS.removeHandler(self._handler)
        self._handler = Lines(level.upper())
        self._handler.setFormatter(FORMATTERS[form]())
        LOGGER.addHandler(self._handler)
        LOGGER.setLevel(level.upper())
        WARNINGS.addHandler(self._handler)
        logging.captureWarnings(True)
        self._chosen = True


class _Sentences(logging.Handler):
    """Prints warnings as notes. Errors are not included: the command ends with one, and prints it."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.ERROR:
            note(record.getMessage())
