"""Reading a history of the former version: one row of SQLite per bar, with a sum, and without indicator values.

Nothing writes it any more: a run converts it (`mtf.storage.history.conversion`), and readers read it as it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from mtf.errors import CorruptHistory
from mtf.storage.history.access import read_history
from mtf.storage.history.schema import AFRESH, COLUMNS, FORMER_VERSION, Row
from mtf.storage.history.sums import FIRST, TRADING_DAY, linked_sums, position_sum, series_sum
from mtf.units import TS_MAX_NS

__all__ = ["FIRST", "FormerStore", "counts", "damage", "former_rows", "read_series"]

PROBLEMS_MAX: Final = 20
PAGE_ROWS: Final = 1_024  # bars read in the first transaction; four times as many in each further one,
PAGE_ROWS_MAX: Final = 16_384  # up to this many
SEQ_MAX: Final = (1 << 63) - 1  # no limit
# The columns that are read, the numbers first, as `linked_sums` takes them; symbol and timeframe are known.
LINKED: Final = (*COLUMNS[2:TRADING_DAY], *COLUMNS[TRADING_DAY + 1 :], "before_ns", "sum", "trading_day")
START: Final = LINKED.index("start_ns")
SEQ: Final = LINKED.index("seq")
BEFORE: Final = LINKED.index("before_ns")
SUM: Final = LINKED.index("sum")
DAY: Final = TRADING_DAY - 2  # the number of columns before the trading day
WHICH: Final = "FROM bars WHERE symbol = ? AND timeframe = ? AND start_ns >= ?"
SELECT_PAGE: Final = f"SELECT {', '.join(LINKED)} {WHICH} ORDER BY start_ns LIMIT ?"
SELECT_SERIES: Final = f"SELECT {', '.join(LINKED)} {WHICH} ORDER BY start_ns"
SELECT_ALL: Final = f"SELECT symbol, timeframe, {', '.join(LINKED)} FROM bars ORDER BY symbol, timeframe, start_ns"
FIND_NEWEST: Final = f"SELECT start_ns {WHICH} AND start_ns < ? ORDER BY start_ns DESC LIMIT 1 OFFSET ?"
FIND_NEWEST_KNOWN: Final = FIND_NEWEST.replace("ORDER", "AND seq <= ? ORDER")  # reads the whole of each row
Series = dict[tuple[str, str], tuple[int, int]]  # how many bars, and the start of the last, by symbol and timeframe


class FormerStore:
    """Reads the bars of a history of the former version."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path

    def pages(
        self,
        symbol: str,
        timeframe: str,
        start_ns: int | None = None,
        end_ns: int | None = None,
        *,
        last: int | None = None,
        last_seq: int | None = None,
    ) -> Iterator[list[Row]]:
        """Yield the completed bars that start in `[start_ns, end_ns)`, oldest first, as lists of rows of `COLUMNS`.

        Bars closed by events after *last_seq* are excluded; with *last*, 1 or more, only that many, the newest ones.
        Each page is read in its own transaction, so that a slow reader blocks nobody; what is stored meanwhile does not
        change the answer. CorruptHistory if a bar was altered, before it is yielded, or, after the last one, if any is
        missing. A symbol or timeframe that is not stored has no bars.
        """
        first_ns = next_ns = FIRST if start_ns is None else start_ns
        limit_seq = SEQ_MAX if last_seq is None else last_seq
        links = _Links(self.path, symbol, timeframe)
        page_rows = PAGE_ROWS
        until_ns = TS_MAX_NS if end_ns is None else end_ns

        def read(connection: sqlite3.Connection) -> tuple[Series, int, int, list[tuple[Any, ...]]]:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version != FORMER_VERSION:
                raise CorruptHistory(f"{self.path}: a run converted it while it was being read: read it again")
            series, seq, _ = read_series(self.path, connection)
            if seq < limit_seq != SEQ_MAX:
                raise CorruptHistory(f"{self.path}: it was replaced while it was being read: read it again")
            from_ns, at_ns = first_ns, next_ns
            if last is not None:
                asked = (symbol, timeframe, first_ns, until_ns)
                if seq <= limit_seq:
                    found = connection.execute(FIND_NEWEST, (*asked, last - 1)).fetchone()
                else:
                    found = connection.execute(FIND_NEWEST_KNOWN, (*asked, limit_seq, last - 1)).fetchone()
                if found is not None:
                    from_ns = at_ns = found[0]
            rows = connection.execute(SELECT_PAGE, (symbol, timeframe, at_ns, page_rows)).fetchall()
            links.check(rows, from_ns)
            return series, from_ns, at_ns, rows

        while True:
            series, first_ns, next_ns, rows = read_history(self.path, read)
            links.passed(rows)
            last = None
            wanted = len(rows)
            while wanted and (rows[wanted - 1][SEQ] > limit_seq or rows[wanted - 1][START] >= until_ns):
                wanted -= 1  # the row after the last one names it, which shows that none is missing
            if wanted:
                yield [_row(symbol, timeframe, row) for row in rows[:wanted]]
            if wanted < len(rows):
                return
            if len(rows) < page_rows:
                links.end(series.get((symbol, timeframe), (0, FIRST))[1], first_ns)
                return
            next_ns = rows[-1][START] + 1
            page_rows = min(4 * page_rows, PAGE_ROWS_MAX)


