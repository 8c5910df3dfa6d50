"""Columns: one timeframe's results for one block, written by an aggregator and read by everything after it.

Plain compiled values: a row of numbers per event, a header for what stays the same while a bar forms, and a symbol's
state as one value.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import PartialBar
from mtf.bars.bar_codes import DAY_INCOMPLETE, FIRST, FROM_BARS, HAS_GAP, INCOMPLETE, OFF_SESSION, date_of
from mtf.bars.bar_window import BarWindow
from mtf.bars.blank import BLANK
from mtf.bars.closings import Closings
from mtf.calendars.day import Gap
from mtf.timeframe import Timeframe

__all__ = [
    "AFTER",
    "AFTER_END",
    "AFTER_HEADER",
    "AS_BEFORE",
    "CLOSE",
    "COUNT",
    "HEADER",
    "HEADER_CODE",
    "HEADER_END",
    "HIGH",
    "LOW",
    "NO_BAR",
    "NUMBERS",
    "OPEN",
    "SHARE",
    "SHOWN",
    "VOLUME",
    "BarHeader",
    "BarState",
    "Columns",
    "end_now",
    "header_in",
]

NO_BAR: Final = -1  # in place of the index of a header
AS_BEFORE: Final = 0  # likewise: the header is the one that the symbol had before the block
HEADER: Final = 3  # numbers of a header: start, end, code
HEADER_END: Final = 1
HEADER_CODE: Final = 2
AFTER: Final = 3  # numbers of a touched symbol's bar after the block: start, end, index of the header
AFTER_END: Final = 1
AFTER_HEADER: Final = 2

# Numbers of a bar that forms.
OPEN: Final = 0
HIGH: Final = 1
LOW: Final = 2
CLOSE: Final = 3
VOLUME: Final = 4
COUNT: Final = 5  # of its ticks
SHARE: Final = 6  # of a bar of activity that is filled
NUMBERS: Final = 7
SHOWN: Final = 6  # those that a row has: all but the share

_NO_GAPS: Final[list[Gap | None]] = []


@mypyc_attr(native_class=True, acyclic=True)
class BarHeader:
    """What stays the same while a bar forms: bounds, day and flags as a code (`mtf.bars.bar_codes`), gap before it."""

    __slots__ = ("code", "end_ns", "gap", "start_ns")

    def __init__(self, start_ns: i64, end_ns: i64, code: i64, gap: Gap | None) -> None:
        self.start_ns: Final[i64] = start_ns
        self.end_ns: Final[i64] = end_ns
        self.code: Final[i64] = code
        self.gap: Final = gap

    def __reduce__(self) -> tuple[object, ...]:
        return (BarHeader, (self.start_ns, self.end_ns, self.code, self.gap))


@mypyc_attr(native_class=True, acyclic=True)
class BarState:
    """One symbol's bars of one timeframe at one instant: the partial bar and the completed ones; immutable."""

    __slots__ = ("close", "header", "high", "low", "open", "share", "ticks", "volume", "window")

    def __init__(
        self,
        header: BarHeader | None,
        open: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        ticks: i64,
        window: BarWindow,
        share: float = 0.0,
    ) -> None:
        self.header: Final = header  # None if no bar is forming; the prices then mean nothing
        self.open: Final[float] = open
        self.high: Final[float] = high
        self.low: Final[float] = low
        self.close: Final[float] = close
        self.volume: Final[float] = volume
        self.ticks: Final[i64] = ticks
        self.window: Final = window  # the completed bars, oldest first
        self.share: Final[float] = share  # of a bar of activity that is filled

    def __reduce__(self) -> tuple[object, ...]:
        prices = (self.open, self.high, self.low, self.close, self.volume)
        return (BarState, (self.header, *prices, self.ticks, self.window, self.share))

    def partial(self, symbol: str, timeframe: Timeframe, time_ns: i64, last: bool = False) -> PartialBar | None:
        """Return the partial bar as of *time_ns*, or None."""
        header = self.header
        if header is None:
            return None
        code = header.code
        return PartialBar(
            symbol=symbol,
            timeframe=timeframe,
            start_ns=header.start_ns,
            end_ns=header.end_ns if timeframe.timed else end_now(header.start_ns, time_ns),
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            time_ns=time_ns,
            volume=self.volume,
            ticks=self.ticks,
            trading_day=date_of(code),
            first=code & FIRST != 0,
            last=last,
            incomplete=code & INCOMPLETE != 0,
            day_incomplete=code & DAY_INCOMPLETE != 0,
            off_session=code & OFF_SESSION != 0,
            from_bars=code & FROM_BARS != 0,
            gap=header.gap,
            share=self.share,
        )


