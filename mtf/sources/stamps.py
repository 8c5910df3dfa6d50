"""Times as files write them, to nanoseconds UTC: civil dates in any usual layout, epochs in any unit. Compiled.

Civil, as one field or as a date and a clock field: `2013-01-01T22:00:00.295Z`, `2013.01.01 22:00`, `31.12.2013 ...`,
`12/31/13 ...`, `20130101 220000295`, `20130101220000`; a fraction has one to nine digits and may differ from row to
row; `Z`, `UTC`, `+01:00` or nothing behind it, nothing meaning the zone that was given. An epoch is a whole or decimal
number of seconds, milliseconds, microseconds or nanoseconds since 1970, or since a date of its own.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.sources.zone import BAD_TIME, SECOND_NS, SKIPPED_TIME, Zone

__all__ = ["CIVIL_DMY", "CIVIL_MDY", "CIVIL_YMD", "EPOCH", "StampReader", "civil_day", "time_problem"]

# How a field is to be read.
EPOCH: Final = 0
CIVIL_YMD: Final = 1
CIVIL_DMY: Final = 2  # day first; a year of four digits in front is seen all the same
CIVIL_MDY: Final = 3

DAY_NS: Final = 86_400 * SECOND_NS
EPOCH_MAX_NS: Final = 8_000_000_000_000_000_000
EPOCH_MIN_NS: Final = -3_000_000_000_000_000_000
NO_OFFSET: Final = -1_000_000 * SECOND_NS

SPACE: Final = 32


def civil_day(year: i64, month: i64, day: i64) -> i64:
    """Return the days from 1970-01-01 to that date of the proleptic Gregorian calendar (H. Hinnant's algorithm)."""
    shifted = year - 1 if month <= 2 else year
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@mypyc_attr(native_class=True)
class StampReader:
    """Reads times of one layout: *kind* is EPOCH or CIVIL_..., *unit_ns* the unit of an epoch, from *base_ns* on.

    A civil time without an offset of its own is in *zone*, and so is an epoch whose *base_ns* is *local*.
    """

    __slots__ = ("_at", "_base_ns", "_kind", "_local", "_most", "_offset_ns", "_unit_ns", "_zone", "last_ns")

    def __init__(self, kind: i64, zone: Zone, *, unit_ns: i64 = 1, base_ns: i64 = 0, local: bool = False) -> None:
        self._kind: Final = kind
        self._zone: Final = zone
        self._unit_ns: Final = unit_ns
        self._base_ns: Final = base_ns
        self._local: Final = local
        self._most: Final[i64] = EPOCH_MAX_NS // unit_ns  # units of an epoch: an i64 holds them as nanoseconds
        self._at: i64 = 0  # where the next character of the field being read is
        self._offset_ns: i64 = NO_OFFSET  # what the field being read says of its own zone
        self.last_ns: i64 = 0  # the time of the row above, which settles a doubled hour; the row's reader sets it

    def read(self, data: bytes, start: i64, end: i64) -> i64:
        """Return the time in `data[start:end]`; BAD_TIME or SKIPPED_TIME where there is none."""
        while start < end and data[start] == SPACE:
            start += 1
        while end > start and data[end - 1] == SPACE:
            end -= 1
        if self._kind == EPOCH:
            return self._epoch(data, start, end)
        self._offset_ns = NO_OFFSET
        self._at = start
        days = self._date(data, end)
        if days == BAD_TIME:
            return BAD_TIME
        clock: i64 = 0
        if self._at < end:
            mark = data[self._at]
            if mark == SPACE or mark == 84 or mark == 116 or mark == 95:  # T, t, _
                self._at += 1
                while self._at < end and data[self._at] == SPACE:
                    self._at += 1
            clock = self._clock(data, end)
            if clock == BAD_TIME:
                return BAD_TIME
        return self._utc(days * DAY_NS + clock)

    def read_two(self, data: bytes, start: i64, end: i64, clock_start: i64, clock_end: i64) -> i64:
        """Return the time whose date is `data[start:end]` and whose time of day is `data[clock_start:clock_end]`."""
        self._offset_ns = NO_OFFSET
        self._at = start
        days = self._date(data, end)
        if days == BAD_TIME or self._at != end:
            return BAD_TIME
        self._at = clock_start
        clock = self._clock(data, clock_end)
        if clock == BAD_TIME:
            return BAD_TIME
        return self._utc(days * DAY_NS + clock)

    def _utc(self, local_ns: i64) -> i64:
        if self._offset_ns != NO_OFFSET:
            return local_ns - self._offset_ns
        return self._zone.to_utc(local_ns, self.last_ns)

    def _epoch(self, data: bytes, start: i64, end: i64) -> i64:
        i = start
        negative = i < end and data[i] == 45
        if negative:
            i += 1
        value: i64 = 0
        most = self._most
        first = i
        while i < end:
            digit: i64 = i64(data[i]) - 48
            if digit < 0 or digit > 9:
                break
            if value > most // 10:
                return BAD_TIME
            value = value * 10 + digit
            i += 1
        if i == first or value > most:
            return BAD_TIME
        whole = value * self._unit_ns
        if i < end:
            if data[i] != 46:
                return BAD_TIME
            self._at = i + 1
            part = self._fraction(data, end, self._unit_ns)
            if part == BAD_TIME or self._at != end:
                return BAD_TIME
            whole += part
        if negative:
            whole = -whole
            if whole < EPOCH_MIN_NS:
                return BAD_TIME
        whole += self._base_ns
        return self._zone.to_utc(whole, self.last_ns) if self._local else whole

    def _date(self, data: bytes, end: i64) -> i64:
        """Read a date at `_at` and return its days from 1970; leaves `_at` behind it."""
        start = self._at
        first = self._number(data, end, 8)
        width = self._at - start
        if width == 8:
            return _day(first // 10_000, first // 100 % 100, first % 100)
        if width != 4 and (width > 2 or width == 0):
            return BAD_TIME
        if self._at >= end:
            return BAD_TIME
        mark = data[self._at]
        if mark != 45 and mark != 46 and mark != 47:  # - . /
            return BAD_TIME
        self._at += 1
        start = self._at
        second = self._number(data, end, 2)
        if self._at == start or self._at >= end or data[self._at] != mark:
            return BAD_TIME
        self._at += 1
        start = self._at
        third = self._number(data, end, 4)
        last = self._at - start
        if width == 4:
            return _day(first, second, third) if 1 <= last <= 2 else BAD_TIME
        if last == 2:
            third += 2000 if third < 70 else 1900
        elif last != 4:
            return BAD_TIME
        if self._kind == CIVIL_DMY:
            return _day(third, second, first)
        if self._kind == CIVIL_MDY:
            return _day(third, first, second)
        return BAD_TIME

    def _clock(self, data: bytes, end: i64) -> i64:
        """Read a time of day, and an offset where there is one, at `_at`, to the *end*; return its nanoseconds."""
        start = self._at
        hour = self._number(data, end, 2)
        if self._at == start:
            return BAD_TIME
        minute: i64 = 0
        second: i64 = 0
        part: i64 = 0
        compact = False
        if self._at < end and data[self._at] == 58:
            self._at += 1
            start = self._at
            minute = self._number(data, end, 2)
            if self._at != start + 2:
                return BAD_TIME
            if self._at < end and data[self._at] == 58:
                self._at += 1
                start = self._at
                second = self._number(data, end, 2)
                if self._at != start + 2:
                    return BAD_TIME
        else:
            if self._at != start + 2:
                return BAD_TIME
            compact = True
            start = self._at
            minute = self._number(data, end, 2)
            if self._at != start + 2:
                return BAD_TIME
            start = self._at
            second = self._number(data, end, 2)
            if self._at != start and self._at != start + 2:
                return BAD_TIME
        if hour > 23 or minute > 59 or second > 59:
            return BAD_TIME
        if self._at < end:
            mark = data[self._at]
            if mark == 46 or mark == 44:  # a point or, as ISO 8601 also has it, a comma
                self._at += 1
                part = self._fraction(data, end, SECOND_NS)
            elif compact and 48 <= mark <= 57:
                part = self._fraction(data, end, SECOND_NS)
            if part == BAD_TIME or not self._own_offset(data, end):
                return BAD_TIME
        return ((hour * 60 + minute) * 60 + second) * SECOND_NS + part

    def _own_offset(self, data: bytes, end: i64) -> bool:
        """Read what is behind a time of day: nothing, `Z`, `UTC`, `+hh`, `+hhmm`, `GMT+hh:mm`."""
        while self._at < end and data[self._at] == SPACE:
            self._at += 1
        if self._at == end:
            return True
        word = data[self._at : self._at + 3].upper()
        if word == b"UTC" or word == b"GMT":
            self._at += 3
            self._offset_ns = 0
            if self._at == end:
                return True
        mark = data[self._at]
        if mark == 43 or mark == 45:
            self._at += 1
            start = self._at
            hours = self._number(data, end, 2)
            if self._at != start + 2 or hours > 23:
                return False
            if self._at < end and data[self._at] == 58:
                self._at += 1
            start = self._at
            minutes = self._number(data, end, 2)
            if self._at != end or minutes > 59 or (self._at != start and self._at != start + 2):
                return False
            offset = (hours * 60 + minutes) * 60 * SECOND_NS
            self._offset_ns = -offset if mark == 45 else offset
            return True
        self._offset_ns = 0
        return (mark == 90 or mark == 122) and self._at + 1 == end  # Z, z

    def _number(self, data: bytes, end: i64, most: i64) -> i64:
        """Read at most *most* digits at `_at`."""
        i = self._at
        stop = i + most
        if stop > end:
            stop = end
        value: i64 = 0
        while i < stop:
            digit: i64 = i64(data[i]) - 48
            if digit < 0 or digit > 9:
                break
            value = value * 10 + digit
            i += 1
        self._at = i
        return value

    def _fraction(self, data: bytes, end: i64, unit_ns: i64) -> i64:
        """Read one to nine digits behind a point at `_at`, as that part of *unit_ns*, rounded down."""
        start = self._at
        value = self._number(data, end, 9)
        width = self._at - start
        if width == 0 or (self._at < end and 48 <= data[self._at] <= 57):
            return BAD_TIME
        value *= unit_ns
        while width > 0:
            value //= 10
            width -= 1
        return value


def _day(year: i64, month: i64, day: i64) -> i64:
    if month < 1 or month > 12 or day < 1 or year < 1900 or year > 2200:
        return BAD_TIME
    most: i64 = 31
    if month == 2:
        most = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    elif month == 4 or month == 6 or month == 9 or month == 11:
        most = 30
    return civil_day(year, month, day) if day <= most else BAD_TIME


def time_problem(answer: i64) -> str:
    """Return in words what a reader's *answer* says is wrong with a time."""
    return "the time is one that the local clock skipped" if answer == SKIPPED_TIME else "the time cannot be read"
