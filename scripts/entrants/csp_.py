"""csp: a node in Python that makes the bars by hand, driven by a curve of the ticks in simulated time."""

from __future__ import annotations

import datetime
from typing import Any

import csp
from contest import SECOND_NS, Cannot, Case, Entry, FullBar, Result, Ticks, answer_all
from csp import ts

EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - csp takes naive times as UTC


@csp.node
def bars_of(tick: ts[object], lengths: object, closed: object) -> csp.Outputs(count=ts[int]):
    with csp.state():
        s_forming: dict[Any, Any] = {}
    if csp.ticked(tick):
        number, ts_ns, price, size = tick
        for rank, length in enumerate(lengths):
            key = (number, rank)
            bar = s_forming.get(key)
            if bar is None or ts_ns >= bar[0] + length:
                if bar is not None:
                    closed.append((number, rank, *bar))
                s_forming[key] = [ts_ns - ts_ns % length, price, price, price, price, size, 1]
                continue
            if price > bar[2]:
                bar[2] = price
            if price < bar[3]:
                bar[3] = price
            bar[4] = price
            bar[5] += size
            bar[6] += 1
        csp.output(count=len(closed))


@csp.graph
def market(rows: object, lengths: object, closed: object) -> None:
    csp.add_graph_output("bars", bars_of(csp.curve(object, rows), lengths, closed).count, tick_count=1)


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare the curve."""
    if case.values != "none":
        raise Cannot("bars alone: its statistics have no EMA, RSI or ATR that begin with a plain mean")
    rows = []
    for row in zip(*ticks, strict=True):
        rows.append((EPOCH + datetime.timedelta(microseconds=row[1] // 1_000), row))
    lengths = [length * SECOND_NS for length in case.lengths]
    closed: list[FullBar] = []

    def run() -> None:
        closed.clear()
        csp.run(market, rows, lengths, closed, starttime=rows[0][0], endtime=rows[-1][0])

    return Entry(run, lambda: Result(closed, {}))


if __name__ == "__main__":
    answer_all(f"csp {csp.__version__}", prepare)
