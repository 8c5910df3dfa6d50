"""From `push` to `on_tick`, one tick at a time, logged (`group`), on both event loops; and what a snapshot costs.

Beside it, in the same run, how long `await push` takes and how long a turn of the loop in which nothing happens; then
`push_many`, and what the turn of a consumer costs a row in a block of many.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from functools import partial

import uvloop
from market import head, in_turn, median, quantile, quotes, row

import mtf
from mtf.sources import SyntheticMarket

TICKS = 20_000
WARM = 2_000
SNAPSHOTS = 100_000
TURN_EVENTS = 200_000
ROUNDS = 5


class Stamp(mtf.Consumer):
    """Notes when it was shown a tick."""

    def __init__(self) -> None:
        self.shown_s = 0.0

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.shown_s = time.perf_counter()


async def latencies(data: str | None, **settings: object) -> tuple[list[float], list[float], list[float]]:
    """Return the microseconds from push to on_tick of each tick, of `await push`, and of a turn of the loop between."""
    shown, pushed, turns = [], [], []
    stamp = Stamp()
    async with mtf.Pipeline(data=data, clock="ticks", **settings) as pipeline:  # type: ignore[arg-type]
        pipeline.add(stamp)
        gc.collect()
        for ts_ns, bid, ask, bid_size, ask_size in quotes(TICKS + WARM):
            tick = mtf.Tick("EURUSD", ts_ns, bid, ask, bid_size, ask_size)
            begun = time.perf_counter()
            await pipeline.push(tick)
            pushed.append((time.perf_counter() - begun) * 1e6)
            shown.append((stamp.shown_s - begun) * 1e6)
            await asyncio.sleep(0)
            begun = time.perf_counter()
            await asyncio.sleep(0)
            turns.append((time.perf_counter() - begun) * 1e6)
    return shown[WARM:], pushed[WARM:], turns[WARM:]


async def many(data: str, at_once: int) -> list[float]:
    """Return the microseconds that an event takes in each call of `push_many`, logged, with `core`."""
    found = []
    ticks = [mtf.Tick("EURUSD", *quote) for quote in quotes(TICKS)]
    async with mtf.Pipeline(data=data, clock="ticks", indicators="core") as pipeline:
        pipeline.add(Stamp())
        for start in range(0, TICKS, at_once):
            begun = time.perf_counter()
            await pipeline.push_many(ticks[start : start + at_once])
            found.append((time.perf_counter() - begun) / at_once * 1e6)
            await asyncio.sleep(0)
    return found


class Nothing(mtf.Consumer):
    """Reads nothing."""

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        pass


class ReadsOne(mtf.Consumer):
    """Reads a forming bar's high and a live value."""

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        hours = view["1h"]
        assert hours.partial is not None
        _ = hours.partial.high, hours.live["rsi_14"]


class ReadsSix(mtf.Consumer):
    """Reads the forming high of each timeframe."""

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        for timeframe in ("1m", "5m", "15m", "1h", "4h", "1d"):
            _ = view[timeframe].partial.high  # type: ignore[union-attr]


class ReadsAll(mtf.Consumer):
    """Takes all live values."""

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        _ = view.live


TURNS: dict[str, type[mtf.Consumer]] = {
    "`on_tick` that does nothing": Nothing,
    "reads a forming high and a live value": ReadsOne,
    "reads six forming highs": ReadsSix,
    "`view.live`: all live values": ReadsAll,
}


async def turn(consumer: type[mtf.Consumer] | None) -> float:
    """Return the nanoseconds of CPU time that an event of a source takes beside *consumer*."""
    async with mtf.Pipeline(clock="ticks", indicators="core") as pipeline:
        if consumer is not None:
            pipeline.add(consumer())
        begun = time.process_time()
        await pipeline.run(SyntheticMarket(seed=3, symbols=["A"], events=TURN_EVENTS, pace_ms=2_000))
        return (time.process_time() - begun) / TURN_EVENTS * 1e9


def turn_ns(consumer: type[mtf.Consumer] | None) -> float:
    ns: float = uvloop.run(turn(consumer))
    return ns


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
        pushed: list[float] = []
        turns: list[float] = []
        for loop, run in (("asyncio", asyncio.run), ("uvloop", uvloop.run)):
            with tempfile.TemporaryDirectory() as folder:
                data = f"{folder}/data" if "durability" in settings else None
                shown, pushed, turns = run(latencies(data, **settings))
            row(f"{label}, {loop}", *quantiles(shown))
        row(f"{label}, uvloop: `await push`", *quantiles(pushed))
        row("a turn of the loop beside it", *quantiles(turns))
    for at_once in (10, 100, 1_000):
        with tempfile.TemporaryDirectory() as folder:
            row(f"`push_many` of {at_once:,}, `core`, uvloop: an event", *quantiles(uvloop.run(many(folder, at_once))))
    print()
    row("snapshot of six timeframes, indicators `core`", "ns")
    row("---", "---")
    whole, field, value = uvloop.run(snapshots())
    row("`p.snapshot(symbol)`", f"{whole:,.0f}")
    row('`p.snapshot(symbol)["5m"].partial.high`', f"{field:,.0f}")
    row('`snapshot["1m"].live["rsi_14"]`', f"{value:,.0f}")
    print()
    row("a consumer's turn, a row of a large block, above none", "ns")
    row("---", "---")
    none, *spent = in_turn(ROUNDS, *(partial(turn_ns, consumer) for consumer in (None, *TURNS.values())))
    for label, ns in zip(TURNS, spent, strict=True):
        row(label, f"{median([a - b for a, b in zip(ns, none, strict=True)]):,.0f}")


def quantiles(found: list[float]) -> list[str]:
    return [f"{quantile(found, share):.1f}" for share in (0.5, 0.99, 0.999)]


if __name__ == "__main__":
    main()
