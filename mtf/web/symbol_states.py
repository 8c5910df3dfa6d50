"""The state of a symbol in a word: open, silent, closed, or rejecting."""

from __future__ import annotations

from typing import Any, Final

from mtf.calendars.day import OPEN
from mtf.units import SECOND_NS
from mtf.web.market import Market
from mtf.web.past import Past

__all__ = ["STATES", "SymbolStates"]

STATES: Final = ("open", "silent", "closed", "rejecting")
SILENT_NS: Final = 60 * SECOND_NS  # of the market's time without a tick
REJECTING_NS: Final = 300 * SECOND_NS  # of the market's time since the newest rejected tick


class SymbolStates:
    """The states of the symbols of *market*; *past* knows when a tick was last rejected."""

    def __init__(self, market: Market, past: Past) -> None:
        self._market: Final = market
        self._past: Final = past
        self._open: dict[int, bool] = {}
        self._open_ns = -1
        self._columns: dict[str, Any] | None = None  # as last requested

    def of(self, symbol: str, time_ns: int) -> str:
        """Return the state of *symbol*, whose newest event is stamped *time_ns*, at the market's newest stamp."""
        newest_ns = self._market.newest_ns
        if newest_ns != self._open_ns:
            self._open_ns, self._open = newest_ns, {}
        calendar = self._market.calendar(symbol)
        is_open = self._open.get(id(calendar))
        if is_open is None:
            is_open = self._open[id(calendar)] = newest_ns < 0 or calendar.span_at(newest_ns).state == OPEN
        if not is_open:
            return "closed"
        rejected_ns = self._past.rejects.last_ns.get(symbol)
        if rejected_ns is not None and newest_ns - rejected_ns <= REJECTING_NS:
            return "rejecting"
        return "silent" if newest_ns - time_ns > SILENT_NS else "open"

    def columns(self) -> dict[str, Any]:
        """Return names, ticks and states (as indexes into `STATES`) of all symbols, in order of appearance."""
        if self._columns is not None and self._columns["seq"] == self._market.seq:
            return self._columns
        names, ticks, codes = [], [], []
        for name in self._market.symbols():
            snapshot = self._market.snapshot(name)
            names.append(name)
            ticks.append(snapshot.counts.ticks)
            codes.append(STATES.index(self.of(name, int(snapshot.time_ns))))
        self._columns = {
            "seq": self._market.seq,
            "symbols": names,
            "ticks": ticks,
            "words": STATES,
            "states": codes,
        }
        return self._columns
