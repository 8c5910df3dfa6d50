"""How tables of histories are written, and how they grow: in steps, and not those of all symbols at once.

A row of a table is a number in each of many columns, far from each other. So the newest rows are first written side by
side, at the end of the table, and go into the columns some at a time, or when somebody looks.

A history is columns in one table, so that each column is one buffer. A full table is replaced by a larger one, or, once
it is as large as it may be, by one of the same size without the oldest rows. The old one stays as it is, for those who
still read it. A minute at which ten thousand symbols close a bar must not be one at which they all copy their tables:
the steps depend on the symbol's number.

After a start, and above a limit of memory, rows that are stored are absent from a table, and read once somebody looks.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import extend, vec
from mypy_extensions import i64

from mtf.build import COMPILED

__all__ = [
    "LATER",
    "TAIL",
    "copied_numbers",
    "copied_wholes",
    "copy_rows",
    "copy_wholes",
    "flush_rows",
    "next_room",
    "start_of",
]

# Rows at the end of a table. In pure Python there are none: a reader in another thread could come between.
TAIL: Final[int] = 8 if COMPILED else 1
# Whether rows of a table can be absent, so that they are read later. In pure Python they are read at once: another
# thread could come between two steps of a reader, while compiled code lets none run until it returns.
LATER: Final[bool] = COMPILED
FIRST_ROOM: Final[i64] = 8
FEW: Final[i64] = 64  # rows up to which one by one is faster than column by column
PHASES: Final[i64] = 64  # groups of symbols that grow at different times


def next_room(count: i64, keep: i64, number: i64, times: i64 = 2) -> i64:
    """Return for how many rows a new table has room, if that of symbol *number* is full with *count* rows.

    It has room for about so many *times* as many rows, and for one row more than the *keep* newest ones at least; the
    first of its size somewhat less than the later ones, by symbol.
    """
    phase = number * 37 % PHASES
    slack = max(FIRST_ROOM, keep >> 3)
    if count > keep:
        return keep + slack
    room = max(FIRST_ROOM, times * count - count * phase // (4 * PHASES))
    if room < keep:
        return room
    return keep + 1 + (slack - 1) * (phase + 1) // PHASES


def start_of(stop: i64, keep: i64) -> i64:
    """Return the first of the *keep* newest rows before *stop*."""
    return stop - keep if stop > keep else 0


def copied_numbers(
    numbers: vec[float], width: i64, stride: i64, start: i64, count: i64, room: i64, tail: i64
) -> vec[float]:
    """Return a table of *width* columns with *room*, and a *tail*, that begin with *count* rows of another table.

    These are the rows from *start* on, of columns *stride* apart.
    """
    if count < FEW:
        found = vec[float]([0.0] * ((room + tail) * width))
        copy_rows(numbers, width, stride, start, found, room, 0, count)
        return found
    found = vec[float](capacity=(room + tail) * width)
    blank = vec[float]([0.0] * (room - count))
    for column in range(width):
        at = column * stride + start
        found = extend(found, numbers[at : at + count])
        if room > count:
            found = extend(found, blank)
    return extend(found, vec[float]([0.0] * (tail * width)))


def copied_wholes(numbers: vec[i64], width: i64, stride: i64, start: i64, count: i64, room: i64, tail: i64) -> vec[i64]:
    """Return a table of whole numbers likewise."""
    if count < FEW:
        found = vec[i64]([0] * ((room + tail) * width))
        copy_wholes(numbers, width, stride, start, found, room, 0, count)
        return found
    found = vec[i64](capacity=(room + tail) * width)
    blank = vec[i64]([0] * (room - count))
    for column in range(width):
        at = column * stride + start
        found = extend(found, numbers[at : at + count])
        if room > count:
            found = extend(found, blank)
    return extend(found, vec[i64]([0] * (tail * width)))


def copy_rows(
    numbers: vec[float], width: i64, stride: i64, start: i64, into: vec[float], into_stride: i64, to: i64, count: i64
) -> None:
    """Copy *count* rows of *width* columns, which are *stride* apart, from *start* on *into* other columns, at *to*."""
    for column in range(width):
        at = column * stride + start
        place = column * into_stride + to
        for k in range(count):
            into[place + k] = numbers[at + k]


def copy_wholes(
    numbers: vec[i64], width: i64, stride: i64, start: i64, into: vec[i64], into_stride: i64, to: i64, count: i64
) -> None:
    """Copy rows of whole numbers likewise."""
    for column in range(width):
        at = column * stride + start
        place = column * into_stride + to
        for k in range(count):
            into[place + k] = numbers[at + k]


def flush_rows(numbers: vec[float], width: i64, room: i64, start: i64, stop: i64) -> None:
    """Write the rows from *start* to *stop* of a table, which are in its tail, into its *width* columns."""
    for column in range(width):
        to = column * room
        at = room * width + column
        for row in range(start, stop):
            numbers[to + row] = numbers[at]
            at += width
