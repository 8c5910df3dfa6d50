"""A strategy on two timeframes that can be stopped at any moment and goes on as if nothing had happened.

It holds a long position while the fast average of the 5m closes is above the slow one, as long as the price is above
the average of the hours, the forming one included. It decides when a 5m bar closes, and its paper order is filled by
the tick that revealed the close: at the ask to buy, at the bid to sell.

    python examples/crossover.py eurusd.csv --data paper/

Run the same command again after a stop, a crash, or once the file has grown: mtf keeps what `save` returns in its
checkpoints, gives it back to `load`, and shows the strategy exactly the events that came since. Without arguments it
runs on a synthetic market and keeps nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json

import mtf

FAST, SLOW, TREND = "ema_10", "ema_30", "sma_20"
SYNTHETIC = "synthetic:seed=3,symbols=EURUSD,events=40000,pace_ms=15000,start=2024-03-06"


class Crossover(mtf.Consumer):
    """Holds one unit or nothing of each symbol."""

    def __init__(self) -> None:
        self.wanted: dict[str, int] = {}  # by symbol: the position that the last 5m close asks for
        self.held: dict[str, int] = {}  # by symbol: the position
        self.trades: list[tuple[int, str, int, float]] = []  # time in ns, symbol, change of the position, price

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        if bar.timeframe != "5m":
            return
        averages, hour = view["5m"].completed, view["1h"]
        # The values are NaN until enough bars have closed, and a comparison with NaN is false: no position.
        long = averages[FAST] > averages[SLOW] and bar.close > hour.live[TREND]
        self.wanted[bar.symbol] = int(long)

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        change = self.wanted.get(tick.symbol, 0) - self.held.get(tick.symbol, 0)
        price = tick.ask if change > 0 else tick.bid
        if change and price is not None:
            self.held[tick.symbol] = self.wanted[tick.symbol]
            self.trades.append((tick.ts_ns, tick.symbol, change, price))

    def save(self) -> bytes:
        return json.dumps([self.wanted, self.held, self.trades]).encode()

    def load(self, state: bytes) -> None:
        self.wanted, self.held, trades = json.loads(state)
        self.trades = [(ts_ns, symbol, change, price) for ts_ns, symbol, change, price in trades]

    @property
    def cash(self) -> float:
        """What the trades have brought so far; an open position is not counted."""
        return -sum(change * price for _, _, change, price in self.trades)


async def trade(source: str, data: str | None, strategy: Crossover) -> None:
    """Run *strategy* on *source*, and on from where it was if *data* has a part of it already."""
    pipeline = mtf.Pipeline(data=data, timeframes="5m,1h", indicators="ema:10,ema:30,sma:20", clock="ticks")
    async with pipeline:
        pipeline.add(strategy)
        await pipeline.run(source)


def main() -> None:
    parser = argparse.ArgumentParser(description="A crossover on two timeframes, with paper positions.")
    parser.add_argument("source", nargs="?", default=SYNTHETIC, help="a file of quotes, or a synthetic market")
    parser.add_argument("--data", help="directory in which the run is kept, to go on from there")
    args = parser.parse_args()
    strategy = Crossover()
    asyncio.run(trade(args.source, args.data, strategy))
    for ts_ns, symbol, change, price in strategy.trades:
        print(f"{ts_ns} {symbol} {change:+d} at {price:.5f}")
    held = ", ".join(symbol for symbol, units in strategy.held.items() if units)
    print(f"{len(strategy.trades)} trades, cash {strategy.cash:+.5f}, holding {held or 'nothing'}")


if __name__ == "__main__":
    main()
