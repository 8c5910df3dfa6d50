"""Feeds whose events arrive too late to be live, or before their stamps: reported once, with a remedy."""

from __future__ import annotations

from typing import Final

from mtf.units import MINUTE_NS

__all__ = ["AHEAD_NS", "Lateness"]

WATCHED_NS: Final = MINUTE_NS  # how long a feed has to be late, by the wall clock, before it is reported
EVENTS: Final = 10  # and with how many events
AHEAD_NS: Final = 1_000_000_000  # an event stamped this long after its arrival shows that two clocks differ
SYMBOLS_MAX: Final = 10_000  # watched at once


class Lateness:
    """Watches pushed events that are not live: a backfill catches up with the wall clock, a late feed does not."""

    def __init__(self) -> None:
        self._first: Final[dict[str, tuple[int, int]]] = {}  # arrival and lag of the first late event, by symbol
        self._counts: Final[dict[str, int]] = {}  # late events since then
        self._named: Final[set[str]] = set()
        self._ahead: Final[set[str]] = set()  # symbols reported for stamps in the future

    def note(self, symbol: str, lag_ns: int, arrival_ns: int) -> str | None:
        """Count an event that is *lag_ns* too late to be live; return a sentence, once, when its feed is known late."""
        if symbol in self._named or len(self._first) >= SYMBOLS_MAX:
            return None
        first = self._first.get(symbol)
        if first is None or lag_ns < first[1] // 2:  # it is catching up
            self._first[symbol] = (arrival_ns, lag_ns)
            self._counts[symbol] = 0
            return None
        self._counts[symbol] += 1
        if arrival_ns - first[0] < WATCHED_NS or self._counts[symbol] < EVENTS:
            return None
        self._named.add(symbol)
        del self._first[symbol], self._counts[symbol]
        return (
            f"{symbol}: its events arrive {lag_ns / 1e9:.1f} s later than they should, so its bars are closed by its "
            "own ticks and not by the clock; set delay_ns to the feed's delay, or use a larger grace_ns"
        )

    def note_ahead(self, symbol: str, ahead_ns: int) -> str | None:
        """Note an event that arrived *ahead_ns* before its stamp; return a sentence, once per symbol."""
        if symbol in self._ahead or len(self._ahead) >= SYMBOLS_MAX:
            return None
        self._ahead.add(symbol)
        return (
            f"{symbol}: an event is stamped {ahead_ns / 1e9:.1f} s after its arrival, so the clocks of its feed and of "
            "this machine differ; set the clock right, or its bars will close early"
        )
