"""`run(iterable)` beside a tidy loop in plain Python, on the same ticks: nanoseconds of CPU a tick, six timeframes.

The loop is what one writes first and well: a class of bars, one of timeframes, no calendar, no frames, no log. The
smallest of several rounds, both in turn in one process. Ends with an error if mtf takes more than half of the loop's
time, once or several times per symbol, for few symbols or many.
"""

from __future__ import annotations

import asyncio
import random
import sys
from functools import partial

from market import START_NS, head, in_turn, row, timed

import mtf
from mtf.units import SECOND_NS

TICKS = 100_000
ROUNDS = 5
BOUND = 0.5
LENGTHS_S = (60, 300, 900, 3_600, 14_400, 86_400)
CASES = ((1, 0.5), (1, 500.0), (1_000, 0.5), (1_000, 500.0))  # symbols, seconds between two ticks of one


class Bar:
    """A bar of the loop."""

    __slots__ = ("close", "end_ns", "high", "low", "open", "start_ns", "symbol", "ticks", "volume")

    def __init__(self, symbol: str, start_ns: int, end_ns: int, price: float, volume: float) -> None:
        self.symbol = symbol
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.open = self.high = self.low = self.close = price
        self.volume = volume
        self.ticks = 1

    def update(self, price: float, volume: float) -> None:
        if price > self.high:
            self.high = price
        if price < self.low:
            self.low = price
        self.close = price
        self.volume += volume
        self.ticks += 1


class Timeframe:
    """A timeframe of the loop, with its bars of all symbols."""

    def __init__(self, seconds: int) -> None:
        self.length_ns = seconds * SECOND_NS
        self.forming: dict[str, Bar] = {}
        self.closed: list[Bar] = []

    def tick(self, symbol: str, ts_ns: int, price: float, volume: float) -> None:
        bar = self.forming.get(symbol)
        if bar is not None and ts_ns < bar.end_ns:
            bar.update(price, volume)
            return
        if bar is not None:
            self.closed.append(bar)
        start_ns = ts_ns - ts_ns % self.length_ns
        self.forming[symbol] = Bar(symbol, start_ns, start_ns + self.length_ns, price, volume)


def by_hand(ticks: list[mtf.Tick]) -> None:
    timeframes = [Timeframe(seconds) for seconds in LENGTHS_S]
    for tick in ticks:
        assert tick.bid is not None, "a quote has a bid"
        assert tick.ask is not None, "a quote has an ask"
        price, volume = (tick.bid + tick.ask) / 2, tick.bid_size + tick.ask_size
        for timeframe in timeframes:
            timeframe.tick(tick.symbol, tick.ts_ns, price, volume)


def by_mtf(ticks: list[mtf.Tick]) -> None:
    async def run() -> None:
        async with mtf.Pipeline(calendar="crypto") as pipeline:
            await pipeline.run(ticks)

    asyncio.run(run())


def market(symbols: int, seconds: float) -> list[mtf.Tick]:
    """Return a walk of each of the *symbols*, in turn; each has a tick every *seconds*."""
    rng = random.Random(1)
    prices = [110_000] * symbols
    step_ns = int(seconds * SECOND_NS / symbols)
    found = []
    for i in range(TICKS):
        number = i % symbols
        prices[number] += rng.choice((-1, 0, 1))
        bid = prices[number] / 1e5
        sizes = rng.randrange(1, 64) / 8, rng.randrange(1, 64) / 8
        found.append(mtf.Tick(f"S{number:05}", START_NS + i * step_ns, bid, bid + 1e-4, *sizes))
    return found


def main() -> int:
    head("`run(iterable)`, ns a tick", "a loop in plain Python", "mtf", "mtf over the loop", "bound")
    within = True
    for symbols, seconds in CASES:
        ticks = market(symbols, seconds)
        works = [timed(partial(each, ticks)) for each in (by_hand, by_mtf)]
        hand, ours = (min(taken) / TICKS * 1e9 for taken in in_turn(ROUNDS, *works))
        label = f"{symbols:,} symbol{'s' if symbols > 1 else ''}, a tick each {seconds:g} s"
        row(label, f"{hand:,.0f}", f"{ours:,.0f}", f"{ours / hand:.2f}", f"{BOUND}")
        within = within and ours <= BOUND * hand
    if within:
        return 0
    print("\na figure is over its bound", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
