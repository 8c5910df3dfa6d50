"""mtf, a call a tick: `mtf.Engine.tick` in a Python loop."""

from __future__ import annotations

from contest import INDICATORS, Case, Entry, FullBar, Result, Ticks, answer_all, name_of

import mtf
from mtf.build import COMPILED

__all__ = ["full_bar", "settings_of", "values_of"]

DAY_S = 86_400
SPECS = "sma:20,ema:20,rsi:14,atr:14"


def settings_of(case: Case) -> dict[str, str]:
    """Return the settings of a case."""
    timeframes = ",".join("1d" if length == DAY_S else f"{length}s" for length in case.lengths)
    specs = "none" if case.values == "none" else SPECS
    return {"calendar": "crypto", "timeframes": timeframes, "indicators": specs, "price": "last"}


def full_bar(bar: mtf.Bar, ranks: dict[str, int]) -> FullBar:
    """Return a bar as it is compared."""
    number, rank = int(bar.symbol[1:]), ranks[bar.timeframe.name]
    return number, rank, bar.start_ns, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ticks


def values_of(case: Case, snapshot: mtf.Snapshot, ranks: dict[str, int]) -> dict[tuple[int, int], tuple[float, ...]]:
    """Return the values of one symbol; nothing of lengths of which no bar is complete."""
    if case.values == "none":
        return {}
    found = {}
    for timeframe, rank in ranks.items():
        state = snapshot[timeframe]
        done = tuple(state.completed[name] for name in INDICATORS)
        live = tuple(state.live[name] for name in INDICATORS) if case.values == "live" else ()
        found[int(snapshot.symbol[1:]), rank] = (done if len(state.bars) else ()) + live
    return found


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare a loop of calls."""
    names = [name_of(number) for number in range(case.symbols)]
    numbers, stamps, prices, sizes = ticks
    rows = list(zip([names[number] for number in numbers], stamps, prices, sizes, strict=True))
    closed: list[mtf.Bar] = []
    made: list[mtf.Engine] = []

    def run() -> None:
        closed.clear()
        made[:] = [mtf.Engine(**settings_of(case))]  # type: ignore[arg-type]
        tick, extend = made[0].tick, closed.extend
        for symbol, ts_ns, price, size in rows:
            bars = tick(symbol, ts_ns, price=price, size=size)
            if bars:
                extend(bars)

    def result() -> Result:
        engine = made[0]
        ranks = {timeframe.name: rank for rank, timeframe in enumerate(engine.config.timeframes)}
        values: dict[tuple[int, int], tuple[float, ...]] = {}
        for name in names:
            values |= values_of(case, engine.snapshot(name), ranks)
        return Result([full_bar(bar, ranks) for bar in closed], values)

    return Entry(run, result)


if __name__ == "__main__":
    answer_all(f"mtf {mtf.__version__}, {'compiled' if COMPILED else 'pure'}", prepare)