def header_in(marks: vec[i64], at: i64, gaps: list[Gap | None], index: i64) -> BarHeader:
    """Return the header whose numbers begin at `marks[at]`; its gap, if it has one, is the one at *index*."""
    code = marks[at + HEADER_CODE]
    return BarHeader(marks[at], marks[at + HEADER_END], code, gaps[index] if code & HAS_GAP else None)


def end_now(start_ns: i64, time_ns: i64) -> i64:
    """Return the end of a bar of activity if the event at *time_ns* were its last one."""
    return (time_ns if time_ns > start_ns else start_ns) + 1


@mypyc_attr(native_class=True, acyclic=True)
class Columns:
    """One timeframe's results for one block: a row of numbers per event, and the bars that closed.

    Row *i* holds the partial bar of the row's symbol after the row: SHOWN of `numbers`, and only of activity, bars that
    are not *timed*, a `share`. `header[i]` is the index of its header among those of `add_header`, AS_BEFORE if that is
    the symbol's of before the block, or NO_BAR if no bar is forming (and for a clock event, which has no symbol).
    `codes[i]` is the header's code, if indicators are kept. Of each touched symbol, `after` has AFTER numbers.
    """

    __slots__ = (
        "_gaps",
        "after",
        "closings",
        "codes",
        "header",
        "headers",
        "numbers",
        "rank",
        "share",
        "timed",
    )

    def __init__(self, timeframe: Timeframe, rank: i64, n: i64, codes: bool, none: Closings) -> None:
        """*none* stands for no closings, until the first one of the block."""
        self.rank: Final[i64] = rank
        self.timed: Final = timeframe.timed
        self.numbers: vec[float] = BLANK.floats(n * SHOWN)
        shared: i64 = 0 if self.timed else n
        self.share: vec[float] = BLANK.floats(shared)
        self.header: vec[i64] = BLANK.integers(n)
        coded: i64 = n if codes else 0
        self.codes: vec[i64] = BLANK.integers(coded)
        self.headers: vec[i64] = vec[i64]([])  # HEADER of each, if any were added; at AS_BEFORE without meaning
        self._gaps = _NO_GAPS  # by index, those before bars; a list of its own with the first header
        self.after: vec[i64] = vec[i64]([])
        self.closings = none

    @property
    def open(self) -> vec[float]:
        """The open of each row's bar: a copy, as are the other columns of numbers."""
        return self._column(OPEN)

    @property
    def high(self) -> vec[float]:
        return self._column(HIGH)

    @property
    def low(self) -> vec[float]:
        return self._column(LOW)

    @property
    def close(self) -> vec[float]:
        return self._column(CLOSE)

    @property
    def volume(self) -> vec[float]:
        return self._column(VOLUME)

    @property
    def ticks(self) -> vec[i64]:
        return vec[i64]([i64(ticks) for ticks in self._column(COUNT)])

    def _column(self, which: i64) -> vec[float]:
        """Return one of the SHOWN numbers of each row."""
        n: i64 = len(self.header)
        found, numbers = BLANK.floats(n), self.numbers
        for row in range(n):
            found[row] = numbers[row * SHOWN + which]
        return found

    def add_header(self, start_ns: i64, end_ns: i64, code: i64, gap: Gap | None) -> i64:
        """Add the header of a bar that opens, or one that changes, and return its index."""
        if len(self.headers) == 0:
            self.headers = vec[i64]([0] * HEADER)
            self._gaps = [None]
        index: i64 = len(self.headers) // HEADER
        headers = append(append(append(self.headers, start_ns), end_ns), code)
        self.headers = headers
        self._gaps.append(gap)
        return index

    def gap(self, index: i64) -> Gap | None:
        """Return the gap before the bar of a header."""
        if self.headers[index * HEADER + HEADER_CODE] & HAS_GAP == 0:
            return None
        return self._gaps[index]

    def header_at(self, index: i64) -> BarHeader:
        """Return the header with this index."""
        return header_in(self.headers, index * HEADER, self._gaps, index)

    def state(self, row: i64, window: BarWindow, before: BarHeader | None) -> BarState:
        """Return the state after *row*; *window* are the completed bars, *before* is the header before the block."""
        index = self.header[row]
        header: BarHeader | None = None
        if index != NO_BAR:
            header = before if index == AS_BEFORE else self.header_at(index)
        numbers, at = self.numbers, row * SHOWN
        return BarState(
            header,
            numbers[at + OPEN],
            numbers[at + HIGH],
            numbers[at + LOW],
            numbers[at + CLOSE],
            numbers[at + VOLUME],
            i64(numbers[at + COUNT]),
            window,
            0.0 if self.timed else self.share[row],
        )
