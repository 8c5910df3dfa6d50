"""Reading the history: completed bars in SQLite, each checked before it is returned.

Bars are written by an ordinary consumer (`mtf.storage.history.writer`), never a row per tick, and its position is in
the same transaction as its rows. A read is one transaction, and its sums must match; otherwise it is CorruptHistory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import orjson

from mtf.errors import CorruptHistory, DataDirError
from mtf.log import check_plain
from mtf.storage.history.pair import READ_MARK, has_foreign_log
from mtf.storage.history.schema import AFRESH, COLUMNS, FIND_SCHEMA, VERSION, check_schema
from mtf.storage.history.sums import FIRST, TRADING_DAY, linked_sums, position_sum, series_sum
from mtf.units import TS_MAX_NS
from mtf.zones import is_zones

__all__ = ["HistoryStore", "Series", "Stored", "is_damage"]

BESIDE: Final = ("-wal", "-shm", "-journal")  # SQLite's own files beside a database
PROBLEMS_MAX: Final = 20
PAGE_ROWS: Final = 1_024  # bars that are read in the first transaction; in each further one four times as many,
PAGE_ROWS_MAX: Final = 16_384  # up to so many
SEQ_MAX: Final = (1 << 63) - 1  # no limit
# As rows are read: the numbers first, as `linked_sums` takes them; symbol and timeframe are those asked for.
LINKED: Final = (*COLUMNS[2:TRADING_DAY], *COLUMNS[TRADING_DAY + 1 :], "before_ns", "sum", "trading_day")
START: Final = LINKED.index("start_ns")
SEQ: Final = LINKED.index("seq")
BEFORE: Final = LINKED.index("before_ns")
SUM: Final = LINKED.index("sum")
DAY: Final = TRADING_DAY - 2  # how many columns stand before the trading day
WHICH: Final = "FROM bars WHERE symbol = ? AND timeframe = ? AND start_ns >= ?"
SELECT_PAGE: Final = f"SELECT {', '.join(LINKED)} {WHICH} ORDER BY start_ns LIMIT ?"
SELECT_ALL: Final = f"SELECT symbol, timeframe, {', '.join(LINKED)} FROM bars ORDER BY symbol, timeframe, start_ns"
FIND_NEWEST: Final = f"SELECT start_ns {WHICH} AND start_ns < ? ORDER BY start_ns DESC LIMIT 1 OFFSET ?"
FIND_NEWEST_KNOWN: Final = FIND_NEWEST.replace("ORDER", "AND seq <= ? ORDER")  # reads the whole of each row
BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
PRIMARY: Final = 0xFF  # the part of an error code of SQLite that says what kind it is

Answer = TypeVar("Answer")

Series = dict[tuple[str, str], tuple[int, int]]  # how many bars, and the start of the last, by symbol and timeframe


class Stored(NamedTuple):
    """What the history records about itself."""

    seq: int  # the newest event whose bars are stored; 0: none
    zones: (
        dict[str, Any] | None
    )  # the instants that the time zones gave when its bars were made (`mtf.zones`); None: no bars
    series: Series
    sums: int  # of all series, by exclusive or
    mark: int  # of the write-ahead log that it was written through last (`mtf.storage.history.pair`)


class HistoryStore:
    """Reads the bars of a data directory; opens nothing for writing, and can be used while a pipeline writes."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        if not check_plain(path):
            raise DataDirError(f"{path}: there is no history here")
        for ending in BESIDE:
            check_plain(path.with_name(path.name + ending))

    def stored(self) -> Stored:
        """Return what the history records about itself; CorruptHistory if its sums do not match."""
        return self._read(lambda connection: read_stored(self.path, connection))

    def position(self) -> int:
        """Return the newest event whose bars are stored; 0 if there is none."""
        return self.stored().seq

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many bars are stored, by symbol and timeframe."""
        return {key: bars for key, (bars, _) in self.stored().series.items()}

    def pages(
        self,
        symbol: str,
        timeframe: str,
        start_ns: int | None = None,
        end_ns: int | None = None,
        *,
        last: int | None = None,
        last_seq: int | None = None,
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the completed bars that start in `[start_ns, end_ns)`, oldest first, as lists of rows of `COLUMNS`.

        There are none that events after *last_seq* closed; with *last*, 1 or more, only so many, the newest ones. Each
        page is read in a transaction of its own, so that a reader that takes its time is in nobody's way; what is
        stored meanwhile changes nothing of the answer. Each bar is checked before it is handed out, and after the last
        one that none is missing: CorruptHistory. A symbol or timeframe of which nothing is stored has no bars.
        """
        first_ns = next_ns = FIRST if start_ns is None else start_ns
        limit_seq = SEQ_MAX if last_seq is None else last_seq
        links = _Links(self.path, symbol, timeframe)
        page_rows = PAGE_ROWS
        until_ns = TS_MAX_NS if end_ns is None else end_ns

        def read(connection: sqlite3.Connection) -> tuple[Stored, int, int, list[tuple[Any, ...]]]:
            stored = read_stored(self.path, connection)
            if stored.seq < limit_seq != SEQ_MAX:
                raise CorruptHistory(f"{self.path}: it was replaced while it was being read; read it again")
            from_ns, at_ns = first_ns, next_ns
            if last is not None:
                asked = (symbol, timeframe, first_ns, until_ns)
                if stored.seq <= limit_seq:
                    found = connection.execute(FIND_NEWEST, (*asked, last - 1)).fetchone()
                else:
                    found = connection.execute(FIND_NEWEST_KNOWN, (*asked, limit_seq, last - 1)).fetchone()
                if found is not None:
                    from_ns = at_ns = found[0]
            rows = connection.execute(SELECT_PAGE, (symbol, timeframe, at_ns, page_rows)).fetchall()
            links.check(rows, from_ns)
            return stored, from_ns, at_ns, rows

        while True:
            stored, first_ns, next_ns, rows = self._read(read)
            links.passed(rows)
            last = None
            wanted = len(rows)
            while wanted and (rows[wanted - 1][SEQ] > limit_seq or rows[wanted - 1][START] >= until_ns):
                wanted -= 1  # the row after the last names it, so that none is missing
            if wanted:
                yield [(symbol, timeframe, *row[:DAY], row[-1], *row[DAY:BEFORE]) for row in rows[:wanted]]
            if wanted < len(rows):
                return
            if len(rows) < page_rows:
                links.end(stored.series.get((symbol, timeframe), (0, FIRST))[1], first_ns)
                return
            next_ns = rows[-1][START] + 1
            page_rows = min(4 * page_rows, PAGE_ROWS_MAX)

    def damage(self) -> list[str]:
        """Read everything, and return what is wrong."""
        return self._read(self._damage)

    def _damage(self, connection: sqlite3.Connection) -> list[str]:
        problems: list[str] = []
        series = read_stored(self.path, connection).series
        for (answer,) in connection.execute(f"PRAGMA integrity_check({PROBLEMS_MAX})"):
            if answer != "ok":
                problems.append(str(answer))
        found: dict[tuple[str, str], int] = {}
        links = _Links(self.path, "", "")
        for symbol, timeframe, *values in connection.execute(SELECT_ALL):
            key, row = (symbol, timeframe), tuple(values)
            if key not in found:
                found[key] = 0
                links = _Links(self.path, symbol, timeframe)
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
            problems.append(f"{self.path}: {there} {timeframe} bars of {symbol}, where {bars} were stored")
        return problems[:PROBLEMS_MAX]

    def _read(self, read: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Return what *read* finds in one transaction.

        A file without a write-ahead log is read as one that nobody writes. If a writer has begun meanwhile, what was
        found may be of both sides of its first transaction: it is read again.
        """
        wal = self.path.with_name(f"{self.path.name}-wal")
        while True:
            quiet = not wal.exists()
            try:
                with self._open(quiet) as connection:
                    found = read(connection)
            except CorruptHistory:
                if not quiet or not wal.exists():
                    raise
            else:
                if not quiet or not wal.exists():
                    return found

    @contextmanager
    def _open(self, quiet: bool) -> Iterator[sqlite3.Connection]:
        """Begin a transaction, and name what fails in it; *quiet* says that nobody writes."""
        if not quiet and has_foreign_log(self.path):
            raise CorruptHistory(f"{self.path}: the {self.path.name}-wal beside it is that of another copy; {AFRESH}")
        uri = f"{self.path.absolute().as_uri()}?mode=ro{'&immutable=1' if quiet else ''}"
        try:
            with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
                connection.execute("BEGIN")
                yield connection
        except sqlite3.Error as error:
            raise named(self.path, error) from error


class _Links:
    """Checks the rows of one symbol and timeframe as they are read in order."""

    def __init__(self, path: Path, symbol: str, timeframe: str) -> None:
        self._path: Final = path
        self._symbol: Final = symbol
        self._timeframe: Final = timeframe
        self._last_ns: int | None = None  # the start of the row before; None: none was read

    def check(self, rows: Sequence[tuple[Any, ...]], first_ns: int) -> None:
        """Check *rows*, which come next; the first one of all is the first that starts at or after *first_ns*."""
        last_ns = self._last_ns
        for row, found in zip(rows, linked_sums(rows, self._symbol, self._timeframe), strict=True):
            if found != row[SUM]:
                raise self._damage(f"a bar that was altered, at {str(row[START])[:30]}")
            before_ns = row[BEFORE]
            if before_ns != last_ns if last_ns is not None else before_ns != FIRST and before_ns >= first_ns:
                raise self._damage(f"a bar is missing before {row[START]}")
            last_ns = row[START]

    def passed(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Take *rows* for read: what comes next follows them."""
        if rows:
            self._last_ns = rows[-1][START]

    def end(self, last_ns: int, first_ns: int) -> None:
        """Check that the last row was the last there is, which starts at *last_ns*."""
        if self._last_ns != last_ns if self._last_ns is not None else last_ns != FIRST and last_ns >= first_ns:
            raise self._damage("bars are missing at the end")

    def _damage(self, what: str) -> CorruptHistory:
        return CorruptHistory(f"{self._path}: {self._timeframe} bars of {self._symbol}: {what}; {AFRESH}")


def read_stored(path: Path, connection: sqlite3.Connection) -> Stored:
    """Return what the database of *connection* records about itself; CorruptHistory if its sums do not match."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if 0 < version < VERSION:
        raise CorruptHistory(f"{path}: made by an earlier mtf; the next run on the directory rebuilds it from the log")
    if not check_schema(path, connection.execute(FIND_SCHEMA).fetchall()):
        return Stored(0, None, {}, 0, 0)
    if version != VERSION:
        raise CorruptHistory(
            f"{path}: written by a newer mtf, or damaged (version {version}, this mtf reads {VERSION}); {AFRESH}"
        )
    rows = connection.execute("SELECT symbol, timeframe, bars, last_ns FROM series").fetchall()
    positions = connection.execute("SELECT seq, zones, series, sum FROM position").fetchall()
    if len(positions) != 1:
        raise CorruptHistory(f"{path}: its position is missing; {AFRESH}")
    seq, zones, sums, total = positions[0]
    series_sums = 0
    for row in rows:
        series_sums ^= series_sum(*row)
    if total != position_sum(seq, zones, sums) or sums != series_sums or not isinstance(seq, int) or seq < 0:
        raise CorruptHistory(f"{path}: its position is {seq!r}, and does not match its sums; {AFRESH}")
    series = {(symbol, timeframe): (bars, last_ns) for symbol, timeframe, bars, last_ns in rows}
    (mark,) = connection.execute(READ_MARK).fetchone()
    return Stored(seq, _zones(zones), series, series_sums, mark)


def named(path: Path, error: sqlite3.Error) -> DataDirError:
    """Return what *error* means for the history at *path*: damage, or that it is not accessible now."""
    if is_damage(error):
        return CorruptHistory(f"{path}: the history cannot be read: {error}; {AFRESH}")
    if getattr(error, "sqlite_errorcode", 0) & PRIMARY in BUSY:
        return DataDirError(f"{path}: another program has the history locked ({error}): end it, or wait")
    return DataDirError(f"{path}: the history cannot be read now: {error}")


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether *error* means that the file is damaged, and not that it is inaccessible now."""
    if isinstance(error, sqlite3.OperationalError):  # locked, full, no more files, a failing disk; or no such table
        return getattr(error, "sqlite_errorcode", 0) & PRIMARY in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA)
    return True


def _zones(text: Any) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError):
        return None
    return found if is_zones(found) else None
