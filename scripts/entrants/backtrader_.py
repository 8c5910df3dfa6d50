"""backtrader: a feed of ticks, resampled for each length by cerebro; one symbol, as each needs feeds of its own.

Its bars hold `(start, end]`, and its times are days as floats, fine to 10 microseconds: ticks are stamped half a
millisecond later.
"""

from __future__ import annotations

import datetime
from typing import Any

import backtrader as bt
from contest import SECOND_NS, Cannot, Case, Entry, FullBar, Result, Ticks, answer_all

EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - backtrader takes naive times as UTC
DAY_S = 86_400
LATER_US = 500


class Feed(bt.feed.DataBase):
    """Ticks as bars of one price."""

    params = (("rows", ()),)

    def start(self) -> None:
        super().start()
        self.left = iter(self.p.rows)

    def _load(self) -> bool:
        row = next(self.left, None)
        if row is None:
            return False
        when, price, size = row
        lines = self.lines
        lines.datetime[0] = when
        lines.open[0] = lines.high[0] = lines.low[0] = lines.close[0] = price
        lines.volume[0] = size
        lines.openinterest[0] = 0
        return True


class Keeper(bt.Strategy):
    """Keeps each bar that is complete."""

    params = (("closed", None), ("lengths", ()))

    def __init__(self) -> None:
        self.seen = [0] * len(self.datas)

    def prenext(self) -> None:
        self.next()  # not yet a bar of each length

    def next(self) -> None:
        for rank, data in enumerate(self.datas):
            if len(data) > self.seen[rank]:
                self.seen[rank] = len(data)
                end = bt.num2date(data.datetime[0])
                prices = (data.open[0], data.high[0], data.low[0], data.close[0], data.volume[0])
                self.p.closed.append((rank, end, prices))


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare the rows of the feed."""
    if case.values != "none":
        raise Cannot("no values of the bars of several lengths, and none of bars that form, but in strategies")
    if case.symbols > 1:
        raise Cannot("one symbol: feeds of several are joined by time, bar by bar")
    rows = [
        (bt.date2num(EPOCH + datetime.timedelta(microseconds=ts_ns // 1_000 + LATER_US)), price, size)
        for _, ts_ns, price, size in zip(*ticks, strict=True)
    ]
    closed: list[Any] = []

    def run() -> None:
        closed.clear()
        cerebro = bt.Cerebro(stdstats=False)
        for length in case.lengths:
            days = length == DAY_S
            cerebro.resampledata(
                Feed(rows=rows, timeframe=bt.TimeFrame.Ticks, compression=1),
                timeframe=bt.TimeFrame.Days if days else bt.TimeFrame.Seconds,
                compression=1 if days else length,
            )
        cerebro.addstrategy(Keeper, closed=closed, lengths=case.lengths)
        cerebro.run()

    def result() -> Result:
        bars: list[FullBar] = []
        newest = ticks.ts_ns[-1]
        for rank, end, prices in closed:
            length = case.lengths[rank] * SECOND_NS
            end_ns = round((end - EPOCH) / datetime.timedelta(seconds=1)) * SECOND_NS
            start = -(-end_ns // length) * length - length
            if start + length <= newest:
                bars.append((0, rank, start, *prices, 0))
        return Result(bars, {}, counted=False)

    return Entry(run, result)


if __name__ == "__main__":
    answer_all(f"backtrader {bt.__version__}", prepare)
