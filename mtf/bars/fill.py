"""Filled bars: flat bars for times when an open market had no ticks, made only on request.

Pure and lazy, one bar at a time. The aggregator never makes any: no tick, no bar. All four prices of a filled bar are
the close before it; it has no volume and no ticks, and `filled` is set.
"""

from __future__ import annotations

from collections.abc import Iterator

from mtf.bars.bar import Bar
from mtf.calendars.calendar import Calendar
from mtf.calendars.day import Day, Gap
from mtf.calendars.grid import DAY_START, bar_bounds
from mtf.timeframe import INTRADAY

__all__ = ["fill"]


def fill(previous: Bar, bar: Bar, calendar: Calendar, anchor_ns: int = DAY_START) -> Iterator[Bar]:
    """Yield the missing bars between *previous* and *bar*, two bars of the same symbol and timeframe, oldest first.

    One for each bar of the grid (see `mtf.calendars.grid` for *anchor_ns*) during which the market was open at some
    time, so none for a holiday, a break or an off-session day. The `gap` of a filled bar is the closed time between the
    bar before it, filled or not, and itself.
    """
    assert previous.symbol == bar.symbol, "both bars must be of one symbol"
    assert previous.timeframe == bar.timeframe, "both bars must be of one timeframe"
    assert previous.end_ns <= bar.start_ns, "the earlier bar must come first"
    timeframe = bar.timeframe
    last_end_ns = at = previous.end_ns  # end of the bar before; where to look next
    while at < bar.start_ns:
        span = calendar.span_at(at)
        if not span.open:
            at = span.end_ns
            continue
        period = calendar.period_at(at, timeframe.kind)
        start_ns, end_ns = period.start_ns, period.end_ns
        if timeframe.kind == INTRADAY:
            start_ns, end_ns = bar_bounds(period, at, timeframe.length_ns, anchor_ns)
        # If the calendar has changed, the bar before may overlap the first bar of the grid.
        if start_ns >= last_end_ns and end_ns <= bar.start_ns:
            yield _flat(previous, start_ns, end_ns, period, _closed(calendar, last_end_ns, start_ns))
            last_end_ns = end_ns
        at = end_ns


def _flat(previous: Bar, start_ns: int, end_ns: int, period: Day, gap: Gap | None) -> Bar:
    return Bar(
        symbol=previous.symbol,
        timeframe=previous.timeframe,
        start_ns=start_ns,
        end_ns=end_ns,
        open=previous.close,
        high=previous.close,
        low=previous.close,
        close=previous.close,
        trading_day=period.date,
        day_incomplete=previous.day_incomplete and previous.trading_day == period.date,
        filled=True,
        gap=gap,
    )


def _closed(calendar: Calendar, from_ns: int, to_ns: int) -> Gap | None:
    return calendar.gap(from_ns, to_ns) if from_ns < to_ns else None
