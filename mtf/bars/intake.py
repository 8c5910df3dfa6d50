"""Pushed events: passes a user's tick or bar to the block builder, by the same rules as the rows of a file."""

from __future__ import annotations

from operator import index
from typing import Any

from mtf.bars.bar import Bar
from mtf.events.bar_rows import length_code
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from mtf.timeframe import INTRADAY
from mtf.units import DAY_NS, EPOCH_ORDINAL

__all__ = ["take"]


def take(builder: BlockBuilder, event: Any) -> int:
    """Pass *event*, a `Tick` or a completed `Bar`, to *builder*; return 0, or the index into `REASONS` of its fault.

    A bar of a day or longer belongs to its `trading_day` if it has one, else, if it starts at midnight UTC, to that
    date. TypeError for any other object, and for fields of the wrong type.
    """
    if isinstance(event, Tick):
        return builder.tick(event)
    if not isinstance(event, Bar) or not event.completed:
        raise TypeError(f"{type(event).__name__} is not an event: pass an mtf.Tick or a completed mtf.Bar")
    start_ns = index(event.start_ns)
    date = 0
    if event.timeframe.kind != INTRADAY:
        if event.trading_day is not None:
            date = event.trading_day.toordinal()
        elif start_ns % DAY_NS == 0:
            date = EPOCH_ORDINAL + start_ns // DAY_NS
    prices = (event.open, event.high, event.low, event.close)
    volume = event.volume
    return builder.bar(event.symbol, length_code(event.timeframe), start_ns, date, prices, prices, (volume, volume))
