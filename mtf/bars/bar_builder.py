"""What is kept of one symbol and timeframe besides the numbers of the forming bar, and how it is saved.

The numbers change with every tick and lie in packed rows (`mtf.bars.forming`); what is here changes when a bar opens or
closes.
"""

from __future__ import annotations

import datetime
from typing import Final

from librt.strings import read_i32_le
from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.bars.bar_codes import FIRST, FROM_BARS, INCOMPLETE, MAX_ORDINAL, code_of, flags_of
from mtf.bars.bar_history import BarHistory
from mtf.bars.bar_window import BarWindow, newest_bars
from mtf.bars.columns import CLOSE, HIGH, LOW, OPEN, VOLUME
from mtf.bars.forming import CARRY, END_MS, STRIDE, FormingBars
from mtf.bars.forming import TICKS as TICKS_FORMING
from mtf.bars.growth import LATER, next_room
from mtf.bars.judged_block import Instrument, JudgedBlock
from mtf.bars.saved_bars import archive_gap, load_bar
from mtf.calendars.day import Day, Gap
from mtf.errors import CorruptCheckpoint
from mtf.events.block import ROW_BYTES
from mtf.image import StoredRows
from mtf.timeframe import Timeframe
from mtf.units import MS_NS, NEVER_NS

__all__ = ["BarBuilder", "fetch_moved", "fetch_rows"]


@mypyc_attr(native_class=True, acyclic=True)
class BarBuilder:
    """One symbol's history, and what is known of its newest bar besides the rows of `forming`."""

    __slots__ = ("day", "day_is_saved", "gap", "history", "instrument", "previous_end_ns", "torn", "torn_ns")

    def __init__(self, instrument: Instrument, timeframe: Timeframe) -> None:
        self.instrument: Final = instrument
        self.gap: Gap | None = None  # before the forming bar
        self.day: Day | None = None  # the day of the newest bar
        self.day_is_saved = False  # it comes from a saved state, which lacks its grid
        self.previous_end_ns: i64 = NEVER_NS  # end of the newest completed bar; NEVER_NS before the first
        self.torn_ns: i64 = NEVER_NS  # start of the newest unfinished bar; NEVER_NS once it has arrived complete
        self.torn = False  # the forming bar is incomplete for that reason only
        self.history: BarHistory = BarHistory(instrument.name, timeframe)  # completed bars; replaced as it grows

    def window(self, keep: i64) -> BarWindow:
        """Return the last *keep* completed bars, oldest first."""
        return newest_bars(self.history, self.history.count, keep)

    def room(self, keep: i64) -> BarHistory:
        """Return the history, with room for one more bar; at least *keep* bars stay in it."""
        history = self.history
        if history.count == history.room:
            history = history.larger(keep, self.instrument.number)
            self.history = history
        return history

    def load_history(self, archive: Archive, keep: i64) -> None:
        """Load completed bars, at most *keep*, of which there are none."""
        instrument = self.instrument
        count = archive.count(0, 8)
        if count > keep:
            raise CorruptCheckpoint(f"saved state: {count} bars, but {keep} are kept")
        if count:
            history = BarHistory(instrument.name, self.history.timeframe, next_room(count, keep, instrument.number))
            history.load(archive, count)
            self.history = history

    def load_later(self, count: i64, stored: StoredRows) -> None:
        """Have the last *count* bars that are *stored*, which are read once somebody looks."""
        number = self.instrument.number
        self.history = BarHistory(self.instrument.name, self.history.timeframe, count, 0, count, stored, number)
        if not LATER:
            self.history.fill()

    def archive(self, archive: Archive, forming: FormingBars) -> None:
        """Save or load the forming bar, whose numbers are in *forming*."""
        self.previous_end_ns = archive.int64(self.previous_end_ns, ANY_MIN, ANY_MAX)
        self.torn_ns = archive.int64(self.torn_ns, ANY_MIN, ANY_MAX)
        self.torn = archive.flag(self.torn)
        number = self.instrument.number
        if archive.flag(forming.has_bar(number)):
            self._archive_forming(archive, forming)
            for each in (OPEN, HIGH, LOW, CLOSE, VOLUME, CARRY):
                forming.set(number, each, archive.float64(forming.get(number, each)))
            ticks = archive.int64(i64(forming.get(number, TICKS_FORMING)), 0, ANY_MAX)
            forming.set(number, TICKS_FORMING, float(ticks))

    def load_bars(self, archive: Archive, keep: i64) -> None:
        """Load at most *keep* completed bars, saved one after the other."""
        count = archive.count(0, 8)
        if count > keep:
            raise CorruptCheckpoint(f"saved state: {count} bars, but {keep} are kept")
        for _ in range(count):
            load_bar(archive, self.room(keep))

    def _archive_forming(self, archive: Archive, forming: FormingBars) -> None:
        """Save or load what stays the same of the forming bar."""
        number = self.instrument.number
        start_ns = archive.int64(forming.start_ns(number), ANY_MIN, ANY_MAX)
        end_ns = archive.int64(forming.end_ns(number), start_ns + 1 if archive.loading else ANY_MIN, ANY_MAX)
        day = _archive_day(archive, None if archive.loading else self.day)
        code = forming.code[number]
        first = archive.flag(code & FIRST != 0)
        incomplete = archive.flag(code & INCOMPLETE != 0)
        from_bars = archive.flag(code & FROM_BARS != 0)
        self.gap = archive_gap(archive, self.gap)
        if archive.loading:
            self.day, self.day_is_saved = day, True
            flags = flags_of(incomplete, self.instrument.first_ns > day.start_ns, day.off_session)
            code = code_of(day.number, flags, first, from_bars, self.gap is not None)
            forming.open(number, start_ns, end_ns, code)


def fetch_rows(builders: list[BarBuilder], forming: FormingBars, judged: JudgedBlock, start: i64, stop: i64) -> float:
    """Read a number of each cache line that the rows *start* to *stop* of a block need (`mtf.bars.read_ahead`)."""
    rows, clocks = judged.block.rows, judged.clocks
    numbers, bounds = forming.numbers, forming.bounds
    total = 0.0
    for i in range(start, stop):
        number: i64 = i64(read_i32_le(rows, i * ROW_BYTES + 8))
        if number < 0:
            continue
        at = number * STRIDE
        total += numbers[at]  # the row may begin within a line: its other end is in the next one
        end_ns = i64(numbers[at + END_MS]) * MS_NS
        if end_ns == 0:
            end_ns = bounds[2 * number + 1]
        if clocks[i] >= end_ns:
            total += builders[number].history.end()
    return total


def fetch_moved(builders: list[BarBuilder], forming: FormingBars, judged: JudgedBlock, start: i64, stop: i64) -> float:
    """Read likewise where the bars will be written that moves of clocks close, of those from *start* to *stop*."""
    numbers, times = judged.moves_number, judged.moves_ns
    bounds = forming.bounds
    total = 0.0
    for m in range(start, stop):
        end_ns = bounds[2 * numbers[m] + 1]
        if end_ns <= times[m] and end_ns != NEVER_NS:
            total += builders[numbers[m]].history.end()
    return total


def _archive_day(archive: Archive, day: Day | None) -> Day:
    start_ns = archive.int64(0 if day is None else day.start_ns, ANY_MIN, ANY_MAX)
    end_ns = archive.int64(0 if day is None else day.end_ns, start_ns + 1, ANY_MAX)
    number = archive.int64(0 if day is None else day.number, 1, MAX_ORDINAL)
    off_session = archive.flag(day is not None and day.off_session)
    return day if day is not None else Day(start_ns, end_ns, datetime.date.fromordinal(number), off_session)
