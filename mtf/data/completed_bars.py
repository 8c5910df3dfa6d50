"""Completed bars: those that are stored, then those that the log has closed since, as rows of the history.

A query is fixed, as of one event, when it is made: whoever reads it twice reads the same. Stored bars are read in short
transactions, the others come of the log, played from the newest checkpoint that is not past what is stored.
"""

from __future__ import annotations

import datetime
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from mtf.bars.bar import Bar
from mtf.calendars.day import Gap
from mtf.config import Config
from mtf.data.batches import Batch, Coded, Column, Kind
from mtf.data.longer import Longer
from mtf.storage.history.schema import COLUMNS, bar_row
from mtf.storage.restore import bars_between
from mtf.storage.storage import Storage
from mtf.timeframe import Timeframe
from mtf.units import EPOCH_ORDINAL

__all__ = ["BARS", "BarQuery", "Row", "Series", "bar_of"]

PAGE_ROWS: Final = 4_096
FLAGS: Final = ("first", "incomplete", "day_incomplete", "off_session", "from_bars")
GAP: Final = "gap"

BARS: Final = (
    Column("symbol", Kind.WORD),
    Column("timeframe", Kind.WORD),
    Column("start", Kind.TIME),
    Column("end", Kind.TIME),
    Column("open", Kind.FLOAT),
    Column("high", Kind.FLOAT),
    Column("low", Kind.FLOAT),
    Column("close", Kind.FLOAT),
    Column("volume", Kind.FLOAT),
    Column("ticks", Kind.WHOLE),
    Column("trading_day", Kind.DATE),
    Column("flags", Kind.WORD),
    Column("seq", Kind.WHOLE),
)

Row = tuple[Any, ...]  # of the history's `COLUMNS`

_AT: Final = {name: k for k, name in enumerate(COLUMNS)}
START: Final = _AT["start_ns"]
SEQ: Final = _AT["seq"]
FIRST_FLAG: Final = _AT["first"]
FIRST_GAP: Final = _AT["gap_closed_ns"]


@attrs.frozen
class Series:
    """Bars of one symbol and timeframe, and the timeframe that was run of which they are made: itself, or a shorter."""

    symbol: str
    timeframe: Timeframe
    base: Timeframe


@attrs.frozen(kw_only=True)
class BarQuery:
    """The bars of *series* that start in `[start_ns, end_ns)`, or the *last* so many of them; as of *last_seq*."""

    storage: Storage
    config: Config
    series: Sequence[Series]
    start_ns: int | None
    end_ns: int | None
    last: int | None
    stored_seq: int  # bars that events up to it closed are read from the history, those after it from the log
    last_seq: int
    # By symbol and timeframe that was run, from which start on bars were not known then; None: all up to `last_seq`.
    before_ns: Mapping[tuple[str, str], int] | None = None

    def pages(self) -> Iterator[list[Row]]:
        """Yield the rows by series, oldest first, a page at a time."""
        recent = None
        if len(self.series) > 1 and self.stored_seq < self.last_seq:
            recent = self._recent({(each.symbol, each.base.name) for each in self.series})
        for each in self.series:
            key = (each.symbol, each.base.name)
            since = None if recent is None else recent[key]
            if each.base == each.timeframe:
                yield from self._stored_and_since(key, self.start_ns, self.end_ns, self.last, since)
            else:
                yield from _paged(self._longer(each, since))

    def batch_of(self, page: list[Row]) -> Batch:
        """Return a page as columns of `BARS`."""
        columns = list(zip(*page, strict=True))
        symbols = list(dict.fromkeys(each.symbol for each in self.series))
        timeframes = list(dict.fromkeys(each.timeframe.name for each in self.series))
        return Batch(
            len(page),
            (
                _coded(columns[0], symbols),
                _coded(columns[1], timeframes),
                array("q", columns[START]),
                array("q", columns[START + 1]),
                *(array("d", column) for column in columns[START + 2 : START + 7]),
                array("q", columns[_AT["ticks"]]),
                _days(columns[_AT["trading_day"]]),
                _flags(columns),
                array("q", columns[SEQ]),
            ),
        )

    def values_of(self, page: list[Row]) -> Iterator[Bar]:
        """Yield a page's bars one by one."""
        timeframes = {each.timeframe.name: each.timeframe for each in self.series}
        return (bar_of(row, timeframes[row[1]]) for row in page)

    def _stored_and_since(
        self,
        key: tuple[str, str],
        start_ns: int | None,
        end_ns: int | None,
        last: int | None,
        since: list[Row] | None,
    ) -> Iterator[list[Row]]:
        """Yield the rows of a timeframe that was run; *since* are those after `stored_seq`, if they are known."""
        if self.before_ns is not None:
            before_ns = self.before_ns[key]
            end_ns = before_ns if end_ns is None else min(end_ns, before_ns)
        newer = self._since(key) if since is None else iter(since)
        newer = (
            row
            for row in newer
            if (start_ns is None or row[START] >= start_ns) and (end_ns is None or row[START] < end_ns)
        )
        if last is not None:
            newest = deque(newer, last)
            last -= len(newest)
            newer = iter(newest)
        stored = self.storage.stored_bars() if last != 0 and self.stored_seq else None
        if stored is not None:
            yield from stored.pages(*key, start_ns, end_ns, last=last, last_seq=min(self.stored_seq, self.last_seq))
        yield from _paged(newer)

    def _longer(self, series: Series, since: list[Row] | None) -> Iterator[Row]:
        """Return the rows of a timeframe that was not run."""
        longer = Longer(series.timeframe, self.config.calendars.calendar_of(series.symbol), self.config.anchor_ns)
        key = (series.symbol, series.base.name)

        def base(start_ns: int | None, end_ns: int | None, last: int | None) -> Iterator[Row]:
            for page in self._stored_and_since(key, start_ns, end_ns, last, since):
                yield from page

        if self.last is not None:
            return iter(longer.last(base, self.start_ns, self.end_ns, self.last, series.base))
        return longer.between(base, self.start_ns, self.end_ns)

    def _since(self, key: tuple[str, str]) -> Iterator[Row]:
        symbol, timeframe = key
        for bar, seq in bars_between(self.storage, self.stored_seq, self.last_seq):
            if bar.symbol == symbol and bar.timeframe.name == timeframe:
                yield bar_row(bar, seq)

    def _recent(self, keys: set[tuple[str, str]]) -> dict[tuple[str, str], list[Row]]:
        """Return the rows that are not stored, of all *keys*: the log is played once for them."""
        found: dict[tuple[str, str], list[Row]] = {key: [] for key in keys}
        for bar, seq in bars_between(self.storage, self.stored_seq, self.last_seq):
            rows = found.get((bar.symbol, bar.timeframe.name))
            if rows is not None:
                rows.append(bar_row(bar, seq))
        return found


