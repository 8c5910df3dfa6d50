"""Any delimited text: columns by their header, by what is in them, or as options name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import attrs

from mtf.sources.column_input import ColumnInput
from mtf.sources.file_format import NO, POSSIBLE, Format, FormatOptions, Plan
from mtf.sources.guess import SniffedTable, bar_times, guess_layout, look, unused_note
from mtf.sources.input_files import InputFile
from mtf.sources.layout import TIME_FORMATS, Layout
from mtf.sources.length import check_length
from mtf.sources.read_as import ASSUMED, BY_FILE, BY_FORMAT, BY_USER, INFERRED, ReadAs
from mtf.sources.stamps import EPOCH
from mtf.sources.timewords import zone_called
from mtf.timeframe import Timeframe

__all__ = ["FORMAT", "guessed_plan", "planned_again", "table_of", "table_plan", "times_say_zone", "with_columns"]

_OWN_ZONE: Final = re.compile(r".*\d ?(?:Z|UTC|GMT|(?:UTC|GMT)?[+-]\d\d(?::?\d\d)?)", re.IGNORECASE)
_ZONE_NAME: Final = re.compile(r".*\d ?([A-Za-z][\w/+-]{2,})")  # US/Eastern, EST; AM and PM are shorter
_CLOCK_BEHIND: Final = re.compile(r".*\d[ T_]?\d\d?:\d\d.*|\d{8}[ T_]?\d{4,}.*")


def guessed_plan(
    part: InputFile,
    options: FormatOptions,
    *,
    symbol: str = "",
    zone: str = "UTC",
    zone_by: str = ASSUMED,
    timeframe: Timeframe | None = None,
    **layout: Any,
) -> Plan:
    """Return the plan to read *part*, judging by its start.

    *symbol* and *zone* are the format's, used if neither the user nor the file gives one; *zone_by* says whether the
    vendor always uses that zone. *timeframe* is the length of bars according to the file's name or a column. Anything
    else the format knows about the *layout* takes precedence over what the start looks like.
    """
    table = table_of(part, options)
    if table is None or not (table.rows or table.misfits):
        return Plan()
    length_by = BY_USER if options.timeframe is not None else INFERRED
    if options.timeframe is None and timeframe is not None:
        options = attrs.evolve(options, timeframe=timeframe)
        length_by = BY_FILE
    found = guess_layout(part, table, options, symbol=symbol, zone=zone)
    if layout:
        found = attrs.evolve(found, **layout)
    unused = unused_note(table, found)
    if unused:
        found = attrs.evolve(found, notes=(*found.notes, *unused))
    if length_by == BY_FILE and timeframe is not None and found.label.endswith(str(timeframe)):
        times = bar_times(table, found.columns, found.time_format, found.zone)
        check_length(timeframe, times, "its name")
    point_by = BY_USER if options.point is not None else BY_FORMAT
    read_as = ReadAs.of(found, table.header, zone_by=zone_by, timeframe_by=length_by, point_by=point_by)
    if TIME_FORMATS[found.time_format][0] == EPOCH:
        read_as = attrs.evolve(read_as, zone="UTC", zone_by=BY_FILE)
    elif times_say_zone(table, found):
        read_as = attrs.evolve(read_as, zone="as written", zone_by=BY_FILE)
    elif options.zone is not None:
        read_as = attrs.evolve(read_as, zone_by=BY_USER)
    return table_plan(part, found, read_as)


def table_of(part: InputFile, options: FormatOptions) -> SniffedTable | None:
    """Return the start of *part* as a table, split according to the options."""
    if options.delimiter is None and options.header is None:
        return look(part)
    return look(part, delimiter=options.delimiter, header=options.header)


def with_columns(options: FormatOptions, columns: Mapping[str, str | int] | None) -> FormatOptions:
    """Return *options* with the *columns* of a format, unless the user gives them.

    If the user names the time column, the user's columns replace the format's; otherwise they are added.
    """
    if columns is None or (options.columns is not None and "time" in options.columns):
        return options
    return attrs.evolve(options, columns={**columns, **(options.columns or {})})


def table_plan(part: InputFile, layout: Layout, read_as: ReadAs, start_ns: int | None = None) -> Plan:
    """Return the plan to read *part* with *layout*."""
    return Plan(
        kind=layout.label,
        symbol=layout.symbol or None,
        reader=partial(
            layout.reader, part.place, in_columns=isinstance(part, ColumnInput)
        ),  # without the part itself: it may be a glance, which is not kept
        start_ns=start_ns,
        read_as=read_as,
        layout=layout,
        notes=layout.notes,
    )


def planned_again(part: InputFile, reading: Mapping[str, Any], symbol: str) -> Plan:
    """Return the plan to read *part* as before, without looking at it."""
    layout = Layout.from_dict(reading["layout"], symbol=symbol, limits=part.limits)
    return table_plan(part, layout, ReadAs.from_dict(reading))


def times_say_zone(table: SniffedTable, layout: Layout) -> bool:
    """Whether each time of *table* has its own zone."""
    column = layout.columns.get("clock", layout.columns["time"])
    cells, written = table.column(column), table.written(column)
    ways = set(written)
    unclear = {shape for shape in ways if not _OWN_ZONE.fullmatch(shape)}
    if not cells or not all(map(_CLOCK_BEHIND.fullmatch, ways)) or not all(map(_ZONE_NAME.fullmatch, unclear)):
        return False
    return not unclear or all(
        map(_names_zone, {cell for cell, shape in zip(cells, written, strict=True) if shape in unclear})
    )


def _names_zone(cell: str) -> bool:
    name = _ZONE_NAME.fullmatch(cell)
    return name is not None and zone_called(name[1].encode()) is not None


def _sniff(part: InputFile) -> int:
    table = look(part)
    return NO if table is None or not _figures(table) else POSSIBLE


def _figures(table: SniffedTable) -> bool:
    """Whether *table* has a header with a known word, or starts with numbers."""
    return table.header is not None or any(row[0][:1].isdigit() for row in table.rows)


FORMAT: Final = Format(
    name="csv",
    description="delimited text: quotes, trades or bars, by header or column map",
    sniff=_sniff,
    plan=guessed_plan,
)
