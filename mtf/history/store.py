"""The history store: completed bars in SQLite, and how they are found again.

Owns the schema and the queries. Bars are written by an ordinary consumer (`mtf.history.writer`), never a row a tick,
and its position stands in the same transaction as its rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from mtf.bars.bar import Bar
from mtf.calendars.day import Gap
from mtf.errors import CorruptHistory, DataDirError, UnknownSymbol

__all__ = [
    "COLUMNS",
    "FIND_SCHEMA",
    "INSERT_BAR",
    "SCHEMA",
    "SET_POSITION",
    "HistoryStore",
    "bar_row",
    "check_schema",
    "read_only_uri",
]

VERSION: Final = 1
COLUMNS: Final = (
    "symbol",
    "timeframe",
    "start_ns",
    "end_ns",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "ticks",
    "trading_day",
    "first",
    "incomplete",
    "day_incomplete",
    "off_session",
    "gap_closed_ns",
    "gap_holiday_ns",
    "gap_break_ns",
    "gap_silence_ns",
    "seq",
)
TABLES: Final = {
    "bars": """CREATE TABLE bars (
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    open REAL NOT NULL,
    high REAL NOT NULL,
    low REAL NOT NULL,
    close REAL NOT NULL,
    volume REAL NOT NULL,
    ticks INTEGER NOT NULL,
    trading_day TEXT NOT NULL,
    first INTEGER NOT NULL,
    incomplete INTEGER NOT NULL,
    day_incomplete INTEGER NOT NULL,
    off_session INTEGER NOT NULL,
    gap_closed_ns INTEGER NOT NULL,
    gap_holiday_ns INTEGER NOT NULL,
    gap_break_ns INTEGER NOT NULL,
    gap_silence_ns INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (symbol, timeframe, start_ns)
) WITHOUT ROWID""",
    "position": "CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL)",
}
# In one transaction: a crash leaves all of it, or an empty database.
SCHEMA: Final = f"BEGIN; {'; '.join(TABLES.values())}; PRAGMA user_version = {VERSION}; COMMIT;"
AFRESH: Final = "move it away: the next start writes it anew from the log"
INSERT_BAR: Final = f"INSERT INTO bars ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
SET_POSITION: Final = "INSERT INTO position (one, seq) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq"


# SQLite reads a schema without acting on it. What stands in a trigger, a view or a default is run by the next query,
# so that nothing else is asked of a database before its schema is known to be this one.
FIND_SCHEMA: Final = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"


def check_schema(path: Path, found: Iterable[tuple[Any, ...]]) -> bool:
    """Return whether the tables are there; CorruptHistory where *found* has anything but them, or only some."""
    schema = {(kind, name): sql for kind, name, sql in found}
    if schema and schema != {("table", name): sql for name, sql in TABLES.items()}:
        names = ", ".join(sorted(str(name)[:80] for _, name in list(schema)[:10]))
        raise CorruptHistory(f"{path}: is no history of version {VERSION} (it has {names}); {AFRESH}")
    return bool(schema)


def bar_row(bar: Bar, seq: int) -> tuple[Any, ...]:
    """Return *bar*, revealed by the event *seq*, as a row of `COLUMNS`."""
    gap = bar.gap or _NO_GAP
    return (
        bar.symbol,
        bar.timeframe.name,
        bar.start_ns,
        bar.end_ns,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.volume,
        bar.ticks,
        "" if bar.trading_day is None else bar.trading_day.isoformat(),
        int(bar.first),
        int(bar.incomplete),
        int(bar.day_incomplete),
        int(bar.off_session),
        gap.closed_ns,
        gap.holiday_ns,
        gap.break_ns,
        gap.silence_ns,
        seq,
    )


def read_only_uri(path: Path) -> str:
    """Return how SQLite opens *path* to read it, and leaves nothing beside it.

    Without a write-ahead log nobody writes, and the file is taken as it is, also where the folder cannot be written.
    """
    quiet = not path.with_name(path.name + "-wal").exists()
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if quiet else ''}"


class HistoryStore:
    """Reads the bars of a data directory; opens nothing for writing, and can be used while a pipeline writes."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        if path.is_symlink() or not path.is_file():
            raise DataDirError(f"{path}: there is no history here")
        self._uri: Final = read_only_uri(path)

    def position(self) -> int:
        """Return the newest event whose bars are stored; 0 where there is none."""
        for (seq,) in self._rows("SELECT seq FROM position", ()):
            if not isinstance(seq, int) or seq < 0:
                raise CorruptHistory(f"{self.path}: its position is {seq!r}; {AFRESH}")
            return seq
        return 0

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many bars are stored, by symbol and timeframe."""
        return {
            (row[0], row[1]): int(row[2])
            for row in self._rows("SELECT symbol, timeframe, count(*) FROM bars GROUP BY 1, 2", ())
        }

    def bars(
        self, symbol: str, timeframe: str, start_ns: int | None = None, end_ns: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the completed bars that start in `[start_ns, end_ns)`, oldest first, as columns by name.

        UnknownSymbol where no bar of the symbol is stored at all.
        """
        if not any(True for _ in self._rows("SELECT 1 FROM bars WHERE symbol = ? LIMIT 1", (symbol,))):
            known = [row[0] for row in self._rows("SELECT DISTINCT symbol FROM bars ORDER BY symbol LIMIT 50", ())]
            raise UnknownSymbol(f"no bars of {symbol!r} are stored; there are {', '.join(known) or 'none'}")
        query = f"SELECT {', '.join(COLUMNS)} FROM bars WHERE symbol = ? AND timeframe = ?"
        values: list[Any] = [symbol, timeframe]
        if start_ns is not None:
            query += " AND start_ns >= ?"
            values.append(start_ns)
        if end_ns is not None:
            query += " AND start_ns < ?"
            values.append(end_ns)
        for row in self._rows(query + " ORDER BY start_ns", tuple(values)):
            yield dict(zip(COLUMNS, row, strict=True))

    def _rows(self, query: str, values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        try:
            with closing(sqlite3.connect(self._uri, uri=True)) as connection:
                if check_schema(self.path, connection.execute(FIND_SCHEMA).fetchall()):
                    yield from connection.execute(query, values)
        except sqlite3.Error as error:
            raise CorruptHistory(f"{self.path}: the history cannot be read: {error}; {AFRESH}") from error


_NO_GAP: Final = Gap()