class _Links:
    """Checks the rows of one symbol and timeframe as they are read in order."""

    def __init__(self, path: Path, symbol: str, timeframe: str) -> None:
        self._path: Final = path
        self._symbol: Final = symbol
        self._timeframe: Final = timeframe
        self._last_ns: int | None = None  # the start of the row before; None before the first

    def check(self, rows: Sequence[tuple[Any, ...]], first_ns: int) -> None:
        """Check the next *rows*; the very first must be the first that starts at or after *first_ns*."""
        last_ns = self._last_ns
        for row, found in zip(rows, linked_sums(rows, self._symbol, self._timeframe), strict=True):
            if found != row[SUM]:
                raise self._damage(f"a bar that was altered, at {str(row[START])[:30]}")
            before_ns = row[BEFORE]
            if before_ns != last_ns if last_ns is not None else before_ns != FIRST and before_ns >= first_ns:
                raise self._damage(f"a bar is missing before {row[START]}")
            last_ns = row[START]

    def passed(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Treat *rows* as read: the next ones follow them."""
        if rows:
            self._last_ns = rows[-1][START]

    def end(self, last_ns: int, first_ns: int) -> None:
        """Check that the last row that was read is the last one stored, which starts at *last_ns*."""
        if self._last_ns != last_ns if self._last_ns is not None else last_ns != FIRST and last_ns >= first_ns:
            raise self._damage("bars are missing at the end")

    def _damage(self, what: str) -> CorruptHistory:
        return CorruptHistory(f"{self._path}: {self._timeframe} bars of {self._symbol}: {what}; {AFRESH}")


def former_rows(path: Path, connection: sqlite3.Connection, symbol: str, timeframe: str) -> Iterator[list[Row]]:
    """Yield all bars of one symbol and timeframe in the transaction of *connection*, checked, some at a time."""
    links = _Links(path, symbol, timeframe)
    with closing(connection.execute(SELECT_SERIES, (symbol, timeframe, FIRST))) as cursor:
        while rows := cursor.fetchmany(PAGE_ROWS_MAX):
            links.check(rows, FIRST)
            links.passed(rows)
            yield [_row(symbol, timeframe, row) for row in rows]


def counts(path: Path, connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Return how many bars are stored, by symbol and timeframe."""
    return {key: bars for key, (bars, _) in read_series(path, connection)[0].items()}


def damage(path: Path, connection: sqlite3.Connection) -> list[str]:
    """Read everything, and return the problems found."""
    problems: list[str] = []
    series = read_series(path, connection)[0]
    for (answer,) in connection.execute(f"PRAGMA integrity_check({PROBLEMS_MAX})"):
        if answer != "ok":
            problems.append(str(answer))
    found: dict[tuple[str, str], int] = {}
    links = _Links(path, "", "")
    for symbol, timeframe, *values in connection.execute(SELECT_ALL):
        key, row = (symbol, timeframe), tuple(values)
        if key not in found:
            found[key] = 0
            links = _Links(path, symbol, timeframe)
        try:
            links.check([row], FIRST)
        except CorruptHistory as error:
            problems.append(str(error))
        links.passed([row])
        found[key] += 1
        if len(problems) >= PROBLEMS_MAX:
            return problems
    counts = {key: bars for key, (bars, _) in series.items()}
    for symbol, timeframe in sorted({key for key, _ in set(counts.items()) ^ set(found.items())}):
        bars, there = counts.get((symbol, timeframe), 0), found.get((symbol, timeframe), 0)
        problems.append(f"{path}: has {there} {timeframe} bars of {symbol}, but {bars} were stored")
    return problems[:PROBLEMS_MAX]


def read_series(path: Path, connection: sqlite3.Connection) -> tuple[Series, int, str]:
    """Return all series, and the position; CorruptHistory if their sums do not match."""
    rows = connection.execute("SELECT symbol, timeframe, bars, last_ns FROM series").fetchall()
    positions = connection.execute("SELECT seq, zones, series, sum FROM position").fetchall()
    if len(positions) != 1:
        raise CorruptHistory(f"{path}: its position is missing; {AFRESH}")
    seq, zones, sums, total = positions[0]
    series_sums = 0
    for row in rows:
        series_sums ^= series_sum(*row)
    if total != position_sum(seq, zones, sums) or sums != series_sums or not isinstance(seq, int) or seq < 0:
        raise CorruptHistory(f"{path}: its position, {seq!r}, does not match its sums; {AFRESH}")
    return {(symbol, timeframe): (bars, last_ns) for symbol, timeframe, bars, last_ns in rows}, seq, zones


def _row(symbol: str, timeframe: str, row: Sequence[Any]) -> Row:
    return (symbol, timeframe, *row[:DAY], row[-1], *row[DAY:BEFORE])