def bar_of(row: Row, timeframe: Timeframe) -> Bar:
    """Return a row as a bar."""
    symbol, _, start_ns, end_ns, open, high, low, close, volume, ticks, day, *flags, _ = row
    first, incomplete, day_incomplete, off_session, from_bars, *gap = flags
    return Bar(
        symbol=symbol,
        timeframe=timeframe,
        start_ns=start_ns,
        end_ns=end_ns,
        open=open,
        high=high,
        low=low,
        close=close,
        volume=volume,
        ticks=ticks,
        trading_day=datetime.date.fromisoformat(day) if day else None,
        first=bool(first),
        incomplete=bool(incomplete),
        day_incomplete=bool(day_incomplete),
        off_session=bool(off_session),
        from_bars=bool(from_bars),
        gap=Gap(closed_ns=gap[0], holiday_ns=gap[1], break_ns=gap[2], silence_ns=gap[3]) if any(gap) else None,
    )


def _paged(rows: Iterable[Row]) -> Iterator[list[Row]]:
    page: list[Row] = []
    for row in rows:
        page.append(row)
        if len(page) == PAGE_ROWS:
            yield page
            page = []
    if page:
        yield page


def _coded(values: Sequence[str], words: Sequence[str]) -> Coded:
    if values[0] == values[-1] and (len(words) == 1 or len(set(values)) == 1):
        return Coded(array("i", [words.index(values[0])]) * len(values), words)
    place = {word: k for k, word in enumerate(words)}
    return Coded(array("i", [place[value] for value in values]), words)


def _days(texts: Sequence[str]) -> Any:
    """Return ISO dates as days since 1970, "" as None."""
    days = {
        text: datetime.date.fromisoformat(text).toordinal() - EPOCH_ORDINAL if text else None for text in set(texts)
    }
    found = [days[text] for text in texts]
    return found if None in days.values() else array("i", found)


def _flags(columns: Sequence[Sequence[Any]]) -> Coded:
    """Return the flags as words, which stand in their order and apart: `first incomplete`."""
    codes = [0] * len(columns[0])
    for bit in range(len(FLAGS)):
        column = columns[FIRST_FLAG + bit]
        if any(column):
            codes = [code | (flag and 1 << bit) for code, flag in zip(codes, column, strict=True)]
    for column in columns[FIRST_GAP:SEQ]:
        if any(column):
            codes = [code | (gap > 0 and 1 << len(FLAGS)) for code, gap in zip(codes, column, strict=True)]
    return Coded(array("i", codes), _WORDS)


_WORDS: Final = [
    " ".join(word for bit, word in enumerate((*FLAGS, GAP)) if code >> bit & 1) for code in range(1 << len(FLAGS) + 1)
]
