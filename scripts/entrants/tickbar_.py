"""tickbar: an aggregator for each symbol and length, given columns of whole numbers; prices and sizes in eighths."""

from __future__ import annotations

from array import array
from importlib.metadata import version
from typing import Any

import tickbar
from contest import SECOND_NS, Cannot, Case, Entry, FullBar, Result, Ticks, answer_all

EIGHTHS = 8


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare each symbol's columns."""
    if case.values != "none":
        raise Cannot("bars alone")
    columns = [(array("q"), array("q"), array("q")) for _ in range(case.symbols)]
    for number, ts_ns, price, size in zip(*ticks, strict=True):
        for column, value in zip(columns[number], (ts_ns, round(price * EIGHTHS), round(size * EIGHTHS)), strict=True):
            column.append(value)
    made: list[tuple[int, int, Any]] = []

    def run() -> None:
        made.clear()
        for number, own in enumerate(columns):
            for rank, length in enumerate(case.lengths):
                aggregator = tickbar.TickAggregator(length)
                aggregator.push_from_buffer(*own)
                made.append((number, rank, aggregator.finalize()))

    def result() -> Result:
        bars: list[FullBar] = []
        for number, rank, series in made:
            length = case.lengths[rank] * SECOND_NS
            for start, first, high, low, last, volume, count, *_ in series.to_records():
                if start + length <= columns[number][0][-1]:
                    prices = (first / EIGHTHS, high / EIGHTHS, low / EIGHTHS, last / EIGHTHS)
                    bars.append((number, rank, int(start), *prices, volume / EIGHTHS, int(count)))
        return Result(bars, {})

    return Entry(run, result)


if __name__ == "__main__":
    answer_all(f"tickbar {version('tickbar')}", prepare)
