"""The history of one symbol and timeframe: completed bars as columns, and windows into them.

Rows are only appended: what was written never changes, so that a window stays what it was. A full table is replaced by
a new one (`mtf.bars.growth`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, overload

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.bars.bar import Bar
from mtf.bars.bar_codes import (
    DAY_INCOMPLETE,
    FIRST,
    FROM_BARS,
    HAS_GAP,
    INCOMPLETE,
    OFF_SESSION,
    code_of,
    date_of,
    flags_of,
)
from mtf.bars.growth import TAIL, flush_rows, kept_rows, next_room, start_of
from mtf.calendars.day import Gap
from mtf.timeframe import Timeframe
from mtf.units import NEVER_NS

__all__ = ["CODE", "END", "GAP_NUMBERS", "PRICES", "START", "TICKS", "BarHistory", "BarWindow", "table_of"]

# Columns of floats: open, high, low, close and volume.
PRICES: Final = 5
# Columns of whole numbers.
START: Final = 0
END: Final = 1
TICKS: Final = 2
CODE: Final = 3  # see `mtf.bars.bar_codes`
MARKS: Final = 4
GAP_NUMBERS: Final = 5  # of a gap: the place of its bar, counted from the symbol's first one, and four lengths


@mypyc_attr(native_class=True, acyclic=True)
class BarHistory:
    """A table of completed bars, column after column, with *room* for some: the owner appends, others read.

    `first` is the number of bars before the first row, since the log began or the state was loaded. Rows from
    `_flushed` on are in the tail (`mtf.bars.growth`).
    """

    __slots__ = ("_flushed", "_marks", "_prices", "_tail", "count", "first", "gaps", "room", "symbol", "timeframe")

    def __init__(self, symbol: str, timeframe: Timeframe, room: i64 = 0, first: i64 = 0) -> None:
        self.symbol: Final = symbol
        self.timeframe: Final = timeframe
        self.room: Final[i64] = room
        self.first: Final[i64] = first
        self.count: i64 = 0  # rows
        self._tail: Final[i64] = TAIL
        self._flushed: i64 = 0
        rows: i64 = room + self._tail if room else 0
        self._prices: vec[float] = vec[float]([0.0] * (rows * PRICES))
        self._marks: vec[i64] = vec[i64]([0] * (rows * MARKS))
        self.gaps: vec[i64] = vec[i64]([])  # GAP_NUMBERS for each bar that has a gap before it, in order

    def larger(self, keep: i64, number: i64) -> BarHistory:
        """Return a table with the last *keep* rows of this one, which is full, and room for more.

        *number* is that of the symbol; see `next_room`.
        """
        count = self.count
        self.flush()
        kept = min(count, keep)
        start = start_of(count, keep)
        room = next_room(count, keep, number)
        table = BarHistory(self.symbol, self.timeframe, room, self.first + start)
        table.count = kept
        table._flushed = kept
        kept_rows(self._prices, PRICES, count, table._prices, room, kept)
        marks, into = self._marks, table._marks
        for column in range(MARKS):
            at = column * count + start
            to = column * room
            for k in range(kept):
                into[to + k] = marks[at + k]
        gaps = self.gaps
        at = 0
        while at < len(gaps) and gaps[at] < table.first:
            at += GAP_NUMBERS
        table.gaps = gaps[at:]
        return table

    def add(
        self,
        start_ns: i64,
        end_ns: i64,
        open: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        ticks: i64,
        code: i64,
        gap: Gap | None,
    ) -> i64:
        """Append a bar, for which there is room, and return its row."""
        row = self.count
        prices, marks = self._prices, self._marks
        slot = self.room + row - self._flushed
        at = slot * PRICES
        prices[at] = open
        prices[at + 1] = high
        prices[at + 2] = low
        prices[at + 3] = close
        prices[at + 4] = volume
        at = slot * MARKS
        marks[at + START] = start_ns
        marks[at + END] = end_ns
        marks[at + TICKS] = ticks
        marks[at + CODE] = code
        if gap is not None:
            gaps = append(self.gaps, self.first + row)
            gaps = append(gaps, gap.closed_ns)
            gaps = append(gaps, gap.holiday_ns)
            gaps = append(gaps, gap.break_ns)
            self.gaps = append(gaps, gap.silence_ns)
        self.count = row + 1
        if row + 1 - self._flushed == self._tail:
            self.flush()
        return row

    def end(self) -> float:
        """Read where the next row will be written (`mtf.bars.read_ahead`)."""
        slot = self.room + self.count - self._flushed
        if self.room == 0 or self._marks[slot * MARKS] < NEVER_NS:
            return 0.0
        return self._prices[slot * PRICES]

    def flush(self) -> None:
        """Write the rows of the tail into the columns."""
        room = self.room
        flush_rows(self._prices, PRICES, room, self._flushed, self.count)
        marks = self._marks
        at = room * MARKS
        for row in range(self._flushed, self.count):
            for column in range(MARKS):
                marks[row + column * room] = marks[at + column]
            at += MARKS
        self._flushed = self.count

    def price(self, row: i64, column: i64) -> float:
        """Return a number of a row: open, high, low, close or volume."""
        if row < self._flushed:
            return self._prices[row + column * self.room]
        return self._prices[(self.room + row - self._flushed) * PRICES + column]

    def mark(self, row: i64, column: i64) -> i64:
        """Return a whole number of a row: START, END, TICKS or CODE."""
        if row < self._flushed:
            return self._marks[row + column * self.room]
        return self._marks[(self.room + row - self._flushed) * MARKS + column]

    def price_column(self, column: i64, start: i64, stop: i64) -> memoryview[float]:
        """Return a column from one row up to another, as a read-only buffer."""
        if stop > self._flushed:
            self.flush()
        at = column * self.room
        prices: Any = memoryview(self._prices)  # of floats, for which memoryview has no type
        found: memoryview[float] = prices[at + start : at + stop]
        return found

    def mark_column(self, column: i64, start: i64, stop: i64) -> memoryview[int]:
        """Return a column of whole numbers likewise."""
        if stop > self._flushed:
            self.flush()
        at = column * self.room
        return memoryview(self._marks)[at + start : at + stop]

    def archive(self, archive: Archive, start: i64, stop: i64) -> None:
        """Save the rows from *start* up to *stop* as columns, or fill them with what is loaded; their gaps likewise."""
        if archive.loading:
            self._flushed = stop
        elif stop > self._flushed:
            self.flush()
        count = stop - start
        for column in range(PRICES):
            archive.numbers_in(self._prices, column * self.room + start, count)
        for column in range(MARKS):
            archive.wholes_in(self._marks, column * self.room + start, count)
        first = self.first + start
        gaps = vec[i64]([]) if archive.loading else _gaps_between(self.gaps, first, self.first + stop)
        numbers = archive.count(len(gaps), 8)
        if archive.loading:
            gaps = vec[i64]([0] * numbers)
        archive.wholes_in(gaps, 0, numbers)
        if archive.loading:
            self.gaps = gaps

    def gap(self, row: i64) -> Gap | None:
        """Return the gap before the bar of a row; None if there is none."""
        if self.mark(row, CODE) & HAS_GAP == 0:
            return None
        gaps = self.gaps
        wanted = self.first + row
        low: i64 = 0
        high: i64 = len(gaps) // GAP_NUMBERS
        while low < high:
            middle = (low + high) >> 1
            if gaps[middle * GAP_NUMBERS] < wanted:
                low = middle + 1
            else:
                high = middle
        at = low * GAP_NUMBERS
        return Gap(closed_ns=gaps[at + 1], holiday_ns=gaps[at + 2], break_ns=gaps[at + 3], silence_ns=gaps[at + 4])

    def bar(self, row: i64) -> Bar:
        """Return the bar of a row."""
        code = self.mark(row, CODE)
        return Bar(
            symbol=self.symbol,
            timeframe=self.timeframe,
            start_ns=self.mark(row, START),
            end_ns=self.mark(row, END),
            open=self.price(row, 0),
            high=self.price(row, 1),
            low=self.price(row, 2),
            close=self.price(row, 3),
            volume=self.price(row, 4),
            ticks=self.mark(row, TICKS),
            trading_day=date_of(code),
            first=code & FIRST != 0,
            incomplete=code & INCOMPLETE != 0,
            day_incomplete=code & DAY_INCOMPLETE != 0,
            off_session=code & OFF_SESSION != 0,
            from_bars=code & FROM_BARS != 0,
            gap=self.gap(row),
        )

    def window(self, stop: i64, keep: i64) -> BarWindow:
        """Return the last *keep* bars before the row *stop*."""
        return BarWindow(self, start_of(stop, keep), stop)


@mypyc_attr(native_class=True, acyclic=True)
class BarWindow:
    """The last completed bars as of one instant, oldest first: a sequence that never changes.

    It is a window into columns that their owner only appends to, and never reads past its own end. Its columns are
    read-only buffers over them, which NumPy and Arrow take without a copy: `numpy.asarray(window.close)`. A `Bar` is
    made whenever one is asked for.
    """

    __slots__ = ("_history", "_start", "_stop")

    def __init__(self, history: BarHistory | None, start: i64, stop: i64) -> None:
        self._history: Final = history  # None: there are no bars
        self._start: Final[i64] = start
        self._stop: Final[i64] = stop
        assert 0 <= start <= stop <= (0 if history is None else history.count), "the window must lie within its table"

    def __len__(self) -> int:
        return self._stop - self._start

    @property
    def newest(self) -> Bar | None:
        """The last of the bars; None if there is none."""
        return self._bar(self._stop - 1) if self._stop > self._start else None

    @property
    def start_ns(self) -> memoryview[int]:
        """The starts of the bars, in ns, as 64-bit integers."""
        return self._marks(START)

    @property
    def end_ns(self) -> memoryview[int]:
        """The ends of the bars, in ns, as 64-bit integers."""
        return self._marks(END)

    @property
    def open(self) -> memoryview[float]:
        """The opens, as doubles; `high`, `low`, `close` and `volume` likewise."""
        return self._prices(0)

    @property
    def high(self) -> memoryview[float]:
        return self._prices(1)

    @property
    def low(self) -> memoryview[float]:
        return self._prices(2)

    @property
    def close(self) -> memoryview[float]:
        return self._prices(3)

    @property
    def volume(self) -> memoryview[float]:
        return self._prices(4)

    @property
    def ticks(self) -> memoryview[int]:
        """The numbers of ticks, as 64-bit integers."""
        return self._marks(TICKS)

    @overload
    def __getitem__(self, key: int) -> Bar: ...
    @overload
    def __getitem__(self, key: slice) -> list[Bar]: ...
    def __getitem__(self, key: object) -> object:
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            return [self._bar(self._start + i) for i in range(start, stop, step)]
        if not isinstance(key, int):
            raise TypeError(f"a bar's index must be an integer or a slice, got {key!r}")
        size: int = self._stop - self._start
        position = key + size if key < 0 else key
        if not 0 <= position < size:
            raise IndexError(f"bar index {key} out of range, there are {size} bars")
        return self._bar(self._start + position)

    def __iter__(self) -> Iterator[Bar]:
        return iter(self._list())

    def __contains__(self, bar: object) -> bool:
        return bar in self._list()

    def __reversed__(self) -> Iterator[Bar]:
        return iter(self._list()[::-1])

    def table(self) -> BarHistory | None:
        """Return the columns that the window looks into; None if there are none."""
        return self._history

    def save(self, archive: Archive) -> None:
        """Save the bars, of which there are some, as columns."""
        history = self._history
        assert history is not None, "a window with bars has a table"
        history.archive(archive, self._start, self._stop)

    def stop(self) -> int:
        """Return the row of `table` after the last of the window."""
        return self._stop

    def _list(self) -> list[Bar]:
        return [self._bar(row) for row in range(self._start, self._stop)]

    def _bar(self, row: i64) -> Bar:
        history = self._history
        assert history is not None, "a window with bars has a table"
        return history.bar(row)

    def _prices(self, column: i64) -> memoryview[float]:
        history = self._history
        if history is None:
            return _NO_PRICES
        return history.price_column(column, self._start, self._stop)

    def _marks(self, column: i64) -> memoryview[int]:
        history = self._history
        if history is None:
            return _NO_MARKS
        return history.mark_column(column, self._start, self._stop)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (BarWindow, list, tuple)):
            return list(self) == list(other)
        return False

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __copy__(self) -> BarWindow:
        return self

    def __deepcopy__(self, memo: object) -> BarWindow:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored_window, (list(self),))

    def __repr__(self) -> str:
        return f"BarWindow({len(self)} bars)"


def table_of(bars: Iterable[Bar]) -> BarHistory | None:
    """Return a table of *bars*, which are of one symbol and timeframe; None if there are none."""
    listed = list(bars)
    if not listed:
        return None
    table = BarHistory(listed[0].symbol, listed[0].timeframe, len(listed))
    for bar in listed:
        day: i64 = 0 if bar.trading_day is None else bar.trading_day.toordinal()
        flags = flags_of(bar.incomplete, bar.day_incomplete, bar.off_session)
        table.add(
            bar.start_ns,
            bar.end_ns,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            bar.ticks,
            code_of(day, flags, bar.first, bar.from_bars, bar.gap is not None),
            bar.gap,
        )
    return table


def _gaps_between(gaps: vec[i64], first: i64, stop: i64) -> vec[i64]:
    """Return the gaps of bars from *first* up to *stop*, their places counted from *first*."""
    found = vec[i64]([])
    for at in range(0, len(gaps), GAP_NUMBERS):
        if first <= gaps[at] < stop:
            found = append(found, gaps[at] - first)
            for k in range(at + 1, at + GAP_NUMBERS):
                found = append(found, gaps[k])
    return found


_NO_PRICES: Final = memoryview(b"").cast("d")
_NO_MARKS: Final = memoryview(b"").cast("q")


def _restored_window(bars: list[Any]) -> BarWindow:
    """Rebuild a window for pickle."""
    return BarWindow(table_of(bars), 0, len(bars))
