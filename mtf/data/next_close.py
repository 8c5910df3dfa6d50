"""Stepping from close to close: the event that closed the bars of a series before or after another event."""

from __future__ import annotations

from collections.abc import Iterator

from mtf.bars.activity import FILLED_MAX
from mtf.bars.bar import Bar
from mtf.bars.bar_window import BarWindow
from mtf.data.completed_bars import SEQ
from mtf.data.data_reader import DataReader
from mtf.data.moments import Moment
from mtf.data.table import Table
from mtf.timeframe import Timeframe

__all__ = ["next_close"]


def next_close(
    reader: DataReader, symbol: str, timeframe: str, seq: int, known: BarWindow | None, direction: int
) -> int | None:
    """Return the event that closed the bars before (-1) or after (1) *seq*; None if there is none.

    *known* are the newest bars that were completed by then; None if the symbol had no event.
    """
    if direction < 0:
        # One event closes one bar of a timeframe of time; of activity, it may fill many after the rest of a day.
        most = 1 if Timeframe(timeframe).timed else FILLED_MAX + 1
        before = reader.bars(symbol, timeframe, last=most + 1, as_of=Moment(seq=seq))
        return max((found for found in _seqs(before) if found < seq), default=None)
    newest = None if known is None else known.newest
    after = reader.bars(symbol, timeframe, start=None if newest is None else int(newest.start_ns))
    return next((found for found in _seqs(after) if found > seq), None)


def _seqs(table: Table[Bar]) -> Iterator[int]:
    """Yield the seq at which each bar of *table* was complete."""
    for page in table.pages():
        for row in page:
            yield row[SEQ]
