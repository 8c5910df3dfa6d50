"""mtf, through the pipeline: columns in, every row of the frames written, a consumer that is called for each bar.

In a run in order of time a symbol's bars close with the ticks of other symbols too. Bars are those that its own ticks
would have closed; values of several symbols are as of another instant, and cannot be compared.
"""

from __future__ import annotations

import asyncio

import numpy
from contest import Case, Entry, Result, Ticks, answer_all, name_of
from mtf_calls import full_bar, settings_of, values_of

import mtf
from mtf.build import COMPILED

__all__ = ["Keeper", "columns_of"]


class Keeper(mtf.Consumer):
    """Keeps the completed bars."""

    def __init__(self) -> None:
        self.bars: list[mtf.Bar] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.bars.append(bar)


def columns_of(ticks: Ticks, symbols: int) -> dict[str, numpy.ndarray]:
    """Return *ticks* as columns of arrays."""
    names = numpy.array([name_of(number) for number in range(symbols)])
    return {
        "symbol": names[numpy.frombuffer(ticks.symbols, dtype=numpy.int32)],
        "ts_ns": numpy.frombuffer(ticks.ts_ns, dtype=numpy.int64),
        "price": numpy.frombuffer(ticks.prices),
        "size": numpy.frombuffer(ticks.sizes),
    }


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare a run of arrays."""
    columns = columns_of(ticks, case.symbols)
    last_ns = dict(zip(ticks.symbols, ticks.ts_ns, strict=True))  # of each symbol's newest tick
    kept: list[tuple[list[mtf.Bar], list[mtf.Snapshot], list[str]]] = []

    async def pipeline(*, look: bool) -> None:
        keeper = Keeper()
        async with mtf.Pipeline(clock="ticks", **settings_of(case)) as p:  # type: ignore[arg-type]
            p.add(keeper)
            await p.run(columns)
            shown = [p.snapshot(name_of(number)) for number in range(case.symbols)] if look else []
            kept[:] = [(keeper.bars, shown, [timeframe.name for timeframe in p.config.timeframes])]

    def result() -> Result:
        asyncio.run(pipeline(look=True))
        bars, shown, timeframes = kept[0]
        ranks = {name: rank for rank, name in enumerate(timeframes)}
        values: dict[tuple[int, int], tuple[float, ...]] = {}
        for snapshot in shown:
            values |= values_of(case, snapshot, ranks)
        done = (full_bar(bar, ranks) for bar in bars if bar.end_ns <= last_ns[int(bar.symbol[1:])])
        return Result(done, values if case.symbols == 1 else None)

    return Entry(lambda: asyncio.run(pipeline(look=False)), result)


if __name__ == "__main__":
    answer_all(f"mtf {mtf.__version__}, {'compiled' if COMPILED else 'pure'}", prepare)
