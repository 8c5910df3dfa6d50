"""Acceptance: updates a symbol after an accepted event, moves clocks, and picks the price for its bars.

The same for ticks and for input bars. Owns the rules on which prices count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from librt.strings import read_f64_le
from mypy_extensions import i64, mypyc_attr

from mtf.bars.clocks import Clocks
from mtf.bars.gate_symbol import GateSymbol
from mtf.bars.judged_block import JudgedBlock
from mtf.bars.verdicts import ASK, AUTO, BID, LAST, MID, PRICE_MAX
from mtf.calendars.calendar import Calendar
from mtf.calendars.grid import DAY_START
from mtf.events.block import BOTH_SIDES, FROM_BAR, HAS_ASK, HAS_BID, LIVE, ORDERED, ROW_BYTES, TRADE
from mtf.timeframe import Timeframe
from mtf.units import NEVER_NS

__all__ = ["Acceptance"]


@mypyc_attr(native_class=True)
class Acceptance(Clocks):
    """The symbols of one gate, and how accepted events change them.

    A price counts if it lies between -*price_max* and *price_max* and, unless *any_price*, is above 0. With
    *accept_late*, a late tick still counts in a bar that is still open. The other settings are as in `Clocks`.
    """

    __slots__ = ("_accept_late", "_price_max", "_price_min")

    def __init__(
        self,
        calendar_of: Callable[[str], Calendar],
        timeframes: Sequence[Timeframe],
        *,
        anchor_ns: i64 = DAY_START,
        side: i64 = AUTO,
        keep_closed: bool = False,
        accept_late: bool = False,
        any_price: bool = False,
        price_max: float = PRICE_MAX,
        delay_of: Callable[[str], int] | None = None,
    ) -> None:
        super().__init__(
            calendar_of, timeframes, anchor_ns=anchor_ns, side=side, keep_closed=keep_closed, delay_of=delay_of
        )
        self._accept_late: Final = accept_late
        self._price_min: Final[float] = -price_max if any_price else 0.0
        self._price_max: Final[float] = price_max

    def _accept(
        self, judged: JudgedBlock, symbol: GateSymbol, i: i64, ts_ns: i64, start_ns: i64, kind: i64, flags: i64
    ) -> None:
        """Update the symbol of an accepted tick, except for its clock, and move the clocks of other symbols."""
        symbol.live = flags & LIVE != 0
        symbol.unsteady = flags & (LIVE | ORDERED) != 0
        self._decide(symbol, start_ns, kind, flags)
        if flags & ORDERED:
            judged.has_ordered = True
            if not symbol.ordered:
                symbol.ordered = True
                symbol.due_ns = NEVER_NS
                self._find_due(symbol, ts_ns)
            if ts_ns > self.run_ns:
                self.run_ns = ts_ns
            if ts_ns >= self._due_ns:
                self._close_due(judged, i, ts_ns, symbol)
        elif symbol.ordered:
            symbol.ordered = False

    def _decide(self, symbol: GateSymbol, start_ns: i64, kind: i64, flags: i64) -> None:
        """On the first accepted tick of a symbol, set its first instant and what its bars are made of."""
        if symbol.instrument.first_ns == NEVER_NS:
            symbol.instrument.first_ns = start_ns
        if symbol.side == AUTO:
            symbol.side = LAST if kind == TRADE else MID
            symbol.instrument.side = symbol.side
            symbol.by_bar = flags & FROM_BAR != 0

    def _applied(self, symbol: GateSymbol, ts_ns: i64, finest: bool) -> None:
        """Remember the bounds of the bars that an event at *ts_ns* changes, if they will be needed."""
        if self._accept_late and finest and not symbol.finest_start <= ts_ns < symbol.finest_end:
            symbol.finest_start, symbol.finest_end = self._bounds(symbol, 0, ts_ns)
        if symbol.ordered and (ts_ns >= symbol.ends[0] or symbol.due_ns == NEVER_NS):
            self._find_due(symbol, ts_ns)

    def _still_open(self, symbol: GateSymbol, ts_ns: i64, clock: i64) -> bool:
        """Return whether the finest bar that contains *ts_ns* is still open at *clock*."""
        if symbol.finest_start <= ts_ns < symbol.finest_end:
            return clock < symbol.finest_end
        if ts_ns < symbol.tick_ns:
            return False  # in an earlier bar than the newest tick
        return clock < self._bounds(symbol, 0, ts_ns)[1]

    def _price(self, judged: JudgedBlock, side: i64, i: i64, kind: i64, sides: i64) -> bool:
        """Set price and volume of a row on the side that bars are made of; return False if it has no price there."""
        rows = judged.block.rows
        base: i64 = i * ROW_BYTES + 16
        if kind == TRADE:
            if side != LAST:
                return False
            judged.prices[i] = read_f64_le(rows, base)
            judged.volumes[i] = read_f64_le(rows, base + 8)
        elif side == MID:
            if sides != BOTH_SIDES:
                return False
            judged.prices[i] = (read_f64_le(rows, base) + read_f64_le(rows, base + 8)) * 0.5
            judged.volumes[i] = read_f64_le(rows, base + 16) + read_f64_le(rows, base + 24)
        elif side == BID:
            if not sides & HAS_BID:
                return False
            judged.prices[i] = read_f64_le(rows, base)
            judged.volumes[i] = read_f64_le(rows, base + 16)
        elif side == ASK and sides & HAS_ASK:
            judged.prices[i] = read_f64_le(rows, base + 8)
            judged.volumes[i] = read_f64_le(rows, base + 24)
        else:
            return False
        return True
