"""From `push` to `on_tick`, one tick at a time, logged (`group`), on both event loops; and what a snapshot costs."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time

import uvloop
from market import head, quantile, quotes, row

import mtf

TICKS = 20_000
WARM = 2_000
SNAPSHOTS = 100_000


class Stamp(mtf.Consumer):
    """Notes when it was shown a tick."""

    def __init__(self) -> None:
        self.shown_s = 0.0

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.shown_s = time.perf_counter()


async def latencies(data: str | None, **settings: object) -> list[float]:
    """Return the microseconds from push to on_tick of each tick; the loop turns between two."""
    found = []
    stamp = Stamp()
    async with mtf.Pipeline(data=data, clock="ticks", **settings) as pipeline:  # type: ignore[arg-type]
        pipeline.add(stamp)
        gc.collect()
        for ts_ns, bid, ask, bid_size, ask_size in quotes(TICKS + WARM):
            tick = mtf.Tick("EURUSD", ts_ns, bid, ask, bid_size, ask_size)
            begun = time.perf_counter()
            await pipeline.push(tick)
            found.append((stamp.shown_s - begun) * 1e6)
            await asyncio.sleep(0)
    return found[WARM:]


async def snapshots() -> tuple[float, float, float]:
    """Return nanoseconds of a snapshot, of one with a field of it read, and of one with a live value read."""
    async with mtf.Pipeline(clock="ticks", indicators="core") as pipeline:
        for ts_ns, bid, ask, bid_size, ask_size in quotes(5_000):
            await pipeline.push(mtf.Tick("EURUSD", ts_ns, bid, ask, bid_size, ask_size))

        def timed(work: object) -> float:
            begun = time.perf_counter()
            for _ in range(SNAPSHOTS):
                work()  # type: ignore[operator]
            return (time.perf_counter() - begun) / SNAPSHOTS * 1e9

        kept = pipeline.snapshot("EURUSD")
        return (
            timed(lambda: pipeline.snapshot("EURUSD")),
            timed(lambda: pipeline.snapshot("EURUSD")["5m"].partial.high),  # type: ignore[union-attr]
            timed(lambda: kept["1m"].live["rsi_14"]),
        )


def main() -> None:
    head("push to on_tick, one tick at a time", "p50, µs", "p99, µs", "p99.9, µs")
    for label, settings in (
        ("in memory", {}),
        ("logged, `group`", {"durability": "group"}),
        ("logged, `group`, indicators `core`", {"durability": "group", "indicators": "core"}),
        ("logged, `os`", {"durability": "os"}),
    ):
        for loop, run in (("asyncio", asyncio.run), ("uvloop", uvloop.run)):
            with tempfile.TemporaryDirectory() as folder:
                data = f"{folder}/data" if "durability" in settings else None
                found = run(latencies(data, **settings))
            figures = [f"{quantile(found, share):.1f}" for share in (0.5, 0.99, 0.999)]
            row(f"{label}, {loop}", *figures)
    print()
    row("snapshot of six timeframes, indicators `core`", "ns")
    row("---", "---")
    whole, field, value = uvloop.run(snapshots())
    row("`p.snapshot(symbol)`", f"{whole:,.0f}")
    row('`p.snapshot(symbol)["5m"].partial.high`', f"{field:,.0f}")
    row('`snapshot["1m"].live["rsi_14"]`', f"{value:,.0f}")


if __name__ == "__main__":
    main()
