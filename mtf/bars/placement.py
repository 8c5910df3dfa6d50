"""Placement: where an input bar lies in its market's time: its day or span, and the instant at which it is known.

Owns the rules for input bars that depend on calendar and grid: a bar of a day or longer belongs to the trading day,
week or month of its date; a shorter one happens at the last open instant of its span; one that spans two bars of a
timeframe cannot be split, and is an error. Called once per bar, at intake.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Final

from librt.strings import read_i32_le, read_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.calendars.calendar import Calendar
from mtf.calendars.day import OPEN, Day, Span
from mtf.calendars.grid import DAY_START, UTC_GRID, bar_bounds
from mtf.errors import ConfigError, StraddlingBar
from mtf.events.bar_rows import BarClock, length_kind, length_ns
from mtf.events.block import (
    BAR_HEAD_BYTES,
    BAR_LENGTH,
    RECEIVED,
    ROW_BYTES,
    TIME_BYTES,
    Block,
    has_bar_head,
    heap_after,
)
from mtf.timeframe import INTRADAY, MONTH, WEEK, Timeframe
from mtf.units import DAY_NS, EPOCH_ORDINAL, HOUR_NS, MINUTE_NS, NEVER_NS, SECOND_NS, TS_MAX_NS

__all__ = ["MarketBarClock", "check_logged_bars"]


@mypyc_attr(native_class=True)
class MarketBarClock(BarClock):
    """Places bars by the calendars and the grid of a configuration.

    With *keep_closed*, every instant counts as open. *noted* is called with a message, once for each length of input
    bars, if shorter timeframes get no bars from them; while `strict` is true that is a ConfigError instead.
    """

    def __init__(
        self,
        calendar_of: Callable[[str], Calendar],
        timeframes: Sequence[Timeframe],
        *,
        anchor_ns: i64 = DAY_START,
        keep_closed: bool = False,
        noted: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self._calendar_of = calendar_of
        self._timeframes: Final[list[Timeframe]] = [each for each in timeframes if each.timed]
        self._untimed: Final = [each.name for each in timeframes if not each.timed]  # no bar enters them
        self._kinds: Final = vec[i64]([i64(each.kind) for each in self._timeframes])  # as native numbers
        self._sizes: Final = vec[i64]([i64(each.length_ns) for each in self._timeframes])
        self._anchor_ns: Final[i64] = anchor_ns
        self._keep_closed: Final = keep_closed
        self._noted: Final = noted
        self.strict = False  # the timeframes were requested by name, so one without bars is an error
        self._lengths: Final[list[int]] = []  # of input bars so far
        self._calendars: Final[dict[str, Calendar]] = {}  # by symbol
        self._span: Span | None = None  # looked up last; most bars lie in the same span as the one before
        self._span_of: Calendar | None = None  # of which `_span` is
        # Every bar of symbol `_known` and of `_known_length` that starts in `[_known_from, _known_to]` lies in open
        # market, and in the same bar of each timeframe as the one before it.
        self._known = ""
        self._known_length: i64 = -1
        self._known_from: i64 = 0
        self._known_to: i64 = -1

    def use(self, calendar_of: Callable[[str], Calendar]) -> None:
        """Switch to other calendars."""
        self._calendar_of = calendar_of
        self._calendars.clear()
        self._span = None
        self._span_of = None

    def place(self, symbol: str, length: i64, start_ns: i64, date: i64) -> None:
        """Place a bar; StraddlingBar or ConfigError if the timeframes cannot use it."""
        if length == self._known_length and self._known_from <= start_ns <= self._known_to and symbol == self._known:
            self.start_ns = start_ns
            self.end_ns = start_ns + length_ns(length)
            self.last_ns = self.end_ns - 1
            return
        calendar = self._calendars.get(symbol)
        if calendar is None:
            calendar = self._calendar_of(symbol)
            self._calendars[symbol] = calendar
        if length not in self._lengths:
            self._check_length(length)
        kind = length_kind(length)
        if kind == INTRADAY:
            self._known_length = length if self._place_span(symbol, calendar, length_ns(length), start_ns) else -1
        else:
            self._place_period(symbol, calendar, kind, start_ns, date)

    def _check_length(self, length: i64) -> None:
        """Report the timeframes that get no bars from bars of this length, which is new."""
        size = length_ns(length)
        short = [timeframe.name for timeframe in self._timeframes if timeframe.length_ns < size]
        name = _length_name(length)
        if short and self.strict:
            raise ConfigError(
                f"the bars last {name}: no bars of {', '.join(short)} can be built from them; use timeframes of {name} "
                "or longer"
            )
        if self._untimed and self.strict:
            raise ConfigError(
                f"the source has bars of {name}, in which there are no ticks: no bars of {', '.join(self._untimed)} "
                "can be built from them; leave those out, or read ticks"
            )
        self._lengths.append(length)
        if self._untimed and self._noted is not None:
            self._noted(
                f"the source has bars of {name}: {', '.join(self._untimed)} get no bars from it, only from ticks"
            )
        if short and self._noted is not None:
            empty = short[0] if len(short) == 1 else f"{short[0]} to {short[-1]}"
            self._noted(f"the source has bars of {name}: {empty} get no bars from it")

    def _place_period(self, symbol: str, calendar: Calendar, kind: i64, start_ns: i64, date: i64) -> None:
        """Place a bar of a day, week or month: all of it belongs to the period of its date."""
        if not date:
            day = calendar.day_at(start_ns)
            date = day.number  # off session: the trading day with the same date
            if not day.off_session:
                self._set_period(symbol, calendar, kind, calendar.period_at(start_ns, kind))
                return
        period = calendar.period_of(date, kind)
        if period is not None:
            self._set_period(symbol, calendar, kind, period)
            return
        # No trading day has that date, or lies in that week or month: the market is closed throughout.
        self.start_ns = (date - EPOCH_ORDINAL) * DAY_NS
        self.end_ns = self.start_ns + DAY_NS
        self.last_ns = self._last_closed(calendar, self.start_ns, self.end_ns)

    def _set_period(self, symbol: str, calendar: Calendar, kind: i64, period: Day) -> None:
        self.start_ns = period.start_ns
        self.end_ns = period.end_ns
        last_ns = self._last_open(calendar, period.start_ns, period.end_ns)
        self.last_ns = period.end_ns - 1 if last_ns == NEVER_NS else last_ns
        if kind != WEEK or period.off_session:
            return
        for timeframe in self._timeframes:
            if timeframe.kind == MONTH and calendar.month_at(period.end_ns - 1).start_ns > period.start_ns:
                raise StraddlingBar(
                    f"{symbol}: the weekly bar {_minute(period.start_ns)} to {_minute(period.end_ns)} UTC lies in two "
                    f"bars of {timeframe} and cannot be split: leave out {timeframe}, or read daily bars",
                    start_ns=self.start_ns,
                )

    def _place_span(self, symbol: str, calendar: Calendar, size: i64, start_ns: i64) -> bool:
        """Place a bar shorter than a day at the last open instant of its span.

        Return whether `_known_from` and `_known_to` are set, so that neighbouring bars can reuse the result.
        """
        day = self._span_at(calendar, start_ns).day
        end_ns: i64 = start_ns + size
        if self._keep_closed or not day.off_session:  # off session, the grid has bars only if they are kept
            grid_start, grid_end = bar_bounds(day, start_ns, size, self._anchor_ns)
            if grid_start == start_ns and grid_end < end_ns:
                end_ns = grid_end  # the seventh 4h bar of a 25-hour day lasts 1h
        self.start_ns = start_ns
        self.end_ns = end_ns
        last_ns = self._last_open(calendar, start_ns, end_ns)
        if last_ns == NEVER_NS:
            self.last_ns = end_ns - 1  # the gate then finds the market closed
            return False
        self.last_ns = last_ns
        first_ns = start_ns
        if not self._keep_closed:
            span = self._span_at(calendar, start_ns)
            while span.state != OPEN:  # skip closed time at its beginning
                first_ns = span.end_ns
                span = self._span_at(calendar, first_ns)
        self._check(symbol, calendar, size, first_ns, last_ns)
        span = self._span_at(calendar, last_ns)
        if end_ns != start_ns + size or last_ns != end_ns - 1 or start_ns < span.start_ns or span.day.grid is not None:
            return False
        self._known = symbol
        if self._known_from < span.start_ns:
            self._known_from = span.start_ns
        if self._known_to > span.end_ns:
            self._known_to = span.end_ns
        self._known_to -= size
        return True

    def _check(self, symbol: str, calendar: Calendar, size: i64, first_ns: i64, last_ns: i64) -> None:
        """Raise StraddlingBar unless `[first_ns, last_ns]` lies in one bar of each timeframe that is long enough.

        Sets `_known_from` and `_known_to` to the range for which those bars are all the same.
        """
        self._known_from = NEVER_NS
        self._known_to = TS_MAX_NS
        day = self._span_at(calendar, last_ns).day
        for rank in range(len(self._sizes)):
            if self._sizes[rank] < size:
                continue
            bar_start: i64 = day.start_ns
            if self._kinds[rank] == INTRADAY:
                bar_start, bar_end = bar_bounds(day, last_ns, self._sizes[rank], self._anchor_ns)
                if bar_start > self._known_from:
                    self._known_from = bar_start
                if bar_end < self._known_to:
                    self._known_to = bar_end
            elif first_ns >= bar_start:
                return  # in one day, and so in one week and one month
            else:
                bar_start = calendar.period_at(last_ns, self._kinds[rank]).start_ns
            if first_ns < bar_start:
                raise self._straddling(symbol, self._timeframes[rank], size, day, bar_start)

    def _straddling(self, symbol: str, timeframe: Timeframe, size: i64, day: Day, bar_start: i64) -> StraddlingBar:
        """Return the error that names the bar, the grid, and what would fit."""
        start_ns = self.start_ns
        what = f"{symbol}: the bar {_minute(start_ns)} to {_minute(start_ns + size)} UTC"
        if bar_start == day.start_ns:
            grid = f"{day.date} begins at {_minute(day.start_ns)} UTC"
            fits = "use a calendar whose trading day does not begin inside it"
            return StraddlingBar(
                f"{what} lies in two trading days ({grid}) and cannot be split: {fits}", start_ns=start_ns
            )
        origin = day.start_ns if self._anchor_ns < 0 else self._anchor_ns
        past = f":{(start_ns // MINUTE_NS) % 60:02d}"
        grid = f"bars of {timeframe} begin at :{(bar_start // MINUTE_NS) % 60:02d}"
        fits = f"use a calendar whose trading day begins at {past} past the hour, or leave out {timeframe}"
        if (bar_start - start_ns) % HOUR_NS == 0:  # the minutes are right, the hours are not
            grid = f"one begins at {_minute(bar_start)} UTC"
            before = f"whole bars of {_span(size)} before it"
            fits = f"use a calendar whose trading day begins {before}, or leave out {timeframe}"
        if self._anchor_ns < 0 and _fits(start_ns, size, timeframe.length_ns, UTC_GRID):
            fits = "use the anchor utc (--anchor utc)"
        elif (start_ns - origin) % size == 0:
            fits = f"use timeframes that are multiples of {_span(size)}"
        return StraddlingBar(
            f"{what} lies in two bars of {timeframe} ({grid}) and cannot be split: {fits}", start_ns=start_ns
        )

    def _last_open(self, calendar: Calendar, from_ns: i64, to_ns: i64) -> i64:
        """Return the last instant in `[from_ns, to_ns)` at which the market is open; NEVER_NS if it never is."""
        if self._keep_closed:
            return to_ns - 1
        span = self._span_at(calendar, to_ns - 1)
        if span.state == OPEN:
            return to_ns - 1
        return NEVER_NS if span.start_ns <= from_ns else calendar.last_open_ns(from_ns, span.start_ns)

    def _span_at(self, calendar: Calendar, ts_ns: i64) -> Span:
        """Return the span of *calendar* that *ts_ns* lies in."""
        span = self._span
        if span is None or calendar is not self._span_of or not span.start_ns <= ts_ns < span.end_ns:
            span = calendar.span_at(ts_ns)
            self._span = span
            self._span_of = calendar
        return span

    def _last_closed(self, calendar: Calendar, from_ns: i64, to_ns: i64) -> i64:
        """Return the last instant in `[from_ns, to_ns)` when the market is closed; the very last if it never is."""
        at = to_ns
        while at > from_ns:
            span = self._span_at(calendar, at - 1)
            if span.state != OPEN:
                return at - 1
            at = span.start_ns
        return to_ns - 1


def check_logged_bars(clock: BarClock, block: Block, names: list[str]) -> None:
    """Raise the error of `clock.place` for any bar in *block* that it rejects, in a log of another configuration.

    *names* are the log's symbols, by number.
    """
    heap = block.heap
    if not heap:
        return
    at: i64 = 0
    for i in range(block.count):
        tag: i64 = i64(read_i32_le(block.rows, i * ROW_BYTES + 12))
        after = heap_after(heap, at, tag)
        length = tag >> 16 & BAR_LENGTH
        if has_bar_head(tag) and length_kind(length) == INTRADAY:
            head = after - BAR_HEAD_BYTES - (TIME_BYTES if tag >> 8 & RECEIVED else 0)
            clock.place(names[block.symbol_at(i)], length, read_i64_le(heap, head), 0)
        at = after


def _fits(start_ns: i64, size: i64, length: i64, origin: i64) -> bool:
    """Return whether a bar lies in a single bar of *length*, on the grid that starts at *origin*."""
    return (start_ns - origin) // length == (start_ns + size - 1 - origin) // length


def _minute(ns: i64) -> str:
    moment = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(seconds=int(ns // SECOND_NS))
    return moment.strftime("%Y-%m-%d %H:%M" if ns % MINUTE_NS == 0 else "%Y-%m-%d %H:%M:%S")


def _span(size: i64) -> str:
    return Timeframe(f"{size // SECOND_NS}s").name


def _length_name(length: i64) -> str:
    kind = length_kind(length)
    return ("", "1d", "1w", "1mo")[kind] if kind != INTRADAY else _span(length_ns(length))
