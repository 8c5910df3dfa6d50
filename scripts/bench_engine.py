"""`mtf.Engine.tick`, called from a plain Python loop: nanoseconds a tick, on six timeframes.

CPU time, the loop and the digest at the end included; the smallest of several rounds, cases in turn.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import mtf
from mtf.sources import SyntheticMarket

EVENTS = 200_000
ROUNDS = 5
PLAIN_NS_MAX = 700

Row = tuple[str, int, float | None, float | None, float, float]

CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("one symbol, some 30 ticks a second", {"pace_ms": 31}, {}),
    ("the same, indicators `core`", {"pace_ms": 31}, {"indicators": "core"}),
    ("eight symbols", {"pace_ms": 31, "symbols": [f"S{number}" for number in range(8)]}, {}),
    ("one symbol, a tick in 5 seconds", {"pace_ms": 5_000}, {}),
    ("the same, indicators `core`", {"pace_ms": 5_000}, {"indicators": "core"}),
]


def rows(made: dict[str, Any]) -> list[Row]:
    market = SyntheticMarket(**{"seed": 7, "symbols": ["EURUSD"], "start": "2024-03-06", "events": EVENTS, **made})
    return [(tick.symbol, tick.ts_ns, tick.bid, tick.ask, tick.bid_size, tick.ask_size) for tick in market]


def each_ns(ticks: list[Row], settings: dict[str, Any]) -> tuple[float, int]:
    """Return the nanoseconds a tick, and how many bars closed."""
    engine = mtf.Engine(calendar="crypto", **settings)
    tick, closed = engine.tick, 0
    begun = time.process_time()
    for symbol, ts_ns, bid, ask, bid_size, ask_size in ticks:
        bars = tick(symbol, ts_ns, bid, ask, bid_size, ask_size)
        if bars:
            closed += len(bars)
    _ = engine.digest
    return (time.process_time() - begun) / len(ticks) * 1e9, closed


def main() -> int:
    inputs = [rows(made) for _, made, _ in CASES]
    best = [(float("inf"), 0)] * len(CASES)
    for _ in range(ROUNDS):
        for k, (_, _, settings) in enumerate(CASES):
            best[k] = min(best[k], each_ns(inputs[k], settings))
    print(f"| `engine.tick`, six timeframes | ns a tick | bars closed, of {EVENTS:,} ticks |")
    print("| --- | --- | --- |")
    for (name, _, _), (ns, closed) in zip(CASES, best, strict=True):
        print(f"| {name} | {ns:.0f} | {closed:,} |")
    return int(best[0][0] > PLAIN_NS_MAX)


if __name__ == "__main__":
    sys.exit(main())
