"""Events given as objects: passes a user's ticks and bars to the block builder, by the same rules as rows of a file.

Runs for every event of an iterable, so it is compiled.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from operator import index
from typing import Any

from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar
from mtf.errors import MalformedEvent
from mtf.events.bar_rows import length_code
from mtf.events.block_builder import BlockBuilder
from mtf.events.malformed import REASONS
from mtf.events.tick import Tick
from mtf.timeframe import INTRADAY
from mtf.units import DAY_NS, EPOCH_ORDINAL

__all__ = ["Intake", "take", "take_or_refuse"]


@mypyc_attr(native_class=True)
class Intake:
    """Takes events out of an iterator, and counts them."""

    __slots__ = ("count", "read", "refused")

    def __init__(self) -> None:
        self.count: i64 = 0  # taken out of the iterator
        self.read: i64 = 0  # passed to a block builder, or refused there
        self.refused: i64 = 0

    def fill(self, builder: BlockBuilder, events: Iterator[Any], limit: i64, place: str) -> bool:
        """Pass up to *limit* of *events* to *builder*; return whether there may be more.

        Those that are malformed are refused there, with *place* and their number.
        """
        for event in itertools.islice(events, limit):
            self.count += 1
            limit -= 1
            taken = take_or_refuse(builder, event, place, self.count)
            self.read += 1
            if not taken:
                self.refused += 1
        return limit == 0


def take_or_refuse(builder: BlockBuilder, event: Any, place: str, line: i64) -> bool:
    """Pass *event* to *builder*; if it is malformed, refuse it there with *place* and *line*, and return False."""
    try:
        code = take(builder, event)
        if code == 0:
            return True
        reason = REASONS[code]
    except (MalformedEvent, TypeError, AttributeError, OverflowError) as error:
        reason = str(error)
    builder.refuse(place, line, reason, repr(event))
    return False


def take(builder: BlockBuilder, event: Any) -> i64:
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
