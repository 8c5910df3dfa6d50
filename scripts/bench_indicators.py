"""Times the indicators alone, without the pipeline: live values, closed bars, many at once, against TA-Lib's streams.

Prints one line a figure, in nanoseconds. The sets are called from Python once a row, so that each figure holds one
call's boxing of seven numbers; TA-Lib's handles are called once an indicator and row, as their users call them.
"""

from __future__ import annotations

import gc
import random
import sys
import time
import tracemalloc
from collections.abc import Callable

from peers import Row, talib_handles

from mtf.build import COMPILED
from mtf.indicators import CORE, create, create_set, names
from mtf.indicators.rolling import filled

ROWS = 5_000
ROUNDS = 15
WARM = 500


def rows(count: int) -> list[Row]:
    """Return bars of a random walk."""
    rng = random.Random(1)
    price, found = 100.0, []
    for i in range(count):
        before = price
        price = max(1.0, price + rng.gauss(0.0, 0.1))
        high, low = max(before, price) + 0.05, min(before, price) - 0.05
        found.append((before, high, low, price, float(rng.randrange(1, 1000)), 738_000 + i // 60, 0))
    return found


BARS = rows(WARM + ROWS)


def nanoseconds_a_row(work: Callable[[], None]) -> float:
    """Return the best of some rounds, a row."""
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        start = time.perf_counter_ns()
        work()
        best = min(best, (time.perf_counter_ns() - start) / ROWS)
    return best


def time_set(label: str, specs: list[str]) -> None:
    """Print what a live row and a closed bar of *specs* cost."""
    items = create_set(specs)
    out = filled(items.width, 0.0)
    for bar in BARS[:WARM]:
        items.commit(*bar)
    preview, commit = items.preview, items.commit
    live = BARS[WARM:]

    def look() -> None:
        for bar in live:
            preview(*bar, out, 0)

    def close() -> None:
        for bar in live:
            commit(*bar)

    print(f"{label:<40} live {nanoseconds_a_row(look):>9.0f}   closed {nanoseconds_a_row(close):>9.0f}", flush=True)


def time_talib() -> None:
    """Print what TA-Lib's stream handles cost for those of `core` that it has, with the same parameters."""
    handles = talib_handles(BARS[:WARM])
    live = BARS[WARM:]
    peeks = [(handle.peek, columns) for handle, columns in handles]
    updates = [(handle.update, columns) for handle, columns in handles]

    def run(calls: list[tuple[Callable[..., object], tuple[int, ...]]]) -> None:
        for bar in live:
            for call, columns in calls:
                call(*[bar[k] for k in columns])

    look = nanoseconds_a_row(lambda: run(peeks))
    close = nanoseconds_a_row(lambda: run(updates))
    print(f"{'TA-Lib, 20 stream handles':<40} live {look:>9.0f}   closed {close:>9.0f}", flush=True)


def memory(specs: list[str]) -> None:
    """Print the bytes that one set of *specs* holds."""
    create_set(specs)
    tracemalloc.start()
    kept = [create_set(specs) for _ in range(20)]
    held = tracemalloc.get_traced_memory()[0] / len(kept)
    tracemalloc.stop()
    print(f"{f'memory of one set of {len(specs)}':<40} {held:>14.0f} bytes, {held / len(specs):.0f} an indicator")


def main() -> None:
    print(f"mtf is {'compiled' if COMPILED else 'pure Python'}; nanoseconds a row")
    time_set("one set without indicators", [])
    time_set("`core`", list(CORE))
    time_set(f"all {len(names())}", list(names()))
    time_talib()
    time_set("1,000 at once", [f"{n}:{k}" for n in ("sma", "ema", "rsi", "atr") for k in range(2, 252)])
    memory(list(CORE))
    if "--each" in sys.argv:
        for name in names():
            time_set(create(name).spec, [name])


if __name__ == "__main__":
    main()
