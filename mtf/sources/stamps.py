"""Times in files to nanoseconds UTC: civil dates in any usual layout, epochs in any unit. Compiled.

Civil, as one field or as a date and a clock field: `2013-01-01T22:00:00.295Z`, `2013.01.01 22:00`, `31.12.2013 ...`,
`12/31/13 ...`, `20130101 220000295`, `20130101220000`, `6-Mar-2024`, `Mar 6, 2024`, `3/6/2024, 1:30:00 PM`; a fraction
has one to nine digits and may differ from row to row. It may be followed by `Z`, `UTC`, `+01:00` or the name of a zone
(`US/Eastern`); otherwise it is in the given zone. An epoch is a whole or decimal number of seconds, milliseconds,
microseconds or nanoseconds since 1970, or since another date.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.sources.local_time import BAD_TIME, SKIPPED_TIME, UNKNOWN_ZONE, Zone
from mtf.sources.timewords import month_called, zone_called
from mtf.units import DAY_NS, SECOND_NS

__all__ = [
    "CIVIL_DMY",
    "CIVIL_MDY",
    "CIVIL_YMD",
    "EPOCH",
    "EPOCH_MAX_NS",
    "EPOCH_MIN_NS",
    "StampReader",
    "civil_day",
    "time_problem",
]

# How a field is to be read.
EPOCH: Final = 0
CIVIL_YMD: Final = 1
CIVIL_DMY: Final = 2  # day first; a year of four digits in front is still recognized
CIVIL_MDY: Final = 3

EPOCH_MAX_NS: Final = 8_000_000_000_000_000_000
EPOCH_MIN_NS: Final = -3_000_000_000_000_000_000
NO_OFFSET: Final = -1_000_000_000_000_000  # written out: mypyc only knows the values of literals

ZONES_MAX: Final = 64  # names of zones remembered by their bytes

SPACE: Final = 32
NARROW_SPACE: Final = b"\xe2\x80\xaf"  # no-break, as some systems write it before AM and PM
LETTER_M: Final = 109


def civil_day(year: i64, month: i64, day: i64) -> i64:
    """Return the days from 1970-01-01 to that date of the proleptic Gregorian calendar (H. Hinnant's algorithm)."""
    shifted = year - 1 if month <= 2 else year
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@mypyc_attr(native_class=True, acyclic=True)
class StampReader:
    """Reads times of one layout: *kind* is EPOCH or CIVIL_..., *unit_ns* the unit of an epoch, from *base_ns* on.

    A civil time without its own offset is in *zone*, and so is an epoch whose *base_ns* is *local*.
    """

    __slots__ = (
        "_at",
        "_base_ns",
        "_kind",
        "_local",
        "_most",
        "_named",
        "_named_zones",
        "_offset_ns",
        "_unit_ns",
        "_unknown",
        "_zone",
        "last_ns",
        "local_ns",
    )

    def __init__(self, kind: i64, zone: Zone, *, unit_ns: i64 = 1, base_ns: i64 = 0, local: bool = False) -> None:
        self._kind: Final = kind
        self._zone: Final = zone
        self._unit_ns: Final = unit_ns
        self._base_ns: Final = base_ns
        self._local: Final = local
        self._most: Final[i64] = EPOCH_MAX_NS // unit_ns  # units of an epoch: an i64 holds them as nanoseconds
        self._at: i64 = 0  # the next character of the field being read
        self._offset_ns: i64 = NO_OFFSET  # the offset in the field being read
        self.local_ns: i64 = 0  # the newest time read, as written, without its zone
        self._named: Zone | None = None  # the zone that it names
        self._unknown = False  # it names an unknown zone
        self._named_zones: Final[dict[bytes, Zone | None]] = {}  # by spelling; None: unknown
        self.last_ns: i64 = 0  # the time of the previous row, which decides a doubled hour; set by the row's reader

    def read(self, data: bytes, start: i64, end: i64) -> i64:
        """Return the time in `data[start:end]`; BAD_TIME, SKIPPED_TIME or UNKNOWN_ZONE if there is none."""
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
            if mark == SPACE or mark == 84 or self._is_between(mark, start):  # T
                self._at += 1
                while self._at < end and data[self._at] == SPACE:
                    self._at += 1
            clock = self._clock(data, end)
            if clock == BAD_TIME:
                return self._why()
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
            return self._why()
        return self._utc(days * DAY_NS + clock)

    def read_all(self, dates: list[str], clocks: list[str] | None) -> list[int]:
        """Return the times of *dates*, each with its time of day in *clocks*, if that is not empty."""
        found: list[int] = []
        for k in range(len(dates)):
            date = dates[k].encode()
            size: i64 = len(date)
            clock = b"" if clocks is None else clocks[k].encode()
            if len(clock) == 0:
                found.append(int(self.read(date, 0, size)))
            else:
                both = date + clock
                found.append(int(self.read_two(both, 0, size, size, len(both))))
        return found

    def take(self, ns: i64, wall_ns: i64, *, local: bool) -> i64:
        """Return the time of a number of nanoseconds since 1970: *ns* is UTC, or with *local* in the zone.

        *wall_ns* is the same time as it was written.
        """
        self.local_ns = wall_ns
        return self._zone.to_utc(ns, self.last_ns) if local else ns

    def _utc(self, local_ns: i64) -> i64:
        self.local_ns = local_ns
        if self._offset_ns != NO_OFFSET:
            return local_ns - self._offset_ns
        zone = self._named
        if zone is None:
            return self._zone.to_utc(local_ns, self.last_ns)
        self._named = None
        return zone.to_utc(local_ns, self.last_ns)

    @property
    def doubled(self) -> i64:
        """The number of times read that the clock showed twice."""
        count = self._zone.doubled
        for zone in self._named_zones.values():
            if zone is not None:
                count += zone.doubled
        return count

    def _is_between(self, mark: i64, start: i64) -> bool:
        """Whether *mark* separates a date that began at *start* from a time of day: t, _, a comma; `20240306-10:00`."""
        return mark == 116 or mark == 95 or mark == 44 or (mark == 45 and self._at == start + 8)

    def _why(self) -> i64:
        """Return the result for a time of day that could not be read."""
        self._named = None
        if self._unknown:
            self._unknown = False
            return UNKNOWN_ZONE
        return BAD_TIME

    def _epoch(self, data: bytes, start: i64, end: i64) -> i64:
        i = start
        negative = i < end and data[i] == 45
        if negative:
            i += 1
        value: i64 = 0
        most = self._most
        nearly = most // 10
        first = i
        while i < end:
            digit: i64 = i64(data[i]) - 48
            if digit < 0 or digit > 9:
                break
            if value > nearly:
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
        self.local_ns = whole
        return self._zone.to_utc(whole, self.last_ns) if self._local else whole

    def _date(self, data: bytes, end: i64) -> i64:
        """Read a date at `_at` and return its days from 1970; leaves `_at` after it."""
        start = self._at
        first = self._number(data, end, 8)
        width = self._at - start
        if width == 8:
            return _day(first // 10_000, first // 100 % 100, first % 100)
        if width != 4 and width > 2:
            return BAD_TIME
        if self._at >= end:
            return BAD_TIME
        begin = start
        mark = data[self._at]
        if width == 0 or (mark != 45 and mark != 46 and mark != 47):  # - . /
            return self._worded(data, begin, end)
        self._at += 1
        start = self._at
        second = self._number(data, end, 2)
        if self._at == start:
            return self._worded(data, begin, end)
        if self._at >= end or data[self._at] != mark:
            return BAD_TIME
        self._at += 1
        start = self._at
        third = self._number(data, end, 4)
        last = self._at - start
        if width == 4:
            return _day(first, second, third) if 1 <= last <= 2 else BAD_TIME
        if self._kind == CIVIL_YMD:
            return _day(_century(first), second, third) if width == 2 and 1 <= last <= 2 else BAD_TIME
        if last == 2:
            third = _century(third)
        elif last != 4:
            return BAD_TIME
        if self._kind == CIVIL_DMY:
            return _day(third, second, first)
        if self._kind == CIVIL_MDY:
            return _day(third, first, second)
        return BAD_TIME

    def _worded(self, data: bytes, start: i64, end: i64) -> i64:
        """Read a date at *start* that has the name of its month, day or month first, or year, month, day."""
        self._at = start
        first = self._number(data, end, 4)
        width = self._at - start
        self._part(data, end)
        start = self._at
        while self._at < end and _is_letter(data[self._at]):
            self._at += 1
        month = month_called(data[start : self._at])
        if month == 0:
            return BAD_TIME
        self._part(data, end)
        start = self._at
        second = self._number(data, end, 4)
        last = self._at - start
        if width == 4:
            return _day(first, month, second) if 1 <= last <= 2 else BAD_TIME
        if width == 0:
            if last > 2 or last == 0:
                return BAD_TIME
            first = second
            self._part(data, end)
            start = self._at
            second = self._number(data, end, 4)
            last = self._at - start
        elif width > 2:
            return BAD_TIME
        if last == 2:
            second = _century(second)
        elif last != 4:
            return BAD_TIME
        return _day(second, month, first)

    def _part(self, data: bytes, end: i64) -> None:
        """Skip the separators of a date that has a word in it."""
        while self._at < end:
            mark = data[self._at]
            if mark != SPACE and mark != 44 and mark != 45 and mark != 46 and mark != 47:  # , - . /
                return
            self._at += 1

    def _clock(self, data: bytes, end: i64) -> i64:
        """Read a time of day, and an offset if there is one, at `_at`, to the *end*; return its nanoseconds."""
        start = self._at
        hour = self._number(data, end, 2)
        if self._at == start:
            return BAD_TIME
        minute: i64 = 0
        second: i64 = 0
        part: i64 = 0
        compact = False
        alone = False  # an hour without minutes, which is only a time with AM or PM
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
        elif self._at >= end or not 48 <= data[self._at] <= 57:
            alone = True
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
        if self._at < end:
            mark = data[self._at]
            if mark == 46 or mark == 44:  # a point or, as ISO 8601 also has it, a comma
                self._at += 1
                part = self._fraction(data, end, SECOND_NS)
            elif compact and 48 <= mark <= 57:
                part = self._fraction(data, end, SECOND_NS)
            if part == BAD_TIME:
                return BAD_TIME
            half = self._half(data, end) if self._at < end else -1
            if half >= 0:
                if hour < 1 or hour > 12:
                    return BAD_TIME
                hour = hour % 12 + half
                alone = False
            if alone or not self._own_offset(data, end):
                return BAD_TIME
        elif alone:
            return BAD_TIME
        if hour > 23 or minute > 59 or second > 59:
            return BAD_TIME
        return ((hour * 60 + minute) * 60 + second) * SECOND_NS + part

    def _half(self, data: bytes, end: i64) -> i64:
        """Read AM or PM after a time of day; return the hours that it adds, or -1 if there is neither."""
        i = self._at
        while i < end and (data[i] == SPACE or data[i] == 45):
            i += 1
        if i < end and data[i] == 0xE2 and data[i : i + 3] == NARROW_SPACE:
            i += 3
        if i >= end:
            return -1
        letter = data[i] | 32
        if letter != 97 and letter != 112:  # a, p
            return -1
        i += 1
        if i < end and data[i] == 46:
            i += 1
        if i >= end or data[i] | 32 != LETTER_M:
            return -1
        i += 1
        if i < end and data[i] == 46:
            i += 1
        if i < end and _is_letter(data[i]):
            return -1
        self._at = i
        return 12 if letter == 112 else 0

    def _own_offset(self, data: bytes, end: i64) -> bool:
        """Read what follows a time of day: nothing, `Z`, `UTC`, `+hh`, `+hhmm`, `GMT+hh:mm`, or a zone's name."""
        while self._at < end and data[self._at] == SPACE:
            self._at += 1
        if self._at == end:
            return True
        begin = self._at
        if data[begin] == 90 and begin + 1 == end:  # Z, nearly always
            self._offset_ns = 0
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
            if self._at == start or (self._at != start + 2 and self._at != end) or hours > 23:
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
        if (mark == 90 or mark == 122) and self._at + 1 == end:  # Z, z
            self._offset_ns = 0
            return True
        self._offset_ns = NO_OFFSET
        return self._zone_called(data[begin:end])

    def _zone_called(self, name: bytes) -> bool:
        """Set the zone of the field being read to the one called *name*; False if there is no such zone."""
        if len(name) < 3 or not _is_letter(name[0]):
            return False
        if name in self._named_zones:
            zone = self._named_zones[name]
        else:
            zone = zone_called(name)
            if len(self._named_zones) < ZONES_MAX:
                self._named_zones[name] = zone
        self._unknown = zone is None
        self._named = zone
        return zone is not None

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
        """Read one to nine digits after a point at `_at`, as a fraction of *unit_ns*, rounded down."""
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


def _is_letter(byte: i64) -> bool:
    return 65 <= byte <= 90 or 97 <= byte <= 122


def _century(year: i64) -> i64:
    """Return a year of two digits with its century: 69 is 2069, 70 is 1970."""
    return year + (2000 if year < 70 else 1900)


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
    """Return what is wrong with a time, in words, from a reader's *answer*."""
    if answer == SKIPPED_TIME:
        return "the time does not exist: the clock of the zone went forward over it"
    if answer == UNKNOWN_ZONE:
        return "the time has an unknown zone"
    return "the time cannot be read"
