"""Reading the history: completed bars with their values, and rejects, each pack checked before it is handed out.

An ordinary consumer (`mtf.storage.history.writer`) writes them, never a row per tick, with its position in the same
transaction. A read is one transaction, and CorruptHistory if its sums do not match.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from mtf.errors import CorruptHistory
from mtf.storage.history import former
from mtf.storage.history.access import check_history_files, read_history
from mtf.storage.history.contents import Contents, Known, fetched, read_contents, read_stored
from mtf.storage.history.packs import SEQ, START, BarPage, spans_of
from mtf.storage.history.rejected import Rejects, fetched_rejects
from mtf.storage.history.schema import AFRESH, FORMER_VERSION, Row
from mtf.timeframe import Timeframe
from mtf.units import TS_MAX_NS, TS_MIN_NS
from mtf.zones import is_zones

__all__ = ["HistoryStore", "Stored"]

PROBLEMS_MAX: Final = 20
PAGE_ROWS: Final = 4_096  # bars read in the first transaction; four times as many in each further one,
PAGE_ROWS_MAX: Final = 65_536  # up to this many
SEQ_MAX: Final = (1 << 63) - 1  # no limit


class Stored(NamedTuple):
    """The metadata of a history."""

    seq: int  # the newest event whose bars are stored; 0 if none
    zones: (
        dict[str, Any] | None
    )  # fingerprint of the time zones that its bars were made with (`mtf.zones`); None without bars
    rejects_after: int  # rejected events after it, up to `seq`, are stored
    pruned_ns: int  # bars that start before it were removed on request


class HistoryStore:
    """Reads the history of a data directory; opens nothing for writing, and can be used while a pipeline writes.

    *versions* are those of the installed indicators' formulas: values given by other versions are not returned.
    """

    def __init__(self, path: Path, versions: dict[str, int] | None = None) -> None:
        self.path: Final = path
        self._versions: Final = versions
        self._known: Known | None = None  # what was read before and need not be read again
        check_history_files(path)

    def stored(self) -> Stored:
        """Return the metadata; CorruptHistory if a sum other than those of packs is wrong."""

        def read(connection: sqlite3.Connection) -> Stored:
            found = self._contents(connection)
            if found is None:
                _, seq, zones = former.read_series(self.path, connection)
                return Stored(seq, _zones(zones), seq, former.FIRST)
            return Stored(found.seq, _zones(found.zones), found.rejects_after, found.pruned_ns)

        return read_history(self.path, read)

    def position(self) -> int:
        """Return the newest event whose bars are stored; 0 if there is none."""

        def read(connection: sqlite3.Connection) -> int:
            found = read_stored(self.path, connection)
            if found.version == FORMER_VERSION:
                return former.read_series(self.path, connection)[1]
            return found.position.seq

        return read_history(self.path, read)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many bars are stored, by symbol and timeframe."""

        def read(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
            found = self._contents(connection)
            if found is None:
                return former.counts(self.path, connection)
            counted: Counter[int] = Counter()
            for run in found.runs:
                for number, entry in zip(run.packs, run.entries, strict=True):
                    if entry.first_series == entry.last_series:
                        counted[entry.first_series] += entry.bars
                    else:
                        for series, first, stop in spans_of(fetched(self.path, connection, found.layouts, number, run)):
                            counted[series] += stop - first
            names = {number: key for key, number in found.series.items()}
            return {names[number]: bars for number, bars in counted.items()}

        return read_history(self.path, read)

    def valued(self) -> list[tuple[int, int]]:
        """Return the spans of events `(after, last]` whose bars are stored with their values."""

        def read(connection: sqlite3.Connection) -> list[tuple[int, int]]:
            found = self._contents(connection)
            spans: list[tuple[int, int]] = []
            before_seq = 0
            for run in () if found is None else found.runs:
                layout = found.layouts[run.layout] if found is not None else None
                if layout is not None and layout.width and self._versions in (None, layout.versions):
                    if spans and spans[-1][1] == before_seq:
                        spans[-1] = (spans[-1][0], run.last_seq)
                    else:
                        spans.append((before_seq, run.last_seq))
                before_seq = run.last_seq
            return spans

        return read_history(self.path, read)

    def pages(
        self,
        symbol: str,
        timeframe: str,
        start_ns: int | None = None,
        end_ns: int | None = None,
        *,
        last: int | None = None,
        last_seq: int | None = None,
    ) -> Iterator[BarPage | list[Row]]:
        """Yield the completed bars that start in `[start_ns, end_ns)`, oldest first, a page at a time.

        Bars closed by events after *last_seq* are excluded; with *last*, 1 or more, only that many, the newest ones.
        Pages are read in short transactions, so that a slow reader blocks nobody; what is stored meanwhile does not
        change the answer. CorruptHistory if a pack was altered, before it is yielded, or is missing. A symbol or
        timeframe that is not stored has no bars. A history of the former version gives lists of rows, the present one
        pages that also have columns and values.
        """
        asked = _Asked(
            symbol,
            timeframe,
            TS_MIN_NS if start_ns is None else start_ns,
            TS_MAX_NS + 1 if end_ns is None else end_ns,
            SEQ_MAX if last_seq is None else last_seq,
        )
        page_rows = PAGE_ROWS
        pruned_ns: int | None = None
        more = True

        def read(connection: sqlite3.Connection) -> tuple[Contents, _Asked, list[BarPage], bool] | None:
            found = self._contents(connection)
            if found is None:
                return None
            if found.seq < asked.last_seq != SEQ_MAX:
                raise CorruptHistory(f"{self.path}: it was replaced while it was being read: read it again")
            if pruned_ns is not None and pruned_ns != found.pruned_ns > asked.start_ns:
                raise CorruptHistory(f"{self.path}: bars were pruned while they were being read: read them again")
            fixed = asked._replace(last_seq=min(asked.last_seq, found.seq))
            if last is None:
                return found, fixed, *self._forward(connection, found, fixed, page_rows)
            return found, *self._newest(connection, found, fixed, last)

        while more:
            answer = read_history(self.path, read)
            if answer is None:
                yield from former.FormerStore(self.path).pages(
                    symbol, timeframe, start_ns, end_ns, last=last, last_seq=last_seq
                )
                return
            found, asked, pages, more = answer
            pruned_ns, last = found.pruned_ns, None
            for page in pages:
                yield page
                asked = asked.after(page)
            page_rows = min(4 * page_rows, PAGE_ROWS_MAX)

    def rejects(self, last_seq: int, start_ns: int = TS_MIN_NS, end_ns: int = TS_MAX_NS + 1) -> Iterator[Rejects]:
        """Yield the stored rejected events up to *last_seq* in order, a row of the table at a time.

        Rows without an event stamped in `[start_ns, end_ns)` are left out.
        """
        after_seq = -1
        more = True

        def read(connection: sqlite3.Connection) -> tuple[int, Rejects] | None:
            found = self._contents(connection)
            if found is None:
                return None
            for row in found.rejects:
                if row.last_seq > after_seq and row.first_ns < end_ns and row.last_ns >= start_ns:
                    return row.last_seq, fetched_rejects(self.path, connection, row)
            return None

        while more:
            answer = read_history(self.path, read)
            if answer is None:
                return
            before_seq, (after_seq, page) = after_seq, answer
            more = after_seq < last_seq
            wanted = [k for k, seq in enumerate(page.seqs) if before_seq < seq <= last_seq]
            if wanted:
                yield page.chosen(wanted)

    def damage(self) -> list[str]:
        """Read everything, and return the problems found."""
        return read_history(self.path, self._damage)

    def _contents(self, connection: sqlite3.Connection) -> Contents | None:
        """Return the contents; None if it is a history of the former version."""
        found, self._known = read_contents(self.path, connection, self._known)
        return found

    def _forward(
        self, connection: sqlite3.Connection, found: Contents, asked: _Asked, rows_max: int
    ) -> tuple[list[BarPage], bool]:
        """Return the first bars of the *asked* ones, and whether there may be more."""
        pages: list[BarPage] = []
        rows = 0
        passed = asked.passed
        series = found.series.get((asked.symbol, asked.timeframe))
        if series is None:
            return [], False
        for run in found.runs:
            for number, entry in run.with_series(series):
                if entry.last_ns < asked.start_ns or entry.first_ns >= asked.end_ns:
                    continue
                if rows >= rows_max:
                    return pages, True
                page = self._page(connection, found, number, run.last_seq, series, asked)
                if page is not None and passed:
                    known = min(passed, len(page))
                    page = page.without(known) if known < len(page) else None
                    passed -= known
                if page is not None:
                    pages.append(page)
                    rows += len(page)
            if run.last_seq >= asked.last_seq:
                break
        return pages, False

    def _newest(
        self, connection: sqlite3.Connection, found: Contents, asked: _Asked, last: int
    ) -> tuple[_Asked, list[BarPage], bool]:
        """Return the newest *last* bars of the *asked* ones; if they are many, only where they begin."""
        pages: list[BarPage] = []
        rows = 0
        series = found.series.get((asked.symbol, asked.timeframe))
        if series is None:
            return asked, [], False
        for run in reversed(found.runs):
            for number, entry in reversed(list(run.with_series(series))):
                if entry.last_ns < asked.start_ns or entry.first_ns >= asked.end_ns:
                    continue
                page = self._page(connection, found, number, run.last_seq, series, asked)
                if page is None:
                    continue
                rows += len(page)
                if rows >= last:
                    page = page.without(rows - last)
                    if rows > PAGE_ROWS_MAX:
                        return self._from(connection, found, asked, page), [], True
                    return asked, [page, *reversed(pages)], False
                if rows > PAGE_ROWS_MAX:
                    pages.clear()
                else:
                    pages.append(page)
        return (asked, [], True) if rows > PAGE_ROWS_MAX else (asked, pages[::-1], False)

    def _from(self, connection: sqlite3.Connection, found: Contents, asked: _Asked, page: BarPage) -> _Asked:
        """Return what is asked for from the first bar of *page* on, of those that start with it too."""
        start_ns = page.whole(START)[0]
        fellows = asked._replace(start_ns=start_ns, end_ns=start_ns + 1)
        before = 0
        for each in () if asked.timed else self._forward(connection, found, fellows, SEQ_MAX)[0]:
            if each.pack.data == page.pack.data:
                before += page.first - each.first
                break
            before += len(each)
        return asked._replace(start_ns=start_ns, passed=before)

    def _page(
        self, connection: sqlite3.Connection, found: Contents, number: int, run_seq: int, series: int, asked: _Asked
    ) -> BarPage | None:
        run = found.run_at(run_seq)
        pack = fetched(self.path, connection, found.layouts, number, run)
        first, stop = pack.rows_of(series)
        starts = pack.whole(START)
        first = bisect_left(starts, asked.start_ns, first, stop)
        stop = bisect_left(starts, asked.end_ns, first, stop)
        if run.last_seq > asked.last_seq:
            stop = bisect_right(pack.whole(SEQ), asked.last_seq, first, stop)
        if first == stop:
            return None
        outputs = found.layouts[run.layout].outputs_of(asked.timeframe, self._versions)
        return BarPage(asked.symbol, asked.timeframe, pack, first, stop, outputs)

    def _damage(self, connection: sqlite3.Connection) -> list[str]:
        found = self._contents(connection)
        if found is None:
            return former.damage(self.path, connection)
        problems = [
            str(answer) for (answer,) in connection.execute(f"PRAGMA integrity_check({PROBLEMS_MAX})") if answer != "ok"
        ]
        names = {number: key for key, number in found.series.items()}
        newest: dict[int, tuple[int, int]] = {}
        for run in found.runs:
            for number in run.packs:
                try:
                    pack = fetched(self.path, connection, found.layouts, number, run)
                except CorruptHistory as error:
                    problems.append(str(error))
                    continue
                starts, seqs = pack.whole(START), pack.whole(SEQ)
                for series, first, stop in spans_of(pack):
                    symbol, timeframe = names.get(series, ("?", "1s"))
                    timed = Timeframe(timeframe).timed
                    for k in range(first, stop):
                        at = (starts[k], seqs[k])
                        before = newest.get(series, at[:0])
                        if at < before or (timed and at == before) or seqs[k] > run.last_seq:
                            problems.append(
                                f"{self.path}: {timeframe} bars of {symbol}: the bar at {starts[k]} is out of order"
                            )
                        newest[series] = at
                if len(problems) >= PROBLEMS_MAX:
                    return problems[:PROBLEMS_MAX]
        for row in found.rejects:
            try:
                fetched_rejects(self.path, connection, row)
            except CorruptHistory as error:
                problems.append(str(error))
        (packs,) = connection.execute("SELECT count(*) FROM packs").fetchone()
        if packs != sum(len(run.entries) for run in found.runs):
            problems.append(f"{self.path}: has packs that belong to no run; {AFRESH}")
        return problems[:PROBLEMS_MAX]


class _Asked(NamedTuple):
    """Which bars of a series are wanted."""

    symbol: str
    timeframe: str
    start_ns: int
    end_ns: int
    last_seq: int
    passed: int = 0  # of the bars that start at `start_ns`, the first ones that are not: bars of activity share starts

    @property
    def timed(self) -> bool:
        """Whether no two bars have one start."""
        return Timeframe(self.timeframe).timed

    def after(self, page: BarPage) -> _Asked:
        """Return what is left after *page*."""
        starts = page.whole(START)
        last_ns = starts[-1]
        if self.timed:
            return self._replace(start_ns=last_ns + 1)
        fellows = len(starts) - bisect_left(starts, last_ns)
        if fellows == len(starts) and last_ns == self.start_ns:
            fellows += self.passed
        return self._replace(start_ns=last_ns, passed=fellows)


def _zones(text: Any) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError):
        return None
    return found if is_zones(found) else None
