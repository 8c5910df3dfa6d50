"""A simulated market that has traded for two months, up to now, and continues: what `mtf demo` shows.

Owns the times of quotes; the price steps are those of `SyntheticMarket`, scaled up if more time lies between two
quotes, so that both a minute's bar and a day's bar look real. The same seed, prices and time give the same market. It
has no clock: callers pass the time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from typing import Final

from mtf.events.tick import Tick
from mtf.sources.synthetic import SyntheticMarket
from mtf.units import SECOND_NS

__all__ = ["DIGITS", "DemoMarket"]

DIGITS: Final = {"EURUSD": 5, "GBPUSD": 5, "USDJPY": 3, "AUDUSD": 5, "XAUUSD": 3}

HOUR_S: Final = 3_600
DAY_S: Final = 24 * HOUR_S
# The interval between quotes of a symbol, by their age: the oldest first.
PAST_S: Final = (
    (60 * DAY_S, HOUR_S), (6 * DAY_S, 600), (DAY_S, 120), (3 * HOUR_S, 15), (HOUR_S // 4, 4)
)  # fmt: skip
USUAL_S: Final = 0.5  # the interval between two quotes of a symbol for which steps are not scaled
SHORTEST_S: Final = 0.01
POINTS: Final = 110_000  # of a euro in dollars
CALM: Final = 0.35  # scales the steps of `SyntheticMarket`: an ordinary day moves half a per cent
WRONG_ONE_IN: Final = 400  # quotes that come too late or without a price, to show what happens to them
LATE_S: Final = 40


class _Walk:
    """One symbol: its price, and the market that gives its steps."""

    def __init__(self, symbol: str, seed: int, price: float | None) -> None:
        self._steps: Final = iter(SyntheticMarket(seed, [symbol], events=1 << 40))
        first = next(self._steps)
        self._mid = first.mid or 1.0  # of the market behind it
        # In that market a step is a few points of any value; here, scaled to points of a euro's price.
        self._factor: Final = CALM * self._mid * 10 ** DIGITS[symbol] / POINTS
        self.price = self._mid if price is None else price
        self.digits: Final = DIGITS[symbol]
        self.newest_ns = 0

    def step(self, ts_ns: int) -> tuple[float, float]:
        """Advance to *ts_ns*; return bid and ask."""
        quote = next(self._steps)
        mid = quote.mid or self._mid
        gone_s = max(SHORTEST_S, (ts_ns - self.newest_ns) / SECOND_NS) if self.newest_ns else USUAL_S
        self.price *= 1 + self._factor * (mid - self._mid) / self._mid * math.sqrt(gone_s / USUAL_S)
        self._mid, self.newest_ns = mid, ts_ns
        half = ((quote.ask or mid) - (quote.bid or mid)) / mid * self.price / 2
        return round(self.price - half, self.digits), round(self.price + half, self.digits)


class DemoMarket:
    """Quotes of the symbols in DIGITS; *prices* are those to continue from, *since_ns* when each was last traded."""

    def __init__(self, *, seed: int = 1, prices: Mapping[str, float] | None = None, since_ns: int = 0) -> None:
        self._random: Final = random.Random(seed)
        self._since_ns: Final = since_ns
        known = prices or {}
        self._walks: Final = {
            symbol: _Walk(symbol, seed + k, known.get(symbol)) for k, symbol in enumerate(DIGITS, start=1)
        }

    def past(self, now_ns: int) -> Iterator[Tick]:
        """Yield the quotes before *now_ns*, in order of time: sparse at first, denser towards the end."""
        for ts_ns, symbol in self._times(now_ns):
            yield self._quote(symbol, ts_ns)

    def next_tick(self, now_ns: int) -> Tick:
        """Return the quote at *now_ns*: of any symbol, rarely a bad one."""
        symbol = self._random.choice(tuple(self._walks))
        dice = self._random.randrange(WRONG_ONE_IN)
        if dice == 0:
            return Tick(symbol, now_ns - LATE_S * SECOND_NS, *self._walks[symbol].step(now_ns))
        if dice == 1:
            return Tick(symbol, now_ns, 0.0, 0.0)
        return self._quote(symbol, now_ns)

    def wait_s(self, rate: float) -> float:
        """Return the time until the next quote, with *rate* quotes per second on average."""
        return min(self._random.expovariate(rate), 4 / rate)

    def _times(self, now_ns: int) -> list[tuple[int, str]]:
        oldest_ns = now_ns - PAST_S[0][0] * SECOND_NS
        found = [(oldest_ns + k, symbol) for k, symbol in enumerate(self._walks)]  # symbols are listed as they appear
        for k, (ago_s, each_s) in enumerate(PAST_S):
            until_s = PAST_S[k + 1][0] if k + 1 < len(PAST_S) else each_s
            for slot_s in range(ago_s, until_s, -each_s):
                start_ns = now_ns - slot_s * SECOND_NS
                for symbol in self._walks:
                    found.append((start_ns + self._random.randrange(SECOND_NS, each_s * SECOND_NS), symbol))
        return sorted(each for each in found if each[0] > self._since_ns)

    def _quote(self, symbol: str, ts_ns: int) -> Tick:
        bid, ask = self._walks[symbol].step(ts_ns)
        return Tick(symbol, ts_ns, bid, ask, self._random.randrange(1, 64) / 8, self._random.randrange(1, 64) / 8)
