"""What a format is, what the user may say about a file, and what a format makes of both: a plan for reading it.

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
POSSIBLE: Final = 10  # it could be read so: what the generic format answers
LIKELY: Final = 50  # looks like it, by its columns or its name
CERTAIN: Final = 100  # nothing else looks like that


@attrs.frozen(kw_only=True)
class FormatOptions:
    """What the user says; None leaves it to the format, and an option that is given always wins."""

    symbol: str | None = None  # of all rows, whatever a column says
    kind: str | None = None  # "quotes", "trades" or "bars"
    columns: Mapping[str, str | int] | None = None  # role (see `mtf.sources.text_table.ROLES`) to header name or index
    delimiter: str | None = None
    header: bool | None = None  # whether the first line names the columns
    decimal: str | None = None  # what stands before the fraction of a number, "." or ","
    reverse: bool | None = None  # a table that is newest first is read from its end; False: as it stands
    time_format: str | None = None  # "ymd", "dmy", "mdy", "s", "ms", "us", "ns"
    zone: str | None = None  # of times that do not say their own: IANA name, or UTC-05:00
    timeframe: Timeframe | None = None  # of bars
    stamp: str | None = None  # bars are stamped at their "open" or at their "close"
    side: str | None = None  # bars are of "last", "bid" or "ask"
    blank: str | None = None  # a quote's empty side is "missing", or "unchanged"
    point: float | None = None  # what a price in whole points is multiplied with: 0.00001
    limits: Limits = DEFAULT_LIMITS


@attrs.frozen(kw_only=True)
class Plan:
    """How to read one part. *kind* says what its rows are, with the length of bars: `quotes`, `bars 1m`.

    *symbol* is that of all its rows, or None if they say it; *start_ns* the time before which none of its rows can
    be, if the name of the part says one. *reader* makes the reader; of a text without rows there is none. *read_as*
    says how the rows are read and by whom that was settled; a table's *layout* is enough to read it so again. *notes*
    are what a user should know besides.

    A part that is known and holds nothing to read is *refused*, with the reason. *problem* says which option
    is needed before the part can be read.
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

    Two formats that are equally sure of a part leave the choice to the user; *times* says in a few words what would
    differ: its zone, and where bars are stamped. `plan` raises ConfigError if the user has to say something first.
    """

    name: str
    description: str
    sniff: Callable[[InputFile], int]
    plan: Callable[[InputFile, FormatOptions], Plan]
    times: str = ""
