"""Columns: one timeframe's results for one block, written by an aggregator and read by everything after it.

Plain compiled values: a row of numbers per event, a header for what stays the same while a bar forms, a `BarClose` per
completed bar, and a symbol's state as one value.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar, BarWindow, PartialBar
from mtf.calendars.day import Day, Gap
from mtf.timeframe import Timeframe

__all__ = [
    "AS_BEFORE",
    "DAY_INCOMPLETE",
    "DAY_SHIFT",
    "FLAGS",
    "INCOMPLETE",
    "NO_BAR",
    "NUMBERS",
    "OFF_SESSION",
    "BarClose",
    "BarHeader",
    "BarState",
    "Columns",
    "flags_of",
]

NO_BAR: Final = -1  # in place of the index of a header
AS_BEFORE: Final = 0  # likewise: the header is the one that the symbol had before the block
NUMBERS: Final = 6  # of a bar that forms: open, high, low, close, volume, ticks

# Flags of a bar, as indicators take them; in a code, below the ordinal of the trading day.
INCOMPLETE: Final = 1  # the beginning of the bar was not seen
DAY_INCOMPLETE: Final = 2  # the beginning of its trading day was not seen
OFF_SESSION: Final = 4  # the bar belongs to no trading day: the market was closed
FLAGS: Final = 7
DAY_SHIFT: Final = 3


def flags_of(incomplete: bool, day_incomplete: bool, off_session: bool) -> i64:
    """Return a bar's flags for these properties."""
    flags: i64 = 0
    if incomplete:
        flags |= INCOMPLETE
    if day_incomplete:
        flags |= DAY_INCOMPLETE
    if off_session:
        flags |= OFF_SESSION
    return flags


@mypyc_attr(native_class=True, acyclic=True)
class BarHeader:
    """What stays the same while a bar forms: its bounds, day, flags, and the gap before it.

    `code` is what indicators want of it: the ordinal of the day above DAY_SHIFT bits of flags.
    """

    __slots__ = (
        "code",
        "day",
        "day_incomplete",
        "end_ns",
        "first",
        "first_ns",
        "from_bars",
        "gap",
        "incomplete",
        "start_ns",
    )

    def __init__(
        self,
        start_ns: i64,
        end_ns: i64,
        day: Day,
        first: bool,
        incomplete: bool,
        gap: Gap | None,
        first_ns: i64,
        from_bars: bool = False,
    ) -> None:
        self.start_ns: Final[i64] = start_ns
        self.end_ns: Final[i64] = end_ns
        self.day: Final = day
        self.first: Final = first
        self.incomplete: Final = incomplete
        self.day_incomplete: Final = first_ns > day.start_ns  # the symbol's first event came after the start of the day
        self.gap: Final = gap
        self.first_ns: Final[i64] = first_ns  # time of the symbol's first event
        self.code: Final[i64] = day.number << DAY_SHIFT | flags_of(incomplete, self.day_incomplete, day.off_session)
        self.from_bars: Final = from_bars  # it contains an input bar

    def __reduce__(self) -> tuple[object, ...]:
        return (
            BarHeader,
            (
                self.start_ns,
                self.end_ns,
                self.day,
                self.first,
                self.incomplete,
                self.gap,
                self.first_ns,
                self.from_bars,
            ),
        )

    def marked(self, incomplete: bool, from_bars: bool) -> BarHeader:
        """Return the header with these two flags."""
        return BarHeader(
            self.start_ns, self.end_ns, self.day, self.first, incomplete, self.gap, self.first_ns, from_bars
        )


