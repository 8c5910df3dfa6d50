"""Output to stdout: one JSON document, or rows as a table, CSV or JSON, streamed in bounded memory.

Owns the formats, not the content. Numbers are written so that reading them gives the same bits; NaN is null in JSON and
empty in CSV. Nothing is written before the first row is available.
"""

from __future__ import annotations

import csv
import io
import itertools
import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import click
import orjson
from rich.console import Console, RenderableType

from mtf.cli.times import clock_text
from mtf.data.table_files import BINARY_FORMATS, whole_file
from mtf.errors import ConfigError
from mtf.loggers import LOGGER
from mtf.markup import plain
from mtf.numbers import decimals_of, number_text

__all__ = [
    "COMMANDS",
    "FORMATS",
    "Lines",
    "OutputColumn",
    "document",
    "json_line",
    "note",
    "plain",
    "prints_lines",
    "result_stream",
    "say",
    "show",
    "write_rows",
]

FORMATS: Final = ("table", "csv", "json", "ndjson")
COMMANDS: Final = logging.getLogger("mtf.cli")
WIDTH_UNFOLDED: Final = 1000
HEIGHT: Final = 25
WIDTH_ROWS: Final = 500  # rows examined before the widths of a table's columns are set
FLUSH_ROWS: Final = 512
SIZE_DIGITS: Final = 7  # significant ones of a size, in a table

NEW_LINE: Final = orjson.OPT_APPEND_NEWLINE

Row = Mapping[str, Any]


class OutputColumn(NamedTuple):
    """One column: its name in CSV and JSON, and its kind.

    `text`, `time`, `price`, `size`, `flag`, `count`, or `whole` for a number to be typed again, such as a seq.
    """

    name: str
    kind: str
    title: str = ""  # in a table; "" if not shown there


def show(*tables: RenderableType, fold: bool = True) -> None:
    """Print tables for people, folded to a terminal's width, unless *fold* is false, so that no figure is cut."""
    terminal = sys.stdout.isatty()
    console = Console(
        width=shutil.get_terminal_size().columns if terminal and fold else WIDTH_UNFOLDED,
        height=HEIGHT,  # given only a width, rich would use 80 on a dumb terminal
        no_color=None if terminal else True,  # None: as NO_COLOR says
        highlight=False,
        markup=False,  # a symbol may be called [red]
        emoji=False,
    )
    with console.capture() as capture:
        console.print(*tables, sep="\n")
    say("\n".join(line.rstrip() for line in capture.get().splitlines()))


def say(text: str, *, err: bool = False) -> None:
    """Print *text*; characters that the encoding of stdout, or stderr, lacks are escaped."""
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), err=err)


class Lines(logging.Handler):
    """Prints records of the log as lines on stderr. While one is in use, notes and errors are such records too."""

    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record), err=True)


def prints_lines() -> bool:
    """Whether stderr is only for records of the log."""
    return any(isinstance(handler, Lines) for handler in LOGGER.handlers)


def note(text: str) -> None:
    """Print a note for the user, which is not part of the result, on stderr."""
    if prints_lines():
        COMMANDS.warning("%s", text, extra={"event": "command_note"})
    else:
        say(plain(f"mtf: {text}"), err=True)


def document(value: Any) -> None:
    """Print *value* as one JSON document: on one line, or indented on a terminal."""
    option = orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0
    stream = sys.stdout.buffer
    stream.write(orjson.dumps(value, option=option | orjson.OPT_APPEND_NEWLINE))
    stream.flush()


def json_line(value: Any) -> None:
    """Print *value* as one line of JSON, at once."""
    stream = sys.stdout.buffer
    stream.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
    stream.flush()


