"""What consumers that misbehave cost the one beside them, and what those cost that asked for something else.

A strategy beside five that are slow, crash, block, hang or do not read: its lag from push to `on_tick`, alone and
with them, in turn; and the memory. Then what a push costs beside fifty readers of `1d`, and after a thousand have gone.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time

from market import head, median, quantile, quotes, row

import mtf

TICKS = 3_000
WARM = 300
EVERY_S = 0.0005  # between two ticks: 2,000 a second
ROUNDS = 5
MEDIAN_MAX = 1.5  # times the lag of alone
P99_MAX = 2.0
GROWTH_MAX_KB = 8_192
PUSHES = 20_000
READERS_MAX = 1.25  # times the cost of a push
GONE_MAX = 1.15


class Strategy(mtf.Consumer):
    """Notes when it was shown a tick."""

    def __init__(self) -> None:
        self.shown_s = 0.0

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.shown_s = time.perf_counter()


class Dashboard(mtf.Consumer):
    """Awaits 20 ms a tick."""

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await asyncio.sleep(0.02)


class Crashes(mtf.Consumer):
    """Raises at each tick."""

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        raise ValueError("a planted error")


class Blocks(mtf.Consumer):
    """Blocks a second a tick."""

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        time.sleep(1)


class Hangs(mtf.Consumer):
    """Never returns."""

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await asyncio.Event().wait()


class Days(mtf.Consumer):
    """Asks for bars of few timeframes."""

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        pass


def resident_kb() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


async def lags(beside: bool) -> tuple[list[float], list[str], int]:
    """Return the strategy's lags in µs, what the statistics say of the others, and the growth of memory in KB."""
    strategy, hangs = Strategy(), Hangs()
    found: list[float] = []
    async with mtf.Pipeline(clock="ticks", calendar="crypto") as p:
        p.add(strategy)
        if beside:
            p.add(Dashboard(), policy="latest", on_error="detach")
            p.add(Crashes(), on_error="restart")
            p.add(Blocks(), policy="latest", thread=True, on_error="detach")
            p.add(hangs, policy="drop", on_error="detach")
        unread = p.bars("1m", policy="drop", limit=8) if beside else None
        before_kb = 0
        for number, (ts_ns, bid, ask, bid_size, ask_size) in enumerate(quotes(TICKS + WARM)):
            tick = mtf.Tick("EURUSD", ts_ns, bid, ask, bid_size, ask_size)
            begun = time.perf_counter()
            await p.push(tick)
            found.append((strategy.shown_s - begun) * 1e6)
            if number == WARM:
                before_kb = resident_kb()
            await asyncio.sleep(EVERY_S)
        growth_kb = resident_kb() - before_kb
        said = [
            f"{each.name.partition(' ')[0]}: {each.state}, lag {each.lag:,}, dropped {each.dropped:,}, conflated "
            f"{each.conflated:,}, failures {each.failures}"
            for each in p.consumers
            if each.name != "Strategy"
        ]
        if unread is not None:
            await unread.aclose()
            _ = p.remove(hangs)  # else the end waits its ten seconds for it
    return found[WARM:], said, growth_kb


async def push_us(readers: int, gone: int) -> float:
    """Return the median cost of a push in µs, with *readers* of `1d` and after *gone* have come and gone."""
    async with mtf.Pipeline(clock="ticks", calendar="crypto") as p:
        p.add(Strategy())
        for number in range(readers):
            p.add(Days(), name=f"days {number}", timeframes="1d")
        for number in range(gone):
            visitor = Days()
            p.add(visitor, name=f"visitor {number}", timeframes="1m" if number % 2 else None)
            await p.remove(visitor)
        found = []
        for ts_ns, bid, ask, bid_size, ask_size in quotes(PUSHES):
            tick = mtf.Tick("EURUSD", ts_ns, bid, ask, bid_size, ask_size)
            begun = time.perf_counter()
            await p.push(tick)
            found.append((time.perf_counter() - begun) * 1e6)
        return median(found)


def main() -> int:
    logging.getLogger("mtf").setLevel(logging.CRITICAL)
    alone: list[list[float]] = []
    beside: list[list[float]] = []
    growth_kb, said = 0, [""]
    asyncio.run(lags(False))
    for _ in range(ROUNDS):
        alone.append(asyncio.run(lags(False))[0])
        figures, said, grown = asyncio.run(lags(True))
        beside.append(figures)
        growth_kb = max(growth_kb, grown)
    head("lag of a strategy, µs", "alone", "beside five that misbehave", "times", "bound")
    over = 0
    for name, share, bound in (("median", 0.5, MEDIAN_MAX), ("p99", 0.99, P99_MAX)):
        first = median([quantile(each, share) for each in alone])
        second = median([quantile(each, share) for each in beside])
        row(name, f"{first:.1f}", f"{second:.1f}", f"{second / first:.2f}", f"{bound}")
        over += second / first > bound
    row("memory grown, KB", "", f"{growth_kb:,}", "", f"{GROWTH_MAX_KB:,}")
    over += growth_kb > GROWTH_MAX_KB
    print()
    for line in said:
        print(f"- {line}")
    print()
    costs: dict[str, list[float]] = {"alone": [], "readers": [], "gone": []}
    for _ in range(ROUNDS):
        costs["alone"].append(asyncio.run(push_us(0, 0)))
        costs["readers"].append(asyncio.run(push_us(50, 0)))
        costs["gone"].append(asyncio.run(push_us(0, 1000)))
    first = min(costs["alone"])
    head("a push, µs", "median", "times", "bound")
    row("one consumer", f"{first:.2f}", "", "")
    for name, key, bound in (
        ("and fifty readers of `1d`", "readers", READERS_MAX),
        ("after 1,000 have come and gone", "gone", GONE_MAX),
    ):
        cost = min(costs[key])
        row(name, f"{cost:.2f}", f"{cost / first:.2f}", f"{bound}")
        over += cost / first > bound
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
