"""Bars of activity for the model: what a tick adds to a bar, and whether that fills it, in exact arithmetic.

Written from docs/bars-beyond-time.md alone. Amounts are fractions, so that nothing is rounded before a bar is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from mtf.bars.bar import Bar, PartialBar
from mtf.timeframe import DOLLARS, RANGE, TICKS, Timeframe
from tests.model.days import Bounds, Days
from tests.model.state import BarBuilder, Symbol, completed, partial_bar

__all__ = ["Activity", "partial_now"]

NO_END_NS: Final = 1 << 63
DECIMALS: Final = 12  # more than any price of the tests has


class Activity:
    """Fills bars of activity; *split*: the rest of a trade opens the next one; *daily*: they end with their day."""

    def __init__(self, days: Days, *, split: bool, daily: bool) -> None:
        self._days: Final = days
        self._split: Final = split
        self._daily: Final = daily
        self._amounts: Final[dict[tuple[str, str], Fraction]] = {}  # in the bar that forms, by symbol and timeframe

    def apply(
        self, symbol: Symbol, timeframe: Timeframe, clock_ns: int, traded: tuple[float, float], *, is_late: bool
    ) -> Iterator[Bar]:
        """Apply a tick, and yield each bar that it fills, out of the symbol's forming ones."""
        price, volume = traded
        size = Fraction(*timeframe.ratio)
        rest = Fraction(volume)
        value = abs(Fraction(price)) if timeframe.kind == DOLLARS else Fraction(1)
        key = symbol.name, timeframe.name
        ticks = 1  # it counts in the bar in which it begins
        while True:
            forming = symbol.forming[timeframe.name]
            if forming is None:
                forming = symbol.forming[timeframe.name] = self._opened(symbol, timeframe, clock_ns, price)
                self._amounts[key] = Fraction(0)
            forming.take_price(price, is_late=is_late)
            part = rest
            if self._split and timeframe.kind not in (TICKS, RANGE):
                part = min(rest, (size - self._amounts[key]) / value)
            forming.volume += float(part)
            forming.ticks += ticks
            if timeframe.kind == TICKS:
                self._amounts[key] += 1
            elif timeframe.kind == RANGE:
                # Prices are decimals: what they stand for is compared, not the floats next to it, nor the mid of two
                # such floats, which may be one further.
                high, low = (Fraction(str(round(price, DECIMALS))) for price in (forming.high, forming.low))
                self._amounts[key] = high - low
            else:
                self._amounts[key] += part * value
            if self._amounts[key] < size:
                return
            rest -= part
            ticks = 0
            forming.bounds = replace(forming.bounds, end_ns=clock_ns + 1)
            symbol.forming[timeframe.name] = None
            symbol.last_end_ns[timeframe.name] = clock_ns + 1
            yield completed(symbol, timeframe, forming)
            if not rest:
                return

    def share(self, symbol: Symbol, timeframe: Timeframe) -> float:
        """Return how much of the forming bar is filled."""
        forming = symbol.forming[timeframe.name]
        if forming is not None and timeframe.kind == RANGE:
            return (forming.high - forming.low) / timeframe.size  # of floats, as it is for people
        return float(self._amounts[symbol.name, timeframe.name] / Fraction(*timeframe.ratio))

    def _opened(self, symbol: Symbol, timeframe: Timeframe, clock_ns: int, price: float) -> BarBuilder:
        assert symbol.first_tick_ns is not None
        day = self._days.bounds(Timeframe("1d"), clock_ns)
        last_end_ns = symbol.last_end_ns.get(timeframe.name)
        gap = None if last_end_ns is None or last_end_ns >= clock_ns else self._days.gap(last_end_ns, clock_ns)
        closed = gap is not None and (gap.closed_ns or gap.holiday_ns or gap.break_ns)
        return BarBuilder(
            bounds=Bounds(
                clock_ns, day.end_ns if self._daily else NO_END_NS, day.date, day.off_session, day.day_start_ns
            ),
            first=last_end_ns is None,
            incomplete=False,
            day_incomplete=symbol.first_tick_ns > day.start_ns,
            gap=gap if closed else None,
            open=price,
            high=price,
            low=price,
            close=price,
            volume=0.0,
            ticks=0,
            torn_by_bars=False,
        )


def partial_now(symbol: Symbol, timeframe: Timeframe, forming: BarBuilder, now_ns: int, share: float) -> PartialBar:
    """Return the bar as if it closed now."""
    shown = replace(forming, bounds=replace(forming.bounds, end_ns=now_ns + 1))
    return partial_bar(symbol, timeframe, shown, now_ns, share)
