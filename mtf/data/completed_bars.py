"""Completed bars: the stored ones, then those closed in the log since, as rows of the history.

A query is fixed as of one event when it is made: reading it twice gives the same rows. Stored bars are read in short
transactions, the others come from the log, replayed from the newest checkpoint that is not after the stored bars.
"""

from __future__ import annotations

import datetime
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from mtf.bars.bar import Bar
from mtf.calendars.day import Gap
from mtf.config import Config
from mtf.data.batches import Batch, Coded, Column, Kind
from mtf.data.counted import Counted
from mtf.data.longer import Longer
from mtf.data.newest import Newest
from mtf.storage.history import packs
from mtf.storage.history.contents import outputs_of
from mtf.storage.history.gather import NO_DAY
from mtf.storage.history.packs import FLAGS, BarPage
from mtf.storage.history.schema import COLUMNS, Row, bar_row
from mtf.storage.history.store import HistoryStore
from mtf.storage.imported import NOTHING, Imported
from mtf.timeframe import Timeframe
from mtf.units import EPOCH_ORDINAL

__all__ = ["BARS", "BarQuery", "Row", "Series", "bar_of"]

PAGE_ROWS: Final = 4_096
PRICES: Final = (packs.OPEN, packs.HIGH, packs.LOW, packs.CLOSE, packs.VOLUME)
_NO_DAY: Final = array("i", [NO_DAY]).tobytes()
GAP: Final = "gap"
IMPORTED: Final = "imported"
IMPORTED_BIT: Final = 1 << len(FLAGS) + 1

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

Dated = tuple[Row, Sequence[float]]  # a row from the log, with its completed indicator values

_AT: Final = {name: k for k, name in enumerate(COLUMNS)}
START: Final = _AT["start_ns"]
END: Final = _AT["end_ns"]
SEQ: Final = _AT["seq"]
FIRST_FLAG: Final = _AT["first"]
FIRST_GAP: Final = _AT["gap_closed_ns"]


@attrs.frozen
class Series:
    """Bars of one symbol and timeframe, and the timeframe of the run they are made from: the same, or a shorter one."""

    symbol: str
    timeframe: Timeframe
    base: Timeframe