@contextmanager
def result_stream(out: Path | None, format: str) -> Iterator[BinaryIO]:
    """Open the destination of a result in *format*: the file *out*, which appears when complete, or stdout.

    ConfigError if that is a terminal and *format* is not text.
    """
    if out is not None:
        with whole_file(out) as stream:
            yield stream
        return
    if format in BINARY_FORMATS and sys.stdout.isatty():
        raise ConfigError(f"{format} is binary: give --out FILE, or redirect stdout to a file")
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def write_rows(rows: Iterable[Row], columns: list[OutputColumn], format: str, stream: BinaryIO) -> None:
    """Write *rows* to *stream* in one of `FORMATS` as they come."""
    iterator = iter(rows)
    first = list(itertools.islice(iterator, 1))  # errors in the data appear before anything is printed
    whole = itertools.chain(first, iterator)
    writers: dict[str, Callable[[Iterator[Row], list[OutputColumn], BinaryIO], None]] = {
        "table": _write_table,
        "csv": _write_csv,
        "json": _write_json,
        "ndjson": _write_ndjson,
    }
    writers[format](whole, columns, stream)


def _write_csv(rows: Iterator[Row], columns: list[OutputColumn], stream: BinaryIO) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")  # floats by repr
    names = [column.name for column in columns]
    flags = [column.name for column in columns if column.kind == "flag"]
    shown = stream is sys.stdout.buffer and sys.stdout.isatty()
    texts = [column.name for column in columns if column.kind == "text"] if shown else []
    writer.writerow(names)
    for count, row in enumerate(rows, 1):
        values = dict(row)
        for name in texts:
            values[name] = plain(str(values[name] or ""))
        for name in flags:
            values[name] = int(values[name])
        writer.writerow(["" if values[name] != values[name] else values[name] for name in names])
        if count % FLUSH_ROWS == 0:
            _drain(text, stream)
    _drain(text, stream)


def _write_json(rows: Iterator[Row], columns: list[OutputColumn], stream: BinaryIO) -> None:
    """Write one array, one row per line."""
    before = b"[\n"
    for row in rows:
        stream.write(before + orjson.dumps({column.name: row[column.name] for column in columns}))
        before = b",\n"
    stream.write(b"\n]\n" if before == b",\n" else b"[]\n")


def _write_ndjson(rows: Iterator[Row], columns: list[OutputColumn], stream: BinaryIO) -> None:
    """Write one object per line."""
    stream.writelines(
        orjson.dumps({column.name: row[column.name] for column in columns}, option=NEW_LINE) for row in rows
    )


def _write_table(rows: Iterator[Row], columns: list[OutputColumn], stream: BinaryIO) -> None:
    shown = [column for column in columns if column.title]
    sample = list(itertools.islice(rows, WIDTH_ROWS))
    if not sample:
        note("nothing to show")
        return
    decimals = [_column_decimals(column, sample) for column in shown]
    widths = [
        max([len(column.title), *(len(_cell(row[column.name], column, places)) for row in sample)])
        for column, places in zip(shown, decimals, strict=True)
    ]
    text = io.StringIO()
    text.write(_line([column.title for column in shown], shown, widths))
    for count, row in enumerate(itertools.chain(sample, rows), 1):
        cells = [_cell(row[column.name], column, places) for column, places in zip(shown, decimals, strict=True)]
        text.write(_line(cells, shown, widths))
        if count % FLUSH_ROWS == 0:
            _drain(text, stream)
    _drain(text, stream)


def _drain(text: io.StringIO, stream: BinaryIO) -> None:
    stream.write(text.getvalue().encode())
    text.seek(0)
    text.truncate()


def _line(cells: list[str], columns: list[OutputColumn], widths: list[int]) -> str:
    padded = [
        cell.ljust(width) if column.kind in ("text", "time", "flag") else cell.rjust(width)
        for cell, column, width in zip(cells, columns, widths, strict=True)
    ]
    return "  ".join(padded).rstrip() + "\n"


def _cell(value: Any, column: OutputColumn, decimals: int) -> str:
    if value is None or value != value:
        return "" if column.kind == "text" else "-"
    if column.kind == "time":
        return clock_text(value)
    if column.kind == "flag":
        return column.title if value else ""
    if column.kind in ("price", "size"):
        return number_text(value, decimals)
    if column.kind == "count":
        return f"{value:,}"
    return plain(str(value))


def _column_decimals(column: OutputColumn, sample: list[Row]) -> int:
    values = [row[column.name] for row in sample if row[column.name] is not None]
    if column.kind == "price":
        return decimals_of(values)
    return decimals_of(values, SIZE_DIGITS) if column.kind == "size" else 0
