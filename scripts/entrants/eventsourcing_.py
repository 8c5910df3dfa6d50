"""eventsourcing: each tick an event of an aggregate that makes the bars by hand, stored by an application in memory.

It is what an event-sourced state costs; bars alone. One aggregate a symbol, saved at each tick.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from contest import SECOND_NS, Cannot, Case, Entry, FullBar, Result, Ticks, answer_all
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

TOO_MANY = 1_000


class Market(Aggregate):
    """The bars of one symbol."""

    @event("Opened")
    def __init__(self, number: int, lengths: list[int]) -> None:
        self.number = number
        self.lengths = lengths
        self.forming: list[list[Any] | None] = [None] * len(lengths)
        self.closed: list[FullBar] = []

    @event("Ticked")
    def tick(self, ts_ns: int, price: float, size: float) -> None:
        for rank, length in enumerate(self.lengths):
            bar = self.forming[rank]
            if bar is None or ts_ns >= bar[0] + length:
                if bar is not None:
                    self.closed.append((self.number, rank, *bar))
                self.forming[rank] = [ts_ns - ts_ns % length, price, price, price, price, size, 1]
                continue
            bar[2] = max(bar[2], price)
            bar[3] = min(bar[3], price)
            bar[4] = price
            bar[5] += size
            bar[6] += 1


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare the rows."""
    if case.values != "none":
        raise Cannot("bars alone")
    if case.symbols > TOO_MANY:
        raise Cannot(f"not tried with more than {TOO_MANY:,} aggregates")
    rows = list(zip(*ticks, strict=True))
    lengths = [length * SECOND_NS for length in case.lengths]
    made: list[Market] = []

    def run() -> None:
        application: Any = Application()
        made[:] = [Market(number, lengths) for number in range(case.symbols)]
        save = application.save
        for number, ts_ns, price, size in rows:
            market = made[number]
            market.tick(ts_ns, price, size)
            save(market)

    return Entry(run, lambda: Result([bar for market in made for bar in market.closed], {}))


if __name__ == "__main__":
    answer_all(f"eventsourcing {version('eventsourcing')}", prepare)
