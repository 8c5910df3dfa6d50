"""The judge of the model: whether what arrives is accepted, and if it is not, why.

Where the rules leave a choice, a comment that begins with CHOICE says which one is made here and why.
"""

from __future__ import annotations

from typing import Final

from mtf.events.tick import Tick
from mtf.timeframe import Timeframe
from tests.builders import BarRow, Four
from tests.model.days import Days, Placed
from tests.model.rows import content, content_of_bar
from tests.model.state import Symbol

__all__ = ["CLOSED_MARKET", "DUPLICATE", "LATE", "LATE_OK", "OK", "PRICE", "PRICE_MAX", "UNFINISHED", "Judge"]

OK: Final = "ok"
LATE_OK: Final = "late_ok"
DUPLICATE: Final = "duplicate"
PRICE: Final = "price"
CLOSED_MARKET: Final = "closed"
LATE: Final = "late"
UNFINISHED: Final = "unfinished"

PRICE_MAX: Final = 1e12


class Judge:
    """Gives verdicts; *late* is reject or accept, *prices* positive or any. It changes nothing."""

    def __init__(self, days: Days, shortest: Timeframe, *, late: str, prices: str, price_max: float) -> None:
        assert late in ("reject", "accept")
        assert prices in ("positive", "any")
        self._days: Final = days
        self._shortest: Final = shortest
        self._accepts_late: Final = late == "accept"
        self._least: Final = -price_max if prices == "any" else 0.0  # prices lie between these two
        self._most: Final = price_max

    def tick(self, symbol: Symbol, tick: Tick, sides: tuple[bool, bool]) -> str:
        """Return the verdict on *tick*: the first reason that fits, or ok."""
        # The same id with other content is an event of its own, and counted.
        if tick.id is not None and (tick.id, content(tick)) in symbol.accepted:
            return DUPLICATE
        if not (self._is_price(tick.price) if tick.is_trade else any(sides)):
            return PRICE
        if not self._days.is_open(tick.ts_ns):
            return CLOSED_MARKET
        clock_ns = symbol.clock_ns
        if clock_ns is None or tick.ts_ns >= clock_ns:
            return OK
        # CHOICE: a late tick is accepted only if the bar of the shortest timeframe that it lies in is not over. One
        # that is older than another accepted tick changes what is there already: it needs a bar that forms, or there is
        # nothing to change. One that is late for a clock event alone is the newest tick all the same, and may open it.
        if not self._accepts_late or clock_ns >= self._days.bounds(self._shortest, tick.ts_ns).end_ns:
            return LATE
        if symbol.history_end_ns is not None and tick.ts_ns < symbol.history_end_ns:
            return LATE
        forming = symbol.forming[self._shortest.name]
        if symbol.newest_ns is None or tick.ts_ns >= symbol.newest_ns:
            return LATE_OK
        if forming is not None and forming.bounds.start_ns <= tick.ts_ns:
            return LATE_OK
        return LATE

    def bar(self, symbol: Symbol, row: BarRow, placed: Placed, has_price: bool) -> str:
        """Return the verdict on a whole bar."""
        # CHOICE: unfinished comes first: such a row will come again, complete.
        if row.forming:
            return UNFINISHED
        if content_of_bar(row, placed) in symbol.rows:
            return DUPLICATE
        if not has_price:
            return PRICE
        if not self._days.is_open(placed.last_ns):
            return CLOSED_MARKET
        # It is late, whole, if it starts before its symbol's clock. CHOICE: late="accept" speaks of ticks: a late bar
        # restates one that is known, and a mixture of the two would be neither.
        return LATE if symbol.clock_ns is not None and placed.start_ns < symbol.clock_ns else OK

    def usable(self, prices: Four | None) -> bool:
        return prices is not None and all(map(self._is_price, prices))

    def sides(self, tick: Tick) -> tuple[bool, bool]:
        """Return whether bid and ask are there and are prices."""
        return self._is_price(tick.bid), self._is_price(tick.ask)

    def _is_price(self, price: float | None) -> bool:
        return price is not None and self._least < price < self._most
