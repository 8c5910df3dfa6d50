"""Which stretches of which trading days a stream of events covers, and the rows of another stream that lie outside.

What is imported again replaces what was imported before: of a symbol and a kind of row (quotes, trades, bars of one
length), from the first to the last row that the new stream has of each trading day. Pure: blocks in, runs of rows out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from librt.strings import read_i32_le, read_i64_le
from mypy_extensions import i64, mypyc_attr

from mtf.calendars.calendar import Calendar
from mtf.calendars.day import Day
from mtf.events.bar_rows import COUNT_MAX, COUNT_SHIFT, UNIT_MASK, UNIT_SHIFT
from mtf.events.block import BAR_LENGTH, CLOCK, QUOTE, ROW_BYTES, Block, has_bar_head, is_of_bar
from mtf.units import TS_MAX_NS, TS_MIN_NS

__all__ = ["Coverage", "DayRows", "DaysCovered", "kind_text"]

KIND_MASK: Final[i64] = 0xFF
UNITS: Final = ("s", "m", "h", "d", "w", "mo")


@mypyc_attr(native_class=True)
class DayRows:
    """Rows of one symbol and kind in a trading day: which a stream has, and how many of another were left out."""

    __slots__ = ("day", "first_ns", "last_ns", "left_out", "rows")

    def __init__(self, day: Day) -> None:
        self.day: Final = day
        self.first_ns: i64 = TS_MAX_NS  # stamps of the first and the last event; nothing is covered yet
        self.last_ns: i64 = TS_MIN_NS
        self.rows: i64 = 0  # a bar is one
        self.left_out: i64 = 0  # of the other stream, likewise


@mypyc_attr(native_class=True, allow_interpreted_subclasses=False)
class Coverage:
    """What a stream covers that is handed in by `take`; `runs` then says what of another stream lies outside."""

    __slots__ = ("_calendar_of", "_calendars", "_last", "_series", "days")

    def __init__(self, calendar_of: Callable[[str], Calendar]) -> None:
        self._calendar_of: Final = calendar_of
        self._calendars: Final[dict[str, Calendar]] = {}
        # By symbol and kind of row, then by the start of the trading day.
        self._series: Final[dict[str, dict[int, dict[int, DayRows]]]] = {}
        self._last: Final[dict[str, dict[int, DayRows]]] = {}  # that were looked up last, by symbol and kind
        self.days: Final[list[tuple[str, int, DayRows]]] = []  # with their symbols and kinds, in order of appearance

    def take(self, block: Block, names: list[str]) -> None:
        """Count the rows of *block* as covered, with what lies between them; *names* are its symbols by number."""
        rows = block.rows
        for i in range(block.count):
            base: i64 = i * ROW_BYTES
            tag: i64 = i64(read_i32_le(rows, base + 12))
            if tag & KIND_MASK == CLOCK:
                continue
            ts_ns = read_i64_le(rows, base)
            found = self._day(names[i64(read_i32_le(rows, base + 8))], _kind(tag), ts_ns)
            if ts_ns < found.first_ns:
                found.first_ns = ts_ns
            if ts_ns > found.last_ns:
                found.last_ns = ts_ns
            if not is_of_bar(tag) or has_bar_head(tag):
                found.rows += 1

    def runs(self, block: Block, names: list[str]) -> list[tuple[int, int]]:
        """Return the rows of *block* that are not covered, as runs `[start, stop)`; those left out are counted.

        Clock events are left out, too.
        """
        rows = block.rows
        runs: list[tuple[int, int]] = []
        start: i64 = 0
        for i in range(block.count):
            base: i64 = i * ROW_BYTES
            tag: i64 = i64(read_i32_le(rows, base + 12))
            if tag & KIND_MASK != CLOCK:
                ts_ns = read_i64_le(rows, base)
                found = self._day(names[i64(read_i32_le(rows, base + 8))], _kind(tag), ts_ns)
                if not found.first_ns <= ts_ns <= found.last_ns:
                    continue
                if not is_of_bar(tag) or has_bar_head(tag):
                    found.left_out += 1
            if start < i:
                runs.append((int(start), int(i)))
            start = i64(i) + 1
        if start < block.count:
            runs.append((int(start), int(block.count)))
        return runs

    def _day(self, symbol: str, kind: i64, ts_ns: i64) -> DayRows:
        """Return the rows of a symbol and kind in the trading day that holds *ts_ns*."""
        last = self._last.get(symbol)
        if last is None:
            last = {}
            self._last[symbol] = last
            self._series[symbol] = {}
            self._calendars[symbol] = self._calendar_of(symbol)
        known = last.get(int(kind))
        if known is not None and known.day.start_ns <= ts_ns < known.day.end_ns:
            return known
        by_start = self._series[symbol].setdefault(int(kind), {})
        day = self._calendars[symbol].day_at(ts_ns)
        found = by_start.get(int(day.start_ns))
        if found is None:
            found = self._begun(symbol, kind, day)
            by_start[int(day.start_ns)] = found
            self.days.append((symbol, int(kind), found))
        last[int(kind)] = found
        return found

    def _begun(self, symbol: str, kind: i64, day: Day) -> DayRows:
        """Return a day of which nothing is covered yet."""
        return DayRows(day)


@mypyc_attr(native_class=True)
class DaysCovered(Coverage):
    """Covers whole trading days of *symbols*, of every kind: those of the ordinals *first* to *last*."""

    __slots__ = ("_first", "_last_day", "_symbols")

    def __init__(self, calendar_of: Callable[[str], Calendar], symbols: list[str], first: i64, last: i64) -> None:
        super().__init__(calendar_of)
        self._symbols: Final = symbols
        self._first: Final[i64] = first
        self._last_day: Final[i64] = last

    def _begun(self, symbol: str, kind: i64, day: Day) -> DayRows:
        found = DayRows(day)
        if symbol in self._symbols and self._first <= day.number <= self._last_day:
            found.first_ns = day.start_ns
            found.last_ns = day.end_ns - 1
        return found


def kind_text(kind: int) -> str:
    """Return what rows of *kind* are, as `Coverage.days` has it, in words: `quotes`, `bars of 1m`."""
    count = kind >> 8 >> COUNT_SHIFT & COUNT_MAX
    if count:
        return f"bars of {count}{UNITS[kind >> 8 >> UNIT_SHIFT & UNIT_MASK]}"
    return "quotes" if kind & KIND_MASK == QUOTE else "trades"


def _kind(tag: i64) -> i64:
    """Return quote or trade, and of a bar its length."""
    kind = tag & KIND_MASK
    return kind | (tag >> 16 & BAR_LENGTH) << 8 if is_of_bar(tag) else kind
