"""Bars as input: how an event encodes a bar's length and its own place in the bar, and when the four events happen.

The detail of an event (`mtf.events.block`) holds, starting at the lowest bit: 2 bits for the place (open, high, low,
close), 1 bit for UNFINISHED, 3 bits for the unit and 9 bits for the count of the bar's length; the highest bit is
JOINS. A length of 0 marks an event of version 1.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i64_le, write_f64_le, write_i64_le
from mypy_extensions import i64, mypyc_attr
from xxhash import xxh3_64_digest

from mtf.errors import ConfigError
from mtf.timeframe import DAY, INTRADAY, MONTH, WEEK, Timeframe
from mtf.units import DAY_NS, EPOCH_ORDINAL, HOUR_NS, MINUTE_NS, SECOND_NS

__all__ = [
    "EVENTS_PER_BAR",
    "PLACE",
    "UNFINISHED",
    "BarClock",
    "bar_key",
    "length_code",
    "length_kind",
    "length_ns",
]

EVENTS_PER_BAR: Final = 4
PLACE: Final = 3  # mask: 0 open, 1 high, 2 low, 3 close
UNFINISHED: Final = 4  # the bar was still forming when it arrived: its end was in the future

UNIT_SHIFT: Final = 3
UNIT_MASK: Final = 7
COUNT_SHIFT: Final = 6
COUNT_MAX: Final = 511

UNIT_SECOND: Final = 0
UNIT_MINUTE: Final = 1
UNIT_HOUR: Final = 2
UNIT_DAY: Final = 3
UNIT_WEEK: Final = 4
UNIT_MONTH: Final = 5


def length_code(timeframe: Timeframe) -> i64:
    """Return the length of *timeframe*'s bars as the detail encodes it; ConfigError if it does not fit."""
    kind: i64 = timeframe.kind
    if not timeframe.timed:
        raise ConfigError(f"bars of {timeframe} cannot be read: only bars of time can be given as input")
    if kind != INTRADAY:
        unit: i64 = UNIT_DAY if kind == DAY else UNIT_WEEK if kind == WEEK else UNIT_MONTH
        return unit << UNIT_SHIFT | 1 << COUNT_SHIFT
    length: i64 = timeframe.length_ns
    for unit, unit_ns in ((UNIT_HOUR, HOUR_NS), (UNIT_MINUTE, MINUTE_NS), (UNIT_SECOND, SECOND_NS)):
        if length % unit_ns == 0 and length // unit_ns <= COUNT_MAX:
            return unit << UNIT_SHIFT | (length // unit_ns) << COUNT_SHIFT
    raise ConfigError(
        f"bars of {timeframe} cannot be read: use a length of at most {COUNT_MAX} seconds, minutes or hours"
    )


def length_kind(code: i64) -> i64:
    """Return the kind of the length in *code*: INTRADAY, DAY, WEEK or MONTH."""
    unit = code >> UNIT_SHIFT & UNIT_MASK
    return MONTH if unit >= UNIT_MONTH else WEEK if unit == UNIT_WEEK else DAY if unit == UNIT_DAY else INTRADAY


def length_ns(code: i64) -> i64:
    """Return the nominal length in *code*, in nanoseconds, like `Timeframe.length_ns`."""
    unit = code >> UNIT_SHIFT & UNIT_MASK
    count: i64 = code >> COUNT_SHIFT & COUNT_MAX
    if unit == UNIT_SECOND:
        return count * SECOND_NS
    if unit == UNIT_MINUTE:
        return count * MINUTE_NS
    if unit == UNIT_HOUR:
        return count * HOUR_NS
    return DAY_NS if unit == UNIT_DAY else 7 * DAY_NS if unit == UNIT_WEEK else 31 * DAY_NS


@mypyc_attr(native_class=True, allow_interpreted_subclasses=False)
class BarClock:
    """Decides when a bar's events happen. This one assumes a market that never closes; subclasses use a calendar.

    A bar is known at its end: `place` sets the bar's span, and `last_ns`, the instant of its close. Its open, high and
    low come 3, 2 and 1 nanoseconds earlier.
    """

    def __init__(self) -> None:
        self.start_ns: i64 = 0  # of the bar placed last: [start, end)
        self.end_ns: i64 = 0
        self.last_ns: i64 = 0

    def place(self, symbol: str, length: i64, start_ns: i64, date: i64) -> None:
        """Place the bar of *symbol* at *start_ns* or, if *date* (a proleptic ordinal) is not 0, the one of that date.

        *length* is a `length_code`. Raises an error if no timeframe of the configuration can use the bar.
        """
        if date:
            start_ns = (date - EPOCH_ORDINAL) * DAY_NS
        self.start_ns = start_ns
        self.end_ns = start_ns + length_ns(length)
        self.last_ns = self.end_ns - 1


def bar_key(
    out: BytesWriter,
    length: i64,
    start_ns: i64,
    flags: i64,
    bids: tuple[float, float, float, float],
    asks: tuple[float, float, float, float],
    sizes: tuple[float, float],
) -> i64:
    """Return a number that identifies the content of a bar; *out* is a scratch buffer."""
    out.truncate(0)
    write_i64_le(out, length)
    write_i64_le(out, start_ns)
    write_i64_le(out, flags)
    write_f64_le(out, bids[0])
    write_f64_le(out, bids[1])
    write_f64_le(out, bids[2])
    write_f64_le(out, bids[3])
    write_f64_le(out, asks[0])
    write_f64_le(out, asks[1])
    write_f64_le(out, asks[2])
    write_f64_le(out, asks[3])
    write_f64_le(out, sizes[0])
    write_f64_le(out, sizes[1])
    key: bytes = _digest(out.getvalue())
    return read_i64_le(key, 0)


_digest: Final = xxh3_64_digest  # bound once, not looked up per call
