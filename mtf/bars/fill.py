"""Filled bars: the flat ones that stand for silence in an open market, where somebody asks for them.

Pure, and made lazily, one at a time. The aggregator never makes any: no tick, no bar. A filled bar has the close before
it as all four prices, no volume and no ticks, and says so (`filled`).
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
    """Yield the bars that lie between *previous* and *bar*, two bars of one symbol and timeframe, oldest first.

    One for each bar of the grid (see `mtf.calendars.grid` for *anchor_ns*) in which the market was open at some time;
    none for one that is all closed, holiday or break, nor for an off-session day. The `gap` of a filled bar is what was
    closed between the bar before, filled or not, and it.
    """
    assert previous.symbol == bar.symbol, "bars of one symbol"
    assert previous.timeframe == bar.timeframe, "bars of one timeframe"
    assert previous.end_ns <= bar.start_ns, "the earlier bar first"
    timeframe = bar.timeframe
    told_ns = at = previous.end_ns  # end of the bar before; where to look next
    while at < bar.start_ns:
        span = calendar.span_at(at)
        if not span.open:
            at = span.end_ns
            continue
        period = calendar.period_at(at, timeframe.kind)
        start_ns, end_ns = period.start_ns, period.end_ns
        if timeframe.kind == INTRADAY:
            start_ns, end_ns = bar_bounds(period, at, timeframe.length_ns, anchor_ns)
        # A bar before of a day that was cut otherwise (a calendar that changed) may reach into the grid's first one.
        if start_ns >= told_ns and end_ns <= bar.start_ns:
            yield _flat(previous, start_ns, end_ns, period, _closed(calendar, told_ns, start_ns))
            told_ns = end_ns
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
