"""`mtf.point_in_time`: what was known at each tick or bar close, of every timeframe, as one table.

A row holds forming and completed bars and their indicator values as a consumer was shown them at that moment. Such
tables are usually made by joins on time, which are easy to get wrong; here nothing is joined: each row is the state of
a run, recorded as it happens.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import attrs

from mtf.config import Config, IndicatorSpecs
from mtf.data.batches import Batch, Coded, Column, Gappy, Kind, dicts_of
from mtf.data.table import Table
from mtf.errors import ConfigError
from mtf.frames.state_rows import BAR_FLOATS, BAR_WHOLES, StatePage, StateRows
from mtf.indicators.catalogue import create_set
from mtf.offline.feed import Feed, feed_of
from mtf.timeframe import Timeframe
from mtf.units import NEVER_NS

__all__ = ["point_in_time"]

VALUES: Final = ("live", "completed", "both")
ON_TICKS: Final = "tick"
PAGE_CELLS: Final = 1 << 20  # 8 MiB
ROWS_MAX: Final = 8_191
ROWS_MIN: Final = 63

_PRICES: Final = ("open", "high", "low", "close", "volume")


def point_in_time(
    source: Any,
    on: str | Timeframe = "1m",
    *,
    timeframes: str | Iterable[str | Timeframe] | None = None,
    calendar: Any = None,
    indicators: IndicatorSpecs = None,
    values: str = "live",
    config: Config | None = None,
    **options: Any,
) -> Table[dict[str, Any]]:
    """Return a row for each accepted tick, or for each bar of the timeframe *on* that closes, in the order of the log.

    A row holds the state of its symbol as shown to a consumer's `on_tick`, or `on_bar` of that timeframe, with nothing
    that came later. Columns are `symbol`, `seq`, `time`, and for each timeframe `5m.partial.high` (the forming bar;
    null if there is none), `5m.bar.high` (the newest completed one) and, depending on *values*, `5m.live.rsi_14`,
    `5m.completed.rsi_14` or both; null until they are ready.

    *source* is as in `Pipeline.run`, with the same *options* (and `reorder_ns`, `sort`), or a data directory. The
    settings are those of `mtf.Config`, by default the six timeframes and the calendar `fx`, or a data directory's own;
    *config* gives all of them. The source is read when the table is, a page at a time, and again by each reader of the
    table. Synchronous: it blocks an event loop.
    """
    if values not in VALUES:
        raise ConfigError(f"values must be one of {', '.join(VALUES)}, got {values!r}")
    settings = {"timeframes": timeframes, "calendar": calendar, "indicators": indicators}
    feed = feed_of(source, config, settings, options)
    query = StateQuery.make(feed, on, values)
    what = f"{feed.name} at each {'tick' if query.on_rank < 0 else f'{on} close'}"
    return Table(
        what,
        query.columns,
        query.pages,
        batch_of=query.batch_of,
        values_of=query.values_of,
        preview=query.preview,
    )


class _Page(NamedTuple):
    """A page of rows, and the symbols by number."""

    rows: StatePage
    symbols: Sequence[str]


@attrs.frozen(kw_only=True)
class StateQuery:
    """Rows of *feed* on ticks, or on the closes of the timeframe of rank *on_rank*."""

    feed: Feed
    config: Config
    on_rank: int  # -1: on ticks
    live: bool
    completed: bool
    widths: Sequence[int]  # values by rank
    columns: Sequence[Column]

    @classmethod
    def make(cls, feed: Feed, on: str | Timeframe, values: str) -> StateQuery:
        live, completed = values != "completed", values != "live"
        config = attrs.evolve(feed.config, live="each" if live else "off")
        kept = config.timeframes
        named = [
            [output.name for output in create_set(specs, timeframe=timeframe).described]
            for timeframe, specs in zip(kept, config.indicators, strict=True)
        ]
        columns = [Column("symbol", Kind.WORD), Column("seq", Kind.WHOLE), Column("time", Kind.TIME)]
        for timeframe, names in zip(kept, named, strict=True):
            for bar in ("partial", "bar"):
                prefix = f"{timeframe}.{bar}"
                columns += [Column(f"{prefix}.start", Kind.TIME), Column(f"{prefix}.end", Kind.TIME)]
                columns += [Column(f"{prefix}.{price}", Kind.FLOAT) for price in _PRICES]
                columns.append(Column(f"{prefix}.ticks", Kind.WHOLE))
            columns += [Column(f"{timeframe}.live.{name}", Kind.FLOAT) for name in names if live]
            columns += [Column(f"{timeframe}.completed.{name}", Kind.FLOAT) for name in names if completed]
        return cls(
            feed=feed,
            config=config,
            on_rank=-1 if on == ON_TICKS else kept.index(on),
            live=live,
            completed=completed,
            widths=[len(names) for names in named],
            columns=columns,
        )

    def pages(self) -> Iterator[_Page]:
        """Yield the rows, a page at a time, reading the source on demand."""
        # An odd number: columns 4 KiB apart would collide in the cache.
        return self._pages(max(ROWS_MIN, min(ROWS_MAX, PAGE_CELLS // len(self.columns))) | 1)

    def preview(self, rows: int) -> Iterator[_Page]:
        """Yield the first *rows*, or none if the source can only be read once."""
        return iter(()) if self.feed.once else itertools.islice(self._pages(rows), 1)

    def _pages(self, room: int) -> Iterator[_Page]:
        kernel = self.feed.begin(self.config)
        rows = StateRows(kernel.schema, kernel.joiner, list(self.widths), room, self.on_rank, self.live, self.completed)
        names: list[str] = []
        for block in self.feed.blocks():
            frame = kernel.apply(kernel.gate.judge(block), self.on_rank < 0, self.on_rank)
            for page in rows.write(frame):
                yield _Page(page, _grown(names, kernel.gate.instruments))
        last = rows.last()
        if last.count:
            yield _Page(last, _grown(names, kernel.gate.instruments))

    def batch_of(self, page: _Page) -> Batch:
        """Return a page as columns."""
        rows = page.rows
        count, room = int(rows.count), int(rows.room)
        floats, wholes, missing = memoryview(rows.floats), memoryview(rows.wholes), list(rows.missing)
        found: list[Any] = [
            Coded(memoryview(rows.codes)[:count], page.symbols),
            memoryview(rows.seqs)[:count],
            memoryview(rows.times)[:count],
        ]

        def floats_of(column: int) -> Any:
            gone = missing[column]
            run = floats[column * room : column * room + count]
            return None if gone == count else Gappy(run) if gone else run

        def wholes_of(whole: int, gone: int) -> Any:
            if gone == count:
                return None
            run = wholes[whole * room : whole * room + count]
            return [None if value == NEVER_NS else value for value in run] if gone else run

        column = whole = 0
        for width in self.widths:
            for _ in ("partial", "bar"):
                start, end, ticks = (wholes_of(k, missing[column]) for k in range(whole, whole + BAR_WHOLES))
                prices = map(floats_of, range(column, column + BAR_FLOATS))
                found += [start, end, *prices, ticks]
                column += BAR_FLOATS
                whole += BAR_WHOLES
            values = width * (self.live + self.completed)
            found += map(floats_of, range(column, column + values))
            column += values
        return Batch(count, found)

    def values_of(self, page: _Page) -> Iterable[dict[str, Any]]:
        """Return a page's rows as plain values by name."""
        return dicts_of(self.columns, self.batch_of(page))


def _grown(names: list[str], instruments: Sequence[Any]) -> list[str]:
    """Return *names*, by number, extended to all *instruments*."""
    names += [instrument.name for instrument in instruments[len(names) :]]
    return list(names)
