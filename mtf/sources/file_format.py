"""Formats, the options a user may give for a file, and the plan that a format makes for reading it.

A new format is one small module with a `Format` value, listed in `mtf.sources.formats`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from mtf.errors import ConfigError
from mtf.sources.input_files import InputFile
from mtf.sources.layout import Layout
from mtf.sources.limits import DEFAULT_LIMITS, Limits
from mtf.sources.read_as import ReadAs
from mtf.sources.row_reader import Reader
from mtf.timeframe import Timeframe

__all__ = ["CERTAIN", "LIKELY", "NO", "POSSIBLE", "Format", "FormatOptions", "Plan"]

# How sure a format is that a file is one of its own.
NO: Final = 0
POSSIBLE: Final = 10  # it could be read like this: the answer of the generic format
LIKELY: Final = 50  # looks like it, by its columns or its name
CERTAIN: Final = 100  # nothing else looks like this


@attrs.frozen(kw_only=True)
class FormatOptions:
    """The user's options; None leaves one to the format, and a given option always wins."""

    symbol: str | None = None  # of all rows, whatever a column contains
    kind: str | None = None  # "quotes", "trades" or "bars"
    columns: Mapping[str, str | int] | None = None  # role (see `mtf.sources.text_table.ROLES`) to header name or index
    delimiter: str | None = None
    header: bool | None = None  # whether the first line names the columns
    decimal: str | None = None  # the decimal mark of numbers, "." or ","
    reverse: bool | None = None  # read a table that is newest first from its end; False: in its own order
    time_format: str | None = None  # "ymd", "dmy", "mdy", "s", "ms", "us", "ns"
    zone: str | None = None  # of times without a zone: IANA name, or UTC-05:00
    timeframe: Timeframe | None = None  # of bars
    stamp: str | None = None  # bars are stamped at their "open" or at their "close"
    side: str | None = None  # bars are of "last", "bid" or "ask"
    blank: str | None = None  # a quote's empty side is "missing", or "unchanged"
    point: float | None = None  # the value of one point for prices in whole points: 0.00001
    limits: Limits = DEFAULT_LIMITS


@attrs.frozen(kw_only=True)
class Plan:
    """How to read one part. *kind* says what its rows are, with the length of bars: `quotes`, `bars 1m`.

    *symbol* is that of all its rows, or None if the rows name it; *start_ns* a lower bound of their times, if the name
    of the part gives one. *reader* makes the reader; a text without rows has none. *read_as* says how the rows are read
    and what decided that; a table's *layout* is enough to read it in the same way again. *notes* are other facts for
    the user.

    A known part without anything to read is *refused*, with the reason. *problem* says which option is needed before
    the part can be read.
    """

    kind: str = "rows"
    symbol: str | None = None
    reader: Callable[[], Reader] | None = None
    start_ns: int | None = None
    read_as: ReadAs | None = None
    layout: Layout | None = None
    refused: str = ""
    problem: ConfigError | None = None
    notes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Format:
    """One format: how sure it is of a part (`NO` to `CERTAIN`), and its plan for it.

    If two formats are equally sure of a part, the user has to choose; *times* says in a few words what would differ:
    its zone, and where bars are stamped. `plan` raises ConfigError if it needs an option.
    """

    name: str
    description: str
    sniff: Callable[[InputFile], int]
    plan: Callable[[InputFile, FormatOptions], Plan]
    times: str = ""
