"""`mtf.resample`: completed bars of a whole source, on any timeframes, in the market's own days and sessions.

One pass through the kernel; the results are held in memory, one table per timeframe, with the columns of
`DataReader.bars`.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import attrs

from mtf.bars.bar import Bar
from mtf.config import Config, IndicatorSpecs
from mtf.data.batches import Batch, Coded, Column, Kind
from mtf.data.completed_bars import BARS, WORDS
from mtf.data.moments import Time, nanoseconds
from mtf.data.table import Table
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.frames.frame import Frame
from mtf.kernel import Kernel
from mtf.offline.feed import feed_of
from mtf.storage.history.packs import FLAGS
from mtf.timeframe import Timeframe
from mtf.units import EPOCH_ORDINAL

__all__ = ["resample"]

PAGE_ROWS: Final = 4_096


def resample(
    source: Any,
    timeframes: str | Timeframe | Iterable[str | Timeframe],
    *,
    calendar: Any = None,
    indicators: IndicatorSpecs = None,
    until: Time | None = None,
    config: Config | None = None,
    **options: Any,
) -> dict[str, Table[Bar]]:
    """Return the completed bars of *source* as one table for each of *timeframes*, by name, in that order.

    Days end at the calendar's close, weekends and silence have no bars, and each longer bar is a union of shorter ones.
    Columns are those of `DataReader.bars`, then one for each value of *indicators* (`rsi_14`), null until it is ready;
    rows are sorted by symbol and start.

    *source* is as in `Pipeline.run`, ticks or bars, with the same *options* (and `reorder_ns`, `sort`), or a data
    directory. A bar is completed, and included, once an event at or after its end shows that it is over; *until* gives
    the current time, so that bars which end by then are included too. The calendar is `fx` by default, or a data
    directory's own; *config* gives all settings except the timeframes. The source is read once, immediately.
    """
    named = timeframes.split(",") if isinstance(timeframes, str) else timeframes
    asked = [Timeframe(each) for each in ([named] if isinstance(named, Timeframe) else named)]
    if config is not None:
        config, asked_for = config.changed(timeframes=asked), None
    else:
        asked_for = asked
    feed = feed_of(source, config, {"timeframes": asked_for, "calendar": calendar, "indicators": indicators}, options)
    config = attrs.evolve(feed.config, live="off")
    kernel = feed.begin(config)
    closed = [ClosedBars() for _ in config.timeframes]
    for block in feed.blocks():
        _gather(closed, kernel.step(block, False))
    if until is not None:
        _gather(closed, _at_time(kernel, nanoseconds(until)))
    symbols = [instrument.name for instrument in kernel.gate.instruments]
    tables: dict[str, Table[Bar]] = {}
    for timeframe in asked:
        rank = config.timeframes.index(timeframe)
        names = [output.name for output in kernel.schema.outputs[rank]]
        bars = BarTable.of(closed[rank], symbols, timeframe, names)
        what = f"{timeframe} bars of {feed.name}"
        tables[timeframe.name] = Table(what, bars.columns, bars.pages, batch_of=bars.batch_of, values_of=bars.values_of)
    return tables


class ClosedBars:
    """The bars that have closed on one timeframe, in order, each with the number of its symbol, seq and values."""

    def __init__(self) -> None:
        self.by_symbol: Final[dict[int, list[tuple[Bar, int, Sequence[float]]]]] = {}

    def add(self, number: int, bar: Bar, seq: int, values: Sequence[float]) -> None:
        self.by_symbol.setdefault(number, []).append((bar, seq, values))


def _gather(closed: Sequence[ClosedBars], frame: Frame) -> None:
    for place, closing in enumerate(frame.closings):
        values = frame.closings.completed(place)
        closed[closing.rank].add(closing.number, closing.bar, frame.first_seq + closing.row, values)


def _at_time(kernel: Kernel, ts_ns: int) -> Frame:
    """Return the frame of a clock event at *ts_ns*."""
    builder = BlockBuilder(SymbolTable())
    builder.clock(ts_ns)
    return kernel.step(builder.take(kernel.joiner.seq + 1), False)


@attrs.frozen(kw_only=True)
class BarTable:
    """Bars of one timeframe, by symbol, with their values, as rows of a table."""

    rows: Sequence[tuple[Bar, int, Sequence[float]]]
    symbols: Sequence[str]
    timeframe: Timeframe
    columns: Sequence[Column]

    @classmethod
    def of(cls, closed: ClosedBars, symbols: Sequence[str], timeframe: Timeframe, names: Sequence[str]) -> BarTable:
        rows = [row for number in sorted(closed.by_symbol) for row in closed.by_symbol[number]]
        columns = (*BARS, *(Column(name, Kind.FLOAT) for name in names))
        return cls(rows=rows, symbols=symbols, timeframe=timeframe, columns=columns)

    def pages(self) -> Iterator[Sequence[tuple[Bar, int, Sequence[float]]]]:
        return (self.rows[start : start + PAGE_ROWS] for start in range(0, len(self.rows), PAGE_ROWS))

    def batch_of(self, page: Sequence[tuple[Bar, int, Sequence[float]]]) -> Batch:
        """Return a page as columns: `BARS`, then the values."""
        bars = [bar for bar, _, _ in page]
        place = {symbol: k for k, symbol in enumerate(self.symbols)}
        days = [bar.trading_day for bar in bars]
        return Batch(
            len(page),
            (
                Coded(array("i", [place[bar.symbol] for bar in bars]), self.symbols),
                Coded(array("i", [0]) * len(page), [self.timeframe.name]),
                array("q", [bar.start_ns for bar in bars]),
                array("q", [bar.end_ns for bar in bars]),
                *(array("d", [getattr(bar, name) for bar in bars]) for name in ("open", "high", "low", "close")),
                array("d", [bar.volume for bar in bars]),
                array("q", [bar.ticks for bar in bars]),
                array("i", [0 if day is None else day.toordinal() - EPOCH_ORDINAL for day in days]),
                Coded(array("i", map(_flags, bars)), WORDS),
                array("q", [seq for _, seq, _ in page]),
                *(_values([values[k] for _, _, values in page]) for k in range(len(self.columns) - len(BARS))),
            ),
        )

    def values_of(self, page: Sequence[tuple[Bar, int, Sequence[float]]]) -> Iterable[Bar]:
        """Return a page's bars."""
        return [bar for bar, _, _ in page]


def _flags(bar: Bar) -> int:
    """Return which of `FLAGS` a bar has, and whether there is a gap before it, as one bit each."""
    flags = sum(1 << bit for bit, name in enumerate(FLAGS) if getattr(bar, name))
    gap = bar.gap
    lengths = 0 if gap is None else gap.closed_ns + gap.holiday_ns + gap.break_ns + gap.silence_ns
    return flags | (lengths > 0) << len(FLAGS)


def _values(values: Sequence[float]) -> Any:
    """Return values as a column with null for NaN."""
    gone = sum(map(math.isnan, values))
    if gone == len(values):
        return None
    return [None if math.isnan(value) else value for value in values] if gone else array("d", values)
