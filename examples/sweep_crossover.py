"""Which two averages would have been best? A crossover under every pair of periods, all processors at work.

The consumer is long one unit while the first average of the 15m closes is above the second, and flat otherwise. It
buys at the ask of the tick that revealed the close, and sells at the bid. Which two averages those are is up to the
configuration: a sweep replays the same log under each. What `result` returns is a row of its table.

    python examples/sweep_crossover.py [DIR]

DIR is a data directory of mtf; without it, the log is that of a simulated market in `crossover-run`. The table is
`crossover-sweep/results.parquet`. Run again it computes nothing, and stopped halfway it goes on. The same as a command:

    cd examples; mtf sweep DIR --set 'indicators=sma:{5..15..5},sma:{20,40}' --consumer sweep_crossover:Crossover
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import mtf
from mtf.sweep import sweep

TIMEFRAME = "15m"
PAIRS = [f"sma:{fast},sma:{slow}" for fast in (5, 10, 15) for slow in (20, 40)]
SYNTHETIC = "synthetic:seed=3,symbols=EURUSD,events=40000,pace_ms=15000,start=2024-03-06"


class Crossover(mtf.Consumer):
    """Holds one unit or nothing of each symbol."""

    def __init__(self) -> None:
        self.wanted: dict[str, int] = {}  # by symbol: the position that the last close asks for
        self.bought: dict[str, float] = {}  # by symbol that is held: at which price
        self.gains: list[float] = []  # of each round trip

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        if bar.timeframe == TIMEFRAME:
            fast, slow = view[TIMEFRAME].completed.values()[:2]
            self.wanted[bar.symbol] = int(fast > slow)  # false as long as one of them is NaN

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        symbol = tick.symbol
        wanted, held = self.wanted.get(symbol, 0), symbol in self.bought
        if wanted and not held and tick.ask is not None:
            self.bought[symbol] = tick.ask
        elif held and not wanted and tick.bid is not None:
            self.gains.append(tick.bid - self.bought.pop(symbol))

    def result(self) -> dict[str, float | int]:
        """Return the row of the table: round trips that are over, and what they brought."""
        total = worst = top = 0.0
        for gain in self.gains:
            total += gain
            top = max(top, total)
            worst = max(worst, top - total)
        return {"trips": len(self.gains), "profit": total, "drawdown": worst}


async def compare(log: str) -> None:
    """Sweep *log*, and print the pairs, the best first."""
    if not Path(log).exists():  # noqa: ASYNC240 - nothing else runs yet
        async with mtf.Pipeline(data=log, timeframes="1m,15m,1h", clock="ticks") as pipeline:
            await pipeline.run(SYNTHETIC)
    report = await sweep(log, settings={"indicators": PAIRS}, consumer=Crossover, out="crossover-sweep")
    for row in sorted(report.rows, key=lambda row: -float(row.get("profit") or 0.0)):
        if row["error"] is None:
            print(f"{row['indicators']}  {row['trips']} trips  {row['profit']:+.5f}  drawdown {row['drawdown']:.5f}")
        else:
            print(f"{row['indicators']}  {row['error']}")
    print(f"{report.done} done now, {report.skipped} before, {report.failed} failed: {report.out}")


if __name__ == "__main__":
    asyncio.run(compare(sys.argv[1] if len(sys.argv) > 1 else "crossover-run"))