@mypyc_attr(native_class=True, acyclic=True)
class BarState:
    """One symbol's bars of one timeframe at one instant: the partial bar and the completed ones; immutable."""

    __slots__ = ("close", "header", "high", "low", "open", "ticks", "volume", "window")

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
    ) -> None:
        self.header: Final = header  # None if no bar is forming; the prices then mean nothing
        self.open: Final[float] = open
        self.high: Final[float] = high
        self.low: Final[float] = low
        self.close: Final[float] = close
        self.volume: Final[float] = volume
        self.ticks: Final[i64] = ticks
        self.window: Final = window  # the completed bars, oldest first

    def __reduce__(self) -> tuple[object, ...]:
        prices = (self.open, self.high, self.low, self.close, self.volume)
        return (BarState, (self.header, *prices, self.ticks, self.window))

    def partial(self, symbol: str, timeframe: Timeframe, time_ns: i64, last: bool = False) -> PartialBar | None:
        """Return the partial bar as of *time_ns*, or None."""
        header = self.header
        if header is None:
            return None
        return PartialBar(
            symbol=symbol,
            timeframe=timeframe,
            start_ns=header.start_ns,
            end_ns=header.end_ns,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            time_ns=time_ns,
            volume=self.volume,
            ticks=self.ticks,
            trading_day=header.day.date,
            first=header.first,
            last=last,
            incomplete=header.incomplete,
            day_incomplete=header.day_incomplete,
            off_session=header.day.off_session,
            from_bars=header.from_bars,
            gap=header.gap,
        )


@mypyc_attr(native_class=True, acyclic=True)
class BarClose:
    """A bar that closed: the row that revealed it, and the symbol's history just after."""

    __slots__ = ("bar", "day", "number", "rank", "row", "window")

    def __init__(self, row: i64, number: i64, rank: i64, bar: Bar, day: Day, window: BarWindow) -> None:
        self.row: Final[i64] = row
        self.number: Final[i64] = number  # of the symbol
        self.rank: Final[i64] = rank  # of the timeframe, 0 for the shortest
        self.bar: Final = bar
        self.day: Final = day
        self.window: Final = window

    def state(self) -> BarState:
        """Return the symbol's state just after: no bar is forming."""
        return BarState(None, 0.0, 0.0, 0.0, 0.0, 0.0, 0, self.window)


@mypyc_attr(native_class=True)
class Columns:
    """One timeframe's results for one block: a row of numbers per event, and the bars that closed.

    Row *i* holds the partial bar of the row's symbol after the row. `header[i]` is the index of its `BarHeader` in
    `headers`, AS_BEFORE if that is the symbol's of before the block, or NO_BAR if no bar is forming (and for a clock
    event, which has no symbol). `codes[i]` is the header's code, if indicators are kept. Of the k-th touched symbol,
    `after[k * NUMBERS : (k + 1) * NUMBERS]` are the numbers after the block, and `header_after[k]` is the index of its
    header then, `starts_after[k]` and `ends_after[k]` are the bounds of its bar.
    """

    __slots__ = (
        "after",
        "close",
        "closings",
        "codes",
        "ends_after",
        "header",
        "header_after",
        "headers",
        "high",
        "low",
        "open",
        "rank",
        "starts_after",
        "ticks",
        "volume",
    )

    def __init__(self, rank: i64, n: i64, codes: bool) -> None:
        self.rank: Final[i64] = rank
        self.open: vec[float] = vec[float]([0.0] * n)
        self.high: vec[float] = vec[float]([0.0] * n)
        self.low: vec[float] = vec[float]([0.0] * n)
        self.close: vec[float] = vec[float]([0.0] * n)
        self.volume: vec[float] = vec[float]([0.0] * n)
        self.ticks: vec[i64] = vec[i64]([0] * n)
        self.header: vec[i64] = vec[i64]([0] * n)
        coded: i64 = n if codes else 0
        self.codes: vec[i64] = vec[i64]([0] * coded)
        self.headers: list[BarHeader | None] = [None]  # at AS_BEFORE
        self.starts_after: vec[i64] = vec[i64]([])
        self.ends_after: vec[i64] = vec[i64]([])
        self.closings: list[BarClose] = []
        self.after: vec[float] = vec[float]([])
        self.header_after: vec[i64] = vec[i64]([])

    def state(self, row: i64, window: BarWindow, before: BarHeader | None) -> BarState:
        """Return the state after *row*; *window* are the completed bars, *before* is the header before the block."""
        index = self.header[row]
        header: BarHeader | None = None
        if index != NO_BAR:
            header = before if index == AS_BEFORE else self.headers[index]
        return BarState(
            header,
            self.open[row],
            self.high[row],
            self.low[row],
            self.close[row],
            self.volume[row],
            self.ticks[row],
            window,
        )
