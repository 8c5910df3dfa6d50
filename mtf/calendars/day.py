"""The values of a calendar: day, span and gap.

Plain compiled values: calendars make them, and everything else only reads them.
"""

from __future__ import annotations

import datetime
from typing import Final

from mypy_extensions import i64, mypyc_attr

__all__ = ["BREAK", "CLOSED", "HOLIDAY", "OPEN", "AuctionWindow", "Day", "Gap", "Grid", "Span"]

OPEN: Final = 0
CLOSED: Final = 1  # outside the trading hours: night, weekend
HOLIDAY: Final = 2  # open in an ordinary week, but not on this day
BREAK: Final = 3  # a pause within a trading day


@mypyc_attr(native_class=True)
class AuctionWindow:
    """A window `[start_ns, end_ns)` next to a session, for its auctions; the grid of bars skips it.

    With *last* it begins at the session's end and belongs to the session's last bar; otherwise it ends at the session's
    start and belongs to its first bar.
    """

    __slots__ = ("end_ns", "last", "start_ns")

    def __init__(self, start_ns: i64, end_ns: i64, last: bool) -> None:
        assert start_ns < end_ns, "a window has a length"
        self.start_ns: Final[i64] = start_ns
        self.end_ns: Final[i64] = end_ns
        self.last: Final = last

    def __reduce__(self) -> tuple[object, ...]:
        return (AuctionWindow, (self.start_ns, self.end_ns, self.last))


@mypyc_attr(native_class=True)
class Grid:
    """The grid of a day with auctions: the day `[start_ns, end_ns)` without them, and their windows."""

    __slots__ = ("end_ns", "start_ns", "windows")

    def __init__(self, start_ns: i64, end_ns: i64, windows: list[AuctionWindow]) -> None:
        self.start_ns: Final[i64] = start_ns
        self.end_ns: Final[i64] = end_ns
        self.windows: Final = windows  # in order, not overlapping

    def __reduce__(self) -> tuple[object, ...]:
        return (Grid, (self.start_ns, self.end_ns, self.windows))

    def counted(self, ts_ns: i64) -> i64:
        """Return the instant that *ts_ns* counts as: within a window, the session's last or first instant."""
        for window in self.windows:
            if window.start_ns <= ts_ns < window.end_ns:
                return window.start_ns - 1 if window.last else window.end_ns
        return ts_ns

    def edge(self, ts_ns: i64) -> i64:
        """Return the actual start or end of a bar whose edge on the grid is *ts_ns*: outside all windows."""
        for window in self.windows:
            if window.last:
                if window.start_ns <= ts_ns < window.end_ns:
                    return window.end_ns
            elif window.start_ns < ts_ns <= window.end_ns:
                return window.start_ns
        return ts_ns


@mypyc_attr(native_class=True)
class Day:
    """A trading day `[start_ns, end_ns)` or, off session, one day of the grid that continues through a closure.

    `date` is the market's date for the day (fx: that of the close in New York, so Sunday 17:00 begins
    Monday); `number` is its proleptic ordinal. `grid` is None unless auctions belong to the day.
    """

    __slots__ = ("date", "end_ns", "grid", "number", "off_session", "start_ns")

    def __init__(
        self, start_ns: i64, end_ns: i64, date: datetime.date, off_session: bool, grid: Grid | None = None
    ) -> None:
        assert start_ns < end_ns, "a day has a length"
        self.start_ns: Final[i64] = start_ns
        self.end_ns: Final[i64] = end_ns
        self.date: Final = date
        self.number: Final[i64] = date.toordinal()
        self.off_session: Final = off_session
        self.grid: Final = grid

    def __reduce__(self) -> tuple[object, ...]:
        return (Day, (self.start_ns, self.end_ns, self.date, self.off_session, self.grid))

    def __repr__(self) -> str:
        off = ", off_session" if self.off_session else ""
        return f"Day({self.date}, {self.start_ns}..{self.end_ns}{off})"


@mypyc_attr(native_class=True)
class Span:
    """A part `[start_ns, end_ns)` of one day that is all OPEN, all CLOSED, all HOLIDAY or all BREAK."""

    __slots__ = ("day", "end_ns", "start_ns", "state")

    def __init__(self, start_ns: i64, end_ns: i64, state: i64, day: Day) -> None:
        assert day.start_ns <= start_ns < end_ns <= day.end_ns, "a span lies in its day"
        self.start_ns: Final[i64] = start_ns
        self.end_ns: Final[i64] = end_ns
        self.state: Final[i64] = state
        self.day: Final = day

    @property
    def open(self) -> bool:
        return self.state == OPEN

    def __reduce__(self) -> tuple[object, ...]:
        return (Span, (self.start_ns, self.end_ns, self.state, self.day))

    def __repr__(self) -> str:
        names = ("open", "closed", "holiday", "break")
        return f"Span({self.start_ns}..{self.end_ns}, {names[self.state]}, {self.day.date})"


@mypyc_attr(native_class=True, acyclic=True)
class Gap:
    """The time between two bars, in nanoseconds by reason; `silence_ns` is open market without a tick."""

    __slots__ = ("break_ns", "closed_ns", "holiday_ns", "silence_ns")

    def __init__(self, *, closed_ns: i64 = 0, holiday_ns: i64 = 0, break_ns: i64 = 0, silence_ns: i64 = 0) -> None:
        self.closed_ns: Final[i64] = closed_ns
        self.holiday_ns: Final[i64] = holiday_ns
        self.break_ns: Final[i64] = break_ns
        self.silence_ns: Final[i64] = silence_ns

    @property
    def total_ns(self) -> int:
        return self.closed_ns + self.holiday_ns + self.break_ns + self.silence_ns

    def __add__(self, other: Gap) -> Gap:
        return Gap(
            closed_ns=self.closed_ns + other.closed_ns,
            holiday_ns=self.holiday_ns + other.holiday_ns,
            break_ns=self.break_ns + other.break_ns,
            silence_ns=self.silence_ns + other.silence_ns,
        )

    def _key(self) -> tuple[int, int, int, int]:
        return (self.closed_ns, self.holiday_ns, self.break_ns, self.silence_ns)

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, self._key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gap) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return (
            f"Gap(closed_ns={self.closed_ns}, holiday_ns={self.holiday_ns}, "
            f"break_ns={self.break_ns}, silence_ns={self.silence_ns})"
        )


def _restored(closed_ns: i64, holiday_ns: i64, break_ns: i64, silence_ns: i64) -> Gap:
    """Rebuild a gap for pickle or copy."""
    return Gap(closed_ns=closed_ns, holiday_ns=holiday_ns, break_ns=break_ns, silence_ns=silence_ns)