@attrs.frozen(kw_only=True)
class BarQuery:
    """The bars of *series* that start in `[start_ns, end_ns)`, or the *last* ones of them; as of *last_seq*."""

    newest: Newest
    store: HistoryStore | None  # None if nothing is stored yet
    config: Config
    series: Sequence[Series]
    start_ns: int | None
    end_ns: int | None
    last: int | None
    stored_seq: int  # bars closed by events up to this one are read from the history, later ones from the log
    last_seq: int
    # By symbol and timeframe of the run: bars closed by later events were not known then; None: all up to `last_seq`.
    known_seqs: Mapping[tuple[str, str], int] | None = None
    outputs: Sequence[str] = ()  # the names of the requested indicator values
    imported: Imported = NOTHING  # the imported part of the log, which its bars show

    def pages(self) -> Iterator[Page]:
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
                yield from _paged((row, ()) for row in self._longer(each, since))

    def columns(self) -> tuple[Column, ...]:
        """Return the columns: those of `BARS`, then one per value."""
        return (*BARS, *(Column(name, Kind.VALUE) for name in self.outputs))

    def batch_of(self, page: Page) -> Batch:
        """Return a page as columns."""
        symbols = list(dict.fromkeys(each.symbol for each in self.series))
        timeframes = list(dict.fromkeys(each.timeframe.name for each in self.series))
        if isinstance(page, BarPage):
            return self._packed(page, symbols, timeframes)
        columns = list(zip(*page, strict=True))
        values = [page.values(name) for name in self.outputs] if isinstance(page, _RowPage) else []
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
                self._flags(columns[0][0], columns[START], _codes(columns)),
                array("q", columns[SEQ]),
                *(values or [None] * len(self.outputs)),
            ),
        )

    def _packed(self, page: BarPage, symbols: Sequence[str], timeframes: Sequence[str]) -> Batch:
        rows = len(page)
        days = page.small(packs.DAY)
        return Batch(
            rows,
            (
                Coded(array("i", [symbols.index(page.symbol)]) * rows, symbols),
                Coded(array("i", [timeframes.index(page.timeframe)]) * rows, timeframes),
                page.whole(packs.START),
                page.whole(packs.END),
                *(page.floats(column) for column in PRICES),
                page.whole(packs.TICKS),
                [None if day == NO_DAY else day for day in days] if _NO_DAY in days.tobytes() else days,
                self._flags(page.symbol, page.whole(packs.START), page.small(packs.FLAG)),
                page.whole(packs.SEQ),
                *(page.values(name) for name in self.outputs),
            ),
        )

    def _flags(self, symbol: str, starts: Sequence[int], codes: Any) -> Coded:
        """Return the flags of bars of *symbol*, in order of their *starts*, as words; *codes* are those of each bar."""
        until_ns = self.imported.until_ns.get(symbol)
        if until_ns is not None and starts[0] < until_ns:
            codes = array("i", codes)
            for k in range(bisect_left(starts, until_ns)):
                codes[k] |= IMPORTED_BIT
        return Coded(codes, WORDS)

    def values_of(self, page: Page) -> Iterator[Bar]:
        """Yield a page's bars one by one."""
        timeframes = {each.timeframe.name: each.timeframe for each in self.series}
        return (bar_of(row, timeframes[row[1]]) for row in page)

    def _stored_and_since(
        self,
        key: tuple[str, str],
        start_ns: int | None,
        end_ns: int | None,
        last: int | None,
        since: list[Dated] | None,
    ) -> Iterator[Page]:
        """Yield the rows of a timeframe of the run; *since* are those after `stored_seq`, if known."""
        last_seq = self.last_seq if self.known_seqs is None else self.known_seqs[key]
        newer = self._since(key) if since is None else iter(since)
        newer = (
            each
            for each in newer
            if (start_ns is None or each[0][START] >= start_ns)
            and (end_ns is None or each[0][START] < end_ns)
            and each[0][SEQ] <= last_seq
        )
        if last is not None:
            newest = deque(newer, last)
            last -= len(newest)
            newer = iter(newest)
        if last != 0 and self.stored_seq and self.store is not None:
            yield from self.store.pages(*key, start_ns, end_ns, last=last, last_seq=min(self.stored_seq, last_seq))
        yield from _paged(newer, self._outputs().get(key[1], ()))

    def _longer(self, series: Series, since: list[Dated] | None) -> Iterator[Row]:
        """Return the rows of a timeframe that was not part of the run."""
        calendar = self.config.calendars.calendar_of(series.symbol)
        key = (series.symbol, series.base.name)

        def base(start_ns: int | None, end_ns: int | None, last: int | None) -> Iterator[Row]:
            for page in self._stored_and_since(key, start_ns, end_ns, last, since):
                yield from page

        if not series.timeframe.timed:
            counted = Counted(series.timeframe, series.base, calendar)
            if self.last is not None:
                return iter(counted.last(base, self.start_ns, self.end_ns, self.last))
            return counted.between(base, self.start_ns, self.end_ns)
        longer = Longer(series.timeframe, calendar, self.config.anchor_ns)
        if self.last is not None:
            return iter(longer.last(base, self.start_ns, self.end_ns, self.last, series.base))
        return longer.between(base, self.start_ns, self.end_ns)

    def _since(self, key: tuple[str, str]) -> Iterator[Dated]:
        symbol, timeframe = key
        for bar, seq, values in self._closed():
            if bar.symbol == symbol and bar.timeframe.name == timeframe:
                yield bar_row(bar, seq), values

    def _recent(self, keys: set[tuple[str, str]]) -> dict[tuple[str, str], list[Dated]]:
        """Return the rows of all *keys* that are not stored: the log is replayed once for them."""
        found: dict[tuple[str, str], list[Dated]] = {key: [] for key in keys}
        for bar, seq, values in self._closed():
            rows = found.get((bar.symbol, bar.timeframe.name))
            if rows is not None:
                rows.append((bar_row(bar, seq), values))
        return found

    def _closed(self) -> Iterator[tuple[Bar, int, list[float]]]:
        """Yield the bars that are not stored; indicators are computed if requested."""
        return iter(self.newest.closed_between(self.stored_seq, self.last_seq, bars_only=not self.outputs))

    def _outputs(self) -> Mapping[str, Sequence[str]]:
        """Return the names of the values of bars from the log, by timeframe."""
        return outputs_of(self.config) if self.outputs else {}


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


class _RowPage:
    """Some rows from the log, with their values, which are named by *outputs*."""

    def __init__(self, found: Sequence[Dated], outputs: Sequence[str]) -> None:
        self._found: Final = found
        self._outputs: Final = outputs

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Row]:
        return (row for row, _ in self._found)

    def values(self, output: str) -> Any:
        """Return the values of an output; None if these bars do not have it."""
        if output not in self._outputs:
            return None
        column = self._outputs.index(output)
        return array("d", [values[column] for _, values in self._found])


Page = BarPage | _RowPage | list[Row]


def _paged(found: Iterable[Dated], outputs: Sequence[str] = ()) -> Iterator[Page]:
    page: list[Dated] = []
    for each in found:
        page.append(each)
        if len(page) == PAGE_ROWS:
            yield _RowPage(page, outputs)
            page = []
    if page:
        yield _RowPage(page, outputs)


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


def _codes(columns: Sequence[Sequence[Any]]) -> Any:
    """Return the flags of each row as a number, one bit per flag."""
    codes = [0] * len(columns[0])
    for bit in range(len(FLAGS)):
        column = columns[FIRST_FLAG + bit]
        if any(column):
            codes = [code | (flag and 1 << bit) for code, flag in zip(codes, column, strict=True)]
    for column in columns[FIRST_GAP:SEQ]:
        if any(column):
            codes = [code | (gap > 0 and 1 << len(FLAGS)) for code, gap in zip(codes, column, strict=True)]
    return array("i", codes)


_WORDS: Final = (*FLAGS, GAP, IMPORTED)
WORDS: Final = [  # by number: the words of the set flags, in order, such as `first incomplete`
    " ".join(word for bit, word in enumerate(_WORDS) if code >> bit & 1) for code in range(1 << len(_WORDS))
]
