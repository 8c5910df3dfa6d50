"""An indicator of your own: how many standard deviations the close is from its mean.

    python examples/own_indicator.py eurusd.csv

Once it is registered, `zscore:20` works wherever a spec does: on every timeframe, live on every tick, in checkpoints,
in `mtf.resample`. A step may remember only what is in `state`, so the value of the forming bar leaves no trace, and
a saved indicator goes on to the last bit. `mtf.testing.IndicatorContract` tests that.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import mtf
from mtf.indicators import BarNow, Declaration, PythonIndicator, Whole, register

SYNTHETIC = "synthetic:seed=3,symbols=EURUSD,events=40000,pace_ms=15000,start=2024-03-06"


class ZScore(PythonIndicator):
    """(close - mean) / standard deviation of the last n closes; 0 in a flat market."""

    declares = Declaration(
        name="zscore",
        title="Z-score",
        group="custom",
        source="an example",
        formula="(close - mean) / population standard deviation of the last n closes",
        params=(Whole("period", 20),),
    )

    def step(self, state: list[Any], bar: BarNow) -> float:
        period = int(self.params["period"])
        state.append(bar.close)
        del state[:-period]
        if len(state) < period:
            return math.nan
        mean = math.fsum(state) / period
        deviation = math.sqrt(math.fsum((close - mean) ** 2 for close in state) / period)
        return (bar.close - mean) / deviation if deviation > 0.0 else 0.0


register(ZScore)


def main() -> None:
    source = sys.argv[1] if len(sys.argv) > 1 else SYNTHETIC
    engine = mtf.Engine(timeframes="5m,1h", indicators="zscore:20")
    for tick in mtf.open_source(source):
        for bar in engine.tick(tick.symbol, tick.ts_ns, tick.bid, tick.ask, price=tick.price, size=tick.size):
            score = engine.snapshot(bar.symbol)["5m"].completed["zscore_20"]
            if bar.timeframe == "5m" and abs(score) > 2.5:
                print(f"{bar.end:%Y-%m-%d %H:%M} {bar.symbol} {bar.close:.5f} is {score:+.2f} deviations away")
    for symbol in engine.symbols:
        state = engine.snapshot(symbol)
        print(f"{symbol} now: 5m {state['5m'].live['zscore_20']:+.2f}, 1h {state['1h'].live['zscore_20']:+.2f}")


if __name__ == "__main__":
    main()
