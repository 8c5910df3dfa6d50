"""akquant's `BarGenerator`, one for each length, fed with bars of one tick; its bars hold `(start, end]`.

So ticks are stamped a nanosecond later, which makes its bars those that are compared.
"""

from __future__ import annotations

from typing import Any

import akquant
from akquant import Bar, BarGenerator
from contest import SECOND_NS, Cannot, Case, Entry, FullBar, Result, Ticks, answer_all, name_of

UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare ticks as its objects."""
    if case.values == "live":
        raise Cannot("no value of a bar that forms")
    if case.values == "closed":
        raise Cannot("indicators are those of its backtests, not tried")
    rows = [
        Bar(ts_ns + 1, price, price, price, price, size, name_of(number))
        for number, ts_ns, price, size in zip(*ticks, strict=True)
    ]
    closed: list[tuple[int, Any]] = []

    def run() -> None:
        closed.clear()
        made = []
        for rank, length in enumerate(case.lengths):
            unit, name = next(each for each in UNITS if length % each[0] == 0)

            def take(bar: Any, rank: int = rank) -> None:
                closed.append((rank, bar))

            made.append(BarGenerator(take, length // unit, name).update_bar)
        for row in rows:
            for update in made:
                update(row)

    def result() -> Result:
        bars: list[FullBar] = []
        for rank, bar in closed:
            start = int(bar.timestamp) - case.lengths[rank] * SECOND_NS
            bars.append((int(bar.symbol[1:]), rank, start, bar.open, bar.high, bar.low, bar.close, bar.volume, 0))
        return Result(bars, {}, counted=False)

    return Entry(run, result)


if __name__ == "__main__":
    answer_all(f"akquant {akquant.__version__}", prepare)
